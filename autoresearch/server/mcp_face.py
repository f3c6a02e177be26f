"""``/mcp``: the tools of coding agents, for callers with a key; each works on its own organization.

The protocol without sessions: any process of the server answers any request. There is no working tree here, so that tools
that need one are not offered.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio
from anyio.abc import TaskGroup, TaskStatus
from starlette.requests import Request
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Message, Receive, Scope, Send

from autoresearch.errors import AutoresearchError, Forbidden, Invalid
from autoresearch.ledger.access.caller import Caller, unauthorized
from autoresearch.records.experiment import Actor
from autoresearch.server.answers import as_callers_see, refused
from autoresearch.server.auth import whoever
from autoresearch.server.bodies import read_body
from autoresearch.server.state import State

if TYPE_CHECKING:
    from autoresearch.mcp_server.calling import Ctx
    from autoresearch.mcp_server.target import Backend

__all__ = ["McpFace"]

_BODY = 4 * 1024 * 1024
_CALLER = "autoresearch.caller"


class McpFace:
    """The endpoint. What answers is made at the first request: most processes of a server never get one.

    Args:
        state: The server.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._tasks: TaskGroup | None = None
        self._managers: dict[bool, Any] = {}
        self._making = anyio.Lock()

    def routes(self) -> list[BaseRoute]:
        """The route of this endpoint."""
        return [_Whole("/mcp", endpoint=self, name="mcp")]

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """What runs beside the requests, from the first to the last of them."""
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            try:
                yield
            finally:
                tasks.cancel_scope.cancel()
                self._tasks = None
                self._managers.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request of a client."""
        request = Request(scope, receive)
        try:
            caller = await _caller(request)
            body = await read_body(request, min(_BODY, self._state.limits.body), held=None)
            manager = await self._manager("write" in caller.scopes)
        except AutoresearchError as error:
            await refused(as_callers_see(error))(scope, receive, send)
            return
        kept = [pair for pair in scope["headers"] if pair[0] not in {b"content-encoding", b"content-length"}]
        length = (b"content-length", str(len(body)).encode())
        inner = {**scope, "headers": [*kept, length], _CALLER: caller}
        await manager.handle_request(inner, _again(body, receive), send)

    async def _manager(self, writing: bool) -> Any:  # noqa: FBT001  the key of what is kept
        async with self._making:
            if writing not in self._managers:
                assert self._tasks is not None
                self._managers[writing] = await self._tasks.start(self._run, writing)
            return self._managers[writing]

    async def _run(self, writing: bool, *, task_status: TaskStatus[Any]) -> None:  # noqa: FBT001  as above
        from mcp.server.transport_security import TransportSecuritySettings

        from autoresearch.mcp_server.making import make_server

        server = make_server(self._backend, folder=False, writing=writing, run=self._state.run)
        # A page that rebinds a name has no key, and a key in the header is all that counts here.
        open_to_names = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        server.streamable_http_app(
            stateless_http=True,
            json_response=True,
            transport_security=open_to_names,
            max_request_body_size=_BODY,
        )
        async with server.session_manager.run():
            task_status.started(server.session_manager)
            await anyio.sleep_forever()

    def _backend(self, ctx: Ctx) -> Backend:
        from autoresearch.mcp_server.target import LedgerBackend

        request: Any = ctx.request_context.request
        caller: Caller = request.scope[_CALLER]
        return LedgerBackend(
            self._state.ledger(caller),
            reading="read" in caller.scopes,
            writing="write" in caller.scopes,
            shown=as_callers_see,
        )


async def _caller(request: Request) -> Caller:
    """Who calls, by a key in the header alone: nothing that a browser sends by itself counts.

    Raises:
        Unauthorized: There is no valid key.
        Forbidden: It comes from a page of another origin, or the key reads nothing.
        Invalid: It is no POST.
    """
    if "authorization" not in request.headers:
        raise unauthorized()
    caller = await whoever(request)
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise Forbidden(
            "The request comes from a page of another origin.", hint="Use a client that is no page."
        )
    if request.method != "POST":
        raise Invalid(
            "Only POST is taken here: the protocol is spoken without sessions.", hint="POST a request."
        )
    if not caller.scopes & {"read", "write"}:
        raise Forbidden("This key reads nothing.", hint="Use a key made with --scope read or write.")
    # Whatever the key is called: what calls a tool is a program that acts for somebody.
    actor = caller.actor
    return caller if actor.kind == "agent" else replace(caller, actor=Actor(kind="agent", name=actor.name))


def _again(body: bytes, receive: Receive) -> Receive:
    """Give a body that was read once more, then whatever the connection says."""
    given = False

    async def receiving() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receiving


class _Whole(Route):
    """A route of every method, which the guard finds in the scope."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches(scope)
        return match, {**child, "route": self}
