"""What a script prints, line by line, while the terminal shows it as always.

The ``write`` of the stream object itself is wrapped, and nothing else of it: ``sys.stdout`` stays the object that it was, so
that terminals, notebooks, progress bars, test runners and logging handlers that hold it see no difference. What Python code
writes to these objects is captured; what child processes and C code write to the file descriptor, and what goes through
``sys.stdout.buffer``, is not. A stream that somebody puts in place later is not captured either, unless it passes on to the
first one.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque

from autoresearch.track.screen import REDRAWN, Screen

TYPE_CHECKING = False  # importing typing would cost more than this module
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TextIO

__all__ = ["Console", "collapse"]

_MOST_PIECES = 64  # of lines that have not ended: print() writes one for each value and each space
_LONG_PIECE = 4096  # characters
_capturing: list[Console] = []
_changing = threading.Lock()


class Console:
    r"""Tees standard output and standard error.

    Args:
        write: Called with the stream (``stdout`` or ``stderr``), a line of text without its end, and the time of its last
            change (seconds since 1970). A text that begins with ``\r`` takes the place of the last one of its stream:
            the same line, further on (:func:`collapse` applies this). It is called by whichever thread printed, one call
            at a time; what it prints itself is shown and not captured, and what it raises goes no further.
        most_bytes: After so much text one marker line is given out and capture ends; the terminal goes on.
        line_limit: Characters of a line that are kept.

    Attributes:
        lost: Lines for which ``write`` raised.

    After a fork the child goes on capturing, with the same ``write`` and without the lines that the parent had begun.
    """

    def __init__(
        self,
        write: Callable[[str, str, float], None],
        *,
        most_bytes: int = 10 * 2**20,
        line_limit: int = 10_000,
    ) -> None:
        self.lost = 0
        self._write = write
        self._most_bytes = most_bytes
        self._line_limit = line_limit
        self._left = most_bytes
        self._taps: list[_Tap] = []
        self._busy: set[int] = set()
        self._forget()

    def start(self) -> None:
        """Begin to capture; a second call does nothing. Streams that are missing or cannot be wrapped are left alone."""
        with _changing:
            if self in _capturing or self._left <= 0:
                return
            seen: set[int] = set()
            for name in ("stdout", "stderr"):
                stream = getattr(sys, name, None)
                if stream is not None and id(stream) not in seen:
                    seen.add(id(stream))
                    tap = _Tap(self, name, stream)
                    if tap.insert(self._busy):
                        self._taps.append(tap)
            _capturing.append(self)

    def stop(self) -> None:
        """Give out what is there and put back what was; a second call does nothing."""
        with _changing:
            if self not in _capturing:
                return
            _capturing.remove(self)
            for tap in self._taps:
                tap.remove()
            self._taps.clear()
        self._waiting.append(("", "close", 0.0))
        self._work()
        # Another thread may be giving out: what was printed before is then on its way, and gets this long.
        if self._calling != threading.get_ident() and self._lock.acquire(timeout=2.0):
            self._lock.release()

    def flush(self) -> None:
        """Give out lines in progress; to be called about once a second.

        A line that goes on and on is given out at the first call after it began, then more rarely, at last every eighth.
        """
        self._waiting.append(("", "flush", 0.0))
        self._work()

    def take(self, stream: str, text: str, thread: int) -> None:
        """Take what a thread printed; never waits for another one, and may interrupt itself (a signal handler that prints)."""
        if self._left <= 0 or self._calling == thread:
            return
        try:
            self._waiting.append((stream, text, time.time()))
            if "\n" in text or len(text) > _LONG_PIECE or len(self._waiting) >= _MOST_PIECES:
                self._work()
        except Exception:  # noqa: BLE001 (boundary: print() must not fail for what we do with its text)
            self.lost += 1

    def _forget(self) -> None:
        """Begin with nothing: at the start, and in the child of a fork, where a lock may be held by a thread that is not."""
        self._lock = threading.Lock()
        self._calling = 0
        self._waiting: deque[tuple[str, str, float]] = deque()
        self._screens: dict[str, Screen] = {}
        self._busy.clear()

    def _work(self) -> None:
        """Handle what waits, unless a thread is at it already: that one takes ours too, so nobody ever waits here."""
        while self._waiting and self._lock.acquire(blocking=False):
            try:
                while self._waiting:
                    self._handle(*self._next())
            finally:
                self._lock.release()

    def _next(self) -> tuple[str, str, float]:
        """What waits first: a request, or the pieces of a line that print() wrote one by one, put together."""
        waiting = self._waiting
        stream, text, at = waiting.popleft()
        if not stream or text.endswith("\n") or not waiting:
            return stream, text, at
        pieces = [text]
        while waiting and waiting[0][0] == stream and not pieces[-1].endswith("\n"):
            _, text, at = waiting.popleft()
            pieces.append(text)
        return stream, "".join(pieces), at

    def _handle(self, stream: str, text: str, at: float) -> None:
        if stream:
            screen = self._screens.get(stream)
            if screen is None:
                give = _Giving(self, stream)
                screen = self._screens[stream] = Screen(give, self._line_limit)
            screen.write(text, at)
            return
        for screen in self._screens.values():
            if text == "flush":
                screen.flush()
            else:
                screen.close()

    def give(self, stream: str, text: str, at: float) -> None:
        """Hand one line on, if the bound allows it."""
        if self._left <= 0:
            return
        size = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
        self._left -= size + 1
        if self._left <= 0:
            text = f"… console capture stopped after {_amount(self._most_bytes)}"
        elif not text.isascii():
            text = text.encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair cannot be stored
        self._calling = threading.get_ident()
        try:
            self._write(stream, text, at)
        except Exception:  # noqa: BLE001 (boundary: one line that is refused does not take the next ones with it)
            self.lost += 1
        finally:
            self._calling = 0


class _Giving:
    """The way of a line from the screen of a stream to its console."""

    __slots__ = ("_console", "_stream")

    def __init__(self, console: Console, stream: str) -> None:
        self._console = console
        self._stream = stream

    def __call__(self, text: str, at: float) -> None:
        self._console.give(self._stream, text, at)


class _Tap:
    """The wrapped ``write`` of one stream object, kept in the object's own attributes."""

    __slots__ = ("_before", "_console", "_name", "_own", "_stream")

    def __init__(self, console: Console, name: str, stream: TextIO) -> None:
        self._console: Console | None = console
        self._name = name
        self._stream = stream
        self._before: Any = None
        self._own: Any = None

    def insert(self, busy: set[int]) -> bool:
        """Wrap; False when the object takes no attributes. ``busy`` are the threads that are writing now."""
        try:
            attributes = vars(self._stream)
            self._before = attributes.get("write")
            self._own = self._wrapped(self._stream.write, busy)
            attributes["write"] = self._own
        except (AttributeError, TypeError):
            return False
        return True

    def remove(self) -> None:
        """Unwrap; where somebody has wrapped our wrapper meanwhile, it stays and only passes on."""
        self._console = None
        attributes = vars(self._stream)
        if attributes.get("write") is self._own:
            if self._before is None:
                del attributes["write"]
            else:
                attributes["write"] = self._before

    def _wrapped(self, write: Callable[..., Any], busy: set[int]) -> Callable[..., Any]:
        name, ident = self._name, threading.get_ident

        def tee(*arguments: Any, **named: Any) -> Any:
            console, me = self._console, ident()
            if console is None or me in busy:  # a stream that writes to the other one is taken once
                return write(*arguments, **named)
            busy.add(me)
            try:
                answer = write(*arguments, **named)
            finally:
                busy.discard(me)
            if arguments and isinstance(arguments[0], str):
                console.take(name, str.__str__(arguments[0]), me)
            return answer

        return tee


def collapse(entries: Iterable[tuple[str, str, float]]) -> list[tuple[str, str, float]]:
    """Entries (stream, text, time) as they were given out, each line in its last state only."""
    kept: list[tuple[str, str, float] | None] = []
    last: dict[str, int] = {}
    for stream, text, at in entries:
        if text.startswith(REDRAWN):
            if stream in last:
                kept[last[stream]] = None
            text = text[len(REDRAWN) :]  # noqa: PLW2901 (the mark is not part of it)
        last[stream] = len(kept)
        kept.append((stream, text, at))
    return [entry for entry in kept if entry is not None]


def _amount(size: int) -> str:
    return f"{size // 2**20} MiB" if size % 2**20 == 0 else f"{size} bytes"


def _in_child() -> None:
    """A fork copies one thread only: what the others held or had begun is gone."""
    global _changing  # noqa: PLW0603 (a lock that nobody is left to release)
    _changing = threading.Lock()
    for console in _capturing:
        console._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
