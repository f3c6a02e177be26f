"""Batches of any organizations that came at the same time, stored by as few transactions as can be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from autoresearch.errors import AutoresearchError
from autoresearch.ledger.local import ingest
from autoresearch.series.batch import Batch
from autoresearch.store.databases import Database
from autoresearch.store.dialects import plain
from autoresearch.store.points_sql import Sql

__all__ = ["Part", "position_of", "store_together"]


class Part(NamedTuple):
    """What one client handed over.

    Attributes:
        organization: Whose run it is.
        batch: The batch.
    """

    organization: str
    batch: Batch


def store_together(database: Database, parts: Sequence[Part]) -> list[int | AutoresearchError]:
    """Store batches in their order, each of them whole or not at all; all of them are durable when this returns.

    A batch before which records of its writer are missing is refused: on a network, what was sent first may arrive last.

    Returns:
        For each the sequence number that is stored of its writer, or why this one was not stored. An error of the store is the
        answer of all that shared its transaction.
    """
    answers: list[int | AutoresearchError] = [0] * len(parts)
    groups: dict[str | None, list[int]] = {}
    for place, part in enumerate(parts):
        # One file has one writer whatever it writes; a server of databases lets organizations write side by side.
        groups.setdefault(None if database.dialect == "sqlite" else part.organization, []).append(place)
    for organization, places in groups.items():
        runs = sorted({parts[place].batch.run for place in places})
        try:
            with database.write(organization, run=runs) as connection:
                driver = plain(connection)
                for owner, own in _by_organization(parts, places).items():
                    batches = [parts[place].batch for place in own]
                    taken = ingest.take_many(driver, owner, batches, gapless=True)
                    for place, answer in zip(own, taken, strict=True):
                        answers[place] = answer
        except AutoresearchError as error:
            for place in places:
                answers[place] = error
    return answers


def _by_organization(parts: Sequence[Part], places: Sequence[int]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for place in places:
        found.setdefault(parts[place].organization, []).append(place)
    return found


def position_of(database: Database, organization: str, writer: str, run: str | None = None) -> int:
    """The last sequence number that is stored of a writer; 0 when nothing is, or when it writes for another run than this."""
    with database.read(organization) as connection:
        sql = Sql(plain(connection), organization)
        found = sql.rows("SELECT sequence, run_id FROM writers WHERE organization = ? AND id = ?", writer)
    return int(found[0][0]) if found and run in {None, found[0][1]} else 0
