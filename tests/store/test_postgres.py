from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from autoresearch.errors import (
    Busy,
    Invalid,
    StoreCorrupt,
    StoreError,
    StoreReadOnly,
    StoreTooNew,
    Unavailable,
)
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.store import dialect_postgresql, postgres, postgres_errors, revisions, schema
from autoresearch.store.databases import open_database
from autoresearch.store.dialects import plain
from autoresearch.store.every_table import metadata
from autoresearch.store.objects import Objects
from autoresearch.store.points_sql import Sql
from autoresearch.store.postgres import Database
from autoresearch.store.rows import Rows
from tests.contract_helpers import PROJECT, experiment, goal, session
from tests.postgres_server import Server, empty_database, server
from tests.run_batches import Writer

NOTHING = Objects(Path("/nowhere"))
"""No object is touched here."""


@pytest.fixture
def url() -> Iterator[str]:
    """A database of this test's own, without tables."""
    name = server().database()
    yield server().url(name)
    server().drop(name)


@pytest.fixture
def database() -> Iterator[Database]:
    """A database whose tables are there and empty."""
    made = Database(empty_database())
    yield made
    made.close()


def every_table() -> sa.MetaData:
    """The tables as PostgreSQL has them."""
    tables = sa.MetaData()
    for table in (*metadata.sorted_tables, dialect_postgresql.search):
        table.to_metadata(tables)
    return tables


def test_the_migrations_make_exactly_the_tables_of_the_schema(url: str) -> None:
    database = Database(url)
    # Of two texts that may be long the index has the beginning, which the comparison cannot read.
    cut = {"runs_by_name", "media_by_key"}
    with database.read() as connection:
        names = {"include_name": lambda name, kind, _: kind != "index" or name not in cut}
        objects = {"include_object": lambda _item, name, kind, *_: kind != "index" or name not in cut}
        context = MigrationContext.configure(connection, opts={**names, **objects})
        assert compare_metadata(context, every_table()) == []
    assert database.check() == []
    database.close()


def test_every_text_is_ordered_by_its_bytes_and_no_blob_is_compressed_twice(database: Database) -> None:
    with database.read() as connection:
        order = (
            "SELECT DISTINCT attcollation::regcollation::text FROM pg_attribute JOIN pg_class c ON c.oid = attrelid"
            " WHERE relkind IN ('r', 'i') AND relnamespace = 'public'::regnamespace AND attcollation <> 0"
            " AND relname NOT IN ('alembic_version', 'alembic_version_pkc')"
        )
        assert connection.exec_driver_sql(order).scalars().all() == ['"C"']
        stored = (
            "SELECT DISTINCT attstorage FROM pg_attribute JOIN pg_class c ON c.oid = attrelid"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND atttypid = 'bytea'::regtype"
        )
        assert connection.exec_driver_sql(stored).scalars().all() == ["e"]


def test_processes_that_open_a_new_database_at_once_make_it_once(url: str) -> None:
    code = "import sys; from autoresearch.store.postgres import Database; Database(sys.argv[1]).close()"
    openers = [
        subprocess.Popen([sys.executable, "-c", code, url], stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert [opener.communicate(timeout=120)[1] for opener in openers] == [""] * 4
    database = Database(url)
    assert database.check() == []
    database.close()


def test_a_newer_database_is_refused_and_not_changed(url: str) -> None:
    Database(url).close()
    with server().superuser(url.rpartition("/")[2]) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreTooNew, match="newer version") as caught:
        Database(url)
    assert "pip install -U" in caught.value.hint


@pytest.mark.parametrize("theirs", ["theirs (x int)", "alembic_version (version_num text)"])
def test_the_tables_of_something_else_are_left_alone(url: str, theirs: str) -> None:
    with server().superuser(url.rpartition("/")[2]) as connection:
        connection.execute(f"CREATE TABLE {theirs}".encode())
        with pytest.raises(StoreCorrupt, match="something else"):
            Database(url)
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert tables == (1,)


def fill(database: Database, organizations: tuple[str, ...]) -> None:
    """A note and an experiment in each."""
    for organization in organizations:
        ledger = LocalLedger(database, Objects(Path("untouched")), organization=organization)
        opened = session(ledger)
        experiment(ledger, opened.id, note=f"of {organization}")
        Writer(ledger).open(name=organization)


def test_a_statement_that_names_no_organization_sees_only_its_own(database: Database) -> None:
    fill(database, ("mine", "theirs"))
    with database.read("mine") as connection:
        for table in every_table().sorted_tables:
            if "organization" in table.c:
                seen = connection.execute(sa.select(table.c.organization).distinct()).scalars().all()
                assert set(seen) <= {"mine"}, table.name
        notes = connection.exec_driver_sql("SELECT note FROM experiments").scalars().all()
    assert notes == ["of mine"]
    with database.read() as connection:
        notes = connection.exec_driver_sql("SELECT note FROM experiments ORDER BY note").scalars().all()
    assert notes == ["of mine", "of theirs"]


def test_a_statement_cannot_change_or_add_rows_of_another_organization(database: Database) -> None:
    fill(database, ("mine", "theirs"))
    with database.write("mine") as connection:
        changed = connection.exec_driver_sql("UPDATE experiments SET note = 'taken'").rowcount
        removed = connection.exec_driver_sql("DELETE FROM sessions").rowcount
        assert (changed, removed) == (1, 1)
        connection.exec_driver_sql("SAVEPOINT here")
        with pytest.raises(sa.exc.ProgrammingError, match="row-level security"):
            Rows(connection, "theirs").insert(schema.counters, seq=7)
        connection.exec_driver_sql("ROLLBACK TO SAVEPOINT here")
    with database.read("theirs") as connection:
        assert connection.exec_driver_sql("SELECT note FROM experiments").scalars().all() == ["of theirs"]
        assert connection.exec_driver_sql("SELECT count(*) FROM sessions").scalar_one() == 1


def test_who_does_not_say_for_whom_sees_nothing(database: Database) -> None:
    import psycopg

    fill(database, ("mine",))
    with psycopg.connect(empty_url(database)) as connection:
        for table in every_table().sorted_tables:
            if "organization" in table.c:
                assert connection.execute(f"SELECT count(*) FROM {table.name}".encode()).fetchone() == (0,)
        connection.execute("SELECT set_config('autoresearch.organization', 'mine', true)")
        assert connection.execute("SELECT note FROM experiments").fetchall() == [("of mine",)]
        connection.commit()
        assert connection.execute("SELECT note FROM experiments").fetchall() == []


def empty_url(database: Database) -> str:
    """The URL under which the tests opened it."""
    return server().url(database.where.rpartition("/")[2])


def test_every_table_of_an_organization_has_its_policy(database: Database) -> None:
    walled = {table.name for table in every_table().sorted_tables if "organization" in table.c}
    with database.read() as connection:
        asked = "SELECT tablename FROM pg_policies WHERE policyname = 'own_organization'"
        assert set(connection.exec_driver_sql(asked).scalars()) == walled
    assert database.walled


def test_a_superuser_is_told_that_the_wall_does_not_hold(url: str) -> None:
    database = Database(server().url(url.rpartition("/")[2], role="postgres"))
    assert not database.walled
    database.close()


def test_a_table_without_its_policy_and_a_missing_table_are_found_by_the_check(url: str) -> None:
    database = Database(url)
    with server().superuser(url.rpartition("/")[2]) as connection:
        connection.execute("ALTER TABLE notes NO FORCE ROW LEVEL SECURITY")
        connection.execute("DROP TABLE uses")
    assert database.check() == [
        "the table uses is missing",
        "the table notes has no policy of row-level security",
    ]
    database.close()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT pg_terminate_backend(pg_backend_pid())",
        "SELECT pg_sleep(0), pg_terminate_backend(pg_backend_pid())",
    ],
)
def test_a_connection_that_is_cut_in_a_transaction_leaves_nothing_half_done(
    database: Database, statement: str
) -> None:
    def cut() -> None:
        with database.write("local") as connection:
            Rows(connection, "local").insert(schema.counters, seq=1)
            plain(connection).execute(statement)

    with pytest.raises(Unavailable) as caught:
        cut()
    assert caught.value.retryable
    assert "Call again" in caught.value.hint
    with database.read("local") as connection:
        assert Rows(connection, "local").one(schema.counters) is None


def test_connections_that_were_cut_while_idle_are_not_noticed(database: Database) -> None:
    with database.read(), database.read(), database.read():
        pass  # three connections wait in the pool
    with server().superuser() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'autoresearch'"
        )
    with database.read() as one, database.write("local") as two:
        assert one.exec_driver_sql("SELECT 1").scalar_one() == 1
        assert Rows(two, "local").next_seq() == 1


def test_a_restart_of_the_server_is_one_clear_error_and_then_over() -> None:
    own = Server(server().bin)
    try:
        database = Database(own.url(own.database()))

        def restarted_in_the_middle() -> None:
            with database.write("local") as connection:
                Rows(connection, "local").next_seq()
                own.stop()
                Rows(connection, "local").next_seq()

        with pytest.raises(Unavailable, match="postgresql://"):
            restarted_in_the_middle()
        with pytest.raises(Unavailable, match="cannot be reached"), database.read():
            pass
        own.start()
        with database.write("local") as connection:
            assert Rows(connection, "local").next_seq() == 1
        database.close()
    finally:
        own.remove()


def test_a_database_that_takes_no_writes_says_so(url: str) -> None:
    database = Database(url)
    database.close()
    with server().superuser() as connection:
        name = url.rpartition("/")[2]
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on".encode())

    def write() -> None:
        with database.write("local") as connection:
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")
            Rows(connection, "local").next_seq()

    with pytest.raises(StoreReadOnly, match="takes no writes") as caught:
        write()
    assert "primary" in caught.value.hint
    database.close()


def test_an_error_that_somebody_swallowed_does_not_pass_for_a_commit(database: Database) -> None:
    def swallow() -> None:
        with database.write("local") as connection:
            Rows(connection, "local").next_seq()
            with pytest.raises(sa.exc.ProgrammingError):
                connection.exec_driver_sql("SELECT no_such_column")

    with pytest.raises(Unavailable, match="nothing of it was stored"):
        swallow()
    with database.read("local") as connection:
        assert Rows(connection, "local").one(schema.counters) is None


def test_statements_stay_prepared_when_a_read_is_over(database: Database) -> None:
    asked = "SELECT count(*) FROM writers WHERE organization = ?"
    for _ in range(10):
        with database.read("local") as connection:
            assert Sql(plain(connection), "local").rows(asked) == [(0,)]
    with database.read("local") as connection:
        prepared = connection.exec_driver_sql("SELECT statement FROM pg_prepared_statements").scalars().all()
    assert asked.replace("?", "$1") in prepared


@pytest.mark.parametrize(
    ("sum_of", "expected"),
    [("VALUES (2), (40)", 42), ("VALUES (1::numeric), (0.5)", 1.5), ("VALUES (9007199254740993)", 2**53 + 1)],
)
def test_sums_are_numbers_of_the_kind_that_was_summed(
    database: Database, sum_of: str, expected: float
) -> None:
    with database.read("local") as connection:
        asked = f"SELECT sum(n::numeric), ? FROM ({sum_of}) AS v(n)"
        ((found, _),) = Sql(plain(connection), "local").rows(asked)
    assert (found, type(found)) == (expected, type(expected))


def test_a_lock_that_is_held_for_too_long_is_busy(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "WAIT_SECONDS", 0.05)
    postgres._writing.cache_clear()

    def wait(*, run: str = "") -> None:
        with database.write("local", run=run or ()):
            pass

    with database.write("local", run="a"):
        with pytest.raises(Busy, match="held"):
            wait()
        with pytest.raises(Busy, match="held"):
            wait(run="a")
        wait(run="b")
    with database.write(alone=True), pytest.raises(Busy):
        wait(run="b")
    postgres._writing.cache_clear()


@pytest.mark.parametrize("name", ["it's", "a%b", "a\\b", "ä", "a; SELECT 1", "%s"])
def test_the_name_of_an_organization_is_only_ever_a_name(database: Database, name: str) -> None:
    with database.write(name) as connection:
        assert Rows(connection, name).next_seq() == 1
    with database.read(name) as connection:
        assert connection.exec_driver_sql("SELECT organization FROM counters").scalars().all() == [name]


def test_organizations_do_not_wait_for_each_other(database: Database) -> None:
    with database.write("mine") as one, database.write("theirs") as two:
        assert Rows(one, "mine").next_seq() == 1
        assert Rows(two, "theirs").next_seq() == 1


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("53100", "StoreFull"),
        ("53300", "Unavailable"),
        ("40001", "Unavailable"),
        ("40P01", "Unavailable"),
        ("57P01", "Unavailable"),
        ("57P03", "Unavailable"),
        ("08006", "Unavailable"),
        ("25006", "StoreReadOnly"),
        ("55P03", "Busy"),
        ("XX001", "StoreCorrupt"),
        ("58030", "StoreError"),
        ("42501", "StoreError"),
        ("42P01", "StoreError"),
        ("54000", "Invalid"),
        ("22021", "Invalid"),
    ],
)
def test_each_refusal_of_the_server_is_an_error_of_ours(database: Database, state: str, kind: str) -> None:
    raised = f"DO $$ BEGIN RAISE EXCEPTION 'as the server says it' USING ERRCODE = '{state}'; END $$"

    def fail() -> None:
        with database.write("local") as connection:
            connection.exec_driver_sql(raised)

    with pytest.raises(Exception, match=r"postgresql://|transaction") as caught:
        fail()
    assert type(caught.value).__name__ == kind
    assert caught.value.hint  # type: ignore[attr-defined]  # every one of ours has it


def test_a_nul_in_a_text_is_invalid_and_spoils_nothing(database: Database) -> None:
    def write() -> None:
        with database.write("local") as connection:
            connection.execute(sa.select(schema.notes).where(schema.notes.c.text == "a\0b"))

    with pytest.raises(Invalid, match="NUL"):
        write()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:hunter2@nowhere.invalid:5433/lab?connect_timeout=1",
        "postgresql://ada:hunter2@127.0.0.1:1/lab",
        "postgresql://ada:hunter2@[::1/lab",
        "postgresql://ada:hunter2@h/lab?no_such_option=hunter2",
        "mysql://ada:hunter2@h/lab",
        "http://hunter2",
    ],
)
def test_no_error_shows_the_password(url: str) -> None:
    with pytest.raises((Unavailable, Invalid)) as caught:
        open_database(url)
    said = json.dumps(caught.value.envelope()) + repr(caught.value)
    assert "hunter2" not in said
    assert caught.value.hint


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "postgresql://ada:pw@db.example.org:5433/lab?sslmode=require",
            "postgresql://ada@db.example.org:5433/lab",
        ),
        ("postgres://db/lab", "postgresql://db/lab"),
        ("postgresql+psycopg://ada@%2Frun%2Fpg/lab", "postgresql://ada@/run/pg/lab"),
        ("postgresql://a:1,b:2/lab?target_session_attrs=read-write", "postgresql://a,b:1,2/lab"),
    ],
)
def test_a_database_is_named_without_its_secrets(url: str, shown: str) -> None:
    assert postgres_errors.shown(postgres_errors.parsed(url)) == shown


def test_a_role_or_database_that_is_not_there_is_named(url: str) -> None:
    with pytest.raises(StoreError, match="no such database"):
        Database(server().url("nowhere"))
    with pytest.raises((StoreError, Unavailable), match="role"):
        Database(server().url(url.rpartition("/")[2], role="nobody_here"))


def test_rows_come_in_parts_while_other_statements_run(database: Database) -> None:
    with database.write("local") as connection:
        rows = Rows(connection, "local")
        rows.insert_all(
            schema.uses, ({"experiment_id": "e", "artifact": "a", "number": n} for n in range(100))
        )
        sql = Sql(plain(connection), "local")
        read = sql.each("SELECT number FROM uses WHERE organization = ? ORDER BY number")
        seen = [
            (number, sql.rows("SELECT count(*) FROM uses WHERE organization = ?")[0][0]) for (number,) in read
        ]
        assert seen == [(n, 100) for n in range(100)]
        first = sql.each("SELECT number FROM uses WHERE organization = ? ORDER BY number")
        assert next(first) == (0,)
        first.close()  # type: ignore[attr-defined]  # a generator
        assert sql.rows("SELECT sum(number) FROM uses WHERE organization = ?") == [(4950,)]


SERVER = """
import json, sys
from pathlib import Path
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.errors import Conflict
from tests.contract_helpers import decide, experiment
from tests.run_batches import Writer, rows
from autoresearch.series.batch import Batch
url, objects, opened, run, number, many = *sys.argv[1:5], int(sys.argv[5]), int(sys.argv[6])
acknowledged = []
with LocalLedger.connect(url, Path(objects)) as ledger:
    shared, twin = Writer(ledger, run).open(), "one writer through every server"
    for index in range(many):
        made = experiment(ledger, opened, note=f"server {number} change {index}")
        decide(ledger, made.id, "keep", 100 - index - number / 10)
        acknowledged.append([made.id, made.number])
        steps = range(index * 50, index * 50 + 50)
        shared.log({f"loss {number}": [float(step) for step in steps]}, steps=steps)
        first = index * 20 + 1
        part = rows({"twin": [float(n) for n in range(20)]}, first=first, steps=range(first, first + 20))
        try:
            ledger.runs.ingest(Batch(run, twin, first, first + 19, rows=[part]))
        except Conflict as error:
            assert error.details["sequence"] >= first + 19
        if index % 5 == 4:
            ledger.runs.compact(run)
    shared.finish()
print(json.dumps(acknowledged))
"""


def test_several_servers_on_one_database_number_decide_and_ingest_exactly(tmp_path: Path) -> None:
    url, servers, many = empty_database(), 3, 10
    with LocalLedger.connect(url, tmp_path) as ledger:
        goal(ledger)
        opened = session(ledger).id
        run = Writer(ledger).open(name="shared").run
        command = [sys.executable, "-c", SERVER, url, str(tmp_path), opened, run]
        running = [
            subprocess.Popen(
                [*command, str(n), str(many)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            for n in range(servers)
        ]
        answers = [one.communicate(timeout=240) for one in running]
        assert [error for _, error in answers] == [""] * servers
        acknowledged = [made for out, _ in answers for made in json.loads(out)]
        found = ledger.research.experiments(PROJECT, limit=1000).items
        assert {e.id for e in found} == {made[0] for made in acknowledged}
        assert sorted(made[1] for made in acknowledged) == list(range(1, servers * many + 1))
        best = ledger.research.frontier(PROJECT).best
        assert best is not None
        assert best.score == 100 - (many - 1) - (servers - 1) / 10
        events = ledger.memory.events(limit=1000).items
        assert [event.seq for event in events] == sorted({event.seq for event in events})
        receipt = ledger.runs.receipt(run, verify=True)
        assert receipt.intact, receipt.faults
        assert receipt.points_stored == servers * many * 50 + many * 20
        assert ledger.runs.run(run).state == "running", "the first writer has not ended"
        assert list(ledger.snapshots.verify()) == []


def test_every_migration_that_sqlite_has_is_known(database: Database) -> None:
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all() == [
            revisions.NEWEST
        ]


def test_the_server_is_told_of_a_role_that_the_wall_does_not_bind(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from autoresearch.cli import serving
    from autoresearch.server.opening import opened
    from autoresearch.track.checkup import check_up

    name = url.rpartition("/")[2]
    for role, state in (("autoresearch", "ok"), ("postgres", "warn")):
        monkeypatch.setenv("AUTORESEARCH_DATABASE_URL", server().url(name, role=role))
        with opened(tmp_path) as found:
            serving._greet(found, "http://127.0.0.1:8090", "")
        assert ("row-level security" in capsys.readouterr().err) == (state == "warn")
        (check,) = [check for check in check_up(home=tmp_path) if check.name == "database"]
        assert check.state == state


def test_a_subject_of_any_length_is_recorded_and_found(database: Database) -> None:
    ledger = LocalLedger(database, NOTHING)
    opened = session(ledger).id
    name = "".join(chr(0x4E00 + n * 37 % 20_000) for n in range(900))
    patch = f"--- a/{name}.py\n+++ b/{name}.py\n@@ -1 +1 @@\n-{name} = 1\n+{name} = 2\n"
    made = experiment(ledger, opened, note=f"{name} 1 -> 2", change=f"diff --git a/x b/x\n{patch}")
    assert [match.experiment_id for match in ledger.memory.search(PROJECT, name[:20])] == [made.id]
