"""What a tool answers: data with every text of others made harmless, a compact text of it, and a bound on both.

Clients differ in what they hand to their model: the structured data or the text. So both say the same, and each is
held to the same number of characters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from autoresearch.briefs.fence import block, clean, cut
from autoresearch.series.curve import number_out

__all__ = [
    "DEFAULT_CHARS",
    "MOST_CHARS",
    "Block",
    "Reply",
    "bounded",
    "fenced",
    "lines_of",
    "listed",
    "newest",
    "outline",
    "plain",
]

DEFAULT_CHARS = 8000
"""Characters of an answer when the caller says nothing: below what every client hands on whole."""
MOST_CHARS = 40_000
"""The most that a caller may ask for."""

_SLACK = 200
_SIMPLE = re.compile(r"[a-z0-9_#./+-]{1,64}\Z")
_STEPS = ((2000, 200), (500, 100), (200, 50), (80, 20), (40, 10), (20, 4))
_DEPTH = 6
_Item = TypeVar("_Item")


class Block(str):
    """Lines that were fenced before, to be shown as they stand."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: ``data`` of JSON kinds, made harmless, and ``text`` in place of the outline of it."""

    data: Mapping[str, Any]
    text: str | None = None

    @property
    def size(self) -> int:
        """Characters of its longer form."""
        return max(len(_compact(self.data)), len(self.text if self.text is not None else outline(self.data)))


def plain(value: Any, width: int = 2000) -> Any:
    """A record or value as JSON, its texts cleaned and cut to ``width`` characters; what is None or empty is left out."""
    if isinstance(value, Block):
        return value
    if isinstance(value, str):
        return clean(value, width)
    if isinstance(value, bool) or value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        return number_out(value)
    if hasattr(value, "model_dump"):
        value = value.model_dump(mode="json")
    if isinstance(value, Mapping):
        pairs = ((clean(str(key), 200), plain(inner, width)) for key, inner in value.items())
        return {key: inner for key, inner in pairs if inner not in (None, "", [], {})}
    return [plain(inner, width) for inner in value]


def fenced(text: str) -> Block:
    """A patch, code or printed lines by others, each line behind ``"| "``."""
    return Block(block(text))


def lines_of(text: str, *, start: int, most: int) -> tuple[Block, int | None, int]:
    """A window on a long text, in whole lines.

    Args:
        text: All of it.
        start: First line that is wanted, from 0.
        most: Characters that the fenced lines may take.

    Returns:
        The fenced lines, the number of the line that comes next or None, and how many lines there are.
    """
    lines = text.removesuffix("\n").split("\n") if text else []
    taken: list[str] = []
    size = 0
    for line in lines[start:]:
        shown = block(line)
        size += len(json.dumps(shown, ensure_ascii=False)) + 1
        if size > most and taken:
            break
        taken.append(shown)
    end = start + len(taken)
    return Block("\n".join(taken)), end if end < len(lines) else None, len(lines)


def listed(
    name: str,
    fetch: Callable[[int], tuple[Sequence[Any], str | None]],
    limit: int,
    most: int,
    **head: Any,
) -> Reply:
    """A list that fits: as many items as there is room for, and the cursor that goes on behind the last of them.

    Args:
        name: What the items are called.
        fetch: The first so many items, and the cursor behind them; called again with fewer when they do not fit.
        limit: Most items.
        most: Characters that the answer may have.
        head: What stands before the list.
    """
    while True:
        items, cursor = fetch(limit)
        said = {**head, name: [plain(item, 500) for item in items]}
        reply = Reply({**said, "next_cursor": cursor, "truncated": cursor is not None})
        if reply.size <= most - _SLACK or len(items) <= 1:
            return reply
        limit = max(1, min(len(items) - 1, len(items) * (most - _SLACK) // reply.size))


def newest(items: Sequence[_Item], limit: int, cursor: str | None) -> tuple[list[_Item], str | None]:
    """The newest of a list that only grows, newest first; the cursor is the number of items before the last one shown."""
    end = len(items) if cursor is None or not cursor.isdecimal() else min(int(cursor[:12]), len(items))
    start = max(0, end - limit)
    return list(reversed(items[start:end])), str(start) if start else None


def bounded(reply: Reply, most: int) -> Reply:
    """The reply itself when it fits, else with ever shorter texts and lists, and ``truncated`` says so."""
    if reply.size <= most:
        return reply
    for width, items in _STEPS:
        data = {**_shortened(reply.data, width, items, _DEPTH), "truncated": True}
        shorter = Reply(data)
        if shorter.size <= most:
            return shorter
    said = cut(_compact(reply.data), most // 3)
    return Reply({"truncated": True, "beginning": said})


def outline(data: Mapping[str, Any]) -> str:
    """The data as text: a line for each value, and one for each item of a list."""
    lines: list[str] = []
    for key, value in data.items():
        if value is None or value is False or value in ("", [], {}):
            continue
        if isinstance(value, Block):
            lines += [f"{key}:", value]
        elif isinstance(value, list) and any(isinstance(inner, Mapping) for inner in value):
            lines.append(f"{key}:")
            lines += [f"- {_pairs(inner)}" for inner in value]
        else:
            lines.append(f"{key}: {_pairs(value)}")
    return "\n".join(lines) or "nothing"


def _pairs(value: Any) -> str:
    if isinstance(value, Mapping):
        said = (pair for pair in value.items() if pair[1] is not None and pair[1] is not False)
        return " ".join(f"{key}={_said(inner)}" for key, inner in said)
    return _said(value)


def _said(value: Any) -> str:
    if isinstance(value, str) and _SIMPLE.match(value):
        return value
    if isinstance(value, list) and all(isinstance(inner, int | float) for inner in value):
        return ",".join(f"{inner:.6g}" if isinstance(inner, float) else str(inner) for inner in value)
    if isinstance(value, float):
        return f"{value:.6g}"
    return _compact(value)


def _shortened(value: Any, width: int, items: int, depth: int) -> Any:
    if isinstance(value, Block):
        room = width * items // 20
        if len(value) <= room:
            return value
        return Block(value[:room].rpartition("\n")[0] or value[:room])
    if isinstance(value, str):
        return cut(value, width)
    if isinstance(value, Mapping):
        if depth <= 0:
            return {}
        kept = list(value.items())[:items]
        return {cut(key, 100): _shortened(inner, width, items, depth - 1) for key, inner in kept}
    if isinstance(value, list):
        return [_shortened(inner, width, items, depth - 1) for inner in value[:items]] if depth > 0 else []
    return value


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
