"""A server that is killed again and again, or whose disk is full, while a client sends: nothing is lost, halved or made up."""

from __future__ import annotations

import hashlib
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from autoresearch.client.synchronous import Client
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.ledger.remote.ledger import RemoteLedger
from autoresearch.store.objects import Objects
from tests.contract_helpers import experiment, session
from tests.killable_server import ServerProcess
from tests.network import PASSES, Fault, Network, stalls

LARGE = random.Random(1).randbytes(40 * 1024 * 1024)


class _Killer:
    """Kills the server around every so many requests, and starts it again."""

    def __init__(self, server: ServerProcess, *, times: int, seed: int) -> None:
        self._server = server
        self._left = times
        self._dice = random.Random(seed)
        self._count = self._dice.randrange(2, 6)
        self._threads: list[threading.Thread] = []

    def __call__(self, _what: str) -> Fault:
        self._count -= 1
        if self._count == 0 and self._left:
            self._left -= 1
            thread = threading.Thread(target=self._kill, args=(self._dice.uniform(0, 0.03),))
            self._threads.append(thread)
            thread.start()
        return PASSES

    def _kill(self, after: float) -> None:
        threading.Event().wait(after)  # so that it is somewhere in the middle of a request
        self._server.kill()
        self._server.start()
        self._count = self._dice.randrange(3, 7)

    def wait(self) -> None:
        for thread in self._threads:
            thread.join(60)


@pytest.mark.soak
def test_a_server_that_is_killed_while_blobs_arrive_loses_and_halves_none(tmp_path: Path, soak: bool) -> None:
    kills = 100 if soak else 3
    contents = [random.Random(n).randbytes(n * 300) for n in range(30 * kills)] + [LARGE]
    digests = [hashlib.sha256(data).hexdigest() for data in contents]
    with ServerProcess(tmp_path / "home") as server, Network(server.port) as network:
        network.decide = killer = _Killer(server, times=kills, seed=kills)
        acknowledged: set[str] = set()
        with RemoteLedger(Client(server.key, base_url=network.url, tries=10, ingest_timeout=20)) as remote:
            for first in range(0, len(contents), 10):
                acknowledged |= set(remote.objects.put_many(contents[first : first + 10]))
            killer.wait()
            assert acknowledged == set(digests)
            assert remote.objects.missing(digests) == set()
            assert [remote.objects.get(digest) for digest in digests] == contents
            recorded = experiment(remote, session(remote).id, tree=None)
            assert remote.research.experiment(recorded.id).id == recorded.id
        assert server.kills == kills
    with LocalLedger.open(tmp_path / "home") as ledger:
        assert list(ledger.snapshots.verify()) == []
        assert set(ledger.store.digests()) == set(digests)
        assert list(Path(ledger.store.where, "uploads").iterdir()) == []


@contextmanager
def _little_room(folder: Path) -> Iterator[bool]:
    """A disk of two megabytes, where this may be made; else a folder, and files are limited to as much."""
    folder.mkdir()
    mount = shutil.which("mount")
    tried = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], check=False, capture_output=True
    )
    mounted = bool(tried) and not tried.returncode  # type: ignore[union-attr]
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_said_and_what_was_stored_stays_readable(tmp_path: Path) -> None:
    with (
        _little_room(tmp_path / "room") as mounted,
        ServerProcess(
            tmp_path / "home",
            file_size=None if mounted else 2 * 1024 * 1024,
            AUTORESEARCH_OBJECTS_URL=str(tmp_path / "room" / "objects"),
        ) as server,
        httpx.Client(
            base_url=server.url, headers={"Authorization": f"Bearer {server.key}"}, timeout=60
        ) as client,
    ):
        kept = client.post("/v1/blobs", content=b"fits").json()["digest"]
        begun = client.post("/v1/blobs/uploads", json={"digest": "0" * 64, "size": len(LARGE)}).json()
        refused = [
            client.post("/v1/blobs", content=LARGE[: 3 * 1024 * 1024]),
            client.post("/v1/files/upload", content=LARGE, params={"project": "p", "artifact": "a"}),
            client.patch(
                f"/v1/blobs/uploads/{begun['id']}", content=LARGE[: 3 * 1024 * 1024], params={"offset": 0}
            ),
        ]
        assert [one.status_code for one in refused] == [507 if mounted else 503] * 3
        if mounted:
            assert {one.json()["error"]["code"] for one in refused} == {"store_full"}
        assert client.get(f"/v1/blobs/{kept}").content == b"fits"
        assert client.post("/v1/blobs", content=b"small ones still fit").status_code == 200
        assert client.get(f"/v1/blobs/uploads/{begun['id']}").json()["received"] == 0
        objects = Objects(tmp_path / "room" / "objects")
        assert list(objects.verify()) == []
        assert list((objects.root / "tmp").iterdir()) == []


_CLIENT = """
import random, sys
from autoresearch.client.synchronous import Client
from autoresearch.ledger.remote.objects import RemoteObjects
data = random.Random(1).randbytes(40 * 1024 * 1024)
print(RemoteObjects(Client(sys.argv[1], base_url=sys.argv[2])).put(data))
"""


def test_a_client_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "home") as server, Network(server.port) as network:
        command = [sys.executable, "-c", _CLIENT, server.key, network.url]
        far = threading.Event()

        def stop(what: str) -> Fault:
            if "offset=16777216" not in what:
                return PASSES
            far.set()
            return stalls(sends=1000)

        network.decide = stop
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert far.wait(60)
            process.kill()
        network.decide = lambda _: PASSES
        network.seen.clear()
        said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
        assert said.strip() == hashlib.sha256(LARGE).hexdigest()
        offsets = [what.rpartition("=")[2] for what in network.seen if what.startswith("PATCH")]
        assert offsets == ["16777216", "25165824", "33554432"]
        with RemoteLedger(Client(server.key, base_url=network.url)) as remote:
            assert remote.objects.get(said.strip()) == LARGE


def _peak_bytes(process: int) -> int:
    (line,) = (
        line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith("VmHWM")
    )
    return int(line.split()[1]) * 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell of memory")
def test_the_servers_memory_does_not_grow_with_what_is_sent_or_read(tmp_path: Path) -> None:
    size = 160 * 1024 * 1024
    with (
        ServerProcess(tmp_path / "home") as server,
        httpx.Client(
            base_url=server.url, headers={"Authorization": f"Bearer {server.key}"}, timeout=120
        ) as client,
    ):
        client.post("/v1/blobs", content=b"begun")
        before = _peak_bytes(server.pid)
        sent = client.post("/v1/blobs", content=(LARGE[: 1024 * 1024] for _ in range(size // 1024**2)))
        assert sent.json()["size"] == size
        with client.stream("GET", f"/v1/blobs/{sent.json()['digest']}") as answer:
            assert sum(len(piece) for piece in answer.iter_raw()) == size
        assert _peak_bytes(server.pid) - before < 48 * 1024 * 1024
