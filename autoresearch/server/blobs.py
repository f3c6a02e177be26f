"""Blobs by digest: sent, asked for, and given out as bytes that no browser takes for a page."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from autoresearch.errors import Invalid
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.ledger.local.uploads import MOST_PART, Uploads, UploadState
from autoresearch.protocol.calls import parse_json, query_of
from autoresearch.protocol.calls import read_body as as_model
from autoresearch.protocol.forms import BlobOut, BlobsOut, DigestsOut, DigestsPost, UploadOut, UploadPost
from autoresearch.server.auth import caller_of, state_of
from autoresearch.server.bodies import read_body
from autoresearch.server.documented import by_hand, row_of
from autoresearch.server.handling import answer_json, asked
from autoresearch.server.spooling import Spooled, spooled_body
from autoresearch.server.state import State
from autoresearch.store.disk import CHUNK

__all__ = ["routes", "stored"]

_Model = TypeVar("_Model", bound=BaseModel)

_MOST_AT_ONCE = 1000
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})\Z")
_HEADERS = {
    "Accept-Ranges": "bytes",
    "Cache-Control": "private, max-age=31536000, immutable",
    "Content-Disposition": "attachment",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}


def routes() -> Sequence[BaseRoute]:
    """The routes of this module."""
    return by_hand(
        missing_blobs=_missing,
        put_blob=_put,
        put_blobs=_put_many,
        begin_upload=_begin,
        get_upload=_upload,
        append_upload=_append,
        finish_upload=_finish,
        get_blob=_get,
    )


async def _missing(request: Request) -> Response:
    ledger, body = await _asked_again(request, DigestsPost)
    missing = await state_of(request).run(ledger.objects.missing, body.digests)
    return answer_json(DigestsOut(missing=sorted(missing)), DigestsOut)


async def _asked_again(request: Request, model: type[_Model]) -> tuple[LocalLedger, _Model]:
    """The caller's ledger and the body of a request that does the same however often it is made; no reply is kept for it."""
    state = state_of(request)
    caller = await caller_of(request, row_of(request).scope)
    query_of((), request.query_params.multi_items())
    body = as_model(model, parse_json(await read_body(request, state.limits.body)))
    assert isinstance(body, model)
    return state.ledger(caller), body


async def _put(request: Request) -> Response:
    state = state_of(request)
    caller = await caller_of(request, "write")
    given = query_of(row_of(request).query, request.query_params.multi_items())
    async with spooled_body(request, state.limits.blob) as body:
        digest = await state.run(stored, state.ledger(caller), body, given["digest"])
    return answer_json(BlobOut(digest=digest, size=body.size), BlobOut)


def stored(ledger: LocalLedger, body: Spooled, digest: str | None) -> str:
    """Store a body; answers its digest.

    Raises:
        Invalid: It has another digest than it was said to have; nothing was stored.
        StoreError: It cannot be stored.
    """
    if digest is not None:
        found = hashlib.sha256()
        while data := body.file.read(CHUNK):
            found.update(data)
        if found.hexdigest() != digest:
            raise Invalid(
                f"The bytes have the digest {found.hexdigest()}.",
                hint="They were changed on the way or before; send them again.",
                details={"digest": found.hexdigest()},
            )
        body.file.seek(0)
    return ledger.objects.put_file(body.file)


async def _put_many(request: Request) -> Response:
    state = state_of(request)
    caller = await caller_of(request, "write")
    content = await read_body(request, state.limits.body)
    try:
        blobs = msgspec.msgpack.decode(content, type=list[bytes])
    except msgspec.MsgspecError as error:
        raise Invalid(
            f"The body is no array of byte strings: {error}.", hint="Send MessagePack: an array of bin."
        ) from None
    if len(blobs) > _MOST_AT_ONCE:
        raise Invalid(f"{len(blobs):,} blobs came at once.", hint=f"Send at most {_MOST_AT_ONCE:,}.")
    digests = await state.run(state.ledger(caller).objects.put_many, blobs)
    made = [BlobOut(digest=one, size=len(data)) for one, data in zip(digests, blobs, strict=True)]
    return answer_json(BlobsOut(blobs=made), BlobsOut)


def _uploads(state: State, ledger: LocalLedger) -> Uploads:
    return Uploads(ledger, most=state.limits.upload)


def _shown(upload: UploadState) -> UploadOut:
    return UploadOut(id=upload.id, digest=upload.digest, size=upload.size, received=upload.received)


async def _begin(request: Request) -> Response:
    state = state_of(request)
    ledger, body = await _asked_again(request, UploadPost)
    found = await state.run(_uploads(state, ledger).begin, body.digest, body.size)
    return answer_json(_shown(found), UploadOut)


async def _upload(request: Request) -> Any:
    state = state_of(request)
    return await asked(
        request,
        lambda ledger, given: _shown(_uploads(state, ledger).state(given["upload_id"])),
        kind=UploadOut,
    )


async def _append(request: Request) -> Response:
    state = state_of(request)
    caller = await caller_of(request, "write")
    given = query_of(row_of(request).query, request.query_params.multi_items())
    data = await read_body(request, MOST_PART)
    uploads = _uploads(state, state.ledger(caller))
    found = await state.run(uploads.append, request.path_params["upload_id"], given["offset"], data)
    return answer_json(_shown(found), UploadOut)


async def _finish(request: Request) -> Any:
    state = state_of(request)

    def finish(ledger: LocalLedger, given: Any) -> BlobOut:
        done = _uploads(state, ledger).finish(given["upload_id"])
        return BlobOut(digest=done.digest, size=done.size)

    return await asked(request, finish, kind=BlobOut)


class _Span(NamedTuple):
    first: int
    beyond: int


async def _get(request: Request) -> Response:
    digest = request.path_params["digest"]
    state = state_of(request)
    size: int = await asked(request, lambda ledger, given: ledger.objects.size(given["digest"]))
    ledger = state.ledger(await caller_of(request, "read"))
    tag = f'"{digest}"'
    headers = {**_HEADERS, "ETag": tag}
    if tag in [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    span = _span(request, size, tag)
    if span is not None and span.first >= span.beyond:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    first, beyond = span or _Span(0, size)
    headers["Content-Length"] = str(beyond - first)
    if span is not None:
        headers["Content-Range"] = f"bytes {first}-{beyond - 1}/{size}"
    status = 200 if span is None else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type="application/octet-stream")
    pieces = ledger.objects.chunks(digest) if span is None else ledger.objects.part(digest, first, beyond)
    # The first piece is read before the answer begins: a small blob that is damaged is an error, and not a broken connection.
    begins = await state.run(next, pieces, b"")
    return StreamingResponse(
        _streamed(state, begins, pieces), status, headers, media_type="application/octet-stream"
    )


async def _streamed(state: State, piece: bytes, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The last piece goes out when it is known that all were right; else the connection breaks, and nobody has the whole."""
    while piece:
        following = await state.run(next, pieces, b"")
        yield piece
        piece = following


def _span(request: Request, size: int, tag: str) -> _Span | None:
    """What a range asks for; None for all of it, an empty one when there is nothing there."""
    found = _RANGE.match(request.headers.get("range", ""))
    if found is None or not (found[1] or found[2]) or size == 0:
        return None
    if request.headers.get("if-range", tag) != tag:
        return None
    if not found[1]:
        return _Span(max(0, size - int(found[2])), size if int(found[2]) else 0)
    if found[2] and int(found[2]) < int(found[1]):
        return None
    return _Span(int(found[1]), min(int(found[2]) + 1, size) if found[2] else size)
