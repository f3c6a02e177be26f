"""What ended a run: tracebacks as bounded text, and hooks that see the ones that nobody caught."""

from __future__ import annotations

import sys
import threading

TYPE_CHECKING = False  # importing typing would cost more than this module
if TYPE_CHECKING:
    from collections.abc import Callable
    from traceback import TracebackException
    from types import TracebackType

    Callback = Callable[[str, str, BaseException], None]

__all__ = ["install", "kind_of", "render", "uninstall"]

_MOST_FRAMES = 100
_MOST_BYTES = 20_000
_LONGEST_PART = 4_000  # bytes of one frame or one message
_LONGEST_CHAIN = 10  # exceptions that led to one another

_installed: _Hooks | None = None


def render(exception: BaseException) -> str:
    """The traceback as Python prints it, without the values of variables, in at most 20 kB of text.

    The last 100 frames of each exception are kept, the last ten exceptions of a chain, and 4 kB of a
    message; when that is too long still, the end is kept. It never fails, whatever the exception does when it is asked.
    """
    try:
        import traceback

        whole = traceback.TracebackException(
            type(exception),
            exception,
            exception.__traceback__,
            limit=-_MOST_FRAMES,
            lookup_lines=False,
            compact=True,
        )
        _cut_chain(whole)
        text = b"".join(map(_shortened, whole.format()))
    except Exception:  # noqa: BLE001 (boundary: code of the exception's own class runs here)
        text = _shortened(f"{type(exception).__name__}: its traceback could not be shown\n")
    return _end(text)


def kind_of(exception: BaseException) -> str:
    """``interrupt`` for KeyboardInterrupt, ``exit`` for SystemExit, ``exception`` for everything else."""
    if isinstance(exception, KeyboardInterrupt):
        return "interrupt"
    return "exit" if isinstance(exception, SystemExit) else "exception"


def install(callback: Callback) -> None:
    """Call back for exceptions that nobody catches, and then report them as before.

    Args:
        callback: Called with a kind, the rendered traceback and the exception. The kind is that of :func:`kind_of` for an
            exception that ends the program, and ``thread`` for one that ended a thread, while the program goes on.
            What the callback raises goes no further, and the hook that was there is called in any case.

    A second call replaces the callback. Python itself handles SystemExit of the main thread before any hook.
    """
    global _installed  # noqa: PLW0603 (the hooks are global to the process)
    uninstall()
    _installed = _Hooks(callback)


def uninstall() -> None:
    """Put back the hooks that were there; where somebody put others on top, ours stay below and only pass on."""
    global _installed  # noqa: PLW0603 (as above)
    if _installed is not None:
        _installed.remove()
        _installed = None


class _Hooks:
    def __init__(self, callback: Callback) -> None:
        self._callback: Callback | None = callback
        self._before = sys.excepthook
        self._before_in_threads = threading.excepthook
        self._main, self._threads = self._on_exception, self._on_thread  # bound once: compared by identity
        sys.excepthook = self._main
        threading.excepthook = self._threads

    def remove(self) -> None:
        self._callback = None
        if sys.excepthook is self._main:
            sys.excepthook = self._before
        if threading.excepthook is self._threads:
            threading.excepthook = self._before_in_threads

    def _on_exception(
        self, kind: type[BaseException], exception: BaseException, trace: TracebackType | None
    ) -> None:
        try:
            self._report(kind_of(exception), exception)
        finally:
            self._before(kind, exception, trace)

    def _on_thread(self, arguments: threading.ExceptHookArgs) -> None:
        try:
            exception = arguments.exc_value
            if exception is not None and not isinstance(exception, SystemExit):
                self._report("thread", exception)
        finally:
            self._before_in_threads(arguments)

    def _report(self, kind: str, exception: BaseException) -> None:
        if self._callback is None:
            return
        try:
            self._callback(kind, render(exception), exception)
        except Exception:  # noqa: BLE001 (boundary: the report that follows matters more)
            return


def _cut_chain(whole: TracebackException) -> None:
    """Leave out what lies further back than the last few exceptions of a chain."""
    one: TracebackException | None = whole
    for _ in range(_LONGEST_CHAIN - 1):
        if one is None:
            return
        one = one.__cause__ or one.__context__
    if one is not None:
        one.__cause__ = one.__context__ = None


def _shortened(part: str) -> bytes:
    text = part.encode("utf-8", "backslashreplace")
    if len(text) <= _LONGEST_PART:
        return text
    kept = text[:_LONGEST_PART].decode("utf-8", "ignore")
    return f"{kept}… (+{len(text) - _LONGEST_PART} bytes)\n".encode()


def _end(text: bytes) -> str:
    if len(text) <= _MOST_BYTES:
        return text.decode("utf-8")
    mark = "… (what came before is left out)\n"
    kept = text[-(_MOST_BYTES - len(mark.encode())) :]
    _, _, whole_lines = kept.partition(b"\n")
    return mark + (whole_lines or kept).decode("utf-8", "ignore")
