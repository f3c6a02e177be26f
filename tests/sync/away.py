"""A ledger at the other end of a line that may be cut: before a call arrives, or before its answer does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autoresearch.errors import Unavailable
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.ledger.synced.ledger import SyncedLedger
from autoresearch.records.experiment import Actor

ADA = Actor(kind="human", name="ada")


class Line:
    """What is between two ledgers.

    Attributes:
        up: Whether calls arrive.
        loses: How many of the next answers are lost on the way back.
        calls: Part and operation of everything that arrived.
    """

    def __init__(self, far: LocalLedger) -> None:
        self.far = far
        self.up = True
        self.loses = 0
        self.calls: list[str] = []

    def __getattr__(self, part: str) -> Any:
        return _Part(self, part)

    def close(self) -> None:
        self.far.close()


class _Part:
    def __init__(self, line: Line, part: str) -> None:
        self._line, self._part = line, part

    def __getattr__(self, call: str) -> Any:
        def cross(*args: Any, **kwargs: Any) -> Any:
            line = self._line
            if not line.up:
                raise Unavailable("The server cannot be reached.", hint="Look at the network.")
            line.calls.append(f"{self._part}.{call}")
            answer = getattr(getattr(line.far, self._part), call)(*args, **kwargs)
            if line.loses:
                line.loses -= 1
                raise Unavailable("The connection was reset.")
            return answer

        return cross


class Machine:
    """A machine that works with a far ledger over a line of its own.

    Attributes:
        now: Its clock, in seconds.
    """

    def __init__(self, home: Path, far: LocalLedger) -> None:
        self.home = home
        self.line = Line(far)
        self.now = 0.0
        self.ledger = self.open()

    def open(self) -> SyncedLedger:
        """The ledger of a new process of this machine."""
        remote: Any = self.line
        return SyncedLedger(self.home, remote, actor=ADA, clock=lambda: self.now)

    def goes_offline(self) -> None:
        self.line.up = False

    def comes_back(self) -> None:
        self.line.up = True
        self.now += 60
