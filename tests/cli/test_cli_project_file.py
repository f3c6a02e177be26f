"""A repository that has ``autoresearch.toml`` already: nothing else has to be said."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

FILE = f"""\
project = "tiny"

[goal]
metric = "loss"
direction = "min"
target = 2.0

[run]
command = {json.dumps([sys.executable, "train.py"])}
editable = ["train.py"]
"""


@pytest.fixture
def declared(repository: Path) -> Path:
    file = repository / "autoresearch.toml"
    file.write_text(FILE)
    return file


def test_a_clone_with_the_file_needs_no_setting_up(declared: Path, cli: Any) -> None:
    (declared.parent / "x.py").write_text("")
    said = cli("experiment", "--note", "baseline")
    assert said.code == 0
    assert said.err == "note: x.py was changed, and it is outside of what may be edited (train.py).\n"
    assert cli("decide", "last", "keep", "--score", "2.6").code == 0
    said = cli("status")
    assert "loss, lower is better, target 2" in said.out
    assert "best         2.6 (#1)" in said.out
    assert said.err == ""


@pytest.mark.parametrize("words", [["goal"], ["status"], ["frontier"], ["progress"], ["context"]])
def test_asking_first_takes_the_goal_of_the_file(declared: Path, cli: Any, words: list[str]) -> None:
    assert cli(*words).code == 0
    declared.unlink()
    assert cli("goal", "--json", "--project", "tiny").json["goal"]["target"] == 2.0


def test_init_adopts_the_file_that_is_there_and_leaves_it_alone(declared: Path, cli: Any) -> None:
    said = cli("init")
    assert (said.code, said.err) == (
        0,
        "note: The goal was taken from autoresearch.toml, which stays as it is.\n",
    )
    assert "loss, lower is better" in said.out
    again = cli("init", "--json")
    assert (again.code, again.json["goal"]["revision"], again.json["file"]) == (0, 1, str(declared))
    assert cli("init").err == "note: Everything is set up already; nothing was changed.\n"
    assert declared.read_text() == FILE


def test_init_asks_nothing_on_a_terminal_where_the_file_is(declared: Path, cli: Any) -> None:
    assert cli("init", terminal=True).code == 0
    assert declared.read_text() == FILE


def test_only_adopt_takes_the_goal_of_the_file_over_that_of_the_ledger(declared: Path, cli: Any) -> None:
    cli("goal", "--target", "2.4")
    hint = "note: autoresearch.toml says target 2, the ledger 2.4: `autoresearch init --adopt` takes the file's.\n"
    assert cli("status").err == cli("goal").err == cli("init").err == hint
    assert cli("goal", "--json").json["goal"]["target"] == 2.4
    assert cli("init", "--adopt").code == 0
    assert cli("goal", "--json").json["goal"]["target"] == 2.0
    assert cli("status").err == ""


def test_adopt_without_a_file_or_with_other_options_is_refused(repository: Path, cli: Any) -> None:
    assert cli("init", "--adopt").code == 3
    assert cli("init", "--adopt", "--metric", "loss").code == 2
    assert not (repository / "autoresearch.toml").exists()


def test_the_file_of_another_project_is_not_adopted(declared: Path, cli: Any) -> None:
    assert cli("init", "--project", "other").code == 5
    assert cli("init", "--adopt", "--project", "other").code == 3
    assert declared.read_text() == FILE


def test_an_experiment_without_a_command_is_reproduced_by_that_of_the_file(declared: Path, cli: Any) -> None:
    text = declared.read_text()
    declared.write_text(text.partition("[run]")[0])
    cli("experiment", "--note", "no command yet")
    cli("decide", "1", "keep", "--score", "2.6")
    assert cli("reproduce", "1").code == 5
    declared.write_text(text)
    said = cli("reproduce", "1", "--keep-dir", "../again", "--json").json
    assert (said["within"], said["command"][1]) == (True, "train.py")
    assert said["directory"] == str((declared.parent.parent / "again").resolve())
    assert ".." not in said["directory"]


def test_an_example_that_begins_with_another_program_is_shown_as_it_is_typed(cli: Any) -> None:
    assert "  $ git diff | autoresearch tried --diff -" in cli("tried", "--help").lines
    assert "  $ autoresearch tried --diff proposal.patch" in cli("tried", "--help").lines


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["import"], "--direction min|max"),
        (["export"], "--as json|csv|tsv"),
        (["experiment", "list"], "--state recorded|kept|dropped|crashed"),
    ],
)
def test_options_with_choices_name_them_in_the_help(cli: Any, words: list[str], values: str) -> None:
    assert values in " ".join(cli(*words, "--help").out.split())


def test_a_word_that_is_no_verdict_is_refused_with_those_that_are(declared: Path, cli: Any) -> None:
    cli("experiment", "--note", "baseline")
    said = cli("decide", "1", "frob")
    assert said.code == 2
    assert said.err.startswith("error: 'frob' is not a verdict.\nhint: Use keep")
