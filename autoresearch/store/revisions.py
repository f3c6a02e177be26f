"""Which revision of the schema a file has, and how it becomes the newest.

A new file is made from one script, which holds what all migrations together make; only an older file is migrated.
"""

from __future__ import annotations

import os
import sqlite3

from autoresearch.errors import StoreTooNew

TYPE_CHECKING = False  # importing typing would cost more than this module
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

__all__ = ["NEWEST", "REVISIONS", "migrate", "newest", "of_file", "upgrade"]

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010")
NEWEST = REVISIONS[-1]
_HERE = os.path.dirname(__file__)


def newest() -> str:
    """The script that fills an empty file, as one transaction."""
    with open(os.path.join(_HERE, "newest.sql"), encoding="utf-8") as file:
        return f"BEGIN IMMEDIATE;\n{file.read()}\nCOMMIT;"


def of_file(path: str | Path) -> str | None:
    """The revision of a database file, read without changing it; None for one that is missing or empty.

    Raises:
        StoreTooNew: The revision is not one of ours.
        sqlite3.DatabaseError: It is not a database.
    """
    if not os.path.exists(path) or os.path.getsize(path) == 0:
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


def upgrade(path: str, found: str) -> str:
    """Bring an older file to the newest revision, after copying it; answers where the copy is."""
    # Slow to import, and needed only when the library was upgraded.
    import sqlalchemy as sa

    backup = _backup(path, found)
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=path), connect_args={"timeout": 60, "isolation_level": None}
    )
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA synchronous=FULL")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                migrate(connection)
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")
    finally:
        engine.dispose()
    return backup


def migrate(connection: Any) -> None:
    """Run the migrations that are missing, within the caller's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", os.path.join(_HERE, "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, NEWEST)


def _backup(path: str, revision: str) -> str:
    import datetime

    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    target = f"{path}.backup-{revision}-{stamp}"
    source, copy = sqlite3.connect(path), sqlite3.connect(target)
    try:
        source.backup(copy)
    finally:
        copy.close()
        source.close()
    return target
