"""Conditions on runs, such as ``config.lr > 0.001``, ``val/loss < 2`` or ``name ~ warm``, and the order of runs."""

from __future__ import annotations

import datetime
import json
import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from autoresearch.errors import Invalid
from autoresearch.records.typed import bare, config_value

__all__ = ["FIELDS", "Condition", "Place", "look_up", "parse", "place", "rank"]

FIELDS = ("id", "name", "state", "group", "job_type", "note", "tags", "number", "seconds", "started")
"""What is meant by its bare name; every other name is a metric."""

_OPERATORS = ("!=", "<=", ">=", "==", "=", "<", ">", "~")
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_QUOTED = re.compile(r"\s*(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')\s*")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_NUMBER = re.compile(r"[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\Z|[-+]?inf(?:inity)?\Z", re.IGNORECASE)
_MOST = 1000
_HINT = "Write name, operator and value, such as 'config.lr > 0.001'; operators are = != < <= > >= and ~ (contains)."

_Source = Literal["field", "config", "summary", "metric"]


class Place(NamedTuple):
    """Where a value is found: in a field, in config or summary under a dotted name, or as a metric's latest value."""

    source: _Source
    name: str


class Condition(NamedTuple):
    """One condition.

    Attributes:
        place: Whose value is meant.
        op: ``= != < <= > >= ~``.
        text: The wanted value as it was written.
        value: The number, truth value or time (Unix seconds) that it stands for, else the text.
    """

    place: Place
    op: str
    text: str
    value: str | float | bool

    def holds(self, found: Any) -> bool:
        """Whether it holds for a value; for one that is missing only ``!=`` does, for tags when it does for any."""
        if isinstance(found, list | tuple):
            return self._of_list(found)
        if found is None or (isinstance(found, float) and math.isnan(found)):
            return self.op == "!="
        if self.op == "!=":
            return not self._compare("=", found)
        if self.op == "~":
            return self.text.casefold() in _shown(found).casefold()
        return self._compare(self.op, found)

    def _of_list(self, found: list[Any] | tuple[Any, ...]) -> bool:
        if self.op == "!=":
            return not any(self._compare("=", item) for item in found)
        return any(self.holds(item) for item in found)

    def _compare(self, op: str, found: Any) -> bool:
        wanted = self.value
        if isinstance(found, bool) or isinstance(wanted, bool):
            return op == "=" and _shown(found).lower() == self.text.lower()
        if isinstance(found, int | float) and isinstance(wanted, int | float):
            return _COMPARE[op](found, wanted)
        if isinstance(found, str):
            # A number that was kept as text is equal to itself, but has no order among numbers.
            return _COMPARE[op](found, self.text) if isinstance(wanted, str) or op == "=" else False
        return op == "=" and _shown(found) == self.text


def parse(text: str) -> Condition:
    """Read one condition; the name or the value may be quoted.

    Raises:
        Invalid: It has no name, no operator or no value, or is too long.
    """
    if len(text) > _MOST:
        raise Invalid(f"The condition {text[:40]!r}… is longer than {_MOST:,} characters.", hint=_HINT)
    name, op, rest = _split(text)
    if not name:
        raise Invalid(f"The condition {text!r} has no name before {op!r}.", hint=_HINT)
    quoted = _QUOTED.fullmatch(rest)
    wanted = _unquoted(quoted[1]) if quoted else rest.strip()
    if not wanted and not quoted:
        raise Invalid(f"The condition {text!r} has no value after {op!r}.", hint=_HINT)
    found = place(name)
    value = wanted if quoted and found.name != "started" else _value(found, wanted, text)
    return Condition(found, "=" if op == "==" else op, wanted, value)


def place(name: str) -> Place:
    """Where a name points: a field, ``config.``, ``summary.``, ``latest.`` with a name behind it, or a metric."""
    for prefix, source in (("config.", "config"), ("summary.", "summary"), ("latest.", "metric")):
        if name.startswith(prefix) and len(name) > len(prefix):
            return Place(source, name.removeprefix(prefix))  # type: ignore[arg-type]  # the literals above
    return Place("field" if name in FIELDS else "metric", name)


def look_up(values: Mapping[str, Any], name: str) -> Any:
    """The value under a name, or under a dotted path through nested mappings; None when there is none.

    One that is kept with its type gives its number, the text of its time, or its set as a list.
    """
    if name in values:
        found = config_value(values[name])
        return found if isinstance(found, int | float) else bare(values[name])
    head, dot, rest = name.partition(".")
    while dot:
        inner = values.get(head)
        if isinstance(inner, Mapping):
            return look_up(inner, rest)
        more, dot, rest = rest.partition(".")
        head = f"{head}.{more}"
    return None


def rank(value: Any) -> tuple[int, float, str] | None:
    """Where a value stands among others: numbers, then texts, then anything else; None for one that is missing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, int | float):
        return (0, value, "")
    return (1, 0.0, value) if isinstance(value, str) else (2, 0.0, _shown(value))


def _split(text: str) -> tuple[str, str, str]:
    quoted = _QUOTED.match(text)
    start = quoted.end() if quoted else 0
    # Labels, as in loss{split=train}, are part of the name.
    labels = range(text.find("{", start), text.find("}", start))
    for index in range(start, len(text)):
        if labels.start >= 0 and index in labels:
            continue
        op = next((op for op in _OPERATORS if text.startswith(op, index)), None)
        if op is None:
            continue
        if quoted and text[start:index].strip():
            break
        name = _unquoted(quoted[1]) if quoted else text[:index].strip()
        return name, op, text[index + len(op) :]
    raise Invalid(f"The condition {text!r} has no operator.", hint=_HINT)


def _unquoted(text: str) -> str:
    return _ESCAPED.sub(r"\1", text[1:-1])


def _value(where: Place, wanted: str, text: str) -> str | float | bool:
    if where == Place("field", "started"):
        return _moment(wanted, text)
    if wanted.lower() in {"true", "false"}:
        return wanted.lower() == "true"
    return float(wanted.replace("_", "")) if _NUMBER.match(wanted) else wanted


def _moment(wanted: str, text: str) -> float:
    try:
        found = datetime.datetime.fromisoformat(wanted)
    except ValueError:
        raise Invalid(
            f"The condition {text!r} needs a time behind {'started'!r}.",
            hint="Write it as 2026-01-31 or 2026-01-31T12:00; without a zone it is UTC.",
        ) from None
    return (found if found.tzinfo else found.replace(tzinfo=datetime.UTC)).timestamp()


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
