"""``sync``: the journals of offline runs and of dead processes, brought into the store."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable

from autoresearch.errors import NotFound, Unavailable
from autoresearch.journal.locks import dead
from autoresearch.records.run import Synced
from autoresearch.settings import Settings
from autoresearch.track.live.draining import Taken, adopt_all, spools
from autoresearch.track.live.resuming import Where, ingest_of
from autoresearch.track.live.run import Run
from autoresearch.track.live.servers import server_of

__all__ = ["recovered", "synchronize"]


def synchronize(
    path: str | os.PathLike[str] | None, home: str | os.PathLike[str] | None, active: Run | None
) -> Synced:
    """Bring journals into the store; :func:`autoresearch.sync` describes the arguments.

    Raises:
        NotFound: There is no such folder.
        StoreError: The store cannot be used.
    """
    settings = Settings()
    place = os.path.abspath(home or settings.home)
    server = None if settings.mode == "local" else server_of(settings, place)
    if path is not None and not os.path.isdir(path):
        raise NotFound(
            f"There is no folder {os.fspath(path)!r}.", hint="Give the folder that holds the *.arj files."
        )
    if active is not None:
        # Where its server does not answer, the run that goes on sends its journal itself, later.
        with contextlib.suppress(Unavailable):
            active.flush()
    if path is not None:
        return recovered([os.path.abspath(path)], (place, server))
    local, offline = spools(place)
    if server is None:
        return recovered([local, offline], (place, None))
    sent = recovered([spools(server.home)[0], offline], (place, server))
    return _both(recovered([local], (place, None)), sent)


def recovered(folders: Iterable[str], where: Where) -> Synced:
    """Bring the journals of dead writers to where they belong; without one nothing is touched.

    Raises:
        StoreError: The store cannot be used.
    """
    taken = Taken()
    ingest = ingest_of(where)
    try:
        for folder in folders:
            if dead(folder):
                adopt_all(folder, ingest, taken)
    finally:
        ingest.close()
    return Synced(
        journals=taken.writers, points=taken.points, left=tuple(taken.left), faults=tuple(taken.faults)
    )


def _both(first: Synced, second: Synced) -> Synced:
    return Synced(
        journals=first.journals + second.journals,
        points=first.points + second.points,
        left=first.left + second.left,
        faults=first.faults + second.faults,
    )
