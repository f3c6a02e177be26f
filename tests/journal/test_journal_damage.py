"""Damage: never a wrong value, everything else served, and the loss counted and named."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from autoresearch.journal import layout, locks
from autoresearch.journal.layout import HEADER_BYTES
from autoresearch.journal.reader import Reader
from autoresearch.journal.writer import Writer
from tests.journal.journal_helpers import Read, read


def small_journal(folder: Path) -> str:
    """A few hundred records of every kind."""
    writer = Writer(str(folder), "run", writer="w")
    writer.message({"op": "open"})
    for index in range(90):
        writer.log({"loss": index, "lr": 1 / (index + 1)})
        if index % 20 == 7:
            writer.log({"val": index})
            writer.text("console", f"line {index}")
    writer.log({f"wide {index}": index for index in range(70)})
    writer.message({"op": "finish"})
    writer.close()
    return writer.id


def rolled_journal(folder: Path) -> str:
    writer = Writer(str(folder), "run", writer="w", segment_bytes=8192)
    for index in range(2000):
        writer.log({"loss": index})
    writer.close()
    return writer.id


def path_of(folder: Path, number: int) -> Path:
    return folder / layout.segment_name("w", number)


def agrees(got: Read, sound: Read) -> None:
    """Nothing wrong is in it, and what is not in it is counted."""
    for sequence, row in got.rows.items():
        assert row == sound.rows[sequence]
    for sequence, text in got.texts.items():
        assert text == sound.texts[sequence]
    for sequence, message in got.messages.items():
        assert message == sound.messages[sequence]
    assert got.last == sound.last
    assert got.lost_records == sound.last - len(got.sequences)
    assert got.lost_points == sound.points - got.points


@pytest.mark.soak
def test_no_flipped_byte_gives_a_wrong_value(tmp_path: Path, soak: bool) -> None:
    writer = small_journal(tmp_path)
    path = path_of(tmp_path, 1)
    whole = path.read_bytes()
    sound = read(tmp_path, writer)
    rng = random.Random(1)
    places = range(len(whole)) if soak else sorted(rng.sample(range(HEADER_BYTES, len(whole)), 1200))
    for place in [*range(0, HEADER_BYTES, 97), *places]:
        damaged = bytearray(whole)
        damaged[place] ^= rng.choice((1, 128, 255, rng.randrange(1, 256)))
        path.write_bytes(damaged)
        got = read(tmp_path, writer)
        if got.last < sound.last:  # what said how long the journal is was hit itself
            assert place >= len(whole) - layout.END.size
            assert got.faults
            got.last = sound.last
            continue
        agrees(got, sound)
        assert got.lost_records <= 65, (place, got.faults)
        assert bool(got.faults) or not got.lost_records
        if place >= HEADER_BYTES:
            assert any(path.name in fault for fault in got.faults), place


@pytest.mark.soak
def test_no_hole_gives_a_wrong_value(tmp_path: Path, soak: bool) -> None:
    writer = rolled_journal(tmp_path)
    sound = read(tmp_path, writer)
    rng = random.Random(2)
    path = path_of(tmp_path, 2)
    whole = path.read_bytes()
    for _ in range(2000 if soak else 60):
        start = rng.randrange(HEADER_BYTES, len(whole)) // 512 * 512
        length = rng.choice((8, 40, 512, 4096))
        damaged = bytearray(whole)
        damaged[start : start + length] = rng.choice((bytes, rng.randbytes))(
            len(damaged[start : start + length])
        )
        path.write_bytes(damaged)
        got = read(tmp_path, writer, most_bytes=rng.choice((3000, 4 << 20)))
        agrees(got, sound)
        assert got.faults


@pytest.mark.parametrize("cut", [0, 100, 4096, 4100, 5000, 6001, 8000])
def test_a_cut_segment_in_the_middle_loses_exactly_its_rest(tmp_path: Path, cut: int) -> None:
    writer = rolled_journal(tmp_path)
    sound = read(tmp_path, writer)
    os.truncate(path_of(tmp_path, 2), cut)
    got = read(tmp_path, writer)
    agrees(got, sound)
    assert got.lost_records > 0
    assert any(path_of(tmp_path, 2).name in fault for fault in got.faults)


@pytest.mark.parametrize("numbers", [[2], [1], [2, 3]])
def test_a_deleted_segment_is_named_and_counted(tmp_path: Path, numbers: list[int]) -> None:
    writer = rolled_journal(tmp_path)
    sound = read(tmp_path, writer)
    for number in numbers:
        path_of(tmp_path, number).unlink()
    got = read(tmp_path, writer)
    agrees(got, sound)
    (fault,) = got.faults
    assert f"{got.lost_records} records before segment {numbers[-1] + 1} are lost" in fault
    assert path_of(tmp_path, numbers[-1]).name in fault


def test_a_deleted_last_segment_is_named(tmp_path: Path) -> None:
    writer = rolled_journal(tmp_path)
    last = locks.segments(str(tmp_path), writer)[-1]
    path_of(tmp_path, last).unlink()
    got = read(tmp_path, writer)
    (fault,) = got.faults
    assert f"{path_of(tmp_path, last).name} is missing" in fault
    assert got.values == [{"loss": float(index)} for index in range(got.last)]


def test_a_segment_of_another_journal_is_left_out(tmp_path: Path) -> None:
    writer = rolled_journal(tmp_path)
    sound = read(tmp_path, writer)
    shutil.copy(path_of(tmp_path, 1), path_of(tmp_path, 2))
    got = read(tmp_path, writer)
    agrees(got, sound)
    assert any("it is left out" in fault for fault in got.faults)


def test_blocks_of_another_segment_are_not_taken_for_its_own(tmp_path: Path) -> None:
    writer = rolled_journal(tmp_path)
    sound = read(tmp_path, writer)
    first, second = path_of(tmp_path, 1).read_bytes(), path_of(tmp_path, 2).read_bytes()
    path_of(tmp_path, 2).write_bytes(second[:HEADER_BYTES] + first[HEADER_BYTES:] + second[len(first) :])
    agrees(read(tmp_path, writer), sound)


def test_a_damaged_segment_is_put_aside_when_it_is_released(tmp_path: Path) -> None:
    writer = rolled_journal(tmp_path)
    path = path_of(tmp_path, 2)
    damaged = bytearray(path.read_bytes())
    damaged[6000] ^= 255
    path.write_bytes(damaged)
    reader = Reader(str(tmp_path), writer)
    got = Read(list(reader.batches(0, final=True)))
    reader.release(got.last)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["damaged"]
    assert (tmp_path / "damaged" / path.name).read_bytes() == bytes(damaged)
    assert locks.journals(str(tmp_path)) == []


def test_a_fault_that_was_stored_is_not_told_again(tmp_path: Path) -> None:
    writer = rolled_journal(tmp_path)
    path = path_of(tmp_path, 1)
    damaged = bytearray(path.read_bytes())
    damaged[6000] ^= 255
    path.write_bytes(damaged)
    first = read(tmp_path, writer)
    assert first.faults
    assert read(tmp_path, writer, after=1500).faults == []
    assert read(tmp_path, writer, after=1500).lost_points == 0


def test_a_torn_record_at_the_end_was_never_acknowledged_and_is_no_fault(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), "run", writer="w")
    for index in range(50):
        writer.log({"loss": index})
    path = path_of(tmp_path, 1)
    whole = bytearray(path.read_bytes())
    writer.close()
    end = len(bytes(whole).rstrip(b"\0"))
    for torn in range(4, 40):
        cut = bytearray(whole)
        cut[end - torn : end] = bytes(torn)
        path.write_bytes(cut)
        got = read(tmp_path, "w")
        assert got.values == [{"loss": float(index)} for index in range(49)]
        assert (got.faults, got.lost_records) == ([], 0)


def test_a_preallocated_segment_that_was_cut_is_named(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), "run", writer="w")
    for index in range(50):
        writer.log({"loss": index})
    path = path_of(tmp_path, 1)
    whole = path.read_bytes()
    writer.close()
    path.write_bytes(whole[: HEADER_BYTES + 1000])
    got = read(tmp_path, "w")
    assert got.values == [{"loss": float(index)} for index in range(len(got.rows))]
    assert len(got.rows) < 50
    (fault,) = got.faults
    assert f"cut to {HEADER_BYTES + 1000} of {len(whole)} bytes" in fault
