"""Write the script from which a new store is made: what all migrations together make of an empty file.

python tools/newest_schema.py
"""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

from autoresearch.store import revisions

SCRIPT = Path(revisions.__file__).with_name("newest.sql")
_EMPTY = "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"
# A search table makes tables of its own, which must not be made twice.
_TABLES = """
SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM sqlite_master AS made WHERE made.sql LIKE 'CREATE VIRTUAL%'
    AND sqlite_master.name LIKE made.name || '!_%' ESCAPE '!' AND sqlite_master.type = 'table'
) ORDER BY rowid
"""


def script() -> str:
    """The statements, as SQLite itself keeps them, with the stamp of the newest revision."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.sqlite"
        connection = sqlite3.connect(path)
        connection.execute(_EMPTY)
        connection.commit()
        revisions.upgrade(str(path), "none")
        statements = [sql for (sql,) in connection.execute(_TABLES)]
        connection.close()
    stamp = f"INSERT INTO alembic_version VALUES ('{revisions.NEWEST}')"  # noqa: S608  our own constant
    return "".join(f"{statement};\n" for statement in (*statements, stamp))


if __name__ == "__main__":
    SCRIPT.write_text(script(), encoding="utf-8")
