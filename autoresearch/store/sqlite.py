"""The embedded database through the SQL toolkit: one SQLite file in WAL mode, its transactions and its connections.

What the file needs before it can be used, and the settings of a connection, are in ``opening``.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import sqlalchemy as sa
from sqlalchemy import event

from autoresearch.store import opening

__all__ = ["Database"]

_open: weakref.WeakSet[Database] = weakref.WeakSet()


class Database:
    """An opened and migrated store file.

    Args:
        path: The database file; made, with its folder, when it does not exist.

    Raises:
        StoreCorrupt: The file is not a database, or is damaged.
        StoreTooNew: It was written by a newer version of the library.
        StoreReadOnly: The place cannot be written.
    """

    dialect: Literal["sqlite"] = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path
        with opening.Plainly(str(path)):
            opening.prepare(str(path))
        self._engine = _engine(path)
        _open.add(self)
        # One that nobody closed is closed when nobody holds it any more, at the latest when the interpreter ends.
        weakref.finalize(self, self._engine.dispose)

    @property
    def where(self) -> str:
        """The path of the file."""
        return str(self.path)

    @contextlib.contextmanager
    def write(
        self,
        organization: str | None = None,  # noqa: ARG002  one writer at a time, whoever's rows it writes
        *,
        run: str | Sequence[str] = (),  # noqa: ARG002  as above
        alone: bool = False,  # noqa: ARG002  as above
    ) -> Iterator[sa.Connection]:
        """One write transaction: committed when the block ends, undone when it raises."""
        with opening.Plainly(str(self.path)), self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                # A failed COMMIT (disk full) leaves the transaction open; a failed BEGIN left none.
                if connection.connection.dbapi_connection.in_transaction:  # type: ignore[union-attr]
                    connection.exec_driver_sql("ROLLBACK")
                raise

    @contextlib.contextmanager
    def read(self, organization: str | None = None) -> Iterator[sa.Connection]:  # noqa: ARG002  as for writing
        """One read transaction over one snapshot."""
        with opening.Plainly(str(self.path)), self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                yield connection
            finally:
                connection.exec_driver_sql("ROLLBACK")

    def check(self) -> list[str]:
        """What SQLite's own full check finds wrong; empty when the file is sound."""
        with self.read() as connection:
            found = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
        return [str(line) for line in found if line != "ok"]

    def close(self) -> None:
        """Close every connection; calling it again does nothing."""
        self._engine.dispose()


def _engine(path: Path) -> sa.Engine:
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        connect_args={"timeout": opening.WAIT_SECONDS, "isolation_level": None, "check_same_thread": False},
        pool_size=4,
        max_overflow=16,
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        opening.configure(connection)

    return engine


def _after_fork() -> None:
    # A child must not use its parent's connections: closing one would drop the parent's locks.
    for database in _open:
        database._engine.dispose(close=False)


os.register_at_fork(after_in_child=_after_fork)
