"""Who calls: the key in the header, and whether its scope is enough."""

from __future__ import annotations

from starlette.requests import Request

from autoresearch.errors import Forbidden, Unauthorized
from autoresearch.ledger.access.service import Caller
from autoresearch.protocol.rows import Scope
from autoresearch.server.state import State

__all__ = ["bearer", "caller_of", "state_of"]


def state_of(request: Request) -> State:
    """The state of the server that a request came to."""
    found = request.app.state.server
    assert isinstance(found, State)
    return found


def bearer(request: Request) -> str:
    """The token of the ``Authorization`` header.

    Raises:
        Unauthorized: There is none.
    """
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise Unauthorized(
            "No valid key came with the request.",
            hint="Send it as `Authorization: Bearer <key>`; `autoresearch keys create` makes one.",
        )
    return token.strip()


async def caller_of(request: Request, scope: Scope | None) -> Caller:
    """The caller of a request.

    Raises:
        Unauthorized: No valid key came with it.
        Forbidden: Its key may not do this.
    """
    assert scope is not None, "a public route does not ask who calls"
    state = state_of(request)
    caller = await state.run(state.access.authenticate, bearer(request))
    if scope not in caller.scopes:
        raise Forbidden(
            f"This key has no {scope} scope.", hint=f"Use a key made with --scope {scope}, or ask an admin."
        )
    return caller
