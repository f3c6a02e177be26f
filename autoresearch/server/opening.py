"""The store of a server, from its settings: one folder, or a database and an object store elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autoresearch.ledger.access.service import Access
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.server.state import Limits, State
from autoresearch.settings import Settings

__all__ = ["opened", "opened_here"]


@contextmanager
def opened(home: Path, *, limits: Limits | None = None) -> Iterator[State]:
    """The state of a server, its store opened and migrated; closed at the end of the block.

    Args:
        home: Folder of the store, of what of it AUTORESEARCH_DATABASE_URL and AUTORESEARCH_OBJECTS_URL put nowhere else.
        limits: What one request may ask for.

    Raises:
        Invalid: A setting is off.
        StoreError: The store cannot be used.
        Unavailable: It cannot be reached.
    """
    settings = Settings()
    with LocalLedger.connect(
        settings.database_url or home / "ledger.sqlite", settings.objects_url or home / "objects"
    ) as ledger:
        ledger.store.check()
        yield _state(ledger, limits or Limits(upload=settings.max_blob_bytes))


@contextmanager
def opened_here(home: Path) -> Iterator[State]:
    """The state of a server over the embedded store in a folder, whatever database the settings name for a server.

    Raises:
        StoreError: The store cannot be used.
    """
    with LocalLedger.open(home) as ledger:
        yield _state(ledger, Limits())


def _state(ledger: LocalLedger, limits: Limits) -> State:
    return State(
        database=ledger.database, objects=ledger.store, access=Access(ledger.database), limits=limits
    )
