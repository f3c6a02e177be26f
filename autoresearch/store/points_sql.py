"""Statements on the tables of points, in the words that SQLite and PostgreSQL share; standard library only."""

from __future__ import annotations

import contextlib

TYPE_CHECKING = False  # importing typing would cost more than this module
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

__all__ = ["Sql", "column_ids", "packed_ids"]

_MOST_LISTED = 512


class Sql:
    """A DB-API connection and the organization whose rows are meant; transactions are the caller's.

    Every statement has the organization as the first of its parameters, except updates, which give all of them.
    """

    __slots__ = ("connection", "far", "organization")

    def __init__(self, connection: Any, organization: str) -> None:
        self.connection = connection
        self.far: bool = getattr(connection, "far", False)
        """Whether an answer comes over a network, so that one large question costs less than many small ones."""
        self.organization = organization

    def hurry(self) -> Any:
        """A block in which what has no answer need not be waited for."""
        return self.connection.hurry() if self.far else contextlib.nullcontext()

    def rows(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        cursor = self.connection.cursor()
        cursor.execute(text, (self.organization, *values))
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found

    def each(self, text: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        """The rows of a query one by one, for what need not fit into memory."""
        # The client of PostgreSQL takes all rows at once, unless it is told to scroll.
        cursor = getattr(self.connection, "scroll", self.connection.cursor)()
        try:
            cursor.execute(text, (self.organization, *values))
            yield from cursor
        finally:
            cursor.close()

    def listed(self, text: str, *values: Any, among: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        """Rows of a query whose ``{}`` stands for the members of a list, or for tuples of them, asked for in parts."""
        for marks, members in _parts(among):
            yield from self.rows(text.format(marks), *values, *members)

    def asked(self, text: str, *values: Any, among: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        """As ``listed``, but asked at once: several questions are under way together until the first answer is read."""
        cursors = []
        for marks, members in _parts(among):
            cursors.append(self.connection.cursor())
            cursors[-1].execute(text.format(marks), (self.organization, *values, *members))
        return (row for cursor in cursors for row in cursor.fetchall())

    def run_listed(self, text: str, *values: Any, among: Sequence[Any]) -> None:
        """A statement without an answer whose ``{}`` stands for the members of a list."""
        for marks, members in _parts(among):
            self.run(text.format(marks), *values, *members)

    def run(self, text: str, *values: Any) -> None:
        """One statement without an answer."""
        self.connection.cursor().execute(text, (self.organization, *values))

    def many(self, text: str, rows: Iterable[Sequence[Any]]) -> None:
        """The statement for each row; the organization is put in front."""
        if every := [(self.organization, *row) for row in rows]:
            self.connection.cursor().executemany(text, every)

    def update(self, text: str, rows: Iterable[Sequence[Any]]) -> None:
        """An update for each row of parameters; the organization is put behind them."""
        if every := [(*row, self.organization) for row in rows]:
            self.connection.cursor().executemany(text, every)


def _parts(among: Sequence[Any]) -> Iterator[tuple[str, list[Any]]]:
    """Marks and members of a list in parts; the last member is repeated, so that there are few lengths to prepare."""
    for start in range(0, len(among), _MOST_LISTED):
        part = list(among[start : start + _MOST_LISTED])
        part += part[-1:] * ((1 << (len(part) - 1).bit_length()) - len(part))
        if isinstance(part[0], tuple):
            one = f"({', '.join('?' * len(part[0]))})"
            yield ", ".join([one] * len(part)), [value for each in part for value in each]
        else:
            yield ", ".join("?" * len(part)), part


def packed_ids(ids: Sequence[int]) -> str:
    """Ids of columns in their order, such as ``1-3,7``: a thousand neighbours take nine characters."""
    runs: list[list[int]] = []
    for number in ids:
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(f"{first}-{last}" if last > first else str(first) for first, last in runs)


def column_ids(text: str) -> tuple[int, ...]:
    """The ids that :func:`packed_ids` wrote."""
    ids: list[int] = []
    for run in text.split(",") if text else ():
        first, _, last = run.partition("-")
        ids += range(int(first), int(last or first) + 1)
    return tuple(ids)
