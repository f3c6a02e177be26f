"""What ``agent install`` writes, and the plugin, as the programs of the agents see it themselves."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from autoresearch.drivers.base import Assignment
from autoresearch.drivers.registry import make_agent
from tests.agents.model_server import Say, model_server
from tests.agents.real_agents import AGENTS, installed
from tests.house.source import ROOT
from tests.serving import listening

PLUGIN = ROOT / "agents" / "plugin"
ALWAYS = {"claude-code", "gemini"}
"""Those that every run of the tests has; the others only `make test-agents`."""
EVERY = [
    name if name in ALWAYS else pytest.param(name, marks=pytest.mark.every_agent) for name in sorted(AGENTS)
]
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def put_on_path(name: str, patch: pytest.MonkeyPatch) -> None:
    # The plugin starts the command autoresearch, which is beside this interpreter.
    patch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    installed(AGENTS[name], patch)


@pytest.fixture
def project(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a space in its path, which Gemini CLI was told to trust, as the current folder."""
    folder = tmp_path / "my project"
    folder.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    (home / ".gemini").mkdir()
    (home / ".gemini" / "trustedFolders.json").write_text(json.dumps({str(folder): "TRUST_FOLDER"}))
    monkeypatch.chdir(folder)
    return folder


def said(*command: str) -> str:
    """What a program says, without colours."""
    ran = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, stdin=subprocess.DEVNULL
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return _COLOUR.sub("", ran.stdout + ran.stderr)


def agent(*words: str) -> str:
    return said(sys.executable, "-m", "autoresearch", "agent", *words)


def servers(name: str) -> str:
    """The lines on us in the list of servers that the program itself prints, having started them where it does."""
    text = said(AGENTS[name].program, "mcp", "list")
    return "\n".join(line for line in text.splitlines() if "autoresearch" in line)


def of_codex() -> Any:
    """Our server as Codex has read it."""
    text = said("codex", "mcp", "get", "autoresearch", "--json")
    return json.JSONDecoder().raw_decode(text, text.index("{"))[0]


EXPECTED = {
    "claude-code": f"autoresearch: {sys.executable} -m autoresearch mcp - ✔ Connected",
    "codex": "enabled",
    "gemini": f"✓ autoresearch: {sys.executable} -m autoresearch mcp (stdio) - Connected",
    "opencode": "✓ autoresearch connected",
}


@pytest.mark.parametrize("name", EVERY)
def test_an_agent_that_we_were_installed_into_starts_our_server(
    name: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on_path(name, monkeypatch)
    agent("install", name, "--yes")
    assert EXPECTED[name] in servers(name)
    agent("install", name, "--remove", "--yes")
    assert servers(name) == ""


@pytest.mark.every_agent
def test_an_agent_reads_what_was_installed_for_one_project(
    project: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("claude-code", "opencode", "gemini"):
        put_on_path(name, monkeypatch)
        agent("install", name, "--scope", "project", "--yes")
    # Claude Code asks its user first, and says so.
    assert "autoresearch" in servers("claude-code")
    assert EXPECTED["opencode"] in servers("opencode")
    assert EXPECTED["gemini"] in servers("gemini")
    assert not (home / ".claude.json").exists() or "alwaysLoad" not in (home / ".claude.json").read_text()


@pytest.mark.every_agent
def test_codex_takes_every_value_that_is_written(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_on_path("codex", monkeypatch)
    agent("install", "codex", "--yes")
    made = of_codex()
    assert made["transport"]["command"] == sys.executable
    assert "AUTORESEARCH_HOME" in made["transport"]["env_vars"]
    assert made["startup_timeout_sec"] == 30
    agent("install", "codex", "--yes", "--url", "https://research.example.org/mcp")
    made = of_codex()
    assert made["transport"]["url"] == "https://research.example.org/mcp"
    assert made["transport"]["bearer_token_env_var"] == "AUTORESEARCH_API_KEY"


@pytest.mark.every_agent
@pytest.mark.parametrize("name", sorted(AGENTS))
def test_a_configuration_that_the_program_wrote_itself_is_left_as_it_was(
    name: str, project: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on_path(name, monkeypatch)
    program = AGENTS[name].program
    other = {
        "claude-code": [program, "mcp", "add", "-s", "user", "other", "--", "true"],
        "codex": [program, "mcp", "add", "other", "--", "true"],
        "gemini": [program, "mcp", "add", "-s", "user", "other", "true"],
    }.get(name)
    if other is None:
        (home / ".config" / "opencode").mkdir(parents=True)
        (home / ".config/opencode/opencode.json").write_text(
            '{"mcp":{"other":{"type":"local","command":["true"]}}}'
        )
    else:
        said(*other)
    listed = json.loads(agent("list", "--json"))["agents"]
    config = Path(next(one["user_file"] for one in listed if one["agent"] == name))
    before = config.read_bytes()
    agent("install", name, "--yes")
    assert config.read_bytes() != before
    agent("install", name, "--remove", "--yes")
    assert config.read_bytes() == before


@pytest.mark.every_agent
def test_gemini_finds_the_skill_that_was_copied(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_on_path("gemini", monkeypatch)
    agent("install", "gemini", "--yes")
    assert "autoresearch [Enabled]" in said("gemini", "skills", "list")


def test_claude_code_takes_the_plugin(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_on_path("claude-code", monkeypatch)
    assert "Validation passed" in said("claude", "plugin", "validate", str(PLUGIN))
    said("claude", "plugin", "marketplace", "add", str(PLUGIN))
    said("claude", "plugin", "install", "autoresearch@autoresearch")
    details = said("claude", "plugin", "details", "autoresearch")
    assert "Skills (1)  autoresearch" in details
    assert "MCP servers (1)  autoresearch" in details
    assert "plugin:autoresearch:autoresearch: autoresearch mcp - ✔ Connected" in servers("claude-code")


@pytest.mark.every_agent
def test_codex_takes_the_plugin(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_on_path("codex", monkeypatch)
    said("codex", "plugin", "marketplace", "add", str(PLUGIN))
    assert "Added plugin `autoresearch`" in said("codex", "plugin", "add", "autoresearch@autoresearch")
    assert "enabled" in servers("codex")


def test_gemini_takes_the_plugin_as_an_extension(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_on_path("gemini", monkeypatch)
    assert "successfully validated" in said("gemini", "extensions", "validate", str(PLUGIN))


@pytest.mark.every_agent
@pytest.mark.parametrize("name", sorted(AGENTS))
def test_a_campaign_asks_an_agent_that_we_were_installed_into_and_lets_it_only_look(
    name: str, project: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on_path(name, monkeypatch)
    real = AGENTS[name]
    (project / "train.py").write_text("LR = 0.1\n")
    (tmp_path / "scratch").mkdir()
    monkeypatch.setenv("AUTORESEARCH_PROJECT", "another-one")
    environment = {"AUTORESEARCH_HOME": str(home / ".autoresearch"), "AUTORESEARCH_PROJECT": "p"}
    asked = Assignment(
        brief={},
        folder=project,
        scratch=tmp_path / "scratch",
        prompt="Go.",
        seconds=90,
        environment=environment,
    )
    with model_server(lambda turn: Say('```json\n{"note": "a -> b"}\n```')) as server:
        real.point_at(server, home, monkeypatch)
        agent("install", name, "--yes")
        proposal = make_agent(name, model=real.model).propose(asked)
    assert proposal is not None
    (tools,) = {turn.tools for turn in server.turns if any(one.endswith("get_context") for one in turn.tools)}
    assert len([one for one in tools if one.endswith("get_context")]) == 1
    assert [one for one in tools if one.endswith(("record_experiment", "decide_experiment"))] == []


@pytest.mark.parametrize(
    "name",
    ["claude-code", *(pytest.param(one, marks=pytest.mark.every_agent) for one in ("gemini", "opencode"))],
)
def test_an_agent_reaches_a_server_of_the_team_with_the_key_of_its_environment(
    name: str, project: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on_path(name, monkeypatch)
    with listening(tmp_path / "served") as served:
        agent("install", name, "--yes", "--url", f"{served.url}/mcp")
        monkeypatch.setenv("AUTORESEARCH_API_KEY", served.key)
        assert re.search("✔ Connected|- Connected|✓ autoresearch connected", servers(name))
        monkeypatch.setenv("AUTORESEARCH_API_KEY", "ar_wrong")
        assert re.search("Failed to connect|Disconnected|needs authentication", servers(name))
        written = [
            path for path in home.rglob("*") if path.is_file() and served.key in path.read_text("latin-1")
        ]
    assert written == []
