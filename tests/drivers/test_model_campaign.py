"""A whole campaign whose agent is a model over HTTP: it reads the ledger, edits, is measured, and is held to its budget."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autoresearch.drivers.registry import make_agent
from autoresearch.ledger.base import every
from autoresearch.loop.budget import Limits
from autoresearch.loop.campaign import Result, run_campaign
from autoresearch.loop.plan import Plan
from autoresearch.records.campaign import Trial
from autoresearch.track.workspace import Workspace
from tests.model_server import KEY, ModelServer, Reply, Said, call, final

TRAIN = 'import os\nLR = 8.0\nprint("loss:", abs(LR - 1))\n'


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    folder = tmp_path / "user"
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    for words in ("init -q -b main", "add -A", "-c user.name=a -c user.email=a@b commit -q -m begin"):
        subprocess.run(["git", *words.split()], cwd=folder, check=True)
    with Workspace.open(folder, project="p", home=tmp_path / "store") as opened:
        opened.goal("loss", protected=["grader.py"])
        yield opened


@pytest.fixture(params=["openai", "anthropic"])
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a shipped profile, its key set."""
    monkeypatch.setenv(f"{request.param.upper()}_API_KEY", KEY)
    return str(request.param)


def results(body: dict[str, Any]) -> list[str]:
    found = [one["content"] for one in body["messages"] if one["role"] == "tool"]
    for one in body["messages"]:
        if isinstance(one["content"], list):
            found += [block["content"] for block in one["content"] if block["type"] == "tool_result"]
    return found


def halving(body: dict[str, Any]) -> Said:
    """A model that asks the ledger, reads the file, halves the rate, and answers."""
    told = results(body)
    if not told:
        return Said(calls=[call("get_context"), call("read_file", path="train.py")])
    (rate,) = re.findall(r"LR = ([\d.]+)", told[1])
    if len(told) == 2:
        change = call("edit_file", path="train.py", old=f"LR = {rate}", new=f"LR = {float(rate) / 2}")
        return Said(calls=[change, call("check_tried", change=f"LR {rate} -> {float(rate) / 2}")])
    return Said(final(f"LR {rate} is too hot -> halved", LR=float(rate) / 2))


def run(workspace: Workspace, name: str, server: ModelServer, **limits: Any) -> Result:
    agent = make_agent(
        name, model="m", options={"base_url": server.url, "price_input": 1.0, "price_output": 1.0}
    )
    plan = Plan(
        command=[sys.executable, "-S", "train.py"],
        tag="t",
        limits=Limits(**limits),
        trial_seconds=30.0,
        baseline_runs=1,
    )
    return run_campaign(workspace, agent, plan)


def trials(workspace: Workspace) -> list[Trial]:
    (campaign,) = workspace.ledger.campaigns.campaigns(workspace.name, limit=10, cursor=None).items
    return list(
        every(lambda cursor: workspace.ledger.campaigns.trials(campaign.id, limit=100, cursor=cursor))
    )


def test_a_model_improves_a_script_and_the_ledger_says_what_it_took(workspace: Workspace, name: str) -> None:
    with ModelServer() as server:
        server.always(halving)
        result = run(workspace, name, server, experiments=3)
    assert result.outcomes == {"kept": 3}
    frontier = workspace.frontier()
    assert [step.score for step in frontier.steps] == [7.0, 3.0, 1.0, 0.0]
    assert frontier.steps[1].note == "LR 8.0 is too hot -> halved"
    done = [one for one in trials(workspace) if one.number > 0]
    assert [one.outcome for one in done] == ["kept"] * 3
    for one in done:
        assert (one.agent, one.model) == (name, "m-2026")
        assert (one.input_tokens, one.output_tokens) == (300, 30)
        assert one.cost == pytest.approx(330 / 1e6)
        assert one.transcript is not None
    # What the ledger knew was told when it was asked for.
    assert '"LR 8.0 is too hot' in results(server.asked[-1])[0]
    assert (workspace.path / "train.py").read_text() == TRAIN
    assert KEY not in json.dumps(server.asked)


def test_a_campaign_ends_when_the_key_is_not_taken(workspace: Workspace, name: str) -> None:
    with ModelServer() as server:
        server.always(Reply(401, {"error": {"message": "invalid key"}}))
        result = run(workspace, name, server, experiments=5)
    assert len(server.asked) == 1
    assert result.stop == "failures"
    assert "invalid key" in result.reason


def test_a_campaign_ends_when_its_tokens_are_spent(workspace: Workspace, name: str) -> None:
    with ModelServer() as server:
        server.always(halving)
        result = run(workspace, name, server, experiments=50, tokens=700)
    assert result.stop == "tokens"
    assert sum((one.input_tokens or 0) + (one.output_tokens or 0) for one in trials(workspace)) < 1400
