"""``autoresearch.toml``: what a repository says about its own research."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from autoresearch.errors import Invalid
from autoresearch.records.base import Finite, Line, Name, Request, Text
from autoresearch.records.goal import Budget, GoalRequest, parse_constraint

__all__ = ["FILE_NAME", "ProjectFile", "RunSection", "find_project_file", "read_project_file"]

FILE_NAME = "autoresearch.toml"


class RunSection(Request):
    """How a trial is run: ``command`` in a shell-free list or one line, and which files may be edited."""

    command: tuple[Text, ...] = ()
    metric_pattern: Text | None = None
    timeout_seconds: Finite | None = None
    editable: tuple[Line, ...] = ()


class ProjectFile(Request):
    """The file's content: the project's name, its goal, and how it is run."""

    project: Name | None = None
    goal: GoalRequest | None = None
    run: RunSection = RunSection()


def find_project_file(start: Path) -> Path | None:
    """The nearest ``autoresearch.toml`` in a folder or above it, not beyond the repository's root."""
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
        if (folder / ".git").exists():
            return None
    return None


def read_project_file(path: Path) -> ProjectFile:
    """Read the file.

    Raises:
        Invalid: It is not TOML, or a value was refused; the message names file and key.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"{path} is not valid TOML: {error}.", hint="Correct the file.") from None
    try:
        goal = data.pop("goal", None)
        run = data.pop("run", {})
        budget = data.pop("budget", {})
        return ProjectFile.make(
            **data, goal=goal and _goal(goal, budget), run=RunSection.make(**_command(run))
        )
    except Invalid as error:
        raise Invalid(f"{path}: {error.message}", hint=error.hint, details=error.details) from None
    except TypeError as error:
        raise Invalid(f"{path}: {error}.", hint="Sections are [goal], [budget] and [run].") from None


def _goal(goal: dict[str, Any], budget: dict[str, Any]) -> GoalRequest:
    values = dict(goal)
    if "lower_is_better" in values:
        values["direction"] = "min" if values.pop("lower_is_better") else "max"
    values["constraints"] = tuple(parse_constraint(text) for text in values.get("constraints", ()))
    values["protected"] = tuple(values.get("protected", ()))
    return GoalRequest.make(**values, budget=Budget.make(**budget))


def _command(run: dict[str, Any]) -> dict[str, Any]:
    import shlex

    values = dict(run)
    if isinstance(values.get("command"), str):
        values["command"] = shlex.split(values["command"])
    return values
