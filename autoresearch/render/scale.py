"""Axes: which range to show, where the ticks go, and what they say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Axis", "numbers", "score_axis", "value_axis"]

_BEYOND = 0.8
_LOG_RATIO = 200.0


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of scores, linear or logarithmic, and its ticks with their texts."""

    low: float
    high: float
    log: bool
    ticks: tuple[tuple[float, str], ...]

    def share(self, score: float) -> float:
        """Where a score stands between the low end (0.0) and the high end (1.0); held within them."""
        if self.log:
            at = (math.log10(max(score, self.low)) - math.log10(self.low)) / (
                math.log10(self.high) - math.log10(self.low)
            )
        else:
            at = (score - self.low) / (self.high - self.low)
        return max(0.0, min(1.0, at))

    def shows(self, score: float) -> bool:
        """Whether a score lies within the range."""
        return self.low <= score <= self.high


def score_axis(
    steps: Sequence[float], others: Sequence[float], near: Sequence[float] = (), ticks: int = 6
) -> Axis:
    """The axis that shows every step, and of the other scores those not far from them.

    Far is more than 0.8 of the steps' own range beyond it, so that one diverged run does not flatten the picture.
    ``near`` are values (the target, the noise band) that are shown when they are not far either. Without steps the
    middle half of the other scores takes their place, and a range of one value grows to what is near. All-positive ranges over 200-fold are logarithmic.
    """
    core = list(steps) or _middle(others)
    if not core:
        return _linear(0.0, 1.0, ticks)
    low, high = min(core), max(core)
    if _same(low, high) and others:
        spread = _middle(others)
        low, high = min(low, *spread), max(high, *spread)
    if _same(low, high) and near:
        low, high = min(low, *near), max(high, *near)
    if low > 0 and high / low > _LOG_RATIO:
        shown = [value for value in (*core, *others, *near) if low / 10 <= value <= high * 10]
        return _logarithmic(min(shown), max(shown), ticks)
    reach = abs(high) * 0.01 or 1.0 if _same(low, high) else (high - low) * _BEYOND
    shown = [value for value in (*core, *others, *near) if low - reach <= value <= high + reach]
    low, high = min(shown), max(shown)
    room = reach if _same(low, high) else (high - low) * 0.06
    return _linear(low - room, high + room, ticks)


def value_axis(low: float, high: float, *, log: bool | None = None, ticks: int = 6) -> Axis:
    """The axis that shows everything from ``low`` to ``high``.

    ``log`` None takes a logarithmic one for an all-positive range over 200-fold; one that begins at or below zero is
    linear in any case.
    """
    if low > 0 and (log or (log is None and high / low > _LOG_RATIO)):
        return _logarithmic(low, high, ticks)
    room = (abs(high) * 0.01 or 1.0) if _same(low, high) else (high - low) * 0.03
    return _linear(low - room, high + room, ticks)


def numbers(first: int, last: int, ticks: int = 8) -> list[int]:
    """Whole numbers for ticks between two experiment numbers, the first included."""
    if last <= first:
        return [first]
    step = max(1, int(_nice((last - first) / max(1, ticks))))
    start = -(-first // step) * step
    found = list(range(start, last + 1, step))
    if found and found[0] > first:
        # The first number is worth a tick; one that would stand too near gives way.
        found[: found[0] - first <= step / 2] = [first]
    return found or [first, last]


def _same(low: float, high: float) -> bool:
    """Whether two scores cannot be told apart on an axis."""
    return high - low <= 1e-9 * max(abs(low), abs(high))


def _middle(values: Sequence[float]) -> list[float]:
    """The quarter points of some values, which no outlier moves."""
    if not values:
        return []
    ordered = sorted(values)
    return [ordered[len(ordered) // 4], ordered[len(ordered) // 2], ordered[(3 * len(ordered)) // 4]]


def _linear(low: float, high: float, ticks: int) -> Axis:
    step = _nice((high - low) / max(1, ticks))
    first = math.ceil(low / step)
    last = math.floor(high / step)
    decimals = max(0, -math.floor(math.log10(step)))
    if last - first > 50 or decimals > 12 or abs(low) + abs(high) > 1e7:
        marks = [first * step + step * n for n in range(min(50, int(last - first) + 1))]
        return Axis(low, high, log=False, ticks=tuple((mark, f"{mark:.4g}") for mark in marks))
    marks = [n * step for n in range(first, last + 1)]
    return Axis(low, high, log=False, ticks=tuple((mark, f"{mark + 0.0:.{decimals}f}") for mark in marks))


def _logarithmic(low: float, high: float, ticks: int) -> Axis:
    low, high = low / 1.3, min(high * 1.3, 1e300)
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = max(1, math.ceil((last - first) / ticks))
    factors = (1, 2, 5) if last - first <= 3 else (1,)
    found = [
        f * 10.0**p for p in range(first, last + 1, every) for f in factors if low <= f * 10.0**p <= high
    ]
    return Axis(low, high, log=True, ticks=tuple((mark, f"{mark:g}") for mark in found))


def _nice(step: float) -> float:
    """The least of 1, 2, 5 times a power of ten that is not below a step."""
    if step <= 0 or not math.isfinite(step):
        return 1.0
    power = 10.0 ** math.floor(math.log10(step))
    for factor in (1, 2, 5, 10):
        if factor * power >= step * 0.999999:
            return factor * power
    return 10 * power
