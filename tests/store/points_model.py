"""A database with the tables of points, batches made of plain rows, and a dictionary that says what must be read back."""

from __future__ import annotations

import sqlite3
import struct
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from autoresearch.series.batch import Batch, Labels, Message, Rows, Text
from autoresearch.store import run_schema
from autoresearch.store.points import Points

Row = tuple[int, float, Mapping[str, float]]
"""Step, time and numbers of one record."""

TABLES = [run_schema.axes, run_schema.chunks, run_schema.frames, run_schema.inbox, run_schema.series]
TABLES += [run_schema.summaries, run_schema.texts, run_schema.writers]


class Opened(sqlite3.Connection):
    """Closed when nobody holds it any more."""

    def __del__(self) -> None:
        self.close()


def database(path: Path) -> sqlite3.Connection:
    """An open database in WAL mode, durable, with the tables."""
    engine = sa.create_engine(f"sqlite:///{path}")
    run_schema.runs.metadata.create_all(engine, tables=TABLES)
    engine.dispose()
    connection = sqlite3.connect(path, isolation_level=None, factory=Opened)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    return connection


@contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[Points]:
    """One write transaction."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield Points(connection, "local")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def columns(
    rows: Sequence[Row], first: int, labels: Labels = (), sequences: Sequence[int] | None = None
) -> list[Rows]:
    """Records as columns, one entry for each key set; the first record has the sequence number ``first``."""
    sets: dict[tuple[str, ...], list[tuple[int, Row]]] = {}
    numbers = range(first, first + len(rows)) if sequences is None else sequences
    for number, row in zip(numbers, rows, strict=True):
        sets.setdefault(tuple(row[2]), []).append((number, row))
    return [
        Rows(
            names,
            labels,
            array("Q", [number for number, _ in own]).tobytes(),
            array("q", [row[0] for _, row in own]).tobytes(),
            array("d", [row[1] for _, row in own]).tobytes(),
            [b"".join(struct.pack("<d", row[2][name]) for _, row in own) for name in names],
        )
        for names, own in sets.items()
    ]


def batch(
    rows: Sequence[Row] = (),
    *,
    first: int = 1,
    run: str = "r",
    writer: str = "w",
    labels: Labels = (),
    texts: Sequence[Text] = (),
    messages: Sequence[Message] = (),
    lost: tuple[int, int] = (0, 0),
    faults: Sequence[str] = (),
) -> Batch:
    """A batch of one writer: rows, then what else was said."""
    last = first + len(rows) + len(texts) + len(messages) + lost[0] - 1
    return Batch(
        run,
        writer,
        first,
        last,
        rows=columns(rows, first, labels),
        texts=texts,
        messages=messages,
        lost_records=lost[0],
        lost_points=lost[1],
        faults=faults,
    )


def store(connection: sqlite3.Connection, *batches: Batch) -> None:
    """Take batches over, one transaction each."""
    for each in batches:
        with writing(connection) as points:
            (answer,) = points.take(each)
            if not isinstance(answer, int):
                raise answer
            assert answer == each.last


def compacted(connection: sqlite3.Connection, run: str = "r", most: int | None = None) -> None:
    """Bring all of the tail into chunks."""
    with writing(connection) as points:
        while points.compact(run, whole=True, most_points=most):
            pass


class Model:
    """What was logged: the last write of each step, with the bits of its value."""

    def __init__(self) -> None:
        self.series: dict[str, dict[int, tuple[int, bytes]]] = {}
        self.points = 0

    def log(self, rows: Iterable[Row]) -> None:
        for step, time, numbers in rows:
            for name, value in numbers.items():
                self.series.setdefault(name, {})[step] = (round(time * 1e6), struct.pack("<d", value))
                self.points += 1

    def check(self, connection: sqlite3.Connection, run: str = "r") -> None:
        """Everything that is read equals what was logged, and the receipt says so."""
        points = Points(connection, "local")
        rows = points.catalog([run], kind="metric")
        assert {row.name for row in rows} == set(self.series)
        curves, after = points.history(rows)
        assert after is None
        for curve in curves:
            expected = sorted(self.series[curve.name].items())
            assert curve.steps.tolist() == [step for step, _ in expected]
            assert [round(time * 1e6) for time in curve.times.tolist()] == [at for _, (at, _) in expected]
            assert curve.values.tobytes() == b"".join(bits for _, (_, bits) in expected)
        receipt = points.receipt(run, verify=True)
        assert receipt.faults == ()
        assert receipt.committed == self.points == receipt.stored + receipt.duplicates
