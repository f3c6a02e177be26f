"""Going on with a run that is there: which one is meant, and at which step."""

from __future__ import annotations

from pathlib import Path

from autoresearch.ledger.local.ingest import LocalIngest
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.run import Run
from autoresearch.track.live.draining import adopt_all, spools

__all__ = ["standing_of", "stored_run"]


def stored_run(ref: str, project: str, home: str) -> Run:
    """The run that is meant, with what a dead process of it left in its journal.

    Raises:
        NotFound: There is no such run.
        Conflict: Several runs fit.
    """
    _gather(home)
    with LocalLedger.open(Path(home)) as ledger:
        return ledger.runs.find(project, ref)


def standing_of(ref: str, project: str, home: str) -> tuple[str, str, int]:
    """Id and name of the run that is meant, and the step that comes next; raises as ``stored_run`` does."""
    run = stored_run(ref, project, home)
    with LocalLedger.open(Path(home)) as ledger:
        steps = [
            info.last_step
            for info in ledger.runs.catalog(run.id)
            if info.kind == "metric" and info.last_step is not None and not info.name.startswith("system/")
        ]
    return run.id, run.name, max(steps, default=-1) + 1


def _gather(home: str) -> None:
    ingest = LocalIngest(home)
    try:
        adopt_all(spools(home)[0], ingest)
    finally:
        ingest.close()
