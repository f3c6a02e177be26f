"""What is known of a chunk without decoding it: its statistics, and those of every 64 points of it.

A pyramid has a fixed width for each bucket and is not compressed, since reading it is the point. Layout, little-endian::

    crc32 u32 | flags u8 (1 float32, 2 placed) | bucket u8 | points u16
    min f, max f (float32 where that loses no bit, else float64) | mean f32 | argmin u8, argmax u8, finite u8
    and when placed, microseconds after the least time of the chunk: time of min u32, time of max u32

each of the lines but the first once for every bucket, column after column. It is placed when steps are a progression and the
times of the chunk span less than 2**32 microseconds; else the axis of the chunk tells where its points lie. The mean has the
precision of float32, which is what a picture needs; everything else is exact. A bucket without a finite value has its first
point for both extremes and 0 for the number of finite ones.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autoresearch.series.arrays import Real, Whole
from autoresearch.series.squeezing import damaged, sealed

__all__ = ["BUCKET", "Buckets", "Summary", "is_placed", "layout", "read_buckets", "summarize"]

BUCKET = 64
"""Points of a bucket; the last one of a chunk may have fewer."""


_HEAD = struct.Struct("<BBH")
_SINGLE, _PLACED = 1, 2
_FIELDS = (("mean", "<f4"), ("argmin", "u1"), ("argmax", "u1"), ("finite", "u1"))
_PLACES = (("least_time", "<u4"), ("most_time", "<u4"))


@dataclass(frozen=True, slots=True)
class Summary:
    """A chunk in a few numbers; times are microseconds, extremes and mean are of its finite values, None without one.

    Attributes:
        min_step: Step of the least value; ``min_time`` its time, and so on for the greatest.
        first: Value of the first point, which may be NaN.
        least_time: Least time of a point, which is that of the first one unless a clock was set back.
        pyramid: The buckets.
    """

    nans: int
    infinities: int
    min: float | None
    max: float | None
    min_step: int | None
    max_step: int | None
    min_time: int | None
    max_time: int | None
    mean: float | None
    first: float
    last: float
    first_time: int
    last_time: int
    least_time: int
    most_time: int
    pyramid: bytes


@dataclass(frozen=True, slots=True)
class Buckets:
    """The buckets of some chunks; arrays of shape (chunks, buckets). Positions count from the first point of the chunk.

    Attributes:
        points: Points of each bucket.
        finite: How many of them are finite numbers.
        least: The least value; ``argmin`` its position.
        least_time: Its time, microseconds after the least time of the chunk; None when not placed.
    """

    points: Whole
    finite: Whole
    least: Real
    most: Real
    mean: Real
    argmin: Whole
    argmax: Whole
    least_time: Whole | None
    most_time: Whole | None


def summarize(steps: Whole, times: Whole, values: Real) -> list[Summary]:
    """The summary of each row of ``values``.

    Args:
        steps: int64, shape (n,), rising, n at most 4,096.
        times: int64 microseconds, shape (n,).
        values: float64, shape (series, n), contiguous.
    """
    found = _Found(values)
    axis = _Axis(steps, times)
    with np.errstate(invalid="ignore"):
        return [_summary(found, axis, row) for row in range(len(values))]


def layout(pyramid: bytes) -> bytes:
    """What pyramids must have in common to be read together."""
    return bytes(pyramid[4 : 4 + _HEAD.size])


def is_placed(pyramid: bytes) -> bool:
    """Whether the pyramid itself tells where its points lie, without the axis of its chunk."""
    return len(pyramid) > 4 and bool(pyramid[4] & _PLACED)


def read_buckets(blobs: Sequence[bytes], where: str) -> Buckets:
    """The buckets of pyramids that have one :func:`layout`.

    Raises:
        StoreCorrupt: One of them is damaged; the message names ``where``.
    """
    size = len(blobs[0])
    if size < 4 + _HEAD.size:
        raise damaged(where)
    flags, bucket, count = _HEAD.unpack_from(blobs[0], 4)
    kind = "<f4" if flags & _SINGLE else "<f8"
    buckets = -(-count // BUCKET)
    fields = (("least", kind), ("most", kind), *_FIELDS, *(_PLACES if flags & _PLACED else ()))
    form = np.dtype([("crc", "<u4"), ("head", "V4"), *((name, width, (buckets,)) for name, width in fields)])
    if bucket != BUCKET or not count or size != form.itemsize or any(len(blob) != size for blob in blobs):
        raise damaged(where)
    whole = memoryview(b"".join(blobs))
    cells = np.frombuffer(whole, form)
    # Each checksum by itself, of all of them at once: with thousands of pyramids the calls are what takes time.
    sums = [zlib.crc32(whole[start + 4 : start + size]) for start in range(0, len(whole), size)]
    if cells["crc"].tolist() != sums:
        raise damaged(where)
    starts = np.arange(buckets) * BUCKET
    return Buckets(
        points=np.broadcast_to(np.minimum(count - starts, BUCKET), (len(blobs), buckets)),
        finite=cells["finite"],
        least=cells["least"],
        most=cells["most"],
        mean=cells["mean"],
        argmin=starts + cells["argmin"],
        argmax=starts + cells["argmax"],
        least_time=cells["least_time"] if flags & _PLACED else None,
        most_time=cells["most_time"] if flags & _PLACED else None,
    )


class _Axis:
    """Where the points of a chunk lie."""

    def __init__(self, steps: Whole, times: Whole) -> None:
        self.steps = steps
        self.times = times
        self.least_time, self.most_time = int(times.min()), int(times.max())
        self.edges = int(times[0]), int(times[-1])
        strides = np.diff(steps)
        regular = not len(strides) or bool((strides == strides[0]).all())
        narrow = int(steps[-1]) - int(steps[0]) < 2**62
        self.placed = regular and narrow and self.most_time - self.least_time < 2**32

    def offsets(self, positions: Whole) -> NDArray[np.uint32]:
        """Times of some points, after the least one."""
        return (self.times[positions] - self.least_time).astype("<u4")


class _Found:
    """Extremes, means and counts of every bucket and every row of a matrix."""

    def __init__(self, values: Real) -> None:
        rows, self.count = values.shape
        buckets = -(-self.count // BUCKET)
        finite = np.isfinite(values)
        whole = bool(finite.all())
        self.nans = [0] * rows if whole else np.isnan(values).sum(1).tolist()
        self.infinities = [0] * rows if whole else np.isinf(values).sum(1).tolist()
        self.edges: list[list[float]] = values[:, [0, -1]].tolist()
        if self.count % BUCKET:
            gap = ((0, 0), (0, buckets * BUCKET - self.count))
            values, whole = np.pad(values, gap, constant_values=np.nan), False
            finite = np.pad(finite, gap)
        shape = (rows, buckets, BUCKET)
        cells = values.reshape(shape)
        self.finite = finite.reshape(shape).sum(2)
        lowest, highest, summed = cells, cells, cells
        if not whole:
            mask = finite.reshape(shape)
            lowest, highest, summed = (np.where(mask, cells, filler) for filler in (np.inf, -np.inf, 0.0))
        self.argmin, self.argmax = lowest.argmin(2), highest.argmax(2)
        self.least = np.take_along_axis(cells, self.argmin[..., None], 2)[..., 0]
        self.most = np.take_along_axis(cells, self.argmax[..., None], 2)[..., 0]
        with np.errstate(invalid="ignore", over="ignore"):
            self._means(summed)
            short = [
                (part.astype("<f4").astype("<f8").view("<i8") == part.view("<i8")).all(1)
                for part in self.extremes
            ]
            self.single: list[bool] = (short[0] & short[1]).tolist()
        self._totals(rows)

    @property
    def extremes(self) -> tuple[Real, Real]:
        """The least and the greatest of every bucket."""
        return self.least, self.most

    def _means(self, summed: Real) -> None:
        sums = summed.sum(2)
        self.mean = np.where(self.finite > 0, sums / np.maximum(self.finite, 1), np.nan).astype("<f4")
        self.total_mean = (sums.sum(1) / np.maximum(self.finite.sum(1), 1)).tolist()

    def _totals(self, rows: int) -> None:
        row, some = np.arange(rows), self.finite > 0
        low = np.where(some, self.least, np.inf).argmin(1)
        high = np.where(some, self.most, -np.inf).argmax(1)
        self.some: list[bool] = some.any(1).tolist()
        self.min: list[float] = self.least[row, low].tolist()
        self.max: list[float] = self.most[row, high].tolist()
        self.min_at: list[int] = (low * BUCKET + self.argmin[row, low]).tolist()
        self.max_at: list[int] = (high * BUCKET + self.argmax[row, high]).tolist()


def _summary(found: _Found, axis: _Axis, row: int) -> Summary:
    some, low, high = found.some[row], found.min_at[row], found.max_at[row]
    return Summary(
        nans=found.nans[row],
        infinities=found.infinities[row],
        min=found.min[row] if some else None,
        max=found.max[row] if some else None,
        min_step=int(axis.steps[low]) if some else None,
        max_step=int(axis.steps[high]) if some else None,
        min_time=int(axis.times[low]) if some else None,
        max_time=int(axis.times[high]) if some else None,
        mean=found.total_mean[row] if some else None,
        first=found.edges[row][0],
        last=found.edges[row][1],
        first_time=axis.edges[0],
        last_time=axis.edges[1],
        least_time=axis.least_time,
        most_time=axis.most_time,
        pyramid=_pyramid(found, axis, row),
    )


def _pyramid(found: _Found, axis: _Axis, row: int) -> bytes:
    single = found.single[row]
    extremes = [part[row].astype("<f4" if single else "<f8") for part in found.extremes]
    argmin, argmax = found.argmin[row], found.argmax[row]
    columns = [
        *extremes,
        found.mean[row],
        argmin.astype("u1"),
        argmax.astype("u1"),
        found.finite[row].astype("u1"),
    ]
    if axis.placed:
        starts = np.arange(len(argmin)) * BUCKET
        columns += [axis.offsets(starts + argmin), axis.offsets(starts + argmax)]
    flags = (_SINGLE if single else 0) | (_PLACED if axis.placed else 0)
    return sealed(_HEAD.pack(flags, BUCKET, found.count) + b"".join([column.tobytes() for column in columns]))
