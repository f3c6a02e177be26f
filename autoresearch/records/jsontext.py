"""JSON without the module ``json`` until something is read: loading it takes longer than all else that a starting run loads."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["json_text", "json_value"]

_ESCAPES = {code: f"\\u{code:04x}" for code in range(32)} | {34: '\\"', 92: "\\\\"}
_CONSTANTS = {None: "null", True: "true", False: "false"}


def json_text(value: Any) -> str:
    """What ``json.dumps(value, default=str)`` means, without spaces; text beyond ASCII stands as it is.

    Raises:
        TypeError: A mapping has keys that are no text and have no JSON form.
        ValueError: It contains itself.
        RecursionError: It is nested too deep.
    """
    kind = type(value)
    if kind is str:
        return _quoted(value)
    if value is None or kind is bool:
        return _CONSTANTS[value]
    if kind is int:
        return repr(value)
    if kind is float:
        return repr(value) if value - value == 0 else _not_finite(value)
    if kind is dict and all(type(key) is str for key in value):
        return "{" + ",".join([f"{_quoted(key)}:{json_text(item)}" for key, item in value.items()]) + "}"
    if kind is list or kind is tuple:
        return "[" + ",".join([json_text(item) for item in value]) + "]"
    import json

    return json.dumps(value, default=str)


def json_value(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: It is none.
    """
    import json

    return json.loads(text)


def _not_finite(value: float) -> str:
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"  # noqa: PLR0124  the definition of NaN


def _quoted(text: str) -> str:
    made = text.translate(_ESCAPES)
    # A lone surrogate becomes backslash, u and its number, which is its escape in JSON as well.
    return f'"{made}"' if made.isascii() else f'"{made.encode("utf-8", "backslashreplace").decode()}"'
