from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import pytest

from autoresearch.track import tracebacks
from autoresearch.track.tracebacks import kind_of, render


def _raised(error: Exception) -> Exception:
    with pytest.raises(type(error)) as caught:
        raise error
    return caught.value


def _run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script whose hooks write ``kind|last line of the traceback`` to a file."""
    prelude = """
import os, sys, threading
from autoresearch.track import tracebacks
seen = os.open("seen", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def keep(kind, text, exception):
    os.write(seen, f"{kind}|{text.splitlines()[-1]}\\n".encode())
tracebacks.install(keep)
"""
    return subprocess.run(
        [sys.executable, "-c", prelude + code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )


def _seen(folder: Path) -> list[str]:
    return (folder / "seen").read_text().splitlines()


@pytest.fixture
def hooks() -> Iterator[None]:
    """The hooks of this process as they are, put back whatever the test does."""
    before = sys.excepthook, threading.excepthook
    yield
    tracebacks.uninstall()
    sys.excepthook, threading.excepthook = before


def test_a_traceback_reads_as_python_prints_it() -> None:
    text = render(_raised(ValueError("diverged at step 7")))
    assert text.startswith("Traceback (most recent call last):\n")
    assert text.endswith("\nValueError: diverged at step 7\n")
    assert "raise error" in text


def test_values_of_variables_are_not_shown() -> None:
    def inner(secret: str) -> None:
        password = secret * 2
        raise RuntimeError(len(password))

    with pytest.raises(RuntimeError) as caught:
        inner("hunter2")
    assert "hunter2" not in render(caught.value).replace('inner("hunter2")', "")


def test_causes_notes_and_groups_are_shown() -> None:
    error = ValueError("outer")
    error.__cause__ = _raised(KeyError("inner"))
    error.add_note("seen in epoch 3")
    text = render(_raised(ExceptionGroup("several", [error, TypeError("other")])))
    assert all(part in text for part in ("several", "outer", "KeyError: 'inner'", "seen in epoch 3", "other"))


def test_a_deep_recursion_keeps_the_last_frames_and_the_message() -> None:
    def deep(n: int) -> int:
        return deep(n + 1) if n < 600 else 1 // 0

    def other(n: int) -> int:
        return deep(n) if n % 2 else other(n + 1)

    with pytest.raises(ZeroDivisionError) as caught:
        other(0)
    text = render(caught.value)
    assert "ZeroDivisionError" in text.splitlines()[-1]
    assert len(text.encode()) <= 20_000
    assert "in other" not in text


def test_a_long_chain_keeps_the_last_ten_exceptions() -> None:
    error = _raised(ValueError("number 0"))
    for number in range(1, 40):
        following = ValueError(f"number {number}")
        following.__cause__ = error
        error = _raised(following)
    text = render(error)
    assert [f"number {number}\n" in text for number in (39, 30, 29)] == [True, True, False]


def test_the_text_is_bounded_whatever_the_message() -> None:
    for message in ("x" * 5_000_000, "é\n" * 1_000_000, "\udc80" * 50_000):
        text = render(_raised(ValueError(message)))
        assert len(text.encode()) <= 20_000
        assert "ValueError: " in text
    many = ExceptionGroup("many", [_raised(ValueError("y" * 3000 + str(n))) for n in range(15)])
    text = render(_raised(many))
    assert len(text.encode()) <= 20_000
    assert text.startswith("… (what came before is left out)\n")


def test_an_exception_that_fails_when_it_is_asked_is_shown_all_the_same() -> None:
    class BrokenError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    class WorseError(Exception):
        @property
        def __traceback__(self) -> None:  # type: ignore[override]
            raise RuntimeError

    assert "BrokenError" in render(_raised(BrokenError()))
    assert render(WorseError()) == "WorseError: its traceback could not be shown\n"


def test_exits_and_interrupts_are_told_apart_from_failures() -> None:
    assert [
        kind_of(error) for error in (KeyboardInterrupt(), SystemExit(1), ValueError(), GeneratorExit())
    ] == [
        "interrupt",
        "exit",
        "exception",
        "exception",
    ]


def test_an_exception_that_nobody_caught_is_seen_and_reported_as_before(tmp_path: Path) -> None:
    done = _run("raise ValueError('diverged')", tmp_path)
    assert (done.returncode, _seen(tmp_path)) == (1, ["exception|ValueError: diverged"])
    assert done.stderr.count("ValueError: diverged") == 1


def test_an_interrupt_is_seen_as_one(tmp_path: Path) -> None:
    _run("raise KeyboardInterrupt", tmp_path)
    assert _seen(tmp_path) == ["interrupt|KeyboardInterrupt"]


def test_an_exit_is_no_failure(tmp_path: Path) -> None:
    done = _run("threading.Thread(target=sys.exit, args=(2,)).start()\nsys.exit(3)", tmp_path)
    assert (done.returncode, done.stderr, _seen(tmp_path)) == (3, "", [])


def test_the_end_of_a_thread_is_told_apart_from_the_end_of_the_program(tmp_path: Path) -> None:
    done = _run("t = threading.Thread(target=lambda: 1 // 0)\nt.start()\nt.join()", tmp_path)
    assert done.returncode == 0
    assert _seen(tmp_path)[0].startswith("thread|ZeroDivisionError")
    assert done.stderr.count("ZeroDivisionError") == 1


def test_a_callback_that_fails_hides_nothing(tmp_path: Path) -> None:
    code = "tracebacks.install(lambda *_: 1 // 0)\nraise ValueError('diverged')"
    done = _run(code, tmp_path)
    assert done.returncode == 1
    assert "ValueError: diverged" in done.stderr
    assert "ZeroDivisionError" not in done.stderr


def test_a_hook_that_was_there_is_called_after_ours(hooks: None) -> None:
    order: list[str] = []
    sys.excepthook = lambda kind, value, trace: order.append("theirs")
    theirs = sys.excepthook
    tracebacks.install(lambda kind, text, exception: order.append("ours"))
    error = _raised(ValueError("x"))
    sys.excepthook(type(error), error, error.__traceback__)
    assert order == ["ours", "theirs"]
    tracebacks.uninstall()
    assert sys.excepthook is theirs
    tracebacks.uninstall()
    assert sys.excepthook is theirs


def test_a_hook_put_on_top_of_ours_stays_there(hooks: None) -> None:
    order: list[str] = []
    sys.excepthook = lambda *_: order.append("first")
    tracebacks.install(lambda *_: order.append("ours"))
    below = sys.excepthook

    def on_top(kind: type[BaseException], value: BaseException, trace: TracebackType | None) -> None:
        order.append("top")
        below(kind, value, trace)

    sys.excepthook = on_top
    error = _raised(ValueError("x"))
    sys.excepthook(ValueError, error, None)
    tracebacks.uninstall()
    assert sys.excepthook is on_top
    sys.excepthook(ValueError, error, None)
    assert order == ["top", "ours", "first", "top", "first"]


def test_a_second_callback_takes_the_place_of_the_first(hooks: None) -> None:
    order: list[str] = []
    sys.excepthook = lambda *_: order.append("before")
    tracebacks.install(lambda *_: order.append("one"))
    tracebacks.install(lambda *_: order.append("two"))
    error = _raised(ValueError("x"))
    sys.excepthook(ValueError, error, None)
    assert order == ["two", "before"]
