"""Whatever happens on the way or to the server, what was acknowledged is there, and each point once."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.protocol.points_packing import MEDIA_TYPE, pack
from autoresearch.records.ids import new_id
from autoresearch.series.batch import Batch, Message
from tests.full_disk import full
from tests.ingest_process import ServerProcess
from tests.network import HTML, Fault, Network, answers, lost_answer, lost_request, truncated, twice
from tests.run_batches import START, rows
from tests.serving import in_process, listening

MSGPACK = {"Content-Type": MEDIA_TYPE}


class Client:
    """A writer that sends batch after batch, each until it is acknowledged."""

    def __init__(
        self, url: str, key: str, run: str, writer: str | None = None, *, opens: bool = True
    ) -> None:
        self.http = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {key}", **MSGPACK}, timeout=10
        )
        self.run = run
        self.id = writer or new_id()
        self.acknowledged = 0
        self._opens = opens
        self._stop = threading.Event()
        self.thread = threading.Thread(target=self._work)
        self.progress = threading.Semaphore(0)
        self.refused: list[str] = []
        self.most = 10**9

    def _batch(self, first: int) -> Batch:
        if first == 1:
            opened = {"op": "open" if self._opens else "note", "project": "p", "name": None, "text": "joined"}
            return Batch(self.run, self.id, 1, 1, messages=[Message(1, START, opened)])
        count = 1 + first % 7
        steps = range(first, first + count)
        made = rows({self.id: [float(step) for step in steps]}, first=first, steps=steps)
        return Batch(self.run, self.id, first, first + count - 1, rows=[made])

    def _work(self) -> None:
        batch = self._batch(1)
        pause = threading.Event()
        while not self._stop.is_set() and self.acknowledged < self.most:
            try:
                answer = self.http.post("/v1/ingest", content=pack([batch]))
            except httpx.TransportError:
                pause.wait(0.01)
                continue
            if answer.status_code != 200 or "results" not in answer.text:
                self.refused.append(f"{answer.status_code} {answer.text[:200]}")
                pause.wait(0.01)
                continue
            self.acknowledged = batch.last
            self.progress.release()
            batch = self._batch(batch.last + 1)

    def reach(self, batches: int) -> None:
        """Wait until so many more batches are acknowledged."""
        for _ in range(batches):
            assert self.progress.acquire(timeout=60), self.refused[-3:]

    def stop(self) -> None:
        self._stop.set()
        self.thread.join(60)
        self.http.close()


@contextmanager
def sending(url: str, key: str, many: int = 3) -> Iterator[list[Client]]:
    run = new_id()
    clients = [Client(url, key, run, opens=not place) for place in range(many)]
    for client in clients:
        client.thread.start()
    try:
        yield clients
    finally:
        for client in clients:
            client.stop()


def check(home: Path, clients: list[Client], *, exactly: bool = False) -> None:
    """What was acknowledged is there, each point once, and the receipt says so."""
    with LocalLedger.open(home) as ledger:
        (run,) = {client.run for client in clients}
        receipt = ledger.runs.receipt(run, verify=True)
        assert (receipt.intact, receipt.lost, receipt.faults) == (True, 0, ())
        curves = {curve.name: curve for curve in ledger.runs.history(run, limit=10_000).curves}
        for client in clients:
            position = ledger.runs.position(client.id)
            assert position >= client.acknowledged
            assert not exactly or position == client.acknowledged
            if position > 1:
                assert curves[client.id].steps.tolist() == list(range(2, position + 1))
                assert curves[client.id].values.tolist() == [float(step) for step in range(2, position + 1)]
        assert receipt.points_stored == sum(len(curve) for curve in curves.values())
        assert receipt.duplicates_collapsed == 0
        assert list(ledger.snapshots.verify()) == []


@pytest.mark.soak
def test_a_server_that_is_killed_again_and_again_keeps_what_it_acknowledged(
    tmp_path: Path, *, soak: bool
) -> None:
    chance = random.Random(7)
    with ServerProcess(tmp_path) as server:
        with sending(server.url, server.key) as clients:
            for _ in range(100 if soak else 3):
                clients[0].reach(chance.randrange(1, 12))
                server.kill()
                server.start()
            clients[1].reach(1)
        server.kill()
    check(tmp_path, clients)


def test_a_server_that_is_told_to_stop_finishes_what_it_took_in(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        with sending(server.url, server.key) as clients:
            for client in clients:
                client.reach(5)
            code = server.end()
        assert code in {0, -15}
    check(tmp_path, clients)


FAULTS: list[Callable[[], Fault]] = [
    lost_answer,
    lost_request,
    twice,
    lambda: truncated(30),
    lambda: answers(502, HTML),
    lambda: answers(429, b"{}"),
]


def test_a_network_that_loses_cuts_and_repeats_changes_nothing(tmp_path: Path) -> None:
    chance = random.Random(11)
    with listening(tmp_path) as served, Network(int(served.url.rpartition(":")[2])) as network:
        network.meets(*(chance.choice(FAULTS)() for _ in range(40)))
        with sending(network.url, served.key, 2) as clients:
            for client in clients:
                client.reach(30)
    check(tmp_path, clients)


def test_two_clients_with_one_writer_id_store_each_record_once(tmp_path: Path) -> None:
    writer = new_id()
    with listening(tmp_path) as served:
        run = new_id()
        clients = [Client(served.url, served.key, run, writer) for _ in range(2)]
        for client in clients:
            client.most = 400
            client.thread.start()
        for client in clients:
            client.thread.join(60)
            client.stop()
    check(tmp_path, clients)


def test_clients_whose_clocks_are_a_day_off_are_as_good_as_any(tmp_path: Path) -> None:
    with in_process(tmp_path) as served, served.http() as http:
        run = new_id()
        for days, writer in ((-1, new_id()), (1, new_id())):
            made = rows({f"{days}": [1.0, 2.0]}, first=2, start=START + 86400 * days)
            opened = Message(1, START + 86400 * days, {"op": "open", "project": "p", "name": None})
            batch = Batch(run, writer, 1, 3, rows=[made], messages=[opened])
            assert http.post("/v1/ingest", content=pack([batch]), headers=MSGPACK).status_code == 200
        ledger = LocalLedger(served.state.database, served.state.objects)
        assert ledger.runs.run(run).state == "running"
        assert ledger.runs.receipt(run, verify=True).intact


def test_a_full_disk_is_said_and_everything_stays_readable(tmp_path: Path) -> None:
    with listening(tmp_path) as served, served.http() as http:
        run, writer = new_id(), new_id()
        opened = Message(1, START, {"op": "open", "project": "p", "name": None})
        first = Batch(run, writer, 1, 2, rows=[rows({"loss": [1.0]}, first=2)], messages=[opened])
        assert http.post("/v1/ingest", content=pack([first]), headers=MSGPACK).status_code == 200
        wide = Batch(
            run, writer, 3, 102, rows=[rows({f"key {n}": [float(n)] * 100 for n in range(300)}, first=3)]
        )
        with full(served):
            refused = http.post("/v1/ingest", content=pack([wide]), headers=MSGPACK)
            assert (refused.status_code, refused.json()["error"]["code"]) == (507, "store_full")
            assert str(tmp_path) not in refused.text
            assert http.get(f"/v1/runs/{run}").json()["latest"] == {"loss": 1.0}
            assert http.get("/v1/ingest/position", params={"writer_id": writer}).json() == {"sequence": 2}
            noise = random.Random(3)
            made = (
                {"step": step, "metrics": {"a": noise.random(), "b": noise.random()}}
                for step in range(20_000)
            )
            lines = "".join(json.dumps(line) + "\n" for line in made)
            place = {"run_id": run, "writer_id": "lines"}
            refused = http.post("/v1/ingest/stream", content=lines, params=place)
            assert refused.status_code == 507
            reached = refused.json()["error"]["details"]["sequence"]
        assert http.post("/v1/ingest", content=pack([wide]), headers=MSGPACK).status_code == 200
        answer = http.post("/v1/ingest/stream", content=lines, params=place).json()
        assert (answer["sequence"], answer["points"]) == (20_000, 2 * (20_000 - reached))
        assert http.get(f"/v1/runs/{run}/integrity").json()["intact"]
