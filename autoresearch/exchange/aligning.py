"""Curves side by side: one row for each step, one column for each curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from autoresearch.series.curve import Curve

__all__ = ["Aligned", "Key", "align", "key_of", "title_of"]

Key = tuple[str, tuple[tuple[str, str], ...]]
"""What a series of a run is: its name, and its labels in order."""


class Aligned(NamedTuple):
    """Curves over the steps that any of them has.

    Attributes:
        steps: Rising, each once; int64, shape (n,).
        times: When a step was logged last, seconds since 1970 UTC; float64, shape (n,).
        values: One row for each curve, NaN where it has no point; float64, shape (curves, n).
        present: Whether there is a point; a point may itself be NaN. Boolean, shape (curves, n).
    """

    steps: NDArray[np.int64]
    times: NDArray[np.float64]
    values: NDArray[np.float64]
    present: NDArray[np.bool_]


def align(curves: Sequence[Curve]) -> Aligned:
    """Put curves side by side; each must be in order of step, each step once."""
    import numpy as np

    first = curves[0].steps if curves else np.empty(0, np.int64)
    if all(curve.steps is first or np.array_equal(curve.steps, first) for curve in curves):
        steps = first
    else:
        steps = np.unique(np.concatenate([curve.steps for curve in curves]))
    times = np.full(len(steps), -np.inf)
    values = np.full((len(curves), len(steps)), np.nan)
    present = np.zeros((len(curves), len(steps)), bool)
    for row, curve in enumerate(curves):
        at = np.searchsorted(steps, curve.steps)
        values[row, at] = curve.values
        present[row, at] = True
        times[at] = np.maximum(times[at], curve.times)
    return Aligned(steps, times, values, present)


def key_of(name: str, labels: Mapping[str, str]) -> Key:
    """What tells a series from the others of its run; titles of two may be the same."""
    return name, tuple(sorted(labels.items()))


def title_of(key: Key) -> str:
    """The name of a series with its labels, such as ``loss{split=train}``."""
    name, labels = key
    said = ",".join(f"{label}={value}" for label, value in labels)
    return f"{name}{{{said}}}" if said else name
