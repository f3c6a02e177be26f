"""The running best: what advances it, and the staircase that results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from autoresearch.records.goal import Constraint, GoalRequest
from autoresearch.research.scope import touched

__all__ = ["Candidate", "advances", "gain", "staircase", "violations"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A kept experiment without violations, in the order in which experiments were first judged."""

    position: int
    experiment_id: str
    score: float


_Scored = TypeVar("_Scored", bound=Candidate)


def gain(score: float, best: float, goal: GoalRequest) -> float:
    """How much better ``score`` is than ``best``: positive when better, in units of the metric."""
    return best - score if goal.lower_is_better else score - best


def advances(score: float, best: float | None, goal: GoalRequest) -> bool:
    """Whether a score becomes the best: the first does, a tie does not, a gain must reach ``min_delta``."""
    if best is None:
        return True
    better = gain(score, best, goal)
    return better > 0 and better >= goal.min_delta


def staircase(
    candidates: Iterable[_Scored], goal: GoalRequest, best: float | None = None
) -> Iterator[_Scored]:
    """The candidates that advance the best, one after the other, beginning above ``best``."""
    for candidate in candidates:
        if advances(candidate.score, best, goal):
            best = candidate.score
            yield candidate


def violations(
    metrics: Mapping[str, float | None], goal: GoalRequest, files: Iterable[str] = ()
) -> tuple[str, ...]:
    """One sentence for each rule of the goal that an experiment breaks.

    A metric that was not measured breaks its constraint, and a change to a protected path breaks the comparison.
    """
    said = [broken for constraint in goal.constraints if (broken := _broken(metrics, constraint))]
    said += [f"{name} was changed, and it is protected" for name in touched(files, goal.protected)[:10]]
    return tuple(said)


def _broken(metrics: Mapping[str, float | None], constraint: Constraint) -> str:
    value = metrics.get(constraint.metric)
    if value is None:
        return f"{constraint.metric} was not measured, and {constraint} is required"
    held = value <= constraint.bound if constraint.op == "<=" else value >= constraint.bound
    return "" if held else f"{constraint.metric} is {value:g}, and {constraint} is required"
