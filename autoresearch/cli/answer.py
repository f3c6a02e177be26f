"""What a command has to say, before it is known to whom: data for programs, blocks for people and agents."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from autoresearch.cli.face import View

__all__ = [
    "Answer",
    "Block",
    "Cell",
    "Column",
    "Drawing",
    "Facts",
    "Kind",
    "Prose",
    "Quoted",
    "Table",
    "shown",
]

Cell = str | int | float | None
Kind = Literal["text", "number", "score", "gain", "state", "flexible"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column; ``flexible`` ones share the width that the others leave, ``optional`` ones go where it is narrow."""

    name: str
    kind: Kind = "text"
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under named columns."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    title: str = ""
    empty: str = "none"


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values; a value that is None is left out."""

    rows: Sequence[tuple[str, Cell]]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Prose:
    """Text of our own, or text that was made safe before; it stands as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Quoted:
    """Text by others, of any number of lines; it is cleaned, and each line stands behind ``| ``."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture for people, made for the width and colours at hand."""

    draw: Callable[[View], str]


Block = Table | Facts | Prose | Quoted | Drawing


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The result of a command.

    Attributes:
        document: The JSON form, without ``schema_version``.
        ids: What the quiet form prints, one a line.
        blocks: For people; and for agents, unless ``brief`` is given.
        brief: For agents.
        raw: Exact bytes for every form but json and quiet; ``blocks`` are then for a terminal only.
        following: The command that is likely to come next.
        notices: Remarks for standard error.
        exit_code: 0, or what the finding means.
    """

    document: Mapping[str, Any]
    ids: Sequence[str] = ()
    blocks: Sequence[Block] = ()
    brief: Sequence[Block] | None = None
    raw: bytes | None = None
    following: str = ""
    notices: Sequence[str] = field(default_factory=tuple)
    exit_code: int = 0


def shown(record: Any) -> dict[str, Any]:
    """The JSON form of a record."""
    from autoresearch.series.curve import json_out

    values: dict[str, Any] = json_out(record.model_dump(mode="json"))
    return values
