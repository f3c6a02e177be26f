"""A campaign on a machine whose server comes and goes: what happened is told as it happened, and nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from autoresearch.errors import Busy, Conflict
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.experiment import Actor
from tests.campaign_requests import begin, begun, claim, judge, note, recorded, update
from tests.contract_helpers import PROJECT, experiment, goal, session
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


def test_a_campaign_goes_on_offline_and_arrives_as_it_was(machine: Machine, far: LocalLedger) -> None:
    ledger = machine.ledger
    made = begun(ledger)
    judge(ledger, claim(ledger, made, baseline=True), "kept", seconds=60)
    going = claim(ledger, made, idea="wider")
    machine.goes_offline()
    prompt = ledger.snapshots.put(b"Propose one change.")
    update(ledger, going, "proposing", prompt=prompt, model="gpt-x", cost=0.5)
    one = recorded(ledger, made, going)
    judge(ledger, going, "dropped", seconds=30, samples=[3.0])
    second = claim(ledger, made, idea="deeper")
    assert (second.number, ledger.campaigns.campaign(made.id).trials) == (2, 2)
    machine.comes_back()
    ledger.send()
    assert ledger.outbox.rejected() == []
    there = far.campaigns.campaign(made.id)
    assert (there.trials, there.outcomes, there.cost, there.seconds) == (2, {"dropped": 1}, 0.5, 90.0)
    found = far.campaigns.trial_of(one.id)
    assert found is not None
    assert (found.id, found.model, found.prompt, found.samples) == (going.id, "gpt-x", prompt, (3.0,))
    assert far.snapshots.get(prompt) == b"Propose one change."
    assert far.campaigns.trial(second.id).number == 2


def test_what_happened_while_others_paused_it_is_taken_down_all_the_same(
    machine: Machine, far: LocalLedger
) -> None:
    ledger = machine.ledger
    goal(ledger, budget={"max_experiments": 2})
    made = begin(ledger, session(ledger).id)
    ledger.campaigns.hold(made.id, "here:1", 600)
    machine.goes_offline()
    far.campaigns.move(made.id, "pause", reason="the GPU is needed")
    trial = claim(ledger, made, holder="here:1")
    recorded(ledger, made, trial, holder="here:1")
    judge(ledger, trial, "crashed", holder="here:1", cost=0.25)
    far.campaigns.release(made.id, "here:1")
    far.campaigns.hold(made.id, "elsewhere:9", 600)
    machine.comes_back()
    ledger.send()
    assert ledger.outbox.rejected() == []
    there = far.campaigns.campaign(made.id)
    assert (there.state, there.outcomes, there.cost) == ("paused", {"crashed": 1}, 0.25)
    assert far.campaigns.trial(trial.id).started_at <= far.campaigns.trial(trial.id).updated_at
    assert ledger.campaigns.campaign(made.id).state == "paused"
    machine.goes_offline()
    with pytest.raises(Conflict):
        claim(ledger, made)


def test_a_lease_is_of_whoever_answers_and_is_never_sent_later(machine: Machine, far: LocalLedger) -> None:
    ledger = machine.ledger
    made = begun(ledger)
    assert ledger.campaigns.hold(made.id, "here:1", 600).holder == "here:1"
    machine.goes_offline()
    other = machine.open()
    with pytest.raises(Busy):
        other.campaigns.hold(made.id, "here:2", 600)
    assert ledger.campaigns.hold(made.id, "here:1", 600).holder == "here:1"
    assert ledger.outbox.waiting() == 0
    machine.comes_back()
    far.campaigns.release(made.id, "here:1")
    far.campaigns.hold(made.id, "elsewhere:9", 600)
    with pytest.raises(Busy, match="elsewhere:9"):
        ledger.campaigns.hold(made.id, "here:1", 600)
    assert ledger.trouble is None, "it is no sign that the server is away"
    assert ledger.campaigns.release(made.id, "here:1").holder == "elsewhere:9"
    machine.goes_offline()
    assert ledger.campaigns.release(made.id, "here:1").holder is None
    other.outbox.close()
    other.local.close()


def test_remarks_reach_one_trial_also_where_two_machines_left_them(
    machine: Machine, far: LocalLedger
) -> None:
    ledger = machine.ledger
    made = begun(ledger)
    first, second = claim(ledger, made), claim(ledger, made)
    machine.goes_offline()
    here = note(ledger, "said here")
    there = note(far, "said there").id
    assert [each.id for each in ledger.campaigns.deliver(made.id, first.id)] == [here.id]
    machine.comes_back()
    assert [each.id for each in ledger.campaigns.deliver(made.id, second.id)] == [there]
    assert [each.id for each in far.campaigns.deliver(made.id, first.id)] == [here.id]
    assert {
        each.text: [one.trial_number for one in each.delivered] for each in far.memory.notes(PROJECT).items
    } == {"said here": [1], "said there": [2]}
    assert ledger.outbox.rejected() == []


def test_what_was_delivered_by_the_server_is_not_delivered_again_offline(
    machine: Machine, far: LocalLedger
) -> None:
    ledger = machine.ledger
    made = begun(ledger)
    first, second = claim(ledger, made), claim(ledger, made)
    remark = note(ledger, "once")
    assert [each.id for each in ledger.campaigns.deliver(made.id, first.id)] == [remark.id]
    machine.goes_offline()
    assert ledger.campaigns.deliver(made.id, second.id) == ()
    assert [each.id for each in ledger.campaigns.deliver(made.id, first.id)] == [remark.id]


def test_a_machine_goes_on_alone_with_what_others_began_before_it(machine: Machine, far: LocalLedger) -> None:
    goal(far)
    opened = session(far).id
    theirs = experiment(far, opened)
    made = begin(machine.ledger, opened)
    going = claim(machine.ledger, made, parent_id=theirs.id)
    machine.goes_offline()
    update(machine.ledger, going, "proposing", cost=0.5)
    judge(machine.ledger, going, "no_change")
    assert claim(machine.ledger, made).number == 2
    machine.comes_back()
    machine.ledger.send()
    assert machine.ledger.outbox.rejected() == []
    assert far.campaigns.trial(going.id).parent_id == theirs.id
    assert (far.campaigns.campaign(made.id).trials, far.campaigns.campaign(made.id).cost) == (2, 0.5)


def test_an_answer_that_was_lost_changes_nothing_twice(machine: Machine, far: LocalLedger) -> None:
    ledger = machine.ledger
    made = begun(ledger)
    machine.line.loses = 1
    trial = claim(ledger, made)
    machine.comes_back()
    machine.line.loses = 1
    update(ledger, trial, "proposing", cost=0.5)
    machine.comes_back()
    ledger.send()
    there = far.campaigns.campaign(made.id)
    assert (there.trials, there.cost) == (1, 0.5)
    assert ledger.outbox.rejected() == []


def test_numbers_follow_the_server(machine: Machine, far: LocalLedger) -> None:
    ledger = machine.ledger
    goal(ledger)
    opened = session(ledger)
    machine.goes_offline()
    mine = begin(ledger, opened.id)
    theirs = begin(far, opened.id)
    assert (mine.number, theirs.number) == (1, 1)
    machine.comes_back()
    assert ledger.campaigns.campaign(mine.id).number == 2
    machine.goes_offline()
    assert ledger.campaigns.find(PROJECT, "2").id == mine.id


def test_a_campaign_that_others_ended_and_resumed_is_followed(machine: Machine, far: LocalLedger) -> None:
    ledger = machine.ledger
    made = begun(ledger)
    states = []
    for move in ("pause", "stop", "end", "resume", "end", "resume", "stop", "resume", "pause"):
        far.campaigns.move(made.id, move)
        machine.comes_back()
        ledger.campaigns.campaign(made.id)
        here = ledger.local.campaigns.campaign(made.id)
        states.append((here.state, here.stop))
    assert states == [
        ("paused", None),
        ("stopping", None),
        ("ended", "stopped"),
        ("running", None),
        ("ended", "stopped"),
        ("running", None),
        ("stopping", None),
        ("running", None),
        ("paused", None),
    ]


def test_what_an_agent_remarks_is_not_given_to_agents(tmp_path: Path, far: LocalLedger) -> None:
    made = begun(far)
    agent = LocalLedger(far.database, far.store, actor=Actor(kind="agent", name="codex"), trusted=True)
    note(agent, "I like this")
    note(far, "try the other")
    given = far.campaigns.deliver(made.id, claim(far, made).id)
    assert [each.text for each in given] == ["try the other"]
