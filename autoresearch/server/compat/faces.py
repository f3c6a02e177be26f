"""The faces as one ASGI application, to be mounted at the root: it answers everything below ``/api/v1``.

Whatever happens is answered in one body that both clients read as an error: ``error.message`` and ``error.details`` for one,
``error_code``, ``title`` and ``detail`` for the other.
"""

from __future__ import annotations

import json
import logging
import re
import zlib
from collections.abc import Callable
from typing import Any, Protocol

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from autoresearch.errors import (
    AutoresearchError,
    Busy,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    SlowDown,
    StoreError,
    StoreFull,
    TooLarge,
    Unauthorized,
    Unavailable,
)
from autoresearch.ledger.access.caller import Caller
from autoresearch.ledger.access.service import Access
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.server.compat.calls import Answer, Call, Rule, Table

__all__ = ["Faces", "Host", "refused"]

_log = logging.getLogger("autoresearch.server")
_ROOT = re.compile(rb"/+api/v1/+")
_STATUS: tuple[tuple[type[AutoresearchError], int], ...] = (
    (TooLarge, 413),
    (Invalid, 422),
    (NotFound, 404),
    (Busy, 503),  # a client that is told 409 does not try again
    (Conflict, 409),
    (Unauthorized, 401),
    (Forbidden, 403),
    (SlowDown, 429),
    (Unavailable, 503),
    (StoreFull, 507),
    (StoreError, 503),
)


class Host(Protocol):
    """What the faces need of the server."""

    @property
    def access(self) -> Access:
        """Knows who calls."""

    def ledger(self, caller: Caller) -> LocalLedger:
        """The ledger of a caller's organization."""

    async def run(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Do blocking work on a thread."""


class Faces:
    """The application.

    Args:
        host: The server.
        table: What can be asked.
    """

    def __init__(self, host: Host, table: Table) -> None:
        self._host = host
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
        caller = await self._host.run(self._host.access.authenticate, _token(request))
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
        _let_in(caller, rule, found.names.get("id"))
        call = await self._call(request, caller, rule, found.names)
        return await self._perform(rule, call)

    async def _call(self, request: Request, caller: Caller, rule: Rule, names: Any) -> Call:
        return Call(
            caller=caller,
            ledger=self._host.ledger(caller),
            names=names,
            query=request.query_params.multi_items(),
            headers=request.headers,
            body=await _body(request, rule.limit),
            origin=f"{request.url.scheme}://{request.url.netloc}",
            host=self._host,
        )

    async def _perform(self, rule: Rule, call: Call) -> Response:
        answer: Answer = await self._host.run(rule.handler, call)
        return _response(answer, data=rule.data)


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
    known = (found for kind, found in _STATUS if isinstance(error, kind))
    status = status or error.details.get("status") or next(known, 500)
    code = str(error.details.get("error_code") or "".join(map(str.title, error.code.split("_"))))
    reason = str(error.details.get("reason") or error.code)
    said = "; ".join([f"code={reason}", *_hint(error)])
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


def _token(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise Unauthorized(
            "No valid key came with the request.", hint="Give the client a key of `autoresearch keys create`."
        )
    return token.strip()


async def _body(request: Request, limit: int) -> bytes:
    """The body, unpacked."""
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding not in {"identity", "gzip", ""}:
        raise Invalid(f"The body is packed as {coding[:40]!r}.", hint="Send it plain or as gzip.")
    unpack = _unpacking(limit) if coding == "gzip" else None
    parts, size = [], 0
    try:
        async for part in request.stream():
            plain = unpack(part) if unpack else part
            size += len(plain)
            if size > limit:
                raise TooLarge(f"The body is larger than {limit:,} bytes.", hint="Send it in parts.")
            parts.append(plain)
    except ClientDisconnect:
        raise Invalid("The body ended before its end.", hint="Send the request again.") from None
    except zlib.error:
        raise Invalid("The body is not gzip.", hint="Send the request again.") from None
    return b"".join(parts)


def _unpacking(limit: int) -> Callable[[bytes], bytes]:
    """Unpacks part by part, never more than just beyond the limit at once."""
    unpacker = zlib.decompressobj(wbits=31)
    return lambda part: unpacker.decompress(part, limit + 1)
