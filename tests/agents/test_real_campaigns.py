"""Whole campaigns with the real programs, from the command line: each reads the context over MCP, edits, is measured, judged and kept."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from autoresearch.track.workspace import Workspace
from tests.agents.model_server import (
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    Call,
    ModelServer,
    Reply,
    Turn,
    model_server,
)
from tests.agents.real_agents import AGENTS, RealAgent, installed, researcher

# The loss falls with the rate down to 0.02; the seed moves it a little.
TRAIN = """\
import os
LR = 0.08
luck = (int(os.environ["SEED"]) * 7 % 5) / 10_000
print("loss:", round(abs(LR - 0.02) + 1 + luck, 6))
"""
SETTINGS = f"""\
project = "rates"
[goal]
metric = "loss"
direction = "min"
protected = ["grade.py"]
[run]
command = [{json.dumps(sys.executable)}, "-S", "train.py"]
editable = ["train.py"]
[campaign]
max_failures = 2
"""


def marked(*always: str) -> list[Any]:
    """The agents, of which all but some are only set up by `make test-agents`, and only run there."""
    return [name if name in always else pytest.param(name, marks=pytest.mark.every_agent) for name in AGENTS]


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    ran = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return ran.stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository that says all that a campaign has to know."""
    folder = tmp_path / "rates"
    folder.mkdir()
    for name, text in {"train.py": TRAIN, "grade.py": "# honest\n", "autoresearch.toml": SETTINGS}.items():
        (folder / name).write_text(text)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "begin")
    return folder


def halved(line: str) -> str:
    """A line ``LR = x`` with half of it."""
    return f"LR = {float(line.rpartition(' ')[2]) / 2:g}"


def campaign(repository: Path, *options: str) -> dict[str, Any]:
    ran = subprocess.run(
        [sys.executable, "-m", "autoresearch", "run", *options, "--json"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


@pytest.mark.parametrize("name", marked("claude-code", "gemini"))
def test_a_real_agent_completes_a_campaign(
    name: str, repository: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = AGENTS[name]
    installed(agent, monkeypatch)
    before = {path.name: path.read_bytes() for path in repository.iterdir() if path.is_file()}
    with model_server(researcher(agent, halved)) as server:
        agent.point_at(server, home, monkeypatch)
        ended = campaign(repository, "--agent", name, "--model", agent.model, "--max-experiments", "2")
    assert ended["campaign"]["outcomes"] == {"kept": 2}
    assert ended["best"]["score"] < 1.002, "0.08 -> 0.04 -> 0.02"
    assert_told(repository, agent, server)
    assert "LR = 0.02\n" in git(repository, "show", f"{ended['branch']}:train.py")
    assert {path.name: path.read_bytes() for path in repository.iterdir() if path.is_file()} == before
    assert git(repository, "status", "--short") == ""
    assert git(repository, "branch", "--show-current").strip() == "main"


def assert_told(repository: Path, agent: RealAgent, server: ModelServer) -> None:
    """What the ledger says of the trials is what happened."""
    questions = [turn for turn in server.turns if any(tool.endswith("get_context") for tool in turn.tools)]
    briefs = [turn.results[0] for turn in questions if len(turn.results) == 1]
    assert len(briefs) == 2
    assert "LR = 0.08 is too hot" not in briefs[0]
    assert re.search(r"LR = 0\.08 is too hot", briefs[1]), "the second trial reads what the first one was"
    with Workspace.open(repository) as workspace:
        trials = [one for one in workspace.campaigns.trials() if one.number]
        assert sorted(one.number for one in trials) == [1, 2]
        for trial in trials:
            assert (trial.agent, trial.outcome) == (agent.name, "kept")
            assert trial.input_tokens == 4 * INPUT_TOKENS
            assert trial.output_tokens == 4 * OUTPUT_TOKENS
            assert trial.conversation
            assert trial.prompt_version
            assert trial.transcript is not None
        winner = workspace.frontier().best
        assert winner is not None
        assert winner.note == "LR = 0.04 is too hot -> LR = 0.02"


@pytest.mark.parametrize("name", marked())
def test_two_workers_ask_the_same_agent_at_once_and_do_not_meet(
    name: str, repository: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = AGENTS[name]
    installed(agent, monkeypatch)
    rates = iter(["0.06", "0.05", "0.04", "0.03", "0.02", "0.01", "0.015", "0.025"])

    def another(line: str) -> str:
        return f"LR = {next(rates)}"

    # What a conversation chose at its edit is what it says at its end.
    edits: dict[str, str] = {}

    def once(turn: Turn) -> Reply:
        reply = researcher(agent, another)(turn) if len(turn.results) == 2 else None
        if isinstance(reply, Call):
            edits[turn.prompt] = re.findall(r"LR = [\d.]+", json.dumps(dict(reply.arguments)))[-1]
            return reply
        return researcher(agent, lambda _: edits[turn.prompt])(turn)

    with model_server(once) as server:
        agent.point_at(server, home, monkeypatch)
        options = ["--agent", name, "--model", agent.model, "--max-experiments", "4", "--workers", "2"]
        ended = campaign(repository, *options)
    assert (
        sum(count for outcome, count in ended["campaign"]["outcomes"].items() if outcome != "agent_failed")
        == 4
    )
    assert "agent_failed" not in ended["campaign"]["outcomes"]
    with Workspace.open(repository) as workspace:
        trials = [one for one in workspace.campaigns.trials() if one.number]
    assert len({one.conversation for one in trials}) == 4
    assert git(repository, "status", "--short") == ""
