"""The processes that belong to one command, also those that left its process group.

Each carries a token in its environment. One that cleared its environment is known by its parent, if it was seen while that
parent lived. Processes can be told apart like this only where the system has ``/proc``; elsewhere there is the group alone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Family", "Size"]

_LINUX = sys.platform.startswith("linux")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PAUSE = 0.01
_LOOKS = 300


@dataclass(frozen=True, slots=True)
class Size:
    """How many processes there are, and the bytes of memory that they hold together."""

    processes: int
    memory: int


class Family:
    """The processes of one command.

    Args:
        token: The text that their environment carries; no other process has it.
    """

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self._leader: int | None = None
        self._strangers: set[int] = set()
        # By number and by the moment it began, as numbers are given again.
        self._members: dict[int, str] = {}

    def begin(self, leader: int) -> None:
        """Name the process that was started; its group is its own."""
        self._leader = leader

    def reaped(self) -> None:
        """Say that the process that was started is no more, so that its number may be another's."""
        self._leader = None

    def size(self, memory: int | None = None) -> Size:
        """Their number and their memory now.

        Args:
            memory: The bytes that matter. Below them memory that several share may be counted for each, which is quick;
                what seems to be above is measured exactly.
        """
        self._look(fresh=False)
        held = sum(map(_resident, self._members))
        if memory is not None and held > memory:
            held = sum(map(_proportional, self._members))
        return Size(len(self._members), held)

    def signal(self, number: signal.Signals) -> None:
        """Signal every member and the group."""
        self._look(fresh=True)
        if number == signal.SIGKILL:
            self._hold_still()
        for pid in list(self._members):
            with contextlib.suppress(OSError):
                os.kill(pid, number)
        if self._leader is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._leader, number)

    def see_off(self) -> bool:
        """Kill what is left, until the system is done with all of them; False when some did not go within seconds."""
        for _ in range(_LOOKS):
            # One that forked while we looked shows up in the next look.
            self.signal(signal.SIGKILL)
            if not any(map(_going_on, self._members)):
                return True
            time.sleep(_PAUSE)
        return False

    def _hold_still(self) -> None:
        """Stop every member, until a look finds no other: a child that one makes meanwhile could not be found without it."""
        held: set[tuple[int, str]] = set()
        for _ in range(_LOOKS):
            new = self._members.items() - held
            if not new:
                return
            for pid, _began in new:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGSTOP)
            held |= new
            self._look(fresh=True)

    def _look(self, *, fresh: bool) -> None:
        """Find new members, and forget those that ended. ``fresh`` asks strangers again who they are."""
        if not _LINUX:
            return
        present = {int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()}
        self._strangers &= set() if fresh else present
        self._members = {pid: began for pid, began in self._members.items() if _stat(pid)[0] == began}
        # Parents first: a child's number is the greater one, but where numbers began anew.
        for pid in sorted(present - self._strangers - self._members.keys()):
            began, parent, session = _stat(pid)
            if began and (parent in self._members or session == self._leader or self._carries(pid)):
                self._members[pid] = began
            else:
                self._strangers.add(pid)

    def _carries(self, pid: int) -> bool:
        if pid == os.getpid():
            return False
        try:
            return self._token in Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            return False


def _stat(pid: int) -> tuple[str, int, int]:
    """When a process began, its parent and its session; an empty text when it has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "", 0, 0
    fields = text.rpartition(")")[2].split()
    return ("", 0, 0) if fields[0] in {"Z", "X"} else (fields[19], int(fields[1]), int(fields[3]))


def _going_on(pid: int) -> bool:
    return bool(_stat(pid)[0])


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def _proportional(pid: int) -> int:
    """Bytes of a process, shared ones divided by those who share them."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return _resident(pid)
    return next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:")), 0)
