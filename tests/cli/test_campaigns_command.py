"""``campaigns``: what is going on by itself is looked at and steered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import autoresearch as ar
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.campaign import Campaign
from autoresearch.records.experiment import NoteRequest
from autoresearch.records.ids import new_id
from tests.campaign_requests import begin, claim, judge, update

Cli = Any
HOSTILE = "a\x1b[31mb\u202ed"


def _begun(ledger: LocalLedger) -> Campaign:
    session = ledger.research.sessions("tiny").items[0]
    return begin(ledger, session.id, project="tiny", agent="codex")


@pytest.fixture
def going(campaign: Path, home: Path) -> Path:
    """The campaign's repository, in which an agent is at work."""
    with LocalLedger.open(home / ".autoresearch") as ledger:
        made = _begun(ledger)
        judge(ledger, claim(ledger, made, baseline=True), "kept", seconds=90)
        first, second = claim(ledger, made), claim(ledger, made, idea="half the rate", worker="w2")
        ledger.memory.add_note(NoteRequest.make(id=new_id(), project="tiny", text="smaller, please"))
        ledger.campaigns.deliver(made.id, first.id)
        ledger.memory.add_note(NoteRequest.make(id=new_id(), project="tiny", text="not the tokenizer"))
        kept = ledger.research.find("tiny", "2")
        spent: dict[str, Any] = {"model": "gpt-x", "input_tokens": 1200, "output_tokens": 80, "cost": 0.256}
        update(ledger, first, "recorded", experiment_id=kept.id, **spent)
        judge(ledger, first, "dropped", reason="0.1 worse")
        update(ledger, second, "proposing")
    return campaign


def test_a_project_without_campaigns_says_so(campaign: Path, cli: Cli) -> None:
    assert cli("campaigns").lines == ["no campaign"]
    assert cli("campaigns", "show", "--json").error["code"] == "not_found"


def test_campaigns_are_listed_the_newest_first(going: Path, home: Path, cli: Cli) -> None:
    with LocalLedger.open(home / ".autoresearch") as ledger:
        _begun(ledger)
    listed = cli("campaigns", "--json").json["campaigns"]
    assert [(one["number"], one["trials"]) for one in listed] == [(2, 0), (1, 2)]
    assert len(cli("campaigns", "ls", "--limit", "1", "-q").lines) == 1
    head, _, first = cli("campaigns").lines[:3]
    assert head.split()[:3] == ["#", "state", "agent"]
    assert "codex" in first
    assert "$0.26" in first


def test_a_campaign_is_shown_with_open_trials_and_what_became_of_remarks(going: Path, cli: Cli) -> None:
    said = cli("campaigns", "show").out
    assert "running, driven by nobody" in said
    assert "1 dropped" in said
    assert "1,200 in, 80 out" in said
    assert "half the rate" in said
    lines = [line.split() for line in said.splitlines()]
    assert [line[-2:] for line in lines if "smaller," in line] == [["trial", "1"]]
    assert [line[-2:] for line in lines if "tokenizer" in line] == [["nobody", "yet"]]
    document = cli("campaigns", "show", "1", "--json").json
    assert [trial["number"] for trial in document["open_trials"]] == [2]
    assert [len(note["delivered"]) for note in document["remarks"]] == [1, 0]


def test_trials_are_listed_with_what_they_cost(going: Path, cli: Cli) -> None:
    found = cli("campaigns", "trials", "--json").json["trials"]
    assert [(one["number"], one["outcome"]) for one in found] == [(0, "kept"), (1, "dropped"), (2, None)]
    said = cli("campaigns", "trials", "1").lines
    assert "the code as it is" in said[1]
    assert "gpt-x" in said[2]
    assert "proposing" in said[3]
    assert len(cli("campaigns", "trials", "--open", "-q").lines) == 1
    assert cli("campaigns", "trials", "--limit", "1", "--json").json["trials"][0]["number"] == 2


def test_an_experiment_says_which_trial_it_comes_from(going: Path, cli: Cli) -> None:
    said = cli("show", "2").out
    assert "1, trial 1" in said
    assert "codex (gpt-x)" in said
    assert cli("show", "2", "--json").json["trial"]["cost"] == 0.256
    assert cli("show", "1", "--json").json["trial"] is None
    assert "campaign" not in cli("show", "1").out


def test_a_campaign_is_paused_resumed_and_stopped(going: Path, cli: Cli) -> None:
    assert cli("campaigns", "pause", "--reason", "lunch").lines[1] == "state      paused"
    assert "lunch" in cli("campaigns", "show").out
    assert cli("campaigns", "resume").code == 0
    assert cli("campaigns", "stop", "1").lines[1] == "state      ended: stopped"
    assert cli("campaigns", "pause", "--json").error["code"] == "conflict"
    assert cli("campaigns", "resume", "--json").json["campaign"]["state"] == "running"


def test_a_campaign_that_somebody_drives_ends_when_that_process_says_so(
    going: Path, home: Path, cli: Cli
) -> None:
    with LocalLedger.open(home / ".autoresearch") as ledger:
        made = ledger.campaigns.find("tiny", "last")
        ledger.campaigns.hold(made.id, "host-a:7", 600)
        assert cli("campaigns", "stop").lines[1:3] == ["state      stopping", "driven by  host-a:7"]
        ledger.campaigns.release(made.id, "host-a:7")


def test_hostile_text_reaches_no_terminal(campaign: Path, home: Path, cli: Cli) -> None:
    with LocalLedger.open(home / ".autoresearch") as ledger:
        made = _begun(ledger)
        trial = claim(ledger, made, idea="a\u202ed")
        update(ledger, trial, "proposing", reason=HOSTILE)
        ledger.memory.add_note(NoteRequest.make(id=new_id(), project="tiny", text=HOSTILE))
        ledger.campaigns.move(made.id, "pause", reason=f"{HOSTILE}\n{HOSTILE}")
    for words in (["show"], ["trials"], ["ls"]):
        for terminal in (False, True):
            said = cli("campaigns", *words, terminal=terminal)
            assert said.code == 0
            assert "\x1b[31m" not in said.out
            assert "\u202e" not in said.out


def test_campaigns_are_steered_from_python(going: Path) -> None:
    with ar.Workspace.open() as workspace:
        campaigns = workspace.campaigns
        assert [one.number for one in campaigns.list()] == [1]
        assert campaigns.pause(1).state == "paused"
        assert campaigns.resume("#1").state == "running"
        assert [trial.number for trial in campaigns.trials(limit=2)] == [1, 2]
        found = campaigns.trial_of(workspace.find("2").id)
        assert found is not None
        assert (found.agent, found.model, found.input_tokens) == ("codex", "gpt-x", 1200)
        assert campaigns.stop().state == "ended"
