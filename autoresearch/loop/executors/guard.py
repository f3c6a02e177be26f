"""A process that outlives the one it guards, and ends what that one started: python -m autoresearch.loop.executors.guard MARK.

A cluster may kill the process in which a station works, at any moment and without a word. What the command started has then
nobody who ends it. The guard waits for the end of its standard input, which comes when the station lets go of it or is no
more, and then kills every process that carries the mark in its environment.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

from autoresearch.execution.family import Family

__all__ = ["guarded", "main"]


@contextlib.contextmanager
def guarded(mark: str) -> Iterator[None]:
    """While the block runs, and when the process ends in it, processes that carry the mark are guarded."""
    begun = subprocess.Popen(
        [sys.executable, "-m", __name__, mark],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        # The process that was started is gone at once: its child is the guard, and nobody's child by then.
        begun.wait()
        yield
    finally:
        assert begun.stdin is not None
        begun.stdin.close()


def main(mark: str) -> None:
    """Fork, and in the child wait for the end of standard input, then see all carriers of the mark off."""
    if os.fork():
        return
    while os.read(0, 4096):
        pass
    Family(mark).see_off()


if __name__ == "__main__":
    main(sys.argv[1])
