"""A change of a file as a unified diff in which the secrets of others are not shown.

The files belong to other programs, and what stands beside our entry may hold their keys; a diff goes to terminals, logs and
transcripts.
"""

from __future__ import annotations

import difflib
import json
import re

from autoresearch.drivers.installing import jsonc
from autoresearch.errors import AutoresearchError

__all__ = ["shown_diff"]

_WIDEST = 400
_PAIR = re.compile(r"""(?P<name>"?[\w.-]+"?)(?P<is>\s*[:=]\s*)(?P<value>"(?:[^"\\]|\\.)*"|'[^']*')""")
_ITEM = re.compile(r"""^(?P<before>\s*)(?P<value>"(?:[^"\\]|\\.)*"|'[^']*')(?P<after>\s*,?\s*)$""")
_REFERENCE = re.compile(r"\$\{?\w|\{env:")
_PLAIN = frozenset({"type", "command", "args", "url", "httpUrl", "env_vars", "bearer_token_env_var"})
"""Names of what we write that is a text; whatever else stands in our entry was put there by its user."""


def shown_diff(name: str, before: str, after: str | None, *, format: str = "") -> str:  # noqa: A002  the field's word
    """A unified diff; empty when both are the same.

    Args:
        name: How the file is called in it.
        before: The text that is there; empty for none.
        after: The text that shall be there; None when the file is removed.
        format: ``json`` spreads a text that stands on one line, so that the change can be seen.
    """
    old, new = before, after or ""
    if format == "json" and max(map(len, [*old.splitlines(), *new.splitlines(), ""])) > _WIDEST:
        old, new = _spread(old), _spread(new)
    lines = difflib.unified_diff(
        old.splitlines(),
        new.splitlines(),
        "/dev/null" if not before else name,
        "/dev/null" if after is None else name,
        lineterm="",
        n=2,
    )
    return "\n".join(_hidden(line)[:_WIDEST] for line in lines)


def _spread(text: str) -> str:
    try:
        return json.dumps(jsonc.parsed(text), indent=2, ensure_ascii=False) if text.strip() else ""
    except AutoresearchError:
        return text


def _hidden(line: str) -> str:
    """A line whose values may be read by anybody: of others' lines none, of ours what we write ourselves."""
    if line.startswith(("--- ", "+++ ", "@@")):
        return line
    of_others = line.startswith(" ")

    def pair(found: re.Match[str]) -> str:
        name, value = found["name"].strip('"'), found["value"]
        safe = _REFERENCE.search(value) or (name in _PLAIN and not of_others)
        return f"{found['name']}{found['is']}{value if safe else _starred(value)}"

    hidden = _PAIR.sub(pair, line)
    if of_others:
        hidden = _ITEM.sub(lambda found: found["before"] + _starred(found["value"]) + found["after"], hidden)
    return hidden


def _starred(value: str) -> str:
    return f"{value[0]}…{value[0]}"
