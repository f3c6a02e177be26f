"""Artifacts to look at: a model in several versions, of which one is the winner, and one that somebody named with care."""

from __future__ import annotations

from autoresearch.ledger.base import Ledger
from autoresearch.records.artifact import VersionRequest
from autoresearch.records.ids import new_id
from autoresearch.records.tree import Tree, TreeEntry
from tests.web.seeding import HOSTILE, PROJECT, Seeded

__all__ = ["CONTENT", "things"]

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


def _logged(ledger: Ledger, artifact: str, index: int, **values: object) -> None:
    content = CONTENT % index
    digest = ledger.snapshots.put(content)
    entry = TreeEntry("<b>model</b>.bin", "100644", len(content), digest)
    tree = ledger.snapshots.put(Tree([entry]).manifest)
    given = {"tree": tree, "size": len(content), "files": 1, "type": "model", **values}
    ledger.artifacts.log(VersionRequest.make(id=new_id(), project=PROJECT, artifact=artifact, **given))
