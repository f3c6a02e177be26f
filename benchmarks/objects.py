"""What a client pays for each blob: against a bucket (moto's server) and against our own server, both in other processes.

python benchmarks/objects.py
"""

from __future__ import annotations

import hashlib
import os
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from autoresearch.client.synchronous import Client
from autoresearch.ledger.remote.objects import RemoteObjects
from autoresearch.store.blobs import Blobs
from autoresearch.store.buckets import Bucket
from autoresearch.store.objects import Objects
from tests.killable_server import ServerProcess
from tests.moto_server import CREDENTIALS, moto_server

BLOBS, SIZE, LARGE = 1000, 10_000, 64 * 1024 * 1024
BOUND_MS = 1.0


def cost(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the clock, and seconds of this process's CPU, its threads included."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def measure(name: str, blobs: Blobs, seed: int, *, bound: float | None = None) -> None:
    dice = random.Random(seed)
    contents = [dice.randbytes(SIZE) for _ in range(BLOBS)]
    large = dice.randbytes(LARGE)
    whole = hashlib.sha256(large).hexdigest()
    blobs.put(b"connected")
    rows: list[tuple[str, Callable[[], object], int]] = [
        ("put", lambda: blobs.put_many(contents), BLOBS),
        ("put again", lambda: blobs.put_many(contents), BLOBS),
        ("missing", lambda: blobs.missing(digests), BLOBS),
        ("get", lambda: [blobs.get(digest) for digest in digests[:200]], 200),
    ]
    digests = Objects(Path(tempfile.mkdtemp())).put_many(contents)
    for what, work, count in rows:
        wall, cpu = cost(work)
        said = f"{name}, {what}"
        print(f"{said:44} {1000 * wall / count:8.3f} {1000 * cpu / count:8.3f}", end="")
        print(f" {bound:8.1f}" if bound and what == "put" else "")
        if bound and what == "put":
            assert 1000 * cpu / count <= bound, f"{said} costs more than {bound} ms of CPU for each blob"
    for what, work in (
        ("put 64 MiB", lambda: blobs.put(large)),
        ("get 64 MiB", lambda: blobs.get(whole)),
    ):
        wall, cpu = cost(work)
        print(f"{f'{name}, {what}, MB/s':44} {LARGE / wall / 1e6:8.0f} {LARGE / cpu / 1e6:8.0f}")


def main() -> None:
    print(f"{'1,000 blobs of 10 KB, ms each':44} {'wall':>8} {'cpu':>8} {'bound':>8}")
    with tempfile.TemporaryDirectory() as folder:
        measure("folder", Objects(Path(folder) / "objects"), 1)
        with (
            ServerProcess(Path(folder) / "home") as server,
            Client(server.key, base_url=server.url) as client,
        ):
            measure("server", RemoteObjects(client), 2, bound=BOUND_MS)
        with moto_server() as moto:
            os.environ.update(CREDENTIALS, AWS_ENDPOINT_URL=moto.url)
            measure("bucket", Bucket(f"s3://{moto.bucket()}/objects"), 3, bound=BOUND_MS)


if __name__ == "__main__":
    main()
