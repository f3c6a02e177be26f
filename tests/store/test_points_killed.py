"""A process that is killed while it takes over or compacts leaves every point there once, bit for bit."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from autoresearch.store.points import Points
from tests.store.points_model import Model, batch, compacted, database, store
from tests.store.points_victim import rows

ROOT = Path(__file__).parents[2]


@pytest.mark.soak
def test_kills_at_any_moment_of_ingest_and_compaction_lose_and_double_nothing(
    tmp_path: Path, soak: bool
) -> None:
    path = tmp_path / "p.db"
    connection = database(path)
    moment = random.Random(7)
    acknowledged = 0
    for _ in range(200 if soak else 8):
        command = [sys.executable, "-m", "tests.store.points_victim", str(path)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as victim:
            assert victim.stdout is not None
            acknowledged = int(victim.stdout.readline())
            # From the first commit on, at any place: some commits later, and some instructions after the last of them.
            victim.stdout.read(moment.randrange(1, 60))
            for _ in range(moment.randrange(300_000)):
                pass
            victim.kill()
        position = Points(connection, "local").position("w")
        assert position >= acknowledged
        receipt = Points(connection, "local").receipt("r", verify=True)
        assert receipt.faults == ()
    model = Model()
    model.log(rows(1, position))
    model.check(connection)
    compacted(connection)
    model.check(connection)
    connection.close()


def test_a_transaction_that_is_undone_leaves_nothing_and_is_taken_over_later(tmp_path: Path) -> None:
    connection = database(tmp_path / "p.db")
    store(connection, batch(rows(1, 5000)))
    before = Points(connection, "local").receipt("r", verify=True)
    again = batch(rows(5001, 5000), first=5001)
    connection.execute("BEGIN IMMEDIATE")
    points = Points(connection, "local")
    assert points.take(again) == [again.last]
    assert points.compact("r", whole=True) >= 0
    connection.execute("ROLLBACK")
    assert Points(connection, "local").receipt("r", verify=True) == before
    store(connection, again)
    model = Model()
    model.log(rows(1, 10_000))
    model.check(connection)
