"""A real server on a port, and this machine connected to it through a network that can be broken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.network import Network
from tests.serving import Served, listening


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    with listening(tmp_path / "server") as served:
        yield served


@pytest.fixture
def network(server: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Network]:
    """The network between this machine and the server; scripts, calls and commands go through it."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text("lr = 1\n")
    monkeypatch.chdir(tmp_path / "code")
    with Network(int(server.url.rpartition(":")[2])) as relay:
        monkeypatch.setenv("AUTORESEARCH_BASE_URL", relay.url)
        monkeypatch.setenv("AUTORESEARCH_API_KEY", server.key)
        monkeypatch.setenv("AUTORESEARCH_PROJECT", "p")
        yield relay
