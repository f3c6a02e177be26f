"""The routes that the table of operations gives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from autoresearch.protocol.calls import arguments
from autoresearch.protocol.codecs import codec_of
from autoresearch.protocol.operations import OPERATIONS
from autoresearch.protocol.rows import Operation
from autoresearch.server.auth import caller_of, state_of
from autoresearch.server.bodies import read_body
from autoresearch.server.documented import Documented
from autoresearch.server.idempotency import once

__all__ = ["table_routes"]


def table_routes() -> Sequence[BaseRoute]:
    """A route for each row."""
    return [Documented(row, _endpoint(row)) for row in OPERATIONS.values() if row.part]


def _endpoint(row: Operation) -> Callable[[Request], Awaitable[Response]]:
    codec = codec_of(row.answer)

    async def endpoint(request: Request) -> Response:
        state = state_of(request)
        caller = await caller_of(request, row.scope)
        content = await read_body(request, state.limits.body)
        given = arguments(row, request.path_params, request.query_params.multi_items(), content)

        def work() -> bytes:
            part = getattr(state.ledger(caller), row.part)
            return codec.dump(getattr(part, row.call)(**given))

        async def answer() -> Response:
            body = await state.run(work)
            return Response(
                body, 200 if codec.model else 204, media_type="application/json" if codec.model else None
            )

        return await once(request, caller, content, answer)

    return endpoint
