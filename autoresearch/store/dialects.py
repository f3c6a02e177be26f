"""What SQLite and PostgreSQL say differently, behind one set of names; each has its own module."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from types import ModuleType
from typing import Any, NamedTuple

import sqlalchemy as sa

__all__ = ["Found", "clock", "find_words", "index_words", "plain"]


class Found(NamedTuple):
    """An experiment whose words fit.

    Attributes:
        experiment_id: Its id.
        fit: How well they fit, above 0; only the ratio to others of the same search means something.
        excerpt: The words with what stands around them.
        change: What was indexed of its change.
    """

    experiment_id: str
    fit: float
    excerpt: str
    change: str


def plain(connection: sa.Connection) -> Any:
    """The driver's own connection, for statements with ``?`` as the mark of a parameter."""
    return _of(connection).plain(connection)


def clock(connection: sa.Connection) -> datetime.datetime:
    """What time it is where the rows lie, which is one clock for all machines that reach them."""
    found: datetime.datetime = _of(connection).clock(connection)
    return found


def index_words(
    connection: sa.Connection, organization: str, *, project: str, experiment_id: str, note: str, change: str
) -> None:
    """Make an experiment findable by the words of its note and of its change."""
    _of(connection).index_words(
        connection, organization, project=project, experiment_id=experiment_id, note=note, change=change
    )


def find_words(
    connection: sa.Connection,
    organization: str,
    *,
    project: str,
    words: Sequence[str],
    every: bool,
    most: int,
) -> list[Found]:
    """Experiments that have every word, or any of them, or longer forms of them; the best first.

    Words of the note count double, rare words more than common ones.
    """
    found: list[Found] = _of(connection).find_words(
        connection, organization, project=project, words=words, every=every, most=most
    )
    return found


def _of(connection: sa.Connection) -> ModuleType:
    if connection.dialect.name == "postgresql":
        from autoresearch.store import dialect_postgresql

        return dialect_postgresql
    from autoresearch.store import dialect_sqlite

    return dialect_sqlite
