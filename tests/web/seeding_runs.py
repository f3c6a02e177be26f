"""Runs to look at: a sweep, one that failed under a hostile name, and one that goes on."""

from __future__ import annotations

import contextlib
import math
import random
from pathlib import Path

import numpy as np

import autoresearch as ar
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.ids import new_id
from autoresearch.records.run import Run, RunRequest
from autoresearch.track.media import Encoded, Media
from tests.web.seeding import HOSTILE, PROJECT

__all__ = ["MEANS", "MEDIA", "STEPS", "going_on", "means", "media", "runs"]

STEPS = 400
MEANS = "means"
MEDIA = "media"


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


class Odd(Media):
    """Something that says of itself whatever it likes."""

    __slots__ = ("_encoded",)

    def __init__(self, kind: str, media_type: str, data: bytes, **meta: object) -> None:
        self._encoded = Encoded(kind, media_type, data, {"size": len(data), **meta})

    def _encode(self) -> Encoded:
        return self._encoded


_SCRIPTS = (
    b'<svg xmlns="http://www.w3.org/2000/svg" onload="window.struck=1"><script>window.struck=1</script></svg>'
)
_PAGE = b"<!doctype html><script>window.struck=1;parent.struck=1</script>"


def media(home: Path) -> None:
    """A run with pictures, tables, histograms, texts and files, and with things that are none of what they say."""
    made = random.Random(1)
    page = home / "page.html"
    page.write_bytes(_PAGE)
    with _begun(home, "samples", {"lr": 0.1}, MEDIA) as run:
        for step in (0, 100, 200):
            picture = [[[x * 2, y * 3, step] for x in range(96)] for y in range(64)]
            rows = [
                [f"sample {index}", made.random(), HOSTILE if index == 1 else "ok"] for index in range(150)
            ]
            run.log(
                {
                    "samples/grid": ar.Image(np.array(picture, "uint8"), f"At step {step}. {HOSTILE}"),
                    "eval/table": ar.Table(["text", "score", HOSTILE[:40]], rows),
                    "weights": ar.Histogram([made.gauss(step / 100, 1) for _ in range(2000)], bins=32),
                    "sample/text": f"Once upon a time at {step}: {HOSTILE}",
                    "console/stdout": f"step {step}",
                },
                step=step,
            )
        run.log({"late": ar.Image(np.zeros((8, 8), "uint8"))}, step=200)
        run.log({"checkpoint": ar.File(page, name="<b>page</b>.html")}, step=200)
        run.log(
            {
                "odd/svg": Odd("image", "image/svg+xml", _SCRIPTS),
                "odd/page": Odd("image", "text/html", _PAGE, caption=HOSTILE),
                "odd/picture": Odd("image", "image/png", _SCRIPTS),
                "odd/table": Odd("table", "application/json", _PAGE),
                "odd/histogram": Odd("histogram", "application/json", b'{"edges": [0], "counts": {}}'),
                "odd/bins": Odd("histogram", "application/json", b'{"edges": ["x", 1], "counts": [1]}'),
                "odd/nothing": ar.Histogram([math.nan, math.inf]),
            },
            step=200,
        )


def goes_on(home: Path, run_id: str, values: dict[str, object]) -> None:
    """Another process of a run logs something, and ends."""
    with ar.init(
        PROJECT, id=run_id, home=home, system_metrics=False, capture_console=False, capture_code=False
    ) as run:
        run.log(values)
