"""How a process ends, as far as it can be seen from inside: an exit code, an exception, a signal."""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # `signal` itself loads enum: a third of a run's start
import atexit
import os
import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any, NoReturn

__all__ = ["Ending", "outcome_of"]

_INTERRUPTED = 130
_SIGNALS = {signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP"}


class _Exit(SystemExit):
    """What our ``sys.exit`` raises: it knows whether somebody caught it.

    One that reaches the top is dropped by the interpreter, when no frame is left; one that was caught is dropped by a frame.
    """

    ending: Ending | None = None

    def __del__(self) -> None:
        if self.ending is not None and sys._getframe(0).f_back is not None:
            self.ending.forget(self.code)


def outcome_of(exception: BaseException | None) -> tuple[str, int | None, str | None]:
    """State, exit code and error text of a block that an exception left, or none did."""
    if exception is None:
        return "finished", None, None
    if isinstance(exception, KeyboardInterrupt):
        return "killed", _INTERRUPTED, "KeyboardInterrupt"
    if isinstance(exception, SystemExit):
        return _outcome_of_exit(exception.code)
    from autoresearch.track.tracebacks import render

    return "failed", 1, render(exception)


def _outcome_of_exit(code: Any) -> tuple[str, int | None, str | None]:
    if code is None or code == 0:
        return "finished", 0, None
    if isinstance(code, int):
        return "failed", code, None
    return "failed", 1, str(code)[:20_000]


class Ending:
    """Watches for the end of the process and tells it once.

    Args:
        tell: Gets state, exit code and error text.
    """

    def __init__(self, tell: Callable[[str, int | None, str | None], None]) -> None:
        self._tell = tell
        self._seen: tuple[str, int | None, str | None] | None = None
        self._before: dict[int, Any] = {}
        self._exit: Callable[..., NoReturn] | None = None
        self._process = os.getpid()
        self._told = threading.Event()

    def watch(self) -> None:
        """Begin to watch: ``atexit``, ``sys.exit``, uncaught exceptions, and signals that nobody else handles."""
        from autoresearch.track.tracebacks import install

        atexit.register(self._at_exit)
        install(self._uncaught)
        self._exit, sys.exit = sys.exit, self._exiting
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                if signal.getsignal(number) == signal.SIG_DFL:
                    self._before[number] = signal.signal(number, self._signalled)

    def unwatch(self) -> None:
        """Put everything back as it was, where nobody has changed it since."""
        from autoresearch.track.tracebacks import uninstall

        atexit.unregister(self._at_exit)
        uninstall()
        if self._exit is not None and sys.exit == self._exiting:
            sys.exit = self._exit
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._before.items():
                if signal.getsignal(number) == self._signalled:
                    signal.signal(number, handler)
        self._before = {}

    def _exiting(self, status: Any = None, /) -> NoReturn:
        leaving = _Exit(status)
        if threading.current_thread() is threading.main_thread():
            self._seen, leaving.ending = _outcome_of_exit(status), self
        try:
            raise leaving
        finally:
            del leaving  # or its traceback would hold it, and it this frame

    def forget(self, status: Any) -> None:
        """The exit with this status was caught, and the program goes on."""
        if self._seen == _outcome_of_exit(status):
            self._seen = None

    def _uncaught(self, kind: str, text: str, _exception: BaseException) -> None:
        if kind == "thread":
            return
        ended = ("killed", _INTERRUPTED) if kind == "interrupt" else ("failed", 1)
        self._seen = (*ended, text)

    def _at_exit(self) -> None:
        if os.getpid() != self._process:
            return
        seen = self._seen or ("finished", None, None)
        self._tell(*seen)
        if seen[1] == _INTERRUPTED:
            # Code that was run from text in the meantime, as a namedtuple is, made the interpreter forget that it ends by an
            # interrupt: without this its exit code would be 1, not that of Ctrl-C.
            try:  # noqa: SIM105  contextlib is not loaded yet
                exec("raise KeyboardInterrupt")  # noqa: S102  a constant
            except KeyboardInterrupt:
                pass

    def _signalled(self, number: int, _frame: FrameType | None) -> None:
        # The script may have been interrupted inside log(), which holds a lock: so another thread ends the run, and this
        # one goes on until that is done. Then the signal has the effect that it would have had without us.
        if self._told.is_set() or os.getpid() != self._process:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        if self._seen is None or self._seen[0] != "killed":
            self._seen = "killed", 128 + number, f"ended by {_SIGNALS[number]}"
            threading.Thread(target=self._end_by_signal, args=(number,), daemon=True).start()

    def _end_by_signal(self, number: int) -> None:
        try:
            self._tell(*(self._seen or ("killed", 128 + number, None)))
        finally:
            self._told.set()
            os.kill(os.getpid(), number)
