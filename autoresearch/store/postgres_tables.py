"""The tables in PostgreSQL: made by the migrations, then given what PostgreSQL needs besides.

What it needs follows from the tables as they are, so that a migration says nothing of it: text is ordered and compared by its
bytes, blobs that are compressed already are not compressed again, and every table with an organization has a policy that lets
through the rows of the organization for which the transaction acts.
"""

from __future__ import annotations

import sqlalchemy as sa

from autoresearch.errors import StoreCorrupt, StoreTooNew
from autoresearch.store import revisions
from autoresearch.store.every_table import metadata

__all__ = ["POLICY", "ROLE", "faults", "prepare"]

POLICY = "own_organization"

_LOCK = sa.text("SELECT pg_advisory_xact_lock(7021950384217)")
_TABLES = sa.text(
    "SELECT c.relname FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace"
)
_REVISION = sa.text("SELECT version_num FROM alembic_version")
ROLE = "SELECT NOT (rolsuper OR rolbypassrls) FROM pg_roles WHERE rolname = current_user"
"""Whether policies bind the role that asks."""
_COLUMNS = (
    "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a"
    " JOIN pg_class c ON c.oid = a.attrelid WHERE c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped"
    " AND c.relnamespace = current_schema()::regnamespace AND c.relname <> 'alembic_version'"
)
_FOREIGN_ORDER = sa.text(
    f"{_COLUMNS} AND a.attcollation <> 0 AND a.attcollation <> '\"C\"'::regcollation ORDER BY c.relname, a.attnum"
)
_COMPRESSED = sa.text(
    f"{_COLUMNS} AND a.atttypid IN ('bytea'::regtype, 'tsvector'::regtype) AND a.attstorage <> 'e'"
)
_OPEN = sa.text(
    "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organization'"
    " WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace AND NOT (c.relrowsecurity"
    " AND c.relforcerowsecurity AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = :policy))"
    " ORDER BY c.relname"
)
_INVALID = sa.text(
    "SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid"
    " WHERE NOT i.indisvalid AND c.relnamespace = current_schema()::regnamespace"
)
_CHECKSUMS = sa.text(
    "SELECT coalesce(checksum_failures, 0) FROM pg_stat_database WHERE datname = current_database()"
)
# Asked once for a statement and not for each row; '*' is what work on the whole store says.
_OWN = "(SELECT current_setting('autoresearch.organization', true)) IN (organization, '*')"


def prepare(connection: sa.Connection, where: str) -> bool:
    """Bring the tables to the newest revision inside the caller's transaction; answers whether policies bind this role.

    Of many processes that start at once one does the work, and the others wait for it.

    Raises:
        StoreTooNew: They were made by a newer version of the library.
        StoreCorrupt: They are those of something else.
    """
    if _revision(connection, where) != revisions.NEWEST:
        connection.execute(_LOCK)
        if _revision(connection, where) != revisions.NEWEST:
            revisions.migrate(connection)
            _complete(connection)
    return bool(connection.exec_driver_sql(ROLE).scalar_one())


def faults(connection: sa.Connection) -> list[str]:
    """What is wrong with tables, indexes and policies."""
    there = set(connection.execute(_TABLES).scalars())
    found = [f"the table {name} is missing" for name in sorted(set(metadata.tables) - there)]
    found += [f"the index {name} is not valid" for name in connection.execute(_INVALID).scalars()]
    open_ = connection.execute(_OPEN, {"policy": POLICY}).scalars()
    found += [f"the table {name} has no policy of row-level security" for name in open_]
    failures = connection.execute(_CHECKSUMS).scalar_one()
    return [*found, *([f"{failures} pages do not match their checksums"] if failures else [])]


def _revision(connection: sa.Connection, where: str) -> str | None:
    """The revision of the tables; None when there are none."""
    there = set(connection.execute(_TABLES).scalars())
    if not there:
        return None
    ours = {"alembic_version", "counters"} <= there
    found = connection.execute(_REVISION).scalars().first() if ours else None
    if found is None:
        raise StoreCorrupt(
            f"{where} holds tables of something else.",
            hint="Give autoresearch a database of its own, or a schema (?options=-csearch_path%3Dautoresearch).",
        )
    if found not in revisions.REVISIONS:
        raise StoreTooNew(
            f"{where} was written by a newer version of autoresearch (schema {found}, this one knows"
            f" {revisions.NEWEST}).",
            hint="Upgrade with `pip install -U autoresearch`; the database was not changed.",
        )
    return str(found)


def _complete(connection: sa.Connection) -> None:
    """Give new tables and columns what every one has."""
    quote = connection.dialect.identifier_preparer.quote
    changes: dict[str, list[str]] = {}
    for table, column, kind in connection.execute(_FOREIGN_ORDER):
        changes.setdefault(table, []).append(f'ALTER {quote(column)} TYPE {kind} COLLATE "C"')
    for table, column, _ in connection.execute(_COMPRESSED):
        changes.setdefault(table, []).append(f"ALTER {quote(column)} SET STORAGE EXTERNAL")
    for table, parts in changes.items():
        connection.exec_driver_sql(f"ALTER TABLE {quote(table)} {', '.join(parts)}")
    for table in connection.execute(_OPEN, {"policy": POLICY}).scalars().all():
        name = quote(table)
        connection.exec_driver_sql(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        connection.exec_driver_sql(f"DROP POLICY IF EXISTS {POLICY} ON {name}")
        connection.exec_driver_sql(f"CREATE POLICY {POLICY} ON {name} USING ({_OWN}) WITH CHECK ({_OWN})")
