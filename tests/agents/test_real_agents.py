"""The drivers against the real programs: asked for a change, they read our tools, edit, and answer; or say why not."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autoresearch.drivers.base import Assignment
from autoresearch.drivers.registry import make_agent
from autoresearch.errors import AgentError
from autoresearch.execution.runner import ended_when
from autoresearch.track.workspace import Workspace
from tests.agents.model_server import (
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    Fail,
    Refuse,
    Reply,
    Say,
    Turn,
    model_server,
)
from tests.agents.real_agents import AGENTS, KEY, RealAgent, installed, researcher


def _marked(*always: str) -> list[Any]:
    """The agents, of which all but some are only set up by `make test-agents`, and only run there."""
    return [name if name in always else pytest.param(name, marks=pytest.mark.every_agent) for name in AGENTS]


ONE = pytest.mark.parametrize("agent", _marked("claude-code"), indirect=True)
"""On the fastest, and on the others."""


@pytest.fixture
def agent(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> RealAgent:
    """One of the agents, set up."""
    found = AGENTS[request.param]
    installed(found, monkeypatch)
    return found


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """A repository with a goal and one experiment."""
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "train.py").write_text('LR = 0.1\nprint("loss:", LR)\n')
    for command in ("init -q", "add -A", "-c user.name=a -c user.email=a@b commit -q -m begin"):
        subprocess.run(["git", *command.split()], cwd=folder, check=True)
    with Workspace.open(folder, project="hot-rates") as opened:
        opened.goal("loss")
        recorded = opened.experiment("the baseline that everybody starts from")
        opened.decision(recorded["id"], "keep", score=0.1)
        yield opened


def assignment(workspace: Workspace, folder: Path, seconds: float = 90.0) -> Assignment:
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    prompt = "--- Change one thing.\n" + "Think about it well. " * 1000
    return Assignment(
        brief={},
        folder=workspace.root,
        scratch=scratch,
        prompt=prompt,
        seconds=seconds,
        environment={"AUTORESEARCH_HOME": str(workspace.home), "AUTORESEARCH_PROJECT": workspace.name},
    )


def asked(agent: RealAgent, workspace: Workspace, folder: Path, seconds: float = 90.0) -> AgentError:
    with pytest.raises(AgentError) as caught:
        make_agent(agent.name, model=agent.model).propose(assignment(workspace, folder, seconds))
    return caught.value


@ONE
def test_a_real_agent_reads_our_context_edits_with_its_own_tool_and_answers(
    agent: RealAgent, workspace: Workspace, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with model_server(researcher(agent, lambda line: "LR = 0.05")) as server:
        agent.point_at(server, home, monkeypatch)
        proposal = make_agent(agent.name, model=agent.model).propose(assignment(workspace, tmp_path))
    assert proposal is not None
    assert proposal.note == "LR = 0.1 is too hot -> LR = 0.05"
    assert (workspace.root / "train.py").read_text() == 'LR = 0.05\nprint("loss:", LR)\n'
    changed = subprocess.run(
        ["git", "status", "--short"], cwd=workspace.root, capture_output=True, text=True, check=True
    )
    assert changed.stdout == " M train.py\n", "it left something of its own behind"
    asking = [turn for turn in server.turns if any(name.endswith("get_context") for name in turn.tools)]
    assert "the baseline that everybody starts from" in asking[1].results[0]
    assert "Think about it well. " * 1000 in asking[0].prompt
    steps = len(asking)
    assert steps == 4
    assert proposal.usage.input_tokens is not None
    assert proposal.usage.input_tokens == INPUT_TOKENS * steps
    assert proposal.usage.output_tokens == OUTPUT_TOKENS * steps
    assert proposal.session
    assert proposal.transcript is not None
    assert "too hot" in proposal.transcript.read_text()
    files = (path for path in (tmp_path / "scratch").rglob("*") if path.is_file())
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []


@ONE
def test_a_key_that_is_refused_is_told_as_such_and_is_fatal(
    agent: RealAgent, workspace: Workspace, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(turn: Turn) -> Reply:
        return Fail(401, "invalid x-api-key", "authentication_error")

    with model_server(refused) as server:
        agent.point_at(server, home, monkeypatch)
        error = asked(agent, workspace, tmp_path)
    assert error.details["fatal"] is True
    assert "log in" in error.hint


@ONE
def test_no_key_at_all_is_told_with_how_to_set_one(
    agent: RealAgent, workspace: Workspace, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(turn: Turn) -> Reply:
        return Say("hello") if turn.key else Fail(401, "no API key", "authentication_error")

    with model_server(closed) as server:
        agent.point_at(server, home, monkeypatch)
        for name, value in agent.variables.items():
            if value == KEY:
                monkeypatch.delenv(name)
        error = asked(agent, workspace, tmp_path)
    assert error.details["fatal"] is True


UNKNOWN = {
    "anthropic": "model: {}",
    "responses": "The model `{}` does not exist or you do not have access to it.",
    "chat": "The model `{}` does not exist or you do not have access to it.",
    "gemini": "models/{} is not found for API version v1beta, or is not supported for generateContent.",
}
"""What the services say of a model that they do not know."""


@ONE
def test_a_model_that_does_not_exist_is_told_and_is_fatal(
    agent: RealAgent, workspace: Workspace, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(turn: Turn) -> Reply:
        return Fail(404, UNKNOWN[turn.dialect].format(turn.model), "not_found_error")

    with model_server(unknown) as server:
        agent.point_at(server, home, monkeypatch)
        error = asked(agent, workspace, tmp_path)
    assert error.details["fatal"] is True


@ONE
def test_a_model_that_refuses_is_told_and_may_be_asked_again(
    agent: RealAgent, workspace: Workspace, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with model_server(lambda turn: Refuse()) as server:
        agent.point_at(server, home, monkeypatch)
        error = asked(agent, workspace, tmp_path)
    assert error.details["fatal"] is False


@ONE
def test_words_in_another_form_are_no_answer_and_what_they_cost_is_told(
    agent: RealAgent, workspace: Workspace, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with model_server(lambda turn: Say("I looked at it and it is fine as it is.")) as server:
        agent.point_at(server, home, monkeypatch)
        error = asked(agent, workspace, tmp_path)
    assert "I looked at it and it is fine as it is." in error.message
    assert error.details["fatal"] is False
    assert error.details["usage"]["input_tokens"] >= INPUT_TOKENS


@ONE
@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="where a process works is seen where /proc is"
)
def test_a_real_agent_whose_campaign_ends_is_gone_with_its_servers(
    agent: RealAgent, workspace: Workspace, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()

    def never(turn: Turn) -> Reply:
        over.wait(60)
        return Say("too late")

    with model_server(never) as server:
        agent.point_at(server, home, monkeypatch)
        with ended_when(lambda: "the campaign is over" if server.turns else ""):
            error = asked(agent, workspace, tmp_path)
        over.set()
    assert 'was ended: "the campaign is over"' in error.message
    assert error.details["fatal"] is False
    assert [pid for pid in Path("/proc").iterdir() if _works_in(pid, workspace.root)] == []


def _works_in(process: Path, folder: Path) -> bool:
    try:
        return (
            process.name.isdigit()
            and process.name != str(os.getpid())
            and (process / "cwd").readlink() == folder
        )
    except OSError:
        return False
