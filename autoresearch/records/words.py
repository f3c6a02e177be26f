"""What text may be: the rules alone, so that a training script can check a name without loading the models."""

from __future__ import annotations

__all__ = ["clean_line", "clean_name", "clean_text"]

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
