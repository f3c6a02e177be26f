"""Frames give every column back, alone, bit for bit, and notice a changed byte."""

from __future__ import annotations

import math
import subprocess
import sys
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch.errors import Invalid, StoreCorrupt
from autoresearch.series import coding, frames
from autoresearch.series.batch import Rows
from autoresearch.series.frames import Frame, bounds, check, encode, measure, split

INTEGERS = st.integers(-(2**63), 2**63 - 1)


def rows(steps: list[int], columns: int = 2, values: list[float] | None = None) -> Rows:
    count = len(steps)
    return Rows(
        tuple(f"key{i}" for i in range(columns)),
        (),
        array("Q", range(7, 7 + count)).tobytes(),
        array("q", steps).tobytes(),
        array("d", [1.7e9 + i / 3 for i in range(count)]).tobytes(),
        [array("d", values or [i + column / 7 for i in range(count)]).tobytes() for column in range(columns)],
    )


def whole(frame: Frame) -> list[bytes]:
    return [frame.sequences(), frame.steps(), frame.times(), *(frame.column(i) for i in range(frame.columns))]


progressions = st.builds(
    lambda first, stride, count: [first + stride * i for i in range(count)],
    st.integers(-(2**40), 2**40),
    st.integers(-(2**20), 2**20),
    st.integers(1, 100),
)


@given(steps=st.one_of(st.lists(INTEGERS, min_size=1, max_size=80), progressions), columns=st.integers(1, 4))
def test_every_column_comes_back_bit_for_bit(steps: list[int], columns: int) -> None:
    logged = rows(steps, columns)
    frame = Frame(encode(logged), "frame 1")
    assert (frame.rows, frame.columns) == (len(steps), columns)
    assert whole(frame) == [logged.sequences, logged.steps, logged.times, *logged.values]
    assert bounds(logged.steps) == (min(steps), max(steps))


@given(
    steps=st.one_of(st.lists(INTEGERS, min_size=1, max_size=80), progressions),
    columns=st.integers(1, 4),
    values=st.lists(st.floats(), min_size=1, max_size=9),
)
def test_bytes_are_the_same_with_numpy_and_without(
    steps: list[int], columns: int, values: list[float]
) -> None:
    logged = rows(steps, columns, (values * len(steps))[: len(steps)])
    made = []
    for many in (0, 1 << 40):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(frames, "_MANY", many)
            blob = encode(logged)
            made.append((blob, whole(Frame(blob, "frame 1")), bounds(logged.steps)))
    assert made[0] == made[1]
    assert [measure(column) for column in logged.values] == list(coding.measure_all(logged.values))


@pytest.mark.parametrize(("count", "columns"), [(20, 3), (2000, 3), (4096, 3), (1, 9000)])
def test_columns_that_are_compressed_together_or_alone_come_back(count: int, columns: int) -> None:
    logged = rows([step * step for step in range(count)], columns)
    frame = Frame(encode(logged), "frame 1")
    assert frame.column(columns - 1) == logged.values[-1]
    assert whole(frame) == [logged.sequences, logged.steps, logged.times, *logged.values]


def test_regular_steps_take_no_room() -> None:
    regular, irregular = list(range(0, 12_288, 3)), [i * i for i in range(4096)]
    values = [0.0] * 4096
    assert len(encode(rows(irregular, 1, values))) - len(encode(rows(regular, 1, values))) > 3000


@pytest.mark.parametrize("count", [3, 100])
def test_any_flipped_bit_and_any_cut_is_noticed(count: int) -> None:
    blob = encode(rows(list(range(count))))
    for place in range(len(blob)):
        changed = bytearray(blob)
        changed[place] ^= 1 << place % 8
        with pytest.raises(StoreCorrupt, match="frame 9"):
            whole(Frame(bytes(changed), "frame 9"))
    for wrong in (b"", blob[:3], blob[:30], blob[:-1], blob + b"\0"):
        with pytest.raises(StoreCorrupt, match="frame 9"):
            whole(Frame(wrong, "frame 9"))


@given(count=st.integers(0, 9000), columns=st.sampled_from([1, 3, 40, 1000]))
def test_parts_are_small_and_hold_every_row_once(count: int, columns: int) -> None:
    column = array("d", range(count)).tobytes()
    logged = Rows(tuple(map(str, range(columns))), (), column, column, column, [column] * columns)
    parts = list(split(logged))
    assert all(0 < len(part) <= 4096 and len(part) * columns <= 65_536 for part in parts)
    assert b"".join(part.values[-1] for part in parts) == column == b"".join(part.steps for part in parts)


def test_a_row_of_more_names_than_a_frame_takes_is_a_frame_of_its_own() -> None:
    column = array("d", [1.0, 2.0]).tobytes()
    logged = Rows(tuple(map(str, range(70_000))), (), column, column, column, [column] * 70_000)
    parts = list(split(logged))
    assert [len(part) for part in parts] == [1, 1]
    assert Frame(encode(parts[1]), "x").column(69_999) == column[8:]


@given(st.lists(st.floats(), min_size=1, max_size=50))
def test_statistics_are_those_of_the_finite_numbers(values: list[float]) -> None:
    raw = array("d", values).tobytes()
    finite = [value for value in values if abs(value) < float("inf")]
    nans = sum(map(math.isnan, values))
    expected = nans, len(values) - len(finite) - nans, min(finite, default=None), max(finite, default=None)
    assert [measure(raw), expected] == list(coding.measure_all([raw, raw]))


def test_columns_of_other_lengths_are_refused() -> None:
    logged = rows([1, 2, 3])
    check(logged)
    logged.values = [logged.values[0], logged.values[1][:8]]
    with pytest.raises(Invalid, match="differ in length"):
        check(logged)


def test_writing_points_loads_nothing_that_a_training_script_would_pay_for() -> None:
    code = (
        "import sys; before = set(sys.modules)\n"
        "import autoresearch.store.points, autoresearch.series.frames\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    heavy = {"numpy", "zstandard", "sqlalchemy", "pydantic", "typing", "dataclasses", "pathlib", "inspect"}
    assert not heavy & set(found)
