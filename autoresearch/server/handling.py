"""What routes by hand have in common: who calls, the body as a model, the answer as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from autoresearch.ledger.access.service import Caller
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.protocol.calls import parse_json, query_of, read_body
from autoresearch.protocol.codecs import codec_of
from autoresearch.server import bodies
from autoresearch.server.auth import caller_of, state_of
from autoresearch.server.documented import row_of
from autoresearch.server.idempotency import once

__all__ = ["answer_json", "asked", "posted"]

_Model = TypeVar("_Model", bound=BaseModel)


def answer_json(answer: Any, kind: Any, status: int = 200) -> Response:
    """An answer in the form that its type has on the wire."""
    return Response(codec_of(kind).dump(answer), status, media_type="application/json")


async def asked(
    request: Request, work: Callable[[LocalLedger, Mapping[str, Any]], Any], *, kind: Any = None
) -> Any:
    """Answer a request that changes nothing.

    Args:
        request: The request, of a :class:`Documented` route.
        work: Gets the caller's ledger and what the path and the query say.
        kind: Type of the answer; None to get the answer itself.
    """
    state, row = state_of(request), row_of(request)
    caller = await caller_of(request, row.scope)
    given = {**request.path_params, **query_of(row.query, request.query_params.multi_items())}
    answer = await state.run(lambda: work(state.ledger(caller), given))
    return answer if kind is None else answer_json(answer, kind)


async def posted(
    request: Request,
    model: type[_Model],
    work: Callable[[LocalLedger, _Model, Caller], Any],
    *,
    kind: Any,
    fills: Mapping[str, str] | None = None,
) -> Response:
    """Answer a request with a JSON body, once for each ``Idempotency-Key``.

    Args:
        request: The request, of a :class:`Documented` route.
        model: Of its body.
        work: Gets the caller's ledger, the body, and the caller.
        kind: Type of the answer.
        fills: Fields of the body that the path gives.
    """
    state, row = state_of(request), row_of(request)
    caller = await caller_of(request, row.scope)
    query_of(row.query, request.query_params.multi_items())
    content = await bodies.read_body(request, state.limits.body)
    body = read_body(model, parse_json(content), fills)
    assert isinstance(body, model)

    async def answer() -> Response:
        return answer_json(await state.run(lambda: work(state.ledger(caller), body, caller)), kind)

    return await once(request, caller, content, answer)
