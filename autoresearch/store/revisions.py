"""Which revision of the schema a file has, and how it becomes the newest."""

from __future__ import annotations

import datetime
import sqlite3
from pathlib import Path

import sqlalchemy as sa

from autoresearch.errors import StoreTooNew

__all__ = ["NEWEST", "REVISIONS", "of_file", "upgrade"]

REVISIONS = ("0001", "0002")
NEWEST = REVISIONS[-1]


def of_file(path: Path) -> str | None:
    """The revision of a database file, read without changing it; None for one that is missing or empty.

    Raises:
        StoreTooNew: The revision is not one of ours.
        sqlite3.DatabaseError: It is not a database.
    """
    if not path.exists() or path.stat().st_size == 0:
        return None
    connection = sqlite3.connect(path, timeout=60)
    try:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
            return None
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    finally:
        connection.close()
    if row is None:
        return None
    if row[0] not in REVISIONS:
        raise StoreTooNew(
            f"{path} was written by a newer version of autoresearch (schema {row[0]}, this one knows {NEWEST}).",
            hint="Upgrade with `pip install -U autoresearch`; the file was not changed.",
        )
    return str(row[0])


def upgrade(engine: sa.Engine, path: Path, found: str | None) -> Path | None:
    """Bring a file to the newest revision; an older one is copied beside it first.

    Returns:
        The backup, or None for a new file.
    """
    # Alembic is slow to import and needed once in the life of a store.
    from alembic import command
    from alembic.config import Config

    backup = None if found is None else _backup(path, found)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, NEWEST)
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")
    return backup


def _backup(path: Path, revision: str) -> Path:
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    target = path.with_name(f"{path.name}.backup-{revision}-{stamp}")
    source, copy = sqlite3.connect(path), sqlite3.connect(target)
    try:
        source.backup(copy)
    finally:
        copy.close()
        source.close()
    return target
