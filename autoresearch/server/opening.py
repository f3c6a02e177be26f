"""The store of a server, from its settings: one folder, or a database and an object store elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autoresearch.ledger.access.service import Access
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.server.state import Limits, State

__all__ = ["opened"]


@contextmanager
def opened(home: Path, *, limits: Limits | None = None) -> Iterator[State]:
    """The state of a server, its store opened and migrated; closed at the end of the block.

    Args:
        home: Folder of the embedded store.
        limits: What one request may ask for.

    Raises:
        StoreError: The store cannot be used.
    """
    with LocalLedger.open(home) as ledger:
        access = Access(ledger.database)
        yield State(database=ledger.database, objects=ledger.store, access=access, limits=limits or Limits())
