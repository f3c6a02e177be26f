"""The reference is complete: every command, option, call, setting and error is mentioned where a reader looks."""

from __future__ import annotations

import dataclasses
import re

import pytest

import autoresearch as ar
from autoresearch import errors
from autoresearch.settings import Settings
from tests.house import cli_facts
from tests.house.source import PACKAGE, ROOT

REFERENCE = ROOT / "docs" / "reference"


def _page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def test_every_command_and_option_is_in_the_reference() -> None:
    page = _page("cli.md")
    missing = []
    for name, command in cli_facts.commands():
        if f"`{name}" not in page and f"$ {name}" not in page:
            missing.append(name)
        options = [
            option for parameter in command.params for option in [*parameter.opts, *parameter.secondary_opts]
        ]
        missing += [
            f"{name} {option}" for option in options if option.startswith("--") and option not in page
        ]
    assert missing == []


def test_the_tables_of_the_reference_say_what_the_commands_say_themselves() -> None:
    assert cli_facts.stale(_page("cli.md")) == {}, "renew them: python -m tests.house.cli_facts"


def test_the_reference_names_no_command_that_does_not_exist() -> None:
    known = {name for name, _ in cli_facts.commands()}
    named = set(re.findall(r"^#+ `(autoresearch(?: [a-z][a-z-]*)*)", _page("cli.md"), re.MULTILINE))
    assert named
    assert named - known == set()


@pytest.mark.parametrize("name", [name for name in ar.__all__ if not name.startswith("_")])
def test_every_public_call_is_in_the_reference(name: str) -> None:
    page = _page("errors.md") if name in errors.__all__ else _page("python.md")
    assert re.search(rf"\b{name}\b", page)


def test_every_setting_is_in_the_reference() -> None:
    fields = {f"AUTORESEARCH_{field.name.upper()}" for field in dataclasses.fields(Settings)}
    text = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    read = set(re.findall(r"\bAUTORESEARCH_[A-Z]+(?:_[A-Z]+)*\b", text))
    page = _page("configuration.md")
    assert {name for name in fields | read if f"`{name}`" not in page} == set()


def test_the_reference_names_no_setting_that_nothing_reads() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    fields = {f"AUTORESEARCH_{field.name.upper()}" for field in dataclasses.fields(Settings)}
    named = set(re.findall(r"`(AUTORESEARCH_[A-Z_]+)`", _page("configuration.md")))
    assert {name for name in named if name not in text and name not in fields} == set()


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_is_in_the_reference_with_its_code_and_exit_code(name: str) -> None:
    kind = getattr(errors, name)
    rows = [line for line in _page("errors.md").splitlines() if line.startswith(f"| `{name}` |")]
    assert len(rows) == 1
    cells = [cell.strip() for cell in rows[0].strip("|").split("|")]
    assert cells[1:3] == [f"`{kind.code}`", str(kind.exit_code)]


def test_every_key_of_the_project_file_is_in_the_reference() -> None:
    from autoresearch.records.goal import Budget, GoalRequest
    from autoresearch.track.project_file import ProjectFile, RunSection

    page = _page("configuration.md")
    keys = {key for model in (ProjectFile, RunSection, GoalRequest, Budget) for key in model.model_fields}
    assert {key for key in keys if not re.search(rf"\b{key}\b", page)} == set()
