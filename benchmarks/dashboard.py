"""What a dashboard asks for at once: the charts of a project of long runs, and everything it shows first.

    python benchmarks/dashboard.py [--points 250000] [--home FOLDER]

``--home`` keeps the store there, and uses it again when it is there already.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from array import array
from collections.abc import Callable
from pathlib import Path

import numpy as np

from autoresearch.ledger.local.ingest import LocalIngest
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.base import utc_now
from autoresearch.records.experiment import DecisionRequest, ExperimentRequest, SessionRequest
from autoresearch.records.goal import GoalRequest
from autoresearch.records.ids import derived_id, new_id
from autoresearch.research.keys import repro_key
from autoresearch.series.batch import Batch, Message, Rows

RUNS, METRICS, EACH = 50, ("train/loss", "val/loss", "lr", "grad_norm"), 50_000
LONG, MANY = "long", "many"


def milliseconds(work: Callable[[], object], times: int = 21) -> str:
    """Medians of warm calls, by the clock and of processor time."""
    work()
    wall, busy = [], []
    for _ in range(times):
        start, cpu = time.perf_counter(), time.process_time()
        work()
        wall.append((time.perf_counter() - start) * 1000)
        busy.append((time.process_time() - cpu) * 1000)
    return f"{statistics.median(wall):.1f} ms, {statistics.median(busy):.1f} ms of processor time"


def columns(run: int, first: int, count: int) -> list[bytes]:
    random, steps = np.random.default_rng((run, first)), np.arange(first, first + count)
    noise = random.normal(size=count)
    loss = 2 / (1 + steps / 500) + noise * 0.05
    values = (loss.astype("f4"), (loss * 1.1).astype("f4"), 5e-4 * np.exp(-steps / 1e5), abs(noise))
    return [bytes(value.astype("<f8").tobytes()) for value in values]


def long_runs(home: Path, points: int) -> None:
    ingest = LocalIngest(str(home))
    for number in range(RUNS):
        run, writer = new_id(), new_id()
        body = {"op": "open", "project": LONG, "name": f"run {number}", "started": 1.7e9}
        ingest.ingest(Batch(run, writer, 1, 1, messages=[Message(1, 1.7e9, body)]))
        for first in range(0, points, EACH):
            count = min(EACH, points - first)
            times = (1.7e9 + np.arange(first, first + count) * 0.01).astype("<f8")
            steps = np.arange(first, first + count, dtype="<i8")
            sequences = array("Q", range(first + 2, first + count + 2)).tobytes()
            made = Rows(
                METRICS, (), sequences, steps.tobytes(), times.tobytes(), columns(number, first, count)
            )
            ingest.ingest(Batch(run, writer, first + 2, first + count + 1, rows=[made]))
        end = {"op": "finish", "state": "finished", "exit_code": 0}
        ingest.ingest(Batch(run, writer, points + 2, points + 2, messages=[Message(points + 2, 1.7e9, end)]))
        while ingest.compact(run, 4_000_000):
            pass
    ingest.close()


def many_things(ledger: LocalLedger, many: int) -> None:
    """A project of a thousand experiments and a thousand short runs."""
    research = ledger.research
    research.set_goal(MANY, GoalRequest.make(metric="val_bpb", direction="min"))
    session = research.open_session(SessionRequest.make(id=new_id(), project=MANY, tag="work"))
    scores = 3 / (1 + np.arange(many) / 200) + np.random.default_rng(1).random(many)
    batch = []
    for number, score in enumerate(scores.tolist()):
        key = derived_id(MANY, str(number))
        tried = ExperimentRequest.make(
            id=key,
            project=MANY,
            session_id=session.id,
            note=f"raise lr to {number}e-4, since the loss fell too slowly",
            commit="0" * 40,
            repro_key=repro_key(None, None, {}, otherwise=key),
            config={"lr": number},
            occurred_at=utc_now(),
        )
        judged = DecisionRequest.make(id=new_id(), experiment_id=key, status="keep", score=score)
        batch.append((tried, judged))
    research.record_judged(batch)
    for number in range(many):
        run, writer = new_id(), new_id()
        body = {"op": "open", "project": MANY, "name": f"run {number}", "config": {"lr": number}}
        values = [array("d", [float(number)]).tobytes()] * len(METRICS)
        one = array("Q", [2]).tobytes()
        made = Rows(METRICS, (), one, one, array("d", [1.7e9]).tobytes(), values)
        end = Message(3, 1.7e9, {"op": "finish", "state": "finished", "exit_code": 0})
        opened = Message(1, 1.7e9, body)
        ledger.runs.ingest(Batch(run, writer, 1, 3, rows=[made], messages=[opened, end]))


def measure(home: Path, points: int) -> None:
    with LocalLedger.open(home) as ledger:
        total = RUNS * len(METRICS) * points
        ids = [run.id for run in ledger.runs.charts(LONG).runs]
        show = milliseconds(lambda: ledger.runs.sampled(ids))
        print(f"the curves of these charts, none drawn before: {show}")
        show = milliseconds(lambda: ledger.runs.charts(LONG))
        print(f"charts of {RUNS} runs with {len(METRICS)} metrics, {total:,} points, 500 samples: {show}")
        some = milliseconds(lambda: ledger.runs.charts(LONG, ["val/loss"], first_step=points // 2))
        print(f"charts of one metric, the last half: {some}")
        show = milliseconds(lambda: ledger.memory.bootstrap(MANY))
        print(f"bootstrap with 1,000 runs and 1,000 experiments, the newest 50 of each: {show}")
        show = milliseconds(lambda: ledger.memory.bootstrap(MANY, limit=1000))
        print(f"all of them: {show}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, default=250_000)
    parser.add_argument("--home", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = given.home or Path(folder)
        if not (home / "ledger.sqlite").exists():
            start = time.perf_counter()
            long_runs(home, given.points)
            with LocalLedger.open(home) as ledger:
                many_things(ledger, 1000)
            print(f"the store was made in {time.perf_counter() - start:.0f} s")
        measure(home, given.points)


if __name__ == "__main__":
    main()
