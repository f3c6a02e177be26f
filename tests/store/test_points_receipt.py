"""A row that was deleted or a byte that was changed by hand is named by the receipt."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from autoresearch.errors import StoreCorrupt
from autoresearch.series.batch import Message, Text
from autoresearch.store.points import Points
from tests.store.points_model import batch, compacted, database, store


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A run with chunks, a live tail and text, of two writers."""
    connection = database(tmp_path / "p.db")
    rows = [(i, 1e9 + i, {"loss": i / 7, "acc": float(i)}) for i in range(5000)]
    store(connection, batch(rows))
    compacted(connection)
    tail = [(i, 1e9 + i, {"loss": i / 7, "acc": float(i)}) for i in range(5000, 5050)]
    store(connection, batch(tail, first=5001))
    entries = [Text("out", (), i, i, 1e9 + i, f"line {i}\n") for i in range(1, 30)]
    store(connection, batch(texts=entries, writer="v"))
    later = [Text("out", (), i, i, 1e9 + i, f"line {i}\n") for i in range(30, 40)]
    store(connection, batch([(9000, 1.0, {"other": 1.0})], texts=later, first=30, writer="v"))
    yield connection
    connection.close()


def faults(connection: sqlite3.Connection, *, verify: bool = False) -> tuple[str, ...]:
    return Points(connection, "local").receipt("r", verify=verify).faults


def test_a_run_that_is_whole_has_an_intact_receipt(connection: sqlite3.Connection) -> None:
    receipt = Points(connection, "local").receipt("r", verify=True)
    assert receipt.faults == ()
    assert receipt.intact
    assert (receipt.writers, receipt.claimed, receipt.duplicates) == (2, None, 0)
    assert receipt.committed == receipt.stored == 2 * 5050 + 1
    assert receipt.lines_committed == receipt.lines_stored == 39


TABLES = ("chunks", "axes", "frames", "summaries", "series", "writers", "texts")


@pytest.mark.parametrize("table", TABLES)
def test_deleting_any_row_by_hand_makes_the_receipt_say_so(
    connection: sqlite3.Connection, table: str
) -> None:
    keys = [row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[5]]
    rows = connection.execute(f"SELECT {', '.join(keys)} FROM {table}").fetchall()
    assert rows
    for row in rows:
        connection.execute("BEGIN")
        connection.execute(f"DELETE FROM {table} WHERE {' AND '.join(f'{key} = ?' for key in keys)}", row)
        assert faults(connection), f"{table} {row}"
        connection.execute("ROLLBACK")
    assert faults(connection) == ()


BLOBS = (
    ("chunks", "blob"),
    ("axes", "blob"),
    ("frames", "blob"),
    ("texts", "blob"),
    ("summaries", "pyramid"),
)


@pytest.mark.parametrize(("table", "column"), BLOBS)
def test_changing_any_byte_of_a_blob_makes_the_verified_receipt_say_so(
    connection: sqlite3.Connection, table: str, column: str
) -> None:
    rowid, blob = connection.execute(
        f"SELECT rowid, {column} FROM {table} ORDER BY length({column}) LIMIT 1"
    ).fetchone()
    places = sorted(
        {*range(min(40, len(blob))), *range(0, len(blob), max(1, len(blob) // 40)), len(blob) - 1}
    )
    for place in places:
        changed = bytearray(blob)
        changed[place] ^= 1 << place % 8
        connection.execute("BEGIN")
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (bytes(changed), rowid))
        assert faults(connection, verify=True), f"byte {place}"
        connection.execute("ROLLBACK")
    for wrong in (b"", blob[:-1], blob[:20], blob + b"\0"):
        connection.execute("BEGIN")
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (wrong, rowid))
        assert faults(connection, verify=True), f"{len(wrong)} of {len(blob)} bytes"
        connection.execute("ROLLBACK")


@pytest.mark.parametrize(
    "column",
    [
        "first_step",
        "last_step",
        "n",
        "nans",
        "infinities",
        "min",
        "max",
        "min_step",
        "max_step",
        "min_time",
        "max_time",
        "mean",
        "first",
        "last",
        "first_time",
        "last_time",
        "least_time",
        "most_time",
    ],
)
def test_changing_a_number_of_a_summary_makes_the_verified_receipt_say_so(
    connection: sqlite3.Connection, column: str
) -> None:
    connection.execute(
        f"UPDATE summaries SET {column} = {column} + 1 WHERE rowid = (SELECT max(rowid) FROM summaries)"
    )
    assert faults(connection, verify=True)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE writers SET points = points + 1 WHERE id = 'w'",
        "UPDATE writers SET texts = texts - 1 WHERE id = 'v'",
        "UPDATE series SET points = points + 1 WHERE name = 'loss'",
        "UPDATE series SET duplicates = duplicates + 1 WHERE name = 'loss'",
        "UPDATE axes SET uses = uses + 1",
        "UPDATE chunks SET n = n - 1 WHERE series = 1",
        "UPDATE texts SET n = n + 1 WHERE first = 0",
    ],
)
def test_counts_that_disagree_are_named(connection: sqlite3.Connection, change: str) -> None:
    connection.execute(change)
    assert faults(connection)


def test_what_the_writers_claim_is_compared_with_what_was_taken_over(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE writers SET claimed = points")
    assert faults(connection) == ()
    connection.execute("UPDATE writers SET claimed = claimed + 3 WHERE id = 'v'")
    receipt = Points(connection, "local").receipt("r")
    assert receipt.claimed == 10104
    assert "10104" in receipt.faults[0]


def test_lost_records_make_a_receipt_that_is_not_intact(tmp_path: Path) -> None:
    connection = database(tmp_path / "p.db")
    rows = [(i, 1.0, {"loss": 1.0}) for i in range(10)]
    store(connection, batch(rows, lost=(3, 12), faults=["A page of the journal was damaged."]))
    receipt = Points(connection, "local").receipt("r")
    assert (receipt.lost_records, receipt.lost_points, receipt.intact) == (3, 12, False)
    assert "A page of the journal was damaged." in receipt.faults


def test_reading_what_is_damaged_names_it(connection: sqlite3.Connection) -> None:
    points = Points(connection, "local")
    row = next(row for row in points.catalog(["r"]) if row.name == "loss")
    connection.execute(
        "UPDATE chunks SET blob = x'00112233445566' WHERE series = ? AND first_step = 0", (row.id,)
    )
    with pytest.raises(StoreCorrupt, match=r"chunk of series .* at step 0 of run r"):
        points.history([row])


def test_messages_wait_in_order_of_arrival(tmp_path: Path) -> None:
    connection = database(tmp_path / "p.db")
    store(
        connection,
        batch(
            messages=[Message(1, 1.0, {"op": "open"}), Message(2, 2.0, {"op": "config", "values": {"é": 1}})]
        ),
    )
    store(connection, batch(messages=[Message(1, 3.0, {"op": "open"})], writer="v", run="s"))
    found = connection.execute(
        "SELECT place, writer, sequence, run_id, time, body FROM inbox ORDER BY place"
    ).fetchall()
    assert [row[:5] for row in found] == [(1, "w", 1, "r", 1.0), (2, "w", 2, "r", 2.0), (3, "v", 1, "s", 3.0)]
    assert found[1][5] == '{"op": "config", "values": {"\\u00e9": 1}}'
