"""What a batch becomes: names that fit, statistics of its series, rows of frames, blobs of text; nothing is stored here."""

from __future__ import annotations

import json
import math
import struct
import sys
from functools import lru_cache

from autoresearch.series import frames
from autoresearch.series.fitting import fitting, fitting_labels, labels_text
from autoresearch.series.squeezing import compress, sealed

TYPE_CHECKING = False  # importing typing would cost more than this module
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from autoresearch.series.batch import Labels, Rows, Text

    Key = tuple[str, str, str]
    Group = tuple[Rows, tuple[int, ...]]

__all__ = ["Known", "counted", "key_of", "text_blobs"]

_MOST_LINES = 4096
_MANY_ROWS = 256
"""From here on numpy is the faster one."""
_REAL = struct.Struct("<d").unpack_from
_WHOLE = struct.Struct("<q").unpack_from


class Known:
    """The row of a series, as it stands while a batch is taken over."""

    __slots__ = (
        "id",
        "infinities",
        "last",
        "last_step",
        "last_time",
        "least",
        "least_step",
        "most",
        "most_step",
        "nans",
        "points",
    )

    def __init__(self, number: int, row: Sequence[Any] | None = None) -> None:
        self.id = number
        self.points: int = row[0] if row else 0
        self.nans: int = row[1] if row else 0
        self.infinities: int = row[2] if row else 0
        self.least_step: int | None = row[3] if row else None
        self.last_step: int | None = row[4] if row else None
        self.most_step: int | None = row[5] if row else None
        self.last_time: float | None = row[6] if row else None
        self.last: float | None = row[7] if row else None
        self.least: float | None = row[8] if row else None
        self.most: float | None = row[9] if row else None

    def moved(self, points: int, steps: tuple[int, int], last: tuple[int, float, float | None]) -> None:
        """Points were added: how many, between which steps, and step, time and value of the last one."""
        self.points += points
        self.least_step = steps[0] if self.least_step is None else min(steps[0], self.least_step)
        self.most_step = steps[1] if self.most_step is None else max(steps[1], self.most_step)
        self.last_step, at, value = last
        self.last_time = at if math.isfinite(at) else None
        self.last = None if value is None or math.isnan(value) else value

    def measured(self, nans: int, infinities: int, least: float | None, most: float | None) -> None:
        """What is in the numbers that were added."""
        self.nans += nans
        self.infinities += infinities
        if least is not None and most is not None:
            self.least = least if self.least is None else min(least, self.least)
            self.most = most if self.most is None else max(most, self.most)

    def values(self) -> tuple[Any, ...]:
        """What is written back."""
        steps = self.least_step, self.last_step, self.most_step
        return (
            self.points,
            self.nans,
            self.infinities,
            *steps,
            self.last_time,
            self.last,
            self.least,
            self.most,
        )


@lru_cache(maxsize=2048)
def key_of(name: str, labels: Labels, kind: str) -> Key:
    """Name, labels and kind of a series as a database takes them."""
    return (
        _plain(name),
        labels_text(fitting_labels(labels)),
        kind,
    )


def _plain(name: str) -> str:
    """The name as a database takes it: not too long, and without NUL and lone surrogates."""
    name = fitting(name)
    if name.isascii() and "\0" not in name:
        return name
    return name.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def counted(rows: Rows, series: Sequence[Known]) -> tuple[int, ...]:
    """The ids of the columns, whose statistics now have the rows."""
    bounds, end = frames.bounds(rows.steps), len(rows.steps) - 8
    at, step = _REAL(rows.times, end)[0], _WHOLE(rows.steps, end)[0]
    measured: Iterable[tuple[int, int, float | None, float | None]] = map(frames.measure, rows.values)
    if len(rows) >= _MANY_ROWS and "numpy" in sys.modules:
        from autoresearch.series.coding import measure_all

        measured = measure_all(rows.values)
    for column, each, found in zip(rows.values, series, measured, strict=True):
        each.moved(len(rows), bounds, (step, at, _REAL(column, end)[0]))
        each.measured(*found)
    return tuple(each.id for each in series)


def text_blobs(series: Known, entries: Sequence[Text]) -> list[tuple[Any, ...]]:
    """Rows of entries of one series: id, number of the first, how many, first and last time, blob."""
    blobs: list[tuple[Any, ...]] = []
    for start in range(0, len(entries), _MOST_LINES):
        part = entries[start : start + _MOST_LINES]
        body = json.dumps([(entry.step, entry.time, entry.text) for entry in part], separators=(",", ":"))
        times = _moment(part[0].time), _moment(part[-1].time)
        blobs.append((series.id, series.points + start, len(part), *times, sealed(compress(body.encode()))))
    steps = [entry.step for entry in entries]
    series.moved(len(entries), (min(steps), max(steps)), (steps[-1], entries[-1].time, None))
    return blobs


def _moment(time: float) -> float:
    """A time that a column without NULL takes."""
    return time if math.isfinite(time) else 0.0
