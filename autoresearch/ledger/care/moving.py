"""A store from SQLite to PostgreSQL: all rows in one transaction, counted and compared before it is committed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from autoresearch.errors import Conflict, NotFound, StoreCorrupt, UsageError
from autoresearch.ledger.care.copying import copy_objects
from autoresearch.ledger.care.places import Place, Told, unheard
from autoresearch.store.dialects import index_words, plain
from autoresearch.store.every_table import metadata
from autoresearch.store.points import Points

__all__ = ["Moved", "move"]

_AT_ONCE = 512
_WORDS = "SELECT organization, project, experiment_id, note, change FROM search ORDER BY rowid"
# Of some runs nothing but points came so far.
_RUNS = "SELECT organization, id FROM runs UNION SELECT organization, run_id FROM writers ORDER BY 1, 2"


@dataclass(frozen=True, slots=True)
class Moved:
    """What was moved: tables with their rows, runs whose receipts were compared, objects that were copied."""

    tables: int
    rows: int
    runs: int
    objects: int
    bytes: int


def move(source: Place, target: Place, *, told: Told = unheard) -> Moved:
    """Copy all that is in an embedded store to a database server; the store itself stays as it is.

    Nobody can write to either meanwhile. A move that is interrupted left nothing in the database, and is begun again.

    Raises:
        NotFound: There is no store to move.
        UsageError: Source and target are not of these kinds.
        Conflict: The database holds rows already.
        StoreCorrupt: A receipt or a count differs; nothing was moved.
        Unavailable: The database server went away; nothing was moved.
    """
    if source.on_server or not target.on_server:
        raise UsageError(
            "Rows are moved from SQLite to PostgreSQL.",
            hint="Set AUTORESEARCH_DATABASE_URL=postgresql://user:password@host/name, and name the old home with --home.",
        )
    if not Path(source.database).exists():
        raise NotFound(f"There is no store at {source.database}.", hint="Name its home with --home.")
    with source.open() as old, target.open() as new:
        number = size = 0
        if source.objects != target.objects:
            number, size = copy_objects(old.store, new.store, told)
        with old.database.write() as here, new.database.write(alone=True) as there:
            _refuse_a_full_one(there)
            rows = sum(_table(here, there, table, told) for table in metadata.sorted_tables)
            _index(here, there, told)
            runs = _compared(here, there, told)
    return Moved(len(metadata.sorted_tables), rows, runs, number, size)


def _refuse_a_full_one(there: sa.Connection) -> None:
    for table in metadata.sorted_tables:
        if there.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first() is not None:
            raise Conflict(
                f"The database holds rows already, in {table.name}.",
                hint="Move into a new database, made with `createdb`.",
            )


def _table(here: sa.Connection, there: sa.Connection, table: sa.Table, told: Told) -> int:
    """Copy one table; answers its rows."""
    names = ", ".join(here.dialect.identifier_preparer.quote(column.name) for column in table.columns)
    flags = [place for place, column in enumerate(table.columns) if isinstance(column.type, sa.Boolean)]
    found = plain(here).execute(f"SELECT {names} FROM {table.name}")  # noqa: S608  our own names
    names = ", ".join(there.dialect.identifier_preparer.quote(column.name) for column in table.columns)
    marks = ", ".join("?" * len(table.columns))
    insert = f"INSERT INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608  our own names
    cursor, done = plain(there).cursor(), 0
    while part := found.fetchmany(_AT_ONCE):
        cursor.executemany(insert, [_fit(row, flags) for row in part])
        done += len(part)
        told(table.name, done, None)
    counted = there.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
    if counted != done:
        raise StoreCorrupt(
            f"{done:,} rows of {table.name} were read and {counted:,} are there.", hint="Nothing was moved."
        )
    return done


def _fit(row: Sequence[Any], flags: Sequence[int]) -> Sequence[Any]:
    """A row of SQLite, which keeps flags as numbers, as PostgreSQL takes it."""
    if not flags:
        return row
    values = list(row)
    for place in flags:
        values[place] = None if values[place] is None else bool(values[place])
    return values


def _index(here: sa.Connection, there: sa.Connection, told: Told) -> None:
    for done, row in enumerate(here.exec_driver_sql(_WORDS), 1):
        organization, project, experiment_id, note, change = row
        about = {"project": project, "experiment_id": experiment_id}
        index_words(there, organization, **about, note=note, change=change)
        told("search", done, None)


def _compared(here: sa.Connection, there: sa.Connection, told: Told) -> int:
    """Compare the receipt of every run, decoding every point on the side that is new; answers how many there are."""
    runs = here.exec_driver_sql(_RUNS).all()
    for done, (organization, run) in enumerate(runs, 1):
        before = Points(plain(here), organization).receipt(run)
        after = Points(plain(there), organization).receipt(run, verify=True)
        if before != after:
            raise StoreCorrupt(
                f"The receipt of run {run} differs after the move; nothing was moved.",
                hint="`autoresearch fsck` looks for faults of the old store.",
                details={"run_id": run, "faults": list(after.faults)},
            )
        told("receipts", done, len(runs))
    return len(runs)
