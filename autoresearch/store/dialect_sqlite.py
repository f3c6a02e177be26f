"""What only SQLite says: its own connection, and full-text search by FTS5."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from autoresearch.store.dialects import Found

__all__ = ["clock", "find_words", "index_words", "plain"]

_INDEX = sa.text(
    "INSERT INTO search (note, change, organization, project, experiment_id) "
    "VALUES (:note, :change, :organization, :project, :experiment_id)"
)
_SEARCH = sa.text(
    "SELECT experiment_id, bm25(search, 2.0, 1.0) AS rank, "
    "snippet(search, -1, '', '', '…', 16) AS excerpt, change FROM search "
    "WHERE search MATCH :query AND organization = :organization AND project = :project "
    "ORDER BY rank, rowid LIMIT :most"
)


def plain(connection: sa.Connection) -> Any:
    """See :func:`autoresearch.store.dialects.plain`."""
    return connection.connection.dbapi_connection


def clock(_connection: sa.Connection) -> datetime.datetime:
    """See :func:`autoresearch.store.dialects.clock`."""
    return datetime.datetime.now(datetime.UTC)


def index_words(connection: sa.Connection, organization: str, **values: str) -> None:
    """See :func:`autoresearch.store.dialects.index_words`."""
    connection.execute(_INDEX, {**values, "organization": organization})


def find_words(
    connection: sa.Connection,
    organization: str,
    *,
    project: str,
    words: Sequence[str],
    every: bool,
    most: int,
) -> list[Found]:
    """See :func:`autoresearch.store.dialects.find_words`."""
    # Quoted, a word is only ever a word to FTS5, never an operator; the star finds longer forms.
    query = (" " if every else " OR ").join(f'"{word}"*' for word in words)
    values = {"query": query, "organization": organization, "project": project, "most": most}
    return [Found(row[0], -row[1], row[2], row[3]) for row in connection.execute(_SEARCH, values)]
