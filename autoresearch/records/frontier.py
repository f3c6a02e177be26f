"""The running best, the noise it stands in, and what happened when."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import computed_field

from autoresearch.records.base import Line, Name, Record, Text, Time
from autoresearch.records.experiment import Actor, State
from autoresearch.records.goal import Goal

__all__ = ["Attempt", "Event", "Frontier", "Match", "Noise", "Progress", "Step"]


class Noise(Record):
    """Standard deviation of the metric when nothing changes, in units of the metric.

    ``source`` is ``"goal"`` when it was given, ``"repeats"`` when pooled over repeated measurements of the same
    code; ``n`` is the number of measurements behind it (0 when given).
    """

    sd: float
    n: int
    source: Literal["goal", "repeats"]


class Step(Record):
    """One step of the frontier: an experiment that was better than all before it.

    ``gain`` is over the step before, positive when better; ``sigmas`` is that gain in units of the noise.
    """

    experiment_id: str
    number: int
    score: float
    gain: float | None
    sigmas: float | None
    note: Text
    commit: Line | None


class Frontier(Record):
    """The staircase of running bests in one segment, first step (the baseline) to last (the best)."""

    project: Name
    goal: Goal
    segment: int
    session_id: str | None
    steps: tuple[Step, ...]
    noise: Noise | None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def best(self) -> Step | None:
        """The last step."""
        return self.steps[-1] if self.steps else None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def baseline(self) -> Step | None:
        """The first step."""
        return self.steps[0] if self.steps else None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def reached(self) -> bool:
        """Whether the best meets the target."""
        if self.goal.target is None or not self.steps:
            return False
        score = self.steps[-1].score
        return score <= self.goal.target if self.goal.lower_is_better else score >= self.goal.target

    def _repr_svg_(self) -> str:
        from autoresearch.render.staircase import Point, svg

        points = [Point(s.number, s.score, "keep", s.note, step=True) for s in self.steps]
        return svg(
            points,
            metric=self.goal.metric,
            direction=self.goal.direction,
            target=self.goal.target,
            noise=self.noise.sd if self.noise else None,
        )

    def _repr_html_(self) -> str:
        from autoresearch.render.tables import html_table

        rows = [
            (f"#{s.number}", f"{s.score:g}", _signed(s.gain), _signed(s.sigmas), s.note) for s in self.steps
        ]
        picture = f"<div>{self._repr_svg_()}</div>" if self.steps else ""
        headers = ("experiment", self.goal.metric, "gain", "sigmas", "note")
        return picture + html_table(headers, rows, caption=f"Frontier of {self.project}")


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.4g}"


class Attempt(Record):
    """One experiment on the progress chart, with the best after it."""

    experiment_id: str
    number: int
    state: State
    score: float | None
    best: float | None
    on_frontier: bool
    note: Text


class Progress(Record):
    """Every experiment of a segment in order of number, and the running best."""

    project: Name
    goal: Goal
    segment: int
    session_id: str | None
    attempts: tuple[Attempt, ...]
    noise: Noise | None

    def _repr_svg_(self) -> str:
        from autoresearch.render.staircase import Point, svg

        verdicts: dict[State, Literal["keep", "drop", "crash", "recorded"]] = {
            "kept": "keep",
            "dropped": "drop",
            "crashed": "crash",
            "recorded": "recorded",
        }
        points = [
            Point(a.number, a.score, verdicts[a.state], a.note, step=a.on_frontier) for a in self.attempts
        ]
        return svg(
            points,
            metric=self.goal.metric,
            direction=self.goal.direction,
            target=self.goal.target,
            noise=self.noise.sd if self.noise else None,
        )


class Match(Record):
    """An experiment found by search or by likeness to a change.

    ``likeness`` is 1.0 for the same change and falls to 0.0; for a text search it is the rank's share of the best.
    """

    experiment_id: str
    number: int
    state: State
    score: float | None
    gain: float | None
    note: Text
    reason: Text
    likeness: float
    excerpt: Text


class Event(Record):
    """Something that changed: who, what, when, before and after. ``seq`` orders the whole ledger."""

    seq: int
    project: Name | None
    kind: Line
    subject: Line
    actor: Actor
    recorded_at: Time
    before: dict[str, Any] | None
    after: dict[str, Any] | None
