"""The live tail becomes chunks: merged, coded, summarized, all in the caller's transaction.

Chunks of one series never overlap in step. A tail that reaches back into them makes those anew that it falls into, and no
others; how much may be made anew for how much tail is bounded, so that steps in any order cost a fixed multiple of what was
logged.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from autoresearch.series.arrays import Real, Whole
from autoresearch.series.batch import Rows
from autoresearch.series.coding import CHUNK, decode_axis, decode_values, encode_axis, encode_values
from autoresearch.series.frames import split
from autoresearch.series.merging import latest
from autoresearch.series.pyramid import Summary, summarize
from autoresearch.store.points_intake import add_frames
from autoresearch.store.points_parts import Part, Tail, components, frame_parts, load, tail_of
from autoresearch.store.points_sections import Head, Section, pieces, sections
from autoresearch.store.points_sql import Sql

__all__ = ["absorb", "compact", "heads", "lengths_of", "summary_row"]


_MOST_POINTS = 1 << 22
_MOST_FRAMES = 256
_FAR_TAIL = 4 * CHUNK
"""Rows that gather before they are taken into chunks where that needs a dozen answers over a network."""
_RATIO, _RATIO_OF_MANY = 4, 32
"""Points made anew for each point of the tail: usually, and when there are so many frames that reading them is slow."""
_SERIES_AT_ONCE = 64
_MADE_AT_ONCE = 256
_MOVED_AT_ONCE = 1 << 17
"""Points that one transaction takes into chunks, before it leaves what can wait to the next: others wait for its end."""

_HEADS = (
    "SELECT c.series, c.first_step, c.last_step, c.axis, c.n FROM (SELECT s.organization, s.run_id, s.id,"
    " coalesce((SELECT max(first_step) FROM chunks WHERE organization = s.organization AND run_id = s.run_id"
    " AND series = s.id AND first_step <= w.least), w.least) AS low,"
    " coalesce((SELECT min(first_step) FROM chunks WHERE organization = s.organization AND run_id = s.run_id"
    " AND series = s.id AND first_step > w.most), w.most) AS high"
    " FROM (SELECT ? AS organization, ? AS run_id, ? AS least, ? AS most) AS w"
    " JOIN series AS s ON s.organization = w.organization AND s.run_id = w.run_id WHERE s.id IN ({})) AS b"
    " JOIN chunks AS c ON c.organization = b.organization AND c.run_id = b.run_id AND c.series = b.id"
    " AND c.first_step >= b.low AND c.first_step <= b.high ORDER BY c.series, c.first_step"
)

_Group = tuple[Rows, tuple[int, ...]]


class _Made(NamedTuple):
    """Rows of new chunks that are stored together."""

    axes: list[tuple[Any, ...]]
    chunks: list[tuple[Any, ...]]
    summaries: list[tuple[Any, ...]]

    def store(self, sql: Sql) -> None:
        """Store them, and begin anew."""
        sql.many(
            "INSERT INTO axes (organization, run_id, id, n, uses, blob) VALUES (?, ?, ?, ?, ?, ?)", self.axes
        )
        sql.many(
            "INSERT INTO chunks (organization, run_id, series, first_step, last_step, axis, n, blob)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            self.chunks,
        )
        sql.many(
            "INSERT INTO summaries (organization, run_id, series, first_step, last_step, n, nans, infinities, min, max,"
            " min_step, max_step, min_time, max_time, mean, first, last, first_time, last_time, least_time, most_time, pyramid)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            self.summaries,
        )
        for rows in self:
            rows.clear()


class _Layout(NamedTuple):
    """Series that have the same parts of the tail and the same chunks, so that one axis serves them all."""

    parts: list[Part]
    heads: tuple[Head, ...]
    ids: list[int]


def compact(sql: Sql, run: str, *, most_points: int | None = None, whole: bool = False) -> int:
    """Move the tail of a run, or a part of it, into chunks; answers how many points were moved."""
    most = _MOST_POINTS if most_points is None else most_points
    moved = 0
    for heap in components(frame_parts(sql, run)):
        parts = _first(heap, most)
        if moved < most and (whole or len(parts) < len(heap) or _pays(sql, run, parts)):
            _take(sql, run, parts)
            moved += sum(part.points for part in parts)
    return moved


class _Length(NamedTuple):
    """How long the live tail of a run is, and the numbers of its last frame and last batch."""

    frames: int = 0
    rows: int = 0
    number: int = 0
    batch: int = 0

    def is_long(self, more: Sequence[_Group], most: int, *, busy: bool) -> bool:
        """Whether the tail is to be taken into chunks when more rows come; where much was done just now, at twice the length."""
        times = 2 if busy else 1
        rows = self.rows + sum(len(rows) for rows, _ in more)
        return rows >= times * most or self.frames + len(more) >= times * _MOST_FRAMES


def absorb(
    sql: Sql, groups: Sequence[tuple[str, list[_Group]]], lengths: Iterable[tuple[Any, ...]]
) -> list[tuple[str, int, int, list[_Group]]]:
    """Take rows that have just arrived into chunks where that pays.

    Args:
        sql: Inside a write transaction.
        groups: The rows of each batch, with its run.
        lengths: Answer of :func:`lengths_of` for these runs.

    Returns:
        The others, which become frames; see :func:`autoresearch.store.points_intake.add_frames`.
    """
    tails = {row[0]: _Length(*row[1:]) for row in lengths}
    left: list[tuple[str, int, int, list[_Group]]] = []
    moved = 0
    for run, own in groups:
        tail = tails.get(run, _Length())
        kept = own
        if tail.is_long(own, _FAR_TAIL if sql.far else CHUNK, busy=moved >= _MOVED_AT_ONCE):
            add_frames(sql, left)
            left.clear()
            kept, points = _absorbed(sql, run, own, tail.batch + 1)
            moved += points
            if len(kept) < len(own):
                tail = next((_Length(*row[1:]) for row in lengths_of(sql, [run])), _Length())
        left.append((run, tail.batch + 1, tail.number, kept))
        parts = [len(part) for rows, _ in kept for part in split(rows)]
        tails[run] = _Length(
            tail.frames + len(parts), tail.rows + sum(parts), tail.number + len(parts), tail.batch + 1
        )
    return left


def lengths_of(sql: Sql, runs: Iterable[str]) -> Iterator[tuple[Any, ...]]:
    """How long the live tails of some runs are, for those that have one; asked for at once, read later."""
    text = (
        "SELECT run_id, count(*), sum(n), max(number), max(batch) FROM frames"
        " WHERE organization = ? AND run_id IN ({}) GROUP BY run_id"
    )
    return sql.asked(text, among=list(dict.fromkeys(runs)))


def _absorbed(sql: Sql, run: str, groups: list[_Group], batch: int) -> tuple[list[_Group], int]:
    """Take the rows of one batch, with the tail they belong to, into chunks where that pays.

    Answers the others, and how many points were moved.
    """
    moved = 0
    arrived = [Part.arrived(rows, ids, batch) for rows, ids in groups]
    taken: set[int] = set()
    for heap in components([*frame_parts(sql, run), *arrived]):
        new = {id(part) for part in heap if part.number is None}
        if (
            new
            and sum(part.points for part in heap if part.number is not None) <= _MOST_POINTS
            and _pays(sql, run, heap)
        ):
            _take(sql, run, heap)
            taken |= new
            moved += sum(part.points for part in heap)
    return [group for group, part in zip(groups, arrived, strict=True) if id(part) not in taken], moved


def heads(sql: Sql, run: str, series: Sequence[int], least: int, most: int) -> dict[int, tuple[Head, ...]]:
    """The chunks of each series that hold steps of a range, the one before it and the one after it."""
    found: dict[int, list[Head]] = {number: [] for number in series}
    for number, *row in sql.listed(_HEADS, run, least, most, among=series):
        found[number].append(Head(*row))
    return {number: tuple(own) for number, own in found.items()}


def summary_row(run: str, series: int, steps: tuple[int, int], count: int, found: Summary) -> tuple[Any, ...]:
    """The row of ``summaries`` for a chunk; NULL stands for NaN."""
    numbers = [
        None if number is None or math.isnan(number) else number
        for number in (found.mean, found.first, found.last)
    ]
    return (
        *(run, series, *steps, count, found.nans, found.infinities, found.min, found.max),
        *(found.min_step, found.max_step, found.min_time, found.max_time, *numbers),
        *(found.first_time, found.last_time, found.least_time, found.most_time, found.pyramid),
    )


def _first(heap: list[Part], most: int) -> list[Part]:
    """The oldest parts, whole batches, with at most so many points; at least one batch."""
    total = 0
    for part in heap:
        total += part.points
        if total > most and part.batch != heap[0].batch:
            start = next(at for at, other in enumerate(heap) if other.batch == part.batch)
            return heap[:start]
    return heap


def _pays(sql: Sql, run: str, parts: Sequence[Part]) -> bool:
    """Whether the tail is long enough, in itself and beside the chunks that it would make anew."""
    rows: dict[tuple[int, ...], list[Part]] = {}
    for part in parts:
        rows.setdefault(part.ids, []).append(part)
    longest = max(sum(part.rows for part in own) for own in rows.values())
    many = len(parts) >= _MOST_FRAMES
    if longest < CHUNK and not many:
        return False
    anew = 0
    for (
        ids,
        own,
    ) in rows.items():  # the columns of one key set nearly always share their chunks: one speaks for all
        least, most = min(part.least_step for part in own), max(part.most_step for part in own)
        near = heads(sql, run, ids[:1], least, most)[ids[0]]
        touched = [head.n for head in near if head.met(least, most)]
        anew += sum(touched) * len(ids)
    return anew <= sum(part.points for part in parts) * (_RATIO_OF_MANY if many else _RATIO)


def _take(sql: Sql, run: str, parts: list[Part]) -> None:
    """Move parts into chunks; no series of theirs has an older part elsewhere."""
    load(sql, run, parts)
    for layout in _layouts(sql, run, parts):
        _rewrite(sql, run, layout)
    sql.run_listed(
        "DELETE FROM frames WHERE organization = ? AND run_id = ? AND number IN ({})",
        run,
        among=[part.number for part in parts if part.number is not None],
    )
    sql.run("DELETE FROM axes WHERE organization = ? AND run_id = ? AND uses <= 0", run)


def _layouts(sql: Sql, run: str, parts: list[Part]) -> Iterator[_Layout]:
    sets = {own: place for place, own in enumerate(dict.fromkeys(part.ids for part in parts))}
    member: dict[int, list[int]] = {}
    for own_ids, place in sets.items():
        for series in own_ids:
            member.setdefault(series, []).append(place)
    by_sets: dict[tuple[int, ...], list[int]] = {}
    for series, own_sets in member.items():
        by_sets.setdefault(tuple(own_sets), []).append(series)
    for places, every in by_sets.items():
        own = [part for part in parts if sets[part.ids] in places]
        least, most = min(part.least_step for part in own), max(part.most_step for part in own)
        alike: dict[tuple[Head, ...], list[int]] = {}
        for series, near in heads(sql, run, every, least, most).items():
            alike.setdefault(near, []).append(series)
        for found, ids in alike.items():
            yield _Layout(own, found, ids)


def _rewrite(sql: Sql, run: str, layout: _Layout) -> None:
    last = _last_step(sql, run, layout.ids[0])
    writer: _Writer | None = None
    for start in range(0, len(layout.ids), _SERIES_AT_ONCE):
        ids = layout.ids[start : start + _SERIES_AT_ONCE]
        tail = tail_of(layout.parts, ids)
        if writer is None:
            writer = _Writer(sql, run, layout, sections(layout.heads, tail.steps, last))
        writer.write(tail, ids)


def _last_step(sql: Sql, run: str, series: int) -> int | None:
    """The first step of the last chunk of a series."""
    found = sql.rows(
        "SELECT max(first_step) FROM chunks WHERE organization = ? AND run_id = ? AND series = ?", run, series
    )[0][0]
    return None if found is None else int(found)


class _Writer:
    """Writes the sections of a layout for one bunch of its series after the other; axes once for all of them."""

    def __init__(self, sql: Sql, run: str, layout: _Layout, plan: list[Section]) -> None:
        self.sql = sql
        self.run = run
        self.layout = layout
        self.plan = plan
        self.old: dict[int, tuple[Whole, Whole]] = {}
        self.new: dict[tuple[int, int], int] = {}
        self.made = _Made([], [], [])
        greatest = sql.rows(
            "SELECT coalesce(max(id), 0) FROM axes WHERE organization = ? AND run_id = ?", run
        )
        self.next_axis = int(greatest[0][0]) + 1

    def write(self, tail: Tail, ids: list[int]) -> None:
        """Make the chunks of some series anew."""
        duplicates = tail.duplicates
        for place, section in enumerate(self.plan):
            duplicates += self._section(place, section, tail, ids)
        self.made.store(self.sql)
        if duplicates:
            self.sql.update(
                "UPDATE series SET duplicates = duplicates + ? WHERE run_id = ? AND id = ? AND organization = ?",
                [(duplicates, self.run, series) for series in ids],
            )

    def _section(self, place: int, section: Section, tail: Tail, ids: list[int]) -> int:
        met = self.layout.heads[section.heads]
        axes = [self._axis(head) for head in met]
        steps = np.concatenate([*(axis[0] for axis in axes), tail.steps[section.tail]])
        times = np.concatenate([*(axis[1] for axis in axes), tail.times[section.tail]])
        values = tail.values[:, section.tail]
        if met:
            values = np.concatenate([self._values(met, ids), values], axis=1)
            self._drop(met, ids, first=ids[0] == self.layout.ids[0])
        kept = latest(steps)
        total = len(steps)
        if kept is not None:
            steps, times, values = steps[kept], times[kept], values[:, kept]
        for start, end in pieces(len(steps), full=section.last):
            part = slice(start, end)
            self._chunk((place, start), steps[part], times[part], np.ascontiguousarray(values[:, part]), ids)
        return total - len(steps)

    def _axis(self, head: Head) -> tuple[Whole, Whole]:
        if head.axis not in self.old:
            found = self.sql.rows(
                "SELECT blob FROM axes WHERE organization = ? AND run_id = ? AND id = ?", self.run, head.axis
            )
            where = f"axis {head.axis} of run {self.run}"
            self.old[head.axis] = decode_axis(found[0][0] if found else b"", where)
        return self.old[head.axis]

    def _values(self, met: Sequence[Head], ids: list[int]) -> Real:
        values = np.empty((len(ids), sum(head.n for head in met)), "<f8")
        text = (
            "SELECT series, first_step, blob FROM chunks WHERE organization = ? AND run_id = ? AND first_step >= ?"
            " AND first_step <= ? AND series IN ({})"
        )
        steps = met[0].first_step, met[-1].first_step
        blobs = {row[:2]: row[2] for row in self.sql.listed(text, self.run, *steps, among=ids)}
        for row, series in enumerate(ids):
            at = 0
            for head in met:
                blob = blobs.get((series, head.first_step), b"")
                where = f"the chunk of series {series} at step {head.first_step} of run {self.run}"
                values[row, at : at + head.n] = decode_values(blob, head.n, where)
                at += head.n
        return values

    def _drop(self, met: Sequence[Head], ids: list[int], *, first: bool) -> None:
        steps = met[0].first_step, met[-1].first_step
        for table in ("chunks", "summaries"):
            text = f"DELETE FROM {table} WHERE organization = ? AND run_id = ? AND first_step >= ?"  # noqa: S608  own names
            self.sql.run_listed(
                f"{text} AND first_step <= ? AND series IN ({{}})", self.run, *steps, among=ids
            )
        if first:
            uses = len(self.layout.ids)
            self.sql.update(
                "UPDATE axes SET uses = uses - ? WHERE run_id = ? AND id = ? AND organization = ?",
                [(uses, self.run, head.axis) for head in met],
            )

    def _chunk(
        self, place: tuple[int, int], steps: Whole, times: Whole, values: Real, ids: list[int]
    ) -> None:
        if place not in self.new:
            self.new[place] = self.next_axis
            self.next_axis += 1
            blob = encode_axis(steps, times)
            self.made.axes.append((self.run, self.new[place], len(steps), len(self.layout.ids), blob))
        ends = int(steps[0]), int(steps[-1])
        count, axis = len(steps), self.new[place]
        blobs = zip(ids, encode_values(values), strict=True)
        self.made.chunks.extend((self.run, series, *ends, axis, count, blob) for series, blob in blobs)
        found = zip(ids, summarize(steps, times, values), strict=True)
        self.made.summaries.extend(summary_row(self.run, series, ends, count, each) for series, each in found)
        if len(self.made.chunks) >= _MADE_AT_ONCE:
            self.made.store(self.sql)
