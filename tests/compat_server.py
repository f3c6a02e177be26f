"""The faces for other clients, served on loopback over a store of their own, for tests that drive the real clients."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import anyio.to_thread
import httpx
import uvicorn

from autoresearch.ledger.access.service import Access, Caller
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.access import KeyRequest, Scope
from autoresearch.server.compat import goodseed, syvain, syvain_metrics
from autoresearch.server.compat.calls import Table
from autoresearch.server.compat.faces import Faces


class Host:
    """What the faces need of a server."""

    def __init__(self, home: Path, database: str | None) -> None:
        where = home / "ledger.sqlite" if database is None else database
        self._store = LocalLedger.connect(where, home / "objects")
        self.access = Access(self._store.database)

    def keys(self, organization: str, *scopes: Scope) -> list[str]:
        """An organization, and a key of it for each scope."""
        self.access.create_organization(organization)
        operator = self.access.operator(organization)
        return [
            self.access.keys.create(operator, KeyRequest.make(name=each, scope=each)).key for each in scopes
        ]

    def ledger(self, caller: Caller) -> LocalLedger:
        store = self._store
        return LocalLedger(store.database, store.store, organization=caller.organization, actor=caller.actor)

    async def run(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await anyio.to_thread.run_sync(work, *arguments)

    def close(self) -> None:
        self._store.close()


class Reply(NamedTuple):
    """What came back."""

    status: int
    body: Any
    headers: httpx.Headers


@dataclass
class Server:
    """A running server.

    Attributes:
        url: Its origin.
        port: Its port on loopback.
        ledger: The ledger of the organization ``acme``.
        keys: ``own`` and ``reading`` are keys of it, ``stranger`` is one of another.
    """

    url: str
    port: int
    ledger: LocalLedger
    keys: Mapping[str, str]

    @property
    def key(self) -> str:
        """A key that may write."""
        return self.keys["own"]

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = "own",
        raw: bytes | None = None,
        packed: bool = False,
        headers: Sequence[tuple[str, str]] = (),
    ) -> Reply:
        """One request, with a JSON body or raw bytes, gzipped when ``packed``; ``key`` is a name in ``keys`` or a token."""
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        named = [("content-type", "application/json"), *headers]
        if key is not None:
            named.append(("authorization", f"Bearer {self.keys.get(key, key)}"))
        if packed:
            content = gzip.compress(content)
            named.append(("content-encoding", "gzip"))
        with httpx.Client(trust_env=False, timeout=30) as client:
            answer = client.request(method, self.url + path, content=content, headers=named)
        said = answer.content
        is_json = said and "json" in answer.headers.get("content-type", "") and b"\n" not in said
        return Reply(answer.status_code, json.loads(said) if is_json else said, answer.headers)


@contextmanager
def serving(home: Path, database: str | None = None) -> Iterator[Server]:
    """A server over the store in a folder, with its rows in another database where one is named, while the block lasts."""
    host = Host(home, database)
    own, reading = host.keys("acme", "write", "read")
    (stranger,) = host.keys("others", "write")
    keys = {"own": own, "reading": reading, "stranger": stranger}
    app = Faces(host, Table((*goodseed.RULES, *syvain.RULES, *syvain_metrics.RULES)))
    config = uvicorn.Config(app, lifespan="off", log_level="warning", ws="none", timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    begun = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def work() -> None:
            begun.set()
            server.run(sockets=[listener])

        thread = threading.Thread(target=work)
        thread.start()
        begun.wait(30)
        try:
            # The socket listens already: the first request waits until the server takes it.
            ledger = host.ledger(host.access.operator("acme"))
            yield Server(f"http://127.0.0.1:{port}", port, ledger, keys)
        finally:
            server.should_exit = True
            thread.join(30)
            host.close()
