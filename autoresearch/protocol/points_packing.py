"""Batches as MessagePack, written with the standard library alone, since a training process sends them.

Columns travel as the bytes that they are, so that packing copies them once and looks at none of their numbers. What a record says
of the run travels as JSON text inside: it is stored as that, and JSON has whole numbers of any size.
"""

from __future__ import annotations

import json
import struct

from autoresearch.series.fitting import fitting, fitting_labels

TYPE_CHECKING = False  # importing typing would cost more than this module
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from autoresearch.series.batch import Batch, Labels, Rows

__all__ = ["MEDIA_TYPE", "pack"]

MEDIA_TYPE = "application/msgpack"

_MOST_FAULTS, _MOST_FAULT = 100, 2000
_DOUBLE = struct.Struct(">d").pack


def pack(batches: Sequence[Batch]) -> bytes:
    """The body of a request that hands over batches, in their order; what a server cannot hold is made to fit."""
    parts: list[bytes] = []
    put = parts.append
    _array(put, len(batches))
    for batch in batches:
        _batch(put, batch)
    return b"".join(parts)


def _batch(put: Callable[[bytes], None], batch: Batch) -> None:
    put(b"\x8a")
    for key, value in (("run", batch.run), ("writer", batch.writer)):
        _text(put, key)
        _text(put, value)
    for key, number in (
        ("first", batch.first),
        ("last", batch.last),
        ("lost_records", batch.lost_records),
        ("lost_points", batch.lost_points),
    ):
        _text(put, key)
        _whole(put, number)
    _text(put, "rows")
    _array(put, len(batch.rows))
    for rows in batch.rows:
        _rows(put, rows)
    _text(put, "texts")
    _array(put, len(batch.texts))
    for entry in batch.texts:
        put(b"\x96")
        _text(put, fitting(entry.name))
        _labels(put, entry.labels)
        _whole(put, entry.sequence)
        _whole(put, entry.step)
        put(b"\xcb" + _DOUBLE(entry.time))
        _text(put, entry.text)
    _text(put, "messages")
    _array(put, len(batch.messages))
    for message in batch.messages:
        put(b"\x93")
        _whole(put, message.sequence)
        put(b"\xcb" + _DOUBLE(message.time))
        _text(put, json.dumps(message.body))
    _text(put, "faults")
    _texts(put, [fault[:_MOST_FAULT] for fault in batch.faults[:_MOST_FAULTS]])


def _rows(put: Callable[[bytes], None], rows: Rows) -> None:
    put(b"\x86")
    _text(put, "names")
    _texts(put, [fitting(name) for name in rows.names])
    _text(put, "labels")
    _labels(put, rows.labels)
    for key, column in (("sequences", rows.sequences), ("steps", rows.steps), ("times", rows.times)):
        _text(put, key)
        _bytes(put, column)
    _text(put, "values")
    _array(put, len(rows.values))
    for column in rows.values:
        _bytes(put, column)


def _labels(put: Callable[[bytes], None], labels: Labels) -> None:
    kept = fitting_labels(labels)
    _array(put, len(kept))
    for pair in kept:
        _texts(put, pair)


def _texts(put: Callable[[bytes], None], texts: Iterable[str]) -> None:
    every = tuple(texts)
    _array(put, len(every))
    for text in every:
        _text(put, text)


def _text(put: Callable[[bytes], None], text: str) -> None:
    raw = _utf8(text)
    size = len(raw)
    if size < 32:
        put(bytes((0xA0 | size,)))
    elif size < 256:
        put(bytes((0xD9, size)))
    elif size < 65536:
        put(b"\xda" + size.to_bytes(2, "big"))
    else:
        put(b"\xdb" + size.to_bytes(4, "big"))
    put(raw)


def _utf8(text: str) -> bytes:
    # Lone surrogates have no UTF-8 form; their escapes have.
    return text.encode("utf-8", "backslashreplace")


def _bytes(put: Callable[[bytes], None], raw: bytes) -> None:
    size = len(raw)
    if size < 65536:
        put(b"\xc5" + size.to_bytes(2, "big"))
    else:
        put(b"\xc6" + size.to_bytes(4, "big"))
    put(raw)


def _whole(put: Callable[[bytes], None], number: int) -> None:
    if 0 <= number < 128:
        put(bytes((number,)))
    elif number >= 0:
        put(b"\xcf" + number.to_bytes(8, "big"))
    else:
        put(b"\xd3" + number.to_bytes(8, "big", signed=True))


def _array(put: Callable[[bytes], None], count: int) -> None:
    if count < 16:
        put(bytes((0x90 | count,)))
    elif count < 65536:
        put(b"\xdc" + count.to_bytes(2, "big"))
    else:
        put(b"\xdd" + count.to_bytes(4, "big"))
