"""Where rows lie: one SQLite file, or a PostgreSQL database; whoever holds one cannot tell which."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import unquote, urlsplit

import sqlalchemy as sa

from autoresearch.errors import Invalid, StoreError

__all__ = ["Database", "is_server", "open_database"]

_SERVERS = ("postgresql:", "postgres:", "postgresql+psycopg:")


class Database(Protocol):
    """An opened and migrated database.

    Every method raises:
        Busy: Somebody else held it for more than 60 seconds.
        Unavailable: The database server went away, or cannot be reached; the same call may be made again.
        StoreFull: No space is left; nothing of the transaction was stored.
        StoreReadOnly: It takes no writes.
        StoreCorrupt: It is damaged.
    """

    @property
    def dialect(self) -> Literal["sqlite", "postgresql"]:
        """Which words it understands."""

    @property
    def where(self) -> str:
        """Where it is, for people; without a password."""

    def write(
        self, organization: str | None = None, *, run: str | Sequence[str] = (), alone: bool = False
    ) -> contextlib.AbstractContextManager[sa.Connection]:
        """One write transaction: committed when the block ends, undone when it raises.

        Args:
            organization: Whose rows are written; no other transaction writes in it meanwhile. None for what is of no
                organization, such as people, and for work on the rows of all.
            run: Write only to the points and messages of this run or these; others may do so for other runs at the same time.
            alone: Nobody writes anything anywhere meanwhile.
        """

    def read(self, organization: str | None = None) -> contextlib.AbstractContextManager[sa.Connection]:
        """One read transaction over one snapshot, of one organization or of the whole store."""

    def check(self) -> list[str]:
        """What its own full check finds wrong; empty when it is sound."""

    def close(self) -> None:
        """Close every connection; calling it again does nothing."""


def is_server(where: str | Path) -> bool:
    """Whether this names a database server and not a file."""
    return isinstance(where, str) and where.startswith(_SERVERS)


def open_database(where: str | Path) -> Database:
    """Open a database, making or migrating it as needed.

    Args:
        where: Path of a file, or a URL: ``postgresql://user@host/name``, ``sqlite:///path``.

    Raises:
        Invalid: It is a URL of something else.
        StoreError: It cannot be used; the kind of error says why.
        Unavailable: The database server cannot be reached.
    """
    from autoresearch.store import sqlite

    if not is_server(where):
        return sqlite.Database(_path(where))
    try:
        from autoresearch.store import postgres
    except ImportError as error:
        raise StoreError(
            f"PostgreSQL needs a driver that is not installed ({error}).",
            hint="pip install 'autoresearch[postgres]'",
        ) from None
    return postgres.Database(str(where))


def _path(where: str | Path) -> Path:
    text = str(where)
    if isinstance(where, Path) or "://" not in text:
        return Path(text)
    parts = urlsplit(text)
    if parts.scheme != "sqlite" or parts.netloc or not parts.path.strip("/"):
        # What stands there may hold a password, so that only its kind is repeated.
        raise Invalid(
            f"A database cannot be opened by a URL of the kind {parts.scheme[:20]!r}.",
            hint="Give a path, sqlite:///relative/path, sqlite:////absolute/path or postgresql://user@host/name.",
        )
    return Path(unquote(parts.path[1:]))
