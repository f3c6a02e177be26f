"""Several writings of one series into one: in order of step, the last write of each step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from autoresearch.series.arrays import Whole

__all__ = ["align", "latest", "rising"]


def rising(steps: Whole) -> bool:
    """Whether every step is greater than the one before: then there is nothing to merge."""
    return bool((steps[1:] > steps[:-1]).all())


def latest(
    steps: Whole, batches: Whole | None = None, sequences: NDArray[np.uint64] | None = None
) -> Whole | None:
    """Which points stay, as positions in order of step; None when all of them do, in the order they have.

    Args:
        steps: Step of each point, in order of writing unless the next two say otherwise.
        batches: The batch each point came with, in order of arrival and not falling.
        sequences: The writer's sequence number of each point, which orders the points of one batch.
    """
    if rising(steps):
        return None
    order = np.arange(len(steps))
    if batches is not None and sequences is not None and _mixed(batches, sequences):
        order = np.lexsort((sequences, batches))
        steps = steps[order]
    by_step = np.argsort(steps, kind="stable")
    ordered = steps[by_step]
    last = np.ones(len(steps), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=last[:-1])
    return order[by_step[last]]


def align(steps: Sequence[Whole]) -> tuple[Whole, list[Whole]]:
    """One axis for several series.

    Returns:
        Every step that any of them has, in order; and for each series, where its points lie on that axis.
    """
    if not steps:
        return np.empty(0, "<i8"), []
    axis = steps[0]
    if any(len(other) != len(axis) or not np.array_equal(other, axis) for other in steps[1:]):
        axis = np.unique(np.concatenate(steps))
    return axis, [np.searchsorted(axis, own) for own in steps]


def _mixed(batches: Whole, sequences: NDArray[np.uint64]) -> bool:
    """Whether points of one batch are not in the order in which they were logged."""
    return bool(((batches[1:] == batches[:-1]) & (sequences[1:] < sequences[:-1])).any())
