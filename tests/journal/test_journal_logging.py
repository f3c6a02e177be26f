"""What can be logged, at which step, and what happens with everything else."""

from __future__ import annotations

import math
import warnings
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autoresearch.errors import Conflict, Invalid
from autoresearch.journal.writer import LONGEST_TEXT, Writer
from tests.journal.journal_helpers import Read, bits, read, warned


class Scalar:
    """Like a tensor of one number on another device: each conversion waits for that device."""

    def __init__(self, value: float) -> None:
        self.value = value
        self.conversions = 0

    def __float__(self) -> float:
        self.conversions += 1
        return self.value


class Broken:
    def __float__(self) -> float:
        raise RuntimeError("out of memory")


def logged(folder: Path, *calls: Any, **options: Any) -> Read:
    writer = Writer(str(folder), "run")
    for call in calls:
        writer.log(call, **options)
    writer.close()
    return read(folder, writer.id)


def test_numbers_come_back_as_they_were_logged(tmp_path: Path) -> None:
    values = {"loss": 0.1, "epoch": 3, "done": True, "tiny": 5e-324}
    got = logged(tmp_path, values, values)
    assert got.values == [{"loss": 0.1, "epoch": 3.0, "done": 1.0, "tiny": 5e-324}] * 2
    assert got.faults == []
    assert got.points == 8


def test_nan_and_infinities_are_data(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = logged(
            tmp_path, {"a": math.nan, "b": math.inf, "c": -math.inf}, {"a": 1e308, "b": 1e308, "c": -0.0}
        )
    assert [bits(value) for value in got.values[0].values()] == [
        bits(math.nan),
        bits(math.inf),
        bits(-math.inf),
    ]
    assert bits(got.values[1]["c"]) == bits(-0.0)


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (np.float32(0.5), 0.5),
        (np.float64(0.25), 0.25),
        (np.float16(2), 2.0),
        (np.int64(-3), -3.0),
        (np.uint8(200), 200.0),
        (np.bool_(True), 1.0),
        (np.array(1.5), 1.5),
        (np.array([1.5]), 1.5),
        (Decimal("1.25"), 1.25),
        (Fraction(1, 4), 0.25),
        (10**400, math.inf),
        (-(10**400), -math.inf),
        (Decimal("1e999"), math.inf),
        (Fraction(10**400), math.inf),
    ],
)
def test_every_kind_of_number_is_taken(tmp_path: Path, value: Any, stored: float) -> None:
    got = logged(tmp_path, {"x": value}, {"x": value, "y": 1.0}, {"x": value, "y": 1.0})
    assert got.values == [{"x": stored}, {"x": stored, "y": 1.0}, {"x": stored, "y": 1.0}]


@pytest.mark.parametrize(
    "value",
    [
        None,
        1j,
        b"bytes",
        [1.0],
        np.array([1.0, 2.0]),
        np.array(["a"]),
        object(),
        Broken(),
        Decimal("sNaN"),
    ],
)
def test_what_is_no_number_is_skipped_with_one_warning_and_the_rest_is_kept(
    tmp_path: Path, value: Any
) -> None:
    writer = Writer(str(tmp_path), "run")
    writer.log({"x": 0.0, "y": 0.0})
    with warned() as said:
        for step in range(1, 4):
            writer.log({"x": value, "y": step})
    writer.log({"x": 9.0, "y": 9.0})
    writer.close()
    got = read(tmp_path, writer.id)
    assert got.values == [{"x": 0.0, "y": 0.0}, {"y": 1.0}, {"y": 2.0}, {"y": 3.0}, {"x": 9.0, "y": 9.0}]
    assert got.steps == [0, 1, 2, 3, 4]
    (sentence,) = said
    assert sentence.startswith(f"'x' is {type(value).__name__}, which cannot be logged: give numbers")
    assert got.faults == []


@pytest.mark.parametrize("value", [np.complex128(1j), np.datetime64("2020-01-01"), np.timedelta64(1, "s")])
def test_numpy_values_of_other_kinds_are_no_numbers(tmp_path: Path, value: Any) -> None:
    with pytest.warns(RuntimeWarning, match="'x' is .*which cannot be logged"):
        got = logged(tmp_path, {"x": value, "y": 1.0})
    assert got.values == [{"y": 1.0}]


def test_what_is_neither_number_nor_text_can_be_taken_by_somebody_else(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), "run")
    taken: list[Any] = []

    def other(name: str, value: Any, step: int, labels: Any) -> bool:
        taken.append((name, value, step, labels))
        return isinstance(value, list)

    writer.other = other
    writer.log({"a": 1.0})
    with pytest.warns(RuntimeWarning, match="'deep/y' is set"):
        writer.log({"x": [1, 2], "deep": {"y": set()}, "z": 2.0}, labels=(("k", "v"),))
    writer.close()
    assert taken == [("x", [1, 2], 1, (("k", "v"),)), ("deep/y", set(), 1, (("k", "v"),))]
    assert read(tmp_path, writer.id).values == [{"a": 1.0}, {"z": 2.0}]


@pytest.mark.parametrize("values", [None, 5, "loss", [("loss", 1.0)]])
def test_what_is_no_dictionary_is_warned_about_and_takes_no_step(tmp_path: Path, values: Any) -> None:
    writer = Writer(str(tmp_path), "run")
    with pytest.warns(RuntimeWarning, match="it takes a dictionary"):
        writer.log(values)
    writer.log({"loss": 1.0})
    writer.close()
    assert read(tmp_path, writer.id).steps == [0]


def test_an_empty_call_takes_a_step_and_no_record(tmp_path: Path) -> None:
    got = logged(tmp_path, {}, {"a": 1.0}, {}, {"a": 2.0})
    assert got.steps == [1, 3]
    assert got.sequences == [1, 2]


def test_a_tensor_is_converted_once_in_every_call(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), "run")
    tensors = [Scalar(float(index)) for index in range(20)]
    for tensor in tensors[:10]:
        writer.log({"loss": tensor})
    for tensor in tensors[10:]:
        writer.log({"loss": tensor, "note": "text beside it"})
    writer.close()
    assert [tensor.conversions for tensor in tensors] == [1] * 20
    assert [values["loss"] for values in read(tmp_path, writer.id).values] == [
        float(index) for index in range(20)
    ]


def test_text_goes_to_a_text_series_at_the_same_step(tmp_path: Path) -> None:
    got = logged(
        tmp_path,
        {"loss": 1.0},
        {"loss": 2.0, "sample": "Once upon a time"},
        {"sample": "only"},
        {"loss": 3.0},
    )
    assert got.steps == [0, 1, 3]
    assert list(got.texts.values()) == [("sample", (), 1, "Once upon a time"), ("sample", (), 2, "only")]


def test_dictionaries_become_names_with_slashes(tmp_path: Path) -> None:
    got = logged(tmp_path, {"train": {"loss": 1.0, "by class": {"cat": 2}}, 7: 3.0})
    assert got.values == [{"train/loss": 1.0, "train/by class/cat": 2.0, "7": 3.0}]


def test_a_dictionary_within_itself_ends(tmp_path: Path) -> None:
    values: dict[str, Any] = {"a": 1.0}
    values["self"] = values
    with pytest.warns(RuntimeWarning, match="cannot be logged"):
        got = logged(tmp_path, values)
    assert got.values[0]["self/self/a"] == 1.0


def test_names_may_hold_anything_and_lone_surrogates_become_escapes(tmp_path: Path) -> None:
    got = logged(tmp_path, {"Größe (µs)/π\n\0": 1.0, "bad \ud800": 2.0, "": 3.0}, {"t \udc80": "text \ud83d"})
    assert got.values == [{"Größe (µs)/π\n\0": 1.0, "bad \\ud800": 2.0, "": 3.0}]
    assert list(got.texts.values()) == [("t \\udc80", (), 1, "text \\ud83d")]


def test_labels_tell_series_apart_and_share_the_steps(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), "run")
    for split in ("train", "val"):
        writer.log({"loss": 1.0}, labels=(("split", split),))
    writer.log({"loss": 1.0})
    odd: Any = {"z": 1, "a": "x"}
    writer.log({"loss": 2.0}, labels=odd)
    writer.close()
    rows = read(tmp_path, writer.id).rows
    assert [(labels, step) for labels, step, _ in rows.values()] == [
        ((("split", "train"),), 0),
        ((("split", "val"),), 1),
        ((), 2),
        ((("a", "x"), ("z", "1")), 3),
    ]


def test_another_axis_counts_by_itself(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), "run")
    for _ in range(3):
        writer.log({"loss": 1.0})
        writer.log({"system/cpu": 1.0}, own_axis="system")
    writer.log({"system/cpu": 1.0}, 10, own_axis="system")
    writer.log({"system/cpu": 1.0}, own_axis="system")
    writer.log({"loss": 1.0})
    writer.close()
    assert read(tmp_path, writer.id).steps == [0, 0, 1, 1, 2, 2, 10, 11, 3]


def test_steps_go_on_from_the_last_one_given(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), "run")
    steps: list[Any] = [None, 10, None, 3, None, -5, None, True, 7.9, np.int32(40), np.float64(50.5), None]
    for step in steps:
        writer.log({"loss": 1.0}, step)
    writer.close()
    assert read(tmp_path, writer.id).steps == [0, 10, 11, 3, 4, -5, -4, 1, 7, 40, 50, 51]


@pytest.mark.parametrize("step", [2**63, -(2**63) - 1, 10**30, math.nan, math.inf, "7", object(), None])
def test_a_step_that_is_none_is_warned_about_and_counted_instead(tmp_path: Path, step: Any) -> None:
    writer = Writer(str(tmp_path), "run")
    writer.log({"loss": 1.0}, 4)
    if step is None:
        writer.log({"loss": 2.0}, step)
    else:
        with pytest.warns(RuntimeWarning, match="is no integer of 64 bits"):
            writer.log({"loss": 2.0}, step)
    writer.log({"loss": 3.0})
    writer.close()
    got = read(tmp_path, writer.id)
    assert got.steps == [4, 5, 6]
    assert got.values == [{"loss": 1.0}, {"loss": 2.0}, {"loss": 3.0}]


def test_the_last_step_there_is_can_be_logged_more_than_once(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), "run")
    writer.log({"loss": 1.0}, 2**63 - 1)
    for _ in range(3):
        writer.log({"loss": 1.0})
    writer.log({"loss": 1.0}, -(2**63))
    writer.close()
    assert read(tmp_path, writer.id).steps == [2**63 - 1] * 4 + [-(2**63)]


def test_a_thousand_names_fit_one_call(tmp_path: Path) -> None:
    values = {f"layer {index}": index / 7 for index in range(1000)}
    got = logged(tmp_path, values, values, {name: value * 2 for name, value in values.items()})
    assert got.values[1] == values
    assert got.values[2]["layer 999"] == 2 * 999 / 7
    assert got.faults == []


def test_ever_new_names_are_read_back_each(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), "run")
    for index in range(9000):
        writer.log({f"name {index}": index})
    writer.log({"name 0": 1.0})
    writer.close()
    got = read(tmp_path, writer.id)
    assert got.values == [{f"name {index}": float(index)} for index in range(9000)] + [{"name 0": 1.0}]


def test_a_long_text_is_cut_with_a_mark(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), "run")
    writer.text("console", "é" * LONGEST_TEXT, step=5, time=12.5)
    writer.text("console", "short")
    writer.close()
    (first, second) = read(tmp_path, writer.id).texts.values()
    assert first[:3] == ("console", (), 5)
    assert first[3].startswith("é" * (LONGEST_TEXT // 2) + "… [cut here: 2097152 bytes in all]")
    assert second == ("console", (), 0, "short")


def test_messages_come_back_in_order_with_their_sequence_numbers(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), "run 7")
    assert writer.message({"op": "open", "config": {"lr": 0.1, "who": "Zoë"}}) == 1
    writer.log({"loss": 1.0})
    assert writer.message({"op": "finish", "at": Path("x")}) == 3
    assert (writer.sequence, writer.records, writer.points, writer.run) == (3, 3, 1, "run 7")
    writer.close()
    assert read(tmp_path, writer.id).messages == {
        1: {"op": "open", "config": {"lr": 0.1, "who": "Zoë"}},
        3: {"op": "finish", "at": "x"},
    }


def test_a_message_that_is_no_object_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), "run")
    circle: dict[str, Any] = {}
    circle["circle"] = circle
    bad: list[Any] = [circle, [1], {"x": "y" * (17 << 20)}]
    for body in bad:
        with pytest.raises(Invalid):
            writer.message(body)
    writer.message({"op": "open"})
    writer.close()
    assert read(tmp_path, writer.id).messages == {1: {"op": "open"}}


def test_after_the_end_nothing_is_written_and_one_warning_says_so(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), "run")
    writer.log({"loss": 1.0})
    writer.close()
    with warned() as said:
        writer.log({"loss": 2.0})
        writer.text("console", "late")
        assert writer.message({"op": "late"}) == 0
    writer.close()
    assert said == ["Something was logged after the end of the run, and is not in it."]
    assert read(tmp_path, writer.id).values == [{"loss": 1.0}]


def test_warnings_that_are_errors_stop_nothing(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), "run")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        writer.log({"x": None, "y": 1.0})
    writer.close()
    assert read(tmp_path, writer.id).values == [{"y": 1.0}]


def test_a_number_that_logs_while_it_is_converted_does_not_disturb_the_journal(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), "run")

    class Chatty:
        def __float__(self) -> float:
            writer.log({"inner": 1.0})
            return 2.0

    values: list[Any] = [1.0, Chatty(), Chatty(), 3.0]
    for value in values:
        writer.log({"outer": value})
    writer.close()
    got = read(tmp_path, writer.id)
    assert sorted(str(each) for each in got.values) == sorted(
        ["{'inner': 1.0}"] * 2 + ["{'outer': 1.0}", "{'outer': 2.0}", "{'outer': 2.0}", "{'outer': 3.0}"]
    )
    assert got.faults == []


@pytest.mark.parametrize("writer", ["../up", "a/b", ".hidden", "x" * 101, "ä", "nul\0"])
def test_a_writer_id_that_is_no_file_name_is_refused(tmp_path: Path, writer: str) -> None:
    with pytest.raises(Invalid):
        Writer(str(tmp_path), "run", writer=writer)
    assert list(tmp_path.iterdir()) == []


def test_a_writer_id_is_used_once(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), "run", writer="rank-0")
    with pytest.raises(Conflict):
        Writer(str(tmp_path), "run", writer="rank-0")
    writer.close()
    with pytest.raises(Conflict):
        Writer(str(tmp_path), "run", writer="rank-0")


def test_a_run_id_that_no_header_can_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid):
        Writer(str(tmp_path), "x" * 2000)
    assert list(tmp_path.iterdir()) == []
