"""Whether and when a request is sent again, and what a failed one means; no input or output here."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, NamedTuple

from autoresearch.client.errors import RequestError, ResponseError
from autoresearch.errors import AutoresearchError, SlowDown, Unavailable
from autoresearch.protocol.codecs import codec_of
from autoresearch.protocol.rows import Operation
from autoresearch.protocol.statuses import error_of

__all__ = ["Reply", "Retries", "answer_of", "unreachable"]

_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_IN_PROGRESS = "idempotency_key_in_progress"


class Reply(NamedTuple):
    """What came back.

    Attributes:
        body: Decompressed bytes.
        headers: Names in lower case.
    """

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def transient(self) -> bool:
        """Whether the same request may be answered otherwise in a moment."""
        return self.status in _TRANSIENT or (self.status == 409 and _IN_PROGRESS.encode() in self.body)

    def failure(self) -> RequestError:
        """The error that it is."""
        return RequestError(_failure(self), self.status)


class Retries:
    """Counts the tries of one request.

    Args:
        most: Tries in all.
        longest: Seconds of one pause at most.
    """

    def __init__(self, most: int, *, longest: float = 30.0) -> None:
        self._left = most - 1
        self._pause = 0.1
        self._longest = longest

    def pause(self, failure: RequestError, headers: Mapping[str, str] | None = None) -> float:
        """Seconds to wait before the next try.

        Raises:
            RequestError: There is no next try: this one's error stands.
        """
        if self._left <= 0:
            raise failure
        self._left -= 1
        wanted = _seconds((headers or {}).get("retry-after"))
        # Jitter, so that many who failed together do not come back together.
        own = min(self._pause, self._longest) * random.uniform(0.5, 1.5)  # noqa: S311  no secret
        self._pause *= 2
        return min(max(wanted, own), self._longest)


def _seconds(text: str | None) -> float:
    return float(text) if text and text.isascii() and text.isdigit() and len(text) < 6 else 0.0


def unreachable(origin: str, reason: str) -> RequestError:
    """The failure of a request that got no answer."""
    return RequestError(
        Unavailable(
            f"The server at {origin} cannot be reached: {reason}.",
            hint="Check the address and the network, then make the same call again.",
        )
    )


def answer_of(operation: Operation, reply: Reply) -> Any:
    """The answer that a reply holds.

    Raises:
        RequestError: It is an error.
        ResponseError: It is not what the API promises.
    """
    if reply.status >= 300:
        raise reply.failure()
    if operation.answer is bytes:
        return reply.body
    if operation.media and not reply.headers.get("content-type", "").startswith("application/json"):
        return reply.body.decode()
    try:
        return codec_of(operation.answer).load(reply.body)
    except ValueError as error:
        said = str(error).partition("\n")[0][:200]
        raise ResponseError(
            f"The answer to {operation.name} is not what the API promises: {said}.",
            hint="The server may be of another version: compare `autoresearch --version` with /v1/about.",
            details={"begins": reply.body[:200].decode("utf-8", "replace")},
        ) from None


def _failure(reply: Reply) -> AutoresearchError:
    import json

    try:
        found = error_of(json.loads(reply.body))
    except (ValueError, RecursionError):
        found = None
    if found is not None:
        return found
    begins = reply.body[:120].decode("utf-8", "replace").strip()
    kind = SlowDown if reply.status == 429 else Unavailable
    return kind(
        f"What answered with status {reply.status} is not our server: {begins!r}.",
        hint="A proxy may stand in between; check the address, then make the same call again.",
        details={"status": reply.status},
    )
