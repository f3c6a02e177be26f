"""Blobs by digest."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from autoresearch.errors import Invalid
from autoresearch.protocol.calls import query_of
from autoresearch.protocol.forms import BlobOut, DigestsOut, DigestsPost
from autoresearch.server.auth import caller_of, state_of
from autoresearch.server.bodies import read_body
from autoresearch.server.documented import by_hand, row_of
from autoresearch.server.handling import answer_json, asked, posted

__all__ = ["routes"]


def routes() -> Sequence[BaseRoute]:
    """The routes of this module."""
    return by_hand(missing_blobs=_missing, put_blob=_put, get_blob=_get)


async def _missing(request: Request) -> Response:
    return await posted(
        request,
        DigestsPost,
        lambda ledger, body, _: DigestsOut(missing=sorted(ledger.objects.missing(body.digests))),
        kind=DigestsOut,
    )


async def _put(request: Request) -> Response:
    state = state_of(request)
    caller = await caller_of(request, "write")
    given = query_of(row_of(request).query, request.query_params.multi_items())
    data = await read_body(request, state.limits.body)
    digest = await state.run(state.ledger(caller).snapshots.put, data)
    if given["digest"] not in {None, digest}:
        raise Invalid("The bytes have another digest.", hint="Send them again.", details={"digest": digest})
    return answer_json(BlobOut(digest=digest, size=len(data)), BlobOut)


async def _get(request: Request) -> Response:
    data: bytes = await asked(request, lambda ledger, given: ledger.snapshots.get(given["digest"]))
    return Response(
        data, media_type="application/octet-stream", headers={"Content-Disposition": "attachment"}
    )
