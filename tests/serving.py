"""A server of a test's own: in process without a socket, or on a port of this machine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from anyio.from_thread import BlockingPortal, start_blocking_portal

from autoresearch.client.synchronous import Client
from autoresearch.errors import NotFound
from autoresearch.ledger.access.service import Access
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.access import KeyRequest, Scope
from autoresearch.server.app import make_app
from autoresearch.server.patience import impatient
from autoresearch.server.state import State

__all__ = ["ORIGIN", "InProcess", "Served", "in_process", "key_of", "listening", "on_a_port", "opened"]

ORIGIN = "http://server.test"
_SECONDS = 60.0


class InProcess(httpx.BaseTransport):
    """Hands the requests of a synchronous client to an application, without a socket."""

    def __init__(self, app: Any, portal: BlockingPortal) -> None:
        self._inner = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        self._portal = portal

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def call() -> tuple[int, httpx.Headers, bytes]:
            copy = httpx.Request(request.method, request.url, headers=request.headers, content=request.read())
            answer = await self._inner.handle_async_request(copy)
            # As it comes: the outer answer undoes what the headers say was done to it.
            return answer.status_code, answer.headers, b"".join([part async for part in answer.aiter_raw()])

        status, headers, body = self._portal.call(call)
        return httpx.Response(status, headers=headers, content=body)


class Served:
    """A server over an opened store.

    Attributes:
        state: What its routes share.
        key: A key of the organization ``local`` that may do everything.
        url: Its origin.
        transport: How to reach it, or None for the network.
        home: Folder of its store.
    """

    def __init__(
        self, state: State, key: str, url: str, transport: httpx.BaseTransport | None, home: Path
    ) -> None:
        self.home = home
        self.state = state
        self.key = key
        self.url = url
        self.transport = transport

    def client(self, key: str | None = None, **options: Any) -> Client:
        return Client(key or self.key, base_url=self.url, transport=self.transport, **options)

    def http(self, key: str | None = None) -> httpx.Client:
        """A plain client with a key, for requests that the typed one would not make; "" sends none."""
        headers = {} if key == "" else {"Authorization": f"Bearer {key or self.key}"}
        return httpx.Client(base_url=self.url, transport=self.transport, headers=headers, timeout=_SECONDS)


def key_of(access: Access, organization: str, scope: Scope = "admin") -> str:
    """A new key of an organization, which is made when it is not there."""
    try:
        operator = access.operator(organization)
    except NotFound:
        access.create_organization(organization)
        operator = access.operator(organization)
    return access.keys.create(operator, KeyRequest.make(name="ada", scope=scope)).key


@contextmanager
def opened(home: Path, *, database: str | None = None, **options: Any) -> Iterator[tuple[State, str]]:
    """The state of a server over a new embedded store or a database elsewhere, and a key that may do everything."""
    with LocalLedger.connect(database or home / "ledger.sqlite", home / "objects") as ledger:
        access = Access(ledger.database)
        state = State(database=ledger.database, objects=ledger.store, access=access, **options)
        yield state, key_of(state.access, "local")


@contextmanager
def in_process(home: Path, **options: Any) -> Iterator[Served]:
    """A server without a socket; options are those of its state."""
    with opened(home, **options) as (state, key), start_blocking_portal() as portal:
        app = make_app(state)
        with portal.wrap_async_context_manager(app.router.lifespan_context(app)):
            yield Served(state, key, ORIGIN, InProcess(app, portal), home)


@contextmanager
def listening(home: Path, *, patience: float = 30.0, **options: Any) -> Iterator[Served]:
    """A server on a port of this machine, on a thread of its own; options are those of its state."""
    with opened(home, **options) as (state, key), on_a_port(state, patience) as port:
        yield Served(state, key, f"http://127.0.0.1:{port}", None, home)


@contextmanager
def on_a_port(state: State, patience: float = 30.0) -> Iterator[int]:
    """A server over an opened store; gives the port of this machine on which it listens."""
    with socket.create_server(("127.0.0.1", 0)) as place:
        config = uvicorn.Config(
            make_app(state),
            http=impatient(patience),
            log_config=None,
            access_log=False,
            ws="none",
            lifespan="on",
        )
        server = uvicorn.Server(config)
        ready = threading.Event()
        begin = server.startup

        async def startup(sockets: Any = None) -> None:
            await begin(sockets=sockets)
            ready.set()

        server.startup = startup  # type: ignore[method-assign]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [place]}, daemon=True)
        thread.start()
        assert ready.wait(30)
        try:
            yield place.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(30)
