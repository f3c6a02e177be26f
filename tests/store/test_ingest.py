"""The lean way into the store, as a training process uses it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from autoresearch.errors import Conflict, Invalid, StoreFull, StoreReadOnly, StoreTooNew
from autoresearch.ledger.local.ingest import LocalIngest
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.run import RunQuery
from autoresearch.series.batch import Batch
from autoresearch.store import opening
from tests.run_batches import PROJECT, Writer, rows


def writer_of(ingest: LocalIngest, run: str | None = None) -> Writer:
    """A writer that hands over to the lean way."""

    class Lean:
        runs: Any = ingest

    lean: Any = Lean()
    return Writer(lean, run)


def test_what_is_handed_over_is_there_for_every_reader(tmp_path: Path) -> None:
    ingest = LocalIngest(str(tmp_path / "new" / "store"))
    writer = writer_of(ingest).open(name="lean")
    batch = writer.batch({"loss": [2.0, 1.0]})
    assert ingest.ingest(batch) == ingest.ingest(batch) == ingest.position(writer.id) == 3
    with LocalLedger.open(tmp_path / "new" / "store") as ledger:
        assert ledger.runs.run(writer.run).latest == {"loss": 1.0}
        assert ledger.runs.ingest(writer.batch({"loss": [0.5]})) == 4
    assert ingest.position(writer.id) == 4
    ingest.close()
    ingest.close()
    writer.finish()
    assert ingest.position(writer.id) == 5


def test_nothing_but_the_standard_library_is_loaded_to_store_a_batch(tmp_path: Path) -> None:
    code = (
        "import sys; from autoresearch.ledger.local.ingest import LocalIngest\n"
        "from autoresearch.series.batch import Batch, Message\n"
        "ingest = LocalIngest(sys.argv[1]); run = '01900000-0000-7000-8000-000000000000'\n"
        "ingest.ingest(Batch(run, 'w', 1, 1, messages=[Message(1, 1.0, {'op': 'open', 'project': 'p'})]))\n"
        "heavy = {'sqlalchemy', 'alembic', 'pydantic', 'numpy', 'typing', 'pathlib', 'logging', 'dataclasses'}\n"
        "print(sorted(heavy & sys.modules.keys()))\n"
    )
    # -S: what the environment's own start-up files load is not ours.
    paths = os.pathsep.join([".", *(path for path in sys.path if "site-packages" in path)])
    ran = subprocess.run(
        [sys.executable, "-S", "-c", code, str(tmp_path / "store")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert (ran.stdout, ran.stderr) == ("[]\n", "")
    with LocalLedger.open(tmp_path / "store") as ledger:
        assert len(ledger.runs.runs(RunQuery.make(project="p")).items) == 1


def test_a_heartbeat_moves_nothing_but_the_sign_of_life(tmp_path: Path) -> None:
    ingest = LocalIngest(str(tmp_path))
    writer = writer_of(ingest).open()
    with LocalLedger.open(tmp_path) as ledger:
        before = ledger.runs.run(writer.run)
        ingest.beat(writer.run, writer.id)
        after = ledger.runs.run(writer.run)
    assert after.heartbeat_at > before.heartbeat_at
    assert after.model_copy(update={"heartbeat_at": before.heartbeat_at}) == before
    ingest.beat(writer.run, "nobody")
    assert ingest.position(writer.id) == 1


def test_the_live_tail_is_compacted_in_parts(tmp_path: Path) -> None:
    ingest = LocalIngest(str(tmp_path))
    writer = writer_of(ingest).open()
    for start in range(0, 5000, 500):
        writer.log({"loss": [float(n) for n in range(500)]}, steps=range(start, start + 500))
    moved = 0
    while done := ingest.compact(writer.run, 2000):
        moved += done
    with LocalLedger.open(tmp_path) as ledger:
        assert ledger.runs.receipt(writer.run, verify=True).intact
        assert moved + ledger.runs.compact(writer.run) <= 5000
        assert len(ledger.runs.history(writer.run).curves[0]) == 5000


def test_a_refused_batch_leaves_nothing_behind(tmp_path: Path) -> None:
    ingest = LocalIngest(str(tmp_path))
    writer = writer_of(ingest).open()
    writer.log({"loss": [2.0, 1.0]})
    overlapping = writer.batch({"loss": [5.0]})
    overlapping.first = 2
    with pytest.raises(Conflict):
        ingest.ingest(overlapping)
    broken = writer.batch({"loss": [5.0]})
    broken.first = 4
    broken.rows = [rows({"loss": [5.0], "acc": [1.0]}, first=4)]
    broken.rows[0].values = [b"12345678", b"1"]
    with pytest.raises(Exception, match="differ in length"):
        ingest.ingest(broken)
    assert ingest.position(writer.id) == 3
    assert ingest.ingest(writer.batch({"loss": [5.0]})) == writer.sequence


def test_of_batches_that_are_handed_over_together_one_that_is_refused_spoils_no_other(tmp_path: Path) -> None:
    with LocalLedger.open(tmp_path) as ledger:
        one, other = Writer(ledger).open(), Writer(ledger).open()
        good, late = one.batch({"loss": [2.0, 1.0]}), other.batch({"loss": [3.0]})
        overlapping = one.batch({"loss": [5.0]})
        overlapping.first = 3
        alike = other.batch({"a\0": [1.0], "a\ufffd": [1.0]})
        again = Batch(good.run, good.writer, good.first, good.last, rows=good.rows)
        answers = ledger.runs.ingest_many([good, overlapping, late, alike, again])
        assert [answers[place] for place in (0, 2, 4)] == [3, 2, 3]
        assert isinstance(answers[1], Conflict)
        assert answers[1].details == {"sequence": 3}
        assert isinstance(answers[3], Invalid)
        assert [ledger.runs.receipt(each.run, verify=True).points_stored for each in (one, other)] == [2, 1]
        assert ledger.runs.ingest_many([]) == []


def test_batches_that_are_handed_over_together_are_stored_together_or_not_at_all(tmp_path: Path) -> None:
    with LocalLedger.open(tmp_path) as ledger:
        writer = Writer(ledger).open()
        batches = [writer.batch({"loss": [1.0]}), writer.batch({"loss": [2.0]})]

        def breaking() -> Iterator[Batch]:
            yield from batches
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            ledger.runs.ingest_many(breaking())
        assert ledger.runs.position(writer.id) == 1
        assert ledger.runs.ingest_many(batches) == [2, 3]


def test_a_full_disk_refuses_a_batch_whole_and_takes_it_later(tmp_path: Path) -> None:
    ingest = LocalIngest(str(tmp_path))
    writer = writer_of(ingest).open()
    assert ingest._connection is not None
    (pages,) = ingest._connection.execute("PRAGMA page_count").fetchone()
    ingest._connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    batch = writer.batch({f"key {n}": [float(n)] * 100 for n in range(200)})
    with pytest.raises(StoreFull, match="full"):
        ingest.ingest(batch)
    assert ingest.position(writer.id) == 1
    ingest._connection.execute("PRAGMA max_page_count = 1000000")
    assert ingest.ingest(batch) == 101
    with LocalLedger.open(tmp_path) as ledger:
        assert ledger.runs.receipt(writer.run, verify=True).points_stored == 20_000


def test_a_place_that_refuses_is_one_clear_error_and_may_be_tried_again(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    ingest = LocalIngest(str(tmp_path / "file" / "store"))
    writer = writer_of(ingest)
    for _ in range(2):
        with pytest.raises(StoreReadOnly, match="cannot be"):
            writer.say("open", project=PROJECT)
        writer.sequence = 0
    (tmp_path / "file").unlink()
    assert writer.say("open", project=PROJECT) == 1


def test_a_store_of_a_newer_library_is_refused_by_the_lean_way_too(tmp_path: Path) -> None:
    opening.connect(str(tmp_path / "ledger.sqlite")).close()
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StoreTooNew):
        LocalIngest(str(tmp_path)).position("w")


def test_threads_share_one_way_in(tmp_path: Path) -> None:
    ingest = LocalIngest(str(tmp_path))
    writers = [writer_of(ingest).open(name=str(n)) for n in range(4)]

    def log(writer: Writer) -> None:
        for _ in range(10):
            writer.log({"loss": [1.0] * 10})
        writer.finish()

    threads = [threading.Thread(target=log, args=(writer,)) for writer in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [ingest.position(writer.id) for writer in writers] == [102] * 4


def test_a_forked_child_goes_in_by_a_connection_of_its_own(tmp_path: Path) -> None:
    ingest = LocalIngest(str(tmp_path))
    writer = writer_of(ingest).open()
    inherited = ingest._connection
    ingest._lock.acquire()
    child = os.fork()
    if child == 0:
        try:
            mine = writer_of(ingest, writer.run)
            mine.log({"child": [1.0, 2.0]})
            os._exit(0 if ingest._connection is not inherited else 3)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    ingest._lock.release()
    assert os.waitstatus_to_exitcode(status) == 0
    writer.log({"parent": [3.0]})
    assert ingest._connection is inherited
    with LocalLedger.open(tmp_path) as ledger:
        assert ledger.runs.run(writer.run).latest == {"child": 2.0, "parent": 3.0}
        assert list(ledger.snapshots.verify()) == []


KILLED = """
import os, sys, threading
from autoresearch.ledger.local.ingest import LocalIngest
from tests.run_batches import Writer
class Lean:
    runs = LocalIngest(sys.argv[1])
writer = Writer(Lean(), sys.argv[2], sys.argv[3]).open()
part = 0
while True:
    writer.log({"loss": [float(part)] * 50, "acc": [float(-part)] * 50}, steps=range(part * 50, part * 50 + 50))
    part += 1
    os.write(1, b"%d\\n" % part)
"""


@pytest.mark.soak
def test_a_process_that_is_killed_between_any_two_instructions_leaves_whole_batches(
    tmp_path: Path, *, soak: bool
) -> None:
    for number in range(200 if soak else 6):
        made = writer_of(LocalIngest(str(tmp_path)))
        logger = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path), made.run, made.id], stdout=subprocess.PIPE
        )
        assert logger.stdout is not None
        for _ in range(3 + 7 * number % 20):
            logger.stdout.readline()
        logger.kill()
        rest, _ = logger.communicate()
        acknowledged = 3 + 7 * number % 20 + rest.count(b"\n")
        with LocalLedger.open(tmp_path) as ledger:
            sequence = ledger.runs.position(made.id)
            assert (sequence - 1) % 50 == 0
            assert (sequence - 1) // 50 - acknowledged in {0, 1}
            receipt = ledger.runs.receipt(made.run, verify=True)
            assert receipt.intact, receipt.faults
            assert receipt.points_stored == (sequence - 1) * 2
