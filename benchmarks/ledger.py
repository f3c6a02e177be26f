"""What the ledger costs at 100, 1,000 and 10,000 experiments, against what SQLite itself needs for one durable row.

python benchmarks/ledger.py
"""

from __future__ import annotations

import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from autoresearch.briefs.brief import build
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.base import utc_now
from autoresearch.records.experiment import Actor, DecisionRequest, ExperimentRequest, SessionRequest
from autoresearch.records.goal import GoalRequest
from autoresearch.records.ids import new_id
from autoresearch.research.keys import repro_key

PROJECT = "bench"
KNOBS = ("LR", "WIDTH", "DEPTH", "WEIGHT_DECAY", "WARMUP", "BATCH")
AGENT = Actor(kind="agent", name="bench")


def milliseconds(work: Callable[[], object], times: int = 30) -> float:
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken) * 1000


def attempt(session: str, rng: random.Random) -> ExperimentRequest:
    knob, before, after = rng.choice(KNOBS), round(rng.random(), 3), round(rng.random(), 3)
    change = f"diff --git a/train.py b/train.py\n--- a/train.py\n+++ b/train.py\n@@ -1 +1 @@\n-{knob} = {before}\n+{knob} = {after}\n"
    made = new_id()
    return ExperimentRequest.make(
        id=made,
        project=PROJECT,
        session_id=session,
        note=f"{knob} {before} looks off for this budget; try {after}",
        change=change,
        repro_key=repro_key(None, None, {}, otherwise=made),
        occurred_at=utc_now(),
    )


def history(session: str, many: int) -> Iterator[tuple[ExperimentRequest, DecisionRequest]]:
    """About one in eight crashes, and the best falls slowly, as in real logs."""
    rng = random.Random(many)
    best = 3.0
    for index in range(many):
        request = attempt(session, rng)
        score = 3 - 2 * index / many + rng.random() / 2
        status = "crash" if rng.random() < 0.125 else "keep" if score < best else "drop"
        best = min(best, score) if status == "keep" else best
        yield (
            request,
            DecisionRequest.make(
                id=new_id(), experiment_id=request.id, status=status, score=score, log_tail="ValueError: nan"
            ),
        )


def filled(home: Path, many: int) -> str:
    with LocalLedger.open(home, actor=AGENT) as ledger:
        ledger.research.set_goal(PROJECT, GoalRequest.make(metric="val_bpb", direction="min", target=0.5))
        session = ledger.research.open_session(
            SessionRequest.make(id=new_id(), project=PROJECT, tag="bench")
        ).id
        batch = list(history(session, many))
        for start in range(0, many, 1000):
            ledger.research.record_judged(batch[start : start + 1000])
    return session


def durable_row(folder: Path) -> float:
    """One row, one transaction, synchronous=FULL: the floor under every write below."""
    connection = sqlite3.connect(folder / "floor.sqlite", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT)")
    floor = milliseconds(lambda: connection.execute("INSERT INTO rows (text) VALUES (?)", ("x" * 500,)), 200)
    connection.close()
    return floor


def measured(home: Path, many: int) -> dict[str, float]:
    session = filled(home, many)
    with LocalLedger.open(home, actor=AGENT) as ledger:
        start = time.perf_counter()
        ledger.research.frontier(PROJECT)
        cold = (time.perf_counter() - start) * 1000
        rng = random.Random(1)
        waiting: list[str] = []

        def record() -> None:
            waiting.append(ledger.research.record(attempt(session, rng)).id)

        def decide() -> None:
            request = DecisionRequest.make(
                id=new_id(), experiment_id=waiting.pop(), status="drop", score=2.9, metric="val_bpb"
            )
            ledger.research.decide(request)

        return {
            "context()": milliseconds(lambda: build(ledger.memory.facts(PROJECT, limit=5), budget=2000)),
            "record": milliseconds(record),
            "decide": milliseconds(decide),
            "frontier, cold": cold,
            "frontier": milliseconds(lambda: ledger.research.frontier(PROJECT)),
            "search": milliseconds(lambda: ledger.memory.search(PROJECT, "warmup budget")),
            "tried": milliseconds(lambda: ledger.memory.tried(PROJECT, "LR 0.3 -> 0.5")),
        }


def started(*commands: tuple[str, ...], times: int = 11) -> list[float]:
    """Median ms from start to end of each; in turns, so that a machine that slows down slows all of them."""
    taken: list[list[float]] = [[] for _ in commands]
    for _ in range(times):
        for spent, command in zip(taken, commands, strict=True):
            begun = time.perf_counter()
            subprocess.run([sys.executable, *command], check=True, capture_output=True)
            spent.append((time.perf_counter() - begun) * 1000)
    return [statistics.median(spent) for spent in taken]


def main() -> None:
    sizes = (100, 1000, 10_000)
    with tempfile.TemporaryDirectory() as folder:
        floor = durable_row(Path(folder))
        found = {many: measured(Path(folder) / str(many), many) for many in sizes}
    print(f"one durable row in SQLite: {floor:.2f} ms\n")
    print(f"{'ms, median':<16}" + "".join(f"{many:>10,}" for many in sizes) + f"{'10,000 : 100':>14}")
    for name in found[100]:
        row = [found[many][name] for many in sizes]
        print(f"{name:<16}" + "".join(f"{value:>10.2f}" for value in row) + f"{row[-1] / row[0]:>14.2f}")
    bare, imported, helped = started(
        ("-c", "pass"), ("-c", "import autoresearch"), ("-m", "autoresearch", "--help")
    )
    print(f"\nfrom start to end: interpreter {bare:.0f} ms, with import autoresearch {imported:.0f} ms,")
    print(f"autoresearch --help {helped:.0f} ms")


if __name__ == "__main__":
    main()
