"""Points through several servers over one PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from autoresearch.errors import AutoresearchError
from autoresearch.ledger.local.gathering import Part, store_together
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.protocol.points_packing import MEDIA_TYPE, pack
from autoresearch.records.ids import new_id
from autoresearch.series.batch import Batch, Message
from autoresearch.series.coding import CHUNK
from autoresearch.store import points_compaction
from autoresearch.store.dialects import plain
from autoresearch.store.points_sql import Sql
from tests.postgres_server import empty_database
from tests.run_batches import START, Writer, rows
from tests.serving import in_process

MSGPACK = {"Content-Type": MEDIA_TYPE}


def test_what_is_sent_through_either_server_is_stored_once(tmp_path: Path) -> None:
    url, run = empty_database(), new_id()
    with in_process(tmp_path / "a", database=url) as one, in_process(tmp_path / "b", database=url) as other:
        opened = Batch(
            run, new_id(), 1, 1, messages=[Message(1, START, {"op": "open", "project": "p", "name": None})]
        )
        with one.http() as http:
            assert http.post("/v1/ingest", content=pack([opened]), headers=MSGPACK).status_code == 200

        def send(place: int) -> int:
            writer, stored = f"writer {place}", 0
            with one.http() as first, other.http() as second:
                for number in range(20):
                    at = 1 + 5 * number
                    made = rows({f"m{place}": [float(at)] * 5}, first=at, steps=range(at, at + 5))
                    batch = Batch(run, writer, at, at + 4, rows=[made])
                    for http in (first, second)[:: 1 if number % 2 else -1]:
                        answer = http.post("/v1/ingest", content=pack([batch]), headers=MSGPACK)
                        assert answer.status_code == 200, answer.text
                        stored = answer.json()["results"][0]["sequence"]
            return stored

        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(send, range(4))) == [100] * 4
        ledger = LocalLedger(one.state.database, one.state.objects)
        receipt = ledger.runs.receipt(run, verify=True)
        assert (receipt.intact, receipt.points_stored, receipt.duplicates_collapsed) == (True, 400, 0)
        for curve in ledger.runs.history(run).curves:
            assert curve.steps.tolist() == list(range(1, 101))


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_tails_that_grow_long_together_become_chunks_one_transaction_after_the_other(
    tmp_path: Path, dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(points_compaction, "_MOVED_AT_ONCE", 1)
    monkeypatch.setattr(points_compaction, "_FAR_TAIL", CHUNK)
    url = None if dialect == "sqlite" else empty_database()
    with LocalLedger.open(tmp_path) if url is None else LocalLedger.connect(url, tmp_path) as ledger:
        writers = [Writer(ledger).open() for _ in range(4)]
        tails = []
        for number in range(6):
            steps = range(1500 * number, 1500 * number + 1500)
            values = {"loss": [float(step) for step in steps]}
            parts = [Part("local", writer.batch(values, steps=steps)) for writer in writers]
            assert all(isinstance(answer, int) for answer in store_together(ledger.database, parts))
            with ledger.database.read("local") as connection:
                asked = "SELECT sum(n) FROM frames WHERE organization = ? AND run_id = ?"
                sql = Sql(plain(connection), "local")
                tails.append([sql.rows(asked, writer.run)[0][0] or 0 for writer in writers])
        # One at 4,096 rows in each transaction; one that was passed over, at twice as many at the latest.
        assert tails[2:] == [
            [0, 4500, 4500, 4500],
            [1500, 0, 6000, 6000],
            [3000, 1500, 0, 7500],
            [0, 3000, 1500, 0],
        ]
        for writer in writers:
            receipt = ledger.runs.receipt(writer.run, verify=True)
            assert (receipt.intact, receipt.points_stored) == (True, 6 * 1500)
            (curve,) = ledger.runs.history(writer.run).curves
            assert curve.values.tolist() == [float(step) for step in range(6 * 1500)]


@pytest.mark.parametrize("at_once", [1, 7, 40])
@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_what_is_stored_does_not_depend_on_what_came_together(
    tmp_path: Path, dialect: str, at_once: int
) -> None:
    url = None if dialect == "sqlite" else empty_database()
    with LocalLedger.open(tmp_path) if url is None else LocalLedger.connect(url, tmp_path) as ledger:
        writers = [Writer(ledger).open() for _ in range(2)]
        writers.append(Writer(ledger, writers[0].run).open())
        model: dict[tuple[str, str], dict[int, float]] = {}
        parts = []
        for number in range(40):
            writer = writers[number % 3]
            # Thousands of steps, so that chunks are made meanwhile; every batch writes some of the last one's again.
            steps = range(900 * number, 900 * number + 1000)
            names = [f"m{number % 2}", "loss"]
            values = {name: [float(number + step) for step in steps] for name in names}
            for name in names:
                series = model.setdefault((writer.run, name), {})
                series.update(zip(steps, values[name], strict=True))
            parts.append(Part("local", writer.batch(values, steps=steps)))
        for start in range(0, len(parts), at_once):
            answers = store_together(ledger.database, parts[start : start + at_once])
            assert all(isinstance(answer, int) for answer in answers), answers
        for writer in writers:
            assert ledger.runs.receipt(writer.run, verify=True).faults == ()
        for run in {writer.run for writer in writers}:
            found = _everything(ledger, run)
            assert found == {key: series for key, series in model.items() if key[0] == run}


def _everything(ledger: LocalLedger, run: str) -> dict[tuple[str, str], dict[int, float]]:
    """Every point of a run, read page by page."""
    found: dict[tuple[str, str], dict[int, float]] = {}
    cursor: str | None = None
    while True:
        page = ledger.runs.history(run, cursor=cursor)
        for curve in page.curves:
            own = found.setdefault((run, curve.name), {})
            own.update(zip(curve.steps.tolist(), curve.values.tolist(), strict=True))
        cursor = page.next_cursor
        if cursor is None:
            return found


def test_organizations_of_one_group_are_stored_each_behind_its_own_wall(tmp_path: Path) -> None:
    with LocalLedger.connect(empty_database(), tmp_path / "objects") as ledger:
        run, writer = new_id(), new_id()

        def part(organization: str, first: int) -> Part:
            made = rows({"loss": [1.0]}, first=first)
            return Part(organization, Batch(run, writer, first, first, rows=[made]))

        parts = [part("one", 1), part("two", 1), part("one", 2), part("two", 3), part("one", 2)]
        *stored, refused, again = store_together(ledger.database, parts)
        assert (stored, again) == ([1, 1, 2], 2)
        assert isinstance(refused, AutoresearchError)
        assert refused.details == {"sequence": 1}
