"""Where what a workspace records belongs: the embedded store, or a server; and what processes left behind, brought there."""

from __future__ import annotations

import contextlib
from pathlib import Path

from autoresearch.errors import Unavailable
from autoresearch.ledger.base import Ledger
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.experiment import Actor
from autoresearch.records.run import Synced
from autoresearch.settings import Settings
from autoresearch.store.homes import make_home
from autoresearch.track.live.calls import flush_active
from autoresearch.track.live.draining import spools
from autoresearch.track.live.servers import Server, mode_of, required_server, server_of
from autoresearch.track.live.syncing import recovered

__all__ = ["brought_in", "opened_ledger"]


def opened_ledger(settings: Settings, home: Path, actor: Actor) -> tuple[Ledger, Path, Server | None]:
    """The ledger that the settings name, the folder of what this machine keeps of it, and its server if it has one.

    Raises:
        Invalid: The mode is ``online``, and no server is known.
        StoreError: The store cannot be used.
    """
    mode = mode_of(settings, str(home))
    server = None
    if mode == "online":
        server = required_server(settings, str(home))
    elif mode == "offline":
        # It is left alone, and what is recorded waits for it.
        server = server_of(settings, str(home))
    if server is None:
        return LocalLedger.open(home, actor=actor), home, None
    from autoresearch.track.connecting import synced_ledger

    make_home(str(home))
    return synced_ledger(server, actor=actor, offline=mode == "offline"), Path(server.home), server


def brought_in(home: Path, server: Server | None, mode: str | None) -> Synced:
    """Bring in what this process has logged so far, and what others left in their journals when they died.

    Raises:
        StoreError: The store cannot be used; the journals keep everything.
    """
    folders = spools(str(home))
    if server is None:
        flush_active()
        return recovered(folders[:1], (str(home), None))
    if mode == "offline":
        return Synced(journals=0, points=0)
    with contextlib.suppress(Unavailable):  # then its thread tries again
        flush_active()
    return recovered(folders, (str(home), server))
