"""The outbox: changes that a server has not got yet, in the order in which they were made, in a file of their own.

A change is durable here before anything else is done with it. Several processes may share the file; one of them sends at a time.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoresearch.errors import AutoresearchError, Busy
from autoresearch.records.ids import new_id
from autoresearch.store import opening
from autoresearch.store.homes import make_home

__all__ = ["Change", "Outbox"]

_TABLES = """
CREATE TABLE IF NOT EXISTS changes (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    part TEXT NOT NULL,
    call TEXT NOT NULL,
    said TEXT NOT NULL,
    trees TEXT NOT NULL,
    at REAL NOT NULL,
    state TEXT NOT NULL,
    mirrored INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    outcome TEXT,
    agent TEXT
);
CREATE INDEX IF NOT EXISTS changes_by_state ON changes (state, place);
CREATE TABLE IF NOT EXISTS numbers (
    artifact TEXT NOT NULL,
    tree TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (artifact, tree)
);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_KEPT_SECONDS = 3600.0
_WAIT_SECONDS = 60.0
_LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Change:
    """A change.

    Attributes:
        place: Its place in the order.
        key: Tells this change from every other, however often it is sent.
        part: The part of the ledger, and ``call`` the operation.
        said: Its arguments as text.
        trees: For each artifact version that it names by a number which may be provisional, the digest of its tree.
        at: When it was made, in seconds since 1970 UTC.
        state: ``waiting``, ``sent`` or ``rejected``.
        mirrored: Whether the ledger of this machine has it.
        tries: How often the server answered with a fault of its own.
        outcome: What the server said: an answer, or an error's envelope.
        agent: The coding agent that made it; None for a person.
    """

    place: int
    key: str
    part: str
    call: str
    said: str
    trees: Mapping[str, str]
    at: float
    state: str
    mirrored: bool
    tries: int
    outcome: str | None
    agent: str | None

    def __str__(self) -> str:
        return f"{self.part}.{self.call} of {time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(self.at))} UTC"


class Outbox:
    """What waits to be sent to one server.

    Args:
        path: The file; made, with its folder, by the first change.

    Every method raises:
        StoreFull: No space left; nothing was changed.
        StoreReadOnly: The place cannot be written.
        StoreCorrupt: The file is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None
        self._process = os.getpid()
        self._lock = threading.RLock()

    def add(
        self,
        part: str,
        call: str,
        said: str,
        trees: Mapping[str, str] | None = None,
        *,
        agent: str | None = None,
    ) -> Change:
        """Keep a change; it is durable when this returns."""
        values = (new_id(), part, call, said, json.dumps(dict(trees or {})), time.time(), agent)
        with self._open() as connection:
            place = connection.execute(
                "INSERT INTO changes (key, part, call, said, trees, at, agent, state, mirrored, tries) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, 'waiting', 0, 0)",
                values,
            ).lastrowid
        found = self.change(int(place or 0))
        if found is None:
            raise Busy("A change was taken away as soon as it was made.", hint="Make the same call again.")
        return found

    def first(self) -> Change | None:
        """The one that is sent next."""
        return next(iter(self._listed("state = 'waiting' ORDER BY place LIMIT 1")), None)

    def change(self, place: int) -> Change | None:
        """The one at a place."""
        return next(iter(self._listed("place = ?", place)), None)

    def rejected(self) -> list[Change]:
        """Those that the server refused, with its reason as their outcome."""
        return self._listed("state = 'rejected' ORDER BY place")

    def waiting(self) -> int:
        """How many wait."""
        if not self.path.exists():
            return 0
        with self._open() as connection:
            return int(
                connection.execute("SELECT count(*) FROM changes WHERE state = 'waiting'").fetchone()[0]
            )

    def sent(self, change: Change, outcome: str) -> None:
        """The server has it; its answer is kept for an hour, for the process that asked."""
        with self._open() as connection:
            connection.execute(
                "UPDATE changes SET state = 'sent', outcome = ? WHERE place = ?", (outcome, change.place)
            )
            connection.execute(
                "DELETE FROM changes WHERE state = 'sent' AND at < ?", (time.time() - _KEPT_SECONDS,)
            )

    def reject(self, change: Change, error: AutoresearchError) -> None:
        """The server refused it; it is kept until somebody has seen it."""
        envelope = json.dumps(error.envelope())
        self._update(change.place, "state = 'rejected', outcome = ?", envelope)

    def tried(self, change: Change) -> int:
        """The server failed over it; answers how often that was."""
        self._update(change.place, "tries = tries + 1")
        return change.tries + 1

    def mirrored(self, change: Change) -> None:
        """The ledger of this machine has it."""
        self._update(change.place, "mirrored = 1")

    def withdraw(self, change: Change) -> None:
        """It was refused while its caller waited: nothing of it remains."""
        with self._open() as connection:
            connection.execute("DELETE FROM changes WHERE place = ?", (change.place,))

    def retry(self) -> int:
        """Let what was rejected wait again; answers how many."""
        return self._all(
            "UPDATE changes SET state = 'waiting', tries = 0, outcome = NULL WHERE state = 'rejected'"
        )

    def dismiss(self) -> int:
        """Forget what was rejected; answers how many."""
        return self._all("DELETE FROM changes WHERE state = 'rejected'")

    def learn(self, artifact: str, tree: str, number: int) -> None:
        """The server's number of a version."""
        with self._open() as connection:
            connection.execute("INSERT OR REPLACE INTO numbers VALUES (?, ?, ?)", (artifact, tree, number))

    def number_of(self, artifact: str, tree: str) -> int | None:
        """The server's number of a version, where it was logged from here."""
        with self._open() as connection:
            row = connection.execute(
                "SELECT number FROM numbers WHERE artifact = ? AND tree = ?", (artifact, tree)
            ).fetchone()
        return int(row[0]) if row else None

    def fact(self, name: str) -> Any:
        """Something that was remembered about the server; None when nothing was."""
        if not self.path.exists():
            return None
        with self._open() as connection:
            row = connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return json.loads(row[0]) if row else None

    def remember(self, name: str, value: Any) -> None:
        """Remember something about the server."""
        with self._open() as connection:
            connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, json.dumps(value)))

    @contextlib.contextmanager
    def sending(self, seconds: float) -> Iterator[bool]:
        """Be the one who sends; False when another process still does after so many seconds."""
        make_home(str(self.path.parent))
        with opening.Plainly(str(self.path)):
            descriptor = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            yield _locked(descriptor, time.monotonic() + seconds)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Let go of the file; the next use opens it again."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None and self._process == os.getpid():
                connection.close()

    def _listed(self, where: str, *values: Any) -> list[Change]:
        if not self.path.exists():
            return []
        with self._open() as connection:
            rows = connection.execute(
                "SELECT place, key, part, call, said, trees, at, state, mirrored, tries, outcome, agent "  # noqa: S608  constants
                f"FROM changes WHERE {where}",
                values,
            ).fetchall()
        return [_change(*row) for row in rows]

    def _update(self, place: int, change: str, *values: Any) -> None:
        with self._open() as connection:
            connection.execute(f"UPDATE changes SET {change} WHERE place = ?", (*values, place))  # noqa: S608  constants

    def _all(self, statement: str) -> int:
        if not self.path.exists():
            return 0
        with self._open() as connection:
            return connection.execute(statement).rowcount

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with self._lock, opening.Plainly(str(self.path)):
            if self._connection is not None and self._process != os.getpid():
                self._connection = (
                    None  # a forked child must not touch its parent's; it is left to the parent
                )
            if self._connection is None:
                self._process = os.getpid()
                self._connection = self._connect()
            connection = self._connection
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _connect(self) -> sqlite3.Connection:
        make_home(str(self.path.parent))
        connection = sqlite3.connect(
            self.path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.executescript(_TABLES)
            columns = {row[1] for row in connection.execute("PRAGMA table_info(changes)")}
            if "agent" not in columns:  # an outbox that an earlier version began
                connection.execute("ALTER TABLE changes ADD COLUMN agent TEXT")
        except BaseException:
            connection.close()
            raise
        return connection


def _change(  # noqa: PLR0917  a row
    place: int,
    key: str,
    part: str,
    call: str,
    said: str,
    trees: str,
    at: float,
    state: str,
    mirrored: int,
    tries: int,
    outcome: str | None,
    agent: str | None,
) -> Change:
    named = json.loads(trees)
    return Change(place, key, part, call, said, named, at, state, bool(mirrored), tries, outcome, agent)


def _locked(descriptor: int, until: float) -> bool:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > until:
                return False
            time.sleep(_LOOK_SECONDS)
        else:
            return True
