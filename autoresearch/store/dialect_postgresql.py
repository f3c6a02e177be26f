"""What only PostgreSQL says: ``?`` for a parameter, numbers as the points want them, and full-text search.

Words are split here as FTS5 splits them, so that both find the same; PostgreSQL's own parser would take ``train.py`` for a host.
"""

from __future__ import annotations

import contextlib
import datetime
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import count
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import pq
from psycopg.adapt import AdaptersMap, Loader
from psycopg.types.numeric import Int8BinaryDumper, NumericBinaryLoader
from sqlalchemy.dialects.postgresql import TSVECTOR

from autoresearch.store.dialects import Found

__all__ = ["Plain", "clock", "find_words", "index_words", "plain", "search"]

_Values = Sequence[Any]

search = sa.Table(
    "search",
    sa.MetaData(),
    sa.Column("organization", sa.String, primary_key=True),
    sa.Column("experiment_id", sa.String, primary_key=True),
    sa.Column("project", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("change", sa.Text, nullable=False),
    sa.Column("words", TSVECTOR, nullable=False),
    sa.Index("search_by_project", "organization", "project"),
)
"""The words of each experiment; on SQLite the table of the same name belongs to FTS5."""

_INDEX = sa.text(
    "INSERT INTO search (organization, experiment_id, project, note, change, words)"
    " VALUES (:organization, :experiment_id, :project, :note, :change, CAST(:words AS tsvector))"
)
_RANK = "ts_rank('{0, 0, 0.5, 1}', words, %s)"
# The best by all words alike; then, of those, how well each word fits by itself.
_HITS = sa.text(  # words of our own, which hold no values
    f"WITH hits AS MATERIALIZED (SELECT experiment_id, words, {_RANK % 'CAST(:query AS tsquery)'} AS rank FROM search"  # noqa: S608
    " WHERE organization = :organization AND project = :project AND words @@ CAST(:query AS tsquery)"
    " ORDER BY rank DESC, experiment_id LIMIT :most)"
    f" SELECT experiment_id, ARRAY(SELECT {_RANK % 'word'}"
    " FROM unnest(CAST(CAST(:words AS text[]) AS tsquery[])) WITH ORDINALITY AS u(word, place) ORDER BY place)"
    " FROM hits ORDER BY rank DESC, experiment_id"
)
_TEXTS = sa.text(
    "SELECT experiment_id, note, change FROM search WHERE organization = :organization AND experiment_id = ANY(:ids)"
)
_CLOCK = sa.text("SELECT clock_timestamp()")
_HITS_AT_LEAST = 100
_LONGEST_WORD = 400
_MOST_POSITIONS = 16_000
_EXCERPT_WORDS = 16
_WORD = re.compile(r"[^\W_]+")
_ROWS_AT_ONCE = 64


class _NumberLoader(Loader):
    """Sums of whole numbers are of no fixed size in PostgreSQL; here they fit."""

    format = pq.Format.BINARY

    def load(self, data: Any) -> int | float:
        number = NumericBinaryLoader(self.oid).load(data)
        return int(number) if number.is_finite() and number.as_tuple().exponent == 0 else float(number)


_ADAPTERS = AdaptersMap(psycopg.adapters)
# Numbers are sent in one size whatever their value, so that a statement is prepared once.
_ADAPTERS.register_dumper(int, Int8BinaryDumper)
_ADAPTERS.register_loader("numeric", _NumberLoader)
_names = count()


@lru_cache(maxsize=1024)
def _marked(text: str) -> bytes:
    """A statement with PostgreSQL's mark for each parameter; the driver would look for marks of its own at every call."""
    first, *others = text.split("?")
    return (first + "".join(f"${place}{part}" for place, part in enumerate(others, 1))).encode()


@lru_cache(maxsize=1024)
def _repeated(text: str, rows: int) -> bytes:
    """An INSERT of one row as one of many."""
    head, word, rest = text.rpartition("VALUES ")
    marks, conflict, more = rest.partition(" ON CONFLICT")
    return _marked(head + word + ", ".join([marks] * rows) + conflict + more)


class _Cursor(psycopg.RawCursor[tuple[Any, ...]]):
    """A cursor that takes ``?``; every row of an answer is held."""

    @property
    def adapters(self) -> AdaptersMap:
        return _ADAPTERS

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        return super().execute(_marked(query), params, **options)

    def executemany(self, query: Any, params_seq: Iterable[Any], **options: Any) -> None:
        rows = list(params_seq)
        if not query.startswith("INSERT"):
            super().executemany(_marked(query), rows, **options)
            return
        # Rows of one statement cost the server half of what as many statements do; of few lengths each is prepared once.
        start = 0
        while start < len(rows):
            part = rows[start : start + min(_ROWS_AT_ONCE, 1 << ((len(rows) - start).bit_length() - 1))]
            start += len(part)
            super().execute(_repeated(query, len(part)), [value for row in part for value in row], **options)


class _Scroll(psycopg.RawServerCursor[tuple[Any, ...]]):
    """A cursor that takes ``?`` and fetches a few rows at a time."""

    @property
    def adapters(self) -> AdaptersMap:
        return _ADAPTERS

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        return super().execute(_marked(query), params, **options)


class Plain:
    """A connection as the statements on points use one: ``?`` marks a parameter.

    Args:
        connection: The driver's connection, inside a transaction.
    """

    __slots__ = ("connection",)
    far = True

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection

    def hurry(self) -> contextlib.AbstractContextManager[Any]:
        """Within the block what has no answer is not waited for; its errors come with the next answer, or at the end."""
        return self.connection.pipeline()

    def cursor(self) -> psycopg.Cursor[tuple[Any, ...]]:
        """A cursor whose answers are held whole."""
        made = _Cursor(self.connection)
        made.format = pq.Format.BINARY  # as text, bytes would take twice the room
        return made

    def scroll(self) -> psycopg.RawServerCursor[tuple[Any, ...]]:
        """A cursor whose rows come in parts, for what need not fit into memory."""
        made = _Scroll(self.connection, f"rows_{next(_names)}")
        made.format = pq.Format.BINARY
        made.itersize = 32
        return made

    def execute(self, text: str, values: _Values = ()) -> psycopg.Cursor[tuple[Any, ...]]:
        """Run one statement; answers the cursor."""
        cursor = self.cursor()
        cursor.execute(text, values)
        return cursor


def plain(connection: sa.Connection) -> Plain:
    """See :func:`autoresearch.store.dialects.plain`."""
    driver: Any = connection.connection.dbapi_connection
    return Plain(driver)


def clock(connection: sa.Connection) -> datetime.datetime:
    """See :func:`autoresearch.store.dialects.clock`."""
    now: datetime.datetime = connection.execute(_CLOCK).scalar_one()
    return now.astimezone(datetime.UTC)


def index_words(connection: sa.Connection, organization: str, **values: str) -> None:
    """See :func:`autoresearch.store.dialects.index_words`."""
    words = _vector(values["note"], values["change"])
    connection.execute(_INDEX, {**values, "organization": organization, "words": words})


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
    split = [tokens for tokens in (_tokens(word) for word in words) if tokens]
    wanted = list(dict.fromkeys(_phrase(tokens) for tokens in split))
    if not wanted:
        return []
    asked = {
        "organization": organization,
        "project": project,
        "query": (" & " if every else " | ").join(wanted),
        "words": wanted,
        "most": max(most, _HITS_AT_LEAST),
    }
    best = _weighed([(row[0], row[1]) for row in connection.execute(_HITS, asked)])[:most]
    values = {"organization": organization, "ids": [experiment_id for experiment_id, _ in best]}
    texts = {row[0]: (row[1], row[2]) for row in connection.execute(_TEXTS, values)}
    starts = tuple(tokens[-1] for tokens in split)
    return [
        Found(experiment_id, fit, _excerpt(*texts[experiment_id], starts), texts[experiment_id][1])
        for experiment_id, fit in best
    ]


def _weighed(hits: Sequence[tuple[str, Sequence[float]]]) -> list[tuple[str, float]]:
    """Ids with their fit, the best first: a word counts by how few of the hits have it, as in FTS5.

    Args:
        hits: Ids, and how well each word fits.
    """
    having = [sum(rank > 0 for rank in ranks) for ranks in zip(*(ranks for _, ranks in hits), strict=True)]
    weights = [math.log(1 + (len(hits) - n + 0.5) / (n + 0.5)) for n in having]
    fits = [(each, sum(w * rank for w, rank in zip(weights, ranks, strict=True))) for each, ranks in hits]
    return sorted(fits, key=lambda item: (-item[1], item[0]))


def _tokens(text: str) -> list[str]:
    """The words of a text: letters and digits of any script, without case and marks."""
    flat = text.casefold()
    if not flat.isascii():
        flat = unicodedata.normalize("NFD", flat)
        flat = "".join(character for character in flat if unicodedata.category(character) != "Mn")
    return [word[:_LONGEST_WORD] for word in _WORD.findall(flat)]


def _quoted(word: str) -> str:
    # Letters and digits only, but the rule of quoting is kept all the same.
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"


def _phrase(tokens: Sequence[str]) -> str:
    """A search for the tokens one behind the other, the last of which may be the beginning of a longer one."""
    return "(" + " <-> ".join(map(_quoted, tokens)) + ":*)"


def _vector(note: str, change: str) -> str:
    """The words of an experiment with their places; those of the note weigh more."""
    places: dict[str, list[str]] = {}
    place = 0
    for weight, text in (("A", note), ("B", change)):
        place += 1  # no phrase reaches from the one into the other
        for token in _tokens(text):
            place = min(place + 1, _MOST_POSITIONS)
            places.setdefault(token, []).append(f"{place}{weight}")
    return " ".join(f"{_quoted(token)}:{','.join(found[:250])}" for token, found in places.items())


def _excerpt(note: str, change: str, starts: tuple[str, ...]) -> str:
    """The part of the note, else of the change, that has the first of the words, sixteen words long."""
    for text in (note, change):
        words = text.split()
        for place, word in enumerate(words):
            if any(token.startswith(starts) for token in _tokens(word)):
                begin = max(0, min(place - 4, len(words) - _EXCERPT_WORDS))
                part = " ".join(words[begin : begin + _EXCERPT_WORDS])
                before, after = "…" if begin else "", "…" if begin + _EXCERPT_WORDS < len(words) else ""
                return f"{before}{part}{after}"
    return " ".join(note.split()[:_EXCERPT_WORDS])
