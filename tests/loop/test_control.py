"""What reaches a campaign from outside while it runs, and who may drive it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from autoresearch.drivers.base import Assignment, Proposal
from autoresearch.errors import Busy
from autoresearch.loop import events, lease
from autoresearch.loop.budget import Limits
from autoresearch.loop.campaign import run_campaign, unfinished
from autoresearch.loop.plan import Plan
from autoresearch.records.campaign import Trial
from autoresearch.track.workspace import Workspace
from tests.loop.landscapes import COMMAND, make_repository


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    make_repository(tmp_path / "user", 9)
    with Workspace.open(tmp_path / "user", project="p", home=tmp_path / "store") as opened:
        opened.goal("loss", protected=["score.sh"])
        yield opened


def plan(trials: int, *, workers: int = 1, prompt_tokens: int = 0) -> Plan:
    return Plan(
        command=COMMAND,
        tag="t",
        limits=Limits(experiments=trials),
        workers=workers,
        prompt_tokens=prompt_tokens,
        baseline_runs=1,
    )


class Counting:
    """Makes the n-th file worse, and remembers what it was asked."""

    name = "counting"

    def __init__(self) -> None:
        self.asked: list[Assignment] = []
        self.prompts: list[str] = []

    def propose(self, assignment: Assignment) -> Proposal | None:
        self.asked.append(assignment)
        self.prompts.append(assignment.prompt)
        return Proposal(
            f"file {assignment.trial}", {f"p/{assignment.trial:03}": "1\n"}, transcript=self.said(assignment)
        )

    def said(self, assignment: Assignment) -> Path:
        path = assignment.scratch / "said.txt"
        path.write_text(f"thought of trial {assignment.trial}\n")
        return path


def trials_of(workspace: Workspace) -> tuple[Trial, ...]:
    return workspace.campaigns.trials()


def test_a_paused_campaign_begins_nothing_until_it_is_resumed(workspace: Workspace) -> None:
    seen: list[str] = []
    paused = threading.Event()

    def listener(event: events.Event) -> None:
        if isinstance(event, events.Judged) and event.trial == 1:
            workspace.campaigns.pause(reason="the machine is needed")
        if isinstance(event, events.Moved):
            seen.append(f"{event.state} {event.reason}".strip())
            if event.state == "paused":
                assert [trial.number for trial in trials_of(workspace)] == [0, 1]
                paused.set()
                workspace.campaigns.resume()

    result = run_campaign(workspace, Counting(), plan(2), listener)
    assert paused.is_set()
    # Whoever is quick may be done before the next look at the ledger.
    assert seen in (["paused the machine is needed"], ["paused the machine is needed", "running"])
    assert (result.stop, result.outcomes) == ("experiments", {"dropped": 2})


def test_a_campaign_that_is_stopped_ends_what_runs_and_says_who_said_so(
    workspace: Workspace, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "never")
    command = ("/bin/sh", "-c", f"[ $(cat p/001) = 0 ] || read -r line < {tmp_path}/never; sh score.sh")

    def listener(event: events.Event) -> None:
        if isinstance(event, events.Running) and event.number == 2:
            workspace.campaigns.stop(reason="enough")

    held = Plan(command=command, tag="t", limits=Limits(experiments=5), prompt_tokens=0, baseline_runs=1)
    result = run_campaign(workspace, Counting(), held, listener)
    assert (result.stop, result.reason, result.outcomes) == ("stopped", "enough", {"abandoned": 1})
    assert workspace.find("2").state == "recorded"


def test_a_note_of_a_person_is_in_one_prompt_and_says_so(workspace: Workspace) -> None:
    agent = Counting()

    def listener(event: events.Event) -> None:
        if isinstance(event, events.Judged) and event.trial == 1:
            workspace.note("try something smaller")

    run_campaign(workspace, agent, plan(3, prompt_tokens=6000), listener)
    asked = ["From the people whose research this is" in prompt for prompt in agent.prompts]
    assert asked == [False, True, False]
    assert "try something smaller" in agent.prompts[1]
    (note,) = workspace.ledger.memory.notes(workspace.name).items
    assert [(one.campaign_number, one.trial_number) for one in note.delivered] == [(1, 2)]


def test_what_led_to_each_experiment_is_kept_with_it(workspace: Workspace) -> None:
    agent = Counting()
    run_campaign(workspace, agent, plan(1, prompt_tokens=6000))
    trial = trials_of(workspace)[1]
    get = workspace.ledger.snapshots.get
    assert trial.prompt is not None
    assert trial.context is not None
    assert trial.transcript is not None
    assert get(trial.prompt).decode() == agent.prompts[0]
    assert get(trial.context).decode() in agent.prompts[0]
    assert get(trial.transcript) == b"thought of trial 1\n"
    assert trial.prompt_version is not None
    assert trial.agent_seconds is not None


def test_a_campaign_that_another_process_drives_is_left_alone(workspace: Workspace) -> None:
    first = run_campaign(workspace, Counting(), plan(1))
    campaign = workspace.campaigns.resume(first.campaign)
    workspace.ledger.campaigns.hold(campaign.id, lease.holder_name(), 60)
    with pytest.raises(Busy, match="is driven by"):
        run_campaign(workspace, Counting(), plan(2), campaign=campaign)


def test_a_campaign_whose_process_is_gone_is_taken_over_without_waiting(workspace: Workspace) -> None:
    first = run_campaign(workspace, Counting(), plan(1))
    campaign = workspace.campaigns.resume(first.campaign)
    machine, pid, began, token = lease.holder_name().split(" ")
    gone = f"{machine} {pid} {int(began) - 1} {token}"
    workspace.ledger.campaigns.hold(campaign.id, gone, 3600)
    assert unfinished(workspace, "t") is not None
    result = run_campaign(workspace, Counting(), plan(2))
    assert (result.campaign, result.outcomes) == (1, {"dropped": 2})


def test_who_loses_the_lease_writes_nothing_more(workspace: Workspace) -> None:
    def listener(event: events.Event) -> None:
        if isinstance(event, events.Running) and event.number == 2:
            campaign = workspace.campaigns.find()
            assert campaign.holder is not None
            workspace.ledger.campaigns.release(campaign.id, campaign.holder)
            workspace.ledger.campaigns.hold(campaign.id, "somebody else", 60)

    with pytest.raises(KeyboardInterrupt, match="driven by somebody else"):
        run_campaign(workspace, Counting(), plan(5), listener)
    trial = trials_of(workspace)[-1]
    assert (trial.number, trial.step) == (1, "measuring")
    campaign = workspace.campaigns.find()
    assert (campaign.state, campaign.holder) == ("running", "somebody else")


def test_a_file_of_results_is_kept_written_where_one_is_wanted(workspace: Workspace) -> None:
    wanted = Plan(
        command=COMMAND,
        tag="t",
        limits=Limits(experiments=2),
        prompt_tokens=0,
        baseline_runs=1,
        results="results.tsv",
    )
    run_campaign(workspace, Counting(), wanted)
    lines = (workspace.path / "results.tsv").read_text().splitlines()
    assert [line.split("\t")[-1] for line in lines[1:]] == ["baseline: the code as it is", "file 1", "file 2"]
