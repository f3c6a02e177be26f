"""Research whose goal was changed on the way: two segments, an experiment that was measured in three runs, and what it made."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import autoresearch as ar
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.artifact import VersionRequest
from autoresearch.records.experiment import Experiment, Session
from autoresearch.records.goal import GoalRequest
from autoresearch.records.ids import new_id
from autoresearch.records.tree import Tree, TreeEntry
from tests.web.seeding import HOSTILE, judged, opened, recorded

__all__ = ["EDGES", "MOVED", "edges", "logged", "moved"]

MOVED = "two-goals"
EDGES = "edges"


def moved(ledger: LocalLedger, home: Path) -> Experiment:
    """The project ``two-goals``; answers the experiment that was measured in three runs."""
    ledger.research.set_goal(MOVED, GoalRequest.make(metric="accuracy", direction="max", target=0.95))
    session = opened(ledger, "first", MOVED)
    for number, accuracy in enumerate((0.71, 0.70, 0.74, 0.73, 0.78)):
        status = "keep" if accuracy in (0.71, 0.74, 0.78) else "drop"
        judged(ledger, recorded(ledger, session, f"Accuracy, round {number}"), status, accuracy, seconds=30)
    ledger.research.set_goal(MOVED, GoalRequest.make(metric="loss", direction="min", target=1.0))
    judged(ledger, recorded(ledger, session, "The loss of what there is"), "keep", 1.5, seconds=60)
    judged(ledger, recorded(ledger, session, "Wider"), "drop", 1.6, seconds=60)
    best = recorded(ledger, session, "Deeper, and a longer warm-up")
    scores = [_measured(home, best, seed) for seed in range(3)]
    logged(ledger, MOVED, "deep-model", best)
    judged(ledger, best, "keep", samples=tuple(scores), seconds=180)
    recorded(ledger, session, "Waits for a verdict")
    return best


def _measured(home: Path, experiment: Experiment, seed: int) -> float:
    made = random.Random(seed)
    with ar.init(
        MOVED, f"seed-{seed}", {"seed": seed}, home=home, experiment=experiment.id, system_metrics=False,
        capture_console=False, capture_code=False,
    ) as run:  # fmt: skip
        loss = 0.0
        for step in range(200):
            loss = 1.3 + 1.4 * math.exp(-step / 40) + made.gauss(0, 0.02)
            run.log({"train/loss": loss}, step=step)
            if step % 50 == 0:
                run.log({"console/stdout": f"seed {seed}, step {step}: loss {loss:.4f}"}, step=step)
        run.log({"loss": loss}, step=200)
    return round(loss, 4)


def logged(ledger: LocalLedger, project: str, artifact: str, experiment: Experiment) -> None:
    """A version of an artifact that an experiment made."""
    content = f"made by {experiment.id}".encode()
    entry = TreeEntry("model.bin", "100644", len(content), ledger.snapshots.put(content))
    ledger.artifacts.log(
        VersionRequest.make(
            id=new_id(),
            project=project,
            artifact=artifact,
            type="model",
            tree=ledger.snapshots.put(Tree([entry]).manifest),
            size=len(content),
            files=1,
            produced_by=experiment.id,
        )
    )


def edges(ledger: LocalLedger) -> dict[str, Experiment]:
    """The project ``edges``: experiments with what is hardly ever there."""
    ledger.research.set_goal(EDGES, GoalRequest.make(metric="loss\u202e", direction="min", target=1e-300))
    session = opened(ledger, "a tag \u202ewith bidi", EDGES)
    cases: dict[str, tuple[str, float | None, dict[str, Any]]] = {
        "huge": ("keep", 1.7e308, {"seconds": 1e9}),
        "opposite": ("keep", -1.7e308, {}),
        "tiny": ("drop", 5e-324, {"seconds": 0.0}),
        "nothing": ("drop", None, {}),
        "not-finite": ("crash", None, {"metrics": {"x": math.nan, "inf": math.inf, "fine": 1.5}}),
        "long": ("drop", 2.0, {"reason": "r" * 20_000}),
        "bidi": ("drop", 3.0, {"reason": HOSTILE, "metrics": {HOSTILE[:80]: 1.0}}),
    }
    made = {name: _edge(ledger, session, name) for name in cases}
    for name, (status, score, values) in cases.items():
        judged(ledger, made[name], status, score, **values)
    return made


def _edge(ledger: LocalLedger, session: Session, name: str) -> Experiment:
    notes = {"nothing": "", "long": "long " + "n" * 20_000, "bidi": f"\u202e{HOSTILE}\u2066"}
    config = {
        "x": math.nan,
        "deep": {"er": [math.inf, None, True]},
        "\u202ename": "\u202evalue",
        "large": 2**60,
    }
    return recorded(
        ledger, session, notes.get(name, name), config=config, command=("python", "\u202etrain.py")
    )
