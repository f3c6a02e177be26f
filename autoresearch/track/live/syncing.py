"""``sync``: journals of offline runs and of dead processes, and changes that wait, brought to where they belong."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from autoresearch.errors import NotFound, Unauthorized, Unavailable
from autoresearch.journal.locks import dead
from autoresearch.records.run import Synced
from autoresearch.settings import Settings
from autoresearch.track.live.draining import Taken, adopt_all, spools
from autoresearch.track.live.resuming import Where, ingest_of
from autoresearch.track.live.run import Run
from autoresearch.track.live.servers import Server, mode_of, server_of, siblings

__all__ = ["Refused", "recovered", "synchronize"]

_PATIENCE = 20.0
Refused = Literal["keep", "retry", "dismiss"]
"""What becomes of changes that the server refused before: they stay, are sent once more, or are forgotten."""


def synchronize(
    path: str | os.PathLike[str] | None,
    home: str | os.PathLike[str] | None,
    active: Run | None,
    *,
    refused: Refused = "keep",
    told: Callable[[str, int], None] = lambda _what, _count: None,
) -> Synced:
    """Bring journals and changes to the server, or into the store; :func:`autoresearch.sync` describes the arguments.

    Args:
        path: A folder of journals.
        home: The home.
        active: The run of this process.
        refused: What becomes of changes that the server refused before.
        told: Called with ``"changes"`` or ``"points"`` and how many of them arrived.

    Raises:
        NotFound: There is no such folder.
        StoreError: The store cannot be used.
    """
    settings = Settings()
    place = os.path.abspath(home or settings.home)
    local_only = settings.mode is not None and mode_of(settings, place) in {"local", "disabled"}
    server = None if local_only else server_of(settings, place)
    if path is not None and not os.path.isdir(path):
        raise NotFound(
            f"There is no folder {os.fspath(path)!r}.", hint="Give the folder that holds the *.arj files."
        )
    if active is not None:
        # Where its server does not answer, the run that goes on sends its journal itself, later.
        with contextlib.suppress(Unavailable):
            active.flush()
    points: Callable[[int], None] = lambda count: told("points", count)  # noqa: E731  handed on
    if path is not None:
        return recovered([os.path.abspath(path)], (place, server), patience=_PATIENCE, told=points)
    local, offline = spools(place)
    if server is None:
        return recovered([local, offline], (place, None), told=points)
    done = recovered([local], (place, None), told=points)
    for one in (server, *siblings(server)):
        # Experiments go before the runs that executed them.
        done = _both(done, _changes(one, refused, lambda: told("changes", 1)))
        folders = [*spools(one.home), *([offline] if one is server else ())]
        done = _both(done, recovered(folders, (place, one), patience=_PATIENCE, told=points))
    return done


def recovered(
    folders: Iterable[str],
    where: Where,
    *,
    patience: float = 5.0,
    told: Callable[[int], None] = lambda _: None,
) -> Synced:
    """Bring the journals of dead writers to where they belong; without one nothing is touched.

    Args:
        folders: Where they lie.
        where: Where they belong.
        patience: Seconds that a silent server is waited for.
        told: Called with the number of points of each part that is stored.

    Raises:
        StoreError: The store cannot be used.
    """
    taken = Taken(told)
    ingest = ingest_of(where, patience=patience)
    try:
        for folder in folders:
            if dead(folder):
                adopt_all(folder, ingest, taken)
    finally:
        ingest.close()
    return Synced(
        journals=taken.writers, points=taken.points, left=tuple(taken.left), faults=tuple(taken.faults)
    )


def _changes(server: Server, refused: Refused, told: Callable[[], None]) -> Synced:
    """Send the changes that wait for a server."""
    if not (Path(server.home) / "outbox.sqlite").exists():
        return Synced(journals=0, points=0)
    from autoresearch.track.connecting import synced_ledger

    sent, left = 0, []

    def count(_: object) -> None:
        nonlocal sent
        sent += 1
        told()

    with synced_ledger(server) as ledger:
        outbox = ledger.outbox
        if refused != "keep":
            (outbox.retry if refused == "retry" else outbox.dismiss)()
        before = len(outbox.rejected())
        try:
            ledger.send(told=count)
        except (Unavailable, Unauthorized) as error:
            waiting = outbox.waiting()
            what = "changes wait" if waiting > 1 else "change waits"
            left.append(f"{waiting} {what} to be sent: {error.message}")
        rejected = outbox.rejected()
    said = tuple(f"{change}: {_reason(change.outcome)}" for change in rejected)
    return Synced(
        journals=0, points=0, changes=sent - (len(rejected) - before), left=tuple(left), refused=said
    )


def _reason(outcome: str | None) -> str:
    said = json.loads(outcome or "{}").get("error", {})
    return f"{said.get('message', 'refused')} {said.get('hint', '')}".strip()


def _both(first: Synced, second: Synced) -> Synced:
    return Synced(
        journals=first.journals + second.journals,
        points=first.points + second.points,
        changes=first.changes + second.changes,
        left=first.left + second.left,
        refused=first.refused + second.refused,
        faults=first.faults + second.faults,
    )
