"""Reading a journal: while it is written, from anywhere in it, across segments, and again."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoresearch.errors import StoreCorrupt, StoreTooNew
from autoresearch.journal import layout, locks
from autoresearch.journal.reader import Reader
from autoresearch.journal.writer import Writer
from tests.journal.journal_helpers import Read, bits, read

names = st.text(max_size=5)
numbers = st.one_of(
    st.floats(), st.booleans(), st.integers(-(2**70), 2**70), st.just(math.nan), st.floats(width=32)
)
steps = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1))
labels = st.sampled_from([(), (("split", "train"),), (("a", "1"), ("b", "2"))])
rows = st.tuples(st.just("row"), st.dictionaries(names, numbers, min_size=1, max_size=80), steps, labels)
texts = st.tuples(st.just("text"), names, st.text(max_size=50), labels)
messages = st.tuples(
    st.just("message"), st.dictionaries(st.text(max_size=3), st.text(max_size=9), max_size=3)
)
drains = st.tuples(st.just("drain"))
prepares = st.tuples(st.just("prepare"))


@settings(max_examples=60)
@given(
    calls=st.lists(st.one_of(rows, rows, texts, messages, drains, prepares), max_size=60),
    window=st.integers(64, 9000),
)
def test_everything_logged_is_read_back_bit_equal_and_once(
    tmp_path_factory: pytest.TempPathFactory, calls: list[Any], window: int
) -> None:
    folder = tmp_path_factory.mktemp("journals")
    writer = Writer(str(folder), "run", segment_bytes=9000)
    reader = Reader(str(folder), writer.id)
    live: list[Any] = []
    expected: dict[int, Any] = {}
    for kind, *rest in calls:
        if kind == "row":
            values, step, marks = rest
            writer.log(values, step, marks)
            plain = {layout_clean(name): bits(float(value)) for name, value in values.items()}
            expected[writer.sequence] = (marks, plain)
        elif kind == "text":
            writer.text(rest[0], rest[1], labels=rest[2])
            expected[writer.sequence] = (layout_clean(rest[0]), rest[2], layout_clean(rest[1]))
        elif kind == "message":
            expected[writer.message(rest[0])] = rest[0]
        elif kind == "prepare":
            writer.prepare()
        else:
            seen = live[-1].last if live else 0
            live += reader.batches(seen, most_bytes=window, final=False)
    writer.close()
    again = read(folder, writer.id, most_bytes=window)
    live += reader.batches(live[-1].last if live else 0, most_bytes=window, final=True)
    for got in (again, Read(live)):
        assert got.faults == []
        assert (got.last, got.points) == (writer.sequence, writer.points)
        assert found(got) == expected


def layout_clean(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def found(got: Read) -> dict[int, Any]:
    there: dict[int, Any] = {
        sequence: (marks, {name: bits(value) for name, value in values.items()})
        for sequence, (marks, _, values) in got.rows.items()
    }
    there |= {sequence: (name, marks, text) for sequence, (name, marks, _, text) in got.texts.items()}
    return there | got.messages


def test_a_living_writer_is_followed_to_its_last_record(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), "run", segment_bytes=8192)
    reader = Reader(str(tmp_path), writer.id)
    assert list(reader.batches(0, final=False)) == []
    last = 0
    for index in range(2000):
        writer.log({"loss": index, "lr": 0.1})
        if index % 7 == 0:
            got = Read(list(reader.batches(last, final=False)), last)
            assert (got.last, got.faults, got.lost_records) == (writer.sequence, [], 0)
            last = got.last
    assert len(locks.segments(str(tmp_path), writer.id)) > 3
    writer.close()


def test_reading_can_begin_anywhere(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), "run", segment_bytes=8192)
    for index in range(600):
        writer.log({"a": index} if index % 5 else {"b": index, "c": 1})
    writer.close()
    reader = Reader(str(tmp_path), writer.id)
    for after in (0, 1, 31, 32, 33, 299, 300, 5, 599, 600, 700):
        got = Read(list(reader.batches(after, final=True)), after)
        assert got.sequences == list(range(after + 1, 601))


def test_the_rows_of_one_key_set_come_in_one_entry(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), "run")
    for index in range(100):
        writer.log({"a": index})
        writer.log({"a": index, "b": index})
    writer.close()
    (batch,) = Reader(str(tmp_path), writer.id).batches(0, final=True)
    assert [(rows.names, len(rows)) for rows in batch.rows] == [(("a",), 100), (("a", "b"), 100)]


def test_a_batch_is_about_as_long_as_asked_for(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), "run")
    for index in range(5000):
        writer.log({"a": index})
    writer.text("long", "x" * 100_000)
    writer.log({"a": 1})
    writer.close()
    batches = list(Reader(str(tmp_path), writer.id).batches(0, most_bytes=10_000, final=True))
    assert max(batch.records for batch in batches) <= 250
    assert Read(batches).points == 5001


def test_segments_double_and_each_is_readable_alone(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), "run", segment_bytes=16 << 10)
    for index in range(4000):
        writer.log({"loss": index})
    writer.close()
    numbers = locks.segments(str(tmp_path), writer.id)
    assert numbers == [1, 2, 3, 4, 5]
    sizes = [(tmp_path / layout.segment_name(writer.id, number)).stat().st_size for number in numbers]
    assert sizes[2] > 1.8 * sizes[1]
    for number in numbers[:-1]:
        (tmp_path / layout.segment_name(writer.id, number)).unlink()
    got = read(tmp_path, writer.id)
    assert got.values[-1] == {"loss": 3999.0}
    assert got.lost_records + len(got.rows) == 4000
    assert got.lost_points + got.points == 4000


def test_what_is_stored_is_released_and_the_rest_stays_readable(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), "run", segment_bytes=8192)
    reader = Reader(str(tmp_path), writer.id)
    for index in range(1000):
        writer.log({"loss": index})
    got = Read(list(reader.batches(0, final=False)))
    before = locks.segments(str(tmp_path), writer.id)
    reader.release(got.last - 1)
    after = locks.segments(str(tmp_path), writer.id)
    assert after == before[-1:]
    writer.log({"loss": 1000})
    assert read(tmp_path, writer.id, after=got.last, final=False).values == [{"loss": 1000.0}]
    assert Read(list(reader.batches(got.last, final=False)), got.last).values == [{"loss": 1000.0}]
    writer.close()
    assert read(tmp_path, writer.id, after=1001).faults == []
    fresh = Reader(str(tmp_path), writer.id)
    assert Read(list(fresh.batches(1000, final=True)), 1000).faults == []
    fresh.release(1001)
    assert list(tmp_path.iterdir()) == []


def test_a_release_keeps_what_is_not_stored(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), "run")
    writer.log({"loss": 1.0})
    writer.log({"loss": 2.0})
    writer.close()
    reader = Reader(str(tmp_path), writer.id)
    list(reader.batches(0, final=True))
    reader.release(1)
    assert read(tmp_path, writer.id).points == 2


def test_times_are_data_and_may_go_backwards(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), "run")
    for time in (5.0, 3.0, -1e9, 4.0):
        writer.text("console", "line", time=time)
    writer.close()
    (batch,) = Reader(str(tmp_path), writer.id).batches(0, final=True)
    assert [text.time for text in batch.texts] == [5.0, 3.0, -1e9, 4.0]


def test_sequence_numbers_go_on_where_the_commit_word_begins_again(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), "run", segment_bytes=8192)
    writer.log({"a": 0.0})
    writer.commit = writer._base_commit = layout.COMMITTED + 2**31 - 40
    writer._turn(0)
    writer._remark()
    start = writer.sequence
    for index in range(100):
        writer.log({"a": index})
    writer.message({"op": "x"})
    writer.close()
    assert writer.sequence == start + 101 > 2**31
    got = read(tmp_path, writer.id, after=start)
    assert got.sequences == list(range(start + 1, start + 102))
    assert got.faults == []


def test_a_journal_from_a_newer_version_is_refused_and_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(layout, "VERSION", 2)
        writer = Writer(str(tmp_path), "run")
        writer.log({"a": 1.0})
        writer.close()
    (path,) = tmp_path.iterdir()
    before = path.read_bytes()
    reader = Reader(str(tmp_path), writer.id)
    with pytest.raises(StoreTooNew, match=f"{path.name} has version 2"):
        list(reader.batches(0, final=True))
    with pytest.raises(StoreTooNew):
        _ = reader.run
    reader.release(10)
    assert path.read_bytes() == before


def test_a_journal_that_names_no_run_is_corrupt(tmp_path: Path) -> None:
    (tmp_path / layout.segment_name("w", 1)).write_bytes(b"\0" * 9000)
    with pytest.raises(StoreCorrupt, match="does not say whose run"):
        list(Reader(str(tmp_path), "w").batches(0, final=True))


def test_a_journal_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert list(Reader(str(tmp_path / "none"), "w").batches(0, final=True)) == []
