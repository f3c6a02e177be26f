"""What text may be: the rules alone, so that a training script can check a name without loading the models."""

from __future__ import annotations

__all__ = [
    "MOST_DEEP",
    "MOST_OF_A_NAME",
    "clean_line",
    "clean_name",
    "clean_path",
    "clean_text",
    "folder_name",
]

MOST_DEEP = 32
"""How many folders may lie in one another."""

MOST_OF_A_NAME = 200
"""Characters of the name of a folder."""

_CONTROL = frozenset(map(chr, (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)))


def clean_text(value: str) -> str:
    """Text as every backend can hold it.

    Raises:
        ValueError: It has a NUL character or a lone surrogate.
    """
    if "\0" in value:
        raise ValueError("text must not contain NUL characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("text must be valid Unicode, without lone surrogates") from None
    return value


def clean_line(value: str) -> str:
    """One line.

    Raises:
        ValueError: It has control characters, or white space at an end.
    """
    if not _CONTROL.isdisjoint(value):
        raise ValueError("must be one line without control characters")
    if value != value.strip():
        raise ValueError("must not begin or end with white space")
    return clean_text(value)


def clean_name(value: str) -> str:
    r"""A name that is safe in a path or a URL segment.

    Raises:
        ValueError: It has ``/``, ``\`` or ``:``, or is not one line.
    """
    value = clean_line(value)
    if "/" in value or ":" in value or "\\" in value or value in {".", ".."}:
        raise ValueError("must not contain '/', '\\' or ':'")
    return value


def folder_name(value: str) -> str:
    """The name of a folder.

    Raises:
        ValueError: It has ``/``, no character or more than 200, or is not one line.
    """
    if not 1 <= len(value) <= MOST_OF_A_NAME:
        raise ValueError(f"a name must have 1 to {MOST_OF_A_NAME} characters")
    if "/" in value or value in {".", ".."}:
        raise ValueError("must not contain '/', which parts a folder's path")
    return clean_line(value)


def clean_path(path: str) -> tuple[str, ...]:
    """The names in the path of a folder, such as ``sweeps/lr``; a ``/`` at its beginning or end means nothing.

    Raises:
        ValueError: It has no name, one that is none, or more than 32.
    """
    names = tuple(map(folder_name, path.strip("/").split("/")))
    if len(names) > MOST_DEEP:
        raise ValueError(f"it is {len(names)} folders deep, and {MOST_DEEP} is the most")
    return names
