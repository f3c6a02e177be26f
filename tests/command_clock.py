"""The clock of commands under a budget of time, in the hands of a test: it goes by what a command has done."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from autoresearch.execution import runner

__all__ = ["out_of_time_once"]

_LEAP = 3600.0


class _Clock:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._leapt = False

    def monotonic(self) -> float:
        self._leapt = self._leapt or self._path.exists()
        return time.monotonic() + _LEAP * self._leapt

    sleep = staticmethod(time.sleep)


def out_of_time_once(path: Path, patch: pytest.MonkeyPatch) -> None:
    """Let an hour be over for the command that runs as soon as it has made a file, however slow the machine is."""
    patch.setattr(runner, "time", _Clock(path))
