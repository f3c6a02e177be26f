"""Everything the brief may say, as plain frozen values the ledger fills in.

The lists are bounded by whoever fills them, so that a brief costs the same at 100 and at 10,000 experiments; the
``Totals`` say how many there are in all, so that the brief can say what was left out. Text is taken as it was
recorded: cleaning and fencing is the brief's work.

Scores, gains and noise are in units of the goal's metric. A gain is positive when better, whatever the direction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from autoresearch.records.base import Direction
from autoresearch.records.experiment import State

__all__ = [
    "AttemptFacts",
    "BaselineFacts",
    "BudgetLeft",
    "Counts",
    "CrashFacts",
    "Facts",
    "GoalFacts",
    "IncumbentFacts",
    "NoiseFacts",
    "RemarkFacts",
    "SegmentFacts",
    "StepFacts",
    "Totals",
    "TriedFacts",
    "TriedValue",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalFacts:
    """The goal as it stands. ``constraints`` are texts such as ``"memory_gb <= 24"``; seconds are wall-clock."""

    metric: str
    direction: Direction
    target: float | None = None
    min_delta: float = 0.0
    constraints: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    description: str = ""
    max_experiments: int | None = None
    max_seconds: float | None = None
    trial_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFacts:
    """The segment that scores may be compared in, and why it was opened ("" for the first)."""

    number: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseFacts:
    """Standard deviation of the metric when nothing changes; ``n`` measurements behind it, 0 when given."""

    sd: float
    n: int
    source: Literal["goal", "repeats"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineFacts:
    """First step of the frontier; ``n`` is the number of measurements its score is the mean of."""

    number: int
    score: float
    n: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class IncumbentFacts:
    """The present best: what a change must beat.

    ``age`` is the number of experiments recorded since; ``edits`` are one-line descriptions of what made it
    (``"train.py: LR 0.04 -> 0.06"``); ``artifact`` is ``"name:v3"``; ``n`` counts measurements behind the score.
    """

    number: int
    id: str
    score: float
    note: str = ""
    commit: str | None = None
    age: int = 0
    artifact: str | None = None
    edits: tuple[str, ...] = ()
    n: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFacts:
    """One step of the frontier; ``gain`` is over the step before, None for the first."""

    number: int
    score: float
    gain: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFacts:
    """One recent experiment; ``gain`` is over the best at the time of its verdict."""

    number: int
    state: State
    score: float | None = None
    gain: float | None = None
    on_frontier: bool = False
    reason: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedValue:
    """One value that was tried for a subject, such as ``"0.06"``, and what it gave (gain None: crash or no score)."""

    value: str
    state: State
    gain: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedFacts:
    """Attempts on one subject (``"train.py:LR"``, or a family of notes), of which at least one failed.

    ``values`` hold the latest of them in order of number; ``best_gain`` is the best of all, ``last_number`` the
    latest experiment.
    """

    subject: str
    attempts: int
    dropped: int = 0
    crashed: int = 0
    kept: int = 0
    values: tuple[TriedValue, ...] = ()
    best_gain: float | None = None
    last_number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashFacts:
    """An experiment that gave no score, with the end of its log (any length; the brief takes the last lines)."""

    number: int
    note: str = ""
    reason: str = ""
    log_tail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemarkFacts:
    """A remark by a person or an agent; ``number`` is the experiment it is about, if any."""

    author: str
    text: str
    number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetLeft:
    """What may still be spent; None means without limit."""

    experiments: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Experiments of this segment by state; ``waiting`` have no verdict yet."""

    kept: int = 0
    dropped: int = 0
    crashed: int = 0
    waiting: int = 0

    @property
    def experiments(self) -> int:
        """All of them."""
        return self.kept + self.dropped + self.crashed + self.waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """How many there are in all of each list that is handed over bounded."""

    frontier: int = 0
    tried: int = 0
    recent: int = 0
    crashes: int = 0
    remarks: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Where a project stands.

    Bounds kept by the ledger, and the order in which it gives each list:

    - ``frontier``: at most 50 steps of this segment in order: all of them, else the first 10 and the last 40;
    - ``tried``: at most 30 groups, those with the most attempts, in order of ``last_number``, each with at most 12 values;
    - ``remarks``: the latest 20, in order of time;
    - ``recent``: the latest ``limit`` experiments of this segment, in order of number;
    - ``crashes``: the latest ``min(limit, 5)``, in order of number.
    """

    project: str
    goal: GoalFacts | None = None
    session: str | None = None
    segment: SegmentFacts = field(default_factory=lambda: SegmentFacts(number=1))
    noise: NoiseFacts | None = None
    baseline: BaselineFacts | None = None
    incumbent: IncumbentFacts | None = None
    frontier: tuple[StepFacts, ...] = ()
    tried: tuple[TriedFacts, ...] = ()
    remarks: tuple[RemarkFacts, ...] = ()
    recent: tuple[AttemptFacts, ...] = ()
    crashes: tuple[CrashFacts, ...] = ()
    counts: Counts = field(default_factory=Counts)
    totals: Totals = field(default_factory=Totals)
    left: BudgetLeft = field(default_factory=BudgetLeft)
