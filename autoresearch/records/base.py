"""The gate: bounded integers, clean text, finite numbers, UTC times. Refused or normalized here, once.

Every backend then agrees by construction: SQLite turns ``-0.0`` into ``0.0`` and NaN into NULL, PostgreSQL
refuses NUL in text, both round integers above 2**53 in a float column. None of that reaches them.
"""

from __future__ import annotations

import datetime
import json
import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from autoresearch.errors import Invalid
from autoresearch.records.ids import is_id
from autoresearch.records.typed import special
from autoresearch.records.words import clean_line, clean_name, clean_text

__all__ = [
    "ConfigObject",
    "Count",
    "Digest",
    "Direction",
    "Finite",
    "Id",
    "JsonObject",
    "Line",
    "Metrics",
    "Name",
    "Page",
    "Readable",
    "Record",
    "Request",
    "Text",
    "Time",
    "canonical_json",
    "refusal",
    "utc_now",
]

_EXACT = 2**53
_MAX_TEXT = 100_000
_MAX_JSON = 1024 * 1024
_MAX_DEPTH = 32
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


class Readable(BaseModel):
    """Readable as ``answer.id`` and as ``answer["id"]``."""

    def __getitem__(self, key: str) -> Any:
        if key in type(self).model_fields or key in type(self).model_computed_fields:
            return getattr(self, key)
        known = ", ".join(sorted(type(self).model_fields))
        raise KeyError(f"{type(self).__name__} has no field {key!r}; it has {known}")

    def keys(self) -> list[str]:
        """The field names, so that ``dict(answer)`` and ``**answer`` work."""
        return list(type(self).model_fields)


class Record(Readable):
    """An answer: frozen, tolerant of fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, ser_json_inf_nan="strings")


class Request(BaseModel):
    """What a caller asks for: frozen, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @classmethod
    def make(cls, **values: Any) -> Self:
        """Check the values of one request.

        Raises:
            Invalid: A value was refused; the message names the field and what was wrong with it.
        """
        # Strict models take tuples; a caller's list means the same.
        given = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        try:
            return cls(**given)
        except ValidationError as error:
            raise refusal(error, cls.__name__) from None


_Item = TypeVar("_Item")


class Page(Record, Generic[_Item]):
    """Part of a list: ``items``, and the cursor of the next part or None at the end."""

    items: tuple[_Item, ...]
    next_cursor: str | None = None


def refusal(error: ValidationError, name: str) -> Invalid:
    """What a model refused, as our error: the field, its value, and what was wrong with it."""
    problems = error.errors(include_url=False, include_context=False)
    first = problems[0]
    field = ".".join(str(part) for part in first["loc"])
    said = first["msg"].removeprefix("Value error, ")
    if not field:
        thing = name.removesuffix("Request").lower()
        return Invalid(f"The {thing} was refused: {said}.", hint="Correct it and call again.")
    reason = "is missing" if first["type"] == "missing" else f"{_value(error)}: {said.rstrip('.')}"
    details = [{"field": ".".join(map(str, p["loc"])), "message": p["msg"]} for p in problems[:20]]
    return Invalid(f"{field} {reason}.", hint=f"Correct {field} and call again.", details={"fields": details})


def _value(error: ValidationError) -> str:
    """What was given, unless the model says that it is nothing to show."""
    if "input_value=" not in str(error):
        return "was refused"
    shown = repr(error.errors(include_url=False, include_context=False)[0]["input"])
    return "was " + (shown[:77] + "..." if len(shown) > 80 else shown)


def _number(value: object) -> object:
    if isinstance(value, bool | str | bytes):
        raise ValueError("must be a number")  # noqa: TRY004  pydantic reports ValueError with the field's path
    if isinstance(value, int):
        if abs(value) > _EXACT:
            raise ValueError("integers beyond 2**53 have no exact float form")
        return float(value)
    if not isinstance(value, float) and hasattr(value, "__float__"):
        return float(value)
    return value


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("must be finite; a run that gave no finite number is a crash")
    return value + 0.0


def _id(value: str) -> str:
    if not is_id(value):
        raise ValueError("must be a UUID in lower-case canonical form")
    return value


def _digest(value: str) -> str:
    if not _DIGEST.match(value):
        raise ValueError("must be a sha256 digest of 64 lower-case hexadecimal digits")
    return value


def _time(value: datetime.datetime) -> datetime.datetime:
    if value.tzinfo is None:
        raise ValueError("must carry a time zone")
    return value.astimezone(datetime.UTC)


def _metrics(value: object) -> object:
    if not isinstance(value, Mapping):
        return value
    return {key: _metric(key, number) for key, number in value.items()}


def _metric(key: object, value: object) -> object:
    if value is None:
        return None
    number = _number(value)
    if not isinstance(number, float):
        raise ValueError(f"{key!r} must be a number")  # noqa: TRY004  see _number
    return number + 0.0 if math.isfinite(number) else None


def _config_object(value: object) -> object:
    return _json_object(value, typed=True)


def _json_object(value: object, *, typed: bool = False) -> object:
    if not isinstance(value, Mapping):
        raise ValueError("must be a mapping of names to values")  # noqa: TRY004  see _number
    plain = _plain(value, 0, typed=typed)
    if len(canonical_json(plain)) > _MAX_JSON:
        raise ValueError("must be at most 1 MiB as JSON")
    return plain


def _plain(value: Any, depth: int, *, typed: bool) -> Any:
    """The JSON form of a value: non-finite numbers and foreign objects become text, unless their types are to be kept."""
    named = special(value) if typed else None
    if named is not None:
        return _plain(named, depth, typed=False)
    if depth > _MAX_DEPTH:
        raise ValueError(f"must not be nested deeper than {_MAX_DEPTH}")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return clean_text(str(value))
    if isinstance(value, int):
        return int(value) if abs(value) <= _EXACT else str(value)
    if isinstance(value, float):
        return float(value) + 0.0 if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {clean_text(str(key)): _plain(item, depth + 1, typed=typed) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value, key=repr) if isinstance(value, set | frozenset) else value
        return [_plain(item, depth + 1, typed=typed) for item in items]
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return _plain(value.item(), depth + 1, typed=typed)
    return clean_text(str(value))


def canonical_json(value: Any) -> bytes:
    """The one byte form of a JSON value: sorted keys, no spaces, UTF-8; used wherever content is compared."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def utc_now() -> datetime.datetime:
    """Now, in UTC, to the microsecond."""
    return datetime.datetime.now(datetime.UTC)


Text = Annotated[str, Field(max_length=_MAX_TEXT), AfterValidator(clean_text)]
"""Text of at most 100,000 characters, without NUL or lone surrogates."""

Line = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(clean_line)]
"""One line of 1 to 1,000 characters without control characters."""

Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(clean_name)]
"""A name that is safe in a path or URL segment: one line of 1 to 200 characters without ``/``, ``\\`` or ``:``."""

Finite = Annotated[float, BeforeValidator(_number), AfterValidator(_finite)]
"""A finite float; integers up to 2**53 and 0-d arrays are taken, booleans and text are not, ``-0.0`` is ``0.0``."""

Count = Annotated[int, Field(ge=0, le=2**53)]
"""A whole number from 0 to 2**53."""

Id = Annotated[str, AfterValidator(_id)]
"""A UUID in lower-case canonical form."""

Digest = Annotated[str, AfterValidator(_digest)]
"""A sha256 in lower-case hexadecimal."""

Time = Annotated[datetime.datetime, AfterValidator(_time)]
"""A moment with a time zone, normalized to UTC."""

Metrics = Annotated[dict[Line, float | None], Field(max_length=1000), BeforeValidator(_metrics)]
"""Metric names to numbers; None stands for one that was measured and was not finite."""

JsonObject = Annotated[dict[str, Any], BeforeValidator(_json_object)]
"""A JSON object of at most 1 MiB; values without a JSON form are kept as their text."""

ConfigObject = Annotated[dict[str, Any], BeforeValidator(_config_object)]
"""As ``JsonObject``; large whole numbers, NaN, infinities, times and sets of text keep their types (see ``records.typed``)."""

Direction = Literal["min", "max"]
"""Which way is better."""
