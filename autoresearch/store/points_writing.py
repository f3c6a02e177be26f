"""What a batch becomes: statistics of its series, frames or chunks, blobs of text, messages in the inbox."""

from __future__ import annotations

import json
import math
import struct
import sys

from autoresearch.errors import Invalid
from autoresearch.series import frames
from autoresearch.series.fitting import fitting, fitting_labels, labels_text
from autoresearch.series.squeezing import compress, sealed
from autoresearch.store.points_sql import packed_ids

TYPE_CHECKING = False  # importing typing would cost more than this module
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from autoresearch.series.batch import Batch, Labels, Rows, Text
    from autoresearch.store.points_sql import Sql

    Key = tuple[str, str, str]
    Group = tuple[Rows, tuple[int, ...]]

__all__ = ["Known", "add_frames", "append"]

_FEW_KEYS = 24
_MOST_LINES = 4096
_MANY_ROWS = 256
"""From here on numpy is the faster one."""
_COLUMNS = "points, duplicates, nans, infinities, first_step, last_step, most_step, last_time, last, min, max"
_REAL = struct.Struct("<d").unpack_from
_WHOLE = struct.Struct("<q").unpack_from


class Known:
    """The row of a series, as it stands while a batch is taken over."""

    __slots__ = (
        "fresh",
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
        self.fresh = row is None
        self.points: int = row[0] if row else 0
        self.nans: int = row[2] if row else 0
        self.infinities: int = row[3] if row else 0
        self.least_step: int | None = row[4] if row else None
        self.last_step: int | None = row[5] if row else None
        self.most_step: int | None = row[6] if row else None
        self.last_time: float | None = row[7] if row else None
        self.last: float | None = row[8] if row else None
        self.least: float | None = row[9] if row else None
        self.most: float | None = row[10] if row else None

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


def append(sql: Sql, batch: Batch) -> None:
    """Store the rows, texts and messages of a batch.

    Raises:
        Invalid: Its columns do not belong together.
    """
    # The last value of a series is that of its last record, also when several key sets have it.
    rows = sorted((each for each in batch.rows if len(each)), key=lambda each: each.sequences[:-9:-1])
    for each in rows:
        frames.check(each)
    texts: dict[Key, list[Text]] = {}
    for entry in batch.texts:
        texts.setdefault(_key(entry.name, entry.labels, "text"), []).append(entry)
    keys = [[_key(name, each.labels, "metric") for name in each.names] for each in rows]
    known = _known(sql, batch.run, dict.fromkeys(key for each in (*keys, texts) for key in each))
    groups = [
        (each, _counted(each, [known[key] for key in own])) for each, own in zip(rows, keys, strict=True)
    ]
    blobs = [blob for key, entries in texts.items() for blob in _text_blobs(known[key], entries)]
    _save(sql, batch.run, known)
    if groups:
        _store(sql, batch.run, groups)
    if blobs:
        sql.many(
            "INSERT INTO texts (organization, run_id, series, first, n, first_time, last_time, blob)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            ((batch.run, *blob) for blob in blobs),
        )
    if batch.messages:
        _post(sql, batch)


def add_frames(sql: Sql, run: str, groups: Iterable[Group], number: int, batch: int) -> None:
    """Rows as frames of the live tail, numbered on from ``number``."""
    parts = [(part, ids) for rows, ids in groups for part in frames.split(rows)]
    made = []
    for place, (part, ids) in enumerate(parts, number + 1):
        bounds = frames.bounds(part.steps)
        made.append((run, place, batch, packed_ids(ids), len(part), *bounds, frames.encode(part)))
    sql.many(
        "INSERT INTO frames (organization, run_id, number, batch, series, n, least_step, most_step, blob)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        made,
    )


def _store(sql: Sql, run: str, groups: Sequence[Group]) -> None:
    if "numpy" in sys.modules:  # else loading it would cost the training process more than all of this
        from autoresearch.store.points_compaction import absorb

        groups, number, batch = absorb(sql, run, groups)
    else:
        newest = sql.rows(
            "SELECT number, batch FROM frames WHERE organization = ? AND run_id = ? ORDER BY number DESC LIMIT 1",
            run,
        )
        number, batch = newest[0] if newest else (0, 0)
    if groups:
        add_frames(sql, run, groups, number, batch + 1)


def _key(name: str, labels: Labels, kind: str) -> Key:
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


def _known(sql: Sql, run: str, keys: dict[Key, None]) -> dict[Key, Known]:
    """The rows of some series, new ones made for those that are not there."""
    if not keys:
        return {}
    select = f"SELECT name, labels, kind, id, {_COLUMNS} FROM series WHERE organization = ? AND run_id = ?"  # noqa: S608  own names
    if len(keys) > _FEW_KEYS:
        found = sql.rows(select, run)
    elif sql.far:
        marks = ", ".join(["(?, ?, ?)"] * len(keys))
        found = sql.rows(
            f"{select} AND (name, labels, kind) IN ({marks})", run, *(part for key in keys for part in key)
        )
    else:
        one = select + " AND name = ? AND labels = ? AND kind = ?"
        found = [row for key in keys for row in sql.rows(one, run, *key)]
    known = {row[:3]: Known(row[3], row[4:]) for row in found if row[:3] in keys}
    new = [key for key in keys if key not in known]  # in order of columns, so that their ids are neighbours
    if new:
        greatest = sql.rows(
            "SELECT coalesce(max(id), 0) FROM series WHERE organization = ? AND run_id = ?", run
        )[0][0]
        known.update((key, Known(number)) for number, key in enumerate(new, greatest + 1))
    return known


def _save(sql: Sql, run: str, known: dict[Key, Known]) -> None:
    sql.many(
        "INSERT INTO series (organization, run_id, id, name, labels, kind, points, duplicates, nans, infinities, first_step,"
        " last_step, most_step, last_time, last, min, max) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ((run, each.id, *key, *each.values()) for key, each in known.items() if each.fresh),
    )
    sql.update(
        "UPDATE series SET points = ?, nans = ?, infinities = ?, first_step = ?, last_step = ?, most_step = ?, last_time = ?,"
        " last = ?, min = ?, max = ? WHERE run_id = ? AND id = ? AND organization = ?",
        ((*each.values(), run, each.id) for each in known.values() if not each.fresh),
    )


def _counted(rows: Rows, series: Sequence[Known]) -> tuple[int, ...]:
    """The ids of the columns, whose statistics now have the rows."""
    if len({each.id for each in series}) < len(series):
        raise Invalid("Two names of a row are the same once characters that cannot be stored are replaced.")
    bounds, end = frames.bounds(rows.steps), len(rows.steps) - 8
    at, step = _REAL(rows.times, end)[0], _WHOLE(rows.steps, end)[0]
    measure = frames.measure
    if len(rows) >= _MANY_ROWS and "numpy" in sys.modules:
        from autoresearch.series.coding import measure
    for column, each in zip(rows.values, series, strict=True):
        each.moved(len(rows), bounds, (step, at, _REAL(column, end)[0]))
        each.measured(*measure(column))
    return tuple(each.id for each in series)


def _text_blobs(series: Known, entries: Sequence[Text]) -> list[tuple[Any, ...]]:
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


def _post(sql: Sql, batch: Batch) -> None:
    place = sql.rows("SELECT coalesce(max(place), 0) FROM inbox WHERE organization = ?")[0][0]
    sql.many(
        "INSERT INTO inbox (organization, writer, sequence, run_id, place, time, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (
                batch.writer,
                message.sequence,
                batch.run,
                place + number,
                message.time,
                json.dumps(message.body),
            )
            for number, message in enumerate(batch.messages, 1)
        ),
    )
