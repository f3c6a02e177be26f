"""What a run may say, and how it is understood: each value by itself, so that a bad one spoils nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field

from autoresearch.errors import Invalid
from autoresearch.records.base import (
    ConfigObject,
    Count,
    Digest,
    Finite,
    Id,
    JsonObject,
    Line,
    Name,
    Request,
    Text,
)
from autoresearch.records.experiment import Actor
from autoresearch.records.run import Definition

__all__ = [
    "Alert",
    "Changed",
    "Code",
    "Define",
    "Finish",
    "Linked",
    "Logged",
    "Open",
    "Said",
    "Tags",
    "Vanished",
    "Words",
    "actor",
    "admitted",
    "plain",
    "project_name",
    "seconds",
    "tags",
]

_MAX_TEXT = 100_000
_MAX_NAME = 200
_Message = TypeVar("_Message", bound=Request)
_FLOATS = {"NaN", "Infinity", "-Infinity"}

_Step = Annotated[int, Field(ge=-(2**63), lt=2**63)]


class Open(Request):
    """A process begins a run, joins it, or resumes it."""

    name: Line | None = None
    config: ConfigObject = Field(default_factory=dict)
    note: Text = ""
    group: Line | None = None
    job_type: Line | None = None
    folder: Text | None = None
    parent: Id | None = None
    experiment: Id | None = None
    resume: bool = False
    started: Finite | None = None
    environment: JsonObject = Field(default_factory=dict)


class Changed(Request):
    """Values of config or summary."""

    values: JsonObject = Field(default_factory=dict)
    remove: tuple[str, ...] = ()


class Tags(Request):
    """Tags, each of which is looked at by itself."""

    add: tuple[Any, ...] = ()
    remove: tuple[Any, ...] = ()


class Words(Request):
    """The new note."""

    text: Text


class Said(Request):
    """The new name or group."""

    text: Line | None


class Define(Request):
    """How a metric is to be read."""

    name: Line
    step_metric: Line | None = None
    summary: Literal["last", "min", "max", "mean", "best", "none"] = "last"
    goal: Literal["min", "max"] | None = None

    def definition(self) -> dict[str, Any]:
        """The form in which the run keeps it."""
        return Definition(**dict(self)).model_dump()


class Code(Request):
    """The code that runs."""

    commit: Line | None = None
    parent_commit: Line | None = None
    branch: Line | None = None
    diff: JsonObject | None = None
    notices: tuple[Any, ...] = ()


class Linked(Request):
    """The experiment that the run executes."""

    id: Id


class Logged(Request):
    """Media."""

    key: Line
    step: _Step = 0
    kind: Line
    media_type: Line = "application/octet-stream"
    digest: Digest | None = None
    size: Count = 0
    meta: JsonObject = Field(default_factory=dict)


class Alert(Request):
    """Something that a person should see."""

    title: Line
    text: Text = ""
    level: Literal["info", "warn", "error"] = "info"


class Finish(Request):
    """A process ends."""

    state: Literal["finished", "failed", "killed", "crashed"] = "crashed"
    exit_code: Annotated[int, Field(ge=-(2**31), lt=2**31)] | None = None
    error: Text | None = None
    points: Count | None = None


class Vanished(Request):
    """A process was found dead."""

    at: Finite | None = None


def admitted(
    kind: type[_Message], body: Mapping[str, Any], notices: list[str], **overrides: Any
) -> _Message | None:
    """What can be taken of a message; what cannot is named in ``notices``. None when it makes no sense without that."""
    known = {name: value for name, value in body.items() if name in kind.model_fields} | overrides
    while True:
        try:
            return kind.make(**known)
        except Invalid as error:
            found = {
                str(field["field"]).partition(".")[0]: field for field in error.details.get("fields", ())
            }
            for name, field in found.items():
                said = str(field["message"]).removeprefix("Value error, ")
                notices.append(f"{body.get('op')}: {name or 'it'} was left out: {said}.")
                known.pop(name, None)
            if not found or any(kind.model_fields[name].is_required() for name in found):
                return None


def plain(value: Any, depth: int = 0) -> Any:
    """A value with the spelled numbers that JSON has not, as their text."""
    if depth > 40:
        return value
    if isinstance(value, dict):
        spelled = value.get("$float")
        if len(value) == 1 and isinstance(spelled, str) and spelled in _FLOATS:
            return spelled
        return {key: plain(item, depth + 1) for key, item in value.items()}
    return [plain(item, depth + 1) for item in value] if isinstance(value, list) else value


def actor(said: object, otherwise: Actor) -> Actor:
    """Who speaks."""
    try:
        return Actor(**said) if isinstance(said, dict) else otherwise
    except ValueError:
        return otherwise


class _Tag(Request):
    tag: Name


def tags(said: tuple[Any, ...] | Any, notices: list[str]) -> list[str]:
    """Those that are tags; the others are named in ``notices``."""
    if not isinstance(said, list | tuple):
        notices.append(f"tags: {str(said)[:80]!r} is no list.")
        return []
    found = (admitted(_Tag, {"op": "tags", "tag": item}, notices) for item in said[:_MAX_NAME])
    return [item.tag for item in found if item is not None]


class _Project(Request):
    project: Name


def project_name(said: object, notices: list[str]) -> str:
    """The project's name, made fit when it is none."""
    try:
        return _Project.make(project=said).project
    except Invalid as error:
        fit = "".join(c if c.isprintable() and c not in "/\\:" else "-" for c in str(said or ""))
        name = fit[:_MAX_NAME].strip(". ") or "unnamed"
        notices.append(f"open: {error.message} The run went to project {name!r}.")
        return name


def seconds(value: object) -> float | None:
    """A point in time that can be one: seconds from 1970 to 9999."""
    fits = isinstance(value, int | float) and math.isfinite(value) and 0 <= value < 253_402_300_000
    return float(value) if fits else None  # type: ignore[arg-type]  # looked at in the line above
