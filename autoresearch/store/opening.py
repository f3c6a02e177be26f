"""Opening a store file: its folder, its lock, its settings, and what a refusal of SQLite means.

Writers take the write lock at once (``BEGIN IMMEDIATE``), so that two of them queue instead of failing half-way; readers see
one snapshot and never wait. ``synchronous=FULL`` makes a returned write survive a power loss, not only a killed process.

A training process opens the store here, without the SQL toolkit and without ``pathlib``: paths are strings.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3

from autoresearch.errors import (
    AutoresearchError,
    Busy,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreReadOnly,
)
from autoresearch.store import revisions
from autoresearch.store.homes import make_home

TYPE_CHECKING = False  # importing typing would cost more than this module
if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["WAIT_SECONDS", "Plainly", "configure", "connect", "prepare"]

WAIT_SECONDS = 60
_SETTINGS = ("journal_mode=WAL", "synchronous=FULL", "cache_size=-16384", "temp_store=MEMORY")
_FULL = {errno.ENOSPC, errno.EDQUOT}


def connect(path: str) -> sqlite3.Connection:
    """A connection to a store file that any one thread at a time may use; the file is made or upgraded as needed.

    Transactions are begun and ended by the caller.

    Raises:
        StoreCorrupt: The file is not a database, or is damaged.
        StoreTooNew: It was written by a newer version of the library.
        StoreReadOnly: The place cannot be written.
        StoreFull: No space is left for a new one.
    """
    with Plainly(path):
        prepare(path)
        connection = sqlite3.connect(
            path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False
        )
        configure(connection)
        return connection


def configure(connection: sqlite3.Connection) -> None:
    """Give a new connection the settings that every one has."""
    for setting in _SETTINGS:
        connection.execute(f"PRAGMA {setting}").close()


def prepare(path: str) -> None:
    """Make the file, with its folder, or bring it to the newest revision; one process does, the others wait."""
    _make_folder(os.path.dirname(path) or ".")
    if revisions.of_file(path) == revisions.NEWEST:
        return
    with open(path + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = revisions.of_file(path)
        if found is None:
            _make(path)
        elif found != revisions.NEWEST:
            revisions.upgrade(path, found)


def _make(path: str) -> None:
    connection = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)
    try:
        # Tables that are there already are not ours to fill up: this is the database of something else.
        if connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            raise StoreCorrupt(
                f"{path} is not a sound database: it holds tables of something else.",
                hint="Move the file away, or set AUTORESEARCH_HOME to another folder.",
            )
        configure(connection)
        connection.executescript(revisions.newest())
    finally:
        connection.close()


def _make_folder(folder: str) -> None:
    make_home(folder)
    if not os.access(folder, os.W_OK):
        raise StoreReadOnly(
            f"The store's folder {folder} cannot be written.",
            hint="Give write access, or set AUTORESEARCH_HOME to a folder that can be written.",
        )


class Plainly:
    """Errors of SQLite and the operating system within the block, as ours.

    Args:
        path: The store file, for the messages.
    """

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> None:
        return

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        # The toolkit wraps what the driver raised.
        cause = getattr(error, "orig", None) or error
        if error is None or isinstance(error, AutoresearchError):
            return
        if isinstance(cause, sqlite3.Error):
            raise _of_sqlite(cause, self.path) from error
        if isinstance(error, OSError):
            raise _of_system(error, self.path) from error


def _of_system(error: OSError, path: str) -> StoreError:
    if error.errno in _FULL:
        return _full(path)
    return StoreReadOnly(
        f"The store at {path} cannot be used: {error.strerror or error}.",
        hint="Set AUTORESEARCH_HOME to a folder that can be written.",
    )


def _full(path: str) -> StoreFull:
    return StoreFull(
        f"The disk that holds {path} is full; nothing of this call was stored.",
        hint="Free some space (`autoresearch gc` removes orphans) and call again.",
    )


def _of_sqlite(error: sqlite3.Error, path: str) -> StoreError | Busy:
    said = str(error)
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Busy(
            f"Another process held {path} for more than {WAIT_SECONDS} seconds.",
            hint="Call again; if it stays so, look for a stuck process with `autoresearch doctor`.",
        )
    if name.startswith("SQLITE_FULL"):
        return _full(path)
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
