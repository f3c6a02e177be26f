"""What a project is trying to reach, and under which rules."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from autoresearch.records.base import (
    Count,
    Direction,
    Finite,
    Line,
    Name,
    Readable,
    Record,
    Request,
    Text,
    Time,
)

__all__ = [
    "Budget",
    "Constraint",
    "Goal",
    "GoalRequest",
    "Project",
    "ProjectRequest",
    "Segment",
    "SegmentRequest",
    "parse_constraint",
]

_Positive = Annotated[Finite, Field(ge=0)]


class Constraint(Request):
    """A bound on a secondary metric: an experiment that breaks it is not on the frontier."""

    metric: Line
    op: Literal["<=", ">="]
    bound: Finite

    def __str__(self) -> str:
        return f"{self.metric} {self.op} {self.bound:g}"


class Budget(Request):
    """What a project may spend; None means without limit. Seconds are wall-clock."""

    max_experiments: Count | None = None
    max_seconds: _Positive | None = None
    trial_seconds: _Positive | None = None


class GoalRequest(Request):
    """The goal of a project.

    Attributes:
        metric: Name of the objective.
        direction: ``"min"`` when lower is better, else ``"max"``.
        target: The score at which the goal is reached.
        min_delta: The least gain that advances the frontier, in units of the metric.
        constraints: Bounds on secondary metrics.
        noise: Known standard deviation of the metric under repetition, or None to measure it.
        budget: Limits on experiments and time.
        protected: Globs of paths a change must not touch (the grader, the data).
        description: What the goal means, in words.
    """

    metric: Line
    direction: Direction
    target: Finite | None = None
    min_delta: _Positive = 0.0
    constraints: Annotated[tuple[Constraint, ...], Field(max_length=50)] = ()
    noise: _Positive | None = None
    budget: Budget = Budget()
    protected: Annotated[tuple[Line, ...], Field(max_length=200)] = ()
    description: Text = ""

    @model_validator(mode="after")
    def _constraints_are_secondary(self) -> Self:
        if any(constraint.metric == self.metric for constraint in self.constraints):
            raise ValueError(f"a constraint bounds a secondary metric, and {self.metric!r} is the objective")
        return self

    @property
    def lower_is_better(self) -> bool:
        """Whether a smaller score is a better one."""
        return self.direction == "min"


class ProjectRequest(Request):
    """Make a project that has no goal yet."""

    project: Name


class SegmentRequest(Request):
    """Begin to compare anew; ``reason`` says why scores before and after are not compared."""

    project: Name
    reason: Line


class Goal(GoalRequest, Readable):
    """A goal as the ledger holds it: with its project, revision, and the segment it rules.

    A segment is a span in which scores may be compared; changing metric or direction opens a new one.
    """

    model_config = Record.model_config

    project: Name
    revision: int
    segment: int
    recorded_at: Time


class Segment(Record):
    """A span in which scores may be compared, with the sums of the experiments recorded in it.

    Attributes:
        goal: The goal that rules it; None while the project has none.
        reason: Why it was opened; empty for the first.
        recorded: Experiments in all, those that wait for a verdict included.
        seconds: What the experiments took, as far as their verdicts tell.
    """

    project: Name
    number: int
    goal: Goal | None
    reason: Text
    recorded: int
    kept: int
    dropped: int
    crashed: int
    seconds: float
    recorded_at: Time


class Project(Record):
    """A project: its goal, if one is set, and where it stands."""

    name: Name
    goal: Goal | None = None
    segment: int = 0
    active_session: str | None = None
    experiments: int = 0
    sessions: int = 0
    created_at: Time


def parse_constraint(text: str) -> Constraint:
    """Read ``"memory_gb <= 24"``.

    Raises:
        Invalid: The text is not a metric, ``<=`` or ``>=``, and a number.
    """
    from autoresearch.errors import Invalid

    for op in ("<=", ">="):
        metric, found, bound = text.partition(op)
        if found:
            try:
                return Constraint.make(metric=metric.strip(), op=op, bound=float(bound))
            except ValueError:
                break
    raise Invalid(
        f"The constraint {text!r} was not understood.",
        hint="Write a metric, <= or >=, and a number, such as 'memory_gb <= 24'.",
    )
