"""A machine that works with a server: offline and back, each change once and in order."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autoresearch.errors import Busy, Conflict, NotFound, StoreFull, Unauthorized, Unavailable
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.ledger.synced import saying
from autoresearch.records.artifact import RefRequest, Version, VersionRequest
from autoresearch.records.experiment import NoteRequest
from autoresearch.records.goal import SegmentRequest
from autoresearch.records.ids import new_id
from autoresearch.records.tree import Tree, TreeEntry
from tests.contract_helpers import (
    PROJECT,
    decide,
    experiment,
    experiment_request,
    goal,
    kept,
    session,
    staircase,
    stored_tree,
)
from tests.sync.away import ADA, Machine


@pytest.fixture
def far(tmp_path: Path) -> Iterator[LocalLedger]:
    with LocalLedger.open(tmp_path / "far", actor=ADA) as ledger:
        yield ledger


@pytest.fixture
def machine(tmp_path: Path, far: LocalLedger) -> Iterator[Machine]:
    made = Machine(tmp_path / "here", far)
    yield made
    made.ledger.outbox.close()
    made.ledger.local.close()


def version(machine: Machine, content: bytes, **more: str) -> Version:
    ledger = machine.ledger
    tree = stored_tree(ledger, content)
    request = VersionRequest.make(
        id=new_id(),
        project=PROJECT,
        artifact="model",
        type="model",
        tree=tree,
        size=len(content),
        files=1,
        **more,
    )
    return ledger.artifacts.log(request)


def test_every_operation_of_a_part_is_known_as_a_change_or_as_a_look() -> None:
    looks = {
        "decisions experiment experiments find frontier progress project projects segments session sessions",
        "bootstrap events facts notes search tried",
        "artifacts version versions versions_of",
        "campaign campaigns trial trial_of trials",
        "hold release",  # asked of whoever answers, and never sent later
    }
    known = set().union(*saying.WRITES.values(), *(names.split() for names in looks))
    parts: list[Any] = list(saying.PARTS.values())
    declared = set().union(*(interface.__abstractmethods__ for interface in parts))
    assert declared - known == set(), "say in saying.WRITES whether it changes something"
    assert set().union(*saying.WRITES.values()) <= declared


def test_a_change_is_answered_by_the_server_and_known_here_too(machine: Machine, far: LocalLedger) -> None:
    goal(machine.ledger)
    opened = session(machine.ledger)
    made = experiment(machine.ledger, opened.id)
    assert far.research.experiment(made.id) == made
    assert machine.ledger.local.research.experiment(made.id).number == made.number
    assert machine.ledger.notice is None


def test_a_loop_goes_on_offline_and_arrives_in_order(machine: Machine, far: LocalLedger) -> None:
    goal(machine.ledger)
    opened = session(machine.ledger)
    kept(machine.ledger, opened.id, [3.0])
    machine.goes_offline()
    first, second = kept(machine.ledger, opened.id, [2.0, 1.0])
    assert staircase(machine.ledger) == [3.0, 2.0, 1.0]
    assert [item.id for item in machine.ledger.research.experiments(PROJECT).items][1:] == [
        first.id,
        second.id,
    ]
    assert machine.ledger.research.find(PROJECT, "best").id == second.id
    notice = machine.ledger.notice
    assert notice is not None
    assert "working offline" in notice
    assert "4 changes wait to be sent" in notice
    assert staircase(far) == [3.0]
    machine.comes_back()
    assert staircase(machine.ledger) == [3.0, 2.0, 1.0]
    assert staircase(far) == [3.0, 2.0, 1.0]
    assert machine.ledger.notice is None


def test_what_waits_outlives_the_process_that_made_it(machine: Machine, far: LocalLedger) -> None:
    goal(machine.ledger)
    machine.goes_offline()
    opened = session(machine.ledger)
    other = machine.open()
    made = experiment(other, opened.id)
    machine.comes_back()
    third = machine.open()
    third.send()
    assert far.research.experiment(made.id).session_id == opened.id
    for ledger in (other, third):
        ledger.outbox.close()
        ledger.local.close()


def test_an_answer_that_was_lost_leaves_one_experiment_and_one_verdict(
    machine: Machine, far: LocalLedger
) -> None:
    goal(machine.ledger)
    opened = session(machine.ledger)
    machine.line.loses = 1
    made = experiment(machine.ledger, opened.id)
    machine.comes_back()
    machine.line.loses = 2  # the verdict, and the first time it is sent again
    decide(machine.ledger, made.id, "keep", 1.0)
    machine.comes_back()
    with pytest.raises(Unavailable):
        machine.ledger.send()
    machine.ledger.send()
    assert len(far.research.experiments(PROJECT).items) == 1
    assert len(far.research.decisions(made.id)) == 1


def test_two_machines_that_were_offline_end_with_one_order_of_numbers(
    tmp_path: Path, far: LocalLedger, machine: Machine
) -> None:
    other = Machine(tmp_path / "other", far)
    goal(machine.ledger)
    opened = session(machine.ledger)
    for each in (machine, other):
        assert each.ledger.research.project(PROJECT).active_session == opened.id
        each.goes_offline()
    mine = kept(machine.ledger, opened.id, [3.0, 2.0])
    theirs = kept(other.ledger, opened.id, [2.5, 1.5])
    assert [one.number for one in (*mine, *theirs)] == [1, 2, 1, 2]
    other.comes_back()
    other.ledger.send()
    machine.comes_back()
    machine.ledger.send()
    numbers = {one.id: one.number for one in far.research.experiments(PROJECT).items}
    assert [numbers[one.id] for one in (*theirs, *mine)] == [1, 2, 3, 4]
    # Offline again, a number means here what it means on the server, or nothing.
    machine.goes_offline()
    machine.now += 60
    for one in mine:
        assert machine.ledger.research.find(PROJECT, str(numbers[one.id])).id == one.id
    for one in theirs[:1]:
        with pytest.raises(NotFound, match="No experiment") as caught:
            machine.ledger.research.find(PROJECT, str(numbers[one.id]))
        assert "may know more" in caught.value.hint
    other.ledger.outbox.close()
    other.ledger.local.close()


def test_offline_verdicts_follow_the_goal_and_the_best_of_the_server(
    machine: Machine, far: LocalLedger
) -> None:
    goal(far, min_delta=0.5)
    opened = session(far, "theirs")
    (best,) = kept(far, opened.id, [2.0])
    assert machine.ledger.research.project(PROJECT).active_session == opened.id
    machine.goes_offline()
    project = machine.ledger.research.project(PROJECT)
    assert project.active_session == opened.id
    assert project.goal is not None
    assert project.goal.min_delta == 0.5
    made = experiment(machine.ledger, opened.id)
    assert (made.parent_id, made.number) == (best.id, 2)
    judged = decide(machine.ledger, made.id, "keep", 1.8)
    assert not judged.advanced
    assert judged.gain == pytest.approx(0.2)
    machine.comes_back()
    machine.ledger.send()
    assert not far.research.decisions(made.id)[0].advanced


def test_what_the_server_refuses_is_raised_where_its_caller_waits(machine: Machine) -> None:
    goal(machine.ledger)
    opened = session(machine.ledger)
    made = experiment(machine.ledger, opened.id)
    with pytest.raises(Conflict):
        experiment(machine.ledger, opened.id, id=made.id, note="another")
    assert machine.ledger.outbox.rejected() == []
    assert machine.ledger.outbox.waiting() == 0
    assert machine.ledger.local.research.experiment(made.id).note == "a change"


def test_what_the_server_refuses_later_is_kept_and_holds_nothing_back(
    machine: Machine, far: LocalLedger
) -> None:
    goal(machine.ledger)
    opened = session(machine.ledger)
    machine.goes_offline()
    refused = experiment(machine.ledger, opened.id, note="into a session that is closed meanwhile")
    note = machine.ledger.memory.add_note(NoteRequest.make(id=new_id(), project=PROJECT, text="goes through"))
    far.research.move_session(opened.id, "close")
    machine.comes_back()
    machine.ledger.send()
    assert [one.id for one in far.memory.notes(PROJECT).items] == [note.id]
    (left,) = machine.ledger.outbox.rejected()
    assert left.outcome is not None
    assert "closed" in left.outcome
    assert machine.ledger.notice == "1 change was refused by the server, see `autoresearch sync`"
    far.research.move_session(opened.id, "reopen")
    assert machine.ledger.outbox.retry() == 1
    machine.ledger.send()
    assert far.research.experiment(refused.id).note.startswith("into a session")
    assert machine.ledger.notice is None


def test_a_fault_of_the_server_itself_does_not_block_for_ever(machine: Machine, far: LocalLedger) -> None:
    from autoresearch.errors import AutoresearchError

    machine.goes_offline()
    goal(machine.ledger)
    machine.ledger.memory.add_note(NoteRequest.make(id=new_id(), project=PROJECT, text="behind it"))
    machine.comes_back()
    real, broken = far.research, [True]

    class Broken:
        def __getattr__(self, call: str) -> object:
            if call == "set_goal" and broken:
                raise AutoresearchError("Something went wrong inside.")
            return getattr(real, call)

    far.research = Broken()  # type: ignore[assignment]  # a server with a bug
    for _ in range(4):
        with pytest.raises(AutoresearchError, match="went wrong"):
            machine.ledger.send()
    machine.ledger.send()
    assert len(machine.ledger.outbox.rejected()) == 1
    assert [one.text for one in far.memory.notes(PROJECT).items] == ["behind it"]


def test_a_key_that_is_refused_is_said_at_once_and_what_waits_goes_on_waiting(
    machine: Machine, far: LocalLedger
) -> None:
    machine.goes_offline()
    goal(machine.ledger)
    machine.comes_back()
    real = far.memory

    class Locked:
        def __getattr__(self, call: str) -> object:
            raise Unauthorized("There is no valid key with the request.", hint="Make a new key.")

    far.research, far.memory = Locked(), Locked()  # type: ignore[assignment]  # a server that refuses the key
    with pytest.raises(Unauthorized):
        machine.ledger.memory.add_note(NoteRequest.make(id=new_id(), project=PROJECT, text="x"))
    with pytest.raises(Unauthorized):
        machine.ledger.research.project(PROJECT)
    assert machine.ledger.outbox.waiting() == 1
    far.memory = real


def test_versions_that_were_logged_offline_take_the_numbers_of_the_server_by_their_content(
    tmp_path: Path, machine: Machine, far: LocalLedger
) -> None:
    other = Machine(tmp_path / "other", far)
    goal(machine.ledger)
    opened = session(machine.ledger)
    assert version(machine, b"common").version == "v1"
    for each in (machine, other):
        each.goes_offline()
    mine = version(machine, b"mine")
    user = experiment(machine.ledger, opened.id, uses=("model:v2",))
    request = RefRequest.make(artifact="model", ref="production", version=mine.version, expected="")
    machine.ledger.artifacts.move_ref(request)
    theirs = [version(other, content) for content in (b"theirs", b"common", b"more")]
    assert (mine.version, [one.version for one in theirs]) == ("v2", ["v1", "v2", "v3"])
    other.comes_back()
    other.ledger.send()
    machine.comes_back()
    machine.ledger.send()
    there = {one.tree: one.version for one in far.artifacts.versions("model").items}
    assert [there[one.tree] for one in (theirs[1], theirs[0], theirs[2], mine)] == ["v1", "v2", "v3", "v4"]
    assert far.artifacts.version("model", "production").tree == mine.tree
    assert far.research.experiment(user.id).uses == ("model:v4",)
    assert far.snapshots.write_tree(mine.tree, tmp_path / "out").digest == mine.tree
    for each in (machine, other):
        each.goes_offline()
        each.now += 60
        for one in each.ledger.local.artifacts.versions("model").items:
            assert there[one.tree] == one.version
    assert machine.ledger.artifacts.version("model", "production").version == "v4"
    other.ledger.outbox.close()
    other.ledger.local.close()


def test_bytes_travel_before_the_record_and_only_once(machine: Machine, far: LocalLedger) -> None:
    goal(machine.ledger)
    opened = session(machine.ledger)
    tree = stored_tree(machine.ledger, b"weights")
    machine.goes_offline()
    made = experiment(machine.ledger, opened.id, tree=tree)
    machine.comes_back()
    machine.line.calls.clear()
    machine.ledger.send()
    assert machine.line.calls == ["objects.missing", "objects.put_many", "research.record"]
    assert far.snapshots.tree(tree).files()[0].size == 7
    experiment(machine.ledger, opened.id, tree=tree)
    assert machine.line.calls.count("objects.put_many") == 1
    assert far.research.experiment(made.id).tree == tree


def test_what_is_not_here_is_fetched_once_and_then_known(
    machine: Machine, far: LocalLedger, tmp_path: Path
) -> None:
    tree = stored_tree(far, b"weights of another machine")
    assert machine.ledger.snapshots.write_tree(tree, tmp_path / "out").digest == tree
    machine.goes_offline()
    assert machine.ledger.snapshots.write_tree(tree, tmp_path / "again").digest == tree
    with pytest.raises(Unavailable):
        machine.ledger.snapshots.get("0" * 64)


def test_a_tree_of_many_files_comes_at_once_and_one_that_misses_a_file_is_not_written(
    machine: Machine, far: LocalLedger, tmp_path: Path
) -> None:
    blobs = {f"{n}.txt": b"file %d" % n for n in range(40)}
    digests = {name: far.snapshots.put(data) for name, data in blobs.items()}
    entries = [
        TreeEntry(path=name, mode="100644", size=len(blobs[name]), sha256=digest)
        for name, digest in digests.items()
    ]
    whole = far.snapshots.put(Tree(entries).manifest)
    machine.ledger.snapshots.write_tree(whole, tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == blobs
    nowhere = TreeEntry(path="lost.txt", mode="100644", size=1, sha256="0" * 64)
    torn = far.snapshots.put(Tree([*entries, nowhere]).manifest)
    with pytest.raises(NotFound, match="0000"):
        machine.ledger.snapshots.write_tree(torn, tmp_path / "torn")
    assert not (tmp_path / "torn").exists()


def test_the_collector_keeps_what_waits_to_be_sent(machine: Machine) -> None:
    goal(machine.ledger)
    opened = session(machine.ledger)
    machine.goes_offline()
    experiment(machine.ledger, opened.id, tree=stored_tree(machine.ledger, b"weights"))
    with pytest.raises(Conflict, match="1 changes wait"):
        machine.ledger.snapshots.collect(dry_run=False)


def test_a_look_at_what_only_the_server_knows_says_so_while_it_is_away(machine: Machine) -> None:
    machine.goes_offline()
    with pytest.raises(Unavailable):
        machine.ledger.runs.run(new_id())
    with pytest.raises(NotFound, match="There is no project") as caught:
        machine.ledger.research.project("elsewhere")
    assert "may know more" in caught.value.hint


def test_a_server_that_was_away_is_not_asked_again_at_once(machine: Machine) -> None:
    goal(machine.ledger)
    machine.goes_offline()
    machine.ledger.research.project(PROJECT)
    machine.line.up = True
    machine.line.calls.clear()
    machine.ledger.research.project(PROJECT)
    assert machine.line.calls == []
    machine.now += 60
    machine.ledger.research.project(PROJECT)
    assert machine.line.calls[0] == "research.project"


def test_a_change_that_the_disk_does_not_take_is_refused_and_nothing_of_it_stays(
    machine: Machine, far: LocalLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    goal(machine.ledger)
    opened = session(machine.ledger)
    with machine.ledger.outbox._open() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    machine.ledger.outbox._connection.execute(f"PRAGMA max_page_count = {pages}")  # type: ignore[union-attr]
    request = experiment_request(opened.id, change="x" * 100_000)
    with pytest.raises(StoreFull):
        machine.ledger.research.record(request)
    assert far.research.experiments(PROJECT).items == ()
    machine.ledger.outbox._connection.execute("PRAGMA max_page_count = 1000000")  # type: ignore[union-attr]
    assert machine.ledger.research.record(request).number == 1


def test_a_change_of_another_version_of_the_library_is_named(machine: Machine) -> None:
    machine.goes_offline()
    goal(machine.ledger)
    with sqlite3.connect(machine.home / "outbox.sqlite") as connection:
        connection.execute("UPDATE changes SET said = replace(said, 'GoalRequest', 'GoalOfTomorrow')")
    connection.close()
    machine.comes_back()
    machine.ledger.send()
    (left,) = machine.ledger.outbox.rejected()
    assert left.outcome is not None
    assert "another version of autoresearch" in left.outcome


def test_a_request_that_the_server_is_still_at_work_on_is_sent_again_and_not_given_up(
    machine: Machine, far: LocalLedger
) -> None:
    goal(machine.ledger)
    real, busy = far.research, [Busy("The first request with this Idempotency-Key is still at work.")]

    class AtWork:
        def __getattr__(self, call: str) -> object:
            if call == "open_segment" and busy:
                raise busy.pop()
            return getattr(real, call)

    far.research = AtWork()  # type: ignore[assignment]  # a server that was killed over it
    machine.ledger.research.open_segment(SegmentRequest.make(project=PROJECT, reason="another evaluator"))
    assert machine.ledger.outbox.waiting() == 1
    machine.now += 60
    machine.ledger.send()
    assert machine.ledger.outbox.rejected() == []
    assert real.project(PROJECT).segment == 2
