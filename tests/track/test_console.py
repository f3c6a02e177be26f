from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from autoresearch.track.console import Console, collapse

Entry = tuple[str, str, float]


class Streams:
    """Streams of our own in the place of sys.stdout and sys.stderr, with a console on them."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path) -> None:
        self.folder = folder
        self.patch = patch
        self.out = (folder / "out").open("w", encoding="utf-8", buffering=1)
        self.err = (folder / "err").open("w", encoding="utf-8", buffering=1)
        self.entries: list[Entry] = []
        self.console = Console(lambda stream, text, at: self.entries.append((stream, text, at)))

    def place(self) -> None:
        """To be called by the test itself: the runner has put streams of its own in place for this phase."""
        self.patch.setattr(sys, "stdout", self.out)
        self.patch.setattr(sys, "stderr", self.err)

    @property
    def lines(self) -> list[tuple[str, str]]:
        return [(stream, text) for stream, text, _ in collapse(self.entries)]

    def shown(self, name: str = "out") -> str:
        return (self.folder / name).read_text(encoding="utf-8")


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Streams]:
    made = Streams(monkeypatch, tmp_path)
    yield made
    made.console.stop()
    made.out.close()
    made.err.close()


def _run(code: str, folder: Path, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a script that appends what is captured to a file, entry by entry, as ``stream|text``."""
    prelude = """
import os, sys
from autoresearch.track.console import Console
log = os.open("captured", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def keep(stream, text, at):
    os.write(log, f"{stream}|{text}\\n".encode())
console = Console(keep)
console.start()
"""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", prelude + code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )


def _captured(folder: Path) -> list[str]:
    return (folder / "captured").read_bytes().decode().split("\n")[:-1]


def test_what_is_printed_is_shown_and_captured(streams: Streams) -> None:
    streams.place()
    streams.console.start()
    print("loss", 0.5, flush=True)
    print("a warning", file=sys.stderr)
    sys.stdout.writelines(["two\n", "three\n"])
    assert streams.lines == [
        ("stdout", "loss 0.5"),
        ("stderr", "a warning"),
        ("stdout", "two"),
        ("stdout", "three"),
    ]
    assert streams.shown() == "loss 0.5\ntwo\nthree\n"
    assert streams.shown("err") == "a warning\n"
    assert all(at > 1e9 for _, _, at in streams.entries)


def test_the_stream_stays_the_object_that_it_was(streams: Streams) -> None:
    streams.place()
    streams.console.start()
    assert sys.stdout is streams.out
    assert (sys.stdout.isatty(), sys.stdout.encoding, sys.stdout.errors) == (False, "utf-8", "strict")
    assert sys.stdout.fileno() == streams.out.buffer.fileno()
    assert sys.stdout.write("four") == 4
    sys.stdout.buffer.write(b"bytes\n")
    sys.stdout.flush()
    streams.console.stop()
    assert "write" not in vars(streams.out)
    assert streams.lines == [("stdout", "four")]
    assert "bytes\n" in streams.shown()


def test_a_call_that_the_stream_refuses_is_refused_as_before(streams: Streams) -> None:
    streams.place()
    streams.console.start()
    with pytest.raises(TypeError, match="must be str, not int"):
        sys.stdout.write(5)  # type: ignore[arg-type]
    with pytest.raises(UnicodeEncodeError):
        print("\udc80")
    streams.out.close()
    with pytest.raises(ValueError, match="closed file"):
        print("x")
    assert streams.lines == []


def test_starting_and_stopping_twice_is_once(streams: Streams) -> None:
    streams.place()
    streams.console.start()
    streams.console.start()
    print("once")
    streams.console.stop()
    streams.console.stop()
    print("not captured")
    streams.console.start()
    print("again")
    assert streams.lines == [("stdout", "once"), ("stdout", "again")]


def test_a_line_in_progress_is_given_out_by_flush_and_at_the_stop(streams: Streams) -> None:
    streams.place()
    streams.console.start()
    print("loading", end="")
    assert streams.lines == []
    streams.console.flush()
    assert streams.lines == [("stdout", "loading")]
    print(" done", end="")
    streams.console.stop()
    assert streams.lines == [("stdout", "loading done")]


def test_progress_bars_on_stderr_and_lines_on_stdout_do_not_mix(streams: Streams) -> None:
    streams.place()
    streams.console.start()
    for step in range(100):
        sys.stderr.write(f"\r{step + 1}%|{'█' * (step // 10):10}| {step}/100")
        if step % 50 == 0:
            print("epoch", step)
            streams.console.flush()
    sys.stderr.write("\n")
    assert streams.lines == [
        ("stdout", "epoch 0"),
        ("stdout", "epoch 50"),
        ("stderr", "100%|█████████ | 99/100"),
    ]


def test_a_logging_handler_that_holds_the_stream_is_captured_and_works_after_the_stop(
    streams: Streams,
) -> None:
    streams.place()
    logger = logging.Logger("own")  # noqa: LOG001 (no handlers but this one)
    logger.addHandler(logging.StreamHandler(sys.stderr))
    streams.console.start()
    logger.warning("hot")
    streams.console.stop()
    logger.warning("cold")
    assert streams.lines == [("stderr", "hot")]
    assert streams.shown("err") == "hot\ncold\n"


def test_a_stream_that_somebody_put_in_place_is_left_there(streams: Streams) -> None:
    streams.place()
    streams.console.start()
    other = io.StringIO()
    with contextlib.redirect_stdout(other):
        print("to the other")
        streams.console.stop()
        assert sys.stdout is other
    print("after")
    assert (streams.lines, other.getvalue(), streams.shown()) == ([], "to the other\n", "after\n")


def test_somebody_who_wrapped_the_wrapped_stream_goes_on_working(streams: Streams) -> None:
    streams.place()
    streams.console.start()
    inner = sys.stdout.write
    sys.stdout.write = lambda text: inner(text.upper())  # type: ignore[method-assign]
    print("loud")
    streams.console.stop()
    print("still")
    assert streams.lines == [("stdout", "LOUD")]
    assert streams.shown() == "LOUD\nSTILL\n"


def test_a_wrapper_that_was_there_before_is_put_back(streams: Streams) -> None:
    streams.place()
    own = streams.out.write
    mine = lambda text: own(text.upper())  # noqa: E731 (compared by identity below)
    streams.out.write = mine  # type: ignore[method-assign]
    streams.console.start()
    print("loud")
    streams.console.stop()
    assert streams.out.write is mine
    assert (streams.lines, streams.shown()) == ([("stdout", "loud")], "LOUD\n")


def test_two_consoles_take_the_same_lines_and_stop_in_any_order(streams: Streams) -> None:
    streams.place()
    seen: list[str] = []
    second = Console(lambda _stream, text, _at: seen.append(text))
    streams.console.start()
    second.start()
    print("both")
    streams.console.stop()
    print("second")
    second.stop()
    print("none")
    assert (streams.lines, seen) == ([("stdout", "both")], ["both", "second"])
    assert streams.shown() == "both\nsecond\nnone\n"


def test_a_stream_that_writes_to_the_other_one_is_taken_once(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams.place()

    class Tagged:
        def write(self, text: str) -> int:
            return streams.out.write(text)

    monkeypatch.setattr(sys, "stderr", Tagged())
    streams.console.start()
    print("once", file=sys.stderr)
    assert streams.lines == [("stderr", "once")]
    monkeypatch.setattr(sys, "stderr", streams.out)
    streams.console.stop()
    streams.console.start()
    print("one object", file=sys.stderr)
    assert streams.lines[1:] == [("stdout", "one object")]


@pytest.mark.parametrize("missing", [None, object()])
def test_a_stream_that_is_missing_or_cannot_be_wrapped_is_left_alone(
    streams: Streams, monkeypatch: pytest.MonkeyPatch, missing: object
) -> None:
    streams.place()
    monkeypatch.setattr(sys, "stdout", missing)
    streams.console.start()
    print("still", file=sys.stderr)
    streams.console.stop()
    assert streams.lines == [("stderr", "still")]


def test_what_the_callback_prints_is_shown_and_not_captured(streams: Streams) -> None:
    streams.place()
    seen: list[str] = []

    def chatty(_stream: str, text: str, _at: float) -> None:
        seen.append(text)
        print("echo", text)

    console = Console(chatty)
    console.start()
    print("said")
    console.stop()
    assert (seen, streams.shown()) == (["said"], "said\necho said\n")


def test_a_callback_that_fails_does_not_reach_print_and_loses_only_its_line(streams: Streams) -> None:
    streams.place()
    seen: list[str] = []

    def picky(_stream: str, text: str, _at: float) -> None:
        if text == "bad":
            raise RuntimeError(text)
        seen.append(text)

    console = Console(picky)
    console.start()
    print("good\nbad\nbetter")
    console.stop()
    assert (seen, console.lost, streams.shown()) == (["good", "better"], 1, "good\nbad\nbetter\n")


def test_a_thread_that_prints_never_waits_for_another_ones_callback(streams: Streams) -> None:
    streams.place()
    entered, may_leave = threading.Event(), threading.Event()
    seen: list[str] = []

    def slow(_stream: str, text: str, _at: float) -> None:
        seen.append(text)
        entered.set()
        assert may_leave.wait(30)

    console = Console(slow)
    console.start()
    first = threading.Thread(target=print, args=("first",))
    first.start()
    try:
        assert entered.wait(30)
        print("second")
        console.flush()
        shown = streams.shown()
    finally:
        may_leave.set()
        first.join()
        console.stop()
    assert (shown, seen) == ("first\nsecond\n", ["first", "second"])


def test_threads_lose_no_line_and_split_none(streams: Streams) -> None:
    streams.place()
    streams.console.start()

    def work(name: int) -> None:
        for number in range(500):
            sys.stdout.write(f"{name}:{number}\n")

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    streams.console.stop()
    lines = [text for _, text in streams.lines]
    assert sorted(lines) == sorted(f"{name}:{number}" for name in range(8) for number in range(500))
    for name in range(8):
        own = [line for line in lines if line.startswith(f"{name}:")]
        assert own == [f"{name}:{number}" for number in range(500)]


def test_a_signal_handler_that_prints_inside_a_callback_stops_nothing(streams: Streams) -> None:
    streams.place()
    seen: list[str] = []

    def signalled(_stream: str, text: str, _at: float) -> None:
        if not seen:
            signal.raise_signal(signal.SIGUSR1)
        seen.append(text)

    before = signal.signal(signal.SIGUSR1, lambda *_: print("from the handler"))
    try:
        console = Console(signalled)
        console.start()
        print("one")
        print("two")
        console.stop()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert seen == ["one", "two"]
    assert streams.shown() == "one\nfrom the handler\ntwo\n"


def test_after_the_bound_one_line_says_so_and_the_terminal_goes_on(streams: Streams) -> None:
    streams.place()
    seen: list[str] = []
    console = Console(lambda _stream, text, _at: seen.append(text), most_bytes=2**20)
    console.start()
    for _ in range(2000):
        print("x" * 1023)
    console.stop()
    assert seen[-1] == "… console capture stopped after 1 MiB"
    assert len(seen) == 1024
    assert len(streams.shown()) == 2000 * 1024
    console.start()
    print("more")
    assert len(seen) == 1024


def test_a_huge_print_is_captured_up_to_its_bounds(streams: Streams) -> None:
    streams.place()
    seen: list[str] = []
    console = Console(lambda _stream, text, _at: seen.append(text), most_bytes=5000, line_limit=1000)
    console.start()
    print("y" * 3_000_000)
    print("z\n" * 1_000_000)
    console.stop()
    assert seen[0] == "y" * 1000 + "…"
    assert seen[-1] == "… console capture stopped after 5000 bytes"
    assert sum(map(len, seen)) < 5100


def test_half_a_surrogate_pair_is_shown_as_the_stream_shows_it_and_captured_as_text(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams.place()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "utf-8", errors="surrogateescape"))
    streams.console.start()
    print("name \udcff ç")
    assert streams.lines == [("stdout", "name ? ç")]


def test_a_subclass_of_str_is_captured_as_what_it_is(streams: Streams) -> None:
    streams.place()

    class Loud(str):
        __slots__ = ()

        def __str__(self) -> str:
            raise RuntimeError

    streams.console.start()
    sys.stdout.write(Loud("plain\n"))
    assert streams.lines == [("stdout", "plain")]


def test_ten_thousand_lines_of_a_process_are_all_captured(tmp_path: Path) -> None:
    done = _run("for n in range(10_000): print('line', n)\nconsole.stop()", tmp_path)
    expected = [f"line {n}" for n in range(10_000)]
    assert done.stdout.split("\n")[:-1] == expected
    assert _captured(tmp_path) == [f"stdout|{line}" for line in expected]


def test_what_a_killed_process_printed_is_captured_to_the_last_line(tmp_path: Path) -> None:
    code = """
for n in range(1000):
    print("line", n)
    sys.stderr.write(f"\\r{n}%")
console.flush()
os.kill(os.getpid(), 9)
"""
    assert _run(code, tmp_path).returncode == -signal.SIGKILL
    captured = _captured(tmp_path)
    assert [line for line in captured if line.startswith("stdout")] == [
        f"stdout|line {n}" for n in range(1000)
    ]
    assert captured[-1] == "stderr|999%"


def test_a_traceback_of_a_dying_process_is_captured(tmp_path: Path) -> None:
    done = _run("print('before', end='')\nconsole.flush()\nraise ValueError('diverged')", tmp_path)
    assert "ValueError: diverged" in done.stderr
    assert _captured(tmp_path)[0] == "stdout|before"
    assert _captured(tmp_path)[-1] == "stderr|ValueError: diverged"


def test_a_forked_child_goes_on_without_the_lines_of_its_parent(tmp_path: Path) -> None:
    code = """
import threading, warnings
warnings.simplefilter("ignore")
sys.stdout.write("half")
console._lock.acquire()   # as a thread that is in the middle of giving out, and is not in the child
child = os.fork()
if child == 0:
    print("from the child")
    console.stop()
    os._exit(0)
os.waitpid(child, 0)
console._lock.release()
print(" and half")
console.stop()
"""
    assert _run(code, tmp_path).returncode == 0
    assert _captured(tmp_path) == ["stdout|from the child", "stdout|half and half"]


def test_a_process_without_standard_streams_can_be_captured(tmp_path: Path) -> None:
    code = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', sys.argv[1]], close_fds=True, preexec_fn=lambda: [__import__('os').close(n) for n in (0, 1, 2)]))"
    inner = "from autoresearch.track.console import Console; c = Console(print); c.start(); print('x'); c.flush(); c.stop()"
    done = subprocess.run(
        [sys.executable, "-c", code, inner],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        check=False,
    )
    assert done.returncode == 0


def test_loading_the_console_loads_nothing_heavy() -> None:
    code = "import sys, autoresearch.track.console; sys.exit(len({'re', 'typing', 'logging', 'pathlib', 'inspect'} & set(sys.modules)))"
    # -S: what a site module of the environment loads is not ours.
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 0


def test_entries_that_replace_each_other_are_one_line_per_stream() -> None:
    entries = [("o", "1%", 1.0), ("e", "x", 2.0), ("o", "\r2%", 3.0), ("o", "end", 4.0), ("e", "\ry", 5.0)]
    assert collapse(entries) == [("o", "2%", 3.0), ("o", "end", 4.0), ("e", "y", 5.0)]
    assert collapse([("o", "\rcut off before", 1.0)]) == [("o", "cut off before", 1.0)]
