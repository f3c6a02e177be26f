"""What a training process needs of the ledger: to hand over batches, say that it lives, and have its points compacted.

The rules about runs are not here: messages are stored as they came and applied when somebody reads. So a training process
pays for SQLite and for nothing above it.
"""

from __future__ import annotations

import math
import os
import threading
import time
import weakref

from autoresearch.errors import Invalid

TYPE_CHECKING = False  # importing typing would cost more than this module
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable
    from typing import Any, TypeVar

    from autoresearch.errors import AutoresearchError
    from autoresearch.series.batch import Batch

    _Answer = TypeVar("_Answer")

__all__ = ["LocalIngest", "beat", "check", "position", "take", "take_many"]

_HEX = frozenset("0123456789abcdef-")
_live: weakref.WeakSet[LocalIngest] = weakref.WeakSet()
_inherited: list[sqlite3.Connection] = []


def take(connection: Any, organization: str, batch: Batch, *, gapless: bool = False) -> int:
    """Store a batch within the caller's write transaction; answers the sequence number that is stored.

    Args:
        connection: Of the database's driver.
        organization: Whose run it is.
        batch: What is handed over.
        gapless: Refuse it where records before it are missing, in place of counting those as lost. Between processes of one
            machine nothing overtakes; on a network it does.

    Raises:
        Invalid: The ids are not ids.
        Conflict: Part of it is stored already, or what comes before it is not; ``details["sequence"]`` says how far.
    """
    from autoresearch.store.points import Points

    check(batch)
    (answer,) = Points(connection, organization).take(batch, gapless=gapless)
    if not isinstance(answer, int):
        raise answer
    return answer


def take_many(
    connection: Any, organization: str, batches: Iterable[Batch], *, gapless: bool = False
) -> list[int | AutoresearchError]:
    """Store batches within the caller's write transaction, each of them whole or not at all.

    Answers for each what :func:`take` answers, or the error that kept this one, and no other, from being stored.
    """
    from autoresearch.store.points import Points

    refused: dict[int, AutoresearchError] = {}
    fine: list[Batch] = []
    for place, batch in enumerate(batches):
        try:
            check(batch)
        except Invalid as error:
            refused[place] = error
        else:
            fine.append(batch)
    stored = iter(Points(connection, organization).take(*fine, gapless=gapless))
    return [refused[place] if place in refused else next(stored) for place in range(len(refused) + len(fine))]


def position(connection: Any, organization: str, writer: str) -> int:
    """The last sequence number that is stored of a writer; 0 when nothing is."""
    row = connection.execute(
        "SELECT sequence FROM writers WHERE organization = ? AND id = ?", (organization, writer)
    ).fetchone()
    return int(row[0]) if row else 0


def beat(connection: sqlite3.Connection, organization: str, run: str, writer: str) -> None:
    """Note within the caller's write transaction that a writer lives."""
    connection.execute(
        "UPDATE writers SET updated_at = ? WHERE organization = ? AND id = ? AND run_id = ?",
        (time.time(), organization, writer, run),
    )


def check(batch: Batch) -> None:
    """Refuse a batch that no store could take.

    Raises:
        Invalid: The ids are not ids, or a time is none.
    """
    run = batch.run
    if len(run) != 36 or run.count("-") != 4 or not _HEX.issuperset(run):
        raise Invalid(f"{run[:40]!r} is not the id of a run.", hint="A run's id is a UUID in lower case.")
    if not 0 < len(batch.writer) <= 200 or not batch.writer.isprintable():
        raise Invalid(
            f"{batch.writer[:40]!r} is not the id of a writer.", hint="Give 1 to 200 printable characters."
        )
    times = [text.time for text in batch.texts] + [message.time for message in batch.messages]
    if not all(map(math.isfinite, times)):
        raise Invalid("A text or message has no time.", hint="Give seconds since 1970 UTC.")


class LocalIngest:
    """The way into the embedded store that costs least: one connection of its own, opened at the first use.

    Threads may share it. A forked child gets a connection of its own.

    Args:
        home: Folder of the store; made when it does not exist.
        organization: Whose runs these are.

    Every method raises:
        StoreFull: No space left; nothing of the call was stored.
        StoreReadOnly: The place cannot be written.
        StoreCorrupt: The database is damaged.
        StoreTooNew: A newer version of the library wrote it.
        Busy: Another process held it for more than 60 seconds.
    """

    __slots__ = ("__weakref__", "_connection", "_lock", "organization", "path")

    def __init__(self, home: str, organization: str = "local") -> None:
        self.path = os.path.join(home, "ledger.sqlite")
        self.organization = organization
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()
        _live.add(self)

    def __del__(self) -> None:
        # Nobody holds it any more, so that nobody is in the middle of something.
        if self._connection is not None:
            self._connection.close()

    def ingest(self, batch: Batch) -> int:
        """Store a batch, once however often it is sent; answers the sequence number that is stored.

        Raises:
            Conflict: Part of it is stored already; ``details["sequence"]`` says how far.
        """
        return self._write(lambda connection: take(connection, self.organization, batch))

    def position(self, writer: str) -> int:
        """The last sequence number that is stored of a writer; 0 when nothing is."""
        return self._use(lambda connection: position(connection, self.organization, writer))

    def compact(self, run: str, most_points: int) -> int:
        """Bring at most so many points of a run's live tail into chunks; answers how many were moved. Needs numpy."""
        from autoresearch.store.points import Points

        return self._write(
            lambda connection: Points(connection, self.organization).compact(run, most_points=most_points)
        )

    def beat(self, run: str, writer: str) -> None:
        """Say that a writer lives although it has logged nothing."""
        self._write(lambda connection: beat(connection, self.organization, run, writer))

    def pause(self) -> float:
        """Seconds for which a new attempt makes no sense: none."""
        return 0.0

    def answered(self) -> float:
        """When it answered last, by the monotonic clock: always."""
        return time.monotonic()

    def close(self) -> None:
        """Let go of the connection; the next use opens another."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def _write(self, work: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        def transaction(connection: sqlite3.Connection) -> _Answer:
            connection.execute("BEGIN IMMEDIATE")
            try:
                answer = work(connection)
                connection.execute("COMMIT")
            except BaseException:
                # A failed COMMIT (disk full) leaves the transaction open; some failures end it themselves.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            return answer

        return self._use(transaction)

    def _use(self, work: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        from autoresearch.store import opening

        with self._lock, opening.Plainly(self.path):
            if self._connection is None:
                self._connection = opening.connect(self.path)
            return work(self._connection)

    def _start_anew(self) -> None:
        # The parent's connection must neither be used nor closed here, and its lock may be held for ever.
        if self._connection is not None:
            _inherited.append(self._connection)
        self._connection = None
        self._lock = threading.Lock()


def _after_fork() -> None:
    for ingest in list(_live):
        ingest._start_anew()


os.register_at_fork(after_in_child=_after_fork)
