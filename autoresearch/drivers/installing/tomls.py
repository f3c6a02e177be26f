"""TOML edited as text: one table is set or taken out, and everything else stays as it is, comments included.

A new table is written behind everything else. Every edit is checked: what the new text means is what the old one meant, with
that one table changed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from autoresearch.errors import Conflict, Invalid

__all__ = ["get", "parsed", "with_table", "without_table"]

_HEADER = re.compile(r"^[ \t]*\[", re.MULTILINE)


def parsed(text: str) -> dict[str, Any]:
    """What a text means.

    Raises:
        Invalid: It is no TOML.
    """
    try:
        # A bare carriage return is refused by the format; those before a line feed are not.
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"It is no valid TOML: {error}.", hint="Mend it by hand first.") from None


def get(text: str, path: Sequence[str]) -> Any:
    """The value at a path of names; None when there is none."""
    value: Any = parsed(text)
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def with_table(text: str, path: Sequence[str], table: Mapping[str, Any]) -> str:
    """The text with a table at a path of names; keys that it has and that are not given go.

    Raises:
        Invalid: The text is no TOML.
        Conflict: It is written in a way that cannot be edited safely.
    """
    wanted = _changed(parsed(text), path, dict(table))
    if wanted == parsed(text):
        return text
    edits = (_updated,) if get(text, path) is not None else (_appended, _updated)
    for edit in edits:
        if _means(made := edit(text, path, table), wanted):
            return made
    raise _unsafe()


def without_table(text: str, path: Sequence[str]) -> str:
    """The text without the table at a path.

    Raises:
        Invalid: The text is no TOML.
        Conflict: It is written in a way that cannot be edited safely.
    """
    if get(text, path) is None:
        return text
    wanted = _changed(parsed(text), path, None)
    # A table that holds nothing more may go with it, or stay.
    bare = wanted if wanted.get(path[0]) else {name: one for name, one in wanted.items() if name != path[0]}
    for made in (*_cut(text, path), _deleted(text, path)):
        if _means(made, wanted) or _means(made, bare):
            return made
    raise _unsafe()


def _changed(data: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    name, *rest = path
    made = dict(data)
    if rest:
        below = made.get(name, {})
        if not isinstance(below, dict):
            raise Conflict(f"{name} is no table.", hint="Mend it by hand first.")
        made[name] = _changed(below, rest, value)
    elif value is None:
        made.pop(name, None)
    else:
        made[name] = value
    return made


def _means(text: str, wanted: Mapping[str, Any]) -> bool:
    try:
        return tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        return False


def _unsafe() -> Conflict:
    return Conflict("The file is written in a way that cannot be edited safely.", hint="Edit it by hand.")


def _appended(text: str, path: Sequence[str], table: Mapping[str, Any]) -> str:
    import tomlkit

    nested: Any = tomlkit.table()
    for name, value in table.items():
        nested.add(name, value)
    for name in reversed(path):
        above = tomlkit.table(is_super_table=True)
        above.add(name, nested)
        nested = above
    document = tomlkit.document()
    document.update(nested)
    newline = "\r\n" if "\r\n" in text else "\n"
    block = tomlkit.dumps(document).strip("\n") + "\n"
    if not text.strip():
        return text + block
    whole = text.endswith("\n")
    between = "\n" if whole else "\n\n"
    return text + (between + (block if whole else block.rstrip("\n"))).replace("\n", newline)


def _updated(text: str, path: Sequence[str], table: Mapping[str, Any]) -> str:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document: Any = tomlkit.parse(text)
        at = document
        for name in path[:-1]:
            at = at.setdefault(name, tomlkit.table(is_super_table=True))
        there = at.get(path[-1])
        if there is None:
            inline = tomlkit.inline_table()
            inline.update(table)
            at[path[-1]] = inline
        else:
            _merge(there, table)
        made = str(tomlkit.dumps(document))
        return made if text.endswith("\n") or not text else made.removesuffix("\n")
    except (TOMLKitError, ValueError, TypeError, AttributeError) as error:
        raise _unsafe() from error


def _merge(there: Any, table: Mapping[str, Any]) -> None:
    for name in [name for name in there if name not in table]:
        del there[name]
    for name, value in table.items():
        if name not in there or there[name] != value:
            there[name] = value


def _cut(text: str, path: Sequence[str]) -> Iterator[str]:
    """The text without each stretch that begins with a header of the table and ends before another header, shortest first."""
    header = re.compile(
        r"^[ \t]*\[[ \t]*"
        + r"[ \t]*\.[ \t]*".join(f"[\"']?{re.escape(name)}[\"']?" for name in path)
        + r"[ \t]*[\].]",
        re.MULTILINE,
    )
    # The first one may stand in a text of several lines; then what is left does not mean what it should.
    for found in header.finditer(text):
        ends = [one.start() for one in _HEADER.finditer(text, found.end())] + [len(text)]
        for end in ends:
            yield _without(text, found.start(), end)


def _without(text: str, start: int, end: int) -> str:
    """The text without a stretch; comments and blank lines at its end belong to what follows, a blank line before to it."""
    lines = text[start:end].splitlines(keepends=True)
    while lines and (not lines[-1].strip() or lines[-1].lstrip().startswith("#")):
        lines.pop()
    end = start + sum(map(len, lines))
    before, after = text[:start], text[end:]
    if not after and not text.endswith("\n"):
        return before.rstrip("\r\n")
    blank = "\r\n" if before.endswith("\r\n\r\n") else "\n" if before.endswith("\n\n") else ""
    return (before.removesuffix(blank) if blank else before) + after


def _deleted(text: str, path: Sequence[str]) -> str:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document: Any = tomlkit.parse(text)
        at = document
        for name in path[:-1]:
            at = at[name]
        del at[path[-1]]
        return str(tomlkit.dumps(document))
    except (TOMLKitError, ValueError, TypeError) as error:
        raise _unsafe() from error
