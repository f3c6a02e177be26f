"""Points through the server until they are durable: the server on one core, the clients on another.

python benchmarks/server.py
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np

from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.protocol.points_packing import pack
from autoresearch.records.ids import new_id
from autoresearch.series.batch import Batch, Message, Rows

NAMES = ("train/loss", "train/accuracy", "val/loss", "val/accuracy", "lr")
CORES = sorted(os.sched_getaffinity(0))
POINTS = 3_200_000

SERVER = """
import sys
from pathlib import Path
from autoresearch.ledger.access.service import Access
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.access import KeyRequest
from autoresearch.server.serving import listen, serve
from autoresearch.server.state import State
import logging
logging.disable()
with LocalLedger.open(Path(sys.argv[1])) as ledger:
    access = Access(ledger.database)
    access.create_organization("Local")
    key = access.keys.create(access.operator("local"), KeyRequest.make(name="bench", scope="write")).key
    state = State(database=ledger.database, objects=ledger.store, access=access)
    place = listen("127.0.0.1", 0)
    serve(state, place, ready=lambda: print(place.getsockname()[1], key, flush=True))
"""

# What a tracker is without columns: a row for each point, and a commit for each request.
PLAIN = """
import json, logging, socket, sqlite3, sys
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.concurrency import run_in_threadpool
import threading
logging.disable()
store = sqlite3.connect(sys.argv[1] + "/plain.sqlite", isolation_level=None, check_same_thread=False)
store.execute("PRAGMA journal_mode=WAL")
store.execute("PRAGMA synchronous=FULL")
store.execute("CREATE TABLE points (run, name, step, time, value, PRIMARY KEY (run, name, step)) WITHOUT ROWID")
lock = threading.Lock()
def put(said):
    rows = [(said["run_id"], name, point["step"], point["time"], value)
            for point in said["points"] for name, value in point["metrics"].items()]
    with lock:
        store.execute("BEGIN IMMEDIATE")
        store.executemany("INSERT INTO points VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", rows)
        store.execute("COMMIT")
async def ingest(request):
    await run_in_threadpool(put, json.loads(await request.body()))
    return JSONResponse({})
place = socket.create_server(("127.0.0.1", 0))
config = uvicorn.Config(Starlette(routes=[Route("/v1/ingest", ingest, methods=["POST"])]), access_log=False, log_config=None)
server = uvicorn.Server(config)
begin = server.startup
async def startup(sockets=None):
    await begin(sockets=sockets)
    print(place.getsockname()[1], "none", flush=True)
server.startup = startup
server.run(sockets=[place])
"""


class Server(NamedTuple):
    """A server process on the first core."""

    port: int
    key: str
    pid: int

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """The most resident memory so far, MiB."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


@contextlib.contextmanager
def serving(code: str, home: str) -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, "-c", code, home],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, CORES[:1]),  # noqa: PLW1509  no threads here
    )
    assert process.stdout is not None
    try:
        port, key = process.stdout.readline().split()
        yield Server(int(port), key, process.pid)
    finally:
        process.terminate()
        process.wait()


def rows(first: int, count: int, rng: np.random.Generator) -> Rows:
    at = np.arange(first, first + count)
    times = 1.76e9 + at / 100 + rng.random(count) / 1000
    columns = [rng.random(count).tobytes() for _ in NAMES]
    steps = at.astype("<i8").tobytes()
    return Rows(NAMES, (), at.astype("<u8").tobytes(), steps, times.tobytes(), columns)


def points(own: Rows) -> list[dict[str, object]]:
    steps, times = np.frombuffer(own.steps, "<i8").tolist(), np.frombuffer(own.times, "<f8").tolist()
    columns = [np.frombuffer(column, "<f8").tolist() for column in own.values]
    return [
        {"step": step, "time": at, "metrics": dict(zip(NAMES, values, strict=True))}
        for step, at, *values in zip(steps, times, *columns, strict=True)
    ]


def bodies(form: str, client: int, requests: int, per_request: int) -> list[bytes]:
    """Requests of one client, in order, each of its own writer."""
    rng, run, writer = np.random.default_rng(client), RUNS[client], new_id()
    made, count = [], per_request // len(NAMES)
    for number in range(requests):
        first = 1 + number * count
        own = rows(first, count, rng)
        if form == "msgpack":
            made.append(pack([Batch(run, writer, first, first + count - 1, rows=[own])]))
        elif form == "lines":
            made.append(b"".join(json.dumps(point).encode() + b"\n" for point in points(own)))
        else:
            body = {"run_id": run, "writer_id": writer, "sequence": first, "points": points(own)}
            made.append(json.dumps(body, separators=(",", ":")).encode())
    return made


RUNS = [new_id() for _ in range(64)]


class Took(NamedTuple):
    """What sending cost."""

    seconds: float
    cpu: float
    waits: list[float]


def send(server: Server, path: str, kind: str, every: Sequence[Sequence[bytes]]) -> Took:
    """All requests of every client, each client one after the other, all clients at once."""
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {server.key}\r\nContent-Type: {kind}\r\n"
    waits: list[float] = []

    async def client(own: Sequence[bytes]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for body in own:
            begun = time.perf_counter()
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            size = int(answer.lower().partition(b"content-length:")[2].split()[0])
            said = await reader.readexactly(size)
            waits.append(time.perf_counter() - begun)
            assert answer.startswith(b"HTTP/1.1 200"), answer + said
        writer.close()

    async def clients() -> None:
        await asyncio.gather(*(client(own) for own in every))

    cpu, begun = server.cpu(), time.perf_counter()
    asyncio.run(clients())
    return Took(time.perf_counter() - begun, server.cpu() - cpu, waits)


def line(name: str, took: Took, count: int, beside: Took | None = None, beside_count: int = 1) -> None:
    rate = count / took.seconds / 1e6
    said = f"{name}: {rate:.2f} M points/s durable, {count / took.cpu / 1e6:.2f} M/s of server processor time"
    ordered = sorted(took.waits)
    said += f", p50 {statistics.median(ordered) * 1000:.1f} ms, p99 {ordered[int(len(ordered) * 0.99)] * 1000:.1f} ms"
    if beside is not None:
        said += f"; {rate / (beside_count / beside.seconds / 1e6):.0f} times the row-wise server"
    print(said, flush=True)


def opened(server: Server) -> None:
    """Begin every run, so that its receipt can be read."""
    said = [
        Batch(run, new_id(), 1, 1, messages=[Message(1, 1.76e9, {"op": "open", "project": "bench"})])
        for run in RUNS
    ]
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/msgpack"}
    httpx.post(
        f"http://127.0.0.1:{server.port}/v1/ingest", content=pack(said), headers=headers
    ).raise_for_status()


def forms(server: Server, plain: Took, plain_count: int) -> None:
    """Each form from 16 clients of 5,000 points a request, then small requests of 64 clients."""
    before = server.memory()
    for name, form, kind, share in (
        ("msgpack", "msgpack", "application/msgpack", 1),
        ("row JSON", "rows", "application/json", 4),
    ):
        every = [bodies(form, client, POINTS // share // 16 // 5000, 5000) for client in range(16)]
        count = sum(map(len, every)) * 5000
        line(f"{name}, 16 clients", send(server, "/v1/ingest", kind, every), count, plain, plain_count)
    lines = [b"".join(bodies("lines", client, POINTS // 16 // 5000, 5000)) for client in range(4)]
    took = [
        send(server, f"/v1/ingest/stream?run_id={RUNS[client]}", "application/x-ndjson", [[body]])
        for client, body in enumerate(lines)
    ]
    whole = Took(sum(each.seconds for each in took), sum(each.cpu for each in took), took[0].waits)
    line("NDJSON stream, 1 client", whole, POINTS // 4, plain, plain_count)
    every = [bodies("msgpack", client, 40, 500) for client in range(64)]
    line(
        "msgpack of 500 points, 64 clients",
        send(server, "/v1/ingest", "application/msgpack", every),
        64 * 40 * 500,
    )
    print(f"memory of the server: {before:.0f} MiB at first, {server.memory():.0f} MiB at most")


def main() -> None:
    os.sched_setaffinity(0, CORES[1:2] or CORES)
    with tempfile.TemporaryDirectory() as home, serving(PLAIN, home) as server:
        every = [bodies("rows", client, 2, 5000) for client in range(16)]
        plain, plain_count = send(server, "/v1/ingest", "application/json", every), 16 * 2 * 5000
        line("a row for each point, a commit for each request, row JSON, 16 clients", plain, plain_count)
    with tempfile.TemporaryDirectory() as home:
        with serving(SERVER, home) as server:
            opened(server)
            forms(server, plain, plain_count)
        with LocalLedger.open(Path(home)) as ledger:
            receipts = [ledger.runs.receipt(run) for run in RUNS]
        sent = POINTS + POINTS // 4 * 2 + 64 * 40 * 500
        stored = sum(receipt.points_committed for receipt in receipts)
        intact = sum(receipt.intact for receipt in receipts)
        print(f"{stored:,} of {sent:,} points in the receipts, {intact} of {len(RUNS)} runs intact")


if __name__ == "__main__":
    main()
