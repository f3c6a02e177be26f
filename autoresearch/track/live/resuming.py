"""Going on with a run that is there: which one is meant, and at which step."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from autoresearch.ledger.base import Ledger
from autoresearch.ledger.local.ingest import LocalIngest
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.run import Run
from autoresearch.track.live.draining import adopt_all, spools
from autoresearch.track.live.requesting import Requests
from autoresearch.track.live.sending import Sender

if TYPE_CHECKING:
    from autoresearch.track.live.servers import Server

__all__ = ["Where", "ingest_of", "opened", "standing_of", "stored_run"]

Where = tuple[str, "Server | None"]
"""A home, and the server whose runs are meant; None for those of the embedded store in that home."""


@contextlib.contextmanager
def opened(where: Where) -> Iterator[Ledger]:
    """The ledger that has the runs."""
    home, server = where
    with LocalLedger.open(Path(home)) if server is None else _remote(server) as ledger:
        yield ledger


def _remote(server: Server) -> Ledger:
    from autoresearch.track.connecting import remote_ledger

    return remote_ledger(server)


def stored_run(ref: str, project: str, where: Where) -> Run:
    """The run that is meant, with what a dead process of it left in its journal.

    Raises:
        NotFound: There is no such run.
        Conflict: Several runs fit.
        Unavailable: The server does not answer.
    """
    _gather(where)
    with opened(where) as ledger:
        return ledger.runs.find(project, ref)


def standing_of(ref: str, project: str, where: Where) -> tuple[str, str, int]:
    """Id and name of the run that is meant, and the step that comes next; raises as ``stored_run`` does."""
    run = stored_run(ref, project, where)
    with opened(where) as ledger:
        steps = [
            info.last_step
            for info in ledger.runs.catalog(run.id)
            if info.kind == "metric" and info.last_step is not None and not info.name.startswith("system/")
        ]
    return run.id, run.name, max(steps, default=-1) + 1


def ingest_of(where: Where, *, patience: float = 20.0) -> LocalIngest | Sender:
    """Where the journals of a home go; ``patience`` is the seconds that a silent server is waited for."""
    home, server = where
    if server is None:
        return LocalIngest(home)
    requests = Requests(server.url, server.key, patience=patience)
    return Sender(server, objects=(os.path.join(home, "objects"),), requests=requests)


def _gather(where: Where) -> None:
    home, _ = where
    ingest = ingest_of(where)
    try:
        adopt_all(spools(home)[0], ingest)
    finally:
        ingest.close()
