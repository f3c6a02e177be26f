"""Fill what a profile leaves open: ``{folder}``, ``{model}`` and so on, as text, JSON or TOML, or as the value itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["fill", "laid_over", "names", "toml"]

_OPEN = re.compile(r"\{([a-z][a-z_.]*)(?::(json|toml))?\}")


def names(value: Any) -> Iterator[str]:
    """The names that a value leaves open, at any depth."""
    if isinstance(value, str):
        yield from (match[1] for match in _OPEN.finditer(value))
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from names(key)
            yield from names(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from names(inner)


def fill(value: Any, given: Mapping[str, Any]) -> Any:
    """The value with every open name filled in.

    A text that is one open name and nothing else becomes the value of that name, a list or table too; within a text it
    stands as it is, or as ``{name:json}`` or ``{name:toml}`` in one of these forms. Other braces stay what they are.

    Raises:
        KeyError: A name is not given.
    """
    if isinstance(value, str):
        whole = _OPEN.fullmatch(value)
        if whole and not whole[2]:
            return given[whole[1]]
        return _OPEN.sub(lambda match: _written(given[match[1]], match[2]), value)
    if isinstance(value, Mapping):
        return {str(fill(key, given)): fill(inner, given) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [fill(inner, given) for inner in value]
    return value


def toml(value: Any) -> str:
    """One value in TOML, on one line: text, numbers, truth values, and lists and tables of them."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{toml(str(key))} = {toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    # Where JSON writes a text without escaping what is not ASCII, TOML reads the same; but for this one character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def laid_over(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    """A table with the values of another laid over it, table by table; a list takes the place of a list."""
    laid = dict(base)
    for key, value in top.items():
        below = laid.get(key)
        tables = isinstance(value, Mapping) and isinstance(below, Mapping)
        laid[key] = laid_over(below, value) if tables and isinstance(below, Mapping) else value
    return laid


def _written(value: Any, form: str | None) -> str:
    if form == "toml":
        return toml(value)
    return json.dumps(value) if form == "json" else str(value)
