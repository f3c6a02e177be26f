"""``autoresearch serve`` as a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from autoresearch.client.synchronous import Client

__all__ = ["Process", "command", "serving"]


def command(home: Path, *words: str, given: str = "", **environment: str) -> Any:
    """What a command of ours answers as JSON."""
    ran = subprocess.run(
        [sys.executable, "-m", "autoresearch", "--home", str(home), "--json", *words],
        input=given,
        capture_output=True,
        text=True,
        env=os.environ | environment,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


class Process:
    """A server that was started, and can be killed and started again on the same port.

    Attributes:
        home: Folder of its store.
        port: Where it listens.
        said: What it wrote to standard error so far.
    """

    def __init__(self, home: Path, *options: str, **environment: str) -> None:
        self.home = home
        self.port = 0
        self.said = ""
        self._options = options
        self._environment = os.environ | environment
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def process(self) -> subprocess.Popen[str]:
        assert self._process is not None
        return self._process

    def start(self) -> None:
        """Start it, and wait until it takes requests."""
        words = ["--home", str(self.home), "serve", "--port", str(self.port), *self._options]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "autoresearch", *words],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            env=self._environment,
        )
        ready = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(self._process, ready), daemon=True)
        self._reader.start()
        assert ready.wait(120), self.said
        assert self.port, self.said

    def _read(self, process: subprocess.Popen[str], ready: threading.Event) -> None:
        assert process.stderr is not None
        with process.stderr as lines:
            for line in lines:
                self.said += line
                found = re.search(r"at http://127\.0\.0\.1:(\d+)", line)
                if found:
                    self.port = int(found[1])
                    ready.set()
        ready.set()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it with a signal, and wait until it is gone; answers its exit code."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Wait until it is gone; answers its exit code."""
        code = self.process.wait(60)
        if self._reader is not None:
            self._reader.join(60)
        return code

    def kill(self) -> None:
        """End it at once."""
        self.stop(signal.SIGKILL)

    def key(self, organization: str = "lab", scope: str = "admin") -> str:
        """A new key of an organization, which is made, with its owner, when it is not there."""
        people = command(self.home, "admin", "users", **self._environment)
        if not any(organization in json.dumps(one) for one in [people]):
            words = ("admin", "create-user", "--email", f"ada@{organization}.example", "--password-stdin")
            command(
                self.home,
                *words,
                "--organization",
                organization,
                given="violet otter plays chess\n",
                **self._environment,
            )
        made = command(
            self.home,
            "keys",
            "create",
            "--organization",
            organization,
            "--name",
            "ada",
            "--scope",
            scope,
            **self._environment,
        )
        return str(made["key"])

    def client(self, key: str, **options: Any) -> Client:
        return Client(key, base_url=self.url, **options)


@contextmanager
def serving(home: Path, *options: str, **environment: str) -> Iterator[Process]:
    """A server process within the block."""
    made = Process(home, *options, **environment)
    made.start()
    try:
        yield made
    finally:
        made.process.kill()
        made.ended()
