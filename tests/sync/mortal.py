"""A server in a process of its own that is killed while it works, and started again."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

from autoresearch.ledger.local.ledger import LocalLedger
from tests.ports import Port
from tests.serving import opened

_ROOT = str(Path(__file__).resolve().parents[2])
_SERVER = """
import socket, sys
sys.path.insert(0, ROOT)
import uvicorn
from pathlib import Path
from autoresearch.ledger.access.service import Access
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.server.app import make_app
from autoresearch.server.state import State
with LocalLedger.open(Path(HOME)) as ledger:
    app = make_app(State(database=ledger.database, objects=ledger.store, access=Access(ledger.database)))
    async def told(scope, receive, send):
        if scope["type"] == "http":
            print(scope["method"], scope["path"], flush=True)
        await app(scope, receive, send)
    place = socket.create_server(("127.0.0.1", PORT))
    print("ready", flush=True)
    config = uvicorn.Config(told, log_config=None, access_log=False, ws="none", lifespan="on")
    uvicorn.Server(config).run(sockets=[place])
"""


class Mortal:
    """A server that dies in the middle of a request, again and again.

    Attributes:
        key: A key of it that may do everything.
        kills: How often it was killed.
        up: Set while it runs.
    """

    def __init__(self, home: Path, *, seed: int) -> None:
        self.home = home
        with opened(home) as (_, key):
            self.key = key
        self._port = Port()
        self.port = self._port.number
        self.kills = 0
        self.up = threading.Event()
        self._dice = random.Random(seed)
        self._lock = threading.Lock()
        self._spared = self._ending = False
        self._process = self._start()
        self._thread = threading.Thread(target=self._live, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self.up.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._ending = True
            self._process.kill()
        self._thread.join(60)
        self._port.give_back()

    def spare(self) -> None:
        """Let it live from now on; where it was killed just now, it is started once more."""
        self._spared = True
        assert self.up.wait(60)

    def ledger(self) -> LocalLedger:
        """What it has stored."""
        return LocalLedger.open(self.home)

    def _start(self) -> subprocess.Popen[str]:
        given = f"ROOT = {_ROOT!r}\nHOME = {str(self.home)!r}\nPORT = {self.port}\n"
        return subprocess.Popen([sys.executable, "-c", given + _SERVER], stdout=subprocess.PIPE, text=True)

    def _live(self) -> None:
        while True:
            left = self._dice.randrange(1, 25)
            assert self._process.stdout is not None
            for line in self._process.stdout:
                if line == "ready\n":
                    self.up.set()
                    continue
                left -= 1
                if left == 0 and not self._spared:
                    self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process.stdout.close()
            with self._lock:
                if self._ending:
                    return
                self.up.clear()
                if self._process.returncode != -signal.SIGKILL:
                    # It cannot be started: the test ends, and says that it is not up.
                    self.kills = sys.maxsize
                    return
                self.kills += 1
                self._process = self._start()
