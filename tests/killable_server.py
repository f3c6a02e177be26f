"""A server in a process of its own, which can be killed and started again at the same port."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

from autoresearch.ledger.access.service import Access
from autoresearch.ledger.local.ledger import LocalLedger
from tests.ports import Port
from tests.serving import key_of

__all__ = ["ServerProcess"]

_CODE = """
import resource, signal, sys
if limit := int(sys.argv.pop(1)):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
from pathlib import Path
from autoresearch.server.opening import opened
from autoresearch.server.serving import listen, serve
with listen("127.0.0.1", int(sys.argv[1])) as place, opened(Path(sys.argv[2])) as state:
    sys.exit(serve(state, place, ready=lambda: print("ready", file=sys.stderr, flush=True)))
"""


class ServerProcess:
    """What ``autoresearch serve`` does, over a home.

    Args:
        home: Folder of its store.
        file_size: Bytes that a file may have at most; None for no limit.
        environment: Further variables.

    Attributes:
        key: A key of the organization ``local`` that may do everything.
        port: Where it listens on loopback, now and after a restart.
        kills: How often it was killed.
        said: The lines of its log.
    """

    def __init__(self, home: Path, *, file_size: int | None = None, **environment: str) -> None:
        self._home = home
        self._environment = environment
        self._file_size = file_size
        self._process: subprocess.Popen[str] | None = None
        self.kills = 0
        self.said: list[str] = []
        with LocalLedger.open(home) as ledger:
            self.key = key_of(Access(ledger.database), "local")
        self._port = Port()
        self.port = self._port.number

    @property
    def url(self) -> str:
        """Its origin."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Of its process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and wait until it takes requests."""
        command = [sys.executable, "-c", _CODE, str(self._file_size or 0)]
        self._process = process = subprocess.Popen(
            [*command, str(self.port), str(self._home)],
            env={**os.environ, **self._environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        ready = threading.Event()
        threading.Thread(target=self._listen, args=(process, ready), daemon=True).start()
        assert ready.wait(60)
        assert process.poll() is None, f"the server did not start: {''.join(self.said)}"

    def _listen(self, process: subprocess.Popen[str], ready: threading.Event) -> None:
        assert process.stderr is not None
        with process.stderr as said:
            for line in said:
                self.said.append(line)
                if line == "ready\n":
                    ready.set()
        process.wait()
        ready.set()

    def kill(self) -> None:
        """End it as a power failure of the process would: at once, in the middle of whatever it does."""
        process, self._process = self._process, None
        assert process is not None
        process.kill()
        process.wait(60)
        self.kills += 1

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
        self._port.give_back()
