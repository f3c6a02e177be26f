"""A server in a process of its own, which a test may kill and start again at the same place."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

import httpx

from tests.ports import Port

SERVER = """
import sys
from pathlib import Path
from autoresearch.ledger.access.service import Access
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.server.serving import listen, serve
from autoresearch.server.state import State
from tests.serving import key_of
with LocalLedger.open(Path(sys.argv[1])) as ledger:
    access = Access(ledger.database)
    key = sys.argv[3] or key_of(access, "local")
    place = listen("127.0.0.1", int(sys.argv[2]))
    state = State(database=ledger.database, objects=ledger.store, access=access)
    sys.exit(serve(state, place, ready=lambda: print(key, flush=True)))
"""


class ServerProcess:
    """Serves a home folder; the port and the key stay the same over every start.

    Attributes:
        url: Its origin.
        key: A key that may do everything.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.key = ""
        self._port = Port()
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._port.give_back()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port.number}"

    def http(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.key}"}, timeout=30)

    def start(self) -> None:
        """Start it, and wait until it takes requests."""
        command = [sys.executable, "-c", SERVER, str(self.home), str(self._port.number), self.key]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout is not None
        self.key = self._process.stdout.readline().strip()

    def kill(self) -> None:
        """End it between any two instructions."""
        self.end(signal.SIGKILL)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send it a signal, and wait until it is gone; answers its exit code."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(how)
        process.communicate(timeout=120)
        return process.returncode
