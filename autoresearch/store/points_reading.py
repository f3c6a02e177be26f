"""Series and lines as they are read: chunks and the live tail as one, in order of step."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from autoresearch.series.arrays import Columns, Whole
from autoresearch.series.coding import decode_axis, decode_values, micros, seconds
from autoresearch.series.curve import Curve
from autoresearch.series.merging import latest
from autoresearch.series.squeezing import checked, damaged, decompress
from autoresearch.store.points_parts import frame_parts, load, tail_of
from autoresearch.store.points_sql import Sql

__all__ = [
    "Line",
    "Reader",
    "SeriesRow",
    "Window",
    "catalog",
    "history",
    "last_values",
    "lines",
    "text_entries",
]

"""Steps, times (microseconds) and values of one length."""

_MOST_AXES = 512
_LEAST, _MOST = -(2**63), 2**63 - 1


class SeriesRow(NamedTuple):
    """What is known of a series without reading it; see the table for what the numbers say."""

    run: str
    id: int
    name: str
    labels: dict[str, str]
    kind: str
    points: int
    duplicates: int
    nans: int
    infinities: int
    first_step: int | None
    last_step: int | None
    most_step: int | None
    last_time: float | None
    last: float | None
    min: float | None
    max: float | None


class Line(NamedTuple):
    """One entry of a text series; ``number`` counts from 0."""

    number: int
    step: int
    time: float
    text: str


class Window(NamedTuple):
    """Which points are wanted: by step and by time, bounds included; None leaves a side open."""

    first_step: int | None = None
    last_step: int | None = None
    since: float | None = None
    until: float | None = None

    @property
    def steps(self) -> tuple[int, int]:
        """The least and the greatest step."""
        first = _LEAST if self.first_step is None else max(self.first_step, _LEAST)
        last = _MOST if self.last_step is None else min(self.last_step, _MOST)
        return first, last

    @property
    def times(self) -> tuple[int, int] | None:
        """The least and the greatest time, microseconds; None when any will do."""
        if self.since is None and self.until is None:
            return None
        since, until = np.array(
            [-np.inf if self.since is None else self.since, np.inf if self.until is None else self.until]
        )
        least, most = micros(np.array([since, until])).tolist()
        return least, most


def catalog(sql: Sql, runs: Sequence[str], *, kind: str | None = None) -> list[SeriesRow]:
    """The series of some runs, in order of run, name and labels."""
    text = (
        "SELECT run_id, id, name, labels, kind, points, duplicates, nans, infinities, first_step, last_step, most_step,"
        " last_time, last, min, max FROM series WHERE organization = ? AND run_id IN ({})"
    )
    found = [
        SeriesRow(row[0], row[1], row[2], json.loads(row[3]), *row[4:])
        for row in sorted(
            sql.listed(text, among=list(runs)), key=lambda row: (row[0], row[2], row[3], row[4])
        )
    ]
    return [row for row in found if kind is None or row.kind == kind]


def last_values(sql: Sql, runs: Sequence[str]) -> dict[str, list[tuple[str, str, float | None]]]:
    """Name, labels (JSON) and last value of every metric of some runs; None stands for NaN."""
    text = "SELECT run_id, name, labels, last FROM series WHERE organization = ? AND kind = 'metric' AND run_id IN ({})"
    found: dict[str, list[tuple[str, str, float | None]]] = {run: [] for run in runs}
    for run, name, labels, last in sql.listed(text, among=list(found)):
        found[run].append((name, labels, last))
    return found


def history(
    sql: Sql, series: Sequence[SeriesRow], window: Window, limit: int | None
) -> tuple[list[Curve], int | None]:
    """Every point of some series in a window, at most ``limit`` of each, and up to which step there are more."""
    readers = {row.run: Reader(sql, row.run) for row in series}
    read = [readers[row.run].points(row.id, window, limit) for row in series]
    ends = [int(points[0][limit - 1]) for points in read if limit is not None and len(points[0]) > limit]
    end = min(ends) if ends else None
    curves = []
    for row, (steps, times, values) in zip(series, read, strict=True):
        kept = slice(None) if end is None else slice(int(np.searchsorted(steps, end, side="right")))
        curves.append(Curve(row.run, row.name, row.labels, steps[kept], seconds(times[kept]), values[kept]))
    return curves, end


class Reader:
    """Reads the points of one run; holds the frames of its tail and some axes, which its series share."""

    def __init__(self, sql: Sql, run: str) -> None:
        self.sql = sql
        self.run = run
        self._parts = frame_parts(sql, run)
        self._loaded: set[int | None] = set()
        self._axes: dict[int, tuple[Whole, Whole]] = {}

    def tail(self, series: int, first: int, last: int) -> Columns:
        """The merged live points of a series between two steps."""
        near = [part for part in self._parts if part.least_step <= last and part.most_step >= first]
        parts = [part for part in near if series in part.ids]
        if not parts:
            return np.empty(0, "<i8"), np.empty(0, "<i8"), np.empty(0, "<f8")
        load(self.sql, self.run, [part for part in parts if part.number not in self._loaded])
        self._loaded |= {part.number for part in parts}
        found = tail_of(parts, [series])
        begin, end = _cut(found.steps, first, last)
        return found.steps[begin:end], found.times[begin:end], found.values[0, begin:end]

    def is_live(self, series: int) -> bool:
        """Whether points of a series are in the live tail."""
        return any(series in part.ids for part in self._parts)

    def points(self, series: int, window: Window, limit: int | None = None) -> Columns:
        """The points of a series in a window, in order of step; at least ``limit`` + 1 of them when there are so many."""
        first, last = window.steps
        tail = self.tail(series, first, last)
        found: list[Columns] = []
        count = used = 0
        for steps, times, values in self._chunks(series, window):
            until = int(np.searchsorted(tail[0], steps[-1], side="right"))
            found.append(_windowed(_merged((steps, times, values), tail, slice(used, until)), window))
            used = until
            count += len(found[-1][0])
            if limit is not None and count > limit:
                break
        else:
            found.append(_windowed((tail[0][used:], tail[1][used:], tail[2][used:]), window))
        steps, times, values = (np.concatenate(column) for column in zip(*found, strict=True))
        return steps, times, values

    def axis(self, number: int) -> tuple[Whole, Whole]:
        """Steps and microseconds of an axis."""
        if number not in self._axes:
            found = self.sql.rows(
                "SELECT blob FROM axes WHERE organization = ? AND run_id = ? AND id = ?", self.run, number
            )
            if len(self._axes) >= _MOST_AXES:
                self._axes.clear()
            self._axes[number] = decode_axis(
                found[0][0] if found else b"", f"axis {number} of run {self.run}"
            )
        return self._axes[number]

    def axis_of(self, series: int, first_step: int) -> tuple[Whole, Whole]:
        """The axis of one chunk."""
        text = (
            "SELECT axis FROM chunks WHERE organization = ? AND run_id = ? AND series = ? AND first_step = ?"
        )
        row = self.sql.rows(text, self.run, series, first_step)
        if not row:
            raise damaged(f"the chunk of series {series} at step {first_step} of run {self.run}")
        return self.axis(row[0][0])

    def chunk(self, series: int, first_step: int) -> Columns:
        """One chunk by its first step."""
        row = self.sql.rows(
            "SELECT axis, n, blob FROM chunks WHERE organization = ? AND run_id = ? AND series = ? AND first_step = ?",
            *(self.run, series, first_step),
        )
        if not row:
            raise damaged(f"the chunk of series {series} at step {first_step} of run {self.run}")
        return self._decoded(series, first_step, *row[0])

    def _chunks(self, series: int, window: Window) -> Iterator[Columns]:
        first, last = window.steps
        times = window.times
        join, bounds = ("", ()) if times is None else (_BY_TIME, (times[1], times[0]))
        text = (
            f"SELECT c.first_step, c.axis, c.n, c.blob FROM chunks c {join} WHERE c.organization = ? AND c.run_id = ?"  # noqa: S608
            " AND c.series = ? AND c.first_step <= ? AND c.first_step >= coalesce((SELECT max(first_step) FROM chunks"
            " WHERE organization = ? AND run_id = ? AND series = ? AND first_step <= ?), ?)"
            f"{' AND s.least_time <= ? AND s.most_time >= ?' if join else ''} ORDER BY c.first_step"
        )
        found = self.sql.each(
            text, self.run, series, last, self.sql.organization, self.run, series, first, first, *bounds
        )
        for first_step, axis, count, blob in found:
            yield self._decoded(series, first_step, axis, count, blob)

    def _decoded(self, series: int, first_step: int, axis: int, count: int, blob: bytes) -> Columns:
        steps, times = self.axis(axis)
        where = f"the chunk of series {series} at step {first_step} of run {self.run}"
        if len(steps) != count:
            raise damaged(where)
        return steps, times, decode_values(blob, count, where)


_BY_TIME = (
    "JOIN summaries s ON s.organization = c.organization AND s.run_id = c.run_id AND s.series = c.series"
    " AND s.first_step = c.first_step"
)


def lines(sql: Sql, series: SeriesRow, *, first: int, limit: int, tail: bool) -> list[Line]:
    """Entries of a text series by number."""
    if tail:
        first = max(0, series.points - limit)
    found: list[Line] = []
    text = (
        "SELECT first, n, blob FROM texts WHERE organization = ? AND run_id = ? AND series = ? AND first < ? AND first >="
        " coalesce((SELECT max(first) FROM texts WHERE organization = ? AND run_id = ? AND series = ? AND first <= ?), ?)"
        " ORDER BY first"
    )
    for begin, count, blob in sql.rows(
        text, series.run, series.id, first + limit, sql.organization, series.run, series.id, first, first
    ):
        entries = text_entries(blob, count, f"lines {begin} and on of {series.name} of run {series.run}")
        found += [Line(begin + place, *entry) for place, entry in enumerate(entries)]
    return [line for line in found if first <= line.number < first + limit]


def text_entries(blob: bytes, count: int, where: str) -> list[tuple[int, float, str]]:
    """Step, time and text of the entries of a blob.

    Raises:
        StoreCorrupt: It is damaged, or holds another number of entries.
    """
    entries: list[tuple[int, float, str]] = json.loads(decompress(checked(blob, where), None, where))
    if len(entries) != count:
        raise damaged(where)
    return entries


def _merged(chunk: Columns, tail: Columns, part: slice) -> Columns:
    """A chunk with the live points that fall before its end."""
    if part.start == part.stop:
        return chunk
    steps, times, values = (np.concatenate((old, new[part])) for old, new in zip(chunk, tail, strict=True))
    kept = latest(steps)
    return (steps, times, values) if kept is None else (steps[kept], times[kept], values[kept])


def _windowed(points: Columns, window: Window) -> Columns:
    steps, times, values = points
    begin, end = _cut(steps, *window.steps)
    if end - begin < len(steps):
        steps, times, values = steps[begin:end], times[begin:end], values[begin:end]
    if window.times is not None:
        least, most = window.times
        inside = (times >= least) & (times <= most)
        steps, times, values = steps[inside], times[inside], values[inside]
    return steps, times, values


def _cut(steps: Whole, first: int, last: int) -> tuple[int, int]:
    return int(np.searchsorted(steps, first)), int(np.searchsorted(steps, last, side="right"))
