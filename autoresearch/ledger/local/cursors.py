"""Cursors and limits of lists."""

from __future__ import annotations

from autoresearch.errors import Invalid

__all__ = ["MAX_LIMIT", "bounded", "whole"]

MAX_LIMIT = 10_000


def whole(cursor: str | None) -> int | None:
    """The number a cursor stands for.

    Raises:
        Invalid: It is not one that a list gave.
    """
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise Invalid(f"{cursor[:40]!r} is not a cursor.", hint="Pass next_cursor of the page before.")
    return int(cursor)


def bounded(limit: int) -> int:
    """A limit that can be served.

    Raises:
        Invalid: It is not from 1 to 10,000.
    """
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MAX_LIMIT:
        raise Invalid(f"limit was {limit!r}.", hint=f"Give a whole number from 1 to {MAX_LIMIT:,}.")
    return limit
