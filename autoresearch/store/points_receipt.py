"""Whether everything that was committed is there, from counts that were made apart from each other."""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from autoresearch.errors import StoreCorrupt
from autoresearch.series.arrays import Whole
from autoresearch.series.coding import decode_axis, decode_values
from autoresearch.series.frames import Frame
from autoresearch.series.pyramid import read_buckets, summarize
from autoresearch.series.squeezing import damaged
from autoresearch.store.points_compaction import summary_row
from autoresearch.store.points_reading import text_entries
from autoresearch.store.points_sql import Sql, column_ids

__all__ = ["PointsReceipt", "receipt"]

_MOST_NAMED = 20
_MEAN, _PYRAMID = 12, 19
"""Places in a row of what has sums in it, which may differ in the last bit from one processor to the next."""
_WHOLE = "organization = ? AND run_id = ?"


@dataclass(frozen=True, slots=True)
class PointsReceipt:
    """The points and lines of a run, counted three times.

    Attributes:
        writers: Processes that wrote.
        committed: Points that were taken over from them, by their own rows.
        claimed: Points they said they had written; None when one of them did not say.
        stored: Points that the chunks and frames themselves count.
        duplicates: Points that a later one at the same step replaced.
        lost_records: Records that never came or came damaged.
        lost_points: Points in them, as far as is known.
        lines_committed: Entries of text that were taken over.
        lines_stored: Those that are there.
        faults: One sentence for each thing that is wrong; at most 20 of a kind.
    """

    writers: int
    committed: int
    claimed: int | None
    stored: int
    duplicates: int
    lost_records: int
    lost_points: int
    lines_committed: int
    lines_stored: int
    faults: tuple[str, ...]

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong and nothing was lost."""
        return not self.faults and not self.lost_records and not self.lost_points


def receipt(sql: Sql, run: str, *, verify: bool) -> PointsReceipt:
    """Count what is there, and decode all of it when ``verify``."""
    return _Check(sql, run, verify=verify).answer()


class _Check:
    def __init__(self, sql: Sql, run: str, *, verify: bool) -> None:
        self.sql = sql
        self.run = run
        self.verify = verify
        self.faults: list[str] = []
        self.rows: Counter[int] = Counter()
        """Points of each series that are there."""
        self.entries: Counter[int] = Counter()

    def answer(self) -> PointsReceipt:
        """Run every check."""
        writers = self._all(
            "SELECT points, texts, lost_records, lost_points, claimed, faults, sequence, id FROM writers"
        )
        self._chunks()
        self._axes()
        self._frames()
        self._texts()
        duplicates = self._series()
        committed, lines, lost_records, lost_points = (
            sum(row[place] for row in writers) for place in range(4)
        )
        stored = sum(self.rows.values())
        claimed = (
            None if not writers or any(row[4] is None for row in writers) else sum(row[4] for row in writers)
        )
        self._balance("points", committed, stored + duplicates)
        self._balance("lines", lines, sum(self.entries.values()))
        if claimed is not None and claimed != committed + lost_points:
            self.faults.append(
                f"The writers say that they wrote {claimed} points; {committed} were taken over."
            )
        if lost_records or lost_points:
            self.faults.append(
                f"{lost_records} records with {lost_points} points were lost before they were taken over."
            )
        self.faults += [fault for row in writers for fault in json.loads(row[5])][:_MOST_NAMED]
        return PointsReceipt(
            writers=sum(row[6] > 0 for row in writers),
            committed=committed,
            claimed=claimed,
            stored=stored,
            duplicates=duplicates,
            lost_records=lost_records,
            lost_points=lost_points,
            lines_committed=lines,
            lines_stored=sum(self.entries.values()),
            faults=tuple(self.faults),
        )

    def _all(self, text: str, rest: str = "") -> list[tuple[Any, ...]]:
        return self.sql.rows(f"{text} WHERE {_WHOLE} {rest}", self.run)

    def _name(self, sentences: Iterator[str]) -> None:
        self.faults += itertools.islice(sentences, _MOST_NAMED)

    def _balance(self, what: str, committed: int, found: int) -> None:
        if found < committed:
            self.faults.append(f"{committed - found} {what} that were taken over are not there.")
        elif found > committed:
            self.faults.append(f"{found - committed} {what} are there that no writer accounts for.")

    def _series(self) -> int:
        """Compare each series with its row; answers the duplicates."""
        known = self._all("SELECT id, name, kind, points, duplicates FROM series")
        ids = {row[0] for row in known}
        orphans = sorted((self.rows.keys() | self.entries.keys()) - ids)
        self._name(f"There are points of series {series}, which is not there itself." for series in orphans)
        self._name(
            f"The series {name} took over {points} {'points' if kind == 'metric' else 'lines'}, and {there} are there"
            f"{f' beside {twice} duplicates' if twice else ''}."
            for series, name, kind, points, twice in known
            if points - twice != (there := (self.rows if kind == "metric" else self.entries)[series])
        )
        return sum(row[4] for row in known)

    def _chunks(self) -> None:
        for series, points in self._all("SELECT series, sum(n) FROM chunks", "GROUP BY series"):
            self.rows[series] += int(points)
        sides = (("chunks", "summaries", "summary"), ("summaries", "chunks", "chunk"))
        for table, other, missing in sides:
            found = self.sql.rows(
                f"SELECT a.series, a.first_step FROM {table} a LEFT JOIN {other} b ON b.organization = a.organization"  # noqa: S608
                " AND b.run_id = a.run_id AND b.series = a.series AND b.first_step = a.first_step AND b.n = a.n"
                " AND b.last_step = a.last_step WHERE a.organization = ? AND a.run_id = ? AND b.n IS NULL",
                self.run,
            )
            self._name(f"The {missing} of series {row[0]} at step {row[1]} is missing." for row in found)
        if self.verify:
            self._name(self._decoded_chunks())

    def _axes(self) -> None:
        used = dict(self._all("SELECT axis, count(*) FROM chunks", "GROUP BY axis"))
        there = dict(self._all("SELECT id, uses FROM axes"))
        self._name(
            f"The axis {axis} of {used[axis]} chunks is missing."
            for axis in sorted(used.keys() - there.keys())
        )
        self._name(
            f"The axis {axis} has {uses} chunks, and {used.get(axis, 0)} are there."
            for axis, uses in sorted(there.items())
            if uses != used.get(axis, 0)
        )

    def _frames(self) -> None:
        text = f"SELECT number, series, n, blob FROM frames WHERE {_WHOLE} ORDER BY number"  # noqa: S608
        for number, ids, count, blob in self.sql.each(text, self.run):
            where = f"frame {number} of run {self.run}"
            try:
                frame = Frame(blob, where)
                for series in column_ids(ids)[: frame.columns]:
                    self.rows[series] += frame.rows
                if self.verify:
                    _read_all(frame)
            except StoreCorrupt as error:
                self.faults.append(error.message)
                continue
            if (frame.rows, frame.columns) != (count, len(column_ids(ids))):
                self.faults.append(f"The {where} is of another size than its row says.")

    def _texts(self) -> None:
        ends: dict[int, int] = {}
        text = f"SELECT series, first, n, blob FROM texts WHERE {_WHOLE} ORDER BY series, first"  # noqa: S608
        for series, first, count, blob in self.sql.each(text, self.run):
            self.entries[series] += count
            if ends.get(series, 0) != first:
                self.faults.append(
                    f"Lines {ends.get(series, 0)} to {first - 1} of series {series} are missing."
                )
            ends[series] = first + count
            if self.verify:
                try:
                    text_entries(blob, count, f"lines {first} and on of series {series} of run {self.run}")
                except StoreCorrupt as error:
                    self.faults.append(error.message)

    def _decoded_chunks(self) -> Iterator[str]:
        axes: dict[int, Any] = {}
        before: tuple[int, int] | None = None
        text = (
            "SELECT c.axis, c.blob, s.series, s.first_step, s.last_step, s.n, s.nans, s.infinities, s.min, s.max, s.min_step,"
            " s.max_step, s.min_time, s.max_time, s.mean, s.first, s.last, s.first_time, s.last_time, s.least_time,"
            " s.most_time, s.pyramid FROM chunks c JOIN summaries s ON s.organization = c.organization AND"
            " s.run_id = c.run_id AND s.series = c.series AND s.first_step = c.first_step WHERE c.organization = ?"
            " AND c.run_id = ? ORDER BY c.series, c.first_step"
        )
        for axis, blob, *row in self.sql.each(text, self.run):
            series, first, last = row[:3]
            if before is not None and before[0] == series and before[1] >= first:
                yield f"Chunks of series {series} overlap at step {first}."
            before = series, last
            try:
                if len(axes) > 256:
                    axes.clear()
                if axis not in axes:
                    axes[axis] = self._axis(axis)
                self._compare(axes[axis], blob, row)
            except StoreCorrupt as error:
                yield error.message

    def _axis(self, axis: int) -> tuple[Whole, Whole]:
        found = self._all("SELECT blob FROM axes", f"AND id = {int(axis)}")
        return decode_axis(found[0][0] if found else b"", f"axis {axis} of run {self.run}")

    def _compare(self, axis: tuple[Whole, Whole], blob: bytes, row: list[Any]) -> None:
        """Make the summary of a chunk again and compare it; raises StoreCorrupt when they differ."""
        series, first, last, count, pyramid = row[0], row[1], row[2], row[3], row[-1]
        where = f"the chunk of series {series} at step {first} of run {self.run}"
        steps, times = axis
        values = decode_values(blob, count, where)
        if len(steps) != count or (int(steps[0]), int(steps[-1])) != (first, last):
            raise damaged(where)
        summary = summarize(steps, times, values.reshape(1, -1))[0]
        again = summary_row(self.run, series, (first, last), count, summary)[1:]
        exact = [
            (one, other)
            for place, (one, other) in enumerate(zip(again, row, strict=True))
            if place not in {_MEAN, _PYRAMID}
        ]
        mean, stored = (math.nan if number is None else number for number in (again[_MEAN], row[_MEAN]))
        alike = bool(np.isclose(mean, stored, rtol=1e-9, atol=0, equal_nan=True))
        if not alike or any(one != other for one, other in exact):
            raise damaged(f"the summary of series {series} at step {first} of run {self.run}")
        where = f"the pyramid of series {series} at step {first} of run {self.run}"
        made, there = read_buckets([summary.pyramid], where), read_buckets([pyramid], where)
        for name in ("least", "most", "finite", "argmin", "argmax", "least_time", "most_time"):
            one, other = getattr(made, name), getattr(there, name)
            if (one is None) != (other is None) or (one is not None and one.tobytes() != other.tobytes()):
                raise damaged(where)


def _read_all(frame: Frame) -> None:
    frame.sequences(), frame.steps(), frame.times()
    for column in range(frame.columns):
        frame.column(column)
