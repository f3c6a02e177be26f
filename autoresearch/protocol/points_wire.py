"""What a client sends to have points stored, as batches: MessagePack of our own client, and two forms of JSON.

Nothing that a stranger sends gets further than this module unless it is what a batch may be: columns of one length, sequence
numbers that rise within the range they claim, times that are times. One error names the field that was refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta, Struct

from autoresearch.errors import Invalid
from autoresearch.records.ids import is_id
from autoresearch.series.batch import Batch, Labels, Message, Rows, Text
from autoresearch.series.fitting import MOST_LABELS_BYTES, MOST_NAME_BYTES, labels_text

__all__ = [
    "MOST_SEQUENCE",
    "Labelled",
    "Sequence64",
    "Step",
    "Time",
    "decoded",
    "labels_of",
    "refused",
    "unpack",
    "writer_fits",
]

MOST_SEQUENCE = 1 << 48
"""The greatest sequence number; whatever counts records stays exact below it."""
_MOST_COLUMNS = 50_000
_MOST_DEPTH = 100
_AGAIN = "Correct it and send it again; nothing of this request was stored."

Sequence64 = Annotated[int, Meta(ge=1, le=MOST_SEQUENCE)]
"""The number of a record, counted from 1."""
Step = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""Any whole number of 64 bits."""
Time = Annotated[float, Meta(ge=0, lt=253_402_300_800)]
"""Seconds since 1970 UTC, to the year 9999."""
Labelled = Annotated[dict[str, str], Meta(max_length=64)]
"""Labels as a JSON object."""

_Lost = Annotated[int, Meta(ge=0, le=MOST_SEQUENCE)]
_Pairs = Annotated[list[tuple[str, str]], Meta(max_length=64)]
_Names = Annotated[list[str], Meta(min_length=1, max_length=_MOST_COLUMNS)]


class _Rows(Struct, forbid_unknown_fields=True, gc=False):
    names: _Names
    labels: _Pairs
    sequences: bytes
    steps: bytes
    times: bytes
    values: Annotated[list[bytes], Meta(max_length=_MOST_COLUMNS)]


class _Packed(Struct, forbid_unknown_fields=True):
    run: str
    writer: str
    first: Sequence64
    last: Annotated[int, Meta(ge=0, le=MOST_SEQUENCE)]
    rows: list[_Rows] = []
    texts: list[tuple[str, _Pairs, Sequence64, Step, float, str]] = []
    messages: list[tuple[Sequence64, float, str]] = []
    lost_records: _Lost = 0
    lost_points: _Lost = 0
    faults: Annotated[list[Annotated[str, Meta(max_length=2000)]], Meta(max_length=100)] = []


_packed = msgspec.msgpack.Decoder(_Packed | list[_Packed])


def unpack(body: bytes) -> list[Batch]:
    """The batches of a body that :func:`autoresearch.protocol.points_packing.pack` made.

    Raises:
        Invalid: It is something else; the message names the field.
    """
    found = decoded(_packed, body)
    if isinstance(found, list):
        return [_batch(each, f"[{place}].") for place, each in enumerate(found)]
    return [_batch(found, "")]


def decoded(decoder: Any, body: bytes) -> Any:
    """What a decoder of msgspec reads.

    Raises:
        Invalid: It is not what belongs there.
    """
    try:
        return decoder.decode(body)
    except RecursionError:
        raise refused("", "it is nested too deep") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        said, _, path = str(error).partition(" - at `$")
        raise refused(path.rstrip("`").lstrip("."), said) from None


def refused(path: str, said: str) -> Invalid:
    """The error that names a field; without a path it is the body itself."""
    said = said.replace("`", "").rstrip(".")
    hint = 'Give the text "NaN" for a number that is none.' if said.endswith("got null") else _AGAIN
    return Invalid(f"{path or 'The body'}: {said}.", hint=hint, details={"field": path})


def writer_fits(writer: str) -> bool:
    """Whether it may be the id of a writer."""
    return 0 < len(writer) <= 200 and writer.isprintable()


def labels_of(pairs: Iterable[tuple[str, str]], path: str) -> Labels:
    """Labels in their order.

    Raises:
        Invalid: One is there twice, or they are too long together.
    """
    labels = tuple(sorted(pairs))
    if not labels:
        return ()
    if len({key for key, _ in labels}) < len(labels):
        raise refused(path, "a label is there twice")
    if len(labels_text(labels)) > MOST_LABELS_BYTES:
        raise refused(path, f"labels must be at most {MOST_LABELS_BYTES} bytes as JSON")
    return labels


def _batch(found: _Packed, at: str) -> Batch:
    if not is_id(found.run):
        raise refused(f"{at}run", f"{found.run[:40]!r} is not a UUID in lower case")
    if not writer_fits(found.writer):
        raise refused(f"{at}writer", "must be 1 to 200 printable characters")
    records = sum(len(rows.steps) // 8 for rows in found.rows) + len(found.texts) + len(found.messages)
    if found.last - found.first + 1 < records:
        raise refused(f"{at}last", f"{records} records do not fit from {found.first} to {found.last}")
    span = found.first, found.last
    _rising([entry[2] for entry in found.texts], span, f"{at}texts")
    _rising([message[0] for message in found.messages], span, f"{at}messages")
    return Batch(
        found.run,
        found.writer,
        found.first,
        found.last,
        rows=[_rows(rows, span, f"{at}rows[{place}]") for place, rows in enumerate(found.rows)],
        texts=[_text(entry, f"{at}texts[{place}]") for place, entry in enumerate(found.texts)],
        messages=[_message(entry, f"{at}messages[{place}]") for place, entry in enumerate(found.messages)],
        lost_records=found.lost_records,
        lost_points=found.lost_points,
        faults=found.faults,
    )


def _rows(found: _Rows, span: tuple[int, int], path: str) -> Rows:
    size = len(found.steps)
    if len(found.values) != len(found.names):
        raise refused(f"{path}.values", f"{len(found.values)} columns for {len(found.names)} names")
    if size % 8:
        raise refused(f"{path}.steps", "must have 8 bytes for each row")
    for name in ("sequences", "times"):
        if len(getattr(found, name)) != size:
            raise refused(f"{path}.{name}", f"must have {size} bytes, as many as steps")
    if any(len(column) != size for column in found.values):
        place = next(place for place, column in enumerate(found.values) if len(column) != size)
        raise refused(f"{path}.values[{place}]", f"must have {size} bytes, as many as steps")
    _named(found.names, f"{path}.names")
    if size:
        numbers = np.frombuffer(found.sequences, "<u8")
        if not (numbers[1:] > numbers[:-1]).all() or numbers[0] < span[0] or numbers[-1] > span[1]:
            raise refused(f"{path}.sequences", f"must rise from {span[0]} or more to at most {span[1]}")
        if not np.isfinite(np.frombuffer(found.times, "<f8")).all():
            raise refused(f"{path}.times", "must be seconds since 1970 UTC")
    labels = labels_of(found.labels, f"{path}.labels")
    return Rows(tuple(found.names), labels, found.sequences, found.steps, found.times, found.values)


def _named(names: Sequence[str], path: str) -> None:
    if len(set(names)) < len(names):
        raise refused(path, "a name is there twice")
    for place, name in enumerate(names):
        if len(name) * 4 > MOST_NAME_BYTES and len(name.encode()) > MOST_NAME_BYTES:
            raise refused(f"{path}[{place}]", f"must be at most {MOST_NAME_BYTES} bytes")


def _rising(numbers: Sequence[int], span: tuple[int, int], path: str) -> None:
    before = span[0] - 1
    for place, number in enumerate(numbers):
        if not before < number <= span[1]:
            raise refused(
                f"{path}[{place}]", f"the sequence number {number} does not rise from {before} to {span[1]}"
            )
        before = number


def _text(found: tuple[str, list[tuple[str, str]], int, int, float, str], path: str) -> Text:
    name, pairs, sequence, step, time, text = found
    _named([name], path)
    _finite(time, path)
    return Text(name, labels_of(pairs, path), sequence, step, time, text)


def _message(found: tuple[int, float, str], path: str) -> Message:
    sequence, time, said = found
    _finite(time, path)
    try:
        body = json.loads(said)
    except (ValueError, RecursionError):
        raise refused(path, "must be a JSON text") from None
    if _deeper(body, _MOST_DEPTH):
        raise refused(path, f"must be nested at most {_MOST_DEPTH} deep")
    # What is no message at all is understood, and named, where messages are applied.
    return Message(sequence, time, body)


def _finite(time: float, path: str) -> None:
    if not -1e300 < time < 1e300:
        raise refused(path, "the time must be seconds since 1970 UTC")


def _deeper(value: Any, most: int) -> bool:
    """Whether a value is nested deeper than so many levels; level by level, so that no depth overflows."""
    level = [value]
    for _ in range(most):
        level = [
            item
            for each in level
            if isinstance(each, dict | list)
            for item in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return True
