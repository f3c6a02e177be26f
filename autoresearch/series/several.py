"""Several series in one answer: side by side in few points, or merged into one order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from autoresearch.series.curve import Curve

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from autoresearch.records.run import Run

__all__ = ["Charts", "Compared", "ComparedPoint", "ComparedSeries"]


class Charts(NamedTuple):
    """The charts of a project.

    Attributes:
        runs: A page of its runs, the newest first, with their last values.
        curves: Metrics of these runs in few points, in order of run, name and labels.
        next_cursor: Where the next page begins; None at the end.
    """

    runs: Sequence[Run]
    curves: Sequence[Curve]
    next_cursor: str | None


class ComparedSeries(NamedTuple):
    """A series that takes part.

    Attributes:
        asked: Which of the queries it answers, from 0.
    """

    asked: int
    run_id: str
    name: str
    labels: Mapping[str, str]


class ComparedPoint(NamedTuple):
    """A point, with the place of its series among those that take part."""

    series: int
    step: int
    time: float
    value: float


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """Points of several series in the order that was asked for; iterating gives :class:`ComparedPoint`.

    Attributes:
        series: Those that take part, in the order of the queries.
        places: Place in ``series`` of each point; int64, shape (n,).
        steps: int64, shape (n,).
        times: float64 seconds since 1970 UTC, shape (n,).
        values: float64, shape (n,).
        complete: Whether these are all points in the windows; the limit cut some off when they are not.
    """

    series: tuple[ComparedSeries, ...]
    places: NDArray[np.int64]
    steps: NDArray[np.int64]
    times: NDArray[np.float64]
    values: NDArray[np.float64]
    complete: bool

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[ComparedPoint]:
        columns = (self.places, self.steps, self.times, self.values)
        return map(ComparedPoint._make, zip(*(column.tolist() for column in columns), strict=True))
