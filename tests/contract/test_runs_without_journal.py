"""Runs that are begun by a request: the same runs as those that a journal begins."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from autoresearch.errors import Conflict, NotFound
from autoresearch.ledger.base import Ledger
from autoresearch.records.ids import new_id
from autoresearch.records.run import Code, Definition, FinishRequest, Run, RunEdit, RunRequest
from tests.contract_helpers import experiment, session
from tests.run_batches import PROJECT, START, Writer

BEGUN = datetime.datetime.fromtimestamp(START, datetime.UTC)


def request(**values: Any) -> RunRequest:
    return RunRequest.make(**{"id": new_id(), "project": PROJECT, **values})


def finish(ledger: Ledger, run: str, state: str = "finished") -> Run:
    return ledger.runs.finish(FinishRequest.make(run_id=run, state=state))


def everything(ledger: Ledger) -> dict[str, Any]:
    return {
        "name": "warm start",
        "config": {"lr": 0.1, "net": {"depth": 2}, "bad": float("nan")},
        "tags": ["a", "b"],
        "note": "first",
        "group": "sweep",
        "job_type": "train",
        "environment": {"host": "box", "pid": 7},
    }


def test_a_requested_run_is_the_same_as_one_that_a_journal_began(ledger: Ledger) -> None:
    tried = experiment(ledger, session(ledger).id)
    digest = ledger.snapshots.put(b"diff --git a/x b/x\n")
    said = everything(ledger)
    diff = {"digest": digest, "size": 19}
    definition = {"name": "val/*", "summary": "min", "goal": "min"}
    writer = Writer(ledger).open(**said, parent=tried.id, experiment=tried.id, definitions=[definition])
    writer.say("code", commit="0" * 40, branch="main", diff=diff)
    made = ledger.runs.create(
        request(
            **said,
            parent_id=tried.id,
            experiment_id=tried.id,
            definitions=[Definition(name="val/*", summary="min", goal="min")],
            code=Code.model_validate({"commit": "0" * 40, "branch": "main", "diff": diff}),
            started_at=BEGUN,
        )
    )
    own = {"id", "number", "heartbeat_at"}
    assert made.model_dump(exclude=own) == writer.seen.model_dump(exclude=own)
    assert (made.number, made.state, made.started_at) == (2, "running", BEGUN)
    assert made.config["bad"] == {"$type": "float", "value": "nan"}
    kinds = [event.kind for event in ledger.memory.events().items if event.subject == made.id]
    assert kinds == ["run.started"]


def test_a_change_that_was_not_stored_is_known_by_its_digest(ledger: Ledger) -> None:
    made = ledger.runs.create(request(code=Code.model_validate({"diff": {"digest": "0" * 64, "size": 9}})))
    assert made.code is not None
    assert made.code.diff is not None
    assert made.code.diff.truncated
    assert "not stored" in made.notices[0]


def test_requesting_a_run_again_changes_nothing_and_another_of_its_id_is_refused(ledger: Ledger) -> None:
    asked = request(name="one", tags=["a"])
    made = ledger.runs.create(asked)
    ledger.runs.edit(RunEdit.make(run_id=made.id, name="renamed"))
    again = ledger.runs.create(asked)
    assert (again.name, again.number, again.tags) == ("renamed", 1, ("a",))
    other = asked.model_copy(update={"name": "two"})
    elsewhere = asked.model_copy(update={"project": "other", "resume": True})
    journal = request(id=Writer(ledger).open().run)
    for refused in (other, elsewhere, journal):
        with pytest.raises(Conflict):
            ledger.runs.create(refused)
    assert ledger.runs.run(made.id) == again


def test_a_run_lies_in_the_folder_that_was_asked_for(ledger: Ledger) -> None:
    folder = ledger.folders.make("sweeps/lr")
    assert ledger.runs.create(request(folder_id=folder.id)).folder == "sweeps/lr"
    session_id = session(ledger).id
    tried = experiment(ledger, session_id)
    for unknown in (
        request(folder_id=new_id()),
        request(experiment_id=new_id()),
        request(project="other", experiment_id=tried.id),
    ):
        with pytest.raises(NotFound):
            ledger.runs.create(unknown)
        with pytest.raises(NotFound):
            ledger.runs.run(unknown.id)


def test_an_ended_run_goes_on_when_it_is_resumed(ledger: Ledger) -> None:
    asked = request(config={"lr": 1, "wd": 2}, tags=["a"], resume=True)
    made = ledger.runs.create(asked)
    assert finish(ledger, made.id, "failed").state == "failed"
    assert ledger.runs.create(asked.model_copy(update={"resume": False})).state == "failed"
    resumed = ledger.runs.create(request(id=made.id, config={"lr": 3}, tags=["b"], resume=True))
    assert (resumed.state, resumed.ended_at, resumed.number) == ("running", None, 1)
    assert (resumed.config, resumed.tags, resumed.name) == ({"lr": 3, "wd": 2}, ("a", "b"), made.name)
    kinds = [event.kind for event in ledger.memory.events().items if event.subject == made.id]
    assert kinds == ["run.started", "run.failed", "run.resumed"]
    journal = Writer(ledger).open(config={"lr": 1})
    journal.finish()
    assert ledger.runs.create(request(id=journal.run, resume=True)).state == "running"


def test_what_is_logged_to_a_requested_run_is_stored_exactly(ledger: Ledger) -> None:
    made = ledger.runs.create(request())
    writer = Writer(ledger, made.id)
    writer.log({"loss": [3.0, 2.0]})
    assert ledger.runs.run(made.id).latest == {"loss": 2.0}
    finish(ledger, made.id)
    receipt = ledger.runs.receipt(made.id, verify=True)
    assert (receipt.intact, receipt.points_stored, receipt.writers) == (True, 2, 1)


def test_what_was_said_before_the_request_is_applied_after_it(ledger: Ledger) -> None:
    asked = request()
    Writer(ledger, asked.id).say("summary", values={"best": 3})
    assert ledger.runs.create(asked).summary == {"best": 3}


def test_a_process_that_opens_a_requested_run_speaks_for_it(ledger: Ledger) -> None:
    made = ledger.runs.create(request())
    writer = Writer(ledger, made.id).open()
    assert ledger.runs.run(made.id).state == "running"
    writer.finish()
    assert ledger.runs.run(made.id).state == "finished"
