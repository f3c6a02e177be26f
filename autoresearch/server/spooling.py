"""Bodies of bytes: in memory while they are small, and then in a file that has no name."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from starlette.requests import ClientDisconnect, Request

from autoresearch.errors import Invalid, TooLarge
from autoresearch.store.disk import refusal

__all__ = ["Spooled", "spooled_body"]

_IN_MEMORY = 1024 * 1024


class Spooled(NamedTuple):
    """A body, to be read from its beginning, and its size in bytes."""

    file: BinaryIO
    size: int


@asynccontextmanager
async def spooled_body(request: Request, limit: int) -> AsyncIterator[Spooled]:
    """The whole body, gone at the end of the block.

    Raises:
        TooLarge: It has more bytes than the limit; where its length was said, nothing of it is read.
        Invalid: It is compressed, or the connection ended in the middle of it.
        StoreFull: There is no room for it on the disk.
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Invalid("Blobs are taken as they are.", hint="Send the bytes without a Content-Encoding.")
    said = request.headers.get("content-length", "")
    if said.isascii() and said.isdigit() and int(said) > limit:
        raise _too_large(limit)
    size = 0
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        try:
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    raise _too_large(limit)
                file.write(part)
            file.seek(0)
        except ClientDisconnect:
            raise Invalid("The body ended before its end.", hint="Send the request again.") from None
        except OSError as error:
            raise refusal(error, Path(tempfile.gettempdir())) from error
        yield Spooled(cast("BinaryIO", file), size)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"The body is larger than the {limit:,} bytes that are taken at once.",
        hint="Send large blobs in parts: POST /v1/blobs/uploads.",
        details={"limit": limit},
    )
