"""Who calls: by the key in the header or by the session in a cookie, and whether it may do this."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request

from autoresearch.client.introducing import AGENT_HEADER
from autoresearch.errors import Forbidden, Invalid
from autoresearch.ledger.access.caller import unauthorized
from autoresearch.ledger.access.service import Caller
from autoresearch.protocol.rows import Scope
from autoresearch.records.experiment import Actor
from autoresearch.server import cookies
from autoresearch.server.state import State

__all__ = ["bearer", "caller_of", "ingesting", "state_of", "whoever"]

_LONGEST = 100
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def state_of(request: Request) -> State:
    """The state of the server that a request came to."""
    found = request.app.state.server
    assert isinstance(found, State)
    return found


def bearer(request: Request) -> str:
    """The token of the ``Authorization`` header.

    Raises:
        Unauthorized: There is none, or more than one.
    """
    sent = request.headers.getlist("authorization")
    kind, _, token = (sent[0] if len(sent) == 1 else "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise unauthorized()
    return token.strip()


async def whoever(request: Request) -> Caller:
    """The caller of a request, whatever it may do; an agent that acts with somebody's key says so in a header.

    That can only take away: nobody becomes a person by it.

    Raises:
        Unauthorized: No valid key or session came with it.
        Forbidden: It is a change that a page of somebody else sends.
        Invalid: The header names no agent.
    """
    caller = await _recognized(request)
    agent = request.headers.get(AGENT_HEADER)
    if agent is None:
        return caller
    name = f"{agent} for {caller.actor.name}" if caller.actor.name != agent else agent
    if not 0 < len(agent) <= _LONGEST or not agent.isprintable():
        raise Invalid(f"{AGENT_HEADER} names no agent.", hint=f"Give 1 to {_LONGEST} printable characters.")
    return replace(caller, actor=Actor(kind="agent", name=name.strip()[:1000]))


async def _recognized(request: Request) -> Caller:
    """The caller of a request by its key or session.

    A key in the header counts alone; only without that header a cookie is looked at. A change that comes with a cookie has to
    come from a page of this server, which shows that by the token it was given at the sign-in.

    Raises:
        Unauthorized: No valid key or session came with it.
        Forbidden: It is a change that a page of somebody else sends.
    """
    state = state_of(request)
    if "authorization" in request.headers:
        token = bearer(request)
        local = state.door.caller(token) if state.door is not None else None
        return local or await state.recognizer.caller(token)
    cookie = cookies.session_of(request)
    if cookie is None:
        raise unauthorized()
    caller = await state.run(state.access.caller_of_session, cookie)
    if request.method not in _SAFE:
        cookies.require_own_page(request, surely=True)
        if not state.access.csrf_matches(cookie, request.headers.get(cookies.CSRF_HEADER, "")):
            raise Forbidden(
                "The CSRF token is missing, or is not that of this session.",
                hint="Send the csrf_token of GET /v1/auth/session as X-CSRF-Token.",
            )
    return caller


async def caller_of(request: Request, scope: Scope | None) -> Caller:
    """The caller of a request, who may do what the scope stands for.

    Raises:
        Unauthorized: No valid key or session came with it.
        Forbidden: The key or the role may not do this.
    """
    assert scope is not None, "a public route does not ask who calls"
    caller = await whoever(request)
    if scope not in caller.scopes:
        raise Forbidden(
            f"This {'role' if caller.kind == 'session' else 'key'} has no {scope} scope.",
            hint=f"Use a key made with --scope {scope}, or ask an owner of the organization.",
            details={"needs": scope, "scopes": sorted(caller.scopes)},
        )
    return caller


async def ingesting(request: Request, run: str | None = None) -> Caller:
    """The caller of a request that appends to a run: a key that may write, or the run's own ingestion key.

    Args:
        request: The request.
        run: The run, once that is known; whoever does not know it yet calls ``require`` of the caller when it does.

    Raises:
        Unauthorized: No valid key came with it.
        Forbidden: The key may not write.
        NotFound: It is the ingestion key of another run.
    """
    caller = await whoever(request)
    caller.require("ingest", run=run)
    return caller
