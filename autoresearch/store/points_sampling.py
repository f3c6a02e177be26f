"""Long series in few points: from one row for each chunk, from pyramids, or exactly, whichever is enough."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from autoresearch.errors import Invalid
from autoresearch.series.arrays import Columns, Whole
from autoresearch.series.coding import CHUNK, seconds
from autoresearch.series.curve import Curve
from autoresearch.series.merging import latest
from autoresearch.series.pyramid import BUCKET, Buckets, layout, read_buckets
from autoresearch.series.sampling import FINE, Units, joined, of_points, sample
from autoresearch.series.squeezing import damaged
from autoresearch.store.points_reading import Reader, SeriesRow, Window

__all__ = ["sampled"]

_ROWS = (
    "SELECT first_step, last_step, n, min, max, min_step, max_step, min_time, max_time, first, last, first_time, last_time,"
    " least_time, pyramid FROM summaries WHERE organization = ? AND run_id = ? AND series = ? AND first_step <= ? AND"
    " first_step >= coalesce((SELECT max(first_step) FROM summaries WHERE organization = ? AND run_id = ? AND series = ?"
    " AND first_step <= ?), ?) ORDER BY first_step"
)


class _Row(NamedTuple):
    """A row of ``summaries``, as far as it is drawn."""

    first_step: int
    last_step: int
    n: int
    min: float | None
    max: float | None
    min_step: int
    max_step: int
    min_time: int
    max_time: int
    first: float | None
    last: float | None
    first_time: int
    last_time: int
    least_time: int
    pyramid: bytes


class _Part(NamedTuple):
    """Neighbouring stretches, and their first and last point."""

    units: Units
    first: Columns
    last: Columns


def sampled(reader: Reader, series: SeriesRow, samples: int, window: Window) -> Curve:
    """A series in at most ``samples`` points.

    Raises:
        Invalid: Less than 2 samples.
    """
    if samples < 2:
        raise Invalid(
            f"{samples} samples cannot show a series.",
            hint="Ask for 2 at least: the first and the last point.",
        )
    drawing = _Drawing(reader, series, samples, window)
    (steps, times, values), total = drawing.points()
    return Curve(series.run, series.name, series.labels, steps, seconds(times), values, total=total)


class _Drawing:
    """One series on its way into few points."""

    def __init__(self, reader: Reader, series: SeriesRow, samples: int, window: Window) -> None:
        self.reader = reader
        self.series = series
        self.samples = samples
        self.window = window
        self.bounds = window.steps
        self.tail = reader.tail(series.id, *self.bounds)

    def points(self) -> tuple[Columns, int]:
        """The points that are shown, and how many the window has."""
        chunks = self._count()
        wanted = FINE * max(1, self.samples // 2 - 1)
        if chunks * (CHUNK // BUCKET) < wanted:
            return self._exact()
        pyramids = chunks < wanted
        parts = list(self._parts(self._rows(pyramids=pyramids), pyramids=pyramids))
        units = joined([part.units for part in parts])
        total = int(units.points.sum())
        if total <= self.samples:
            return self._exact()
        return sample(units, parts[0].first, parts[-1].last, self.samples), total

    def _exact(self) -> tuple[Columns, int]:
        points = self.reader.points(self.series.id, self.window)
        total = len(points[0])
        if total > self.samples:
            points = sample(
                of_points(points), _cut(points, slice(1)), _cut(points, slice(-1, None)), self.samples
            )
        return points, total

    def _count(self) -> int:
        """How many chunks there are in the window, from the index alone."""
        first, last = self.bounds
        found = self.reader.sql.rows(
            "SELECT count(*) FROM summaries WHERE organization = ? AND run_id = ? AND series = ? AND first_step >= ?"
            " AND first_step <= ?",
            *(self.reader.run, self.series.id, first, last),
        )
        return int(found[0][0])

    def _rows(self, *, pyramids: bool) -> list[_Row]:
        first, last = self.bounds
        sql, run, series = self.reader.sql, self.reader.run, self.series.id
        text = _ROWS if pyramids else _ROWS.replace("pyramid", "''")
        found = sql.rows(text, run, series, last, sql.organization, run, series, first, first)
        rows = list(map(_Row._make, found))
        return rows[1:] if rows and rows[0].last_step < first else rows

    def _parts(self, rows: Sequence[_Row], *, pyramids: bool) -> Iterator[_Part]:
        """The series in order: whole chunks by their rows, everything else point by point."""
        exact = self._touched(rows)
        ends = np.searchsorted(
            self.tail[0], np.array([row.last_step for row in rows], "<i8"), side="right"
        ).tolist()
        used = start = 0
        for place, end in enumerate(ends):
            if end == used and place not in exact:
                continue
            if start < place:
                yield self._whole(rows[start:place], pyramids=pyramids)
            live = slice(used, end)
            if place in exact:
                yield from _points_part(self._chunk(rows[place], live))
            else:
                yield from _points_part(_cut(self.tail, live))
            start, used = place + (place in exact), end
        if start < len(rows):
            yield self._whole(rows[start:], pyramids=pyramids)
        yield from _points_part(_cut(self.tail, slice(used, None)))

    def _touched(self, rows: Sequence[_Row]) -> set[int]:
        """Chunks whose rows do not tell enough: the window or the tail cuts into them."""
        first, last = self.bounds
        begins = np.searchsorted(self.tail[0], np.array([row.first_step for row in rows], "<i8"))
        ends = np.searchsorted(self.tail[0], np.array([row.last_step for row in rows], "<i8"), side="right")
        touched = set(np.flatnonzero(ends > begins).tolist())
        return touched | {
            place for place, row in enumerate(rows) if row.first_step < first or row.last_step > last
        }

    def _chunk(self, row: _Row, live: slice) -> Columns:
        """A chunk with the live points that fall before its end, within the window."""
        whole = self.reader.chunk(self.series.id, row.first_step)
        steps, times, values = (
            np.concatenate(both) for both in zip(whole, _cut(self.tail, live), strict=True)
        )
        kept = latest(steps)
        points = (steps, times, values) if kept is None else (steps[kept], times[kept], values[kept])
        first, last = self.bounds
        inside = slice(
            int(np.searchsorted(points[0], first)), int(np.searchsorted(points[0], last, side="right"))
        )
        return _cut(points, inside)

    def _whole(self, rows: Sequence[_Row], *, pyramids: bool) -> _Part:
        """Chunks of which nothing but the summaries is needed."""
        if pyramids:
            alike = itertools.groupby(rows, lambda row: layout(row.pyramid))
            units = joined([self._buckets(list(own)) for _, own in alike])
        else:
            units = _of_rows(rows)
        ends = (
            (rows[0].first_step, rows[0].first_time, rows[0].first),
            (rows[-1].last_step, rows[-1].last_time, rows[-1].last),
        )
        return _Part(units, *(_point(*end) for end in ends))

    def _buckets(self, rows: Sequence[_Row]) -> Units:
        where = (
            f"a pyramid of series {self.series.id} of run {self.reader.run} from step {rows[0].first_step} on"
        )
        found = read_buckets([row.pyramid for row in rows], where)
        if any(row.n != int(found.points[0].sum()) for row in rows):
            raise damaged(where)
        least, most = self._places(rows, found)
        return Units(
            points=found.points.ravel(),
            finite=found.finite.ravel() > 0,
            least=found.least.ravel().astype("<f8"),
            least_step=least[0].ravel(),
            least_time=least[1].ravel(),
            most=found.most.ravel().astype("<f8"),
            most_step=most[0].ravel(),
            most_time=most[1].ravel(),
        )

    def _places(
        self, rows: Sequence[_Row], found: Buckets
    ) -> tuple[tuple[Whole, Whole], tuple[Whole, Whole]]:
        """Steps and times of the least and of the greatest values."""
        if found.least_time is None or found.most_time is None:
            axes = [self.reader.axis_of(self.series.id, row.first_step) for row in rows]
            places = [
                [np.stack([axis[kind][own] for axis, own in zip(axes, at, strict=True)]) for kind in (0, 1)]
                for at in (found.argmin, found.argmax)
            ]
            return (places[0][0], places[0][1]), (places[1][0], places[1][1])
        first = np.array([row.first_step for row in rows], "<i8")[:, None]
        stride = np.array([(row.last_step - row.first_step) // max(1, row.n - 1) for row in rows], "<i8")[
            :, None
        ]
        begin = np.array([row.least_time for row in rows], "<i8")[:, None]
        least = first + stride * found.argmin, begin + found.least_time
        return least, (first + stride * found.argmax, begin + found.most_time)


def _of_rows(rows: Sequence[_Row]) -> Units:
    """Chunks as one stretch each."""
    finite = np.array([row.min is not None for row in rows])
    if not finite.all():
        rows = [row if row.min is not None else _not_finite(row) for row in rows]
    columns = list(zip(*rows, strict=True))
    _, _, count, least, most, *places = columns
    least_step, most_step, least_time, most_time = (np.array(column, "<i8") for column in places[:4])
    return Units(
        points=np.array(count, "<i8"),
        finite=finite,
        least=np.array(least, "<f8"),
        least_step=least_step,
        least_time=least_time,
        most=np.array(most, "<f8"),
        most_step=most_step,
        most_time=most_time,
    )


def _not_finite(row: _Row) -> _Row:
    """A chunk without a finite value: its first point stands for it."""
    value = np.nan if row.first is None else row.first
    return row._replace(
        min=value,
        max=value,
        min_step=row.first_step,
        max_step=row.first_step,
        min_time=row.first_time,
        max_time=row.first_time,
    )


def _points_part(points: Columns) -> Iterator[_Part]:
    if len(points[0]):
        yield _Part(of_points(points), _cut(points, slice(1)), _cut(points, slice(-1, None)))


def _cut(points: Columns, part: slice) -> Columns:
    steps, times, values = points
    return steps[part], times[part], values[part]


def _point(step: int, time: int, value: float | None) -> Columns:
    return np.array([step], "<i8"), np.array([time], "<i8"), np.array([np.nan if value is None else value])
