"""Lists in parts: ordered by the id that was made first, and continued behind the last one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

from autoresearch.errors import Invalid
from autoresearch.ledger.local.cursors import bounded
from autoresearch.records.base import Page
from autoresearch.records.ids import is_id
from autoresearch.store.rows import Row, Rows

__all__ = ["of_items", "of_rows"]

_Item = TypeVar("_Item")


def of_rows(
    rows: Rows,
    table: sa.Table,
    shown: Callable[[Row], _Item],
    *,
    limit: int,
    cursor: str | None,
    **where: Any,
) -> Page[_Item]:
    """Rows of one organization with these values, in the order of their ids."""
    most = bounded(limit)
    found = rows.list(table, order="id", after=_after(cursor), limit=most + 1, **where)
    more = str(found[most - 1]["id"]) if len(found) > most else None
    return Page(items=tuple(shown(row) for row in found[:most]), next_cursor=more)


def of_items(
    items: Sequence[_Item], name: Callable[[_Item], str], *, limit: int, cursor: str | None
) -> Page[_Item]:
    """Part of a list that is at hand; ``name`` tells one from another."""
    most = bounded(limit)
    place = 0
    if cursor is not None:
        names = [name(item) for item in items]
        if cursor not in names:
            raise _no_cursor(cursor)
        place = names.index(cursor) + 1
    part = items[place : place + most]
    more = name(part[-1]) if part and place + most < len(items) else None
    return Page(items=tuple(part), next_cursor=more)


def _after(cursor: str | None) -> str | None:
    if cursor is not None and not is_id(cursor):
        raise _no_cursor(cursor)
    return cursor


def _no_cursor(cursor: str) -> Invalid:
    return Invalid(f"{cursor[:40]!r} is not a cursor.", hint="Pass next_cursor of the page before.")
