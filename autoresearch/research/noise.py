"""How much the metric moves when nothing changes: a pooled estimate over repeats of the same code."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["WITHIN", "Repeats", "merged", "pooled_sd", "repeats"]

WITHIN = 2.0
"""A gain below this many standard deviations is said to be within the noise."""


@dataclass(frozen=True, slots=True)
class Repeats:
    """Measurements of one code: how many, their mean, and the sum of squared deviations from it."""

    n: int
    mean: float
    squares: float


def repeats(values: Sequence[float]) -> Repeats:
    """Summarize the measurements of one code."""
    mean = math.fsum(values) / len(values) if values else 0.0
    return Repeats(len(values), mean, math.fsum((value - mean) ** 2 for value in values))


def merged(a: Repeats, b: Repeats) -> Repeats:
    """Both groups as one."""
    n = a.n + b.n
    if not n:
        return a
    apart = b.mean - a.mean
    return Repeats(n, a.mean + apart * b.n / n, a.squares + b.squares + apart * apart * a.n * b.n / n)


def pooled_sd(groups: Iterable[Repeats]) -> tuple[float, int] | None:
    """The pooled standard deviation and the number of measurements behind it; None without any repeat."""
    repeated = [group for group in groups if group.n > 1]
    freedom = sum(group.n - 1 for group in repeated)
    if not freedom:
        return None
    variance = math.fsum(group.squares for group in repeated) / freedom
    return math.sqrt(variance), sum(group.n for group in repeated)
