"""Chunks, summaries and samples: exact, small, and never silently wrong."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from autoresearch.errors import StoreCorrupt
from autoresearch.series.coding import decode_axis, decode_values, encode_axis, encode_values, micros, seconds
from autoresearch.series.merging import align, latest, rising
from autoresearch.series.pyramid import layout, read_buckets, summarize
from autoresearch.series.sampling import joined, of_points, sample

SPECIAL = [
    math.nan,
    -math.nan,
    math.inf,
    -math.inf,
    -0.0,
    5e-324,
    1e300,
    struct.unpack("<d", b"\1\0\0\0\0\0\xf0\x7f")[0],
]
VALUES = st.one_of(st.floats(width=32), st.floats(), st.sampled_from(SPECIAL))


@given(values=st.lists(VALUES, min_size=1, max_size=200))
def test_values_come_back_bit_for_bit(values: list[float]) -> None:
    raw = np.array([struct.unpack("<q", struct.pack("<d", value))[0] for value in values]).view("<f8")
    for row in encode_values(np.stack([raw, raw])):
        assert decode_values(row, len(raw), "chunk").tobytes() == raw.tobytes()


def test_numbers_that_were_float32_take_half_the_room() -> None:
    noise = np.random.default_rng(1).normal(size=(1, 4096))
    assert len(encode_values(noise.astype("f4").astype("f8"))[0]) < len(encode_values(noise)[0]) * 0.52


@given(
    steps=arrays.arrays("<i8", st.integers(1, 100), elements=st.integers(-(2**63), 2**63 - 1)),
    slow=st.booleans(),
)
def test_axes_come_back_as_they_were(steps: np.ndarray[tuple[int], np.dtype[np.int64]], slow: bool) -> None:
    times = np.random.default_rng(len(steps)).integers(0, 2**50 if slow else 2**20, len(steps))
    found = decode_axis(encode_axis(steps, times), "axis")
    assert np.array_equal(found[0], steps)
    assert np.array_equal(found[1], times)


@pytest.mark.parametrize("kind", ["axis", "values", "pyramid"])
def test_any_flipped_bit_or_cut_is_noticed(kind: str) -> None:
    steps, values = np.arange(100) ** 2, np.random.default_rng(1).normal(size=(1, 100))
    made: dict[str, tuple[bytes, Callable[[bytes], object]]] = {
        "axis": (encode_axis(steps, steps), partial(decode_axis, where="the thing")),
        "values": (encode_values(values)[0], partial(decode_values, count=100, where="the thing")),
        "pyramid": (
            summarize(steps, steps, values)[0].pyramid,
            lambda blob: read_buckets([blob], "the thing"),
        ),
    }
    blob, read = made[kind]
    read(blob)
    changes = [
        blob[:place] + bytes([blob[place] ^ 1 << place % 8]) + blob[place + 1 :] for place in range(len(blob))
    ]
    for wrong in (*changes, b"", blob[:4], blob[:9], blob[:-1], blob + b"\0"):
        with pytest.raises(StoreCorrupt, match="the thing"):
            read(wrong)


@given(times=st.lists(st.one_of(st.floats(), st.floats(0, 4e9)), min_size=1))
def test_times_are_whole_microseconds_and_odd_ones_do_no_harm(times: list[float]) -> None:
    found = micros(np.array(times))
    for time, whole, back in zip(times, found.tolist(), seconds(found).tolist(), strict=True):
        if abs(time) < 4e9:
            assert abs(back - time) <= 0.5e-6 + 2 * math.ulp(time)
        elif math.isnan(time):
            assert whole == 0
        else:
            assert whole * time > 0


@settings(max_examples=60)
@given(
    values=arrays.arrays("<f8", st.tuples(st.integers(1, 3), st.integers(1, 300)), elements=VALUES),
    stride=st.sampled_from([1, 7, 0]),
    slow=st.booleans(),
)
def test_summaries_and_buckets_are_what_the_points_say(
    values: np.ndarray[tuple[int, int], np.dtype[np.float64]], stride: int, slow: bool
) -> None:
    count = values.shape[1]
    steps = np.arange(count) * stride + 5 if stride else np.arange(count) ** 2
    times = np.random.default_rng(count).permutation(count) * (10**9 if slow else 10)
    for row, summary in zip(values, summarize(steps, times, values), strict=True):
        finite = row[np.isfinite(row)]
        assert (summary.nans, summary.infinities) == (np.isnan(row).sum(), np.isinf(row).sum())
        assert (summary.min, summary.max) == ((finite.min(), finite.max()) if len(finite) else (None, None))
        if summary.min_step is not None:
            at = int(np.flatnonzero(steps == summary.min_step)[0])
            assert (row[at], times[at]) == (summary.min, summary.min_time)
        buckets = read_buckets([summary.pyramid], "x")
        assert buckets.points.sum() == count
        if count > 5:
            assert (buckets.least_time is not None) == (stride > 0 and not slow)
        for place in range(-(-count // 64)):
            own = row[place * 64 : place * 64 + 64]
            kept = own[np.isfinite(own)]
            least, most = int(buckets.argmin[0, place]), int(buckets.argmax[0, place])
            assert buckets.finite[0, place] == len(kept)
            assert place * 64 <= least < place * 64 + len(own)
            assert buckets.least[0, place].astype("f8").tobytes() == row[least].tobytes() or math.isnan(
                row[least]
            )
            if len(kept):
                assert (row[least], row[most]) == (kept.min(), kept.max())
            if buckets.least_time is not None:
                assert buckets.least_time[0, place] + summary.least_time == times[least]


def test_a_full_chunk_has_a_pyramid_of_at_most_half_a_byte_a_point() -> None:
    axis = np.arange(4096)
    hard, short = (
        summarize(axis, axis, np.random.default_rng(1).normal(size=(2, 4096)).cumsum(1))[0],
        summarize(axis, axis, np.ones((1, 4096)))[0],
    )
    assert len(short.pyramid) < len(hard.pyramid) <= 2048
    assert layout(hard.pyramid) != layout(short.pyramid)


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 3), st.integers(0, 20)),
        max_size=30,
        unique_by=lambda x: x[1:],
    )
)
def test_the_last_write_of_each_step_stays(written: list[tuple[int, int, int]]) -> None:
    written = sorted(written, key=lambda row: row[1])
    steps, batches, sequences = (np.array([row[place] for row in written], "<i8") for place in range(3))
    kept = latest(steps, batches, sequences.astype("<u8"))
    chosen = written if kept is None else [written[place] for place in kept.tolist()]
    expected: dict[int, tuple[int, int, int]] = {}
    for row in sorted(written, key=lambda row: row[1:]):
        expected[row[0]] = row
    assert chosen == [expected[step] for step in sorted(expected)]
    assert (kept is None) == rising(steps)


@given(st.lists(st.sets(st.integers(0, 30)), max_size=4))
def test_series_of_several_runs_lie_on_one_axis(sets: list[set[int]]) -> None:
    steps = [np.array(sorted(own), "<i8") for own in sets]
    axis, places = align(steps)
    assert axis.tolist() == sorted(set().union(*sets))
    for own, at in zip(steps, places, strict=True):
        assert axis[at].tolist() == own.tolist()


@given(values=st.lists(VALUES, min_size=1, max_size=300), samples=st.integers(2, 60))
def test_few_points_have_the_extremes_of_their_buckets(values: list[float], samples: int) -> None:
    points = np.arange(len(values)), np.arange(len(values)) * 10, np.array(values)
    first, last = (tuple(column[end] for column in points) for end in (slice(1), slice(-1, None)))
    halves = [of_points(tuple(column[part] for column in points)) for part in (slice(20), slice(20, None))]  # type: ignore[arg-type]
    units = joined([half for half in halves if len(half.points)])
    steps, times, found = sample(units, first, last, samples)  # type: ignore[arg-type]
    assert len(steps) <= samples
    assert np.array_equal(times, steps * 10)
    assert found.tobytes() == points[2][steps].tobytes()
    assert {0, len(values) - 1} <= set(steps.tolist())
    buckets = samples // 2 - 1
    for place in range(buckets if samples > 3 else 0):
        own = points[2][np.arange(len(values)) * buckets // len(values) == place]
        finite = own[np.isfinite(own)]
        if len(finite):
            assert {finite.min(), finite.max()} <= set(found.tolist())
