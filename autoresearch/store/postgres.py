"""A PostgreSQL database through the SQL toolkit: its transactions, their locks, and its connections.

The rules of the ledger were written for one writer at a time. Here that holds for each organization: a write transaction takes
the organization's lock before it looks at anything, and every statement after that sees what was committed before. Batches of
points only exclude each other within one run.

Each transaction begins in one round trip, which also says for whom it acts: the policies of row-level security let through the
rows of that organization and no others, and none at all when nobody said.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import weakref
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import psycopg
import sqlalchemy as sa
from psycopg.pq import TransactionStatus
from psycopg.sql import Literal as Quoted

from autoresearch.errors import Unavailable
from autoresearch.store import postgres_tables
from autoresearch.store.postgres_errors import WAIT_SECONDS, parsed, plainly, shown

__all__ = ["EVERYTHING", "Database", "Glance", "glance"]

EVERYTHING = "*"
"""What a transaction over the whole store says in place of an organization."""

_STANDSTILL_SECONDS = 300
_IN_USE_SECONDS = 30
_open: weakref.WeakSet[Database] = weakref.WeakSet()
# A server that is gone must be noticed in a minute, not in the two hours of the operating system.
_PATIENCE = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
    "application_name": "autoresearch",
}


class Database:
    """An opened and migrated PostgreSQL database.

    Args:
        url: ``postgresql://user:password@host:port/name``, with anything else that libpq takes.

    Attributes:
        walled: Whether row-level security binds this role; it does not bind a superuser.

    Raises:
        Invalid: The URL was not understood.
        Unavailable: The server cannot be reached.
        StoreTooNew: The tables were made by a newer version of the library.
        StoreCorrupt: The tables are those of something else.
        StoreError: The server does not let us in, or not make tables.
    """

    dialect: Literal["postgresql"] = "postgresql"

    def __init__(self, url: str) -> None:
        parts = parsed(url)
        self.where = shown(parts)
        self._engine = _engine(parts)
        _open.add(self)
        weakref.finalize(self, self._engine.dispose)
        with plainly(self.where), self._begun(_writing(EVERYTHING)) as connection:
            self.walled = postgres_tables.prepare(connection, self.where)
            _commit(connection)

    @contextlib.contextmanager
    def write(
        self, organization: str | None = None, *, run: str | Sequence[str] = (), alone: bool = False
    ) -> Iterator[sa.Connection]:
        """One write transaction: committed when the block ends, undone when it raises.

        Args:
            organization: Whose rows are written; None for what is of no organization, and for the rows of all.
            run: Write only to the points and messages of this run or these.
            alone: Nobody writes anything anywhere meanwhile.
        """
        runs = (run,) if isinstance(run, str) else tuple(run)
        with (
            plainly(self.where),
            self._begun(_writing(organization or EVERYTHING, runs, alone=alone)) as connection,
        ):
            yield connection
            _commit(connection)

    @contextlib.contextmanager
    def read(self, organization: str | None = None) -> Iterator[sa.Connection]:
        """One read transaction over one snapshot."""
        with (
            plainly(self.where),
            self._begun(_reading(organization or EVERYTHING)) as connection,
        ):
            yield connection
            # Not undone: after that the driver would prepare every statement of the connection anew.
            _driver(connection).execute("COMMIT")

    def check(self) -> list[str]:
        """What is wrong with the tables, their indexes and their policies; empty when all is sound."""
        with self.read() as connection:
            return postgres_tables.faults(connection)

    def close(self) -> None:
        """Close every connection; calling it again does nothing."""
        self._engine.dispose()

    @contextlib.contextmanager
    def _begun(self, opening: str) -> Iterator[sa.Connection]:
        """A connection inside a transaction, which is undone unless it was committed."""
        with self._engine.connect() as connection:
            _begin(connection, opening)
            try:
                yield connection
            finally:
                _undo(connection)


class Glance(NamedTuple):
    """What a database is seen to be without making anything in it.

    Attributes:
        tables: How many tables there are.
        revision: Of which revision they are; None when they are not ours.
        walled: Whether row-level security binds the role.
    """

    tables: int
    revision: str | None
    walled: bool


def glance(url: str) -> Glance:
    """Look at a database.

    Raises:
        Invalid: The URL was not understood.
        Unavailable: The server cannot be reached.
    """
    parts = parsed(url)
    mine = (
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
    )
    options: dict[str, Any] = {**_PATIENCE, **parts}
    with plainly(shown(parts)), psycopg.connect(**options) as connection:
        names = {name for (name,) in connection.execute(mine)}
        walled = connection.execute(postgres_tables.ROLE).fetchone() == (True,)
        if not {"alembic_version", "counters"} <= names:
            return Glance(len(names), None, walled)
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return Glance(len(names), row and str(row[0]), walled)


def _engine(parts: dict[str, str]) -> sa.Engine:
    return sa.create_engine(
        "postgresql+psycopg://",
        connect_args={**_PATIENCE, **parts},
        isolation_level="AUTOCOMMIT",  # transactions are begun and ended by hand
        use_native_hstore=False,
        pool_size=10,
        max_overflow=30,
        pool_timeout=_IN_USE_SECONDS,
        pool_use_lifo=True,
    )


@lru_cache(maxsize=1024)
def _reading(organization: str) -> str:
    return _opening("REPEATABLE READ READ ONLY", organization)


@lru_cache(maxsize=4096)
def _writing(organization: str, runs: tuple[str, ...] = (), *, alone: bool = False) -> str:
    lock, shared = "pg_advisory_xact_lock", "pg_advisory_xact_lock_shared"
    locks = [f"{lock if alone else shared}({_number('store')})"]
    # In one order everywhere, so that no two transactions wait for each other.
    own = sorted({_number("run", organization, run) for run in runs})
    locks.append(f"{shared if own else lock}({_number('organization', organization)})")
    locks += [f"{lock}({number})" for number in own]
    # They last to the end: what is looked at behind them was committed before they were given.
    # Who is alone may be long at work elsewhere, and must keep its lock all the while.
    standstill = 0 if alone else _STANDSTILL_SECONDS
    return _opening("READ COMMITTED READ WRITE", organization, *locks, standstill=standstill)


def _opening(level: str, organization: str, *more: str, standstill: int = _STANDSTILL_SECONDS) -> str:
    """The statements that begin a transaction, sent in one go."""
    local = {
        "autoresearch.organization": organization,
        "idle_in_transaction_session_timeout": f"{standstill}s",
        "lock_timeout": f"{WAIT_SECONDS * 1000:.0f}ms",
    }
    said = [f"set_config('{name}', {Quoted(value).as_string(None)}, true)" for name, value in local.items()]
    return f"BEGIN ISOLATION LEVEL {level}; SELECT {', '.join([*said, *more])}"


def _number(*names: str) -> int:
    """The number of a lock: 64 bits of a digest, with a sign."""
    digest = hashlib.blake2b("\0".join(("autoresearch", *names)).encode("utf-8", "replace"), digest_size=8)
    return int.from_bytes(digest.digest(), "big", signed=True)


def _driver(connection: sa.Connection) -> psycopg.Connection[Any]:
    driver: Any = connection.connection.dbapi_connection
    return driver  # type: ignore[no-any-return]  # what the toolkit's own dialect opened


def _begin(connection: sa.Connection, opening: str) -> None:
    driver = _driver(connection)
    try:
        driver.execute(opening)  # past the toolkit, which would do half as much again
    except psycopg.Error:
        if not driver.closed:
            _undo(connection)
            raise
    else:
        return
    # The server hung up since the connection was last used: once more, on a new one. The toolkit has to hear of it, so that it
    # lets go of the others, too.
    try:
        connection.exec_driver_sql("SELECT 1")
    except sa.exc.DBAPIError as error:
        if not error.connection_invalidated:
            raise
        connection.rollback()
    _driver(connection).execute(opening)


def _commit(connection: sa.Connection) -> None:
    done = _driver(connection).execute("COMMIT").statusmessage
    if done != "COMMIT":
        # After an error that somebody swallowed PostgreSQL undoes everything and says so nowhere else.
        raise Unavailable(
            "A statement of the transaction failed, so that nothing of it was stored.", hint="Call again."
        )


def _undo(connection: sa.Connection) -> None:
    """Leave no transaction behind, and no connection that is of no use."""
    if connection.invalidated:
        return
    driver = _driver(connection)
    if driver.closed:
        connection.invalidate()
    elif driver.info.transaction_status != TransactionStatus.IDLE:
        try:
            driver.execute("ROLLBACK")
        except psycopg.Error:
            connection.invalidate()


def _after_fork() -> None:
    # A child must not use its parent's connections: both would talk on the same line.
    for database in _open:
        database._engine.dispose(close=False)


os.register_at_fork(after_in_child=_after_fork)
