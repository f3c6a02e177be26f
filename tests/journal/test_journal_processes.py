"""Processes that die, fork, exec and race: every acknowledged record is there, once and bit-equal."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from autoresearch.journal import locks
from autoresearch.journal.locks import adopt, dead, journals
from autoresearch.journal.reader import Reader
from autoresearch.journal.writer import Writer
from autoresearch.series.batch import Batch
from tests.journal.journal_helpers import Read, python, read

# Each thread says in shared memory how many of its records were acknowledged.
TRAIN = """
import mmap, os, sys, threading
from autoresearch.journal.writer import Writer
folder, threads, counts = sys.argv[1], int(sys.argv[2]), sys.argv[3]
shared = mmap.mmap(os.open(counts, os.O_RDWR), 64)
writer = Writer(folder, "run", writer="w", segment_bytes=64 << 10)
def work(index):
    for step in range(1 << 40):
        writer.log({f"thread {index}": step * 0.1, "b": -step, "c": 0.5}, step)
        if step % 50 == 0:
            writer.text(f"console {index}", f"line {step}", step)
        # One store: struct.pack_into writes zeros first, and a kill may come in between.
        shared[8 * index : 8 * index + 8] = (step + 1).to_bytes(8, "little")
def prepare():
    while writer.wanted.wait():
        writer.prepare()
for index in range(threads):
    threading.Thread(target=work, args=(index,), daemon=True).start()
threading.Thread(target=prepare, daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
"""


def killed(folder: Path, threads: int, records: int) -> list[int]:
    """Train until so many records are acknowledged, die, and give how many of each thread were."""
    counts = folder.with_suffix(".counts")
    counts.write_bytes(bytes(64))
    process = python(TRAIN, folder, threads, counts, stdin=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    while True:
        acknowledged = [
            int.from_bytes(counts.read_bytes()[8 * i : 8 * i + 8], "little") for i in range(threads)
        ]
        if sum(acknowledged) >= records:
            break
    process.kill()
    process.communicate()
    return [int.from_bytes(counts.read_bytes()[8 * i : 8 * i + 8], "little") for i in range(threads)]


@pytest.mark.soak
@pytest.mark.parametrize("threads", [1, 3])
def test_what_was_acknowledged_survives_a_kill(tmp_path: Path, soak: bool, threads: int) -> None:
    rng = random.Random(threads)
    for index in range(100 if soak else 4):
        folder = tmp_path / str(index)
        acknowledged = killed(folder, threads, int(10 ** rng.uniform(0, 4.5)))
        assert dead(str(folder)) == ["w"]
        with adopt(str(folder), "w") as held:
            assert held is not None
            got = read(folder, "w")
        assert (got.faults, got.lost_records, got.lost_points) == ([], 0, 0)
        for thread in range(threads):
            mine = [(step, values) for _, step, values in got.rows.values() if f"thread {thread}" in values]
            assert mine == [
                (step, {f"thread {thread}": step * 0.1, "b": -step, "c": 0.5}) for step in range(len(mine))
            ]
            assert acknowledged[thread] <= len(mine) <= acknowledged[thread] + 1
            said = [text for name, _, _, text in got.texts.values() if name == f"console {thread}"]
            assert said == [f"line {step}" for step in range(0, 50 * len(said), 50)]


def test_threads_that_log_together_lose_nothing(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), "run", segment_bytes=16 << 10)
    reader = Reader(str(tmp_path), writer.id)
    batches: list[Batch] = []
    done = threading.Event()

    def work(index: int) -> None:
        for step in range(2000):
            writer.log({f"t{index}": step})
            if step % 100 == 0:
                writer.text("console", f"{index} {step}")

    def drain() -> None:
        while not done.is_set():
            writer.wanted.wait(0.01)
            writer.prepare()
            writer.sync()
            batches.extend(reader.batches(batches[-1].last if batches else 0, final=False))

    threads = [threading.Thread(target=work, args=(index,)) for index in range(6)]
    drainer = threading.Thread(target=drain)
    drainer.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    drainer.join()
    writer.close()
    batches.extend(reader.batches(batches[-1].last if batches else 0, final=True))
    for got in (Read(batches), read(tmp_path, writer.id)):
        assert got.faults == []
        for index in range(6):
            assert [v[f"t{index}"] for v in got.values if f"t{index}" in v] == [
                float(step) for step in range(2000)
            ]
        assert sorted(got.steps) == list(range(12_000))
        assert len(got.texts) == 120


FORK = """
import os, sys
from autoresearch.journal.writer import Writer
writer = Writer(sys.argv[1], "run", writer="parent")
told = []
writer.on_fork = lambda mine: (told.append(mine.id), mine.message({"op": "fork"}))
for step in range(100):
    writer.log({"before": step})
child = os.fork()
for step in range(5000):
    writer.log({"child" if child == 0 else "parent": step})
if child == 0:
    assert told == [writer.id] and writer.sequence == 5001 and writer.id != "parent", told
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0 and told == []
writer.close()
"""


def test_both_sides_of_a_fork_log_into_journals_of_their_own(tmp_path: Path) -> None:
    process = python(FORK, tmp_path)
    process.communicate()
    assert process.returncode == 0
    (other,) = set(journals(str(tmp_path))) - {"parent"}
    assert dead(str(tmp_path)) == sorted(["parent", other])
    parent, child = read(tmp_path, "parent"), read(tmp_path, other)
    assert parent.values == [{"before": float(i)} for i in range(100)] + [
        {"parent": float(i)} for i in range(5000)
    ]
    assert child.values == [{"child": float(i)} for i in range(5000)]
    assert child.steps == list(range(100, 5100))
    assert child.messages == {1: {"op": "fork"}}
    assert Reader(str(tmp_path), other).run == "run"
    assert (parent.faults, child.faults) == ([], [])


ORPHAN = """
import os, sys
from autoresearch.journal.writer import Writer
writer = Writer(sys.argv[1], "run", writer="parent")
writer.log({"a": 1.0})
if os.fork() == 0:
    print("child", flush=True)
    sys.stdin.read()
    writer.close()
    os._exit(0)
os.kill(os.getpid(), 9)
"""


def test_a_dead_parent_is_seen_as_dead_while_its_child_lives(tmp_path: Path) -> None:
    process = python(ORPHAN, tmp_path, stdin=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == "child\n"
    process.wait()
    assert dead(str(tmp_path)) == ["parent"]
    with adopt(str(tmp_path), "parent") as held:
        assert held is not None
    process.communicate()
    assert journals(str(tmp_path)) == ["parent"]
    assert read(tmp_path, "parent").values == [{"a": 1.0}]


EXEC = """
import os, sys
from autoresearch.journal.writer import Writer
writer = Writer(sys.argv[1], "run", writer="before")
for step in range(10):
    writer.log({"a": step})
os.execv(sys.executable, [sys.executable, "-c", "import sys; print('after', flush=True); sys.stdin.read()"])
"""


def test_an_exec_ends_the_writer_and_keeps_its_records(tmp_path: Path) -> None:
    process = python(EXEC, tmp_path, stdin=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == "after\n"
    assert dead(str(tmp_path)) == ["before"]
    process.communicate()
    assert read(tmp_path, "before").values == [{"a": float(step)} for step in range(10)]


STORM = """
import signal, sys
from autoresearch.journal.writer import Writer
writer = Writer(sys.argv[1], "run", writer="w", segment_bytes=16 << 10)
seen, inside = 0, False
def handler(number, frame):
    global seen, inside
    if not inside:
        inside = True
        writer.log({"signal": seen})
        writer.message({"seen": seen})
        seen += 1
        inside = False
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
step = 0
while seen < 400:
    writer.log({"a": step, "b": 1.0})
    if step % 10 == 0:
        writer.text("console", f"line {step}")
    step += 1
signal.setitimer(signal.ITIMER_REAL, 0)
writer.close()
print(step, seen)
"""


def test_a_signal_handler_may_log_in_the_middle_of_anything(tmp_path: Path) -> None:
    process = python(STORM, tmp_path)
    out, _ = process.communicate(timeout=60)
    steps, seen = map(int, out.split())
    got = read(tmp_path, "w")
    assert (got.faults, got.lost_records) == ([], 0)
    assert [values["a"] for values in got.values if "a" in values] == [float(step) for step in range(steps)]
    assert [values["signal"] for values in got.values if "signal" in values] == [
        float(i) for i in range(seen)
    ]
    assert list(got.messages.values()) == [{"seen": index} for index in range(seen)]
    assert len(got.texts) == -(-steps // 10)


INTERRUPT = """
import signal, sys
from autoresearch.journal.writer import Writer
writer = Writer(sys.argv[1], "run", writer="w", segment_bytes=16 << 10)
signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
class Stop(BaseException): pass
def handler(number, frame):
    if frame.f_globals.get("__name__", "").startswith("autoresearch.journal"):
        raise Stop
signal.signal(signal.SIGALRM, handler)
stops = step = 0
while stops < 300:
    try:
        writer.log({"a": step, "b": 1.0}, step)
        if step % 10 == 0:
            writer.text("console", f"line {step}")
    except Stop:
        stops += 1
    step += 1
signal.setitimer(signal.ITIMER_REAL, 0)
writer.log({"last": 1.0})
writer.close()
print(step)
"""


def test_an_interrupt_in_the_middle_of_a_call_costs_that_call_at_most(tmp_path: Path) -> None:
    process = python(INTERRUPT, tmp_path)
    out, _ = process.communicate(timeout=60)
    got = read(tmp_path, "w")
    assert (got.faults, got.lost_records) == ([], 0)
    steps = got.steps[:-1]
    assert int(out) - 300 <= len(set(steps)) <= int(out)
    assert got.values[-1] == {"last": 1.0}
    assert all(
        values == {"a": float(step), "b": 1.0} for values, step in zip(got.values, steps, strict=False)
    )


def living(writer: Writer) -> bool:
    return writer.alive


def test_a_living_writer_is_not_adopted(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), "run")
    writer.log({"a": 1.0})
    assert living(writer)
    assert journals(str(tmp_path)) == [writer.id]
    assert dead(str(tmp_path)) == []
    with adopt(str(tmp_path), writer.id) as held:
        assert held is None
    writer.seal()
    assert dead(str(tmp_path)) == []
    assert read(tmp_path, writer.id).values == [{"a": 1.0}]
    writer.close()
    assert not living(writer)
    assert dead(str(tmp_path)) == [writer.id]


def test_of_two_drainers_one_gets_the_journal_and_leaves_nothing_behind(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), "run")
    writer.log({"a": 1.0})
    writer.close()
    with adopt(str(tmp_path), writer.id) as first:
        assert first is not None
        with adopt(str(tmp_path), writer.id) as second:
            assert second is None
        reader = Reader(str(tmp_path), writer.id)
        got = Read(list(reader.batches(0, final=True)))
        reader.release(got.last)
    assert list(tmp_path.iterdir()) == []
    with adopt(str(tmp_path), writer.id) as third:
        assert third is None
    assert list(tmp_path.iterdir()) == []


def test_many_drainers_at_once_store_every_journal_once(tmp_path: Path) -> None:
    for index in range(30):
        writer = Writer(str(tmp_path), "run", writer=f"w{index}")
        writer.log({"a": index})
        writer.close()
    stored: list[float] = []

    def drain() -> None:
        while dead(str(tmp_path)):
            for name in dead(str(tmp_path)):
                with adopt(str(tmp_path), name) as held:
                    if held is None:
                        continue
                    reader = Reader(str(tmp_path), name)
                    got = Read(list(reader.batches(0, final=True)))
                    stored.extend(values["a"] for values in got.values)
                    reader.release(got.last)

    threads = [threading.Thread(target=drain) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(stored) == [float(index) for index in range(30)]
    assert list(tmp_path.iterdir()) == []


def test_the_lock_file_of_a_writer_that_wrote_nothing_is_swept(tmp_path: Path) -> None:
    (tmp_path / "gone.lock").touch()
    (tmp_path / "gone.0123.new").touch()
    assert dead(str(tmp_path)) == ["gone"]
    with adopt(str(tmp_path), "gone") as held:
        assert held is None
    assert list(tmp_path.iterdir()) == []
    assert locks.segments(str(tmp_path), "gone") == []


def test_a_terminated_process_is_adopted(tmp_path: Path) -> None:
    counts = tmp_path / "counts"
    counts.write_bytes(bytes(64))
    process = python(TRAIN, tmp_path / "j", 1, counts, stdin=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    os.kill(process.pid, signal.SIGTERM)
    process.communicate()
    assert dead(str(tmp_path / "j")) == ["w"]
    assert read(tmp_path / "j", "w").faults == []
