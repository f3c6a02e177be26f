"""The ledger of a server as this process sees it: asked directly, or with one of this machine that goes on without it."""

from __future__ import annotations

from pathlib import Path

from autoresearch.client.keys import request_key
from autoresearch.client.synchronous import Client
from autoresearch.ledger.remote.ledger import RemoteLedger
from autoresearch.ledger.synced.ledger import SyncedLedger
from autoresearch.records.experiment import Actor
from autoresearch.track.live.servers import Server

__all__ = ["remote_ledger", "send_held", "synced_ledger"]

_PATIENCE = 5.0


def remote_ledger(server: Server) -> RemoteLedger:
    """The ledger of a server, which fails when the server does not answer."""
    return RemoteLedger(Client(server.key, base_url=server.url))


def synced_ledger(server: Server, *, actor: Actor | None = None, offline: bool = False) -> SyncedLedger:
    """The ledger of a server, with one of this machine that keeps changes and answers while the server does not.

    Args:
        server: The server.
        actor: Who acts.
        offline: Whether the server is left alone until ``send()``.
    """
    client = Client(server.key, base_url=server.url, timeout=_PATIENCE, tries=1)
    remote = RemoteLedger(client)
    return SyncedLedger(Path(server.home), remote, actor=actor, keyed=request_key, offline=offline)


def send_held(server: Server) -> None:
    """Send what waits in the outbox of a server.

    Raises:
        Unavailable: It does not answer.
        Unauthorized: It refuses the key.
    """
    with synced_ledger(server) as ledger:
        ledger.send()
