"""Points as JSON: by the column, by the row, and a line for each row.

Numbers that JSON has not are the texts "NaN", "Infinity" and "-Infinity"; the bare words that Python writes are understood too.
Who gives no writer and sequence has them made from what was sent, so that sending the same again stores nothing twice.
"""

from __future__ import annotations

import hashlib
import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct

from autoresearch.errors import Invalid
from autoresearch.protocol.points_wire import (
    MOST_SEQUENCE,
    Labelled,
    Sequence64,
    Step,
    Time,
    decoded,
    labels_of,
    refused,
    writer_fits,
)
from autoresearch.records.ids import derived_id, is_id
from autoresearch.records.words import clean_line
from autoresearch.series.batch import Batch, Labels, Rows, Text
from autoresearch.series.fitting import MOST_NAME_BYTES

__all__ = ["Line", "batch_of", "from_json", "lines_of"]

_Number = float | Literal["NaN", "Infinity", "-Infinity"]
_BARE = re.compile(rb"NaN|Infinity")
_WORDS = re.compile(rb'"(?:[^"\\]+|\\.?)*+(?:"|\Z)|-?Infinity|NaN', re.DOTALL)
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Line(Struct, forbid_unknown_fields=True, gc=False):
    """One row of numbers.

    Attributes:
        step: Its step.
        metrics: Its numbers by name.
        time: Seconds since 1970 UTC; the server's time when left out.
        labels: Labels of all of them.
    """

    step: Step
    metrics: Annotated[dict[str, _Number], Meta(min_length=1, max_length=10_000)]
    time: Time | None = None
    labels: Labelled | None = None


class _Entry(Struct, forbid_unknown_fields=True):
    name: str
    step: Step
    text: str
    time: Time | None = None
    labels: Labelled | None = None


class _Columns(Struct, forbid_unknown_fields=True):
    names: Annotated[list[str], Meta(min_length=1, max_length=10_000)]
    steps: list[Step]
    values: list[list[_Number]]
    times: list[Time] | None = None
    labels: Labelled | None = None


class _Body(Struct, forbid_unknown_fields=True):
    run_id: str
    writer_id: str | None = None
    sequence: Sequence64 | None = None
    columns: list[_Columns] = []
    points: list[Line] = []
    texts: list[_Entry] = []


_body = msgspec.json.Decoder(_Body | list[_Body])
_line = msgspec.json.Decoder(Line)


def from_json(body: bytes, now: float) -> list[Batch]:
    """The batches of a JSON body; ``now`` is the time of what has none.

    Raises:
        Invalid: It is something else; the message names the field.
    """
    try:
        found = decoded(_body, body)
    except Invalid:
        if not _BARE.search(body):
            raise
        found = decoded(_body, _quoted(body))
    if isinstance(found, list):
        return [_made(each, body, now, f"[{place}].") for place, each in enumerate(found)]
    return [_made(found, body, now, "")]


def lines_of(body: bytes) -> list[Line]:
    """The rows of whole lines of NDJSON; empty lines are none.

    Raises:
        Invalid: A line is something else; ``details["line"]`` counts it from 0.
    """
    try:
        return _line.decode_lines(body)
    except _BROKEN:
        if not _BARE.search(body):
            return list(_one_by_one(body))
    body = _quoted(body)
    try:
        return _line.decode_lines(body)
    except _BROKEN:
        return list(_one_by_one(body))


def batch_of(
    lines: Sequence[Line], run: str, writer: str, first: int, *, now: float, path: Callable[[int], str]
) -> Batch:
    """Rows as a batch, numbered from ``first``; ``path`` tells what to call the row of a place in an error.

    Raises:
        Invalid: A name or a label cannot be one.
    """
    rows = list(_grouped(lines, first, now, path))
    return Batch(run, writer, first, first + len(lines) - 1, rows=rows)


def _one_by_one(body: bytes) -> Iterator[Line]:
    for place, line in enumerate(body.split(b"\n")):
        if not line.strip():
            continue
        try:
            yield decoded(_line, line)
        except Invalid as error:
            error.details["line"] = place
            raise


def _quoted(body: bytes) -> bytes:
    """The bare words between texts as texts; what is written within a text stays."""
    return _WORDS.sub(lambda found: found[0] if found[0][:1] == b'"' else b'"' + found[0] + b'"', body)


def _made(found: _Body, body: bytes, now: float, at: str) -> Batch:
    if not is_id(found.run_id):
        raise refused(f"{at}run_id", f"{found.run_id[:40]!r} is not a UUID in lower case")
    writer, first = _numbered(found, body, at)
    rows: list[Rows] = []
    following = first
    for place, columns in enumerate(found.columns):
        rows.append(_columns(columns, following, now, f"{at}columns[{place}]"))
        following += len(columns.steps)
    rows += _grouped(found.points, following, now, lambda place: f"{at}points[{place}]")
    following += len(found.points)
    texts = [
        _text(entry, following + place, now, f"{at}texts[{place}]") for place, entry in enumerate(found.texts)
    ]
    last = following + len(texts) - 1
    if last < first:
        raise refused(f"{at}points", "nothing is in it; give columns, points or texts")
    if last > MOST_SEQUENCE:
        raise refused(f"{at}sequence", f"must end at {MOST_SEQUENCE} at most")
    return Batch(found.run_id, writer, first, last, rows=rows, texts=texts)


def _numbered(found: _Body, body: bytes, at: str) -> tuple[str, int]:
    if found.writer_id is None and found.sequence is None:
        return derived_id("ingest", found.run_id, at, hashlib.sha256(body).hexdigest()), 1
    if found.writer_id is None:
        raise refused(f"{at}writer_id", "is missing; whoever numbers records says who writes them")
    if found.sequence is None:
        raise refused(f"{at}sequence", "is missing; give the number of the first record, counted from 1")
    if not writer_fits(found.writer_id):
        raise refused(f"{at}writer_id", "must be 1 to 200 printable characters")
    return found.writer_id, found.sequence


def _columns(found: _Columns, first: int, now: float, path: str) -> Rows:
    count = len(found.steps)
    _check_names(found.names, f"{path}.names")
    if len(found.values) != len(found.names):
        raise refused(f"{path}.values", f"{len(found.values)} columns for {len(found.names)} names")
    for place, column in enumerate(found.values):
        if len(column) != count:
            raise refused(f"{path}.values[{place}]", f"{len(column)} numbers for {count} steps")
    if found.times is not None and len(found.times) != count:
        raise refused(f"{path}.times", f"{len(found.times)} times for {count} steps")
    return Rows(
        tuple(found.names),
        labels_of(found.labels.items(), f"{path}.labels") if found.labels else (),
        array("Q", range(first, first + count)).tobytes(),
        array("q", found.steps).tobytes(),
        array("d", found.times if found.times is not None else [now] * count).tobytes(),
        [_doubles(column) for column in found.values],
    )


def _grouped(lines: Sequence[Line], first: int, now: float, path: Callable[[int], str]) -> Iterator[Rows]:
    """The rows of each key set, in the order in which they came."""
    sets: dict[tuple[tuple[str, ...], Labels], list[int]] = {}
    for place, line in enumerate(lines):
        names = tuple(line.metrics)
        labels = tuple(sorted(line.labels.items())) if line.labels else ()
        sets.setdefault((names, labels), []).append(place)
    for (names, labels), places in sets.items():
        _check_names(names, f"{path(places[0])}.metrics")
        labels_of(labels, f"{path(places[0])}.labels")
        own = lines if len(places) == len(lines) else [lines[place] for place in places]
        table = np.frombuffer(_doubles(chain.from_iterable([line.metrics.values() for line in own])), "<f8")
        yield Rows(
            names,
            labels,
            array("Q", [first + place for place in places]).tobytes(),
            array("q", [line.step for line in own]).tobytes(),
            array("d", [now if line.time is None else line.time for line in own]).tobytes(),
            [column.tobytes() for column in table.reshape(len(own), len(names)).T],
        )


def _text(found: _Entry, sequence: int, now: float, path: str) -> Text:
    _check_names([found.name], f"{path}.name")
    labels = labels_of(found.labels.items(), f"{path}.labels") if found.labels else ()
    return Text(
        found.name, labels, sequence, found.step, now if found.time is None else found.time, found.text
    )


def _check_names(names: Sequence[str], path: str) -> None:
    if len(set(names)) < len(names):
        raise refused(path, "a name is there twice")
    for name in names:
        if not name:
            raise refused(path, "a name must not be empty")
        try:
            clean_line(name)
        except ValueError as error:
            raise refused(path, f"the name {name[:40]!r} {error}") from None
        if len(name) * 4 > MOST_NAME_BYTES and len(name.encode()) > MOST_NAME_BYTES:
            raise refused(path, f"the name {name[:40]!r} must be at most {MOST_NAME_BYTES} bytes")


def _doubles(numbers: Any) -> bytes:
    """Numbers, among them the texts that stand for those that JSON has not, as float64."""
    every = list(numbers)
    try:
        return array("d", every).tobytes()
    except TypeError:
        return array("d", map(float, every)).tobytes()
