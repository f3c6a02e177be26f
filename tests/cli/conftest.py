"""A repository with a training script, and the command line run in this process or in one of its own."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from autoresearch.cli import main

TRAIN = 'LR = 1\nprint("loss:", 2.5 + LR / 10)\nprint("memory_gb:", 11)\n'


@dataclass(frozen=True)
class Said:
    """What one command line answered."""

    code: int
    raw: bytes
    err: str

    @property
    def out(self) -> str:
        return self.raw.decode()

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        return json.loads(self.err)["error"]


class _Stream(io.TextIOWrapper):
    """A standard stream that may pass for a terminal."""

    def __init__(self, data: bytes = b"", *, terminal: bool = False) -> None:
        self.bytes = io.BytesIO(data)
        super().__init__(self.bytes, encoding="utf-8", write_through=True)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


Cli = Callable[..., Said]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Run one command line in this process; ``terminal`` makes all streams look like one."""

    def run(*words: str, stdin: bytes = b"", terminal: bool = False) -> Said:
        out, err = _Stream(terminal=terminal), _Stream(terminal=terminal)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            patch.setattr(sys, "stdin", _Stream(stdin, terminal=terminal))
            code = main(words)
        return Said(code, out.bytes.getvalue(), err.bytes.getvalue().decode())

    return run


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a repository ``tiny`` and, in ``home``, its ledger: what ``campaign`` copies.

    It has a goal and three judged experiments: kept, dropped, crashed.
    """
    folder = tmp_path_factory.mktemp("template")
    tiny = folder / "tiny"
    tiny.mkdir()
    (tiny / "train.py").write_text(TRAIN)
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", *words], cwd=tiny, check=True)
    shutil.copytree(tiny, folder / "plain" / "tiny")
    train = f"{sys.executable} train.py"
    place = ["-q", "-C", str(tiny), "--home", str(folder / "home")]
    for words in (
        ["goal", "loss", "--min", "--target", "2.0"],
        ["experiment", "--note", "baseline", "--command", train],
        ["decide", "1", "keep", "--score", "2.6", "--metrics", "memory_gb=11"],
    ):
        assert main([*place, *words]) == 0
    (tiny / "train.py").write_text(TRAIN.replace("LR = 1", "LR = 2"))
    for words in (
        ["experiment", "--note", "twice the rate", "--config", "lr=2", "--command", train],
        ["decide", "2", "drop", "--score", "2.7", "--reason", "0.1 worse"],
        ["experiment", "--note", "no rate at all", "--no-snapshot"],
        ["decide", "3", "crash", "--reason", "divided by zero"],
    ):
        assert main([*place, *words]) == 0
    return folder


@pytest.fixture
def repository(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of the test: a git repository with one commit, and an empty home."""
    shutil.copytree(template / "plain" / "tiny", tmp_path / "tiny")
    monkeypatch.chdir(tmp_path / "tiny")
    return tmp_path / "tiny"


@pytest.fixture
def campaign(template: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of the test: a repository with a goal and three experiments: kept, dropped, crashed."""
    shutil.copytree(template / "tiny", tmp_path / "tiny")
    shutil.copytree(template / "home", home / ".autoresearch")
    monkeypatch.chdir(tmp_path / "tiny")
    return tmp_path / "tiny"


@pytest.fixture
def program() -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Run the program as a process of its own."""

    def run(*words: str, **settings: Any) -> subprocess.CompletedProcess[bytes]:
        extra = settings.pop("env", {})
        return subprocess.run(
            [sys.executable, "-m", "autoresearch", *words],
            capture_output=True,
            check=False,
            env={**os.environ, **extra},
            timeout=120,
            **settings,
        )

    return run
