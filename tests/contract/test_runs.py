"""The life of runs: how they begin, what they say, how they end, and what is done to them."""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoresearch.errors import Conflict, Invalid, NotFound
from autoresearch.ledger.base import Ledger
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.experiment import Actor
from autoresearch.records.ids import new_id
from autoresearch.records.run import FinishRequest, RunEdit, RunQuery
from autoresearch.series.batch import Batch, Message
from tests.contract_helpers import experiment, session
from tests.run_batches import PROJECT, START, Writer


def kinds(ledger: Ledger) -> list[str]:
    events = ledger.memory.events(project=PROJECT, limit=1000).items
    return [event.kind for event in events if event.kind.startswith("run.")]


def edit(ledger: Ledger, run: str, **values: Any) -> Any:
    return ledger.runs.edit(RunEdit.make(run_id=run, **values))


def finish(ledger: Ledger, run: str, state: str, **values: Any) -> Any:
    return ledger.runs.finish(FinishRequest.make(run_id=run, state=state, **values))


def test_a_run_is_what_it_said_of_itself(ledger: Ledger) -> None:
    writer = Writer(ledger).open(
        name="warm start",
        config={"lr": 0.1, "steps": 1, "on": True, "net": {"depth": 2}},
        tags=["a", "b"],
        note="first",
        group="sweep",
        job_type="train",
        environment={"host": "box", "pid": 7, "argv": ["train.py"]},
        actor={"kind": "agent", "name": "codex"},
        definitions=[{"name": "val/*", "summary": "min", "goal": "min"}],
    )
    run = writer.seen
    assert (run.id, run.project, run.number, run.name, run.state) == (
        writer.run,
        PROJECT,
        1,
        "warm start",
        "running",
    )
    assert run.config == {"lr": 0.1, "steps": 1, "on": True, "net": {"depth": 2}}
    assert [type(value) for value in run.config.values()] == [float, int, bool, dict]
    assert (run.tags, run.note, run.group, run.job_type) == (("a", "b"), "first", "sweep", "train")
    assert run.environment == {"host": "box", "pid": 7, "argv": ["train.py"]}
    assert run.actor == Actor(kind="agent", name="codex")
    assert run.started_at == datetime.datetime.fromtimestamp(START, datetime.UTC)
    assert run.ended_at is None
    assert run.definitions[0].name == "val/*"
    assert run.notices == ()
    assert run["tags"] == run.tags


def test_what_a_run_says_later_changes_it(ledger: Ledger) -> None:
    writer = Writer(ledger).open(config={"lr": 0.1, "old": 1}, tags=["a"])
    writer.say("config", values={"lr": 0.2, "nan": {"$float": "NaN"}}, remove=["old"])
    writer.say("summary", values={"best": 3})
    writer.say("tags", add=["b", "a"], remove=["a"])
    writer.say("note", text="why")
    writer.say("name", text="renamed")
    writer.say("group", text="g")
    run = writer.seen
    assert run.config == {"lr": 0.2, "nan": "NaN"}
    assert (run.summary, run.tags, run.note, run.name, run.group) == (
        {"best": 3},
        ("b",),
        "why",
        "renamed",
        "g",
    )
    writer.say("group", text=None)
    assert writer.seen.group is None


@pytest.mark.parametrize("state", ["finished", "failed", "killed", "crashed"])
def test_a_run_ends_as_its_process_says(ledger: Ledger, state: str) -> None:
    writer = Writer(ledger).open()
    writer.time = START + 90
    writer.finish(state, exit_code=3, error="Traceback: no")
    run = writer.seen
    assert (run.state, run.exit_code, run.error, run.seconds) == (state, 3, "Traceback: no", 90.0)
    assert kinds(ledger) == ["run.started", f"run.{state}"]


def test_a_run_of_several_processes_ends_with_the_last_and_as_the_worst(ledger: Ledger) -> None:
    first = Writer(ledger).open()
    second = Writer(ledger, first.run).open()
    third = Writer(ledger, first.run).open()
    first.finish()
    second.finish("failed", error="boom", exit_code=1)
    assert first.seen.state == "running"
    third.finish()
    run = first.seen
    assert (run.state, run.error, run.exit_code, run.number) == ("failed", "boom", 1, 1)
    assert kinds(ledger) == ["run.started", "run.failed"]


def test_an_ended_run_is_resumed_by_another_process(ledger: Ledger) -> None:
    first = Writer(ledger).open(name="one", config={"lr": 1})
    first.finish("failed", error="boom")
    second = Writer(ledger, first.run)
    second.time = START + 1000
    second.open(resume=True, config={"more": 2}, tags=["again"])
    run = first.seen
    assert (run.state, run.ended_at, run.error, run.name) == ("running", None, None, "one")
    assert (run.config, run.tags) == ({"lr": 1, "more": 2}, ("again",))
    second.finish()
    assert first.seen.state == "finished"
    assert kinds(ledger) == ["run.started", "run.failed", "run.resumed", "run.finished"]


def test_a_process_that_vanished_makes_the_run_crashed_when_it_died(ledger: Ledger) -> None:
    writer = Writer(ledger).open()
    writer.say("vanished", at=START + 60)
    run = writer.seen
    assert (run.state, run.seconds) == ("crashed", 60.0)
    assert "vanished" in str(run.error)
    assert kinds(ledger) == ["run.started", "run.crashed"]


def test_a_child_that_only_leaves_neither_ends_nor_holds_the_run(ledger: Ledger) -> None:
    writer = Writer(ledger).open()
    child = Writer(ledger, writer.run)
    child.log({"loss": [1.0]}, steps=[5])
    child.say("leave", records=2, points=1)
    assert writer.seen.state == "running"
    writer.finish()
    assert ledger.runs.receipt(writer.run).points_claimed == 1
    assert kinds(ledger) == ["run.started", "run.finished"]


def test_what_comes_before_the_opening_waits_for_it(ledger: Ledger) -> None:
    parent = Writer(ledger)
    child = Writer(ledger, parent.run)
    child.say("config", values={"a": 1, "b": 1})
    child.say("config", values={"b": 2})
    with pytest.raises(NotFound):
        ledger.runs.run(parent.run)
    other = Writer(ledger).open()
    assert other.seen.number == 1
    child.say("tags", add=["late"])
    parent.open(config={"c": 3})
    assert (parent.seen.config, parent.seen.tags) == ({"a": 1, "b": 2, "c": 3}, ("late",))
    assert parent.seen.number == 2


def test_a_run_whose_opening_was_lost_is_kept_with_a_notice(ledger: Ledger) -> None:
    writer = Writer(ledger)
    writer.sequence = 1
    ledger.runs.ingest(
        Batch(
            writer.run,
            writer.id,
            1,
            2,
            messages=[Message(2, START, {"op": "config", "values": {"lr": 1}})],
            lost_records=1,
            faults=["record 1 is damaged"],
        )
    )
    writer.sequence = 2
    writer.log({"loss": [1.0, 2.0]})
    writer.say("vanished", at=START + 5)
    run = writer.seen
    assert (run.state, run.config, run.latest) == ("crashed", {"lr": 1}, {"loss": 2.0})
    assert any("lost" in notice for notice in run.notices)
    assert not ledger.runs.receipt(run.id).intact


BAD: list[Any] = [
    {"op": "no such thing"},
    {},
    [],
    "text",
    None,
    {"op": ["config"]},
    {"op": "config", "values": 3},
    {"op": "config", "values": {"x": "a\0b"}},
    {"op": "config", "values": {"x": "\ud800"}},
    {"op": "config", "values": {}, "remove": [1]},
    {"op": "summary"},
    {"op": "tags", "add": "abc"},
    {"op": "tags", "add": [3, "a/b", None, {}], "remove": [{}]},
    {"op": "note", "text": None},
    {"op": "note", "text": "\0"},
    {"op": "name", "text": "two\nlines"},
    {"op": "name", "text": "x" * 10_000},
    {"op": "group", "text": 3},
    {"op": "define"},
    {"op": "define", "name": "loss", "summary": "median"},
    {"op": "code", "diff": {"digest": "nope"}, "commit": 5},
    {"op": "code", "diff": {"digest": "a" * 64, "size": 3}},
    {"op": "experiment", "id": "12"},
    {"op": "experiment", "id": "01900000-0000-7000-8000-000000000000"},
    {"op": "media", "key": "x", "kind": "image", "step": 2**70, "size": -1, "meta": 3},
    {"op": "media", "key": "", "kind": "image"},
    {"op": "media", "key": "plot", "kind": "image", "digest": "b" * 64},
    {"op": "alert", "title": "", "level": "panic"},
    {"op": "open", "project": "other/../thing", "started": "yesterday", "actor": "me", "definitions": 3},
    {"op": "open", "definitions": [1, {"name": ""}], "tags": 5, "environment": [1], "started": 1e300},
    {"op": "leave", "points": -5},
    {"op": "finish", "state": "exploded", "exit_code": 2**80, "error": 5, "points": "many"},
]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: str(bad)[:60])
def test_a_bad_message_becomes_a_notice_and_stops_no_other(ledger: Ledger, bad: Any) -> None:
    writer = Writer(ledger).open(config={"lr": 1})
    writer.tell(bad, {"op": "config", "values": {"after": True}}, {"op": "tags", "add": ["kept"]})
    run = writer.seen
    assert run.config["after"] is True
    assert "kept" in run.tags
    assert run.config["lr"] == 1
    harmless = bad in ([], None, "text", {"op": "summary"}) or (
        isinstance(bad, dict) and bad.get("op") == "open"
    )
    assert run.notices or harmless


def test_an_opening_of_bad_values_still_opens_the_run(ledger: Ledger) -> None:
    writer = Writer(ledger)
    writer.say("open", project="a/b:c", name=5, config="none", tags=["ok", 3], experiment="x", started=None)
    run = writer.seen
    assert (run.project, run.name, run.config, run.tags) == ("a-b-c", "run-1", {}, ("ok",))
    assert len(run.notices) >= 4
    assert [found.id for found in ledger.runs.runs(RunQuery.make(project="a-b-c")).items] == [run.id]


@settings(max_examples=40)
@given(
    body=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=12,
    ),
    op=st.sampled_from(
        ["open", "config", "summary", "tags", "define", "code", "media", "alert", "finish", "vanished"]
    ),
    field=st.sampled_from(
        ["values", "add", "name", "config", "text", "digest", "meta", "at", "state", "started"]
    ),
)
def test_no_message_whatever_it_holds_hides_the_run(
    tmp_path_factory: pytest.TempPathFactory, body: Any, op: str, field: str
) -> None:
    with LocalLedger.open(tmp_path_factory.mktemp("store")) as ledger:
        writer = Writer(ledger).open(config={"lr": 1})
        writer.tell({"op": op, field: body}, {"op": "tags", "add": ["kept"]})
        assert writer.seen.tags == ("kept",)
        listed = ledger.runs.runs(RunQuery.make(project=PROJECT, where=("config.lr >= 0", "tags = kept")))
        assert len(listed.items) == 1
        assert listed.model_dump_json()


def test_config_beyond_all_bounds_is_left_out_with_a_notice(ledger: Ledger) -> None:
    writer = Writer(ledger).open()
    for part in range(6):
        writer.say("config", values={f"part {part}": "x" * 900_000})
    run = writer.seen
    assert 1 <= len(run.config) < 6
    assert any("4 MiB" in notice for notice in run.notices)


def test_metrics_show_their_latest_value_and_what_the_summary_keeps(ledger: Ledger) -> None:
    writer = Writer(ledger).open(definitions=[{"name": "val/*", "summary": "best", "goal": "max"}])
    writer.say("define", name="loss", summary="min")
    writer.say("define", name="size", summary="mean")
    writer.say("define", name="quiet", summary="none")
    writer.say("summary", values={"val/b": 42})
    values = {"loss": [3.0, 1.0, 2.0], "val/a": [0.1, 0.9, 0.5], "val/b": [1.0, 2.0, 3.0]}
    writer.log(
        {**values, "size": [1.0, 2.0, 6.0], "quiet": [1.0, 1.0, float("nan")], "system/cpu": [1.0] * 3}
    )
    writer.log({"loss": [7.0]}, steps=[3], labels=(("split", "train"),))
    run = writer.seen
    assert run.latest == {
        "loss": 2.0,
        "val/a": 0.5,
        "val/b": 3.0,
        "size": 6.0,
        "quiet": None,
        "loss{split=train}": 7.0,
    }
    wanted = {"loss": 1.0, "loss{split=train}": 7.0, "val/a": 0.9, "val/b": 42}
    assert run.summary == wanted
    assert ledger.runs.compact(run.id) == 19
    assert writer.seen.summary == {**wanted, "size": 3.0}


def test_a_run_is_linked_to_its_experiment(ledger: Ledger) -> None:
    made = experiment(ledger, session(ledger).id)
    writer = Writer(ledger).open(experiment=made.id)
    assert (writer.seen.experiment_id, writer.seen.experiment_number) == (made.id, 1)
    other = Writer(ledger).open()
    found = ledger.runs.runs(RunQuery.make(project=PROJECT, experiment_id=made.id)).items
    assert [run.id for run in found] == [writer.run]
    assert edit(ledger, other.run, experiment_id=made.id).experiment_number == 1
    with pytest.raises(NotFound):
        edit(ledger, other.run, experiment_id=new_id())
    foreign = Writer(ledger).open(project="elsewhere", experiment=made.id)
    assert foreign.seen.experiment_id is None
    assert any("no experiment" in notice for notice in foreign.seen.notices)
    with pytest.raises(NotFound, match="not of project"):
        edit(ledger, foreign.run, experiment_id=made.id)


def test_people_change_what_is_said_of_a_run(ledger: Ledger) -> None:
    writer = Writer(ledger).open(config={"lr": 1}, tags=["a"], name="old")
    run = edit(
        ledger,
        writer.run,
        name="new",
        note="why",
        group="g",
        job_type="eval",
        add_tags=["b"],
        remove_tags=["a"],
        config={"seed": 2},
    )
    assert (run.name, run.note, run.group, run.job_type) == ("new", "why", "g", "eval")
    assert (run.tags, run.config) == (("b",), {"lr": 1, "seed": 2})
    assert edit(ledger, writer.run, name="new") == run
    changes = [event for event in ledger.memory.events(project=PROJECT).items if event.kind == "run.edited"]
    assert [change.actor.name for change in changes] == ["ada"]
    assert changes[0].before is not None
    assert changes[0].before["name"] == "old"
    with pytest.raises(NotFound):
        edit(ledger, new_id(), name="x")
    with pytest.raises(Invalid):
        edit(ledger, writer.run, name="two\nlines")


def test_a_run_is_ended_from_outside_once(ledger: Ledger) -> None:
    writer = Writer(ledger).open()
    run = finish(ledger, writer.run, "killed", exit_code=137, error="preempted")
    assert (run.state, run.exit_code, run.error) == ("killed", 137, "preempted")
    assert run.ended_at is not None
    assert finish(ledger, writer.run, "killed") == run
    with pytest.raises(Conflict, match="killed"):
        finish(ledger, writer.run, "finished")
    writer.finish()
    assert writer.seen.state == "killed"
    with pytest.raises(NotFound):
        finish(ledger, new_id(), "finished")


@pytest.mark.store
def test_an_ended_run_is_removed_with_all_it_logged(ledger: Ledger) -> None:
    writer = Writer(ledger).open()
    writer.log({"loss": [1.0, 2.0]})
    writer.write("stdout", "hello")
    writer.say("media", key="plot", kind="image", digest=None)
    with pytest.raises(Conflict, match="still running"):
        ledger.runs.remove(writer.run)
    writer.finish()
    ledger.runs.remove(writer.run)
    for ask in (
        ledger.runs.run,
        ledger.runs.catalog,
        ledger.runs.history,
        ledger.runs.lines,
        ledger.runs.media,
    ):
        with pytest.raises(NotFound):
            ask(writer.run)
    with pytest.raises(NotFound):
        ledger.runs.remove(writer.run)
    assert ledger.runs.position(writer.id) == 0
    assert Writer(ledger).open().seen.number == 2
    assert list(ledger.snapshots.verify()) == []


def test_alerts_are_events_of_the_project(ledger: Ledger) -> None:
    writer = Writer(ledger).open(actor={"kind": "agent", "name": "codex"})
    writer.say("alert", title="loss is NaN", text="at step 3", level="error")
    alert = ledger.memory.events(project=PROJECT).items[-1]
    assert (alert.kind, alert.subject, alert.actor.name) == ("run.alert", writer.run, "codex")
    assert alert.after == {"title": "loss is NaN", "text": "at step 3", "level": "error"}


def test_a_run_is_found_by_number_name_word_and_part_of_its_id(ledger: Ledger) -> None:
    runs = [Writer(ledger).open(name=name) for name in ("alpha", "beta", "beta")]
    find = ledger.runs.find
    assert find(PROJECT, "1").id == find(PROJECT, "#1").id == find(PROJECT, "alpha").id == runs[0].run
    assert find(PROJECT, "last").id == runs[2].run
    assert find(PROJECT, runs[1].run).id == find(PROJECT, runs[1].run[-12:]).id == runs[1].run
    with pytest.raises(Conflict, match="2 runs"):
        find(PROJECT, "beta")
    for text in ("9", "gamma", "", "%", "zzzz"):
        with pytest.raises(NotFound):
            find(PROJECT, text)
    with pytest.raises(NotFound, match="no project"):
        find("nowhere", "1")


@pytest.mark.store
def test_the_patch_and_the_media_of_a_run_are_kept_while_it_is_there(ledger: Ledger) -> None:
    patch, image = ledger.snapshots.put(b"patch"), ledger.snapshots.put(b"image")
    writer = Writer(ledger).open()
    diff = {"digest": patch, "size": 5, "truncated": False}
    writer.say("code", commit="c" * 40, parent_commit=None, branch="main", diff=diff, notices=["said"])
    writer.say(
        "media", key="plot", step=3, kind="image", media_type="image/png", digest=image, size=5, meta={"w": 1}
    )
    run = writer.seen
    assert run.code is not None
    assert (run.code.commit, run.code.branch) == ("c" * 40, "main")
    assert run.code.diff is not None
    assert (run.code.diff.digest, run.notices) == (patch, ("said",))
    (logged,) = ledger.runs.media(run.id).items
    assert (logged.key, logged.step, logged.digest, logged.meta) == ("plot", 3, image, {"w": 1})
    receipt = ledger.runs.receipt(run.id)
    assert (receipt.commit, receipt.diff_sha) == ("c" * 40, patch)
    assert list(ledger.snapshots.verify()) == []


@pytest.mark.store
def test_the_collector_spares_what_a_run_names_until_the_run_is_removed(
    ledger: Ledger, tmp_path: Path
) -> None:
    patch, image, waiting = (ledger.snapshots.put(data) for data in (b"patch", b"image", b"waiting"))
    for blob in (tmp_path / "store" / "objects").rglob("*"):
        if blob.is_file():
            os.utime(blob, (1, 1))
    writer = Writer(ledger).open()
    writer.say("code", commit=None, diff={"digest": patch, "size": 5, "truncated": False})
    writer.say("media", key="plot", kind="image", digest=image, size=5)
    assert writer.seen.code is not None
    # Received, and not yet looked at by anybody.
    writer.say("media", key="plot", kind="image", digest=waiting, size=7)
    assert ledger.snapshots.collect(dry_run=False) == (0, 0)
    writer.finish()
    assert [logged.digest for logged in ledger.runs.media(writer.run).items] == [image, waiting]
    (tmp_path / "store" / "objects" / image[:2] / image[2:]).unlink()
    assert any(image in said and "missing" in said for said in ledger.snapshots.verify())
    ledger.runs.remove(writer.run)
    assert list(ledger.snapshots.verify()) == []
    assert ledger.snapshots.collect(dry_run=False) == (2, 12)
