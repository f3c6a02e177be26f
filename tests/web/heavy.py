"""A project as large as they come: many runs, many experiments, and the newest runs with many long series; made of noise, in any size."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
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
from tests.web.seeding import IDEAS

__all__ = ["FULL", "METRICS", "PROJECT", "SMALL", "Size", "heavy"]

PROJECT = "heavy"
METRICS = (
    "val/loss", "train/loss", "train/grad_norm", "train/lr", "train/accuracy",
    "val/accuracy", "time/step", "time/data", "model/norm", "model/sparsity",
)  # fmt: skip
EACH = 50_000
_BEGUN = 1.76e9


@dataclass(frozen=True)
class Size:
    """How much of everything; every long run has ``points`` of each metric."""

    experiments: int = 5000
    runs: int = 1000
    long: int = 50
    points: int = 250_000


FULL = Size()
SMALL = Size(experiments=1500, runs=300, long=50, points=2000)


def heavy(home: Path, size: Size = FULL) -> None:
    """Make the project in a store, which may be new."""
    with LocalLedger.open(home) as ledger:
        _experiments(ledger, size.experiments)
        for number in range(size.runs - size.long):
            _short(ledger, number)
    ingest = LocalIngest(str(home))
    for number in range(size.runs - size.long, size.runs):
        _long(ingest, number, size.points)
    ingest.close()


def _experiments(ledger: LocalLedger, count: int) -> None:
    """A staircase of some tens of steps; one experiment in nine crashed."""
    research = ledger.research
    goal = GoalRequest.make(metric="val/loss", direction="min", target=1.2, description="The loss, by noise.")
    research.set_goal(PROJECT, goal)
    session = research.open_session(SessionRequest.make(id=new_id(), project=PROJECT, tag="long-haul"))
    random, best, parent = np.random.default_rng(1), 3.0, None
    batch: list[tuple[ExperimentRequest, DecisionRequest]] = []
    for number in range(count):
        key, draw = derived_id(PROJECT, str(number)), random.random()
        flaw, fix, *_ = IDEAS[number % len(IDEAS)]
        tried = ExperimentRequest.make(
            id=key,
            project=PROJECT,
            session_id=session.id,
            parent_id=parent,
            note=f"{flaw}: {fix}, for the {number // len(IDEAS) + 1}. time",
            commit=f"{number:040x}",
            repro_key=repro_key(None, None, {}, otherwise=key),
            config={"lr": round(float(random.random()) / 100, 6), "batch": 32 << number % 3},
            occurred_at=utc_now(),
        )
        status, score = "drop", best + abs(float(random.normal(0.02, 0.03)))
        if draw < 0.11:
            status = "crash"
        elif draw < 0.125 or number == 0:
            status, score = "keep", best - abs(float(random.normal(0.01, 0.02)))
            best, parent = score, key
        verdict = DecisionRequest.make(
            id=new_id(),
            experiment_id=key,
            status=status,
            score=None if status == "crash" else round(score, 5),
            seconds=60.0 + draw,
            reason="By noise.",
        )
        batch.append((tried, verdict))
    research.record_judged(batch)


def _opened(number: int) -> Message:
    config = {"lr": (number % 17 + 1) / 10_000, "batch": 32 << number % 3, "model": {"depth": 4 + number % 5}}
    tags = ["sweep", "wide"] if number % 4 else ["sweep"]
    body = {"op": "open", "project": PROJECT, "name": f"run-{number}", "config": config, "tags": tags}
    return Message(1, _BEGUN, {**body, "group": f"g{number % 6}", "started": _BEGUN + 60 * number})


def _short(ledger: LocalLedger, number: int) -> None:
    values = [array("d", [float(number + index)]).tobytes() for index in range(4)]
    one = array("Q", [2]).tobytes()
    rows = Rows(METRICS[:4], (), one, one, array("d", [_BEGUN]).tobytes(), values)
    end = Message(3, _BEGUN + 60 * number + 55, {"op": "finish", "state": "finished", "exit_code": 0})
    ledger.runs.ingest(Batch(new_id(), new_id(), 1, 3, rows=[rows], messages=[_opened(number), end]))


def columns(number: int, first: int, count: int) -> list[bytes]:
    """Values of all metrics of a long run from a step on: a fall with noise, of each a little else."""
    random, steps = np.random.default_rng((number, first)), np.arange(first, first + count)
    fall = (2 + number % 7 / 10) / (1 + steps / 500) + 1
    found = [fall * (1 + index / 10) + random.normal(0, 0.05, count) for index in range(len(METRICS))]
    return [bytes(each.astype("f4").astype("<f8").tobytes()) for each in found]


def _long(ingest: LocalIngest, number: int, points: int) -> None:
    run, writer = new_id(), new_id()
    ingest.ingest(Batch(run, writer, 1, 1, messages=[_opened(number)]))
    for first in range(0, points, EACH):
        count = min(EACH, points - first)
        times = (_BEGUN + 60 * number + np.arange(first, first + count) * 0.01).astype("<f8").tobytes()
        steps = np.arange(first, first + count, dtype="<i8").tobytes()
        sequences = np.arange(first + 2, first + count + 2, dtype="<u8").tobytes()
        rows = Rows(METRICS, (), sequences, steps, times, columns(number, first, count))
        ingest.ingest(Batch(run, writer, first + 2, first + count + 1, rows=[rows]))
    end = Message(points + 2, _BEGUN + 60 * number + points * 0.01, {"op": "finish", "state": "finished"})
    ingest.ingest(Batch(run, writer, points + 2, points + 2, messages=[end]))
    while ingest.compact(run, 4_000_000):
        pass
