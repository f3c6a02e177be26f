"""Values of a run's configuration in the form in which a journal keeps them: JSON, with types kept where JSON has them."""

from __future__ import annotations

from autoresearch.errors import Invalid
from autoresearch.records.jsontext import json_text
from autoresearch.records.typed import special
from autoresearch.records.words import clean_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["as_mapping", "plain", "plain_values"]

_EXACT = 2**53
_MAX_DEPTH = 32
_MAX_JSON = 1024 * 1024
_MAX_TEXT = 100_000


def as_mapping(config: Any) -> dict[str, Any]:
    """The names and values of a mapping, an ``argparse.Namespace``, a dataclass or a pydantic model.

    Raises:
        Invalid: It is none of these.
    """
    if config is None:
        return {}
    if hasattr(config, "keys") and hasattr(config, "__getitem__"):
        return {str(key): config[key] for key in config.keys()}  # noqa: SIM118  not every such thing iterates by key
    if hasattr(config, "model_dump"):
        return dict(config.model_dump())
    if hasattr(config, "__dataclass_fields__") and not isinstance(config, type):
        return {name: getattr(config, name) for name in config.__dataclass_fields__}
    if hasattr(config, "__dict__") and not isinstance(config, type):
        return {name: value for name, value in vars(config).items() if not name.startswith("_")}
    raise Invalid(
        f"config was {config!r:.80}, which has no names and values.",
        hint="Give a dict, an argparse.Namespace, a dataclass or a pydantic model.",
    )


def plain_values(values: Mapping[str, Any], *, typed: bool = False) -> dict[str, Any]:
    """The JSON form of names and values; ``typed`` keeps types that JSON has not, see ``records.typed``.

    Raises:
        Invalid: It is nested deeper than 32, or more than 1 MiB.
    """
    made = {str(key): plain(value, typed=typed) for key, value in values.items()}
    if len(json_text(made)) > _MAX_JSON:
        raise Invalid(
            "The values are more than 1 MiB as JSON.", hint="Log what is large as a file or an artifact."
        )
    return made


def plain(value: Any, depth: int = 0, *, typed: bool = False) -> Any:
    """The JSON form of one value: what JSON has no form for becomes text, and a non-finite number ``{"$float": "NaN"}``.

    Raises:
        Invalid: It is nested deeper than 32.
    """
    if depth > _MAX_DEPTH:
        raise Invalid(f"A value is nested deeper than {_MAX_DEPTH}.", hint="Give a flatter one.")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value)
    named = special(value) if typed else None
    if named is not None:
        return plain(named, depth)
    if isinstance(value, int):
        return int(value) if abs(value) <= _EXACT else str(value)
    if isinstance(value, float):
        return _number(float(value))
    if hasattr(value, "items") and hasattr(value, "keys"):
        return {_text(str(key)): plain(item, depth + 1, typed=typed) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, depth + 1, typed=typed) for item in value]
    if isinstance(value, set | frozenset):
        return [plain(item, depth + 1, typed=typed) for item in sorted(value, key=repr)]
    return _foreign(value, depth, typed=typed)


def _foreign(value: Any, depth: int, *, typed: bool) -> Any:
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return plain(value.item(), depth + 1, typed=typed)
    if hasattr(value, "tolist") and getattr(value, "size", _EXACT) <= 1000:
        return plain(value.tolist(), depth + 1, typed=typed)
    if hasattr(value, "isoformat"):
        return _text(str(value.isoformat()))
    return _text(str(value))


def _number(value: float) -> Any:
    if value != value:  # noqa: PLR0124  the definition of NaN
        return {"$float": "NaN"}
    if value in {float("inf"), float("-inf")}:
        return {"$float": "Infinity" if value > 0 else "-Infinity"}
    return value


def _text(value: str) -> str:
    if len(value) > _MAX_TEXT:
        value = value[: _MAX_TEXT - 12] + "\n[truncated]"
    try:
        return clean_text(value)
    except ValueError:
        return value.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
