"""A campaign whose ledger is on a server, driven from this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoresearch.loop import events
from autoresearch.loop.budget import Limits
from autoresearch.loop.campaign import run_campaign
from autoresearch.loop.plan import Plan
from autoresearch.track.workspace import Workspace
from tests.loop.landscapes import COMMAND, Independent, best_of, make_repository
from tests.network import Network, lost_answer, lost_request
from tests.serving import Served

TRIALS = 6


def plan(workers: int) -> Plan:
    return Plan(
        command=COMMAND,
        tag="t",
        limits=Limits(experiments=TRIALS),
        workers=workers,
        baseline_runs=1,
        prompt_tokens=0,
    )


@pytest.mark.usefixtures("network")
def test_a_campaign_on_a_server_comes_to_what_one_here_does(server: Served, tmp_path: Path) -> None:
    make_repository(tmp_path / "user", TRIALS)
    with Workspace.open(tmp_path / "user") as workspace:
        workspace.goal("loss", protected=["score.sh"])
        result = run_campaign(workspace, Independent(), plan(2))
        assert (result.stop, sum(result.outcomes.values())) == ("experiments", TRIALS)
        best = workspace.frontier().best
        assert best is not None
        assert best.score == best_of(TRIALS)
    ledger = server.state.ledger(server.state.access.authenticate(server.key))
    campaign = ledger.campaigns.find("p", "last")
    assert (campaign.stop, campaign.trials, campaign.holder) == ("experiments", TRIALS, None)
    far = ledger.research.frontier("p").best
    assert far is not None
    assert far.score == best_of(TRIALS)


def test_answers_that_are_lost_on_the_way_cost_no_trial(network: Network, tmp_path: Path) -> None:
    make_repository(tmp_path / "user", TRIALS)

    def listener(event: events.Event) -> None:
        if isinstance(event, events.Measured):
            network.meets(lost_answer(), lost_request(), lost_answer())

    with Workspace.open(tmp_path / "user") as workspace:
        workspace.goal("loss", protected=["score.sh"])
        result = run_campaign(workspace, Independent(), plan(1), listener)
        assert (result.stop, sum(result.outcomes.values())) == ("experiments", TRIALS)
        best = workspace.frontier().best
        assert best is not None
        assert best.score == best_of(TRIALS)
