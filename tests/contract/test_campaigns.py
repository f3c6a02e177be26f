"""Campaigns and their trials: what a loop relies on when it is killed between any two of its calls."""

from __future__ import annotations

import datetime

import pytest

from autoresearch.errors import Busy, Conflict, Invalid, NotFound
from autoresearch.ledger.base import Ledger, every
from autoresearch.records.campaign import CampaignMove
from autoresearch.records.ids import new_id
from tests.campaign_requests import (
    begin,
    begun,
    campaign_request,
    claim,
    judge,
    note,
    recorded,
    trial_request,
    update,
)
from tests.contract_helpers import PROJECT, experiment, goal, session


def reason(error: pytest.ExceptionInfo[Conflict]) -> str:
    return str(error.value.details.get("reason"))


def test_a_campaign_begins_running_and_is_found_again(ledger: Ledger) -> None:
    first = begun(ledger, agent="codex", settings={"workers": 2, "max_hours": 8.0})
    second = begin(ledger, first.session_id)
    assert (first.number, first.state, first.stop, first.holder, first.ended_at) == (
        1,
        "running",
        None,
        None,
        None,
    )
    assert (first.trials, first.outcomes, first.cost, first.failures_in_row) == (0, {}, 0.0, 0)
    assert first.settings == {"workers": 2, "max_hours": 8.0}
    assert first.actor.name == "ada"
    assert ledger.campaigns.campaign(first.id) == first
    assert ledger.campaigns.find(PROJECT, "1") == ledger.campaigns.find(PROJECT, first.id[:23]) == first
    assert ledger.campaigns.find(PROJECT, "last") == ledger.campaigns.find(PROJECT, "#2") == second
    pages = every(lambda cursor: ledger.campaigns.campaigns(PROJECT, limit=1, cursor=cursor))
    assert list(pages) == [first, second]
    assert ledger.campaigns.campaigns(PROJECT, newest_first=True).items == (second, first)


def test_beginning_a_campaign_twice_with_one_id_begins_one(ledger: Ledger) -> None:
    goal(ledger)
    request = campaign_request(session(ledger).id)
    assert ledger.campaigns.begin(request) == ledger.campaigns.begin(request)
    with pytest.raises(Conflict):
        ledger.campaigns.begin(request.model_copy(update={"agent": "another"}))
    assert len(ledger.campaigns.campaigns(PROJECT).items) == 1


def test_a_campaign_needs_a_goal_and_an_open_session_of_its_project(ledger: Ledger) -> None:
    opened = session(ledger)
    with pytest.raises(Conflict, match="goal"):
        begin(ledger, opened.id)
    goal(ledger)
    with pytest.raises(NotFound):
        begin(ledger, new_id())
    with pytest.raises(NotFound):
        begin(ledger, opened.id, project="elsewhere")
    ledger.research.move_session(opened.id, "close")
    with pytest.raises(Conflict):
        begin(ledger, opened.id)


def test_a_campaign_moves_as_it_is_told(ledger: Ledger) -> None:
    made = begun(ledger)
    move = ledger.campaigns.move
    assert move(made.id, "pause", reason="lunch").reason == "lunch"
    assert move(made.id, "pause").reason == "lunch", "a move to where it is changes nothing"
    assert move(made.id, "resume").state == "running"
    assert move(made.id, "stop").state == "stopping"
    with pytest.raises(Conflict):
        move(made.id, "pause")
    ended = move(made.id, "end", stop="target", reason="3.10 reached")
    assert (ended.state, ended.stop, ended.reason) == ("ended", "target", "3.10 reached")
    assert ended.ended_at is not None
    assert move(made.id, "end", stop="target") == ended
    with pytest.raises(Conflict):
        move(made.id, "end", stop="failures")
    with pytest.raises(Conflict):
        move(made.id, "stop")
    again = move(made.id, "resume")
    assert (again.state, again.stop, again.reason, again.ended_at) == ("running", None, "", None)
    with pytest.raises(Invalid):
        move(made.id, "pause", stop="target")
    with pytest.raises(NotFound):
        move(new_id(), "pause")


def test_one_process_at_a_time_holds_a_campaign(ledger: Ledger) -> None:
    made = begun(ledger)
    held = ledger.campaigns.hold(made.id, "host-a:100", 600)
    assert held.holder == "host-a:100"
    longer = ledger.campaigns.hold(made.id, "host-a:100", 1200)
    assert held.held_until is not None
    assert longer.held_until is not None
    assert longer.held_until > held.held_until
    with pytest.raises(Busy) as busy:
        ledger.campaigns.hold(made.id, "host-b:7", 600)
    assert busy.value.details["holder"] == "host-a:100"
    assert 0 < busy.value.details["retry_after"] <= 1200
    assert ledger.campaigns.release(made.id, "host-b:7").holder == "host-a:100", "it has nothing to let go of"
    assert ledger.campaigns.release(made.id, "host-a:100").holder is None
    assert ledger.campaigns.hold(made.id, "host-b:7", 1).holder == "host-b:7"
    with pytest.raises(Invalid):
        ledger.campaigns.hold(made.id, "host-b:7", 0)


def test_trials_are_counted_from_one_and_the_baseline_is_zero(ledger: Ledger) -> None:
    made = begun(ledger)
    baseline = claim(ledger, made, baseline=True)
    with pytest.raises(Conflict) as error:
        claim(ledger, made, baseline=True)
    assert reason(error) == "baseline"
    first, second = claim(ledger, made, worker="w1"), claim(ledger, made, worker="w2", idea="a smaller model")
    assert [each.number for each in (baseline, first, second)] == [0, 1, 2]
    assert (second.step, second.worker, second.idea, second.agent) == (
        "claimed",
        "w2",
        "a smaller model",
        "offline",
    )
    assert ledger.campaigns.trial(second.id) == second
    assert ledger.campaigns.campaign(made.id).trials == 2
    pages = every(lambda cursor: ledger.campaigns.trials(made.id, limit=2, cursor=cursor))
    assert list(pages) == [baseline, first, second]
    judge(ledger, first, "agent_failed")
    still = ledger.campaigns.trials(made.id, open_only=True, newest_first=True).items
    assert still == (second, baseline)


def test_a_baseline_that_failed_is_measured_again(ledger: Ledger) -> None:
    made = begun(ledger)
    judge(ledger, claim(ledger, made, baseline=True), "crashed")
    again = claim(ledger, made, baseline=True)
    judge(ledger, again, "kept")
    with pytest.raises(Conflict):
        claim(ledger, made, baseline=True)
    assert (again.number, ledger.campaigns.campaign(made.id).trials) == (0, 0)


def test_claiming_twice_with_one_id_claims_one(ledger: Ledger) -> None:
    made = begun(ledger)
    request = trial_request(made, idea="wider")
    assert ledger.campaigns.claim(request) == ledger.campaigns.claim(request)
    ledger.campaigns.move(made.id, "pause")
    assert ledger.campaigns.claim(request).number == 1, "what was claimed is claimed, whatever came after"
    with pytest.raises(Conflict):
        ledger.campaigns.claim(request.model_copy(update={"worker": "another"}))
    assert ledger.campaigns.campaign(made.id).trials == 1


def test_two_open_trials_do_not_try_the_same(ledger: Ledger) -> None:
    made = begun(ledger)
    first = claim(ledger, made, idea="LR 0.04 -> 0.06")
    with pytest.raises(Conflict) as error:
        claim(ledger, made, worker="w2", idea="lr  0.04 -> 0.06")
    assert reason(error) == "idea"
    other = claim(ledger, made, worker="w2")
    with pytest.raises(Conflict):
        update(ledger, other, "proposing", idea="LR 0.04 -> 0.06")
    update(ledger, first, "proposing", idea="LR 0.04 -> 0.06")
    judge(ledger, first, "dropped")
    assert update(ledger, other, "proposing", idea="LR 0.04 -> 0.06").idea == "LR 0.04 -> 0.06"


@pytest.mark.parametrize("move", ["pause", "stop", "end"])
def test_no_trial_is_begun_in_a_campaign_that_does_not_run(ledger: Ledger, move: CampaignMove) -> None:
    made = begun(ledger)
    going = claim(ledger, made)
    ledger.campaigns.move(made.id, move)
    with pytest.raises(Conflict) as error:
        claim(ledger, made)
    assert reason(error) == "state"
    assert judge(ledger, going, "dropped").outcome == "dropped", "what is open goes on"


def test_a_process_that_lost_its_lease_does_nothing_more(ledger: Ledger) -> None:
    made = begun(ledger)
    ledger.campaigns.hold(made.id, "old", 600)
    trial = claim(ledger, made, holder="old")
    ledger.campaigns.release(made.id, "old")
    ledger.campaigns.hold(made.id, "new", 600)
    with pytest.raises(Conflict) as error:
        claim(ledger, made, holder="old")
    assert reason(error) == "lease"
    with pytest.raises(Conflict):
        judge(ledger, trial, "kept", holder="old")
    assert judge(ledger, trial, "abandoned", holder="new").outcome == "abandoned"


def test_the_goals_budget_counts_what_is_about_to_be_recorded(ledger: Ledger) -> None:
    goal(ledger, budget={"max_experiments": 3})
    made = begin(ledger, session(ledger).id)
    first, second = claim(ledger, made), claim(ledger, made)
    recorded(ledger, made, first)
    third = claim(ledger, made)
    with pytest.raises(Conflict) as error:
        claim(ledger, made)
    assert reason(error) == "budget"
    judge(ledger, second, "no_change")
    assert claim(ledger, made).number == 4, "a trial that recorded nothing gives its place back"
    judge(ledger, third, "dropped")


def test_a_trial_goes_forward_and_what_is_judged_stays(ledger: Ledger) -> None:
    made = begun(ledger)
    trial = claim(ledger, made)
    prompt = ledger.snapshots.put(b"Propose one change.")
    said = update(
        ledger,
        trial,
        "proposing",
        model="gpt-x",
        conversation="thread-1",
        prompt=prompt,
        prompt_version="proposal-1",
        input_tokens=900,
        output_tokens=80,
        cost=0.02,
        agent_seconds=12.5,
    )
    assert (said.step, said.model, said.prompt, said.cost) == ("proposing", "gpt-x", prompt, 0.02)
    one = recorded(ledger, made, trial)
    done = judge(ledger, trial, "kept", reason="better by 0.1", seconds=60, samples=[3.1, 3.2])
    assert (done.experiment_id, done.outcome, done.samples, done.seconds) == (
        one.id,
        "kept",
        (3.1, 3.2),
        60.0,
    )
    assert done.model == "gpt-x", "what an update leaves out stays"
    with pytest.raises(Conflict):
        judge(ledger, trial, "dropped")
    with pytest.raises(Conflict):
        update(ledger, trial, "measuring")
    assert ledger.campaigns.trial(trial.id) == done


def test_an_update_is_applied_once(ledger: Ledger) -> None:
    made = begun(ledger)
    trial, made_id = claim(ledger, made), new_id()
    first = update(ledger, trial, "proposing", id=made_id, cost=0.5)
    judge(ledger, trial, "no_change")
    assert update(ledger, trial, "proposing", id=made_id, cost=0.5).outcome == "no_change"
    assert first.cost == ledger.campaigns.campaign(made.id).cost == 0.5
    with pytest.raises(Conflict):
        update(ledger, trial, "proposing", id=made_id, cost=0.6)


def test_an_update_is_refused_where_step_and_values_do_not_fit(ledger: Ledger) -> None:
    trial = claim(ledger, begun(ledger))
    with pytest.raises(Invalid):
        update(ledger, trial, "judged")
    with pytest.raises(Invalid):
        update(ledger, trial, "measuring", outcome="kept")
    with pytest.raises(Invalid):
        update(ledger, trial, "recorded")
    with pytest.raises(NotFound):
        update(ledger, trial, "recorded", experiment_id=new_id())
    with pytest.raises(NotFound):
        update(ledger, trial, "proposing", prompt="0" * 64)
    with pytest.raises(NotFound):
        update(ledger, trial.model_copy(update={"id": new_id()}), "proposing")
    update(ledger, trial, "measuring")
    with pytest.raises(Conflict):
        update(ledger, trial, "proposing")


def test_a_campaign_sums_its_trials(ledger: Ledger) -> None:
    made = begun(ledger)
    baseline = claim(ledger, made, baseline=True)
    judge(ledger, baseline, "kept", seconds=100)
    first, second = claim(ledger, made), claim(ledger, made)
    update(ledger, first, "proposing", input_tokens=100, output_tokens=10, cost=0.25)
    update(ledger, first, "proposing", input_tokens=300, output_tokens=20, cost=0.5)
    judge(ledger, first, "crashed", seconds=5)
    judge(ledger, second, "timed_out", seconds=60, input_tokens=50)
    now = ledger.campaigns.campaign(made.id)
    assert (now.input_tokens, now.output_tokens, now.cost, now.seconds) == (350, 20, 0.5, 165.0)
    assert (now.outcomes, now.failures_in_row) == ({"crashed": 1, "timed_out": 1}, 2)
    judge(ledger, claim(ledger, made), "abandoned")
    assert ledger.campaigns.campaign(made.id).failures_in_row == 2
    judge(ledger, claim(ledger, made), "dropped")
    assert ledger.campaigns.campaign(made.id).failures_in_row == 0


def test_an_experiment_knows_its_trial(ledger: Ledger) -> None:
    made = begun(ledger)
    trial, other = claim(ledger, made), claim(ledger, made)
    first = recorded(ledger, made, trial)
    again = recorded(ledger, made, trial)
    assert ledger.campaigns.trial_of(first.id) == ledger.campaigns.trial_of(again.id)
    now = ledger.campaigns.trial_of(again.id)
    assert now is not None
    assert (now.id, now.experiment_id) == (trial.id, again.id)
    with pytest.raises(Conflict):
        update(ledger, other, "recorded", experiment_id=first.id)
    assert ledger.campaigns.trial_of(experiment(ledger, made.session_id).id) is None
    with pytest.raises(NotFound):
        ledger.campaigns.trial_of(new_id())


def test_a_remark_is_delivered_once_with_a_receipt(ledger: Ledger) -> None:
    goal(ledger)
    note(ledger, "before the campaign")
    made = begin(ledger, session(ledger).id)
    first, second = claim(ledger, made), claim(ledger, made)
    assert ledger.campaigns.deliver(made.id, first.id) == ()
    one, two = note(ledger, "try a smaller model"), note(ledger, "and look at #1")
    assert ledger.campaigns.deliver(made.id, first.id) == (), "the same trial is always given the same"
    given = ledger.campaigns.deliver(made.id, second.id)
    assert [each.id for each in given] == [one.id, two.id]
    assert [(each.campaign_number, each.trial_number) for each in given[0].delivered] == [(1, 2)]
    assert ledger.campaigns.deliver(made.id, second.id) == given
    third = claim(ledger, made)
    assert ledger.campaigns.deliver(made.id, third.id) == ()
    assert [len(each.delivered) for each in ledger.memory.notes(PROJECT).items] == [0, 1, 1]
    other = begin(ledger, made.session_id)
    with pytest.raises(NotFound):
        ledger.campaigns.deliver(other.id, third.id)


def test_many_remarks_are_delivered_in_portions(ledger: Ledger) -> None:
    made = begun(ledger)
    written = [note(ledger, f"remark {n}").id for n in range(51)]
    given = [ledger.campaigns.deliver(made.id, claim(ledger, made).id) for _ in range(3)]
    assert [len(each) for each in given] == [50, 1, 0]
    assert [each.id for part in given for each in part] == written


def test_what_happens_to_a_campaign_is_in_the_events(ledger: Ledger) -> None:
    made = begun(ledger)
    trial = claim(ledger, made)
    judge(ledger, trial, "no_change")
    for move in ("pause", "resume", "stop", "end"):
        ledger.campaigns.move(made.id, move)
    events = list(every(lambda cursor: ledger.memory.events(project=PROJECT, cursor=cursor)))
    kinds = [event.kind for event in events if event.subject in {made.id, trial.id}]
    assert kinds == [
        "campaign.began",
        "trial.claimed",
        "trial.updated",
        "campaign.paused",
        "campaign.resumed",
        "campaign.stopping",
        "campaign.ended",
    ]


@pytest.mark.parametrize(
    "text", ["a\x1b[31mb\u202ed", "'; DROP TABLE trials; --", "{{7*7}} ${HOME}", "\ufeff\u0301"]
)
def test_hostile_text_comes_back_as_it_was(ledger: Ledger, text: str) -> None:
    made = begun(ledger, settings={text: [text]})
    trial = claim(ledger, made)
    said = judge(ledger, trial, "refused", reason=text)
    assert (said.reason, ledger.campaigns.campaign(made.id).settings) == (text, {text: [text]})
    assert ledger.campaigns.move(made.id, "pause", reason=text).reason == text
    with pytest.raises(NotFound):
        ledger.campaigns.find(PROJECT, text)


@pytest.mark.parametrize("text", ["nul\0", "two\nlines", "\ud800", " padded ", "esc\x1b[31m", "x" * 1001])
def test_what_no_line_may_hold_is_refused_and_nothing_is_begun(ledger: Ledger, text: str) -> None:
    made = begun(ledger)
    with pytest.raises(Invalid):
        claim(ledger, made, worker=text)
    with pytest.raises(Invalid):
        claim(ledger, made, idea=text)
    with pytest.raises(Invalid):
        ledger.campaigns.hold(made.id, text, 60)
    with pytest.raises(Invalid):
        begin(ledger, made.session_id, agent=text)
    assert ledger.campaigns.campaign(made.id) == made


@pytest.mark.parametrize("outcome", ["agent_failed", "abandoned"])
def test_remarks_of_a_trial_whose_agent_did_not_answer_go_to_the_next(ledger: Ledger, outcome: str) -> None:
    made = begun(ledger)
    first, second = claim(ledger, made), claim(ledger, made)
    remark = note(ledger, "try a smaller model")
    assert [each.id for each in ledger.campaigns.deliver(made.id, first.id)] == [remark.id]
    judge(ledger, first, outcome)
    given = ledger.campaigns.deliver(made.id, second.id)
    assert [[one.trial_number for one in each.delivered] for each in given] == [[2]]
    assert ledger.campaigns.deliver(made.id, first.id) == ()


def test_remarks_of_a_trial_that_was_recorded_are_not_given_again(ledger: Ledger) -> None:
    made = begun(ledger)
    first, second = claim(ledger, made), claim(ledger, made)
    note(ledger, "try a smaller model")
    assert len(ledger.campaigns.deliver(made.id, first.id)) == 1
    recorded(ledger, made, first)
    judge(ledger, first, "abandoned")
    assert ledger.campaigns.deliver(made.id, second.id) == ()


def test_a_judged_trial_is_given_nothing(ledger: Ledger) -> None:
    made = begun(ledger)
    trial = claim(ledger, made)
    judge(ledger, trial, "no_change")
    note(ledger, "too late")
    with pytest.raises(Conflict):
        ledger.campaigns.deliver(made.id, trial.id)


def test_remarks_that_were_given_elsewhere_are_taken_down(ledger: Ledger) -> None:
    made = begun(ledger)
    first, second = claim(ledger, made), claim(ledger, made)
    one, two = note(ledger, "said here"), note(ledger, "said there")
    judge(ledger, first, "dropped")
    told = ledger.campaigns.deliver(made.id, first.id, notes=[two.id])
    assert [each.id for each in told] == [two.id]
    assert [each.id for each in ledger.campaigns.deliver(made.id, second.id, notes=[one.id, two.id])] == [
        one.id
    ]
    with pytest.raises(NotFound):
        ledger.campaigns.deliver(made.id, second.id, notes=[new_id()])


def test_a_trial_that_has_happened_is_taken_down_whatever_stands_against_it(ledger: Ledger) -> None:
    goal(ledger, budget={"max_experiments": 1})
    made = begin(ledger, session(ledger).id)
    open_one = claim(ledger, made, idea="wider")
    ledger.campaigns.hold(made.id, "new", 600)
    ledger.campaigns.move(made.id, "pause")
    began = made.recorded_at - datetime.timedelta(hours=1)
    told = claim(ledger, made, idea="wider", holder="old", started_at=began)
    assert (told.number, told.started_at, told.step) == (2, began, "claimed")
    assert ledger.campaigns.trials(made.id).items == (open_one, told)
    request = trial_request(made, id=told.id, idea="wider")
    assert ledger.campaigns.claim(request) == told, "it is the same trial, whenever it is told"
