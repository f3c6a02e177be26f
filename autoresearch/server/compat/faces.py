"""The faces as one ASGI application, to be mounted at the root: it answers everything below ``/api/v1``.

Whatever happens is answered in one body that both clients read as an error: ``error.message`` and ``error.details`` for one,
``error_code``, ``title`` and ``detail`` for the other.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Mount
from starlette.types import Receive, Scope, Send

from autoresearch.errors import AutoresearchError, Busy, Forbidden, Invalid, NotFound, SlowDown, Unauthorized
from autoresearch.ledger.access.caller import Caller
from autoresearch.ledger.local.replies import IN_PROGRESS
from autoresearch.protocol.statuses import status_of
from autoresearch.server.auth import bearer, state_of
from autoresearch.server.bodies import Held, read_body
from autoresearch.server.compat import goodseed, syvain, syvain_metrics
from autoresearch.server.compat.calls import Answer, Call, Rule, Table
from autoresearch.server.idempotency import once

__all__ = ["Faces", "refused", "routes"]

_log = logging.getLogger("autoresearch.server")
_ROOT = re.compile(rb"/+api/v1/+")


def routes() -> Sequence[BaseRoute]:
    """The faces at their places: a client whose base ends with a slash asks below ``//api/v1``."""
    table = Table((*goodseed.RULES, *syvain.RULES, *syvain_metrics.RULES))
    return [Mount(place, Faces(table)) for place in ("/api/v1", "//api/v1")]


class Faces:
    """The application.

    Args:
        table: What can be asked.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except AutoresearchError as error:
            response = refused(error)
        except Exception:  # noqa: BLE001  a client meets an answer, whatever happens
            _log.exception("%s below /api/v1 failed", request.method)
            response = refused(
                AutoresearchError(
                    "The server met an error that nobody thought of.",
                    hint="Call again; if it stays so, its log has the traceback.",
                )
            )
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        state = state_of(request)
        caller = await state.run(state.access.authenticate, bearer(request))
        raw = request.scope.get("raw_path") or request.scope["path"].encode()
        start = _ROOT.search(raw)
        found = self._table.find(raw[start.end() :]) if start else None
        if found is None:
            raise NotFound(
                "There is nothing at this path.", hint="Look at the address that the client is given."
            )
        rule = found.rules.get("GET" if request.method == "HEAD" else request.method)
        if rule is None:
            allowed = ", ".join(sorted(found.rules))
            answer = refused(
                Invalid("This path does not take this method.", hint=f"It takes {allowed}."), 405
            )
            answer.headers["Allow"] = allowed
            return answer
        request.scope["route"] = rule  # what is counted and logged in place of the path
        _let_in(caller, rule, found.names.get("id"))
        with state.budget.held() as held:
            call = await _call(request, caller, rule, found.names, held)

            async def perform() -> Response:
                return _response(await state.run(rule.handler, call), data=rule.data)

            if not rule.once:
                return await perform()
            return await once(request, caller, call.body, perform, refuse=refused)


async def _call(request: Request, caller: Caller, rule: Rule, names: Mapping[str, str], held: Held) -> Call:
    state = state_of(request)
    return Call(
        caller=caller,
        ledger=state.ledger(caller),
        names=names,
        query=request.query_params.multi_items(),
        headers=request.headers,
        body=await read_body(request, rule.limit, held=held, patience=state.limits.patience),
        origin=f"{request.url.scheme}://{request.url.netloc}",
        access=state.access,
    )


def _let_in(caller: Caller, rule: Rule, run_id: str | None) -> None:
    if rule.right is None:
        return
    # Its client makes a new key after 401 and 403 alone; whether the run is there is not told either way.
    if caller.kind == "ingestion_key" and rule.right == "ingest" and run_id != caller.run_id:
        raise Forbidden(
            "This ingestion key is for another experiment.",
            hint="Make one for this experiment with an API key.",
        )
    caller.require(rule.right, run=run_id)


def refused(error: AutoresearchError, status: int | None = None) -> Response:
    """The answer that an error is, readable for both clients."""
    busy = error.details.get("reason") == IN_PROGRESS
    # A client that is told 409 without that reason does not try again.
    known = 503 if isinstance(error, Busy) and not busy else error.details.get("status") or status_of(error)
    status = status or known
    code = str(error.details.get("error_code") or "".join(map(str.title, error.code.split("_"))))
    reason = str(error.details.get("reason") or error.code)
    wait = ["retry_after_ms=500"] if busy else []
    said = "; ".join([f"code={reason}", *wait, *_hint(error)])
    body = {
        "error": {"message": error.message, "details": said},
        "error_code": code,
        "title": error.message,
        "detail": error.hint,
    }
    headers = {}
    if isinstance(error, SlowDown):
        headers["Retry-After"] = str(max(1, round(float(error.details.get("retry_after", 1)))))
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    return Response(json.dumps(body), status, headers, "application/json")


def _hint(error: AutoresearchError) -> list[str]:
    """The hint in the grammar ``key=value; key=value``, in which no value has a semicolon."""
    return [f"hint={error.hint.replace(';', ',')}"] if error.hint else []


def _response(answer: Answer, *, data: bool) -> Response:
    if answer.lines is not None:
        return StreamingResponse(answer.lines, answer.status, media_type=answer.media_type)
    if answer.content is None and not data:
        return Response(status_code=answer.status)
    content = {"data": answer.content, "error": None} if data else answer.content
    return Response(json.dumps(content, allow_nan=False), answer.status, media_type=answer.media_type)
