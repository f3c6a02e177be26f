"""Parts of the live tail of a run: frames that are stored, and rows that have just arrived."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autoresearch.series.arrays import Real, Whole
from autoresearch.series.batch import Rows
from autoresearch.series.coding import micros
from autoresearch.series.frames import Frame
from autoresearch.series.merging import latest, rising
from autoresearch.store.points_sql import Sql, column_ids

__all__ = ["Part", "Tail", "components", "frame_parts", "load", "tail_of"]


class Part:
    """Rows of one key set, read when they are asked for.

    Attributes:
        number: Number of the frame; None for rows that have just arrived.
        batch: Order of arrival.
        ids: Series of the columns.
        rows: How many rows there are.
        least_step: The least step.
        most_step: The greatest.
    """

    __slots__ = ("_frame", "_places", "_rows", "batch", "ids", "least_step", "most_step", "number", "rows")

    def __init__(
        self, number: int | None, batch: int, ids: tuple[int, ...], rows: int, steps: tuple[int, int]
    ) -> None:
        self.number = number
        self.batch = batch
        self.ids = ids
        self.rows = rows
        self.least_step, self.most_step = steps
        self._frame: Frame | None = None
        self._rows: Rows | None = None
        self._places: dict[int, int] | None = None

    @classmethod
    def arrived(cls, rows: Rows, ids: tuple[int, ...], batch: int) -> Part:
        """Rows that have no frame."""
        steps = np.frombuffer(rows.steps, "<i8")
        part = cls(None, batch, ids, len(rows), (int(steps.min()), int(steps.max())))
        part._rows = rows
        return part

    def hold(self, frame: Frame | None) -> None:
        """Take the bytes of the frame, or let go of them."""
        self._frame = frame

    @property
    def points(self) -> int:
        """Numbers in it."""
        return self.rows * len(self.ids)

    @property
    def steps(self) -> Whole:
        """The step of each row."""
        return np.frombuffer(self._rows.steps if self._rows else self._read.steps(), "<i8")

    @property
    def times(self) -> Whole:
        """The time of each row, microseconds."""
        return micros(np.frombuffer(self._rows.times if self._rows else self._read.times(), "<f8"))

    @property
    def sequences(self) -> NDArray[np.uint64]:
        """The writer's sequence number of each row."""
        return np.frombuffer(self._rows.sequences if self._rows else self._read.sequences(), "<u8")

    def values(self, series: int) -> Real:
        """The numbers of one series."""
        if self._places is None:
            self._places = {number: place for place, number in enumerate(self.ids)}
        place = self._places[series]
        return np.frombuffer(self._rows.values[place] if self._rows else self._read.column(place), "<f8")

    @property
    def _read(self) -> Frame:
        if self._frame is None:
            raise ValueError("The frame was not loaded.")
        return self._frame


class Tail(NamedTuple):
    """The live points of some series that share all of their rows, merged.

    Attributes:
        steps: int64, rising.
        times: int64 microseconds.
        values: float64, a row for each series.
        duplicates: Points of one series that a later one replaced.
    """

    steps: Whole
    times: Whole
    values: Real
    duplicates: int


def frame_parts(sql: Sql, run: str) -> list[Part]:
    """The frames of a run in order of arrival, not loaded."""
    known: dict[str, tuple[int, ...]] = {}
    parts = []
    for number, batch, text, rows, *steps in sql.rows(
        "SELECT number, batch, series, n, least_step, most_step FROM frames WHERE organization = ? AND run_id = ?"
        " ORDER BY number",
        run,
    ):
        if text not in known:
            known[text] = column_ids(text)
        parts.append(Part(number, batch, known[text], rows, (steps[0], steps[1])))
    return parts


def load(sql: Sql, run: str, parts: Iterable[Part]) -> None:
    """Read the bytes of frames.

    Raises:
        StoreCorrupt: The directory of one is damaged.
    """
    wanted = {part.number: part for part in parts if part.number is not None}
    text = "SELECT number, blob FROM frames WHERE organization = ? AND run_id = ? AND number IN ({})"
    for number, blob in sql.listed(text, run, among=list(wanted)):
        wanted[number].hold(Frame(blob, f"frame {number} of run {run}"))


def tail_of(parts: Sequence[Part], ids: Sequence[int]) -> Tail:
    """The merged points of series that every one of the parts has.

    Raises:
        StoreCorrupt: A column is damaged.
    """
    steps = np.concatenate([part.steps for part in parts])
    times = np.concatenate([part.times for part in parts])
    kept = None
    if not rising(steps):
        batches = np.concatenate([np.full(part.rows, part.batch) for part in parts])
        kept = latest(steps, batches, np.concatenate([part.sequences for part in parts]))
    values = np.empty((len(ids), len(steps)), "<f8")
    for row, series in enumerate(ids):
        np.concatenate([part.values(series) for part in parts], out=values[row])
    if kept is None:
        return Tail(steps, times, values, 0)
    return Tail(steps[kept], times[kept], values[:, kept], len(steps) - len(kept))


def components(parts: Sequence[Part]) -> list[list[Part]]:
    """The parts in heaps that have no series in common, each in order of arrival."""
    owner: dict[int, int] = {}
    merged: dict[int, set[tuple[int, ...]]] = {}
    for place, ids in enumerate(dict.fromkeys(part.ids for part in parts)):
        met = {owner[series] for series in ids if series in owner}
        merged[place] = {ids}.union(*(merged.pop(other) for other in met))
        owner.update((series, place) for own in (merged[place] if met else (ids,)) for series in own)
    heap = {ids: place for place, every in merged.items() for ids in every}
    heaps: dict[int, list[Part]] = {}
    for part in parts:
        heaps.setdefault(heap[part.ids], []).append(part)
    return list(heaps.values())
