"""Counting values into bins, of lists without an array library and of arrays with it."""

from __future__ import annotations

import bisect
import itertools
import math
import sys

from autoresearch.errors import Invalid

TYPE_CHECKING = False  # importing typing would cost more than this module
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    import numpy.typing as npt

    Counted = tuple[list[float], list[float], dict[str, int]]

__all__ = ["MOST_BINS", "count", "count_array", "given"]

MOST_BINS = 1_024
_HIGHEST = 1e300  # so that a sum of counts is a number


def given(counts: Iterable[Any], edges: Iterable[Any]) -> tuple[list[float], list[float]]:
    """Counts and edges that somebody else made, as plain numbers.

    Raises:
        Invalid: Not numbers, or they do not fit each other.
    """
    heights, borders = _floats(counts), _floats(edges)
    rising = all(a < b for a, b in itertools.pairwise(borders)) and all(map(math.isfinite, borders))
    fitting = 0 < len(heights) <= MOST_BINS and len(borders) == len(heights) + 1
    if not (rising and fitting and all(0 <= height <= _HIGHEST for height in heights)):
        raise Invalid(
            "Counts and edges do not make a histogram.",
            hint=f"Give 1 to {MOST_BINS:,} counts of 0 or more, and one more edge than counts, rising.",
        )
    return [int(height) if height.is_integer() else height for height in heights], borders


def count(values: Iterable[Any], bins: int) -> Counted:
    """Counts, edges, and how many values are not finite; no bins at all where nothing is finite.

    Raises:
        Invalid: Not numbers.
    """
    numbers = _floats(values)
    finite = sorted(number for number in numbers if math.isfinite(number))
    plus, minus = numbers.count(math.inf), numbers.count(-math.inf)
    odd = {"nan": len(numbers) - len(finite) - plus - minus, "inf": plus, "-inf": minus}
    if not finite:
        return [], [], odd
    edges = _edges(finite[0], finite[-1], bins)
    borders = [0, *(bisect.bisect_left(finite, edge) for edge in edges[1:-1]), len(finite)]
    return [b - a for a, b in itertools.pairwise(borders)], edges, odd


def count_array(array: npt.NDArray[Any], bins: int) -> Counted:
    """The same of an array of any shape.

    Raises:
        Invalid: Its type is neither integer nor float nor bool.
    """
    np = sys.modules["numpy"]  # whoever has an array has loaded it
    if array.dtype.kind not in "biuf":
        raise Invalid(f"Values of type {array.dtype} are not numbers.", hint="Give integers or floats.")
    flat = array.reshape(-1).astype(np.float64)
    plus, minus = int(np.count_nonzero(flat == np.inf)), int(np.count_nonzero(flat == -np.inf))
    finite = flat[np.isfinite(flat)]
    odd = {"nan": int(flat.size - finite.size) - plus - minus, "inf": plus, "-inf": minus}
    if not finite.size:
        return [], [], odd
    edges = _edges(float(finite.min()), float(finite.max()), bins)
    places = np.searchsorted(np.asarray(edges[1:-1]), finite, side="right")
    return np.bincount(places, minlength=len(edges) - 1).tolist(), edges, odd


def _floats(values: Iterable[Any]) -> list[float]:
    try:
        return [float(value) for value in values]
    except (TypeError, ValueError, OverflowError) as error:
        raise Invalid(f"These are not numbers: {error}.", hint="Give a flat list of numbers.") from error


def _edges(low: float, high: float, bins: int) -> list[float]:
    """Borders of equal width; fewer where the numbers between are too few, and half a unit around a single value."""
    if low == high:
        low, high = low - 0.5, high + 0.5
        if low == high:
            low, high = sorted((low, math.nextafter(low, 0.0)))
    # Weighted rather than stepped: the width of the widest range is no number.
    inner = (low * (1 - part / bins) + high * (part / bins) for part in range(1, bins))
    rising = [low]
    for edge in inner:
        if rising[-1] < edge < high:
            rising.append(edge)
    return [*rising, high]
