"""``Idempotency-Key``: the same key and body answers what the first answered."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from autoresearch.errors import AutoresearchError, Invalid
from autoresearch.ledger.access.service import Caller
from autoresearch.ledger.local.replies import Replies, Reply
from autoresearch.server.answers import refused
from autoresearch.server.auth import state_of

__all__ = ["once"]

_LONGEST = 200
_FORGOTTEN = frozenset({401, 403, 408, 429})


async def once(
    request: Request,
    caller: Caller,
    content: bytes,
    answer: Callable[[], Awaitable[Response]],
    *,
    refuse: Callable[[AutoresearchError, int | None], Response] = refused,
) -> Response:
    """Answer a request, or give again the answer that its key has.

    Args:
        request: The request; without an ``Idempotency-Key`` it is just answered.
        caller: Whose key it is: the same text from another caller is another key.
        content: Its body.
        answer: Does the work.
        refuse: What an error is answered with.

    Raises:
        Conflict: The key was used for another body.
        Busy: The first request with this key is still at work.
    """
    key = request.headers.get("idempotency-key")
    if key is None or request.method == "GET":
        return await answer()
    if not 0 < len(key) <= _LONGEST or not key.isprintable():
        raise Invalid(
            "The Idempotency-Key is not one.",
            hint=f"Give 1 to {_LONGEST} printable characters, such as a UUID.",
        )
    state = state_of(request)
    replies = Replies(state.ledger(caller))
    name = _digest(str(caller.key_id or caller.user_id), request.method, request.url.path, key)
    known = await state.run(replies.begin, name, _digest(request.url.query, content.hex()))
    if known is not None:
        return Response(known.body, known.status, {"Idempotency-Replayed": "true"}, known.media_type or None)
    try:
        given = await _done(answer, refuse)
    except BaseException:
        await state.run(replies.forget, name)
        raise
    if given.status_code >= 500 or given.status_code in _FORGOTTEN:
        await state.run(replies.forget, name)
    else:
        kept = Reply(given.status_code, given.media_type or "", bytes(given.body))
        await state.run(replies.keep, name, kept)
    return given


async def _done(
    answer: Callable[[], Awaitable[Response]], refuse: Callable[[AutoresearchError, int | None], Response]
) -> Response:
    try:
        return await answer()
    except AutoresearchError as error:
        return refuse(error, None)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
