"""Write an answer: for people, for agents, as JSON, or as bare ids. Nothing by others reaches a terminal uncleaned."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence

from autoresearch.cli.answer import Answer, Block, Cell, Column, Drawing, Facts, Kind, Prose, Quoted, Table
from autoresearch.cli.face import Face, View
from autoresearch.render.points import clean

__all__ = ["SCHEMA_VERSION", "as_bytes", "for_people", "painted", "visible"]

SCHEMA_VERSION = 1
"""Version of the JSON documents; it grows when a key changes its meaning or goes."""

_STYLES = {
    "title": "1",
    "head": "2",
    "kept": "32",
    "keep": "32",
    "ok": "32",
    "dropped": "2",
    "drop": "2",
    "crashed": "31",
    "crash": "31",
    "running": "36",
    "finished": "32",
    "failed": "31",
    "killed": "33",
    "fail": "31;1",
    "error": "31;1",
    "warn": "33",
    "warning": "33",
    "hint": "36",
    "added": "32",
    "removed": "31",
    "hunk": "36",
}
_CELL = 10_000
_GAP = "  "
_ANYWAY = "autoresearch context"
_RIGHT: frozenset[Kind] = frozenset({"number", "score", "gain"})
_LEAST = 16
_NARROW = 110


def as_bytes(answer: Answer, face: Face) -> bytes:
    """All of standard output."""
    if face.form == "json":
        document = {"schema_version": SCHEMA_VERSION, **answer.document}
        # ASCII alone: what JSON leaves unescaped (C1 controls, direction marks) may act on a terminal.
        return (json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False) + "\n").encode()
    if face.form == "quiet":
        return "".join(f"{clean(name, _CELL)}\n" for name in answer.ids).encode("utf-8", "replace")
    if answer.raw is not None and not (answer.blocks and face.form == "human"):
        return answer.raw
    agents = face.form == "agent"
    blocks = answer.brief if agents and answer.brief is not None else answer.blocks
    parts = [text for block in blocks if (text := _agents(block) if agents else for_people(block, face.view))]
    if agents:
        parts.append(f"next: {answer.following or _ANYWAY}")
    text = ("\n" if agents else "\n\n").join(parts)
    encoded = (text + "\n" * bool(text)).encode("utf-8", "replace")
    return encoded if face.view.unicode else encoded.decode().encode("ascii", "replace")


def painted(text: str, style: str, *, color: bool) -> str:
    """Text in a style, where colours are understood."""
    code = _STYLES.get(style)
    return f"\x1b[{code}m{text}\x1b[0m" if color and code and text.strip() else text


def visible(line: str) -> str:
    """A line by others as it stands, its spaces kept; what would act on a terminal shows as U+FFFD.

    Of a line that was drawn over and over, as progress bars are, the last state is taken.
    """
    last = line.rstrip("\r").rpartition("\r")[2].expandtabs(4)
    return last if last.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in last)


def _agents(block: Block) -> str:
    match block:
        case Table():
            head = "\t".join(clean(column.name) for column in block.columns)
            rows = (
                "\t".join(_exact(cell, column.kind) for cell, column in zip(row, block.columns, strict=True))
                for row in block.rows
            )
            title = [f"# {block.title}"] if block.title else []
            return "\n".join([*title, head, *rows])
        case Facts():
            return "\n".join(f"{name}: {_exact(value)}" for name, value in block.rows if value is not None)
        case Quoted():
            return "\n".join([f"{block.title}:", *_quoted(block.text)])
        case Prose():
            return block.text.rstrip("\n")
        case Drawing():
            return ""


def for_people(block: Block, view: View) -> str:
    """A block as people read it; empty when it has nothing to say."""
    match block:
        case Table():
            return "\n".join(_table(block, view))
        case Facts():
            return "\n".join(_facts(block, view))
        case Quoted():
            return "\n".join([painted(block.title, "title", color=view.color), *_quoted(block.text)])
        case Prose():
            return block.text.rstrip("\n")
        case Drawing():
            return block.draw(view).rstrip("\n")


def _quoted(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        yield f"| {visible(line)}".rstrip()


def _exact(value: Cell, kind: Kind = "text") -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:+.10g}" if kind == "gain" else f"{value:.10g}"
    return clean(str(value), _CELL)


def _readable(value: Cell, kind: Kind = "text") -> str:
    if value is None:
        return "-" if kind in {"score", "gain"} else ""
    if isinstance(value, float):
        return f"{value:+.4g}" if kind == "gain" else f"{value:.6g}"
    return clean(str(value), _CELL)


def _facts(block: Facts, view: View) -> Iterator[str]:
    if block.title:
        yield painted(block.title, "title", color=view.color)
    rows = [(name, _readable(value)) for name, value in block.rows if value is not None]
    wide = max((len(name) for name, _ in rows), default=0)
    for name, text in rows:
        head = painted(name.ljust(wide), "head", color=view.color)
        lines = _wrapped(text, view.width - wide - len(_GAP)) if view.width else [text]
        yield f"{head}{_GAP}{painted(lines[0], text, color=view.color)}".rstrip()
        yield from (" " * (wide + len(_GAP)) + line for line in lines[1:])


def _wrapped(text: str, width: int) -> list[str]:
    # Paths and digests are copied whole, so that only white space may break a line.
    lines = textwrap.wrap(text, max(_LEAST, width), break_long_words=False, break_on_hyphens=False)
    return lines or [""]


def _table(table: Table, view: View) -> Iterator[str]:
    if table.title:
        yield painted(table.title, "title", color=view.color)
    if not table.rows:
        yield painted(table.empty, "head", color=view.color)
        return
    columns = table.columns
    cells = [[_readable(cell, c.kind) for cell, c in zip(row, columns, strict=True)] for row in table.rows]
    # A column in which nobody said anything is left out.
    narrow = view.width is not None and view.width < _NARROW
    used = [
        place
        for place, column in enumerate(columns)
        if any(row[place].strip("-") for row in cells) and not (narrow and column.optional)
    ]
    columns, cells = [columns[n] for n in used], [[row[n] for n in used] for row in cells]
    widths = _widths(columns, cells, view)
    yield _line([c.name for c in columns], columns, widths, view, head=True)
    for row in cells:
        yield _line(row, columns, widths, view)


def _widths(columns: Sequence[Column], cells: Sequence[Sequence[str]], view: View) -> list[int]:
    from rich.cells import cell_len

    widths = [
        max([cell_len(c.name), *(cell_len(row[n]) for row in cells)], default=0)
        for n, c in enumerate(columns)
    ]
    flexible = [n for n, column in enumerate(columns) if column.kind == "flexible"]
    if view.width is None or not flexible:
        return widths
    fixed = sum(width for n, width in enumerate(widths) if n not in flexible)
    left = max(_LEAST * len(flexible), view.width - fixed - len(_GAP) * (len(columns) - 1))
    # Those that need less than an equal share leave the rest to the others.
    for done, n in enumerate(sorted(flexible, key=lambda n: widths[n])):
        widths[n] = min(widths[n], left // (len(flexible) - done))
        left -= widths[n]
    return widths


def _line(
    cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int], view: View, *, head: bool = False
) -> str:
    from rich.cells import cell_len, set_cell_size

    parts: list[str] = []
    for text, column, width in zip(cells, columns, widths, strict=True):
        cut = text
        if cell_len(text) > width:
            cut = set_cell_size(text, width - 1).rstrip() + ("…" if view.unicode else "~")
        room = " " * max(0, width - cell_len(cut))
        style = "head" if head else text if column.kind == "state" else ""
        inked = painted(cut, style, color=view.color)
        parts.append(room + inked if column.kind in _RIGHT else inked + room)
    return _GAP.join(parts).rstrip()
