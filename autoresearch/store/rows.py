"""Rows of one organization: every statement made here carries it, so none can reach another's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from autoresearch.errors import StoreCorrupt
from autoresearch.store import schema

__all__ = ["Row", "Rows"]

Row = sa.RowMapping


class Rows:
    """Reads and writes within one transaction for one organization.

    Args:
        connection: An open transaction.
        organization: Whose rows these are.
    """

    def __init__(self, connection: sa.Connection, organization: str) -> None:
        self.connection = connection
        self.organization = organization

    def one(self, table: sa.Table, **where: Any) -> Row | None:
        """The row with these values, or None."""
        return self._run(_select(table, tuple(where), "", 1), where).mappings().first()

    def must(self, table: sa.Table, **where: Any) -> Row:
        """The row with these values, which this transaction knows to be there.

        Raises:
            StoreCorrupt: It is not: the store was changed by something else.
        """
        row = self.one(table, **where)
        if row is None:
            raise StoreCorrupt(f"A row of {table.name} is missing.", hint="Run `autoresearch fsck`.")
        return row

    def list(
        self,
        table: sa.Table,
        *,
        order: str,
        descending: bool = False,
        after: int | str | None = None,
        limit: int | None = None,
        **where: Any,
    ) -> Sequence[Row]:
        """Rows with these values in order of one unique column; ``after`` continues behind a value of it."""
        key = f"-{order}" if descending else order
        statement = _select(table, tuple(where), key, limit, continued=after is not None)
        values = where if after is None else {**where, "after_": after}
        return self._run(statement, values).mappings().all()

    def insert(self, table: sa.Table, **values: Any) -> None:
        """Add one row."""
        self.connection.execute(_insert(table), {**values, "organization": self.organization})

    def insert_all(self, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add many rows."""
        batch = [{**row, "organization": self.organization} for row in rows]
        if batch:
            self.connection.execute(_insert(table), batch)

    def update(self, table: sa.Table, where: Mapping[str, Any], **values: Any) -> None:
        """Change the rows with these values."""
        statement = _update(table, tuple(where), tuple(values))
        named = {f"w_{key}": value for key, value in where.items()}
        changed = {f"v_{key}": value for key, value in values.items()}
        self.connection.execute(statement, {**named, **changed, "w_organization": self.organization})

    def add(self, table: sa.Table, where: Mapping[str, Any], **amounts: float) -> Row | None:
        """Add to numeric columns, and answer the row as it is then; None when there is no such row."""
        statement = _add(table, tuple(where), tuple(amounts))
        named = {f"w_{key}": value for key, value in where.items()}
        added = {f"v_{key}": amount for key, amount in amounts.items()}
        values = {**named, **added, "w_organization": self.organization}
        return self.connection.execute(statement, values).mappings().first()

    def delete(self, table: sa.Table, **where: Any) -> None:
        """Remove the rows with these values."""
        self._run(_delete(table, tuple(where)), where)

    def run(self, statement: sa.Executable, **values: Any) -> Sequence[Row]:
        """Run a prepared query that names ``:organization``."""
        return self._run(statement, values).mappings().all()

    def tuples(self, statement: sa.Executable, **values: Any) -> Sequence[sa.Row[Any]]:
        """As ``run``, with columns by position: for a thousand rows, looking names up costs more than reading them."""
        return self._run(statement, values).all()

    def next_seq(self) -> int:
        """The ledger's next sequence number; orders everything in the organization."""
        row = self.add(schema.counters, {}, seq=1)
        if row is None:
            self.insert(schema.counters, seq=1)
            return 1
        return int(row["seq"])

    def _run(self, statement: sa.Executable, values: Mapping[str, Any]) -> sa.CursorResult[Any]:
        return self.connection.execute(statement, {**values, "organization": self.organization})


# Statements are built once for each shape; building one costs more than running it.


@lru_cache(maxsize=512)
def _select(
    table: sa.Table, where: tuple[str, ...], order: str, limit: int | None, *, continued: bool = False
) -> sa.Select[Any]:
    statement = sa.select(table).where(*_matches(table, where))
    if order:
        column = table.c[order.removeprefix("-")]
        descending = order.startswith("-")
        if continued:
            after = sa.bindparam("after_", type_=column.type)
            statement = statement.where(column < after if descending else column > after)
        statement = statement.order_by(column.desc() if descending else column)
    return statement if limit is None else statement.limit(limit)


@lru_cache(maxsize=64)
def _insert(table: sa.Table) -> sa.Insert:
    return sa.insert(table)


@lru_cache(maxsize=256)
def _update(table: sa.Table, where: tuple[str, ...], values: tuple[str, ...]) -> sa.Update:
    changed = {name: sa.bindparam(f"v_{name}", type_=table.c[name].type) for name in values}
    return sa.update(table).where(*_matches(table, where, "w_")).values(changed)


@lru_cache(maxsize=64)
def _add(table: sa.Table, where: tuple[str, ...], amounts: tuple[str, ...]) -> sa.Update:
    sums = {name: table.c[name] + sa.bindparam(f"v_{name}", type_=table.c[name].type) for name in amounts}
    return sa.update(table).where(*_matches(table, where, "w_")).values(sums).returning(*table.c)


@lru_cache(maxsize=64)
def _delete(table: sa.Table, where: tuple[str, ...]) -> sa.Delete:
    return sa.delete(table).where(*_matches(table, where))


def _matches(table: sa.Table, where: tuple[str, ...], prefix: str = "") -> list[sa.ColumnElement[bool]]:
    return [
        table.c[name] == sa.bindparam(prefix + name, type_=table.c[name].type)
        for name in ("organization", *where)
    ]
