"""Profiles as data: those that ship, those of users, and what is refused."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from autoresearch import shipped
from autoresearch.drivers.base import Agent
from autoresearch.drivers.command import CommandAgent
from autoresearch.drivers.profiles import CommandProfile, parse_profile
from autoresearch.drivers.registry import PLACE, find_profile, make_agent, profiles
from autoresearch.drivers.templates import fill, toml
from autoresearch.errors import Invalid, NotFound
from tests.drivers.agent_programs import assignment

PROGRAMS = ["aider", "claude-code", "codex", "gemini", "opencode"]


def command(made: Agent) -> CommandProfile:
    assert isinstance(made, CommandAgent)
    return made.profile


def test_every_shipped_profile_is_read_and_made_of_its_kind() -> None:
    found = {profile.name: profile for profile in profiles()}
    assert {*PROGRAMS, "command", "scripted"} <= found.keys()
    for name in PROGRAMS:
        made = command(make_agent(name))
        assert made.title
        assert made.install
        assert made.documentation.startswith("https://")
        assert made.failures


def test_every_coding_agent_with_our_tools_takes_a_model_and_says_what_it_spent() -> None:
    for name in ("claude-code", "codex", "gemini", "opencode"):
        assert command(make_agent(name)).capabilities >= {"mcp", "model", "tokens", "session"}
    assert "cost" in command(make_agent("claude-code")).capabilities
    assert command(make_agent("aider")).capabilities == {"model"}


def test_no_shipped_profile_lets_an_agent_do_all_it_likes() -> None:
    text = "".join(shipped.read("agents", f"{name}.toml") for name in PROGRAMS)
    for word in ("dangerously", "yolo", "bypass", "danger-full-access"):
        assert word not in text


def test_a_shipped_profile_is_given_keys_of_its_own_and_no_whole_cloud() -> None:
    for name in PROGRAMS:
        keys = set(command(make_agent(name)).keys)
        assert keys
        assert not keys & {"*", "AWS_*", "GOOGLE_*", "AZURE_*"}


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


OWN = 'title = "Mine"\nprogram = "mine"\n'


def test_profiles_of_the_repository_and_of_the_home_are_found_by_name(tmp_path: Path, home: Path) -> None:
    write(tmp_path / PLACE / "ours.toml", OWN)
    write(home / ".autoresearch" / "agents" / "mine.toml", OWN)
    assert command(make_agent("ours", folder=tmp_path)).program == "mine"
    assert command(make_agent("mine")).program == "mine"
    assert {"ours", "mine"} <= {profile.name for profile in profiles(folder=tmp_path)}
    with pytest.raises(NotFound, match="no agent 'ours'"):
        make_agent("ours")


def test_a_repository_cannot_put_a_program_of_its_own_behind_a_shipped_name(tmp_path: Path) -> None:
    write(tmp_path / PLACE / "codex.toml", OWN)
    assert command(make_agent("codex", folder=tmp_path)).program == "codex"


def test_a_profile_can_be_named_by_its_path(tmp_path: Path) -> None:
    write(tmp_path / "x" / "special.toml", OWN)
    made = make_agent("x/special.toml", folder=tmp_path)
    assert made.name == "special"
    assert make_agent(str(tmp_path / "x" / "special.toml")).name == "special"


def test_a_profile_extends_another_and_says_only_what_differs(tmp_path: Path) -> None:
    path = write(
        tmp_path / "team.toml",
        'extends = "codex"\ntitle = "Codex of the team"\nprogram = "/opt/codex"\n[environment]\nTEAM = "1"\n',
    )
    made, shipped_one = command(make_agent(str(path))), command(make_agent("codex"))
    assert (made.title, made.program) == ("Codex of the team", "/opt/codex")
    assert made.arguments == shipped_one.arguments
    assert made.output == shipped_one.output
    assert made.environment["TEAM"] == "1"


def test_a_profile_that_extends_itself_is_refused(tmp_path: Path) -> None:
    write(tmp_path / PLACE / "a.toml", 'extends = "b"\n')
    write(tmp_path / PLACE / "b.toml", 'extends = "a"\n')
    with pytest.raises(Invalid, match="extends itself"):
        find_profile("a", folder=tmp_path)


def test_options_are_added_to_what_the_profile_says() -> None:
    base = command(make_agent("codex"))
    options: dict[str, Any] = {
        "arguments": ["--search"],
        "seconds": 60,
        "keys": ["AWS_*"],
        "environment": {"A": "1"},
        "program": "/opt/codex",
    }
    made = command(make_agent("codex", model="m", options=options))
    assert made.arguments == (*base.arguments, "--search")
    assert (made.seconds, made.program) == (60, "/opt/codex")
    assert made.keys == (*base.keys, "AWS_*")
    assert made.environment == {**base.environment, "A": "1"}


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("codex", {"argument": []}, "no option argument"),
        ("codex", {"seconds": "soon"}, "seconds is off"),
        ("codex", {"seconds": -1}, "off at seconds"),
        ("codex", {"keys": ["A B"]}, "not the name of a variable"),
        ("codex", {"arguments": ["{modell}"]}, "{modell} stands for nothing"),
        ("command", {}, "needs a program"),
        ("command:", {}, "no command"),
        ("command:'x", {}, "cannot be read"),
        ("../codex", {}, "not the name of an agent"),
        ("", {}, "not the name of an agent"),
        ("scripted", {}, "follows a script"),
    ],
)
def test_what_cannot_be_made_is_refused_with_a_hint(name: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid) as caught:
        make_agent(name, options=options)
    assert said in caught.value.message
    assert caught.value.hint


def test_an_agent_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(NotFound) as caught:
        make_agent("klaude")
    assert "claude-code" in caught.value.hint
    with pytest.raises(NotFound) as caught:
        make_agent("offline")
    assert "loop" in caught.value.hint


def test_a_model_for_an_agent_that_takes_none_is_refused() -> None:
    with pytest.raises(Invalid, match="takes no model"):
        make_agent("command:./propose", model="m")
    assert command(make_agent("command:./propose --with {model}", model="m")).program == "./propose"


def test_a_command_line_is_an_agent_that_reads_the_prompt_as_its_input_unless_it_says_where(
    tmp_path: Path,
) -> None:
    program = write(tmp_path / "propose.sh", '#!/bin/sh\necho "LR = 0.05" > train.py\n"$@"\n')
    program.chmod(0o755)
    said = '```json\n{"note": "halved"}\n```'
    for line in ("cat", "echo {prompt}", "cat {prompt_file}"):
        made = make_agent(f"command:{program} {line}")
        assert made.name == "propose.sh"
        proposal = made.propose(assignment(tmp_path, prompt=said))
        assert proposal is not None
        assert proposal.note == "halved"
        assert (tmp_path / "tree" / "train.py").read_text() == "LR = 0.05\n"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"programm": "x"}, "programm"),
        ({"prompt": "argument"}, "no argument holds {prompt}"),
        ({"prompt": "voice"}, "prompt"),
        ({"arguments": "-p"}, "arguments"),
        ({"environment": {"A": "{mcp.command}"}}, "{mcp.command} stands for nothing"),
        ({"files": [{"path": "../x", "content": {}}]}, "does not lie in the scratch folder"),
        ({"links": {"/etc/x": "~/x"}}, "does not lie in the scratch folder"),
        ({"failures": [{"match": "(", "hint": ""}]}, "not a regular expression"),
        ({"output": {"form": "xml"}}, "output.form"),
        ({"output": {"text": [{"where": {}}]}}, "output.text.0.path"),
        ({"kind": "robot"}, "of kind 'robot'"),
        ({"title": ""}, "no title"),
    ],
)
def test_a_profile_with_a_mistake_says_where_it_is(change: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_profile("mine", "mine.toml", {"title": "Mine", "program": "mine", **change})
    assert said in caught.value.message
    assert "mine.toml" in caught.value.message


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "broken.toml", "title = ")
    with pytest.raises(Invalid, match=r"broken\.toml is not TOML"):
        make_agent(str(path))


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        'quo"te\\n\n\t\x01\x7f \N{SNOWMAN} \U0001f600',
        ["a", "b"],
        [],
        {"K": "v", "odd key": "x"},
        {},
        True,
        7,
    ],
    ids=repr,
)
def test_what_is_written_as_toml_is_read_back_the_same(value: Any) -> None:
    assert tomllib.loads(f"v = {toml(value)}")["v"] == value


def test_only_open_names_are_filled_in() -> None:
    given = {"folder": "/f", "list": ["a", 'b"'], "name": "N"}
    assert fill({"{name}": ["{list}", "x {folder}", 3]}, given) == {"N": [["a", 'b"'], "x /f", 3]}
    assert fill('{list:json} {"a": 1} {env:{name}} ${{name}} {} {N}', given) == (
        '["a", "b\\""] {"a": 1} {env:N} ${N} {} {N}'
    )
