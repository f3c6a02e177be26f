"""Values of goodseed and of ours: typed text to JSON and back, points as they come, buckets as they go."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from autoresearch.ledger.local.tagged import Tagged
from autoresearch.ledger.local.unnumbered import Entry, Number
from autoresearch.records.typed import config_of_text, text_of_config
from autoresearch.series.curve import number_out
from autoresearch.series.fitting import fitting

if TYPE_CHECKING:
    from autoresearch.series.curve import Curve

__all__ = [
    "buckets",
    "flat",
    "json_value",
    "moment",
    "raw_points",
    "series_name",
    "storable",
    "tagged_value",
    "taken",
    "words",
]


def storable(text: str) -> str:
    """Text as every store takes it: NUL and lone surrogates are replaced."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def series_name(path: str) -> str:
    """A path as the store has it: clean, and shortened where it is over 1,000 bytes."""
    return fitting(storable(path))


def json_value(value: Tagged) -> Any:
    """A typed value in the form in which a configuration keeps it; what does not fit its type is its text."""
    try:
        return config_of_text(value.tag, value.value)
    except (ValueError, RecursionError):
        return value.value


def words(text: str) -> list[str]:
    """The members of a string set.

    Raises:
        ValueError: It is none.
    """
    found = json.loads(text)
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise ValueError("not a list of strings")
    return found


def tagged_value(value: Any) -> Tagged:
    """A value of a configuration as a typed one; a list of text is a set."""
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return Tagged("string_set", json.dumps(sorted(value)))
    return Tagged(*text_of_config(value))


def flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Paths and values of a nested mapping."""
    for name, value in values.items():
        path = f"{before}{name}"
        if isinstance(value, dict) and value and text_of_config(value)[0] == "str":
            yield from flat(value, f"{path}/")
        else:
            yield path, value


def moment(text: Any) -> float | None:
    """Seconds since 1970 of an ISO 8601 text; None when it is none. Without an offset it means UTC."""
    try:
        found = datetime.datetime.fromisoformat(text)
        at = (found if found.tzinfo else found.replace(tzinfo=datetime.UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return at if 0 <= at < 253_402_300_000 else None


def taken(points: Any, now: float) -> tuple[list[Number], list[Entry], list[str]]:
    """What can be taken of a list of points, and one sentence for each kind of what cannot.

    A batch is never refused: its client would send it again for ever, and nothing behind it.
    """
    numbers: list[Number] = []
    entries: list[Entry] = []
    faults: dict[str, None] = {}
    for point in points if isinstance(points, list) else ():
        said = point if isinstance(point, dict) else {}
        path, step = said.get("path"), said.get("step")
        if not isinstance(path, str) or not path:
            faults["A point was left out: its path was no text, or empty."] = None
            continue
        name, at = series_name(path), _time(said.get("timestampMs"), now)
        step, number = _step(step), _number(said["number"]) if "number" in said else None
        if step is None:
            faults[f"A point of {name!r:.120} was left out: its step was no 64-bit integer."] = None
        elif isinstance(said.get("text"), str):
            entries.append(Entry(name, (), step, at, storable(said["text"])))
        elif number is not None:
            numbers.append(Number(name, (), step, at, number))
        else:
            faults[f"A point of {name!r:.120} was left out: it had neither number nor text."] = None
    return numbers, entries, list(faults)


def _step(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    step = int(value)
    return step if -(2**63) <= step < 2**63 else None


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (ValueError, TypeError):
        return None
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _time(value: Any, now: float) -> float:
    number = _number(value)
    at = now if number is None else number / 1000
    return at if 0 <= at < 253_402_300_000 else now


def raw_points(curve: Curve) -> list[dict[str, Any]]:
    """Every point."""
    return [{"step": step, "y": number_out(y)} for step, y in _pairs(curve)]


def _pairs(curve: Curve) -> Iterator[tuple[int, float]]:
    return zip(curve.steps.tolist(), curve.values.tolist(), strict=True)


def buckets(curve: Curve, most: int) -> list[dict[str, Any]]:
    """At most ``most`` parts of as many points each, the smallest power of two; the first and last point besides.

    ``step`` and ``y`` are means, ``minY`` and ``maxY`` the bounds, all of the finite numbers; None where there are none.
    """
    size = 1
    while len(curve) > size * most:
        size *= 2
    made = [
        _bucket(curve.steps[at : at + size], curve.values[at : at + size])
        for at in range(0, len(curve), size)
    ]
    ends = [_bucket(curve.steps[part], curve.values[part]) for part in (slice(1), slice(-1, None))]
    return [ends[0], *made, ends[1]]


def _bucket(steps: Any, values: Any) -> dict[str, Any]:
    finite = values[np.isfinite(values)]
    known = len(finite) > 0
    return {
        "step": float(np.mean(steps)),
        "y": float(np.mean(finite)) if known else None,
        "minY": float(np.min(finite)) if known else None,
        "maxY": float(np.max(finite)) if known else None,
        "firstStep": int(steps[0]),
        "lastStep": int(steps[-1]),
        "count": len(steps),
    }
