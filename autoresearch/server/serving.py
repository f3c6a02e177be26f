"""``autoresearch serve``: the application on a socket, until it is told to stop."""

from __future__ import annotations

import contextlib
import gc
import signal
import socket
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import uvicorn

from autoresearch.errors import Invalid
from autoresearch.server.app import make_app
from autoresearch.server.logs import begin_logging
from autoresearch.server.patience import impatient
from autoresearch.server.state import State

__all__ = ["listen", "serve"]

_LINGER = 30
_HEADERS_WITHIN = 30.0


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one.

    Raises:
        Invalid: There is no such address, or something listens there already.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, socket.SOCK_STREAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
    except OSError as error:
        raise Invalid(
            f"The server cannot listen on {host}:{port}: {error.strerror or error}.",
            hint="Give another --host or --port; something else may listen there.",
        ) from None
    made.set_inheritable(True)
    return made


class _Server(uvicorn.Server):
    """Tells the state when it is to stop, so that streams end and work in flight is finished."""

    def __init__(self, config: uvicorn.Config, state: State, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._state = state
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            # What was made so far lives as long as the process: the collector need not look at it again and again.
            gc.collect()
            gc.freeze()
            self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's own, but for the end: a server that was told to stop and did has not failed."""
        before = {
            number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._state.stop()
        super().handle_exit(sig, frame)


def serve(
    state: State, listening: socket.socket, *, ready: Callable[[], None] = lambda: None, **options: Any
) -> int:
    """Serve until SIGTERM or SIGINT; requests in flight are finished first, for at most 30 seconds.

    Args:
        state: The opened store.
        listening: From :func:`listen`.
        ready: Called when requests are taken.
        options: Further settings of uvicorn, such as ``forwarded_allow_ips``.

    Returns:
        The exit code.
    """
    begin_logging()
    config = uvicorn.Config(
        make_app(state),
        loop="uvloop",
        http=impatient(_HEADERS_WITHIN),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        timeout_graceful_shutdown=_LINGER,
        timeout_keep_alive=75,
        h11_max_incomplete_event_size=64 * 1024,
        **options,
    )
    server = _Server(config, state, ready)
    server.run(sockets=[listening])
    return 0 if server.started else 1
