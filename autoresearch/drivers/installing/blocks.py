"""A few lines of ours in a file of instructions, between two marks, so that they can be renewed and taken out again."""

from __future__ import annotations

import re

from autoresearch.errors import InstallError

__all__ = ["BLOCK", "END", "START", "with_block", "without_block"]

START = "<!-- autoresearch:start -->"
END = "<!-- autoresearch:end -->"
BLOCK = f"""{START}
## Research with autoresearch

This repository is improved by measured experiments, which autoresearch remembers. Before you change code to improve the score,
read the context (tool `get_context`, or `autoresearch context`) and ask whether your idea was tried (`check_tried`, or
`autoresearch tried`). Make one change at a time, record it with the flaw that you saw and the fix that you made, measure it, and
judge it by its score. The skill `autoresearch` says how.
{END}
"""
_BLOCK = re.compile(rf"{re.escape(START)}.*?{re.escape(END)}\r?\n?", re.DOTALL)


def with_block(text: str) -> str:
    """The text with our lines in it, at the place where they stand or at its end.

    Raises:
        InstallError: A mark stands there alone or twice.
    """
    _check(text)
    newline = "\r\n" if "\r\n" in text else "\n"
    block = BLOCK.replace("\n", newline)
    found = _BLOCK.search(text)
    if found:
        return (
            text[: found.start()]
            + (block if found[0].endswith("\n") else block.rstrip("\r\n"))
            + text[found.end() :]
        )
    if not text:
        return block
    # Without a line break at the end of the file ours has none either, so that taking it out gives the file back.
    return text + (newline + block if text.endswith("\n") else 2 * newline + block.rstrip("\r\n"))


def without_block(text: str) -> str | None:
    """The text without our lines; None when nothing else was in it.

    Raises:
        InstallError: A mark stands there alone or twice.
    """
    _check(text)
    found = _BLOCK.search(text)
    if not found:
        return text
    before, after = text[: found.start()], text[found.end() :]
    if not after and not found[0].endswith("\n"):
        before = before.removesuffix("\n").removesuffix("\r").removesuffix("\n").removesuffix("\r")
    elif before.endswith(("\n\n", "\r\n\r\n")):
        before = before.removesuffix("\n").removesuffix("\r")
    left = before + after
    return left if left.strip() else None


def _check(text: str) -> None:
    starts, ends = text.count(START), text.count(END)
    if starts != ends or starts > 1 or (starts and text.index(START) > text.index(END)):
        raise InstallError(
            f"It has {starts} times {START} and {ends} times {END}.",
            hint="Leave one of each, the first before the second, or take both out.",
        )
