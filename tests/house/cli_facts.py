"""What the command line says about itself, as the tables of its reference: ``python -m tests.house.cli_facts`` renews them.

A table stands below a line ``<!-- facts: autoresearch goal -->`` and holds what the command's own help holds: arguments,
options, their values and defaults. The prose and the examples around it are written by hand.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

import typer.main

from tests.house.source import ROOT

PAGE = ROOT / "docs" / "reference" / "cli.md"
_TABLE = re.compile(r"^<!-- facts: (?P<name>[a-z -]+) -->\n(?P<rows>(?:\|.*\n)*)", re.MULTILINE)
# These say what the parser's authors chose to say, in the words of whichever release is installed.
_PARSERS_OWN = {"help", "install_completion", "show_completion"}


def commands() -> Iterator[tuple[str, Any]]:
    """Every command and group by its full name, the program itself first."""
    # Typer answers an object of the click it carries, which has no name to import.
    from autoresearch.cli import app

    def walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
        yield name, command
        for word, child in getattr(command, "commands", {}).items():
            yield from walk(f"{name} {word}", child)

    yield from walk("autoresearch", typer.main.get_command(app))


def table(command: Any) -> str:
    """The table of one command; empty when it has neither arguments nor options of its own."""
    rows = [_row(parameter) for parameter in command.params if parameter.name not in _PARSERS_OWN]
    return "".join(["| | |\n|---|---|\n", *rows]) if rows else ""


def _row(parameter: Any) -> str:
    value = parameter.metavar or ""
    if not parameter.opts[0].startswith("-"):
        shown = value.strip("[]") or parameter.name.upper()
    else:
        flags = [*parameter.opts, *parameter.secondary_opts]
        shown = f"{', '.join(flags)} {value}".strip()
    meaning = parameter.help or ""
    if type(parameter.default) in {int, float} and "[default" not in meaning:
        meaning = f"{meaning} Default {parameter.default}."
    shown, meaning = (text.replace("|", "\\|").replace("*", "\\*") for text in (shown, meaning))
    return f"| `{shown}` | {meaning} |\n"


def stale(page: str) -> dict[str, str]:
    """Commands whose table on the page is missing or not what it should be, with the right one."""
    present = {found["name"]: found["rows"] for found in _TABLE.finditer(page)}
    wanted = {name: table(command) for name, command in commands()}
    return {name: rows for name, rows in wanted.items() if present.get(name, "") != rows}


def renewed(page: str) -> str:
    """The page with its tables as they should be."""
    wanted = {name: table(command) for name, command in commands()}
    return _TABLE.sub(lambda found: f"<!-- facts: {found['name']} -->\n{wanted[found['name']]}", page)


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    left = sorted(stale(PAGE.read_text(encoding="utf-8")))
    sys.stdout.write(f"{PAGE.name}: {'no table for ' + ', '.join(left) if left else 'up to date'}\n")
