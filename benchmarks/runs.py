"""What runs cost in the ledger: a new store, handing over batches, listing a thousand runs, opening a long one.

python benchmarks/runs.py
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from autoresearch.ledger.local.ingest import LocalIngest
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.ids import new_id
from autoresearch.records.run import RunQuery
from autoresearch.series.batch import Batch, Message, Rows

PROJECT = "bench"
METRICS = ("train/loss", "train/accuracy", "val/loss", "val/accuracy", "lr")

NEW_STORE = """
import sys, time
begun = time.perf_counter()
from autoresearch.ledger.local.ingest import LocalIngest
from autoresearch.series.batch import Batch, Message
ingest = LocalIngest(sys.argv[1])
loaded = time.perf_counter()
ingest.position("nobody")
made = time.perf_counter()
body = {"op": "open", "project": "bench", "name": "first", "started": 1.7e9}
ingest.ingest(Batch("01900000-0000-7000-8000-000000000000", "w", 1, 1, messages=[Message(1, 1.7e9, body)]))
print((loaded - begun) * 1000, (made - loaded) * 1000, (time.perf_counter() - made) * 1000)
"""


def milliseconds(work: Callable[[], object], times: int = 21) -> tuple[float, float]:
    """Median and worst."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append((time.perf_counter() - start) * 1000)
    return statistics.median(taken), max(taken)


def rows(names: tuple[str, ...], count: int, *, first: int) -> Rows:
    from array import array

    rng = random.Random(first)
    steps = array("q", range(first, first + count)).tobytes()
    times = array("d", (1.7e9 + step / 100 for step in range(count))).tobytes()
    columns = [array("d", (rng.random() for _ in range(count))).tobytes() for _ in names]
    return Rows(names, (), array("Q", range(first, first + count)).tobytes(), steps, times, columns)


def begun(number: int) -> dict[str, object]:
    rng = random.Random(number)
    return {
        "op": "open",
        "project": PROJECT,
        "name": f"run {number}",
        "config": {
            "lr": rng.random(),
            "seed": number,
            "net": {"width": 64, "depth": 8, "kind": "mlp"},
            "data": "shakespeare",
        },
        "tags": ["sweep"],
        "started": 1.7e9 + number,
        "environment": {
            "host": "box",
            "pid": number,
            "python": "3.11.8",
            "argv": ["train.py", "--seed", str(number)],
            "cwd": "/work",
        },
    }


def filled(home: Path, many: int) -> None:
    ingest = LocalIngest(str(home))
    for number in range(many):
        run, writer = new_id(), new_id()
        opened = Batch(run, writer, 1, 1, messages=[Message(1, 1.7e9, begun(number))])
        logged = Batch(run, writer, 2, 11, rows=[rows(METRICS, 10, first=2)])
        ended = {"op": "finish", "state": "finished", "exit_code": 0, "points": 50}
        for batch in (opened, logged, Batch(run, writer, 12, 12, messages=[Message(12, 1.7e9 + 60, ended)])):
            ingest.ingest(batch)
    ingest.close()


def jsonl_listing(home: Path, many: int) -> Path:
    """The floor a person could write by hand: one JSON file of a run each, its metrics as lines."""
    folder = home / "jsonl"
    for number in range(many):
        run = folder / str(number)
        run.mkdir(parents=True)
        (run / "config.json").write_text(json.dumps(begun(number)))
        lines = (json.dumps({"step": step, **dict.fromkeys(METRICS, 0.5)}) for step in range(10))
        (run / "metrics.jsonl").write_text("\n".join(lines))
    return folder


def listed_jsonl(folder: Path) -> list[tuple[dict[str, object], dict[str, float]]]:
    return [
        (
            json.loads((run / "config.json").read_bytes()),
            json.loads((run / "metrics.jsonl").read_bytes().rsplit(b"\n", 1)[-1]),
        )
        for run in folder.iterdir()
    ]


def new_store() -> None:
    found = []
    for _ in range(11):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-c", NEW_STORE, f"{folder}/store"]
            answer = subprocess.run(command, check=True, capture_output=True, text=True)
            found.append([float(part) for part in answer.stdout.split()])
    loaded, made, opened = (statistics.median(column) for column in zip(*found, strict=True))
    print(f"new store: modules {loaded:.1f} ms, tables {made:.1f} ms, first batch {opened:.1f} ms")


def listing(home: Path, many: int) -> None:
    start = time.perf_counter()
    filled(home, many)
    taken = time.perf_counter() - start
    print(f"{many:,} runs of 3 durable batches handed over: {taken / many / 3 * 1000:.2f} ms a batch")
    with LocalLedger.open(home) as ledger:
        start = time.perf_counter()
        ledger.runs.runs(RunQuery.make(project=PROJECT), limit=1)
        print(f"first look, {2 * many:,} messages applied: {(time.perf_counter() - start) * 1000:.0f} ms")
        asked = {
            "newest first": RunQuery.make(project=PROJECT),
            "by val/loss": RunQuery.make(project=PROJECT, order="val/loss", descending=False),
            "config.lr < 0.5, val/loss < 0.5": RunQuery.make(
                project=PROJECT, where=("config.lr < 0.5", "val/loss < 0.5")
            ),
        }
        for name, query in asked.items():
            found = ledger.runs.runs(query, limit=many).items
            median, worst = milliseconds(lambda query=query: ledger.runs.runs(query, limit=many))  # type: ignore[misc]
            print(
                f"{len(found):,} of {many:,} runs with config and last values, {name}: {median:.1f} ms (worst {worst:.1f})"
            )
        one = found[0].id
        print(f"one run: {milliseconds(lambda: ledger.runs.run(one))[0]:.2f} ms")
    folder = jsonl_listing(home, many)
    print(f"the same from JSON files: {milliseconds(lambda: listed_jsonl(folder))[0]:.1f} ms")


def main() -> None:
    new_store()
    with tempfile.TemporaryDirectory() as folder:
        listing(Path(folder), 1000)


if __name__ == "__main__":
    main()
