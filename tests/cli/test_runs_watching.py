"""``top``: once without a terminal, and on one until somebody leaves, with the terminal as it was afterwards."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from autoresearch.ledger.local.ledger import LocalLedger
from tests.logged_runs import Logging

Cli = Any
ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"


class _Terminal:
    """The program on a terminal of its own."""

    def __init__(self, *words: str, columns: int = 100, rows: int = 24) -> None:
        self._leader, follower = pty.openpty()
        self.resize(columns, rows)
        self.before = termios.tcgetattr(self._leader)
        self._pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-m", "autoresearch", *words],
            {**os.environ, "TERM": "xterm", "NO_COLOR": "1"},
            file_actions=[(os.POSIX_SPAWN_DUP2, follower, number) for number in range(3)],
            setsid=True,
        )
        self._follower = follower
        self._heard = b""

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._leader, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def until(self, wanted: str) -> str:
        """What was written from the last call up to something; fails when nothing more comes for a minute."""
        pattern = re.compile(wanted.encode())
        while not (found := pattern.search(self._heard)):
            ready, _, _ = select.select([self._leader], [], [], 60)
            assert ready, self._heard
            self._heard += os.read(self._leader, 65536)
        said, self._heard = self._heard[: found.end()], self._heard[found.end() :]
        return said.decode()

    def type(self, keys: bytes) -> None:
        os.write(self._leader, keys)

    def signal(self, number: int) -> None:
        os.kill(self._pid, number)

    def end(self) -> int:
        """The exit code, after all that was written was read."""
        self.until(re.escape(LEAVE.decode()))
        _, status = os.waitpid(self._pid, 0)
        assert termios.tcgetattr(self._leader) == self.before, "the terminal is as it was"
        os.close(self._leader)
        os.close(self._follower)
        return os.waitstatus_to_exitcode(status)


@pytest.fixture
def runs(repository: Path, home: Path) -> Iterator[Callable[..., Logging]]:
    with LocalLedger.open(home / ".autoresearch") as ledger:
        yield lambda **opening: Logging(ledger.runs, **opening)


def test_without_a_terminal_it_is_printed_once(runs: Callable[..., Logging], cli: Cli) -> None:
    assert cli("top").lines == ["no run is going on"]
    runs(name="calm-fox").log(range(50), loss=[1.0 / (n + 1) for n in range(50)]).send()
    runs(name="ended").finish()
    said = cli("top")
    assert said.lines[0].split() == ["#", "name", "for", "step", "steps/s", "metric", "last", "course"]
    assert said.lines[1].split()[:2] == ["1", "calm-fox"]
    assert len(said.lines) == 2
    (one,) = cli("top", "--json").json["runs"]
    assert (one["step"], one["metrics"][0]["title"], len(one["metrics"][0]["values"])) == (49, "loss", 50)
    assert cli("top", "-q").lines == [one["run"]["id"]]


def test_it_draws_anew_and_leaves_on_a_key(runs: Callable[..., Logging]) -> None:
    logging = runs(name="calm-fox").log([1], loss=[5.0]).send()
    terminal = _Terminal("top", "--interval", "0.2")
    terminal.until("1 running")
    terminal.until("calm-fox")
    logging.log([777], loss=[4.0]).send()
    terminal.until("777")
    logging.finish("failed", exit_code=1)
    terminal.until("0 running, 1 ended")
    terminal.until("failed")
    # An arrow key is no Escape.
    terminal.type(b"\x1b[A")
    terminal.until("0 running, 1 ended")
    terminal.type(b"q")
    assert terminal.end() == 0


def test_it_fills_another_width_at_once(runs: Callable[..., Logging]) -> None:
    runs(name="calm-fox").log(range(100), loss=[1.0] * 100, lr=[2.0] * 100).send()
    terminal = _Terminal("top", "--interval", "3600", columns=60)
    assert "steps/s" not in terminal.until("course")
    terminal.until("\x1b\\[J")
    # Again and again: what comes just before it begins to wait must not be missed.
    for columns, wide in ((200, True), (60, False)) * 1000:
        terminal.resize(columns, 24)
        terminal.signal(signal.SIGWINCH)
        assert ("steps/s" in terminal.until("\x1b\\[J")) is wide
    terminal.type(b"\x1b")
    assert terminal.end() == 0


def test_more_runs_than_lines_are_counted(runs: Callable[..., Logging]) -> None:
    for _ in range(9):
        runs().send()
    terminal = _Terminal("top", rows=8)
    assert terminal.until("and 5 more").count("quiet-otter") == 4
    terminal.type(b"Q")
    assert terminal.end() == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_a_signal_leaves_the_terminal_as_it_was(
    runs: Callable[..., Logging], number: signal.Signals, code: int
) -> None:
    runs().send()
    terminal = _Terminal("top")
    terminal.until("1 running")
    terminal.signal(number)
    assert terminal.end() == code


def test_a_terminal_that_cannot_draw_gets_it_once(
    runs: Callable[..., Logging], cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs(name="calm-fox").send()
    monkeypatch.setenv("TERM", "dumb")
    assert "calm-fox" in cli("top", terminal=True).out
    monkeypatch.setenv("TERM", "xterm")
    with monkeypatch.context() as patch:
        patch.setenv("AI_AGENT", "some-agent")
        assert "calm-fox" in cli("top", terminal=True).out, "an agent would watch for ever"
    assert "\x1b[?1049h" not in cli("top", "--once", terminal=True).out
