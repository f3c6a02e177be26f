"""Runs to look at: a sweep, one that failed under a hostile name, and one that goes on."""

from __future__ import annotations

import contextlib
import math
import random
from pathlib import Path

import autoresearch as ar
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.ids import new_id
from autoresearch.records.run import Run, RunRequest
from tests.web.seeding import HOSTILE, PROJECT

__all__ = ["MEANS", "STEPS", "going_on", "means", "runs"]

STEPS = 400
MEANS = "means"


def runs(home: Path, count: int = 5) -> None:
    """A sweep over rates, and a run that failed."""
    for index in range(count):
        rate = (0.0005, 0.001, 0.002, 0.004, 0.03)[index % 5]
        _one(home, f"sweep-{rate:g}", rate, index)
    with contextlib.suppress(ValueError):
        _failed(home)


def _failed(home: Path) -> None:
    config = {"lr": 9, HOSTILE[:60]: HOSTILE}
    with _begun(home, HOSTILE, config, tags=("bad", "<b>tag</b>")) as run:
        run.log({"val_loss": 9.5, f"{HOSTILE[:40]}/x": 1.0}, step=0)
        run.log({"val_loss": float("nan")}, step=1)
        run.log({"console/stderr": f"warning: {HOSTILE}"}, step=1)
        run.alert(f"loss is NaN {HOSTILE}", "at step 1", level="error")
        raise ValueError(HOSTILE)


def _begun(home: Path, name: str, config: object, project: str = PROJECT, **options: object) -> ar.Run:
    return ar.init(
        project, name, config, home=home, system_metrics=False, capture_console=False, capture_code=False,
        **options,  # type: ignore[arg-type]
    )  # fmt: skip


def _one(home: Path, name: str, rate: float, index: int) -> None:
    made = random.Random(index)
    config = {"lr": rate, "batch": 32, "model": {"width": 128 + 64 * (index % 2), "depth": 4}}
    with _begun(home, name, config, tags=("sweep", "wide") if index % 2 else ("sweep",), group="lr") as run:
        for step in range(STEPS):
            bend = 2.8 * math.exp(-step * (rate * 12 + 0.004)) + 1.4 + rate * 4
            loss = bend + made.gauss(0, 0.05) + (30 if step == 200 and index == 3 else 0)
            values = {
                "train/loss": loss,
                "train/grad_norm": abs(made.gauss(1, 0.3)),
                "lr": rate * (1 - step / STEPS),
            }
            if step % 20 == 19:
                values["val_loss"] = bend + 0.03
            if step % 50 == 0:
                run.log({"system/cpu_percent": 50 + made.random() * 20}, step=step)
                run.log({"console/stdout": f"step {step}: loss {loss:.4f}"}, step=step)
            run.log(values, step=step)


def going_on(ledger: LocalLedger) -> Run:
    """A run that has begun, and logged nothing yet."""
    return ledger.runs.create(
        RunRequest.make(id=new_id(), project=PROJECT, name="going-on", config={"lr": 0.001})
    )


def means(home: Path) -> None:
    """Runs of a project of their own, whose means are known: other steps, an early end, a value that is no number."""
    curves: tuple[tuple[int, dict[int, float]], ...] = (
        (1, {0: 0, 10: 10, 20: 20, 30: 30}),
        (1, {0: 2, 20: 6}),
        (2, {5: 1, 15: 3}),
        (3, {0: 1, 1: math.nan, 2: 3, 3: 5}),
        (3, {1: 2, 2: 5, 3: 7}),
    )
    for index, (rate, points) in enumerate(curves):
        tags = ("first",) if index == 0 else ()
        with _begun(home, f"run-{index}", {"lr": rate}, MEANS, tags=tags) as run:
            for step, value in points.items():
                run.log({"loss": value}, step=step)
