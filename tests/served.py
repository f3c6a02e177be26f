"""A real server on a port of this machine for tests that send journals: its ledger, and what it was asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autoresearch.ledger.local.ledger import LocalLedger
from tests.network import Network
from tests.serving import listening

__all__ = ["Far", "served_at"]


class Far:
    """What a test sees of a server.

    Attributes:
        ledger: What it keeps.
        key: A key of it.
        port: Where it listens.
    """

    def __init__(self, ledger: LocalLedger, key: str, relay: Network) -> None:
        self.ledger = ledger
        self.key = key
        self.port = relay.port
        self._relay = relay

    @property
    def url(self) -> str:
        return self._relay.url

    @property
    def asked(self) -> list[str]:
        """Method and path of every request, in order."""
        return [said.partition("?")[0] for said in self._relay.seen]


@contextmanager
def served_at(home: Path) -> Iterator[Far]:
    """A server over a new store."""
    with listening(home) as server, Network(int(server.url.rpartition(":")[2])) as relay:
        ledger = server.state.ledger(server.state.access.authenticate(server.key))
        yield Far(ledger, server.key, relay)
