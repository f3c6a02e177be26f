"""Sentences on what was left out, each kind once, with the first names and a count."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["Notices", "shown_name", "shown_size"]

_SHOWN = 10
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Notices:
    """Collects names under headings: ``"Too large: a, b and 7 more."``."""

    def __init__(self) -> None:
        self._kinds: dict[str, list[str]] = {}

    def add(self, heading: str, names: Iterable[str] = ()) -> None:
        """Put names under a heading; without names for one that wants some nothing is said."""
        new = list(names)
        if new:
            self._kinds.setdefault(heading, []).extend(new)

    def say(self, sentence: str) -> None:
        """Add a sentence that has no names."""
        self._kinds.setdefault(sentence, [])

    def lines(self) -> tuple[str, ...]:
        """All notices, in the order in which their headings came up."""
        return tuple(_line(heading, names) for heading, names in self._kinds.items())


def _line(heading: str, names: list[str]) -> str:
    if not names:
        return heading
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{heading}: {', '.join(map(shown_name, names[:_SHOWN]))}{more}."


def shown_name(name: str) -> str:
    """A file name that is safe on a terminal and in a line of text, at most 200 characters."""
    safe = _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", name)
    return safe if len(safe) <= 200 else safe[:197] + "..."


def shown_size(size: int) -> str:
    """A number of bytes for people: ``"12 bytes"``, ``"3.4 MiB"``."""
    amount = float(size)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if amount < 1024 or unit == "GiB":
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{size} bytes"
