"""A ledger small enough to be seen right: lists in memory, and everything recomputed from the beginning each time."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field


@dataclass
class Tried:
    segment: int
    session: int
    code: int
    verdicts: list[tuple[str, float | None, tuple[float, ...], float | None]] = field(default_factory=list)
    position: int | None = None


@dataclass
class Rules:
    metric: str
    direction: str
    min_delta: float = 0.0
    bound: float | None = None


class ReferenceLedger:
    def __init__(self) -> None:
        self.experiments: list[Tried] = []
        self.goals: dict[int, Rules] = {}
        self.segment = 1
        self.judged = 0
        self.versions: list[str] = []
        self.producers: dict[int, set[int]] = {}

    def goal(self, rules: Rules) -> None:
        old = self.goals.get(self.segment)
        if old is not None and (old.metric, old.direction) != (rules.metric, rules.direction):
            self.segment += 1
        self.goals[self.segment] = rules

    def record(self, session: int, code: int) -> int:
        self.experiments.append(Tried(self.segment, session, code))
        return len(self.experiments) - 1

    def decide(
        self, index: int, status: str, score: float | None, samples: tuple[float, ...], memory: float | None
    ) -> None:
        tried = self.experiments[index]
        if tried.position is None:
            tried.position = self.judged
        self.judged += 1
        if status == "crash":
            score, samples = None, ()
        elif score is None and samples:
            score = float(f"{statistics.fmean(samples):.15g}")
        if score is not None and not samples:
            samples = (score,)
        tried.verdicts.append((status, score, samples, memory))

    def log(self, content: str, index: int) -> None:
        if content not in self.versions:
            self.versions.append(content)
        self.producers.setdefault(index, set()).add(self.versions.index(content) + 1)

    def score(self, tried: Tried) -> float | None:
        return tried.verdicts[-1][1] if tried.verdicts else None

    def state(self, tried: Tried) -> str:
        words = {"keep": "kept", "drop": "dropped", "crash": "crashed"}
        return words[tried.verdicts[-1][0]] if tried.verdicts else "recorded"

    def frontier(self, segment: int, session: int | None = None) -> list[int]:
        rules = self.goals.get(segment)
        if rules is None:
            return []
        judged = [
            (t.position, i)
            for i, t in enumerate(self.experiments)
            if t.position is not None and t.segment == segment and session in {None, t.session}
        ]
        steps: list[int] = []
        best: float | None = None
        for _, index in sorted(judged):
            status, score, _, memory = self.experiments[index].verdicts[-1]
            if status != "keep" or score is None:
                continue
            if rules.bound is not None and (memory is None or memory > rules.bound):
                continue
            gain = 0.0 if best is None else (best - score if rules.direction == "min" else score - best)
            if best is None or (gain > 0 and gain >= rules.min_delta):
                steps.append(index)
                best = score
        return steps

    def noise(self, segment: int) -> float | None:
        groups: dict[int, list[float]] = {}
        for tried in self.experiments:
            if tried.segment == segment and tried.verdicts:
                groups.setdefault(tried.code, []).extend(tried.verdicts[-1][2])
        repeated = [values for values in groups.values() if len(values) > 1]
        if not repeated:
            return None
        squares = sum(statistics.variance(values) * (len(values) - 1) for values in repeated)
        return math.sqrt(squares / sum(len(values) - 1 for values in repeated))

    def winner(self) -> int | None:
        """Version that the highest step that made one made, in the present segment."""
        for index in reversed(self.frontier(self.segment)):
            if index in self.producers:
                return max(self.producers[index])
        return None
