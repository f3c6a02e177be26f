"""Errors as a model reads them: what was wrong, and which call puts it right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoresearch.briefs.fence import clean
from autoresearch.errors import AutoresearchError, Conflict, Invalid, NotFound
from autoresearch.mcp_server.catalog import of_command
from autoresearch.mcp_server.rows import Row

if TYPE_CHECKING:
    from mcp_types import CallToolResult
    from pydantic import ValidationError

__all__ = ["next_call", "refusal", "refused_arguments", "refused_text"]

# By the argument that names a thing: the call that lists such things.
_LISTS = {
    "experiment": "list_experiments",
    "run": "list_runs",
    "session": "list_sessions",
    "name": "list_artifacts",
    "trial": "list_experiments",
}


def refusal(error: AutoresearchError, row: Row, arguments: dict[str, Any]) -> CallToolResult:
    """The answer that an error of ours is."""
    said, hint = clean(error.message, 1000), clean(error.hint, 1000)
    return _refused(error.code, said, " ".join(filter(None, (hint, next_call(error, row, arguments)))))


def next_call(error: AutoresearchError, row: Row, arguments: dict[str, Any]) -> str:
    """A sentence with the call that puts it right."""
    if error.retryable:
        return f"Call {row.name} again in a moment."
    if named := [name for name in of_command(error.hint) if name != row.name]:
        return f"Here: {' or '.join(named[:3])}."
    if isinstance(error, NotFound | Conflict):
        if "has no goal" in error.message:
            return "Here: set_goal."
        listing = next((tool for name, tool in _LISTS.items() if arguments.get(name)), None)
        if listing:
            return f"Here: {listing}."
        if isinstance(error, NotFound):
            return "Here: list_projects."
    return f"Correct it and call {row.name} again." if isinstance(error, Invalid) and not error.hint else ""


def refused_arguments(error: ValidationError, row: Row, known: list[str]) -> CallToolResult:
    """The answer to arguments that are off: each with what is wrong, without repeating more than a little of them."""
    parts = []
    for problem in error.errors(include_url=False, include_context=False)[:5]:
        field = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            parts.append(f"there is no argument {field[:60]!r}")
        elif problem["type"] == "missing":
            parts.append(f"{field} is missing")
        else:
            parts.append(
                f"{field}: {problem['msg'].removeprefix('Value error, ')}, and it was {problem['input']!r:.80}"
            )
    text = clean(f"The arguments of {row.name} were refused: {'; '.join(parts)}.", 1500)
    hint = f"Correct them and call {row.name} again; it takes {', '.join(known)}."
    return _refused("invalid", text, hint)


def refused_text(row: Row) -> CallToolResult:
    """The answer to arguments with a text that is none."""
    said = (
        f"The arguments of {row.name} were refused: a text has a lone surrogate, which is half a character."
    )
    return _refused("invalid", said, f"Send it as UTF-8, and call {row.name} again.")


def _refused(code: str, message: str, hint: str) -> CallToolResult:
    from mcp_types import CallToolResult, TextContent

    text = " ".join(part for part in (message, hint) if part)
    return CallToolResult(
        content=[TextContent(text=text)],
        structured_content={"error": {"code": code, "message": message, "hint": hint}},
        is_error=True,
    )
