"""What the embedded store holds, brought to a server: whole, bit for bit, and once."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autoresearch.errors import Unavailable
from autoresearch.ledger.base import Ledger, every
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.ledger.synced.outbox import Outbox
from autoresearch.ledger.synced.uploading import Line as Way
from autoresearch.ledger.synced.uploading import Records
from autoresearch.ledger.synced.uploading_runs import send_run
from autoresearch.records.artifact import RefRequest, VersionRequest
from autoresearch.records.experiment import NoteRequest
from autoresearch.records.folder import AnnotationRequest
from autoresearch.records.goal import SegmentRequest
from autoresearch.records.ids import new_id
from autoresearch.records.run import RunEdit
from tests.campaign_requests import begun, claim, judge, note, recorded, update
from tests.contract_helpers import PROJECT, decide, experiment, goal, kept, session, stored_tree
from tests.logged_runs import BEGAN, Logging
from tests.sync.away import ADA, Line


@pytest.fixture
def near(tmp_path: Path) -> Iterator[LocalLedger]:
    with LocalLedger.open(tmp_path / "near", actor=ADA) as ledger:
        yield ledger


@pytest.fixture
def far(tmp_path: Path) -> Iterator[LocalLedger]:
    with LocalLedger.open(tmp_path / "far", actor=ADA) as ledger:
        # Something of others is there already, so that numbers differ.
        tree = stored_tree(ledger, b"of others")
        ledger.artifacts.log(_version_request(tree))
        yield ledger


@pytest.fixture
def way(tmp_path: Path, near: LocalLedger, far: LocalLedger) -> Iterator[Way]:
    remote: Any = Line(far)
    made = Way(str(tmp_path / "near"), near, remote, Outbox(tmp_path / "near" / "outbox.sqlite"))
    yield made
    made.outbox.close()


def _version_request(tree: str, **more: Any) -> VersionRequest:
    given = {"artifact": "model", "type": "model", "tree": tree, "size": 9, "files": 1, **more}
    return VersionRequest.make(id=new_id(), project=PROJECT, **given)


def a_project(ledger: LocalLedger) -> None:
    goal(ledger)
    first = session(ledger, "first")
    kept(ledger, first.id, [3.0, 2.0])
    dropped = experiment(ledger, first.id, note="to no avail", diff=None, tree=stored_tree(ledger, b"code"))
    decide(ledger, dropped.id, "drop", 2.5, reason="worse", log_tail="step 9", samples=(2.4, 2.6))
    ledger.research.move_session(first.id, "close")
    version = ledger.artifacts.log(_version_request(stored_tree(ledger, b"mine"), produced_by=dropped.id))
    ledger.artifacts.move_ref(RefRequest.make(artifact="model", ref="production", version=version.version))
    ledger.research.open_segment(SegmentRequest.make(project=PROJECT, reason="another evaluator"))
    second = session(ledger, "second")
    last = experiment(ledger, second.id, uses=("model:v1",))
    decide(ledger, last.id, "keep", 1.0)
    decide(ledger, last.id, "drop", 1.0, reason="seen twice")
    ledger.memory.add_note(
        NoteRequest.make(id=new_id(), project=PROJECT, text="look here", experiment_id=last.id)
    )
    goal(ledger, target=0.5)


def a_campaign(ledger: LocalLedger) -> None:
    """One that was paused, resumed and ended, with trials of every kind."""
    made = begun(ledger, agent="codex", settings={"workers": 2})
    judge(ledger, claim(ledger, made, baseline=True), "kept", seconds=60)
    first, second, third = (claim(ledger, made, idea=f"idea {n}") for n in range(3))
    note(ledger, "smaller, please")
    ledger.campaigns.deliver(made.id, first.id)
    prompt = ledger.snapshots.put(b"Propose one change.")
    update(ledger, first, "proposing", prompt=prompt, model="gpt-x", input_tokens=900, cost=0.25)
    recorded(ledger, made, first)
    again = recorded(ledger, made, first)
    judge(ledger, first, "dropped", reason="worse", samples=[3.0, 3.1], seconds=30, parent_id=again.id)
    ledger.campaigns.move(made.id, "pause", reason="lunch")
    judge(ledger, second, "agent_failed", reason="out of time")
    ledger.campaigns.move(made.id, "resume")
    update(ledger, third, "proposing")
    ledger.campaigns.move(made.id, "stop")
    ledger.campaigns.move(made.id, "end", stop="failures", reason="too many")


def seen_of_campaigns(ledger: Ledger) -> list[Any]:
    """All that is known of them, but for when it was told."""
    campaigns, told = ledger.campaigns, {"recorded_at", "ended_at", "updated_at"}
    return [
        (
            one.model_dump(exclude=told),
            [trial.model_dump(exclude=told) for trial in campaigns.trials(one.id).items],
        )
        for one in campaigns.campaigns(PROJECT).items
    ]


def test_a_campaign_arrives_with_its_trials_and_a_second_time_nothing_happens(
    way: Way, near: LocalLedger, far: LocalLedger
) -> None:
    a_campaign(near)
    records = Records(way, PROJECT)
    for event in records.pending():
        records.send(event)
        records.send(event)  # as after a kill, before it was remembered
    assert records.left == []
    assert seen_of_campaigns(far) == seen_of_campaigns(near)
    (first,) = (
        trial
        for trial in near.campaigns.trials(near.campaigns.find(PROJECT, "last").id).items
        if trial.number == 1
    )
    assert far.snapshots.get(first.prompt or "") == b"Propose one change."
    for one in near.research.experiments(PROJECT).items:
        here, there = near.campaigns.trial_of(one.id), far.campaigns.trial_of(one.id)
        assert here is not None
        assert there is not None
        assert here.id == there.id
    (remark,) = far.memory.notes(PROJECT).items
    assert [(each.campaign_number, each.trial_number) for each in remark.delivered] == [(1, 1)]
    assert upload(way) == []


def upload(way: Way) -> list[str]:
    records = Records(way, PROJECT)
    for event in records.pending():
        records.send(event)
    return records.left


def seen(ledger: Ledger) -> dict[str, Any]:
    """Everything that a person sees of a project, but for numbers of artifact versions and times."""
    research = ledger.research
    experiments = list(every(lambda cursor: research.experiments(PROJECT, cursor=cursor)))
    trees = {f"model:{one.version}": one.tree for one in ledger.artifacts.versions("model").items}
    project = research.project(PROJECT)
    plain = {"recorded_at", "uses"}
    return {
        "goal": project.goal and project.goal.model_dump(exclude={"recorded_at"}),
        "active": project.active_session,
        "sessions": [one.model_dump(exclude=plain) for one in research.sessions(PROJECT).items],
        "experiments": [one.model_dump(exclude=plain) for one in experiments],
        "uses": [[trees[name] for name in one.uses] for one in experiments],
        "decisions": [
            [each.model_dump(exclude=plain) for each in research.decisions(one.id)] for one in experiments
        ],
        "frontiers": [
            [step.model_dump() for step in research.frontier(PROJECT, segment=segment).steps]
            for segment in range(1, project.segment + 1)
        ],
        "notes": [one.model_dump(exclude=plain) for one in ledger.memory.notes(PROJECT).items],
        "refs": {
            ref: trees[f"model:{version}"]
            for one in ledger.artifacts.artifacts().items
            for ref, version in one.refs.items()
            if ref != "latest"
        },
    }


def test_a_project_arrives_as_it_is_and_a_second_time_nothing_happens(
    way: Way, near: LocalLedger, far: LocalLedger
) -> None:
    a_project(near)
    assert upload(way) == []
    assert seen(far) == seen(near)
    before = len(list(every(lambda cursor: far.memory.events(cursor=cursor))))
    assert upload(way) == []
    assert len(list(every(lambda cursor: far.memory.events(cursor=cursor)))) == before
    made = experiment(near, session(near, "third").id)
    assert upload(way) == []
    assert far.research.experiment(made.id).number == made.number


def test_an_upload_that_is_cut_off_anywhere_goes_on_where_it_was(
    way: Way, near: LocalLedger, far: LocalLedger
) -> None:
    a_project(near)
    line: Any = way.remote
    events = Records(way, PROJECT).pending()
    for event in events:
        repeats = event.kind == "segment.opened"  # which a key of its request tells from a new one
        line.loses = 0 if repeats else 1
        with pytest.raises(Unavailable) if line.loses else _nothing():
            Records(way, PROJECT).send(event)
        line.loses = 0
        if not repeats:
            Records(way, PROJECT).send(event)
    assert seen(far) == seen(near)


class _nothing:  # noqa: N801  reads as a verb
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def a_run(ledger: LocalLedger, steps: int = 25_000) -> Logging:
    image = ledger.snapshots.put(b"\x89PNG image")
    odd = struct.unpack("<d", b"\x01\x00\x00\x00\x00\x00\xf8\x7f")[0]
    logging = Logging(ledger.runs, PROJECT, config={"lr": 0.1, "big": {"$type": "int", "value": str(2**70)}})
    logging.log(
        range(steps), loss=[1 / (step + 1) for step in range(steps)], val=[step / 3 for step in range(steps)]
    )
    logging.log([0, 1, 2], {"split": "train"}, loss=[math.nan, math.inf, -0.0])
    logging.log([5, 3], other=[odd, 0.1])
    logging.log([5], other=[odd])
    logging.print("hello", "wörld", "\x1b[31mred")
    logging.print("of rank 0", labels=(("rank", "0"),))
    logging.print("of rank 1", labels=(("rank", "1"),))
    logging.say(
        op="media", key="sample", step=7, kind="image", media_type="image/png", digest=image, size=10, meta={}
    )
    logging.say(op="define", name="loss", summary="min", goal="min")
    logging.say(op="summary", values={"best": 0.5})
    return logging.finish("failed", exit_code=3, error="Traceback: boom")


def curves(ledger: Ledger, run_id: str) -> dict[str, tuple[bytes, bytes, bytes]]:
    found: dict[str, list[Any]] = {}
    cursor = None
    while True:
        page = ledger.runs.history(run_id, cursor=cursor)
        for curve in page.curves:
            found.setdefault(curve.title, []).append(curve)
        cursor = page.next_cursor
        if cursor is None:
            break
    columns = ("steps", "times", "values")
    return {
        title: tuple(np.concatenate([getattr(one, name) for one in parts]).tobytes() for name in columns)  # type: ignore[misc]
        for title, parts in found.items()
    }


def test_a_run_arrives_bit_for_bit_with_everything_that_was_said(
    way: Way, near: LocalLedger, far: LocalLedger
) -> None:
    run_id = a_run(near).id
    near.runs.add_annotation(AnnotationRequest.make(id=new_id(), run_id=run_id, text="diverged here"))
    near.runs.edit(RunEdit.make(run_id=run_id, folder_id=near.folders.make("sweeps/lr").id))
    here = near.runs.run(run_id)
    sent = send_run(way, here)
    assert (sent.points, sent.lines, sent.media, sent.fault) == (50_005, 5, 1, "")
    there = far.runs.run(run_id)
    other = {"folder_id"}
    assert there.model_dump(exclude=other) == here.model_dump(exclude=other)
    assert curves(far, run_id) == curves(near, run_id)
    assert far.runs.lines(run_id).items == near.runs.lines(run_id).items
    assert far.runs.media(run_id).items == near.runs.media(run_id).items
    assert far.snapshots.get(far.runs.media(run_id).items[0].digest or "") == b"\x89PNG image"
    assert [one.text for one in far.runs.annotations(run_id).items] == ["diverged here"]
    receipt = far.runs.receipt(run_id, verify=True)
    assert (receipt.intact, receipt.points_claimed) == (True, 50_005)
    assert receipt.points_stored == near.runs.receipt(run_id).points_stored


def test_a_run_that_is_there_is_not_sent_again_also_from_another_machine(
    way: Way, near: LocalLedger, far: LocalLedger, tmp_path: Path
) -> None:
    run_id = a_run(near, 10).id
    send_run(way, near.runs.run(run_id))
    before = far.runs.receipt(run_id)
    line: Any = way.remote
    line.calls.clear()
    assert send_run(way, near.runs.run(run_id)).fault == ""
    assert "runs.ingest" not in line.calls
    elsewhere = way._replace(outbox=Outbox(tmp_path / "other.sqlite"))
    assert send_run(elsewhere, near.runs.run(run_id)).fault == ""
    elsewhere.outbox.close()
    assert "runs.ingest" not in line.calls
    assert far.runs.receipt(run_id) == before


def test_an_upload_of_a_run_that_is_cut_off_anywhere_goes_on(
    way: Way, near: LocalLedger, far: LocalLedger
) -> None:
    run_id = a_run(near, 30_000).id
    line: Any = way.remote
    for _ in range(12):
        line.loses = 0
        real, left = line.far.runs.ingest, [1]

        def ingest(batch: Any, real: Any = real, left: list[int] = left) -> int:
            answer: int = real(batch)
            if not left[0]:
                raise Unavailable("The connection was reset.")
            left[0] -= 1
            return answer

        line.far.runs.ingest = ingest
        try:
            send_run(way, near.runs.run(run_id))
        except Unavailable:
            continue
        finally:
            line.far.runs.ingest = real
    assert send_run(way, near.runs.run(run_id)).fault == ""
    assert curves(far, run_id) == curves(near, run_id)
    assert far.runs.lines(run_id).items == near.runs.lines(run_id).items
    receipt = far.runs.receipt(run_id, verify=True)
    assert receipt.intact
    assert receipt.points_stored == near.runs.receipt(run_id).points_stored
    assert receipt.duplicates_collapsed == 0


def test_a_run_that_grew_since_sends_what_is_new(way: Way, near: LocalLedger, far: LocalLedger) -> None:
    run_id = a_run(near, 10).id
    send_run(way, near.runs.run(run_id))
    later = {"resume": True, "started": BEGAN + 1e6}
    Logging(near.runs, PROJECT, run_id=run_id, **later).log([10, 11], loss=[0.5, 0.25]).print("more").finish()
    sent = send_run(way, near.runs.run(run_id))
    assert (sent.lines, sent.media, sent.fault) == (1, 0, "")
    assert curves(far, run_id) == curves(near, run_id)
    assert "more" in [one.text for one in far.runs.lines(run_id).items]
    assert far.runs.lines(run_id).items == near.runs.lines(run_id).items
    assert far.runs.run(run_id).state == near.runs.run(run_id).state == "finished"


def test_a_run_that_goes_on_is_left_for_later(way: Way, near: LocalLedger) -> None:
    run_id = Logging(near.runs, PROJECT).log([1], loss=[1.0]).send().id
    assert send_run(way, near.runs.run(run_id)).fault == "it is still running"
