"""Frames: columns of a batch on their way into the store, each readable alone, made without an array library.

Layout, all little-endian::

    version u8 | layout u8 | 0 u16 | rows u32 | columns u32
    (end u32, crc32 u32) for each part | crc32 u32 of everything before it
    parts: sequences, steps, times, then one for each column, or one for all columns of few rows or numbers

A part begins with how it is packed: 0 bytes shuffled by position and compressed, 1 first number and stride.
"""

from __future__ import annotations

import math
import struct
import sys
import zlib
from array import array

from autoresearch.errors import Invalid
from autoresearch.series.batch import Rows
from autoresearch.series.squeezing import damaged, decompress, squash

TYPE_CHECKING = False  # importing typing would cost more than this module
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MOST_ROWS", "MOST_VALUES", "Frame", "bounds", "check", "encode", "measure", "split"]

MOST_ROWS = 4096
MOST_VALUES = 65536
_FEW_ROWS = 32
"""Up to so many rows, columns are compressed together: alone they would be too short to gain from it."""
_FEW_VALUES = 8192
"""Up to so many numbers, too: one of the columns is hardly sooner read alone."""

_HEAD = struct.Struct("<BBHII")
_STRIDED = struct.Struct("<Bqq")
_BLOCK, _COLUMNS = 0, 1
_SHUFFLED, _STRIDE = b"\0", 1
_HALF = 1 << 63
_MANY = 1024
"""Bytes from which on numpy is the faster one, where it is loaded already."""
_lanes: dict[int, tuple[int, int]] = {}
"""For a number of rows: long integers with 1, and with the row's number, in every lane of 64 bits."""


def check(rows: Rows) -> None:
    """Refuse columns that do not belong together.

    Raises:
        Invalid: A column is of another length than the others, or a name is there twice.
    """
    size = len(rows.steps)
    columns = (rows.sequences, rows.times, *rows.values)
    if size % 8 or any(len(column) != size for column in columns) or len(rows.values) != len(rows.names):
        raise Invalid(
            f"The columns of {', '.join(rows.names[:3]) or 'a batch'} differ in length.",
            hint="Send 8 bytes for each row in every column.",
        )
    if len(set(rows.names)) != len(rows.names):
        raise Invalid("A name is there twice in one row.", hint="Give every name of a row once.")


def split(rows: Rows) -> Iterator[Rows]:
    """The rows in parts of at most 4,096 rows and about 65,536 numbers; whole rows only, nothing for no rows."""
    most = 8 * max(1, min(MOST_ROWS, MOST_VALUES // max(1, len(rows.names))))
    if len(rows.steps) <= most:
        if rows.steps:
            yield rows
        return
    for start in range(0, len(rows.steps), most):
        part = slice(start, start + most)
        yield Rows(
            rows.names,
            rows.labels,
            rows.sequences[part],
            rows.steps[part],
            rows.times[part],
            [column[part] for column in rows.values],
        )


def encode(rows: Rows) -> bytes:
    """One blob for rows of one key set; :class:`Frame` reads it."""
    parts = [_whole(rows.sequences), _whole(rows.steps), _packed(rows.times)]
    block = len(rows) <= _FEW_ROWS or len(rows) * len(rows.names) <= _FEW_VALUES
    if block:
        parts.append(_packed(b"".join(rows.values)))
    else:
        parts += [_packed(column) for column in rows.values]
    head = _HEAD.pack(1, _BLOCK if block else _COLUMNS, 0, len(rows), len(rows.names))
    directory: list[int] = []
    end = 0
    for part in parts:
        end += len(part)
        directory += (end, zlib.crc32(part))
    head += struct.pack(f"<{len(directory)}I", *directory)
    return b"".join((head, zlib.crc32(head).to_bytes(4, "little"), *parts))


class Frame:
    """An encoded frame, of which single columns are read.

    Args:
        blob: Answer of :func:`encode`.
        where: What is being read, for messages, such as ``frame 3 of run r``.

    Attributes:
        rows: How many rows it has.
        columns: How many columns.

    Raises:
        StoreCorrupt: The directory is damaged; reading a damaged column raises it too.
    """

    __slots__ = ("_blob", "_block", "_body", "_directory", "_layout", "columns", "rows", "where")

    def __init__(self, blob: bytes, where: str) -> None:
        self.where = where
        self._blob = memoryview(blob)
        self._block: bytes | None = None
        if len(blob) < _HEAD.size:
            raise damaged(where)
        version, self._layout, _, self.rows, self.columns = _HEAD.unpack_from(blob)
        parts = 3 + (1 if self._layout == _BLOCK else self.columns)
        end = _HEAD.size + 8 * parts
        if version != 1 or len(blob) < end + 4:
            raise damaged(where)
        if zlib.crc32(self._blob[:end]) != int.from_bytes(self._blob[end : end + 4], "little"):
            raise damaged(where)
        self._directory: tuple[int, ...] = struct.unpack_from(f"<{2 * parts}I", blob, _HEAD.size)
        self._body = end + 4
        if len(blob) != self._body + self._directory[-2]:
            raise damaged(where)

    def sequences(self) -> bytes:
        """uint64: the writer's sequence number of each row."""
        return self._part(0, self.rows)

    def steps(self) -> bytes:
        """int64: the step of each row."""
        return self._part(1, self.rows)

    def times(self) -> bytes:
        """float64: the time of each row, seconds since 1970 UTC."""
        return self._part(2, self.rows)

    def column(self, index: int) -> bytes:
        """float64: the numbers of one column, counted from 0, bit for bit."""
        if self._layout == _COLUMNS:
            return self._part(3 + index, self.rows)
        if self._block is None:
            self._block = self._part(3, self.rows * self.columns)
        size = 8 * self.rows
        return self._block[index * size : (index + 1) * size]

    def _part(self, index: int, count: int) -> bytes:
        start = self._body + (self._directory[2 * index - 2] if index else 0)
        part = self._blob[start : self._body + self._directory[2 * index]]
        if not part or zlib.crc32(part) != self._directory[2 * index + 1]:
            raise damaged(self.where)
        if part[0] == _STRIDE:
            _, first, stride = _STRIDED.unpack(part)
            return _progression(first, stride, count)
        return _unshuffle(decompress(part[1:], 8 * count, self.where), count)


def measure(column: bytes) -> tuple[int, int, float | None, float | None]:
    """How many NaN and infinities a float64 column has, and the least and greatest of the finite ones."""
    values = array("d", column).tolist()
    # One sum tells in one pass that all are finite; one that overflows only takes the longer way.
    if math.isfinite(sum(values)):
        return 0, 0, min(values), max(values)
    nans = sum(map(math.isnan, values))
    infinities = sum(map(math.isinf, values))
    finite = list(filter(math.isfinite, values))
    return nans, infinities, min(finite, default=None), max(finite, default=None)


def bounds(steps: bytes) -> tuple[int, int]:
    """The least and the greatest of an int64 column, which is not empty."""
    if len(steps) >= _MANY and "numpy" in sys.modules:
        from autoresearch.series.lanes import bounds_of

        return bounds_of(steps)
    numbers = memoryview(steps).cast("q")
    first, last = numbers[0], numbers[-1]
    if _stride(steps) is not None:
        return min(first, last), max(first, last)
    every = numbers.tolist()
    return min(every), max(every)


def _packed(raw: bytes) -> bytes:
    """A column, its bytes by position and compressed."""
    return _SHUFFLED + squash(_shuffle(raw))


def _shuffle(raw: bytes) -> bytes:
    if len(raw) >= _MANY and "numpy" in sys.modules:
        from autoresearch.series.lanes import shuffled

        return shuffled(raw)
    return b"".join([raw[place::8] for place in range(8)])


def _unshuffle(raw: bytes, count: int) -> bytes:
    if len(raw) >= _MANY and "numpy" in sys.modules:
        from autoresearch.series.lanes import unshuffled

        return unshuffled(raw, count)
    out = bytearray(8 * count)
    for place in range(8):
        out[place::8] = raw[place * count : (place + 1) * count]
    return bytes(out)


def _whole(raw: bytes) -> bytes:
    """A column of 64-bit integers: as first and stride where it is a progression."""
    stride = _stride(raw)
    if stride is None:
        return _packed(raw)
    return _STRIDED.pack(_STRIDE, memoryview(raw).cast("q")[0], stride)


def _stride(raw: bytes) -> int | None:
    """By how much each number of a column is greater than the one before; None when that differs."""
    count = len(raw) // 8
    numbers = memoryview(raw).cast("q")
    first = numbers[0]
    stride = numbers[1] - first if count > 1 else 0
    # The two ends are compared first: what is no progression seldom gets beyond that.
    if numbers[-1] - first != stride * (count - 1) or not -_HALF <= stride < _HALF:
        return None
    if len(raw) >= _MANY and "numpy" in sys.modules:
        from autoresearch.series.lanes import even

        return stride if even(raw, stride) else None
    return stride if count < 3 or _progression(first, stride, count) == raw else None


def _progression(first: int, stride: int, count: int) -> bytes:
    """``first + i * stride`` as int64 lanes, by arithmetic on one long integer: a loop would cost five times as much."""
    if first < 0 or first + stride * (count - 1) < 0:  # a negative lane would borrow from the next one
        return array(
            "q", range(first, first + stride * count, stride) if stride else [first] * count
        ).tobytes()
    if count not in _lanes:
        if len(_lanes) > 15:
            _lanes.clear()
        ones = int.from_bytes(b"\1\0\0\0\0\0\0\0" * count, "little")
        _lanes[count] = ones, int.from_bytes(array("q", range(count)).tobytes(), "little")
    ones, numbers = _lanes[count]
    return (first * ones + stride * numbers).to_bytes(8 * count, "little")
