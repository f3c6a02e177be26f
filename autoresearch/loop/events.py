"""What a campaign says while it runs, for a display, a log or a test.

A listener is called by one thread at a time, and not always by the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from autoresearch.records.campaign import Outcome, Stop
from autoresearch.records.experiment import Verdict
from autoresearch.records.goal import Goal

__all__ = [
    "Asking",
    "Begun",
    "Ended",
    "Event",
    "Failed",
    "Judged",
    "Listener",
    "Measured",
    "Moved",
    "Running",
    "Trying",
    "silent",
]


@dataclass(frozen=True, slots=True)
class Begun:
    """The campaign begins, or goes on from ``best``; at most ``trials`` are counted in all, ``done`` of them so far.

    ``open`` trials were interrupted and are gone on with first.
    """

    goal: Goal
    branch: str
    trials: int | None
    best: float | None
    noise: float | None
    campaign: int = 0
    workers: int = 1
    done: int = 0
    open: int = 0


@dataclass(frozen=True, slots=True)
class Asking:
    """A trial begins: the agent is asked for a proposal."""

    trial: int
    worker: str


@dataclass(frozen=True, slots=True)
class Trying:
    """An experiment was recorded and will be run; ``trial`` counts from 1, 0 is the baseline."""

    trial: int
    number: int
    note: str
    worker: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """One run of an experiment begins; ``run`` counts from 1, ``limit`` is its budget in seconds."""

    number: int
    run: int
    seed: int
    limit: float | None
    worker: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run ended after ``seconds``; it has a score or a reason why it has none."""

    number: int
    run: int
    score: float | None
    seconds: float
    reason: str
    worker: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """An experiment got its verdict; ``best`` and ``noise`` are what stands after it.

    ``outcome`` is None where the same change is measured once more, on top of one that was kept meanwhile.
    """

    trial: int
    number: int
    note: str
    verdict: Verdict
    score: float | None
    reason: str
    best: float | None
    noise: float | None
    outcome: Outcome | None = None
    worker: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """A trial ended without a verdict: the agent gave no proposal, or the trial was cut off."""

    trial: int
    outcome: Outcome
    reason: str
    worker: str = ""


@dataclass(frozen=True, slots=True)
class Moved:
    """The campaign was paused or goes on, by somebody's word: ``state`` is ``paused`` or ``running``."""

    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The campaign is over, for ``reason``; ``trials`` were counted in all."""

    stop: Stop
    trials: int
    reason: str = ""


Event = Begun | Asking | Trying | Running | Measured | Judged | Failed | Moved | Ended
Listener = Callable[[Event], None]


def silent(event: Event) -> None:
    """A listener that does nothing."""
