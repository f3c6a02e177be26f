"""Down-sampling that keeps extremes: the least and the greatest point of each bucket, as they were logged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from autoresearch.series.arrays import Columns, Real, Whole

__all__ = ["FINE", "Units", "extremes_at", "joined", "of_points", "sample"]

FINE = 4
"""Stretches for each bucket: with fewer, the edges of buckets would lie too far from where they belong."""


@dataclass(frozen=True, slots=True)
class Units:
    """Neighbouring stretches of a series, of which only the extremes are known; arrays of one length, in order of step.

    A stretch without a finite value has one of its points for both extremes.
    """

    points: Whole
    finite: NDArray[np.bool_]
    least: Real
    least_step: Whole
    least_time: Whole
    most: Real
    most_step: Whole
    most_time: Whole


def of_points(points: Columns) -> Units:
    """Every point as a stretch of its own."""
    steps, times, values = points
    return Units(
        points=np.ones(len(steps), "<i8"),
        finite=np.isfinite(values),
        least=values,
        least_step=steps,
        least_time=times,
        most=values,
        most_step=steps,
        most_time=times,
    )


def joined(parts: Sequence[Units]) -> Units:
    """Stretches one after the other."""
    if len(parts) == 1:
        return parts[0]
    return Units(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Units)))


def sample(units: Units, first: Columns, last: Columns, samples: int) -> Columns:
    """At most ``samples`` points: the first, the last, and both extremes of each of ``samples // 2 - 1`` buckets.

    Buckets have about the same number of points; one without a finite value gives one point that is not finite.

    Args:
        units: What is known of the series, at least one stretch.
        first: The first point, arrays of length 1.
        last: The last point.
        samples: At least 2.
    """
    picked = [first, last]
    if samples > 3:
        chosen = _chosen(units, samples // 2 - 1)
        picked += [
            (units.least_step[chosen[0]], units.least_time[chosen[0]], units.least[chosen[0]]),
            (units.most_step[chosen[1]], units.most_time[chosen[1]], units.most[chosen[1]]),
        ]
    steps, times, values = (np.concatenate(column) for column in zip(*picked, strict=True))
    kept, places = np.unique(steps, return_index=True)
    return kept, times[places], values[places]


def _chosen(units: Units, buckets: int) -> tuple[Whole, Whole]:
    """For each bucket that is not empty, the stretch with its least value and that with its greatest."""
    starts = np.cumsum(units.points) - units.points
    total = int(starts[-1] + units.points[-1])
    # Positions times buckets stay far below 2**63: a series of 10**12 points would fill a thousand disks.
    bucket = starts * buckets // total
    begins = np.flatnonzero(np.concatenate(([True], bucket[1:] != bucket[:-1])))
    low = np.where(units.finite, units.least, np.inf)
    high = np.where(units.finite, units.most, -np.inf)
    return extremes_at(low, np.minimum, begins), extremes_at(high, np.maximum, begins)


def extremes_at(values: Real, extreme: np.ufunc, begins: Whole) -> Whole:
    """Where the extreme of each stretch of ``values`` is; ``begins`` has the first position of each stretch."""
    lengths = np.diff(np.append(begins, len(values)))
    hits = np.flatnonzero(values == np.repeat(extreme.reduceat(values, begins), lengths))
    return hits[np.searchsorted(hits, begins)]
