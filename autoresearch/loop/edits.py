"""Constants and marked blocks of a Python file, found and replaced without running or reformatting it.

A constant is a line ``NAME = number`` with an upper-case name; a block is what stands between ``# [block: name]``
and ``# [end]``.
"""

from __future__ import annotations

import re

from autoresearch.errors import Invalid

__all__ = ["blocks", "constants", "with_block", "with_constant"]

_CONSTANT = re.compile(
    r"^(?P<name>[A-Z][A-Z0-9_]*)(?P<is>[ ]?=[ ]?)(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?P<rest>[ ]*(?:#.*)?)$",
    re.MULTILINE,
)
_BLOCK = re.compile(
    r"^# \[block: (?P<name>[a-z][a-z0-9_]*)\]\n(?P<body>(?:(?!# \[end\]).*\n)*)# \[end\]$", re.MULTILINE
)


def constants(text: str) -> dict[str, str]:
    """The numeric constants as written, by name; of a name that is set twice the first."""
    found: dict[str, str] = {}
    for match in _CONSTANT.finditer(text):
        found.setdefault(match["name"], match["number"])
    return found


def blocks(text: str) -> dict[str, str]:
    """The bodies of the marked blocks, by name."""
    return {match["name"]: match["body"] for match in _BLOCK.finditer(text)}


def with_constant(text: str, name: str, literal: str) -> str:
    """The text with another value for a constant.

    Raises:
        Invalid: There is no such constant.
    """
    for match in _CONSTANT.finditer(text):
        if match["name"] == name:
            return text[: match.start("number")] + literal + text[match.end("number") :]
    raise _missing("constant", name, constants(text))


def with_block(text: str, name: str, body: str) -> str:
    """The text with another body for a block; the body ends with a line break.

    Raises:
        Invalid: There is no such block.
    """
    for match in _BLOCK.finditer(text):
        if match["name"] == name:
            return text[: match.start("body")] + body + text[match.end("body") :]
    raise _missing("block", name, blocks(text))


def _missing(kind: str, name: str, known: dict[str, str]) -> Invalid:
    return Invalid(f"The file has no {kind} {name!r}.", hint=f"It has {', '.join(sorted(known)) or 'none'}.")
