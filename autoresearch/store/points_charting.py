"""Many long series in few points at once: their pyramids are read and looked at together.

What is drawn is exactly what ``points_sampling`` draws of each by itself; here numpy is called once for thousands of pyramids
instead of once for each series, which is most of the time that a page of charts takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autoresearch.errors import StoreCorrupt
from autoresearch.series.arrays import Real, Whole
from autoresearch.series.coding import CHUNK, seconds
from autoresearch.series.curve import Curve
from autoresearch.series.pyramid import BUCKET, is_placed, layout, read_buckets
from autoresearch.series.sampling import FINE, extremes_at
from autoresearch.store.points_reading import Reader, SeriesRow
from autoresearch.store.points_sql import Sql

__all__ = ["drawn_together"]

_MOST_AT_ONCE = 512
"""Pyramids of about a kilobyte each."""

_COUNTS = "SELECT run_id, series, count(*) FROM summaries WHERE organization = ? AND run_id IN ({}) GROUP BY run_id, series"
_ROWS = (
    "SELECT series, first_step, last_step, n, first, last, first_time, last_time, least_time, pyramid FROM summaries"
    " WHERE organization = ? AND run_id = ? AND series IN ({}) ORDER BY series, first_step"
)
_Place = tuple[str, int]


class _Row(NamedTuple):
    series: int
    first_step: int
    last_step: int
    n: int
    first: float | None
    last: float | None
    first_time: int
    last_time: int
    least_time: int
    pyramid: bytes


class _Whole(NamedTuple):
    """A series and the rows of all its chunks."""

    series: SeriesRow
    rows: list[_Row]


class _Stretches(NamedTuple):
    """The buckets of several series, one after the other.

    Attributes:
        row: Place of the row that each belongs to.
        least: The least value; ``argmin`` its position from the first point of the row.
        least_time: Its time, after the least of the row.
    """

    row: Whole
    points: Whole
    finite: NDArray[np.bool_]
    least: Real
    argmin: Whole
    least_time: Whole
    most: Real
    argmax: Whole
    most_time: Whole


_KINDS = ("<i4", "<i8", "?", "<f8", "<i4", "<i8", "<f8", "<i4", "<i8")


def drawn_together(
    sql: Sql, readers: Mapping[str, Reader], series: Sequence[SeriesRow], samples: int
) -> dict[_Place, Curve]:
    """Those of some series that can be drawn from pyramids alone, by run and id; the others are left to be drawn one by one.

    Args:
        sql: The connection.
        readers: Of each run.
        series: Series, of which all points are wanted.
        samples: Most points of each, at least 4.
    """
    found: dict[_Place, Curve] = {}
    waiting: list[_Whole] = []
    size = 0
    for whole in _complete(sql, _suited(sql, readers, series, samples)):
        waiting.append(whole)
        size += len(whole.rows)
        if size >= _MOST_AT_ONCE:
            found.update(_drawn(waiting, samples))
            waiting, size = [], 0
    found.update(_drawn(waiting, samples))
    return found


def _suited(
    sql: Sql, readers: Mapping[str, Reader], series: Sequence[SeriesRow], samples: int
) -> Iterator[SeriesRow]:
    """Series without a live tail whose chunks are too few to be stretches themselves, and enough to need no point."""
    counts = {(run, number): many for run, number, many in sql.listed(_COUNTS, among=list(readers))}
    wanted = FINE * max(1, samples // 2 - 1)
    for row in series:
        chunks = counts.get((row.run, row.id), 0)
        if chunks < wanted <= chunks * (CHUNK // BUCKET) and not readers[row.run].is_live(row.id):
            yield row


def _complete(sql: Sql, series: Iterable[SeriesRow]) -> Iterator[_Whole]:
    for run, own in groupby(series, lambda row: row.run):
        wanted = {row.id: row for row in own}
        rows = map(_Row._make, sql.listed(_ROWS, run, among=list(wanted)))
        for number, chunks in groupby(rows, lambda row: row.series):
            whole = list(chunks)
            if all(is_placed(row.pyramid) for row in whole):
                yield _Whole(wanted[number], whole)


def _drawn(wholes: Sequence[_Whole], samples: int) -> dict[_Place, Curve]:
    if not wholes:
        return {}
    rows = [row for whole in wholes for row in whole.rows]
    try:
        stretches = _stretches(rows)
    except StoreCorrupt:
        # Drawn one by one, the series that is damaged is named, and the others are shown.
        return {}
    ends = np.cumsum([0, *(len(whole.rows) for whole in wholes)])
    bounds = np.searchsorted(stretches.row, ends)
    totals = np.add.reduceat(stretches.points, bounds[:-1])
    picked = _picked(rows, stretches, bounds, totals, samples)
    edges = _edges(wholes)
    # As in `sample`: of points at one step the first in this order is taken.
    owner = np.concatenate([np.tile(np.arange(len(wholes)), 2), picked[0]])
    steps, times, values = (np.concatenate([edge, own]) for edge, own in zip(edges, picked[1:], strict=True))
    order = np.lexsort((np.arange(len(steps)), steps, owner))
    owner, steps = owner[order], steps[order]
    kept = np.concatenate(([True], (owner[1:] != owner[:-1]) | (steps[1:] != steps[:-1])))
    order = order[kept]
    begins = np.searchsorted(owner[kept], np.arange(len(wholes) + 1))
    steps, times, values = steps[kept], seconds(times[order]), values[order]
    curves = {}
    for place, (row, _) in enumerate(wholes):
        # A short series is shown whole, which no pyramid can.
        if totals[place] > samples:
            own = slice(begins[place], begins[place + 1])
            columns = (steps[own].copy(), times[own].copy(), values[own].copy())
            curves[row.run, row.id] = Curve(row.run, row.name, row.labels, *columns, total=int(totals[place]))
    return curves


def _edges(wholes: Sequence[_Whole]) -> tuple[Whole, Whole, Real]:
    """The first point of each series, then the last of each."""
    firsts, lasts = [whole.rows[0] for whole in wholes], [whole.rows[-1] for whole in wholes]
    steps = [row.first_step for row in firsts] + [row.last_step for row in lasts]
    times = [row.first_time for row in firsts] + [row.last_time for row in lasts]
    said = [row.first for row in firsts] + [row.last for row in lasts]
    values = [np.nan if value is None else value for value in said]
    return np.array(steps, "<i8"), np.array(times, "<i8"), np.array(values, "<f8")


def _stretches(rows: Sequence[_Row]) -> _Stretches:
    """The buckets of all rows in their order.

    Raises:
        StoreCorrupt: A pyramid is damaged.
    """
    alike: dict[bytes, list[int]] = {}
    for place, row in enumerate(rows):
        alike.setdefault(layout(row.pyramid), []).append(place)
    read = [
        (np.array(own), read_buckets([rows[place].pyramid for place in own], "a pyramid"))
        for own in alike.values()
    ]
    lengths = np.zeros(len(rows), "<i8")
    for own, found in read:
        lengths[own] = found.points.shape[1]
    starts = np.cumsum(lengths) - lengths
    made = _Stretches(*(np.empty(int(lengths.sum()), kind) for kind in _KINDS))
    made.row[:] = np.repeat(np.arange(len(rows)), lengths)
    counts = np.array([row.n for row in rows], "<i8")
    for own, found in read:
        if (
            found.least_time is None
            or found.most_time is None
            or (counts[own] != found.points[0].sum()).any()
        ):
            raise StoreCorrupt("A pyramid does not fit its chunk.", hint="Run `autoresearch fsck`.")
        at = (starts[own][:, None] + np.arange(found.points.shape[1])).ravel()
        low = (found.least, found.argmin, found.least_time)
        high = (found.most, found.argmax, found.most_time)
        for target, column in zip(made[1:], (found.points, found.finite > 0, *low, *high), strict=True):
            target[at] = column.ravel()
    return made


def _picked(
    rows: Sequence[_Row], stretches: _Stretches, bounds: Whole, totals: Whole, samples: int
) -> tuple[Whole, Whole, Whole, Real]:
    """Owner, step, time and value of the extremes of each of ``samples // 2 - 1`` buckets of each series."""
    buckets = samples // 2 - 1
    owner = np.repeat(np.arange(len(totals)), np.diff(bounds))
    starts = np.cumsum(stretches.points) - stretches.points
    starts -= starts[bounds[:-1]][owner]
    bucket = starts * buckets // totals[owner] + owner * buckets
    begins = np.flatnonzero(np.concatenate(([True], bucket[1:] != bucket[:-1])))
    low = extremes_at(np.where(stretches.finite, stretches.least, np.inf), np.minimum, begins)
    high = extremes_at(np.where(stretches.finite, stretches.most, -np.inf), np.maximum, begins)
    row = np.concatenate([stretches.row[low], stretches.row[high]])
    place = np.concatenate([stretches.argmin[low], stretches.argmax[high]]).astype("<i8")
    after = np.concatenate([stretches.least_time[low], stretches.most_time[high]])
    columns = zip(*((each.first_step, each.last_step, each.n, each.least_time) for each in rows), strict=True)
    first, last, count, begin = (np.array(column, "<i8")[row] for column in columns)
    return (
        np.concatenate([owner[low], owner[high]]),
        first + (last - first) // np.maximum(1, count - 1) * place,
        begin + after,
        np.concatenate([stretches.least[low], stretches.most[high]]),
    )
