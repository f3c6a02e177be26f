"""The embedded database: one SQLite file in WAL mode, opened, migrated and locked here.

Writers take the write lock at once (``BEGIN IMMEDIATE``), so that two of them queue instead of failing half-way; readers see
one snapshot and never wait. ``synchronous=FULL`` makes a returned write survive a power loss, not only a killed process.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import weakref
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event

from autoresearch.errors import (
    AutoresearchError,
    Busy,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreReadOnly,
)

__all__ = ["Database"]

_WAIT_SECONDS = 60
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

    def __init__(self, path: Path) -> None:
        self.path = path
        with _said_plainly(path):
            _make_folder(path.parent)
            self._engine = _engine(path)
            try:
                self._prepare()
            except BaseException:
                self._engine.dispose()
                raise
        _open.add(self)
        # One that nobody closed is closed when nobody holds it any more, at the latest when the interpreter ends.
        weakref.finalize(self, self._engine.dispose)

    @contextlib.contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One write transaction: committed when the block ends, undone when it raises."""
        with _said_plainly(self.path), self._engine.connect() as connection:
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
    def read(self) -> Iterator[sa.Connection]:
        """One read transaction over one snapshot."""
        with _said_plainly(self.path), self._engine.connect() as connection:
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

    def _prepare(self) -> None:
        from autoresearch.store import revisions

        if revisions.of_file(self.path) == revisions.NEWEST:
            return
        # One process migrates; the others wait here and then find it done.
        with _locked(self.path.with_name(self.path.name + ".lock")):
            found = revisions.of_file(self.path)
            if found != revisions.NEWEST:
                revisions.upgrade(self._engine, self.path, found)


def _engine(path: Path) -> sa.Engine:
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        connect_args={"timeout": _WAIT_SECONDS, "isolation_level": None, "check_same_thread": False},
        pool_size=4,
        max_overflow=16,
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-16384", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {pragma}").close()

    return engine


def _make_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _hide_from_git(folder)
    if not os.access(folder, os.W_OK):
        raise StoreReadOnly(
            f"The store's folder {folder} cannot be written.",
            hint="Give write access, or set AUTORESEARCH_HOME to a folder that can be written.",
        )


def _hide_from_git(folder: Path) -> None:
    """A store inside a repository must not be part of the code that is captured."""
    with contextlib.suppress(OSError), (folder / ".gitignore").open("x", encoding="utf-8") as file:
        file.write("*\n")


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _said_plainly(path: Path) -> Iterator[None]:
    """Errors of SQLite and the operating system, as ours."""
    try:
        yield
    except AutoresearchError:
        raise
    except sa.exc.DBAPIError as error:
        raise _plain(error.orig or error, path) from error
    except sqlite3.Error as error:
        raise _plain(error, path) from error
    except OSError as error:
        raise StoreReadOnly(
            f"The store at {path} cannot be used: {error.strerror or error}.",
            hint="Set AUTORESEARCH_HOME to a folder that can be written.",
        ) from error


def _plain(error: BaseException, path: Path) -> StoreError | Busy:
    said = str(error)
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Busy(
            f"Another process held {path} for more than {_WAIT_SECONDS} seconds.",
            hint="Call again; if it stays so, look for a stuck process with `autoresearch doctor`.",
        )
    if name.startswith("SQLITE_FULL"):
        return StoreFull(
            f"The disk that holds {path} is full; nothing of this call was stored.",
            hint="Free some space (`autoresearch gc` removes orphans) and call again.",
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return StoreReadOnly(
            f"The store at {path} cannot be written: {said}.",
            hint="Give write access, or set AUTORESEARCH_HOME to a folder that can be written.",
        )
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return StoreCorrupt(
            f"{path} is not a sound database: {said}.",
            hint="Put a backup (*.backup-* beside it) in its place, or move it away to begin anew.",
        )
    return StoreError(
        f"The store at {path} refused: {said}.", hint="`autoresearch doctor` looks for the cause."
    )


def _after_fork() -> None:
    # A child must not use its parent's connections: closing one would drop the parent's locks.
    for database in _open:
        database._engine.dispose(close=False)


os.register_at_fork(after_in_child=_after_fork)
