"""Bodies of requests: read within limits of size, memory and time, and expanded when they are compressed.

What a few bytes may expand to is bounded at every step, so that a body made to burst memory is refused long before it does.
"""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Protocol

import zstandard
from starlette.requests import ClientDisconnect, Request

from autoresearch.errors import Invalid, SlowDown, TooLarge, TooSlow

__all__ = ["PATIENCE", "SLOWEST", "Budget", "Held", "pieces", "read_body"]

PATIENCE = 30.0
"""Seconds that a body may be silent, and that it has before it must keep up the slowest pace."""
SLOWEST = 2048
"""Bytes a second that a body must come with after that."""

_PIECE = 1 << 20
_SLICE = 512
"""Compressed bytes that are expanded at once; a block of zstandard may be 128 KiB of four bytes."""
_WINDOW = 1 << 23
_LEFT = 1 << 22


class Budget:
    """Memory that bodies of all requests may take together.

    Args:
        most: Bytes.
    """

    def __init__(self, most: int = 256 * 1024 * 1024) -> None:
        self.most = most
        self.used = 0

    @contextlib.contextmanager
    def held(self) -> Iterator[Held]:
        """What one request takes of it, given back when the block ends."""
        mine = Held(self)
        try:
            yield mine
        finally:
            self.used -= mine.size


class Held:
    """The share of one request."""

    __slots__ = ("_budget", "size")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.size = 0

    def add(self, size: int) -> None:
        """Take so many bytes more.

        Raises:
            SlowDown: There is no room, since others hold it; one request alone always fits.
        """
        others = self._budget.used - self.size
        if others and self._budget.used + size > self._budget.most:
            raise SlowDown(
                "The server holds as many bodies as it has memory for.",
                hint="Send it again after the time that Retry-After names.",
                details={"retry_after": 1},
            )
        self.size += size
        self._budget.used += size

    def keep(self, size: int) -> None:
        """Give all but so many bytes back."""
        self._budget.used -= self.size - size
        self.size = size


async def read_body(
    request: Request, limit: int, *, held: Held | None = None, patience: float = PATIENCE
) -> bytes:
    """The whole body, expanded.

    Args:
        request: Whose body it is.
        limit: Bytes that it may have, before and after it is expanded.
        held: What its bytes are counted against, while they are read and after.
        patience: Seconds that it may take before it must keep up the slowest pace.

    Raises:
        TooLarge: It has more bytes than the limit.
        TooSlow: It did not come in time.
        SlowDown: There is no memory for it at the moment.
        Invalid: It is not compressed as its header says, or the connection ended in the middle of it.
    """
    said = request.headers.get("content-length", "")
    if said.isdigit() and int(said) > limit:
        await _pass_over(request)
        raise _too_large(limit)
    parts: list[bytes] = []
    size = 0
    async for part in pieces(request, patience=patience, slowest=SLOWEST):
        size += len(part)
        if size > limit:
            await _pass_over(request)
            raise _too_large(limit)
        if held is not None:
            held.add(len(part))
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def pieces(
    request: Request, *, patience: float = PATIENCE, slowest: int = 0, quiet: float | None = None
) -> AsyncIterator[bytes]:
    """The expanded body in pieces of bounded size, as they arrive.

    Args:
        request: Whose body it is.
        patience: Seconds that may pass without a byte.
        slowest: Bytes a second that must come once ``patience`` is over; 0 when it may go on for ever.
        quiet: Seconds of silence after which an empty piece is given, so that what came can be used meanwhile.

    Raises:
        TooSlow, Invalid: As for :func:`read_body`.
    """
    expander = _expander(request)
    arriving = _Arriving(request, patience, slowest, quiet)
    async for data in arriving.every():
        if not data:
            yield b""
            continue
        for piece in expander.expand(data):
            if piece:
                yield piece
    expander.end()


class _Arriving:
    """The bytes of a body as the connection brings them, an empty piece for each time of silence."""

    def __init__(self, request: Request, patience: float, slowest: int, quiet: float | None) -> None:
        self._request = request
        self._patience = patience
        self._slowest = slowest
        self._quiet = quiet
        self._loop = asyncio.get_running_loop()

    async def every(self) -> AsyncIterator[bytes]:
        begun = heard = self._loop.time()
        received = 0
        more = True
        while more:
            until = (
                begun + self._patience + received / self._slowest if self._slowest else heard + self._patience
            )
            part = await self._next(until)
            if part is None:
                yield b""
                continue
            more, data = part
            if data:
                heard = self._loop.time()
                received += len(data)
                yield data

    async def _next(self, until: float) -> tuple[bool, bytes] | None:
        """Whether more comes, and what came; None when it was quiet."""
        now = self._loop.time()
        wait = until if self._quiet is None else min(until, now + self._quiet)
        try:
            async with asyncio.timeout_at(wait):
                message = await self._request.receive()
        except TimeoutError:
            if wait < until:
                return None
            raise TooSlow(
                "The body did not arrive in time.",
                hint="Send it again, over a faster connection or in parts.",
            ) from None
        if message["type"] != "http.request":
            raise Invalid("The connection ended in the middle of the body.", hint="Send the request again.")
        return bool(message.get("more_body")), message.get("body", b"")


async def _pass_over(request: Request) -> None:
    """Take some more of a body that was refused: whoever still sends would else not come to read the answer."""
    left = _LEFT
    with contextlib.suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(1):
            more = True
            while more and left > 0:
                message = await request.receive()
                left -= len(message.get("body", b""))
                more = bool(message.get("more_body"))


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"The body is larger than {limit:,} bytes.", hint="Send it in parts.", details={"most_bytes": limit}
    )


class _Expander(Protocol):
    def expand(self, data: bytes) -> Iterator[bytes]:
        """What some bytes of the body stand for, in pieces of bounded size."""

    def end(self) -> None:
        """The body is over; raises Invalid when its compressed form is not."""


def _expander(request: Request) -> _Expander:
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding in {"", "identity"}:
        return _Plain()
    if coding in {"gzip", "x-gzip"}:
        return _Gzip()
    if coding == "zstd":
        return _Zstd()
    raise Invalid(
        f"The body is compressed as {coding[:40]!r}, which is not understood.",
        hint="Send it with Content-Encoding gzip or zstd, or as it is.",
    )


class _Plain:
    def expand(self, data: bytes) -> Iterator[bytes]:
        yield data

    def end(self) -> None:
        return


class _Gzip:
    def __init__(self) -> None:
        self._inner = zlib.decompressobj(31)
        self._fresh = True

    def expand(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._inner.eof:  # one member after another is one body
                self._inner, self._fresh = zlib.decompressobj(31), True
            try:
                piece = self._inner.decompress(data, _PIECE)
            except zlib.error as error:
                raise _broken("gzip") from error
            self._fresh = False
            data = self._inner.unused_data if self._inner.eof else self._inner.unconsumed_tail
            yield piece

    def end(self) -> None:
        if not self._inner.eof and not self._fresh:
            raise _broken("gzip")


class _Zstd:
    def __init__(self) -> None:
        self._outer = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
        self._inner = self._outer.decompressobj()
        self._fresh = True

    def expand(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), _SLICE):
            rest = data[start : start + _SLICE]
            while rest:
                if self._inner.eof:
                    self._inner, self._fresh = self._outer.decompressobj(), True
                try:
                    piece = self._inner.decompress(rest)
                except zstandard.ZstdError as error:
                    raise _broken("zstd") from error
                self._fresh = False
                rest = self._inner.unused_data if self._inner.eof else b""
                yield piece

    def end(self) -> None:
        if not self._inner.eof and not self._fresh:
            raise _broken("zstd")


def _broken(coding: str) -> Invalid:
    return Invalid(
        f"The body is not sound {coding}, as its Content-Encoding says.",
        hint="Compress it anew and send it again.",
    )
