"""Text by others, made harmless: cleaned, bounded, and fenced so that it can only be read as data.

Notes, reasons, names and logs come from people, agents and programs. In a brief they stand in one of two forms:

- a quotation: one line, a JSON string, so that nothing inside can end it, start a heading or speak for another role;
- a log or a patch: every line behind ``"| "``.

What cannot be seen is removed before: terminal sequences, control characters, bidirectional marks, zero-width and
tag characters. A ``<`` that opens a tag becomes U+2039, which looks like
it: chat formats give tags a meaning even inside quotations.
"""

from __future__ import annotations

import json
import re
import unicodedata
from functools import lru_cache

__all__ = ["block", "clean", "cut", "log_lines", "quote"]

_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # titles, links, device strings
    r"|\x1b[ -/]*[0-~]"
)
_TAG = re.compile(r"<(?=[A-Za-z/!?|\\\[{])")
# Printable by category, and yet nothing is drawn: fillers, joiners, variation selectors.
_UNSEEN = frozenset(
    [
        *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
        *range(0x180B, 0x1810),
        *range(0xFE00, 0xFE10),
        *range(0xE0100, 0xE01F0),
    ]
)
_MARK = r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_STACKED = re.compile(rf"({_MARK}{{2}}){_MARK}+")
_READ, _KNOWN = 2000, 10_000
_encode = json.JSONEncoder(ensure_ascii=False).encode


class _Visible(dict[int, int | str | None]):
    """What becomes of each character: itself, a space, or nothing."""

    def __missing__(self, point: int) -> int | str | None:
        character = chr(point)
        kept: int | str | None = None
        if character.isspace():
            kept = " "
        elif character.isprintable() and point not in _UNSEEN:
            kept = point
        if len(self) >= _KNOWN:
            self.clear()
        self[point] = kept
        return kept


_visible = _Visible()


def clean(text: str, most: int = 500) -> str:
    """One line of visible text of at most ``most`` characters; a cut is marked with ``…``."""
    return cut(_cleaned(text[:_READ], len(text) > _READ), most)


def cut(text: str, most: int) -> str:
    """The beginning of a text, at most ``most`` characters (at least 1) with the mark of the cut."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def quote(text: str, most: int = 500) -> str:
    """A quotation: the cleaned text as a JSON string, on one line."""
    return _encode(clean(text, most))


def log_lines(text: str, *, lines: int, width: int) -> tuple[str, ...]:
    """The last lines of a log that say something, cleaned; each is to be written behind ``"| "``.

    Of a line that was drawn over and over (a progress bar) the last state is taken.
    """
    found: list[str] = []
    for line in reversed(text[-lines * _READ :].split("\n")):
        said = clean(line.rstrip("\r").rpartition("\r")[2], width)
        if said:
            found.append(said)
        if len(found) >= lines:
            break
    return tuple(reversed(found))


def block(text: str) -> str:
    """Text of several lines, a patch or code: every line behind ``"| "``, its spaces and tabs kept, all else cleaned."""
    return "\n".join("| " + _line(line.removesuffix("\r")) for line in text.split("\n"))


def _line(text: str) -> str:
    text, more = text[:_READ], len(text) > _READ
    if not (text.isascii() and text.isprintable()):
        # A carriage return would let what follows it overwrite the mark at the beginning of the line.
        parts = _ESCAPES.sub("", text).split("\t")
        text = _STACKED.sub(
            r"\1", unicodedata.normalize("NFC", "\t".join(p.translate(_visible) for p in parts))
        )
    return _TAG.sub("\u2039", text) + ("…" if more else "")


@lru_cache(maxsize=2048)
def _cleaned(text: str, more: bool) -> str:  # noqa: FBT001  the key of the cache
    if not (text.isascii() and text.isprintable()):
        text = _ESCAPES.sub("", text)
        text = _STACKED.sub(r"\1", unicodedata.normalize("NFC", text.translate(_visible)))
    text = _TAG.sub("\u2039", text)
    return " ".join(text.split()) + ("…" if more else "")
