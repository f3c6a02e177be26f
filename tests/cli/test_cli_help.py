"""Help: complete, plain, and quick to come."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from autoresearch.cli import app
from autoresearch.cli.table import COMMANDS, SECTIONS

HEAVY = {"pydantic", "sqlalchemy", "alembic", "numpy", "git", "rich", "jinja2", "tiktoken", "httpx"}


def _walk(name: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield name, command
    for word, child in getattr(command, "commands", {}).items():
        yield from _walk((*name, word), child)


ALL = list(_walk((), typer.main.get_command(app)))
LEAVES = [(name, command) for name, command in ALL if not hasattr(command, "commands")]


def _examples(text: str) -> list[str]:
    return re.findall(
        r"^ {2}\$ (autoresearch .*?)(?: {2,}#.*)?$", text.partition("Examples:")[2], re.MULTILINE
    )


@pytest.mark.parametrize("name", [name for name, _ in ALL], ids=" ".join)
def test_every_command_has_help_with_an_example_of_itself(cli: Any, name: tuple[str, ...]) -> None:
    said = cli(*name, "--help")
    assert (said.code, said.err) == (0, "")
    assert said.lines[0].startswith(f"Usage: {' '.join(('autoresearch', *name))} ")
    examples = _examples(said.out) + re.findall(r"\| (autoresearch .*)", said.out)
    assert [line for line in examples if " ".join(name) in line]
    assert "\x1b" not in said.out
    assert max(map(len, said.lines)) <= 120


@pytest.mark.parametrize(
    ("name", "command"), LEAVES, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_every_option_says_what_it_means(name: tuple[str, ...], command: Any) -> None:
    assert [
        parameter.name for parameter in command.params if parameter.name != "help" and not parameter.help
    ] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_their_own_help_says(name: str) -> None:
    command = dict(ALL)[(name,)]
    said = (command.help or "").split("\n\n")[0].replace("\n", " ")
    assert said.partition(";")[0].rstrip(".") == COMMANDS[name][1].partition(";")[0].rstrip(".")


def test_every_command_is_listed_in_one_section() -> None:
    listed = [name for section in SECTIONS.values() for name in section]
    assert sorted(listed) == sorted(set(listed))
    assert {name[0] for name, _ in ALL if len(name) == 1} == set(listed)


def test_without_arguments_the_help_is_shown(cli: Any) -> None:
    assert cli().out == cli("--help").out
    assert cli().code == 0


def test_the_version_is_that_of_the_package(cli: Any) -> None:
    from autoresearch import __version__

    assert cli("--version").out == f"autoresearch {__version__}\n"


def _modules(*words: str) -> set[str]:
    code = (
        "import sys, json; from autoresearch.cli import main; code = main(sys.argv[1:]); "
        "sys.stderr.write(json.dumps(sorted(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    return set(json.loads(ran.stderr))


def test_the_list_of_commands_loads_no_command_and_nothing_heavy() -> None:
    loaded = _modules("--help")
    assert {name.partition(".")[0] for name in loaded} & HEAVY == set()
    assert {f"autoresearch.cli.{module}" for module, _ in COMMANDS.values()} & loaded == set()


def test_the_help_of_a_command_loads_its_own_module_alone() -> None:
    loaded = _modules("show", "--help")
    homes = {f"autoresearch.cli.{module}" for module, _ in COMMANDS.values()}
    assert homes & loaded == {"autoresearch.cli.looking"}
    assert {name.partition(".")[0] for name in loaded} & (HEAVY - {"pydantic", "rich"}) == set()
