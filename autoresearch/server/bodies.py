"""Bodies of requests, within limits."""

from __future__ import annotations

from starlette.requests import ClientDisconnect, Request

from autoresearch.errors import Invalid, TooLarge

__all__ = ["read_body"]


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body.

    Raises:
        TooLarge: It has more bytes than the limit.
        Invalid: The connection ended in the middle of it.
    """
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise TooLarge(f"The body is larger than {limit:,} bytes.", hint="Send it in parts.")
            parts.append(part)
    except ClientDisconnect:
        raise Invalid("The body ended before its end.", hint="Send the request again.") from None
    return b"".join(parts)
