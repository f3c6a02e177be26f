"""Points into the database and back: bytes a point, points a second, milliseconds a read.

    python benchmarks/series.py [--points 10000000] [--soak]

Rates are per second of processor time; the database is durable (WAL, synchronous=FULL). ``--soak`` writes 100 million points.
"""

from __future__ import annotations

import argparse
import gc
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autoresearch.series.batch import Batch
    from autoresearch.store.points_reading import SeriesRow

STEPS = 8192
KINDS = ("loss", "noise", "lr", "epoch")


def column(kind: str, first: int, count: int) -> bytes:
    import numpy as np

    random, steps = np.random.default_rng(first), np.arange(first, first + count)
    if kind == "loss":
        values = (2 / (1 + steps / 500) + random.normal(size=count) * 0.05).astype("f4").astype("f8")
    elif kind == "noise":
        values = random.normal(size=count)
    elif kind == "lr":
        values = 5e-4 * (1 + np.cos(np.pi * steps / 1e6))
    else:
        values = (steps // 1000).astype("f8")
    return bytes(values.tobytes())


def times(first: int, count: int) -> bytes:
    import numpy as np

    jitter = np.random.default_rng(first).random(count) * 1e-4
    return bytes((1.7e9 + np.arange(first, first + count) * 1e-3 + jitter).tobytes())


def batches(names: Sequence[str], steps: int, kinds: Sequence[str], each: int = STEPS) -> list[Batch]:
    from autoresearch.series.batch import Batch, Rows

    made: list[Batch] = []
    for first in range(0, steps, each):
        count = min(each, steps - first)
        sequences = array("Q", range(first + 1, first + count + 1)).tobytes()
        own = [column(kinds[place % len(kinds)], first, count) for place in range(len(names))]
        rows = Rows(
            tuple(names),
            (),
            sequences,
            array("q", range(first, first + count)).tobytes(),
            times(first, count),
            own,
        )
        made.append(Batch("r", "w", first + 1, first + count, rows=[rows]))
    return made


def opened(path: Path) -> sqlite3.Connection:
    import sqlalchemy as sa

    from autoresearch.store import run_schema

    engine = sa.create_engine(f"sqlite:///{path}")
    run_schema.runs.metadata.create_all(engine)
    engine.dispose()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA cache_size=-16384")
    return connection


def write(connection: sqlite3.Connection, work: Sequence[Batch]) -> tuple[float, float]:
    """Seconds of processor and of wall time."""
    from autoresearch.store.points import Points

    cpu, wall = time.process_time(), time.perf_counter()
    for batch in work:
        connection.execute("BEGIN IMMEDIATE")
        points = Points(connection, "local")
        (answer,) = points.take(batch)
        assert answer == batch.last, answer
        connection.execute("COMMIT")
    return time.process_time() - cpu, time.perf_counter() - wall


def compact(connection: sqlite3.Connection) -> float:
    from autoresearch.store.points import Points

    cpu = time.process_time()
    moved = 1
    while moved:
        connection.execute("BEGIN IMMEDIATE")
        moved = Points(connection, "local").compact("r", whole=True)
        connection.execute("COMMIT")
    return time.process_time() - cpu


def size(connection: sqlite3.Connection) -> int:
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    pages, free, page = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * page)


def warm(read: Callable[[], object], rounds: int = 15) -> float:
    read()
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        read()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken) * 1e3


def show(what: str, figure: float, unit: str) -> None:
    print(f"{what:<66} {figure:>9.2f} {unit}")


def sizes(folder: Path, steps: int = 200_000) -> None:
    for kind in KINDS:
        connection = opened(folder / f"{kind}.db")
        empty = size(connection)
        write(connection, batches([kind], steps, [kind]))
        show(f"bytes a point, {kind} alone, {steps:,} steps", (size(connection) - empty) / steps, "B")
    connection = opened(folder / "four.db")
    empty = size(connection)
    write(connection, batches(KINDS, steps, KINDS))
    show(f"bytes a point, the four together, {steps:,} steps", (size(connection) - empty) / steps / 4, "B")


def ingest(folder: Path, steps: int = 500_000) -> None:
    work = batches(KINDS, steps, KINDS)
    cpu, wall = write(opened(folder / "direct.db"), work)
    show("straight into chunks, points per second of processor time", steps * 4 / cpu / 1e6, "M/s")
    show("straight into chunks, points per second", steps * 4 / wall / 1e6, "M/s")
    noise = batches(KINDS, steps, ["noise"])
    cpu, _ = write(opened(folder / "hard.db"), noise)
    show("the same where nothing can be made smaller", steps * 4 / cpu / 1e6, "M/s")


def live(folder: Path, ticks: int = 200) -> None:
    names = [f"key{i}" for i in range(200)]
    connection = opened(folder / "live.db")
    cpu, wall = write(connection, batches(names, ticks * 10, KINDS, 10))
    show("200 keys, 10 steps at a time: a transaction", wall / ticks * 1e3, "ms")
    names = [f"key{i}" for i in range(1000)]
    connection = opened(folder / "wide.db")
    cpu, wall = write(connection, batches(names, 400, KINDS, 20))
    show("1,000 keys, 20 steps at a time: points per second of processor time", 400_000 / cpu / 1e6, "M/s")
    show("1,000 keys: their compaction", 400_000 / compact(connection) / 1e6, "M/s")
    row = _row(connection, "key7")
    from autoresearch.store.points import Points

    show(
        "1,000 keys: 500 points of one of them",
        warm(lambda: Points(connection, "local").sampled([row], 500)),
        "ms",
    )


def _row(connection: sqlite3.Connection, name: str) -> SeriesRow:
    from autoresearch.store.points import Points

    return next(row for row in Points(connection, "local").catalog(["r"]) if row.name == name)


def reads(folder: Path, most: int) -> None:
    for count in (250_000, 1_000_000, most):
        connection = opened(folder / f"read{count}.db")
        for first in range(0, count, 1 << 20):  # made in parts, so that this program itself stays small
            every = batches(["loss"], min(count, first + (1 << 20)), ["noise"], 1 << 18)
            write(connection, every[first >> 18 :])
        read(connection, count)


def read(connection: sqlite3.Connection, count: int) -> None:
    from autoresearch.store.points import Points

    row, points = _row(connection, "loss"), Points(connection, "local")
    show(f"500 points of {count:,}", warm(lambda: points.sampled([row], 500)), "ms")
    show(f"2,000 points of {count:,}", warm(lambda: points.sampled([row], 2000)), "ms")
    first, last = count // 2 + 77, count // 2 + count // 100
    few = warm(lambda: points.sampled([row], 500, first_step=first, last_step=last))
    show(f"500 points of 1 % of {count:,}", few, "ms")
    every = warm(lambda: points.history([row], first_step=first, last_step=last))
    show(f"every point of 1 % of {count:,}", every, "ms")
    show(f"every point of {count:,}", warm(lambda: points.history([row]), 3), "ms")
    show(f"receipt of {count:,} points", warm(lambda: points.receipt("r"), 3), "ms")


def frames_alone() -> None:
    """Without numpy, in a process of its own, as in a training script that does not use it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "frames.db")
        opened(path).close()
        code = FRAMES.format(path=str(path))
        answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        cpu, wall = map(float, answer.stdout.split())
        show("into frames without numpy, points per second of processor time", 1.6e6 / cpu / 1e6, "M/s")
        show("into frames without numpy, points per second", 1.6e6 / wall / 1e6, "M/s")
        connection = sqlite3.connect(path, isolation_level=None)
        show("those frames into chunks", 1.6e6 / compact(connection) / 1e6, "M/s")


FRAMES = """
import random, sqlite3, sys, time
from array import array
from autoresearch.series.batch import Batch, Rows
from autoresearch.store.points import Points
c = sqlite3.connect({path!r}, isolation_level=None)
c.execute("PRAGMA synchronous=FULL")
d = random.Random(1)
made = []
for first in range(0, 400_000, 8192):
    n = min(8192, 400_000 - first)
    values = [array("d", [d.gauss(0, 1) for _ in range(n)]).tobytes() for _ in range(2)]
    values += [array("d", [i // 1000 for i in range(first, first + n)]).tobytes(), array("d", [3e-4] * n).tobytes()]
    times = array("d", [1.7e9 + i * 1e-3 + d.random() * 1e-4 for i in range(first, first + n)]).tobytes()
    sequences, steps = array("Q", range(first + 1, first + n + 1)).tobytes(), array("q", range(first, first + n)).tobytes()
    made.append(Batch("r", "w", first + 1, first + n, rows=[Rows(("a", "b", "c", "d"), (), sequences, steps, times, values)]))
cpu, wall = time.process_time(), time.perf_counter()
for batch in made:
    c.execute("BEGIN IMMEDIATE")
    p = Points(c, "local")
    assert p.take(batch) == [batch.last]
    c.execute("COMMIT")
assert "numpy" not in sys.modules
print(time.process_time() - cpu, time.perf_counter() - wall)
"""


def disorder(folder: Path, steps: int = 400_000) -> None:
    import random

    from autoresearch.series.batch import Batch, Rows

    order = list(range(steps))
    random.Random(1).shuffle(order)
    made = []
    for first in range(0, steps, STEPS):
        part = order[first : first + STEPS]
        rows = Rows(
            ("loss",),
            (),
            array("Q", range(first + 1, first + len(part) + 1)).tobytes(),
            array("q", part).tobytes(),
            times(first, len(part)),
            [column("noise", first, len(part))],
        )
        made.append(Batch("r", "w", first + 1, first + len(part), rows=[rows]))
    connection = opened(folder / "disorder.db")
    cpu, _ = write(connection, made)
    cpu += compact(connection)
    show(f"{steps:,} steps in random order, into chunks", steps / cpu / 1e6, "M/s")


def soak(folder: Path, points: int = 100_000_000) -> None:
    connection = opened(folder / "soak.db")
    start, done, cpu = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 0, 0.0
    steps = 1 << 18
    base = batches(KINDS, steps, KINDS, steps)[0]
    from autoresearch.series.batch import Batch, Rows

    while done * 4 < points:
        old = base.rows[0]
        moved = (
            array("Q", range(done + 1, done + steps + 1)).tobytes(),
            array("q", range(done, done + steps)).tobytes(),
        )
        rows = Rows(old.names, old.labels, *moved, old.times, old.values)
        cpu += write(connection, [Batch("r", "w", done + 1, done + steps, rows=[rows])])[0]
        done += steps
    gc.collect()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start
    show(f"{done * 4:,} points, points per second of processor time", done * 4 / cpu / 1e6, "M/s")
    show(f"{done * 4:,} points, memory beside the first batch", grown / 1024, "MiB")
    show(f"{done * 4:,} points, bytes a point", size(connection) / done / 4, "B")
    row = _row(connection, "noise")
    from autoresearch.store.points import Points

    show(f"500 points of {done:,}", warm(lambda: Points(connection, "local").sampled([row], 500)), "ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--points", type=int, default=10_000_000)
    parser.add_argument("--soak", action="store_true")
    options = parser.parse_args()
    frames_alone()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sizes(folder)
        ingest(folder)
        live(folder)
        disorder(folder)
        reads(folder, options.points)
        if options.soak:
            soak(folder)


if __name__ == "__main__":
    main()
