"""``sync``: the journals of offline runs and of dead processes, brought into the store."""

from __future__ import annotations

import os
from collections.abc import Iterable

from autoresearch.errors import NotFound
from autoresearch.journal.locks import dead
from autoresearch.ledger.local.ingest import LocalIngest
from autoresearch.records.run import Synced
from autoresearch.settings import Settings
from autoresearch.track.live.draining import Taken, adopt_all, spools
from autoresearch.track.live.run import Run

__all__ = ["recovered", "synchronize"]


def synchronize(
    path: str | os.PathLike[str] | None, home: str | os.PathLike[str] | None, active: Run | None
) -> Synced:
    """Bring journals into the store; :func:`autoresearch.sync` describes the arguments.

    Raises:
        NotFound: There is no such folder.
        StoreError: The store cannot be used.
    """
    place = os.path.abspath(home or Settings().home)
    if path is not None and not os.path.isdir(path):
        raise NotFound(
            f"There is no folder {os.fspath(path)!r}.", hint="Give the folder that holds the *.arj files."
        )
    if active is not None:
        active.flush()
    return recovered([os.path.abspath(path)] if path is not None else spools(place), place)


def recovered(folders: Iterable[str], home: str) -> Synced:
    """Bring the journals of dead writers into the store of a home; without one the store is not touched.

    Raises:
        StoreError: The store cannot be used.
    """
    taken = Taken()
    ingest = LocalIngest(home)
    try:
        for folder in folders:
            if dead(folder):
                adopt_all(folder, ingest, taken)
    finally:
        ingest.close()
    return Synced(
        journals=taken.writers, points=taken.points, left=tuple(taken.left), faults=tuple(taken.faults)
    )
