"""One piece of work on people and keys: a transaction, who does it, and the audit log that remembers it."""

from __future__ import annotations

import datetime
import threading
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from autoresearch.records.experiment import Actor
from autoresearch.records.ids import new_id
from autoresearch.store import access_schema as tables
from autoresearch.store.rows import Row, Rows

__all__ = ["OPERATOR", "Work", "ordered_id"]

OPERATOR = Actor(kind="system", name="operator")
"""Who acts through the command line of the server's own machine."""


class _Ids:
    """Ids in the order in which they are made, also those of one millisecond, and when the clock is set back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self) -> str:
        with self._lock:
            self._last = max(uuid.UUID(new_id()).int, self._last + 1)
            return str(uuid.UUID(int=self._last))


_ids = _Ids()


def ordered_id() -> str:
    """A new id that sorts behind every id that this process made before; lists are in the order of ids."""
    return _ids.next()


class Work:
    """What one operation works with.

    Attributes:
        connection: An open transaction.
        now: The server's time of this operation.
        by: Who does it.
    """

    def __init__(self, connection: sa.Connection, now: datetime.datetime, by: Actor = OPERATOR) -> None:
        self.connection = connection
        self.now = now
        self.by = by

    def of(self, organization: str) -> Rows:
        """The rows of one organization."""
        return Rows(self.connection, organization)

    def one(self, table: sa.Table, **where: Any) -> Row | None:
        """The row of the whole store with these values, or None."""
        return self.connection.execute(sa.select(table).where(*_matches(table, where))).mappings().first()

    def first(self, asked: sa.Select[Any], **values: Any) -> Row | None:
        """The first row of a query with these values for its parameters, or None."""
        return self.connection.execute(asked, values).mappings().first()

    def all(self, table: sa.Table, *, order: str, **where: Any) -> Sequence[Row]:
        """Rows of the whole store with these values, in order of a column."""
        asked = sa.select(table).where(*_matches(table, where)).order_by(table.c[order])
        return self.connection.execute(asked).mappings().all()

    def insert(self, table: sa.Table, **values: Any) -> None:
        """Add a row."""
        self.connection.execute(sa.insert(table), values)

    def update(self, table: sa.Table, where: Mapping[str, Any], **values: Any) -> int:
        """Change the rows with these values; answers how many there were."""
        changed = sa.update(table).where(*_matches(table, where)).values(values)
        return int(self.connection.execute(changed).rowcount)

    def delete(self, table: sa.Table, **where: Any) -> int:
        """Remove the rows with these values; answers how many there were."""
        return int(self.connection.execute(sa.delete(table).where(*_matches(table, where))).rowcount)

    def revoke(self, table: sa.Table, **where: Any) -> int:
        """Mark the rows with these values as revoked now, unless they were before; answers how many it was."""
        changed = sa.update(table).where(*_matches(table, where), table.c.revoked_at.is_(None))
        return int(self.connection.execute(changed.values(revoked_at=self.now)).rowcount)

    def note(self, kind: str, subject: str, organization: str | None = None, **after: str | None) -> None:
        """Write into the audit log what was done; never a secret."""
        self.insert(
            tables.audit,
            id=ordered_id(),
            organization=organization,
            kind=kind,
            subject=subject,
            actor=self.by.model_dump(),
            after=after or None,
            recorded_at=self.now,
        )


def _matches(table: sa.Table, where: Mapping[str, Any]) -> list[sa.ColumnElement[bool]]:
    return [table.c[name] == value for name, value in where.items()]
