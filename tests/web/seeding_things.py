"""Artifacts to look at: a model in several versions, of which one is the winner, and one that somebody named with care."""

from __future__ import annotations

from autoresearch.ledger.base import Ledger
from autoresearch.records.artifact import VersionRequest
from autoresearch.records.ids import new_id
from autoresearch.records.run import RunRequest
from autoresearch.records.tree import Tree, TreeEntry
from tests.web.seeding import HOSTILE, PROJECT, Seeded, recorded

__all__ = ["CONTENT", "descent", "things"]

CONTENT = b"weights of version %d\n"


def things(ledger: Ledger, seeds: Seeded) -> None:
    """A version of the model for each step of the frontier's first ones."""
    steps = ledger.research.frontier(PROJECT).steps
    for index, step in enumerate(steps[:4], 1):
        _logged(
            ledger,
            "model",
            index,
            produced_by=step.experiment_id,
            metadata={"epochs": index, "note": HOSTILE},
        )
    _logged(ledger, "eval-table", 9, description=f"Of {HOSTILE}")


def descent(ledger: Ledger, seeds: Seeded) -> tuple[int, int]:
    """Two experiments that used a version of the model, of which one made a smaller one; answers the number of that one and of its run."""
    _logged(ledger, "corpus", 4)
    uses = ("model:v4", "corpus:v1")
    made = recorded(ledger, seeds.session, f"Distil it {HOSTILE}", uses=uses)
    recorded(ledger, seeds.session, "Prune it", uses=("model:v4",))
    _logged(ledger, "small", 5, produced_by=made.id)
    given = {"id": new_id(), "project": PROJECT, "name": "distil", "experiment_id": made.id}
    return made.number, ledger.runs.create(RunRequest.make(**given)).number


def _logged(ledger: Ledger, artifact: str, index: int, **values: object) -> None:
    content = CONTENT % index
    digest = ledger.snapshots.put(content)
    entry = TreeEntry("<b>model</b>.bin", "100644", len(content), digest)
    tree = ledger.snapshots.put(Tree([entry]).manifest)
    given = {"tree": tree, "size": len(content), "files": 1, "type": "model", **values}
    ledger.artifacts.log(VersionRequest.make(id=new_id(), project=PROJECT, artifact=artifact, **given))
