"""Disks that are full, read-only or remote: training goes on, a warning says where the records are, and they come back."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from autoresearch.journal import locks
from autoresearch.journal.locks import dead, journals
from autoresearch.journal.segment import maps_well, write_all
from autoresearch.journal.writer import Writer
from tests.journal.journal_helpers import python, read, warned

# A limit on the size of files stands for a full disk: it is there for every user, and can be lifted.
FULL = """
import resource, sys, warnings
from autoresearch.journal.writer import Writer
warnings.simplefilter("always")
warnings.showwarning = lambda message, *rest: print("warned:", str(message), flush=True)
def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
def prepare():
    writer._retry = 0.0
    writer.prepare()
    writer.sync()
step = 0
def log(many, width=1):
    global step
    for _ in range(many):
        writer.log({f"k{index}": step + index for index in range(width)})
        step += 1
def say(*what):
    print(*what, flush=True)
"""


def ran(folder: Path, code: str) -> list[str]:
    process = python(FULL + code, folder, stderr=subprocess.STDOUT)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0, out
    return out.splitlines()


def test_a_disk_that_fills_up_costs_a_warning_and_no_record(tmp_path: Path) -> None:
    said = ran(
        tmp_path,
        """
writer = Writer(sys.argv[1], "run", writer="w", segment_bytes=64 << 10)
log(100)
writer.message({"op": "open"})
say(writer.place)
limit(100 << 10)
log(3000)
say(writer.place)
writer.text("console", "in between")
log(3000, 70)
say(writer.place)
prepare()
say(writer.place)
log(10)
limit(resource.RLIM_INFINITY)
prepare()
say(writer.place)
log(3000)
say(writer.place, writer.sequence, writer.points, writer.records, writer.dropped)
writer.close()
""",
    )
    places = [line for line in said if not line.startswith("warned")]
    assert places[:-1] == ["mapped", "file", "memory", "memory", "mapped"]
    sequence, points = 9112, 100 + 3000 + 210_000 + 10 + 3000
    assert places[-1] == f"mapped {sequence} {points} {sequence} 0"
    warned = [line for line in said if line.startswith("warned")]
    assert len(warned) == 2
    assert "each record is written, at about twice the cost" in warned[0]
    assert "the run goes on in memory" in warned[1]
    got = read(tmp_path, "w")
    assert (got.faults, got.lost_records, got.lost_points) == ([], 0, 0)
    assert (got.last, got.points) == (sequence, points)
    assert got.steps == list(range(9110))
    assert all(values["k0"] == step for step, values in enumerate(got.values))


def test_when_memory_is_full_too_the_newest_are_dropped_and_counted(tmp_path: Path) -> None:
    said = ran(
        tmp_path,
        """
limit(10 << 10)
writer = Writer(sys.argv[1], "run", writer="w", segment_bytes=8 << 10)
log(500)
for _ in range(63):
    writer.text("console", "x" * (1 << 20))
log(40_000)
writer.message({"op": "late"})
say(writer.place, writer.dropped > 10_000, writer.sequence, writer.points)
limit(resource.RLIM_INFINITY)
prepare()
log(50)
say(writer.place, writer.dropped)
writer.close()
""",
    )
    answers = [line.split() for line in said if not line.startswith("warned")]
    assert answers[0] == ["memory", "True", "40564", "40500"]
    assert any("newer ones are dropped" in line for line in said)
    got = read(tmp_path, "w")
    assert answers[1] == ["mapped", str(got.lost_records)]
    assert got.last == 40_614
    assert got.points + got.lost_points == 40_550
    assert got.steps[-50:] == list(range(40_500, 40_550))
    (fault,) = got.faults
    assert f"{got.lost_records} records before segment" in fault
    assert "never written" in fault


def test_a_run_that_ends_on_a_full_disk_says_what_is_lost(tmp_path: Path) -> None:
    said = ran(
        tmp_path,
        """
limit(20 << 10)
writer = Writer(sys.argv[1], "run", writer="w", segment_bytes=16 << 10)
log(2000)
writer.close()
""",
    )
    assert "The disk took none of the last records of this run" in said[-1]
    got = read(tmp_path, "w")
    assert got.values == [{"k0": float(step)} for step in range(len(got.rows))]
    assert 0 < len(got.rows) < 2000
    assert dead(str(tmp_path)) == ["w"]


def test_a_home_that_cannot_be_written_is_warned_about_once_and_the_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with warned() as said:
        writer = Writer(str(tmp_path / "file" / "journals"), "run")
        for index in range(70_000):
            writer.log({"a": index, "b": 1.0})
        writer.message({"op": "x"})
        writer.prepare()
        writer.sync()
    (sentence,) = said
    assert "the run goes on in memory and is lost with this process" in sentence
    assert (writer.place, writer.alive, writer.sequence, writer.points) == ("memory", False, 70_001, 140_000)
    with pytest.warns(RuntimeWarning, match=r"none of the last records of this run \(70001 in all\)"):
        writer.close()


def test_a_home_that_can_be_written_later_gets_everything(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "journals"
    with pytest.warns(RuntimeWarning):
        writer = Writer(str(folder), "run")
    for index in range(1000):
        writer.log({"a": index})
    (tmp_path / "file").unlink()
    writer.close()
    got = read(folder, writer.id)
    assert got.values == [{"a": float(index)} for index in range(1000)]
    assert (got.faults, journals(str(folder))) == ([], [writer.id])


def test_where_files_cannot_be_mapped_records_are_written_and_read_while_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autoresearch.journal.pages.maps_well", lambda folder: False)
    writer = Writer(str(tmp_path), "run", segment_bytes=8 << 10)
    assert writer.place == "file"
    for index in range(1000):
        writer.log({"a": index})
        if index % 100 == 50:
            writer.text("console", f"line {index}")
            writer.log({f"w{place}": index for place in range(80)})
            assert read(tmp_path, writer.id, final=False).last == writer.sequence
    assert len(locks.segments(str(tmp_path), writer.id)) > 2
    assert writer.points == 1000 + 800
    copy = read(tmp_path, writer.id)
    writer.close()
    got = read(tmp_path, writer.id)
    for each in (copy, got):
        assert (each.faults, each.points, each.last) == ([], 1800, 1020)
        assert [values["a"] for values in each.values if "a" in values] == [
            float(index) for index in range(1000)
        ]


@pytest.mark.parametrize(
    ("kind", "well"),
    [
        ("ext4", True),
        ("overlay", True),
        ("nfs4", False),
        ("cifs", False),
        ("fuse.sshfs", False),
        ("btrfs", False),
    ],
)
def test_the_file_system_decides_whether_files_are_mapped(tmp_path: Path, kind: str, well: bool) -> None:
    inside = tmp_path / "with space" / "deep"
    inside.mkdir(parents=True)
    mounts = tmp_path / "mounts"
    point = str(tmp_path.resolve() / "with space").replace(" ", "\\040")
    mounts.write_text(
        f"none / ext4 rw 0 0\nhost:/x {point} {kind} rw 0 0\nhost:/y {point}/other nfs rw 0 0\nbad\n"
    )
    assert maps_well(str(inside), str(mounts)) is well
    assert maps_well(str(tmp_path), str(mounts))
    assert maps_well(str(inside), str(tmp_path / "none"))


def test_a_device_that_takes_nothing_is_an_error(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(OSError, match="No space"):
        write_all(full.fileno(), b"x" * 100, 0)
