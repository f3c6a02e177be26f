"""Text into physical lines, lines into cells: tabs, commas, quotes, and what agents write instead of them."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

__all__ = ["SEPARATORS", "Record", "cells_of", "decode", "physical_lines", "records"]

SEPARATORS = ("\t", "\\t", ",", ";")
"""What may stand between two cells; the second is a backslash and a t, which agents write when they mean a tab."""

_QUOTED_LINES = 64
_QUOTED_CHARS = 32 * 1024
_QUOTED = re.compile(r'"([^"]*+(?:""[^"]*+)*+)"')
_OPEN = re.compile(r'"[^"]*+(?:""[^"]*+)*+\Z')


@dataclass(frozen=True, slots=True)
class Record:
    """One row: its cells, and the physical lines it stands on (from 1, ``end`` included)."""

    line: int
    end: int
    cells: tuple[str, ...]


def decode(data: str | bytes) -> str:
    """Text of a file: UTF-8 or, with its mark, UTF-16; bytes that are neither become U+FFFD."""
    if isinstance(data, bytes):
        wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        data = data.decode("utf-16" if wide else "utf-8", errors="replace")
    return data.removeprefix("\ufeff")


def physical_lines(text: str) -> list[str]:
    """Lines as an editor counts them: split at LF, a CR before it removed; a file without LF is split at CR."""
    lines = text.split("\n" if "\n" in text or "\r" not in text else "\r")
    if lines and not lines[-1]:
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def cells_of(text: str, separator: str) -> tuple[list[str], bool]:
    """Cells of a line, and whether its last cell opens a quote that it does not close.

    A cell is quoted only when a quote begins it and the matching one ends it; any other quote is an ordinary
    character, for most logs are written without a thought of quoting.
    """
    if '"' not in text:
        return text.split(separator), False
    cells: list[str] = []
    at = 0
    while True:
        quoted = _QUOTED.match(text, at)
        if quoted and (quoted.end() == len(text) or text.startswith(separator, quoted.end())):
            cells.append(quoted[1].replace('""', '"'))
            end = quoted.end()
        elif not quoted and _OPEN.match(text, at):
            return [*cells, *text[at:].split(separator)], True
        else:
            end = text.find(separator, at)
            end = len(text) if end < 0 else end
            cells.append(text[at:end])
        if end == len(text):
            return cells, False
        at = end + len(separator)


def records(
    lines: Sequence[str], start: int, separator: str, whole: Callable[[Sequence[str]], bool]
) -> Iterator[Record]:
    """The rows from index ``start`` on; blank lines between rows are passed over.

    Args:
        lines: Physical lines of the file.
        start: Index of the first line to read.
        separator: What stands between cells in the header.
        whole: Whether cells are a complete row. It decides when a line may be read with another separator, and when
            a quoted cell may go on over several lines; a quote that never closes is an ordinary character.
    """
    index = start
    while index < len(lines):
        line = lines[index]
        if not line.strip():
            index += 1
            continue
        end, cells = _record(lines, index, separator, whole)
        yield Record(index + 1, end + 1, tuple(cells))
        index = end + 1


def _record(
    lines: Sequence[str], index: int, separator: str, whole: Callable[[Sequence[str]], bool]
) -> tuple[int, list[str]]:
    cells, unclosed = cells_of(lines[index], separator)
    if unclosed:
        longer = _over_lines(lines, index, separator, whole)
        if longer:
            return longer
        cells = lines[index].split(separator)
    if not whole(cells):
        for other in SEPARATORS:
            if other != separator and other in lines[index]:
                found, _ = cells_of(lines[index], other)
                if whole(found):
                    return index, found
    return index, cells


def _over_lines(
    lines: Sequence[str], index: int, separator: str, whole: Callable[[Sequence[str]], bool]
) -> tuple[int, list[str]] | None:
    """The row whose quoted cell goes on below, within bounds; None when no such row is there."""
    joined = lines[index]
    for end in range(index + 1, min(index + _QUOTED_LINES, len(lines))):
        # A complete row in between says that the quote above was never meant as one.
        if whole(cells_of(lines[end], separator)[0]):
            return None
        joined += "\n" + lines[end]
        if len(joined) > _QUOTED_CHARS:
            return None
        if '"' in lines[end]:
            cells, unclosed = cells_of(joined, separator)
            if not unclosed:
                return (end, cells) if whole(cells) else None
    return None
