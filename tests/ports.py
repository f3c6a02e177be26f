"""Ports of this machine that belong to one test for as long as it lasts."""

from __future__ import annotations

import socket
import sys

__all__ = ["Port"]


class Port:
    """A free port of loopback, kept while nothing listens there: whoever asks the system for some port is given another.

    Whoever knows its number may listen there and end again, as often as it likes.

    Attributes:
        number: Which it is.
    """

    def __init__(self) -> None:
        self._held = socket.socket()
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held.bind(("127.0.0.1", 0))
        self.number: int = self._held.getsockname()[1]
        if not sys.platform.startswith("linux"):
            self.give_back()  # other systems let nobody listen beside a socket that is only bound

    def give_back(self) -> None:
        """Keep it no longer."""
        self._held.close()
