"""Backups of a store in use, what becomes of them, and the move to PostgreSQL."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from autoresearch.errors import Conflict, NotFound, StoreCorrupt, UsageError
from autoresearch.ledger.care import backing_up
from autoresearch.ledger.care.backing_up import back_up, examine, restore
from autoresearch.ledger.care.moving import move
from autoresearch.ledger.care.places import Place, place_of, revision_of
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.artifact import VersionRequest
from autoresearch.records.ids import new_id
from autoresearch.records.run import RunQuery
from autoresearch.settings import Settings
from autoresearch.store import revisions
from tests.contract_helpers import PROJECT, experiment, goal, kept, session, stored_tree
from tests.postgres_server import empty_database, server
from tests.run_batches import Writer


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A store with a bit of everything."""
    made = Place(tmp_path / "home" / "ledger.sqlite", tmp_path / "home" / "objects")
    with made.open() as ledger:
        fill(ledger)
    return made


@pytest.fixture
def url() -> Iterator[str]:
    """A database of this test's own, without tables."""
    name = server().database()
    yield server().url(name)
    server().drop(name)


def fill(ledger: LocalLedger) -> None:
    goal(ledger)
    opened = session(ledger).id
    kept(ledger, opened, [3.0, 2.5])
    experiment(ledger, opened, note="a warmup that waits", tree=stored_tree(ledger, b"weights"))
    ledger.artifacts.log(
        VersionRequest.make(
            id=new_id(),
            project=PROJECT,
            artifact="model",
            type="model",
            tree=stored_tree(ledger, b"more weights"),
            size=12,
            files=1,
        )
    )
    writer = Writer(ledger).open(name="lr-0.1", config={"lr": 0.1, "on": True})
    for part in range(6):
        steps = range(part * 1000, part * 1000 + 1000)
        writer.log({"loss": [float(step) for step in steps], "nan": [float("nan")] * 1000}, steps=steps)
    writer.write("stdout", "first", "second")
    writer.finish()
    ledger.runs.compact(writer.run)
    Writer(ledger).open(name="going on").log({"loss": [1.0]})


def told(place: Place) -> object:
    """What a reader sees of a store."""
    with place.open() as ledger:
        runs = ledger.runs.runs(RunQuery.make(project=PROJECT)).items
        return (
            ledger.research.project(PROJECT),
            ledger.research.experiments(PROJECT).items,
            ledger.research.frontier(PROJECT),
            ledger.memory.events(limit=1000).items,
            ledger.artifacts.version("model"),
            [match.number for match in ledger.memory.search(PROJECT, "warmup")],
            [(run.id, run.number, run.name, run.config, run.latest["loss"]) for run in runs],
            [ledger.runs.receipt(run.id, verify=True) for run in runs],
            [curve.values.tolist() for curve in ledger.runs.sampled([run.id for run in runs], ["loss"])],
            ledger.runs.lines(runs[-1].id).items,
        )


def test_a_backup_restores_to_the_same_store(place: Place, tmp_path: Path) -> None:
    before = told(place)
    made = back_up(place, tmp_path / "backups" / "today")
    assert (made.revision, made.rows, made.objects) == (revisions.NEWEST, "ledger.sqlite", 4)
    assert list(examine(tmp_path / "backups" / "today")) == []
    other = place_of(tmp_path / "other", Settings({}))
    assert restore(tmp_path / "backups" / "today", other) == made
    assert told(other) == before
    with other.open() as ledger:
        assert list(ledger.snapshots.verify()) == []
    assert (tmp_path / "other").stat().st_mode & 0o777 == 0o700


def test_a_backup_is_itself_a_store(place: Place, tmp_path: Path) -> None:
    before = told(place)
    back_up(place, tmp_path / "copy")
    assert told(place_of(tmp_path / "copy", Settings({}))) == before


def test_nothing_that_is_there_is_overwritten(place: Place, tmp_path: Path) -> None:
    back_up(place, tmp_path / "backup")
    rows = (tmp_path / "backup" / "ledger.sqlite").read_bytes()
    with pytest.raises(Conflict, match="there already"):
        back_up(place, tmp_path / "backup")
    assert (tmp_path / "backup" / "ledger.sqlite").read_bytes() == rows
    before = told(place)
    with pytest.raises(Conflict, match="a store already"):
        restore(tmp_path / "backup", place)
    assert told(place) == before


def test_what_is_no_store_or_no_backup_is_named(place: Place, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no store"):
        back_up(place_of(tmp_path / "nowhere", Settings({})), tmp_path / "backup")
    assert not (tmp_path / "backup").exists()
    assert not (tmp_path / "nowhere").exists()
    with pytest.raises(NotFound, match="no backup"):
        restore(tmp_path, place_of(tmp_path / "new", Settings({})))
    (tmp_path / "backup.json").write_text('{"format": 1, "rows": "../../etc/passwd"}')
    with pytest.raises(StoreCorrupt, match="damaged"):
        restore(tmp_path, place_of(tmp_path / "new", Settings({})))


@pytest.mark.parametrize("what", ["rows", "object", "lost object"])
def test_a_damaged_backup_is_found_out(place: Place, tmp_path: Path, what: str) -> None:
    back_up(place, tmp_path / "backup")
    blob = min(path for path in (tmp_path / "backup" / "objects").rglob("*") if path.is_file())
    hit = tmp_path / "backup" / "ledger.sqlite" if what == "rows" else blob
    hit.chmod(0o600)
    if what == "lost object":
        hit.unlink()
    else:
        data = bytearray(hit.read_bytes())
        data[len(data) // 2] ^= 1
        hit.write_bytes(data)
    faults = list(examine(tmp_path / "backup"))
    assert faults
    if what != "lost object":
        with pytest.raises(StoreCorrupt):
            restore(tmp_path / "backup", place_of(tmp_path / "new", Settings({})))
        assert not (tmp_path / "new" / "ledger.sqlite").exists()


def test_a_backup_that_fails_leaves_nothing_behind(place: Place, tmp_path: Path) -> None:
    blob = min(path for path in Path(place.objects).rglob("*") if path.is_file())
    blob.chmod(0o600)
    blob.write_bytes(b"something else")
    with pytest.raises(StoreCorrupt):
        back_up(place, tmp_path / "backups" / "today")
    assert list((tmp_path / "backups").glob("*")) == []


def test_a_restore_that_was_interrupted_goes_on(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = told(place)
    back_up(place, tmp_path / "backup")
    other = place_of(tmp_path / "other", Settings({}))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(backing_up, "_place_rows", killed)
        with pytest.raises(KeyboardInterrupt):
            restore(tmp_path / "backup", other)
    assert not Path(other.database).exists()
    restore(tmp_path / "backup", other)
    assert told(other) == before


WRITER = """
import sys
from pathlib import Path
from autoresearch.ledger.local.ledger import LocalLedger
from tests.contract_helpers import experiment, stored_tree
from tests.run_batches import Writer
with LocalLedger.open(Path(sys.argv[1])) as ledger:
    writer = Writer(ledger).open(name="busy")
    for number in range(100_000):
        tree = stored_tree(ledger, f"{number}".encode() * 1000)
        experiment(ledger, sys.argv[2], note=f"change {number}", tree=tree)
        writer.log({"loss": [float(number)] * 50})
        print(number, flush=True)
"""


def test_a_backup_of_a_store_in_use_is_sound(place: Place, tmp_path: Path) -> None:
    with place.open() as ledger:
        opened = ledger.research.sessions(PROJECT).items[0].id
    command = [sys.executable, "-c", WRITER, str(Path(place.database).parent), opened]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as busy:
        assert busy.stdout is not None
        for number in range(3):
            busy.stdout.readline()
            back_up(place, tmp_path / f"backup {number}")
        busy.kill()
    for number in range(3):
        assert list(examine(tmp_path / f"backup {number}")) == []


def test_rows_of_postgresql_are_backed_up_by_its_own_tool(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{server().bin}:/usr/bin:/bin")
    place = Place(url, tmp_path / "objects")
    with place.open() as ledger:
        fill(ledger)
    before = told(place)
    made = back_up(place, tmp_path / "backup")
    assert (made.rows, made.revision) == ("ledger.pgdump", revisions.NEWEST)
    assert list(examine(tmp_path / "backup")) == []
    with pytest.raises(Conflict, match="tables already"):
        restore(tmp_path / "backup", place)
    with pytest.raises(UsageError, match="PostgreSQL"):
        restore(tmp_path / "backup", place_of(tmp_path / "other", Settings({})))
    again = Place(server().url(server().database()), tmp_path / "other objects")
    restore(tmp_path / "backup", again)
    assert told(again) == before
    with again.open() as ledger:
        assert list(ledger.snapshots.verify()) == []
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="pg_dump is not installed"):
        back_up(place, tmp_path / "another")


def test_a_store_moves_to_postgresql_whole(place: Place, url: str) -> None:
    with place.open() as ledger:
        other = LocalLedger(ledger.database, ledger.store, organization="other", trusted=True)
        fill(other)
    before = told(place)
    target = Place(url, place.objects)
    done = move(place, target)
    assert done.runs == 4
    assert done.objects == 0
    assert told(target) == before
    with target.open() as ledger:
        assert list(ledger.snapshots.verify()) == []
    assert told(place) == before, "the old store stays as it is"
    with pytest.raises(Conflict, match="holds rows already"):
        move(place, target)


def test_a_move_brings_the_objects_where_they_are_to_lie(place: Place, url: str, tmp_path: Path) -> None:
    before = told(place)
    target = Place(url, tmp_path / "bucket")
    assert move(place, target).objects == 4
    shutil.rmtree(place.objects)
    assert told(target) == before


def test_a_move_of_a_damaged_run_moves_nothing(place: Place, url: str) -> None:
    with place.open() as ledger, ledger.database.write() as connection:
        connection.exec_driver_sql("UPDATE chunks SET blob = zeroblob(length(blob))")
    with pytest.raises(StoreCorrupt, match="nothing was moved"):
        move(place, Place(url, place.objects))
    with Place(url, place.objects).open() as ledger:
        assert ledger.research.projects().items == ()


def test_a_move_needs_a_store_and_a_database_server(place: Place, url: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="from SQLite to PostgreSQL"):
        move(place, place_of(tmp_path / "other", Settings({})))
    with pytest.raises(NotFound, match="no store"):
        move(place_of(tmp_path / "other", Settings({})), Place(url, tmp_path / "objects"))


def test_a_place_comes_from_the_environment_or_the_home(tmp_path: Path) -> None:
    named = Settings(
        {"AUTORESEARCH_DATABASE_URL": "postgresql://db/lab", "AUTORESEARCH_OBJECTS_URL": "s3://b/p"}
    )
    assert place_of(tmp_path, named) == Place("postgresql://db/lab", "s3://b/p")
    assert place_of(tmp_path, Settings({})) == Place(tmp_path / "ledger.sqlite", tmp_path / "objects")


def test_the_revision_is_looked_at_without_making_anything(place: Place, url: str, tmp_path: Path) -> None:
    assert revision_of(place) == revisions.NEWEST
    assert revision_of(Place(url, "")) is None
    assert revision_of(place_of(tmp_path / "other", Settings({}))) is None
    assert not (tmp_path / "other").exists()
    assert revision_of(Place(empty_database(), "")) == revisions.NEWEST


def test_a_manifest_of_a_later_format_is_not_misread(place: Place, tmp_path: Path) -> None:
    back_up(place, tmp_path / "backup")
    manifest = tmp_path / "backup" / "backup.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "format": 2}))
    with pytest.raises(Exception, match="newer version"):
        list(examine(tmp_path / "backup"))
