"""When a change is kept: only when it beats the incumbent by more than repetition alone would.

The bar is ``k`` standard deviations of the difference of two means, ``k * sd * sqrt(1/n + 1/m)``, or the goal's
``min_delta`` when that is more. A first run that comes near the bar is repeated with other seeds before the
verdict, and so is one that clears it: a lucky best would spoil every comparison after it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from autoresearch.records.experiment import Verdict

__all__ = ["Incumbent", "Judgement", "Policy"]


@dataclass(frozen=True, slots=True)
class Incumbent:
    """What a change must beat: the mean of ``n`` measurements, whether lower is better, and the noise.

    ``noise`` is the standard deviation of one measurement, 0.0 when none is known or there is none.
    """

    score: float
    n: int
    lower_is_better: bool
    noise: float
    min_delta: float = 0.0

    def gain(self, score: float) -> float:
        """How much better a score is: positive when better, in units of the metric."""
        return self.score - score if self.lower_is_better else score - self.score


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and the reason for it, in a sentence with its numbers."""

    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True)
class Policy:
    """How sure one must be.

    Attributes:
        k: Standard deviations of the difference that a gain must exceed.
        confirm: Runs behind every keep.
        near: Runs of a change whose first run is near the bar.
    """

    k: float = 2.0
    confirm: int = 2
    near: int = 3

    def bar(self, incumbent: Incumbent, runs: int) -> float:
        """The gain that a mean of so many runs must exceed."""
        spread = incumbent.noise * math.sqrt(1 / max(1, incumbent.n) + 1 / max(1, runs))
        return max(incumbent.min_delta, self.k * spread)

    def runs_wanted(self, samples: Sequence[float], incumbent: Incumbent) -> int:
        """How many runs this change needs in all, after these; no more than there are when the verdict is clear."""
        gain, bar = incumbent.gain(fmean(samples)), self.bar(incumbent, len(samples))
        if incumbent.noise <= 0 or gain <= 0 or gain < bar - 2 * incumbent.noise:
            return len(samples)
        clear = incumbent.gain(samples[0]) > self.bar(incumbent, 1) + 2 * incumbent.noise
        return max(len(samples), self.confirm if clear else self.near)

    def judge(self, samples: Sequence[float], incumbent: Incumbent) -> Judgement:
        """The verdict on a change that gave these scores."""
        score = fmean(samples)
        gain, bar = incumbent.gain(score), self.bar(incumbent, len(samples))
        runs = f" (mean of {len(samples)} runs)" if len(samples) > 1 else ""
        if gain < 0:
            return Judgement("drop", f"{-gain:.4g} worse than {incumbent.score:.4f}{runs}")
        if gain == 0:
            return Judgement("drop", f"the same score as the best, {incumbent.score:.4f}{runs}")
        if gain > bar:
            return Judgement("keep", f"better by {gain:.4g}{runs}{self._above(incumbent, bar)}")
        return Judgement("drop", f"better by {gain:.4g}{runs}, {self._below(incumbent, bar)}")

    def _above(self, incumbent: Incumbent, bar: float) -> str:
        if incumbent.noise <= 0:
            return ""
        return f", more than the {bar:.4g} that must be exceeded with a noise of {incumbent.noise:.4g}"

    def _below(self, incumbent: Incumbent, bar: float) -> str:
        if incumbent.min_delta >= bar:
            return f"less than the {incumbent.min_delta:.4g} that the goal asks for"
        return f"within the noise: {self.k:g} sd of the difference are {bar:.4g}"
