"""Large answers travel packed to whoever takes that: curves and lists shrink to a third or a sixth, which is the time they take on a slow line."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import zstandard
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autoresearch.server.state import State

__all__ = ["Packing"]

# Smaller ones fit into the first packets of a connection as they are. New keys and tokens are given in small answers alone,
# so that no secret is ever packed together with words of others, whose length would tell of it.
_LEAST = 16_384
# Packed on a thread from here on: it would hold up other requests.
_LONG = 262_144


def _zstd(body: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=1).compress(body)


def _gzip(body: bytes) -> bytes:
    made = zlib.compressobj(1, wbits=31)
    return made.compress(body) + made.flush()


_CODINGS: dict[str, Callable[[bytes], bytes]] = {"zstd": _zstd, "gzip": _gzip}


def _taken(accepted: str) -> str | None:
    """The best of our codings that an ``Accept-Encoding`` names."""
    said = [part.partition(";") for part in accepted.lower().split(",")]
    names = {
        name.strip() for name, _, q in said if q.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    }
    return next((coding for coding in _CODINGS if coding in names), None)


class Packing:
    """Middleware that packs whole answers of JSON; streams and small answers pass as they are.

    Args:
        app: What it stands around.
        state: The server.
    """

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer packed."""
        coding = _taken(Headers(scope=scope).get("accept-encoding", "")) if scope["type"] == "http" else None
        if coding is None:
            await self._app(scope, receive, send)
            return
        begun: Message | None = None

        async def sending(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start" and _is_plain_json(message):
                begun = message
                return
            if begun is not None:
                start, begun = begun, None
                message = await self._packed(start, message, coding)
                await send(start)
            await send(message)

        await self._app(scope, receive, sending)

    async def _packed(self, start: Message, message: Message, coding: str) -> Message:
        """The body packed, and the headers of its beginning with it."""
        body: Any = message.get("body", b"")
        headers = MutableHeaders(raw=start["headers"])
        headers.add_vary_header("Accept-Encoding")
        if message.get("more_body") or len(body) < _LEAST:
            return message
        pack = _CODINGS[coding]
        body = pack(body) if len(body) < _LONG else await self._state.run(pack, body)
        headers["Content-Encoding"], headers["Content-Length"] = coding, str(len(body))
        return {**message, "body": body}


def _is_plain_json(message: Message) -> bool:
    headers = Headers(raw=message.get("headers", []))
    return (
        message["status"] == 200
        and headers.get("content-type", "").startswith("application/json")
        and "content-encoding" not in headers
    )
