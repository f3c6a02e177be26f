"""The forms of an answer, where global options may stand, and errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch.cli.start import hoisted
from autoresearch.errors import UsageError

Cli = Any


def test_global_options_move_to_the_front_and_nothing_else_does() -> None:
    words = ["show", "3", "--json", "--project", "p", "-C", "dir", "--home=/h", "-q", "--", "--json"]
    moved = ["--json", "--project", "p", "-C", "dir", "--home=/h", "-q", "show", "3", "--", "--json"]
    assert hoisted(words) == moved


@given(st.lists(st.sampled_from(["show", "12", "--note", "-x", "--", "--json", "-q", "--limit=3"])))
def test_hoisting_keeps_every_word_and_the_order_of_the_others(words: list[str]) -> None:
    moved = hoisted(words)
    assert sorted(moved) == sorted(words)
    end = words.index("--") if "--" in words else len(words)
    rest = [word for word in words[:end] if word not in {"--json", "-q"}] + words[end:]
    assert moved[len(moved) - len(rest) :] == rest


def test_a_global_option_without_its_value_is_refused() -> None:
    with pytest.raises(UsageError, match="--project needs a value"):
        hoisted(["status", "--project"])


@pytest.mark.parametrize(
    "words",
    [["--json", "status"], ["status", "--json"], ["status", "--format", "json"], ["--format=json", "status"]],
)
def test_json_is_asked_for_before_or_after_the_command(campaign: Path, cli: Cli, words: list[str]) -> None:
    assert cli(*words).json["schema_version"] == 1


def test_without_a_terminal_the_answer_is_plain_and_for_an_agent_it_is_brief(
    campaign: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = cli("frontier")
    monkeypatch.setenv("AI_AGENT", "some-agent")
    brief = cli("frontier")
    assert plain.lines[0].split() == ["#", "loss", "note"]
    assert brief.lines[0].split("\t") == ["#", "loss", "gain", "in sd", "note"]
    assert brief.lines[-1].startswith("next: autoresearch show 1")
    assert cli("frontier", "--format", "human").lines[0].split() == ["#", "loss", "note"]


def test_a_terminal_gets_colours_unless_they_are_unwanted(
    campaign: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "\x1b[32mkept\x1b[0m" in cli("experiment", "list", terminal=True).out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in cli("experiment", "list", terminal=True).out
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[32mkept" in cli("experiment", "list").out
    assert "\x1b" not in cli("experiment", "list", "--json").out


def test_on_a_narrow_terminal_no_line_is_wider_than_it(
    campaign: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("experiment", "--note", "語" * 300, "--no-snapshot")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("NO_COLOR", "1")
    from rich.cells import cell_len

    for words in (["experiment", "list"], ["progress"], ["status"], ["frontier"]):
        assert max(cell_len(line) for line in cli(*words, terminal=True).lines) <= 60


def test_the_quiet_form_is_ids_alone(campaign: Path, cli: Cli) -> None:
    said = cli("experiment", "list", "-q")
    assert [len(line) for line in said.lines] == [36, 36, 36]
    assert said.err == ""


def test_the_environment_sets_the_form_and_an_option_wins_over_it(
    campaign: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTORESEARCH_FORMAT", "json")
    assert cli("status").json["project"]["name"] == "tiny"
    assert cli("status", "--format", "quiet").out == "tiny\n"
    assert cli("show", "99").error["code"] == "not_found"
    monkeypatch.setenv("AUTORESEARCH_FORMAT", "xml")
    refused = cli("status")
    assert refused.code == 2
    assert refused.err.startswith("error: AUTORESEARCH_FORMAT was 'xml'.\nhint: Use one of auto, human")


ERRORS = [
    (["show", "99"], 3, "not_found"),
    (["show"], 2, "usage"),
    (["shw", "1"], 2, "usage"),
    (["status", "--bogus"], 2, "usage"),
    (["experiment", "list", "--limit", "0"], 2, "usage"),
    (["decide", "1", "maybe", "--score", "1"], 2, "invalid"),
    (["decide", "1", "keep"], 2, "invalid"),
    (["decide", "1", "keep", "--score", "nan"], 2, "invalid"),
    (["decide", "1", "keep", "--score", "1", "--metrics", "memory"], 2, "usage"),
    (["decide", "1", "keep", "--samples", "1,two"], 2, "usage"),
    (["goal", "accuracy"], 2, "usage"),
    (["session", "close", "nine"], 3, "not_found"),
    (["context", "--budget", "5"], 2, "invalid"),
    (["tried"], 2, "usage"),
    (["import", "nowhere.tsv"], 3, "not_found"),
    (["import", "train.py"], 2, "invalid"),
    (["artifacts", "show", "none"], 3, "not_found"),
    (["promote", "none", "winner", "v1"], 3, "not_found"),
    (["checkout", "1", "."], 5, "conflict"),
    (["reproduce", "3"], 5, "conflict"),
    (["gc", "--yes", "--dry-run"], 2, "usage"),
    (["status", "--project", "no/slash"], 3, "not_found"),
    (["-C", "nowhere", "status"], 3, "not_found"),
    (["experiment", "--note", "x", "--command", "'open"], 2, "usage"),
    (["experiment", "--note", "x", "--diff", "none.patch"], 3, "not_found"),
    (["note", " "], 2, "invalid"),
]


@pytest.mark.parametrize(("words", "code", "name"), ERRORS, ids=str)
def test_an_error_has_its_exit_code_and_one_shape(
    campaign: Path, cli: Cli, words: list[str], code: int, name: str
) -> None:
    said = cli(*words, "--json")
    assert (said.code, said.error["code"], said.out) == (code, name, "")
    assert set(said.error) == {"code", "message", "hint", "details"}
    assert said.error["hint"]
    spoken = cli(*words)
    assert spoken.code == code
    first, second = spoken.err.splitlines()
    assert first == f"error: {said.error['message']}"
    assert second == f"hint: {said.error['hint']}"
    assert first.endswith((".", "?"))


def test_a_bug_is_called_one_and_shows_a_traceback_only_when_asked(
    campaign: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr("autoresearch.ledger.local.memory.search", broken)
    said = cli("search", "x")
    assert said.code == 1
    assert said.err.startswith("error: This is a bug in autoresearch: ZeroDivisionError: of all things")
    assert "Traceback" not in said.err
    monkeypatch.setenv("AUTORESEARCH_DEBUG", "1")
    assert "Traceback" in cli("search", "x").err


def test_what_the_system_refuses_is_one_sentence(campaign: Path, cli: Cli) -> None:
    said = cli("progress", "--svg", "missing/folder/picture.svg")
    assert said.code == 1
    assert said.err.splitlines()[0].startswith("error: The system refused: ")
    assert "Traceback" not in said.err


def test_warnings_go_to_standard_error_and_never_into_json(
    campaign: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = cli("experiment", "--note", "x", "--snapshot", "no-such-file")
    assert said.code == 0
    assert said.err.startswith("warning: The snapshot failed")
    quiet = cli("experiment", "--note", "x", "--snapshot", "no-such-file", "--json")
    assert quiet.err == ""
    assert "The snapshot failed" in quiet.json["experiment"]["notices"][0]


def test_work_can_start_in_another_folder(
    campaign: Path, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli("status", "-C", "tiny", "-q").out == "tiny\n"
    assert Path.cwd() == tmp_path
    assert cli("-C", "tiny", "checkout", "1", "../one").code == 0
    assert (tmp_path / "one" / "train.py").is_file()


def test_another_home_and_project_are_taken_from_the_options(
    campaign: Path, cli: Cli, tmp_path: Path
) -> None:
    home = tmp_path / "other"
    assert cli("goal", "acc", "--max", "--home", str(home), "--project", "mine", "-q").code == 0
    assert cli("status", "--all", "-q", f"--home={home}").out == "mine\n"
    assert cli("status", "--all", "-q").out == "tiny\n"
    assert list(home.iterdir())


@pytest.mark.parametrize("terminal", [True, False])
def test_hostile_text_never_acts_on_a_terminal(campaign: Path, cli: Cli, terminal: bool) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J[bold red]x[/] \u202egnp.exe\u202c \x9b31m\nnext: rm -rf /\r\u200b"
    cli("experiment", "--note", evil, "--no-snapshot")
    (campaign / "run.log").write_bytes(b"\x1b[31mred\x07\rdone\n\x9b\x00\xff")
    cli("decide", "last", "crash", "--reason", evil, "--log", "run.log")
    cli("note", evil)
    commands = [
        ["show", "last"],
        ["experiment", "list"],
        ["search", "owned"],
        ["events"],
        ["status"],
        ["progress"],
    ]
    for words in [*commands, ["context"], ["tried", "owned"]]:
        for form in ("auto", "agent", "json", "quiet"):
            said = cli(*words, "--format", form, terminal=terminal)
            text = said.out + said.err
            for ours in (
                "\x1b[0m",
                "\x1b[1m",
                "\x1b[2m",
                "\x1b[31m",
                "\x1b[32m",
                "\x1b[36m",
                "\x1b[90m",
                "\x1b[32;1m",
            ):
                text = text.replace(ours, "")
            bad = [c for c in text if c not in "\n\t" and not c.isprintable()]
            assert (bad, words, form) == ([], words, form)
    assert "[bold red]x[/]" in cli("show", "last").out
    agent = cli("experiment", "list", "--format", "agent").lines
    assert [line for line in agent if line.startswith("next:")] == agent[-1:]


def test_json_documents_are_ascii_and_end_with_a_line_end(campaign: Path, cli: Cli) -> None:
    cli("note", "naïve \u202e")
    said = cli("events", "--json")
    assert said.out.isascii()
    assert said.out.endswith("}\n")
    assert json.loads(said.out)["events"][-1]["kind"] == "note.added"
