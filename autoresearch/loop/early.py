"""When a trial is hopeless and is ended before its time: from the metrics that it logs itself, and never from a guess.

The objective is not a finite number, or the trial raised an alert of level ``error``: these two are sure, and the watch in
``loop.early_watch`` sees them. The third is judged here: the trial falls behind the curve that the best so far drew itself,
at the same step and at the same time, by more than the noise of both explains, without catching up. A trial may begin
slowly and end well, so that nothing is said of a curve before a good part of the incumbent's is over.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoresearch.errors import Invalid

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Rules", "Trace", "falls_behind"]

_GRID = 32
_FEWEST = 16
_SMOOTH = 0.1
_TREND = 0.25
_TINY = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How sure one must be that a trial is hopeless.

    Attributes:
        metric: The metric whose curve is compared; "" for the objective.
        least: Part of the incumbent's curve that must be over before anything is said, above 0 and below 1.
        hold: Part of what is over, at its end, in which the trial must have been behind all the time.
        lag: How much earlier the incumbent was as good as the trial is now, as a part of what is over.
        leap: How many times what the incumbent still gained from here the trial could gain and yet not win, at least 1.
        k: Standard errors that the distance must exceed.
    """

    metric: str = ""
    least: float = 0.4
    hold: float = 0.2
    lag: float = 0.3
    leap: float = 2.0
    k: float = 4.0

    def __post_init__(self) -> None:
        parts = (self.least, self.hold, self.lag)
        if not (all(0 < part < 1 for part in parts) and self.leap >= 1 and self.k > 0):
            raise Invalid(
                f"Rules with least {self.least}, hold {self.hold}, lag {self.lag}, leap {self.leap} and k {self.k} "
                "stop nothing or everything.",
                hint="least, hold and lag are parts between 0 and 1; leap is at least 1, and k is positive.",
            )


@dataclass(frozen=True, slots=True)
class Trace:
    """One metric of one run, in the order in which it was logged; all arrays have shape (n,).

    Attributes:
        steps: float64.
        seconds: float64, since the run began.
        values: float64; what is not finite is passed over by the comparison.
    """

    steps: NDArray[np.float64]
    seconds: NDArray[np.float64]
    values: NDArray[np.float64]

    def finite(self) -> Trace:
        """The points whose values are finite."""
        import numpy as np

        good = np.isfinite(self.values)
        return Trace(self.steps[good], self.seconds[good], self.values[good])


def falls_behind(
    trial: Trace,
    incumbent: Sequence[Trace],
    *,
    lower_is_better: bool = True,
    noise: float = 0.0,
    rules: Rules | None = None,
) -> str:
    """Why a trial is hopeless beside the incumbent's own curve; "" while it may still win.

    It is, when at the same step and at the same time alike it has been worse all along the last part of its way, by more
    than ``rules.k`` standard errors of both curves, does not come nearer fast enough to meet before the end, stands where
    the incumbent stood long ago, and would not win if it gained twice what the incumbent gained from here on. What no curve
    shows beforehand stays possible: a schedule that drops late wins where the incumbent's does not.

    Args:
        trial: The trial's curve so far.
        incumbent: The same metric of one or more whole runs of the incumbent.
        lower_is_better: Of this metric.
        noise: Known standard deviation of the metric between runs of the same code, in its units.
        rules: How sure one must be.
    """
    sure, sign = rules or Rules(), 1.0 if lower_is_better else -1.0
    here = trial.finite()
    known = [trace for trace in map(Trace.finite, incumbent) if len(trace.values) >= _FEWEST]
    if len(here.values) < _FEWEST or not known:
        return ""
    said = ""
    for axis in ("seconds", "steps"):
        beside = _beside(axis, here, known, sign=sign, noise=noise, least=sure.least)
        if beside is None or not beside.hopeless(sure):
            return ""
        part = beside.gone / (beside.end - beside.begin)
        said = (
            f"{beside.gap:.3g} behind the best at step {here.steps[-1]:.0f}, {part:.0%} of its way: "
            f"{beside.gap / beside.error:.1f} standard errors"
        )
    return said


@dataclass(frozen=True, slots=True)
class _Beside:
    """The trial beside the incumbent, smoothed, over the part of the way that both have gone; lower is better in both.

    Attributes:
        grid: Places on the axis, shape (n,), up to where the trial is.
        ours: The trial there, and ``theirs`` the incumbent, shape (n,).
        rest: What the incumbent gained from there to its end.
        error: Standard error of the distance.
        begin: Where the incumbent's curve begins on the axis, and ``end`` where it ends.
    """

    grid: NDArray[np.float64]
    ours: NDArray[np.float64]
    theirs: NDArray[np.float64]
    rest: float
    error: float
    begin: float
    end: float

    @property
    def gone(self) -> float:
        """The part of the axis that is over."""
        return float(self.grid[-1]) - self.begin

    @property
    def gap(self) -> float:
        """How far the trial is behind now."""
        return float(self.ours[-1] - self.theirs[-1])

    def late(self, part: float) -> slice:
        """The places in the last part of what is over."""
        return slice(int(self.grid.searchsorted(self.grid[-1] - part * self.gone)), None)

    def hopeless(self, rules: Rules) -> bool:
        """Whether all rules say so."""
        import numpy as np

        gaps, late = self.ours - self.theirs, self.late(rules.hold)
        if float(gaps[late].min()) <= rules.k * self.error:
            return False
        if self.gap <= (rules.leap - 1) * self.rest:
            return False
        trend = self.late(max(rules.hold, _TREND))
        slope = float(np.polyfit(self.grid[trend], gaps[trend], 1)[0])
        if self.gap + slope * max(self.end - float(self.grid[-1]), 0.0) <= 0.0:
            return False
        passed = self.grid[self.theirs <= self.ours[-1]]
        return bool(len(passed)) and float(self.grid[-1] - passed[0]) >= rules.lag * self.gone


def _beside(
    axis: str, trial: Trace, incumbent: Sequence[Trace], *, sign: float, noise: float, least: float
) -> _Beside | None:
    """Both curves up to where the trial is; None while less than the least part is over."""
    import numpy as np

    ends = [float(getattr(trace, axis)[-1]) for trace in incumbent]
    begin = max(float(getattr(trace, axis)[0]) for trace in incumbent)
    end, now = float(np.median(ends)), min(float(getattr(trial, axis)[-1]), *ends)
    if end <= begin or now - begin < least * (end - begin):
        return None
    width = _SMOOTH * (now - begin)
    grid = np.linspace(begin + width, now, _GRID)
    ours, error = _smooth(getattr(trial, axis), trial.values * sign, grid, width)
    smooth = [_smooth(getattr(trace, axis), trace.values * sign, grid, width) for trace in incumbent]
    last = [
        float(np.mean(trace.values[getattr(trace, axis) >= at - width]))
        for trace, at in zip(incumbent, ends, strict=True)
    ]
    theirs = np.mean([mean for mean, _ in smooth], axis=0)
    theirs_error = float(np.mean([scatter for _, scatter in smooth])) / math.sqrt(len(smooth))
    between = _between([mean for mean, _ in smooth], noise)
    total = math.sqrt(error**2 + theirs_error**2 + between**2 * (1 + 1 / len(incumbent)))
    rest = max(float(theirs[-1]) - sign * float(np.mean(last)), 0.0)
    return _Beside(grid, ours, theirs, rest, max(total, _TINY), begin, end)


def _smooth(
    at: NDArray[np.float64], values: NDArray[np.float64], grid: NDArray[np.float64], width: float
) -> tuple[NDArray[np.float64], float]:
    """Means over the stretch before each place of the grid, and the standard error of such a mean."""
    import numpy as np

    stop = np.searchsorted(at, grid, side="right")
    start = np.minimum(np.searchsorted(at, grid - width, side="left"), np.maximum(stop - 1, 0))
    sums = np.concatenate(([0.0], np.cumsum(values)))
    count = np.maximum(stop - start, 1)
    means = (sums[np.maximum(stop, start + 1)] - sums[start]) / count
    # Differences of neighbours hold the scatter and, unlike deviations from a mean, hardly any of the slope.
    tail = values[int(start[-1]) :]
    scatter = float(np.median(np.abs(np.diff(tail)))) / 0.954 if len(tail) > 1 else 0.0
    return means, scatter / math.sqrt(float(count[-1]))


def _between(means: Sequence[NDArray[np.float64]], noise: float) -> float:
    """Standard deviation between runs of the same code: as it is known, or as the incumbent's own runs show it."""
    import numpy as np

    seen = float(np.std(np.array(means)[:, -1], ddof=1)) if len(means) > 1 else 0.0
    return max(seen, noise)
