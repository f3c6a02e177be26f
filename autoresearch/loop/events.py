"""What a campaign says while it runs, for a display, a log or a test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from autoresearch.records.experiment import Verdict
from autoresearch.records.goal import Goal

__all__ = ["Begun", "Ended", "Event", "Judged", "Listener", "Measured", "Running", "Stop", "Trying", "silent"]

Stop = Literal["trials", "exhausted", "budget", "interrupted"]
"""Why a campaign ended: all trials done, nothing left to try, the goal's budget spent, or stopped by the user."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The campaign begins, or goes on from ``best``, with ``trials`` to come."""

    goal: Goal
    branch: str
    trials: int
    best: float | None
    noise: float | None


@dataclass(frozen=True, slots=True)
class Trying:
    """An experiment was recorded and will be run; ``trial`` counts from 1, 0 is the baseline."""

    trial: int
    number: int
    note: str


@dataclass(frozen=True, slots=True)
class Running:
    """One run of an experiment begins; ``run`` counts from 1, ``limit`` is its budget in seconds."""

    number: int
    run: int
    seed: int
    limit: float | None


@dataclass(frozen=True, slots=True)
class Measured:
    """One run ended after ``seconds``; it has a score or a reason why it has none."""

    number: int
    run: int
    score: float | None
    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class Judged:
    """An experiment got its verdict; ``best`` and ``noise`` are what stands after it."""

    trial: int
    number: int
    note: str
    verdict: Verdict
    score: float | None
    reason: str
    best: float | None
    noise: float | None


@dataclass(frozen=True, slots=True)
class Ended:
    """The campaign is over."""

    stop: Stop
    trials: int


Event = Begun | Trying | Running | Measured | Judged | Ended
Listener = Callable[[Event], None]


def silent(event: Event) -> None:
    """A listener that does nothing."""
