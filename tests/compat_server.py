"""The faces for other clients, served on loopback over a store of their own, for tests that drive the real clients."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from autoresearch.ledger.access.service import Access
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.server.state import State
from tests.serving import key_of, on_a_port


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
        access: Its people and keys.
        keys: ``own`` and ``reading`` are keys of it, ``stranger`` is one of another.
    """

    url: str
    port: int
    ledger: LocalLedger
    keys: Mapping[str, str]
    access: Access

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
    where = home / "ledger.sqlite" if database is None else database
    with LocalLedger.connect(where, home / "objects") as store:
        access = Access(store.database)
        state = State(database=store.database, objects=store.store, access=access)
        keys = {
            "own": key_of(access, "acme", "write"),
            "reading": key_of(access, "acme", "read"),
            "stranger": key_of(access, "others", "write"),
        }
        with on_a_port(state) as port:
            ledger = state.ledger(access.operator("acme"))
            yield Server(f"http://127.0.0.1:{port}", port, ledger, keys, access)
