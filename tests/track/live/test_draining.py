"""Journals that others left: brought in once, or named and put aside."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import autoresearch as ar
from autoresearch.journal import layout
from autoresearch.journal.locks import dead
from autoresearch.journal.writer import Writer
from autoresearch.ledger.local.ingest import LocalIngest
from autoresearch.records.ids import new_id
from autoresearch.series.batch import Batch
from tests.run_scripts import killed_after, only_run, points, ran, script, stored


def left_behind(body: str = "ar.log({'a': 1.0})") -> None:
    """The journal of a process that was killed before it brought any of it into the store."""
    code = script(f"{body}\nprint('there', flush=True)\ntime.sleep(60)", more="flush_interval=1000.0")
    killed_after(code, "there")


@pytest.fixture
def journals(home: Path) -> Path:
    return home / ".autoresearch" / "journals"


def test_a_journal_that_says_nothing_is_put_aside_and_named_once(journals: Path) -> None:
    left_behind()
    (segment,) = journals.glob("*.arj")
    segment.write_bytes(b"\0" * segment.stat().st_size)
    done = ar.sync()
    (said,) = done.faults
    assert "does not say whose run it is" in said
    assert [path.name for path in (journals / "damaged").iterdir()] == [segment.name]
    assert ar.sync().faults == ()


def test_a_journal_of_a_newer_version_stays_as_it_is_and_is_named(
    journals: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(layout, "VERSION", 2)
        Writer(str(journals), new_id()).close()
    (segment,) = journals.glob("*.arj")
    before = segment.read_bytes()
    done = ar.sync()
    assert done.journals == 0
    (said,) = done.left
    assert f"{segment.name} has version 2" in said
    assert segment.read_bytes() == before
    command = [sys.executable, "-m", "autoresearch", "--project", "p", "status", "--all"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"{segment.name} has version 2" in shown.stderr


def test_damage_is_named_and_the_rest_is_served(journals: Path) -> None:
    left_behind("for step in range(2000):\n    ar.log({'a': step})")
    (segment,) = journals.glob("*.arj")
    data = bytearray(segment.read_bytes())
    data[30_000] ^= 0xFF
    segment.write_bytes(data)
    faults = ar.sync().faults
    assert faults
    assert all(segment.name in fault for fault in faults)
    with stored() as runs:
        run = only_run(runs)
        got = points(runs, run.id, "a")
        assert 1900 < len(got) < 2000
        assert all(step == value for step, value in got)
        receipt = runs.receipt(run.id, verify=True)
        assert not receipt.intact
        assert receipt.lost == 2000 - len(got)
        assert len(receipt.faults) >= 1


def test_the_command_line_brings_in_what_a_dead_process_left(journals: Path) -> None:
    left_behind()
    command = [sys.executable, "-m", "autoresearch", "--project", "p"]
    listed = subprocess.run([*command, "runs", "--quiet"], capture_output=True, text=True, check=True)
    assert len(listed.stdout.splitlines()) == 1
    assert list(journals.glob("*.arj")) == []
    synced = subprocess.run([*command, "sync"], capture_output=True, text=True, check=True)
    assert synced.stdout == "0 journals brought in, 0 points\n"


def test_the_collector_keeps_the_code_of_a_run_that_lies_in_a_journal_alone(
    tmp_path: Path, home: Path
) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q"], check=True)
    (tmp_path / "train.py").write_text("lr = 1\n")
    code = script("run._crew._code.wait()\nprint('there', flush=True)\ntime.sleep(60)").replace(
        ", capture_code=False", ", flush_interval=1000.0"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        killed_after(code, "there")
        command = [sys.executable, "-m", "autoresearch", "--project", "p", "gc", "--yes"]
        subprocess.run(command, check=True, capture_output=True)
    with ar.Workspace.open(project="p") as workspace:
        (run,) = workspace.runs.list()
        assert run.code is not None
        assert run.code.diff is not None
        assert b"+lr = 1" in workspace.ledger.snapshots.get(run.code.diff.digest)


def test_what_is_stored_takes_no_room_in_the_journal_any_more(journals: Path) -> None:
    run = ar.init(project="p", system_metrics=False, capture_console=False, capture_code=False)
    for step in range(300_000):  # three segments
        run.log({"a": step}, step)
    run.flush()
    assert len(list(journals.glob("*.arj"))) == 1
    run.finish()
    assert list(journals.iterdir()) == []


def test_a_run_that_ends_brings_in_what_its_dead_children_left(journals: Path) -> None:
    body = """
        child = os.fork()
        if not child:
            ar.log({"child": 1.0})
            os._exit(0)
        os.waitpid(child, 0)
        """
    assert ran(script(body)).returncode == 0
    assert list(journals.iterdir()) == []


def test_a_child_does_not_end_the_run_of_its_parent() -> None:
    body = """
        child = os.fork()
        if not child:
            ar.finish("failed")
            print(run.state, flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        ar.log({"a": 1.0})
        """
    done = ran(script(body))
    assert done.stdout.splitlines()[1] == "running"
    with stored() as runs:
        run = only_run(runs)
        assert (run.state, run.latest) == ("finished", {"a": 1.0})


def test_a_journal_is_never_taken_for_a_dead_one_while_its_writer_drains_it(
    journals: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    real = LocalIngest.ingest

    def watched(ingest: LocalIngest, batch: Batch) -> int:
        seen.append(dead(str(journals)))
        return real(ingest, batch)

    monkeypatch.setattr(LocalIngest, "ingest", watched)
    run = ar.init(project="p", system_metrics=False, capture_console=False, capture_code=False)
    run.log({"a": 1.0})
    run.finish()
    assert seen
    assert all(found == [] for found in seen)
