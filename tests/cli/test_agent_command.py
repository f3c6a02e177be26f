"""``agent``: what it prints and asks, and with which code it ends."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.house.source import ROOT


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the PATH in which a test puts the programs of agents; no other agent is on it."""
    folder = tmp_path / "programs"
    folder.mkdir()
    kept = [one for one in os.environ["PATH"].split(os.pathsep) if not (Path(one) / "claude").exists()]
    monkeypatch.setenv("PATH", os.pathsep.join([str(folder), *kept]))
    return folder


def put(folder: Path, name: str) -> None:
    (folder / name).write_text("#!/bin/sh\n")
    (folder / name).chmod(0o755)


def test_an_installation_says_what_it_wrote(cli: Cli, repository: Path, home: Path) -> None:
    said = cli("agent", "install", "codex", "--yes", "--json")
    assert said.code == 0
    assert said.json["scope"] == "user"
    assert [(one["kind"], one["done"]) for one in said.json["changes"]][-1] == ("config", True)
    assert said.json["changes"][-1]["path"] == str(home / ".codex" / "config.toml")
    assert sys.executable in (home / ".codex" / "config.toml").read_text()
    assert "everything is in place" in cli("agent", "install", "codex").out


def test_a_dry_run_shows_the_diff_and_writes_nothing(cli: Cli, repository: Path, home: Path) -> None:
    said = cli("agent", "install", "gemini", "--dry-run", "--instructions")
    assert said.code == 0
    assert f"+++ {home}/.gemini/settings.json" in said.lines
    assert "+<!-- autoresearch:start -->" in said.lines
    assert list(home.iterdir()) == []


def test_without_a_yes_and_without_a_person_nothing_is_changed(
    cli: Cli, repository: Path, home: Path
) -> None:
    said = cli("agent", "install", "codex")
    assert said.code == 2
    assert "--yes" in said.err
    assert list(home.iterdir()) == []


def test_a_person_sees_the_changes_and_is_asked(
    cli: Cli, repository: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = cli("agent", "install", "codex", stdin=b"n\n", terminal=True)
    assert refused.code == 2
    assert "+[mcp_servers.autoresearch]" in refused.err
    assert list(home.iterdir()) == []
    assert cli("agent", "install", "codex", stdin=b"y\n", terminal=True).code == 0
    assert (home / ".codex" / "config.toml").exists()


def test_options_of_ours_go_into_the_entry(cli: Cli, repository: Path, home: Path, tmp_path: Path) -> None:
    cli("agent", "install", "claude-code", "--yes", "--home", str(tmp_path / "my store"), "-p", "tiny")
    made = json.loads((home / ".claude.json").read_text())["mcpServers"]["autoresearch"]
    assert made["args"] == ["-m", "autoresearch", "--home", str(tmp_path / "my store"), "-p", "tiny", "mcp"]


def test_a_project_is_installed_into_at_its_root(
    cli: Cli, repository: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "deep er").mkdir()
    monkeypatch.chdir(repository / "deep er")
    assert cli("agent", "install", "opencode", "--scope", "project", "--yes").code == 0
    assert (repository / "opencode.json").exists()
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("url", ["research.example.org", "file:///etc/passwd"])
def test_an_address_that_is_none_is_refused(cli: Cli, repository: Path, url: str) -> None:
    said = cli("agent", "install", "codex", "--url", url, "--yes")
    assert said.code == 2
    assert "https://HOST/mcp" in said.err


def test_all_means_those_that_are_on_this_machine(
    cli: Cli, repository: Path, home: Path, program: Path
) -> None:
    assert cli("agent", "install", "all", "--dry-run").code == 2
    put(program, "codex")
    (home / ".gemini").mkdir()
    (home / ".gemini" / "settings.json").write_text("{}")
    said = cli("agent", "install", "all", "--yes", "--json")
    assert {one["agent"] for one in said.json["changes"]} == {"codex", "gemini"}
    # The skill that both read is written once.
    assert len({one["path"] for one in said.json["changes"]}) == len(said.json["changes"])
    assert cli("agent", "install", "all", "--remove", "--yes").code == 0
    assert [one.name for one in home.iterdir()] == []


def test_one_that_cannot_be_changed_does_not_keep_the_others(
    cli: Cli, repository: Path, home: Path, program: Path
) -> None:
    for name in ("codex", "claude"):
        put(program, name)
    (home / ".claude.json").write_text("{ broken")
    said = cli("agent", "install", "all", "--yes", "--json")
    assert said.code == 1
    assert {one["agent"] for one in said.json["changes"]} == {"codex"}
    assert str(home / ".claude.json") in said.json["refused"][0]["message"]
    assert (home / ".claude.json").read_text() == "{ broken"


def test_an_agent_that_is_not_there_is_named_with_those_that_are(cli: Cli, repository: Path) -> None:
    said = cli("agent", "install", "emacs", "--json")
    assert said.code == 3
    assert "claude-code" in said.error["hint"]


def test_a_diff_of_a_hostile_file_cannot_act_on_the_terminal(cli: Cli, repository: Path, home: Path) -> None:
    (home / ".cursor").mkdir()
    (home / ".cursor" / "mcp.json").write_text('{\n  "\u202e\u009b31m": {"a": 1}\n}\n')
    said = cli("agent", "install", "cursor", "--dry-run")
    assert "\u202e" not in said.out
    assert "\u009b" not in said.out


def test_the_list_says_who_can_be_asked_and_where_we_are(
    cli: Cli, repository: Path, home: Path, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(program, "claude")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    cli("agent", "install", "claude-code", "--yes")
    said = cli("agent", "list", "--json")
    found = {one["agent"]: one for one in said.json["agents"]}
    assert {"aider", "anthropic", "offline", "scripted", "vscode"} <= found.keys()
    assert (found["claude-code"]["user"], found["claude-code"]["project"]) == (True, False)
    assert found["claude-code"]["program"] == str(program / "claude")
    assert (found["openai"]["key_variable"], found["openai"]["key_is_set"]) == ("OPENAI_API_KEY", True)
    assert (found["cursor"]["profile"], found["aider"]["user"]) == (None, None)
    assert "sk-secret" not in said.out
    shown = cli("agent").out
    assert "OPENAI_API_KEY, set" in shown
    assert "ANTHROPIC_API_KEY, not set" in shown


def test_the_folder_of_the_plugin_is_printed(cli: Cli, repository: Path) -> None:
    assert cli("agent", "plugin", "-q").out.strip() == str(ROOT / "agents" / "plugin")
