"""Where a store lies: its rows and its objects, in one folder or each in a place of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.settings import Settings
from autoresearch.store import revisions
from autoresearch.store.databases import is_server
from autoresearch.store.opening import Plainly

__all__ = ["Place", "Told", "place_of", "revision_of", "unheard"]

Told = Callable[[str, int, int | None], None]
"""Hears how far the work is: of what, how many are done, and of how many if that is known."""


class Place(NamedTuple):
    """Where a store lies.

    Attributes:
        database: Path of the file, or ``postgresql://…``.
        objects: Folder, or URL of a bucket.
    """

    database: str | Path
    objects: str | Path

    @property
    def on_server(self) -> bool:
        """Whether the rows are kept by a database server."""
        return is_server(self.database)

    def open(self) -> LocalLedger:
        """Open it, making or migrating it as needed.

        Raises:
            StoreError: It cannot be used.
            Unavailable: The database server cannot be reached.
        """
        return LocalLedger.connect(self.database, self.objects)


def place_of(home: Path, settings: Settings | None = None) -> Place:
    """The place that the environment names, else the store of a folder."""
    known = settings or Settings()
    return Place(known.database_url or home / "ledger.sqlite", known.objects_url or home / "objects")


def revision_of(place: Place) -> str | None:
    """Of which revision the tables are, looked at without changing them; None when there are none.

    Raises:
        StoreError: It cannot be used.
        Unavailable: The database server cannot be reached.
    """
    if place.on_server:
        from autoresearch.store.postgres import glance

        return glance(str(place.database)).revision
    with Plainly(str(place.database)):
        return revisions.of_file(place.database)


def unheard(_what: str, _done: int, _of: int | None) -> None:
    """Hears nothing."""
