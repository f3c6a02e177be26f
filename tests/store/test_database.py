from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from autoresearch.errors import StoreCorrupt, StoreFull, StoreReadOnly, StoreTooNew
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.store import every_table, opening, revisions, schema
from autoresearch.store.rows import Rows
from autoresearch.store.sqlite import Database
from tests.contract_helpers import PROJECT, experiment, goal, kept, session
from tests.run_batches import Writer
from tools import newest_schema


def old_store(path: Path, revision: str = "0001") -> None:
    """A store as an older revision left it, with one experiment."""
    from alembic import command
    from alembic.config import Config

    engine = sa.create_engine(f"sqlite:///{path}")
    config = Config()
    config.set_main_option("script_location", str(Path(revisions.__file__).parent / "migrations"))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        columns = {c["name"]: c for c in sa.inspect(connection).get_columns("experiments")}
        values = {
            name: "[]"
            if isinstance(column["type"], sa.JSON)
            else "1"
            if "INT" in str(column["type"])
            else "x"
            for name, column in columns.items()
            if not column["nullable"]
        }
        values |= {"organization": "local", "note": "an old warmup", "project": PROJECT, "eligible": "0"}
        names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
        connection.execute(sa.text(f"INSERT INTO experiments ({names}) VALUES ({marks})"), values)
        connection.commit()
    engine.dispose()


def test_the_script_of_a_new_store_is_what_all_migrations_make() -> None:
    assert revisions.newest() == f"BEGIN IMMEDIATE;\n{newest_schema.script()}\nCOMMIT;"


def test_the_script_gives_exactly_the_tables_of_the_schema(tmp_path: Path) -> None:
    database = Database(tmp_path / "ledger.sqlite")
    with database.read() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_name": lambda name, kind, _: kind != "table" or not str(name).startswith("search")
            },
        )
        assert compare_metadata(context, every_table.metadata) == []
        assert connection.exec_driver_sql("SELECT count(*) FROM search").scalar_one() == 0
    database.close()


@pytest.mark.parametrize("revision", ["0001", "0002", "0003"])
def test_an_old_store_is_migrated_with_a_backup_beside_it(tmp_path: Path, revision: str) -> None:
    path = tmp_path / "ledger.sqlite"
    old_store(path, revision)
    before = path.read_bytes()
    with LocalLedger.open(tmp_path) as ledger:
        writer = Writer(ledger).open(project=PROJECT)
        assert writer.seen.number == 1
        with ledger.database.read() as connection:
            found = connection.execute(sa.text("SELECT note FROM experiments")).scalars().all()
        assert ledger.database.check() == []
    assert found == ["an old warmup"]
    (backup,) = tmp_path.glob(f"ledger.sqlite.backup-{revision}-*")
    assert revisions.of_file(backup) == revision
    assert revisions.of_file(path) == revisions.NEWEST
    assert before != path.read_bytes()


def test_experiments_of_the_first_revision_are_found_by_their_words(tmp_path: Path) -> None:
    old_store(tmp_path / "ledger.sqlite")
    database = Database(tmp_path / "ledger.sqlite")
    with database.read() as connection:
        found = connection.execute(sa.text("SELECT note FROM search WHERE search MATCH 'warmup'")).scalars()
        assert found.all() == ["an old warmup"]
    database.close()


def test_an_old_and_a_new_store_have_the_same_columns(tmp_path: Path) -> None:
    old_store(tmp_path / "old.sqlite")
    shapes = []
    for name in ("old", "new"):
        connection = opening.connect(str(tmp_path / f"{name}.sqlite"))
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        shapes.append(
            {
                table: sorted(row[1:] for row in connection.execute(f"PRAGMA table_info({table})"))
                for table in tables
            }
        )
        connection.close()
    assert shapes[0] == shapes[1]
    assert len(shapes[0]) > 25


def test_the_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreCorrupt, match="something else"):
        Database(path)
    assert path.read_bytes() == before


def test_a_newer_store_is_refused_and_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    Database(path).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreTooNew, match="newer version") as caught:
        Database(path)
    assert "pip install -U" in caught.value.hint
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"this is not a database" * 100, b"\0" * 4096])
def test_a_file_that_is_not_a_database_is_corrupt(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt, match="not a sound database"):
        Database(path)
    assert path.read_bytes() == content


def test_damaged_pages_are_reported_by_the_check(tmp_path: Path) -> None:
    with LocalLedger.open(tmp_path) as ledger:
        goal(ledger)
        kept(ledger, session(ledger).id, [3.0 - n / 100 for n in range(60)])
    path = tmp_path / "ledger.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        names = ("decisions", "experiments_by_seq", "events")
        asked = f"SELECT rootpage FROM sqlite_master WHERE name IN {names}"
        pages = [page for (page,) in connection.execute(asked)]
    connection.close()
    data = bytearray(path.read_bytes())
    for page in pages:
        data[(page - 1) * 4096 : (page - 1) * 4096 + 200] = b"\xff" * 200
    path.write_bytes(data)
    with LocalLedger.open(tmp_path) as ledger:
        assert any("database" in said for said in ledger.snapshots.verify())


@pytest.mark.parametrize("home", ["/dev/null/store", "/proc/no-such/store"])
def test_a_place_that_cannot_be_written_is_one_clear_error(home: str) -> None:
    with pytest.raises(StoreReadOnly, match="cannot be") as caught:
        LocalLedger.open(Path(home))
    assert "AUTORESEARCH_HOME" in caught.value.hint


FILL = """
import resource, sys
from pathlib import Path
from autoresearch.errors import StoreError
from autoresearch.ledger.local.ledger import LocalLedger
from tests.contract_helpers import *
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
home = Path(sys.argv[1])
ledger = LocalLedger.open(home)
goal(ledger); opened = session(ledger).id
limit = (home / "ledger.sqlite-wal").stat().st_size + 1_000_000
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
done = 0
try:
    for _ in range(200):
        experiment(ledger, opened, note="x" * 20_000)
        done += 1
except StoreError as error:
    print(done, type(error).__name__)
"""


def test_a_write_that_does_not_fit_is_refused_whole(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", FILL, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path.cwd(),
    )
    done, kind = answer.stdout.split()
    assert kind in {"StoreFull", "StoreError"}
    with LocalLedger.open(tmp_path) as ledger:
        assert ledger.research.project(PROJECT).experiments == int(done) > 0
        assert list(ledger.snapshots.verify()) == []


def test_a_full_disk_is_said_to_be_full(tmp_path: Path) -> None:
    database = Database(tmp_path / "ledger.sqlite")

    def fill() -> None:
        with database.write() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 1}")
            connection.exec_driver_sql("CREATE TABLE much (text)")
            connection.exec_driver_sql("INSERT INTO much VALUES (zeroblob(1000000))")

    with pytest.raises(StoreFull, match=r"disk that holds .* is full") as caught:
        fill()
    assert "gc" in caught.value.hint
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE name = 'much'").all() == []
    database.close()


def test_a_store_inside_a_repository_is_no_part_of_its_code(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    LocalLedger.open(tmp_path / ".autoresearch").close()
    seen = subprocess.run(
        ["git", "status", "--short"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert seen.stdout == ""
    assert (tmp_path / ".autoresearch").stat().st_mode & 0o777 == 0o700


def test_nothing_of_another_organization_is_reachable(tmp_path: Path) -> None:
    database = Database(tmp_path / "ledger.sqlite")
    with LocalLedger.open(tmp_path) as mine:
        goal(mine)
        kept(mine, session(mine).id, [2.0])
    with database.write() as connection:
        other = Rows(connection, "other")
        for table in schema.metadata.sorted_tables:
            if "organization" not in table.primary_key.columns:
                continue  # people and sessions belong to the whole store
            key = (
                next(column.name for column in table.primary_key if column.name != "organization")
                if len(table.primary_key) > 1
                else "seq"
            )
            assert other.list(table, order=key) == []
        assert other.next_seq() == 1
    database.close()


def test_a_forked_child_uses_connections_of_its_own(tmp_path: Path) -> None:
    with LocalLedger.open(tmp_path) as ledger:
        goal(ledger)
        opened = session(ledger).id
        child = os.fork()
        if child == 0:
            try:
                experiment(ledger, opened, note="child")
                os._exit(0)
            finally:
                os._exit(1)
        experiment(ledger, opened, note="parent")
        _, status = os.waitpid(child, 0)
        assert status == 0
        notes = {e.note for e in ledger.research.experiments(PROJECT).items}
        assert notes == {"child", "parent"}
        assert list(ledger.snapshots.verify()) == []
