"""The reference is complete: every command, option, call, setting and error is mentioned where a reader looks."""

from __future__ import annotations

import inspect
import re
from types import ModuleType

import pytest
from pydantic import BaseModel

import autoresearch as ar
from autoresearch import errors
from autoresearch.records import (
    access,
    artifact,
    campaign,
    comparing,
    experiment,
    folder,
    frontier,
    goal,
    overview,
    run,
)
from autoresearch.records.base import Request
from autoresearch.settings import Settings
from autoresearch.telemetry.keys import KEYS
from autoresearch.track import calls
from autoresearch.track.archive import Archive
from autoresearch.track.live import calls as live
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


_OF_ARCHIVE = {"runs": "list", "get_run": "find", "history": "history", "compare": "compare"}


@pytest.mark.parametrize("call", [name for name in calls.__all__ if name != "workspace"])
def test_every_argument_of_a_call_is_in_its_section(call: str) -> None:
    section = re.search(rf"^### `{call}\(.*?(?=^##)", _page("python.md"), re.MULTILINE | re.DOTALL)
    assert section is not None
    wanted: set[str] = set()
    kind: type = Archive if call in _OF_ARCHIVE else ar.Workspace
    for function in (getattr(calls, call), getattr(kind, _OF_ARCHIVE.get(call, call))):
        known = inspect.signature(function).parameters
        wanted |= {name for name, one in known.items() if one.kind is not one.VAR_KEYWORD}
    # What all of them take, and how several runs are called within.
    wanted -= {"self", "project", "several"}
    if call == "artifact":
        # Only the method takes it, which is said with the methods.
        wanted.discard("description")
    assert {name for name in wanted if not re.search(rf"\b{name}\b", section[0])} == set()


@pytest.mark.parametrize("call", sorted({*live.__all__} & {*ar.__all__}))
def test_every_argument_of_a_call_of_a_run_is_in_its_section(call: str) -> None:
    section = re.search(rf"^### `{call}\(.*?(?=^##)", _page("python.md"), re.MULTILINE | re.DOTALL)
    assert section is not None
    wanted = inspect.signature(getattr(live, call)).parameters
    assert {name for name in wanted if not re.search(rf"\b{name}\b", section[0])} == set()


@pytest.mark.parametrize(
    ("kind", "heading"), [(ar.Run, "### The handle of a run"), (Archive, "### `Workspace.runs`")]
)
def test_every_method_of_a_run_and_of_an_archive_is_in_its_section(kind: type, heading: str) -> None:
    section = _page("python.md").partition(heading)[2].partition("\n##")[0]
    methods = {name for name, value in vars(kind).items() if inspect.isfunction(value) and name[0] != "_"}
    assert methods
    assert {name for name in methods if not re.search(rf"`{name}[`(]", section)} == set()
    arguments = {argument for name in methods for argument in inspect.signature(vars(kind)[name]).parameters}
    known = _page("python.md").partition("## Runs")[2]
    assert {name for name in arguments - {"self"} if not re.search(rf"\b{name}\b", known)} == set()


def test_every_system_metric_is_in_the_reference_with_its_unit() -> None:
    page = _page("python.md")
    rows = [f"| `{name}` | {unit or '–'} | {meaning} |" for name, (unit, meaning) in KEYS.items()]
    assert [row for row in rows if row not in page] == []


def test_every_method_of_a_workspace_is_in_the_reference() -> None:
    page = _page("python.md")
    assert [name for name in vars(ar.Workspace) if not name.startswith("_") and f"`{name}" not in page] == []


@pytest.mark.parametrize(
    "module",
    [access, goal, experiment, campaign, frontier, artifact, run, folder, comparing, overview],
    ids=lambda module: module.__name__,
)
def test_every_field_of_an_answer_is_in_the_reference(module: ModuleType) -> None:
    answers = _page("python.md").partition("## Answers")[2]
    missing = []
    for name in module.__all__:
        kind = getattr(module, name)
        if isinstance(kind, type) and issubclass(kind, BaseModel) and not issubclass(kind, Request):
            fields = {*kind.model_fields, *kind.model_computed_fields}
            missing += [f"{name}.{field}" for field in fields if f"`{field}`" not in answers]
            missing += [name] if f"`{name}`" not in answers else []
    assert missing == []


def test_every_setting_is_in_the_reference() -> None:
    fields = {f"AUTORESEARCH_{name.upper()}" for name in vars(Settings({}))}
    text = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    read = set(re.findall(r"\bAUTORESEARCH_[A-Z]+(?:_[A-Z]+)*\b", text))
    page = _page("configuration.md")
    assert {name for name in fields | read if f"`{name}`" not in page} == set()


def test_the_reference_names_no_setting_that_nothing_reads() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    fields = {f"AUTORESEARCH_{name.upper()}" for name in vars(Settings({}))}
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


def test_the_concepts_list_what_a_snapshot_leaves_out_and_how_a_verdict_may_be_spelled() -> None:
    from autoresearch.capture.listing import EXCLUDED_FOLDERS, EXCLUDED_SUFFIXES

    page = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")
    left_out = {name.decode() for name in (*EXCLUDED_FOLDERS, *EXCLUDED_SUFFIXES)}
    assert {name for name in left_out if f"`{name}`" not in page} == set()
    rows = re.findall(r"^\| \*\*(keep|drop|crash)\*\* \| ([^|]+) \|", page, re.MULTILINE)
    assert {meant for meant, _ in rows} == {"keep", "drop", "crash"}
    for meant, spellings in rows:
        assert {experiment.verdict(word.strip()) for word in spellings.split(",")} == {meant}
