"""Configuration values with their types: JSON where JSON has the type, else an object that names it.

``None``, truth values, whole numbers up to 2**53, finite floats and text stand for themselves. What JSON cannot hold exactly
is kept as ``{"$type": "datetime", "value": "2026-01-02T03:04:05+00:00"}``: larger whole numbers and floats that are not finite
(``int``, ``float``; the text of the number), times (``datetime``; ISO 8601) and sets of text (``string_set``; a sorted list).
A number whose text is not the usual one, such as ``1e-3``, is kept in this form too, so that every text comes back verbatim.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing would cost more than this module
if TYPE_CHECKING:
    from typing import Any

__all__ = ["KINDS", "bare", "config_of_text", "config_value", "special", "text_of_config"]

KINDS = ("null", "bool", "int", "float", "str", "datetime", "string_set")
"""What a value can be."""

_TAGGED = frozenset({"int", "float", "datetime", "string_set"})
_EXACT = 2**53
_MOST_DIGITS = 10_000
_MOST_DEEP = 40


def special(value: Any) -> dict[str, Any] | None:
    """The form of a Python value that JSON has not; None for every other value."""
    if isinstance(value, bool | str):
        return None
    if isinstance(value, int):
        return None if abs(value) <= _EXACT else _tagged("int", _digits(int(value)))
    if isinstance(value, float):
        return None if value - value == 0 else _tagged("float", str(float(value)))
    if isinstance(value, set | frozenset):
        return _tagged("string_set", sorted(value)) if all(isinstance(item, str) for item in value) else None
    if type(value).__name__ == "datetime" and hasattr(value, "isoformat"):
        return _tagged("datetime", str(value.isoformat()))
    return None


def _tagged(kind: str, value: Any) -> dict[str, Any]:
    return {"$type": kind, "value": value}


def _digits(value: int) -> str:
    """The decimal digits, however many; beyond 4,000 hexadecimal ones, which take no quadratic time."""
    return str(value) if value.bit_length() < 13_000 else hex(value)


def _kind(value: Any) -> str | None:
    """The named type of a value in its own form; None for every other value."""
    if isinstance(value, dict) and len(value) == 2 and "value" in value:
        kind = value.get("$type")
        if isinstance(kind, str) and kind in _TAGGED:
            held = value["value"]
            listed = isinstance(held, list | tuple) and all(isinstance(item, str) for item in held)
            return kind if isinstance(held, str) or (kind == "string_set" and listed) else None
    return None


def config_of_text(kind: str, text: str) -> Any:
    """The value that a type and a text stand for, in the form in which a configuration keeps it.

    Args:
        kind: One of ``KINDS``.
        text: ``true`` or ``false``, digits, ``str()`` of a float, text, ISO 8601, or a JSON list of text.

    Raises:
        ValueError: There is no such type, or the text is none of that type.
    """
    if kind == "str":
        return text
    if kind == "null":
        return None
    if kind == "bool":
        if text not in {"true", "false"}:
            raise ValueError(f"{text[:80]!r} is neither true nor false")
        return text == "true"
    if kind not in _TAGGED:
        raise ValueError(f"{kind[:80]!r} is no type; the types are {', '.join(KINDS)}")
    plain = _PARSED[kind](text)
    return _tagged(kind, text) if plain is None else plain


def _whole(text: str) -> int | None:
    digits = text[1:] if text[:1] in {"+", "-"} else text
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS):
        raise ValueError(f"{text[:80]!r} is no whole number")
    value = int(text) if len(text) < 20 else _EXACT + 1
    return value if abs(value) <= _EXACT and str(value) == text else None


def _real(text: str) -> float | None:
    value = float(text)
    return value if value - value == 0 and str(value) == text and text != "-0.0" else None


def _moment(text: str) -> None:
    import datetime

    datetime.datetime.fromisoformat(text)


def _set(text: str) -> dict[str, Any] | None:
    import json

    found = json.loads(text)
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise ValueError(f"{text[:80]!r} is no JSON list of text")
    return _tagged("string_set", found) if json.dumps(found) == text else None


_PARSED = {"int": _whole, "float": _real, "datetime": _moment, "string_set": _set}


def text_of_config(value: Any) -> tuple[str, str]:
    """Type and text of a value as a configuration keeps it; what is none of the types gives its JSON as ``str``."""
    import json

    if value is None:
        return "null", ""
    if isinstance(value, bool):
        return "bool", "true" if value else "false"
    if isinstance(value, int | float):
        return type(value).__name__, str(value)
    if isinstance(value, str):
        return "str", value
    kind = _kind(value)
    if kind is not None:
        held = value["value"]
        return kind, held if isinstance(held, str) else json.dumps(list(held))
    return "str", json.dumps(value, ensure_ascii=False)


def bare(value: Any) -> Any:
    """A value without the name of its type: the text that it is kept as, or the list of a set; every other as it is."""
    return value if _kind(value) is None else value["value"]


def config_value(value: Any, depth: int = 0) -> Any:
    """The Python value of one that a configuration keeps, within lists and mappings too: times, sets, NaN."""
    if depth > _MOST_DEEP:
        return value
    kind = _kind(value)
    if kind is not None:
        return _python(kind, value["value"])
    if isinstance(value, dict):
        return {key: config_value(item, depth + 1) for key, item in value.items()}
    return [config_value(item, depth + 1) for item in value] if isinstance(value, list | tuple) else value


def _python(kind: str, held: Any) -> Any:
    try:
        if kind == "datetime":
            import datetime

            return datetime.datetime.fromisoformat(held)
        if kind == "string_set":
            if isinstance(held, str):
                import json

                held = json.loads(held)
            return set(held)
        return float(held) if kind == "float" else int(held, 0) if held[:2] == "0x" else int(held)
    except (ValueError, TypeError):
        return held
