"""Batches of one transaction: what must be known for them is read together, and what they change is written together.

A database that is reached over a network answers one large question sooner than many small ones: batches of many clients
take about as many statements as one of them alone.
"""

from __future__ import annotations

import json
import sys
import time

from autoresearch.errors import Conflict, Invalid
from autoresearch.series import frames
from autoresearch.store.points_sql import packed_ids
from autoresearch.store.points_writing import Known, counted, key_of, text_blobs

TYPE_CHECKING = False  # importing typing would cost more than this module
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from autoresearch.errors import AutoresearchError
    from autoresearch.series.batch import Batch, Rows, Text
    from autoresearch.store.points_sql import Sql
    from autoresearch.store.points_writing import Group, Key

__all__ = ["add_frames", "take_over"]

_MOST_FAULTS = 32
_FEW_KEYS = 24
_COLUMNS = "points, nans, infinities, first_step, last_step, most_step, last_time, last, min, max"


class _Writer:
    """The row of a writer, and what the batches of this transaction add to it."""

    __slots__ = ("counts", "faults", "run", "sequence")

    def __init__(self, run: str, sequence: int = 0, faults: str = "[]") -> None:
        self.run = run
        self.sequence = sequence
        self.faults: list[str] = json.loads(faults)
        self.counts = [0, 0, 0, 0, 0]

    def add(self, batch: Batch) -> None:
        """Take note of a batch; records that never came, before it or inside of it, count as lost."""
        said = list(batch.faults)
        if batch.last > self.sequence:
            missing = max(batch.lost_records, batch.last - self.sequence - batch.records)
            added = batch.records, batch.points, len(batch.texts), missing, batch.lost_points
            self.counts = [have + more for have, more in zip(self.counts, added, strict=True)]
            if batch.first > self.sequence + 1:
                gap = f"Records {self.sequence + 1} to {batch.first - 1}"
                said.append(f"{gap} of the writer {batch.writer} never came.")
            self.sequence = batch.last
        self.faults = (self.faults + [each for each in dict.fromkeys(said) if each not in self.faults])[
            :_MOST_FAULTS
        ]


class _Taken:
    """A batch that will be stored, its names as the store has them."""

    __slots__ = ("batch", "keys", "rows", "texts")

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        # The last value of a series is that of its last record, also when several key sets have it.
        self.rows: list[Rows] = sorted((each for each in batch.rows if len(each)), key=_last_sequence)
        self.keys = [[key_of(name, each.labels, "metric") for name in each.names] for each in self.rows]
        self.texts: dict[Key, list[Text]] = {}
        for entry in batch.texts:
            self.texts.setdefault(key_of(entry.name, entry.labels, "text"), []).append(entry)
        for each, own in zip(self.rows, self.keys, strict=True):
            frames.check(each)
            if len(set(own)) < len(own):
                raise Invalid(
                    "Two names of a row are the same once characters that cannot be stored are replaced."
                )

    def names(self) -> Iterable[tuple[str, Key]]:
        """Every series that it has points or texts of, with the run."""
        return ((self.batch.run, key) for own in (*self.keys, self.texts) for key in own)


class _Asked:
    """What has to be known of the series and tails of some batches: asked for together, read when it is needed."""

    __slots__ = ("series", "tails")

    def __init__(self, sql: Sql, read: Sequence[_Taken]) -> None:
        self.series = _found(sql, list(dict.fromkeys(name for each in read for name in each.names())))
        self.tails: Iterable[tuple[Any, ...]] | None = None
        runs = [each.batch.run for each in read if each.rows]
        # Else loading it would cost the training process more than all of this.
        if runs and "numpy" in sys.modules:
            from autoresearch.store.points_compaction import lengths_of

            self.tails = lengths_of(sql, runs)


def take_over(sql: Sql, batches: Sequence[Batch], *, gapless: bool = False) -> list[int | AutoresearchError]:
    """Store batches in their order, each of them whole or not at all.

    Records that never came (a gap before a batch, or inside of it) count as lost. An empty batch that tells nothing new only
    renews when its writer was heard of, and adds its faults.

    Args:
        sql: Inside a write transaction of the caller.
        batches: Of any writers and runs.
        gapless: Refuse a batch before which records are missing: they may still be under way.

    Returns:
        For each the last sequence number that is stored of its writer; or a ``Conflict`` (a part of it is stored already, or
        records before it are not: ``details["sequence"]`` says how far; or the writer has another run), or an ``Invalid`` (its
        columns do not belong together).
    """
    text = "SELECT id, run_id, sequence, faults FROM writers WHERE organization = ? AND id IN ({})"
    rows = sql.asked(text, among=list(dict.fromkeys(batch.writer for batch in batches)))
    read = [_read(batch) for batch in batches]
    asked = _Asked(sql, [each for each in read if isinstance(each, _Taken)])
    writers = {row[0]: _Writer(*row[1:]) for row in rows}
    answers: list[int | AutoresearchError] = []
    taken: list[_Taken] = []
    heard: dict[str, None] = {}
    for batch, own in zip(batches, read, strict=True):
        writer = writers.get(batch.writer) or _Writer(batch.run)
        try:
            if _is_new(batch, writer, gapless=gapless):
                taken.append(_sound(own))
            elif batch.first <= batch.last:
                answers.append(writer.sequence)
                continue
        except (Conflict, Invalid) as error:
            answers.append(error)
            continue
        writer.add(batch)
        writers[batch.writer], heard[batch.writer] = writer, None
        answers.append(writer.sequence)
    _store(sql, taken, asked)
    _store_writers(sql, {name: writers[name] for name in heard})
    return answers


def _read(batch: Batch) -> _Taken | Invalid:
    try:
        return _Taken(batch)
    except Invalid as error:
        return error


def _sound(read: _Taken | Invalid) -> _Taken:
    if isinstance(read, Invalid):
        raise read
    return read


def _last_sequence(rows: Rows) -> bytes:
    return rows.sequences[:-9:-1]


def _is_new(batch: Batch, writer: _Writer, *, gapless: bool) -> bool:
    """Whether there is anything in a batch that is not stored.

    Raises:
        Conflict: It cannot follow what is stored.
    """
    stored, empty = writer.sequence, batch.first > batch.last
    if writer.run != batch.run:
        raise Conflict(
            f"The writer {batch.writer} writes for another run.",
            hint="Use a new writer id for each process.",
        )
    if batch.first <= stored < batch.last:
        raise Conflict(
            f"Records of the writer {batch.writer} up to {stored} are stored already.",
            hint="Send what comes after them.",
            details={"sequence": stored},
        )
    if gapless and not empty and batch.first > stored + 1:
        raise Conflict(
            f"Records {stored + 1} to {batch.first - 1} of the writer {batch.writer} have not come yet.",
            hint="Send what comes after the sequence number in the details, in order.",
            details={"sequence": stored},
        )
    return batch.last > stored


def _store(sql: Sql, taken: Sequence[_Taken], asked: _Asked) -> None:
    known = _known(sql, dict.fromkeys(name for each in taken for name in each.names()), asked.series)
    groups: list[tuple[str, list[Group]]] = []
    blobs: list[tuple[Any, ...]] = []
    for each in taken:
        run = each.batch.run
        own = [
            (rows, counted(rows, [known[run, key] for key in keys]))
            for rows, keys in zip(each.rows, each.keys, strict=True)
        ]
        if own:
            groups.append((run, own))
        for key, entries in each.texts.items():
            blobs += ((run, *blob) for blob in text_blobs(known[run, key], entries))
    _store_series(sql, known)
    if groups:
        _store_groups(sql, groups, asked.tails)
    sql.many(
        "INSERT INTO texts (organization, run_id, series, first, n, first_time, last_time, blob)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        blobs,
    )
    if any(each.batch.messages for each in taken):
        _post(sql, [each.batch for each in taken])


def _known(
    sql: Sql, names: dict[tuple[str, Key], None], found: Iterable[tuple[Any, ...]]
) -> dict[tuple[str, Key], Known]:
    """What is known of some series, from the rows that were found; new ones made for those that are not there."""
    known = {(row[0], row[1:4]): Known(row[4], row[5:]) for row in found}
    new = [
        name for name in names if name not in known
    ]  # in order of columns, so that their ids are neighbours
    if new:
        runs = list(dict.fromkeys(run for run, _ in new))
        text = "SELECT run_id, max(id) FROM series WHERE organization = ? AND run_id IN ({}) GROUP BY run_id"
        greatest = dict.fromkeys(runs, 0) | dict(sql.listed(text, among=runs))
        for run, key in new:
            greatest[run] += 1
            known[run, key] = Known(greatest[run])
    return {name: known[name] for name in names}


def _found(sql: Sql, names: Sequence[tuple[str, Key]]) -> Iterable[tuple[Any, ...]]:
    """The rows of some series, and maybe of others; asked for at once where that takes a while."""
    select = f"SELECT run_id, name, labels, kind, id, {_COLUMNS} FROM series WHERE organization = ?"  # noqa: S608  own names
    runs = dict.fromkeys(run for run, _ in names)
    if len(names) > _FEW_KEYS * len(runs):
        return sql.asked(f"{select} AND run_id IN ({{}})", among=list(runs))
    if sql.far:
        keys = [(run, *key) for run, key in names]
        return sql.asked(f"{select} AND (run_id, name, labels, kind) IN (VALUES {{}})", among=keys)
    one = select + " AND run_id = ? AND name = ? AND labels = ? AND kind = ?"
    return (row for run, key in names for row in sql.rows(one, run, *key))


def _store_series(sql: Sql, known: dict[tuple[str, Key], Known]) -> None:
    sql.many(
        "INSERT INTO series (organization, run_id, id, name, labels, kind, points, duplicates, nans, infinities, first_step,"
        " last_step, most_step, last_time, last, min, max) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (organization, run_id, id) DO UPDATE SET points = excluded.points, nans = excluded.nans,"
        " infinities = excluded.infinities, first_step = excluded.first_step, last_step = excluded.last_step,"
        " most_step = excluded.most_step, last_time = excluded.last_time, last = excluded.last, min = excluded.min,"
        " max = excluded.max",
        ((run, each.id, *key, *each.values()) for (run, key), each in known.items()),
    )


def _store_groups(
    sql: Sql, groups: Sequence[tuple[str, list[Group]]], tails: Iterable[tuple[Any, ...]] | None
) -> None:
    """Rows as frames of the live tail of their run, or, where that pays and the lengths of tails are known, as chunks."""
    if tails is not None:
        from autoresearch.store.points_compaction import absorb

        add_frames(sql, absorb(sql, groups, tails))
        return
    newest = (
        "SELECT number, batch FROM frames WHERE organization = ? AND run_id = ? ORDER BY number DESC LIMIT 1"
    )
    for run, own in groups:
        number, batch = (sql.rows(newest, run) or [(0, 0)])[0]
        add_frames(sql, [(run, batch + 1, number, own)])


def add_frames(sql: Sql, groups: Iterable[tuple[str, int, int, Sequence[Group]]]) -> None:
    """Rows as frames of live tails.

    Args:
        sql: Inside a write transaction.
        groups: For each batch its run, its number in the order of arrival, the number of the last frame, and its rows.
    """
    made = []
    for run, batch, number, own in groups:
        parts = [(part, ids) for rows, ids in own for part in frames.split(rows)]
        for place, (part, ids) in enumerate(parts, number + 1):
            bounds = frames.bounds(part.steps)
            made.append((run, place, batch, packed_ids(ids), len(part), *bounds, frames.encode(part)))
    sql.many(
        "INSERT INTO frames (organization, run_id, number, batch, series, n, least_step, most_step, blob)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        made,
    )


def _post(sql: Sql, batches: Iterable[Batch]) -> None:
    place = sql.rows("SELECT coalesce(max(place), 0) FROM inbox WHERE organization = ?")[0][0]
    every = [(batch, message) for batch in batches for message in batch.messages]
    sql.many(
        "INSERT INTO inbox (organization, writer, sequence, run_id, place, time, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (batch.writer, each.sequence, batch.run, place + number, each.time, json.dumps(each.body))
            for number, (batch, each) in enumerate(every, 1)
        ),
    )


def _store_writers(sql: Sql, writers: dict[str, _Writer]) -> None:
    now = time.time()
    sql.many(
        "INSERT INTO writers (organization, id, run_id, sequence, records, points, texts, lost_records, lost_points,"
        " faults, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (organization, id) DO UPDATE SET sequence = excluded.sequence,"
        " records = writers.records + excluded.records, points = writers.points + excluded.points,"
        " texts = writers.texts + excluded.texts, lost_records = writers.lost_records + excluded.lost_records,"
        " lost_points = writers.lost_points + excluded.lost_points, faults = excluded.faults,"
        " updated_at = excluded.updated_at",
        (
            (name, each.run, each.sequence, *each.counts, json.dumps(each.faults), now)
            for name, each in writers.items()
        ),
    )
