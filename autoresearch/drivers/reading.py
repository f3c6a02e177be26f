"""What an agent's program printed, read while it runs: the final text, what it cost, and what went wrong.

Only the fields that a profile names are looked at. What a program prints between them is kept in the transcript, and is
never taken for its answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from autoresearch.drivers.base import Usage

__all__ = ["Output", "Reader", "Said", "Selector", "pick"]

_Scalar = str | int | float | bool

_MOST_LINE, _MOST_TEXT, _MOST_DISTINCT = 16 * 1024 * 1024, 1_000_000, 100_000


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Selector(_Part):
    """Where one value stands in the events that a program prints.

    Attributes:
        where: What an event has to hold, by path: a value, or a list of which it is one; empty for every event.
        path: Path of the value: keys joined by dots, ``*`` for everything in a list or table, ``@keys`` for the names in
            a table. Several paths are added up, or written one after the other.
        take: Which of several events counts: the last, the first, all added up, or all texts one after the other.
        after: Forget what was found when an event holds this; empty for never.
        distinct: Path of an id; of several events with the same id only the last counts.
    """

    where: dict[str, _Scalar | tuple[_Scalar, ...]] = Field(default_factory=dict)
    path: str | tuple[str, ...]
    take: Literal["last", "first", "sum", "join"] = "last"
    after: dict[str, _Scalar | tuple[_Scalar, ...]] = Field(default_factory=dict)
    distinct: str = ""

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths, also where there is one."""
        return (self.path,) if isinstance(self.path, str) else self.path


class Output(_Part):
    """How the output of a program is read. Of several selectors for one thing the first that finds something counts.

    Attributes:
        form: One JSON object a line; one JSON object; or text, all of which is the final text.
        text: The final text.
        session: Id of the conversation.
        model: The model that answered.
        input_tokens: Tokens read, those from a cache included.
        output_tokens: Tokens written.
        cost: US dollars.
        failure: Why it failed; it did when one of these finds anything.
        trouble: What it struggled with, told when it failed or ran out of time.
        hopeless: What says that it tries again in vain; it is ended after ``patience`` such events.
        patience: How many of these there have to be.
    """

    form: Literal["jsonl", "json", "text"] = "text"
    text: tuple[Selector, ...] = ()
    session: tuple[Selector, ...] = ()
    model: tuple[Selector, ...] = ()
    input_tokens: tuple[Selector, ...] = ()
    output_tokens: tuple[Selector, ...] = ()
    cost: tuple[Selector, ...] = ()
    failure: tuple[Selector, ...] = ()
    trouble: tuple[Selector, ...] = ()
    hopeless: tuple[Selector, ...] = ()
    patience: int = Field(default=3, ge=1)


@dataclass(frozen=True, slots=True)
class Said:
    """What was read.

    Attributes:
        text: The final text; empty when there was none.
        usage: What it cost.
        model: The model that answered, where that was said.
        session: Id of the conversation, where that was said.
        failure: Why it failed; empty when it said nothing of the kind.
        trouble: What it struggled with.
    """

    text: str
    usage: Usage
    model: str | None
    session: str | None
    failure: str
    trouble: str


def pick(event: Any, path: str) -> list[Any]:
    """The values at a path of an event; none where it leads nowhere."""
    found = [event]
    for key in path.split("."):
        found = [inner for value in found for inner in _step(value, key)]
    return found


def _step(value: Any, key: str) -> Iterator[Any]:
    if key == "*":
        yield from value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    elif key == "@keys":
        yield from value if isinstance(value, Mapping) else ()
    elif isinstance(value, Mapping) and key in value:
        yield value[key]


def _holds(event: Any, conditions: Mapping[str, _Scalar | tuple[_Scalar, ...]]) -> bool:
    for path, wanted in conditions.items():
        among = wanted if isinstance(wanted, tuple) else (wanted,)
        # True is 1 for Python, and neither is the other in JSON.
        if not any(type(value) is type(one) and value == one for value in pick(event, path) for one in among):
            return False
    return True


@dataclass(slots=True)
class _Found:
    """What one selector has found so far."""

    selector: Selector
    value: Any = None
    times: int = 0
    _distinct: dict[str, Any] = field(default_factory=dict)

    def see(self, event: Any) -> None:
        chosen = self.selector
        if chosen.after and _holds(event, chosen.after):
            self.value = None
        if not _holds(event, chosen.where):
            return
        values = [value for path in chosen.paths for value in pick(event, path) if value not in (None, "")]
        if not values:
            return
        self.times += 1
        new = _added(values, between=" ")
        if chosen.distinct:
            (name,) = [str(one) for one in pick(event, chosen.distinct)][:1] or [str(self.times)]
            if len(self._distinct) < _MOST_DISTINCT or name in self._distinct:
                self._distinct[name] = new
            self.value = _added(list(self._distinct.values()))
        elif self.value is None or chosen.take == "last":
            self.value = new
        elif chosen.take != "first":
            self.value = _added([self.value, new])


def _added(values: Sequence[Any], *, between: str = "") -> Any:
    """The sum of numbers, or texts one after the other; a value that is neither stands as JSON."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return sum(values)
    texts = [value if isinstance(value, str) else json.dumps(value) for value in values]
    return between.join(texts)[-_MOST_TEXT:]


class Reader:
    """Reads the output of one program as it comes; a ``Watch`` of the command."""

    def __init__(self, output: Output) -> None:
        self._output = output
        kinds = (
            "text",
            "session",
            "model",
            "input_tokens",
            "output_tokens",
            "cost",
            "failure",
            "trouble",
            "hopeless",
        )
        self._found = {kind: [_Found(selector) for selector in getattr(output, kind)] for kind in kinds}
        self._held = bytearray()
        self._skipping = False

    def heard(self, data: bytes) -> None:
        """Some of its output, as it was written."""
        self._held += data
        if self._output.form == "text":
            del self._held[: -4 * _MOST_TEXT]
        elif self._output.form == "jsonl":
            self._lines()
        elif len(self._held) > _MOST_LINE:
            del self._held[:-_MOST_LINE]

    def over(self) -> str:
        """Why it is to be ended now: it tries again and again in vain."""
        for found in self._found["hopeless"]:
            if found.times >= self._output.patience:
                return f"it tried {found.times} times in vain: {found.value}"
        return ""

    def said(self) -> Said:
        """All that was found, once the program has ended."""
        rest = bytes(self._held).decode("utf-8", "replace")
        if self._output.form == "text":
            text = rest[-_MOST_TEXT:]
        else:
            self._see(rest)
            text = self._text("text")
        usage = Usage(
            input_tokens=_whole(self._first("input_tokens")),
            output_tokens=_whole(self._first("output_tokens")),
            cost=_number(self._first("cost")),
        )
        model, session = self._text("model") or None, self._text("session") or None
        return Said(text, usage, model, session, self._text("failure"), self._text("trouble"))

    def _lines(self) -> None:
        while (end := self._held.find(b"\n")) >= 0:
            line = bytes(self._held[:end])
            del self._held[: end + 1]
            if not self._skipping:
                self._see(line.decode("utf-8", "replace"))
            self._skipping = False
        if len(self._held) > _MOST_LINE:
            self._held.clear()
            self._skipping = True

    def _see(self, text: str) -> None:
        event = _event(text)
        if event is not None:
            for found in (one for several in self._found.values() for one in several):
                found.see(event)

    def _first(self, kind: str) -> Any:
        return next((found.value for found in self._found[kind] if found.value is not None), None)

    def _text(self, kind: str) -> str:
        value = self._first(kind)
        return "" if value is None else value if isinstance(value, str) else str(value)


def _event(text: str) -> dict[str, Any] | None:
    """The JSON object that a text is, or that begins it on a line of its own after words of warning."""
    begin = re.search(r"^\s*\{", text, re.MULTILINE)
    if begin is None:
        return None
    try:
        event, _ = json.JSONDecoder().raw_decode(text[begin.start() :].lstrip())
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


def _number(value: Any) -> float | None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e15
    return float(value) if good else None


def _whole(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(number)
