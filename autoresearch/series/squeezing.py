"""Blobs that know when a byte of them was changed: a checksum in front of bytes that zstandard compressed.

Nothing but the standard library is imported until something is compressed, since a training script pays for this module.
"""

from __future__ import annotations

import threading
import zlib

from autoresearch.errors import StoreCorrupt

TYPE_CHECKING = False  # importing typing would cost more than this module
if TYPE_CHECKING:
    from typing import Any

__all__ = ["checked", "compress", "damaged", "decompress", "sealed", "squash"]

_HINT = "Run `autoresearch fsck` to see everything that is damaged."


class _Coder(threading.local):
    """A compressor for each thread: one of them must not be used by two at once."""

    def __init__(self) -> None:
        import zstandard

        self.compress = zstandard.ZstdCompressor(level=1).compress
        self.hurry = zstandard.ZstdCompressor(level=-1).compress
        self.decompress = zstandard.ZstdDecompressor().decompress
        self.error: type[Exception] = zstandard.ZstdError


_coder: _Coder | None = None


def _ready() -> _Coder:
    global _coder  # noqa: PLW0603  made at first use, so that importing this costs nothing
    if _coder is None:
        _coder = _Coder()
    return _coder


def compress(raw: bytes | bytearray | memoryview) -> bytes:
    """The bytes, smaller; made to be fast rather than small."""
    return _ready().compress(raw)


def squash(raw: bytes | bytearray | memoryview) -> bytes:
    """The bytes, smaller, in a quarter of the time and hardly larger: for what does not stay long."""
    return _ready().hurry(raw)


def decompress(packed: bytes | memoryview, size: int | None, where: str) -> bytes:
    """What was compressed.

    Args:
        packed: Answer of :func:`compress`.
        size: Bytes that must come out; None takes any number.
        where: What is being read, for the message.

    Raises:
        StoreCorrupt: It is damaged.
    """
    coder = _ready()
    try:
        raw: bytes = coder.decompress(packed)
    except coder.error as error:
        raise damaged(where) from error
    if size is not None and len(raw) != size:
        raise damaged(where)
    return raw


def sealed(body: bytes) -> bytes:
    """The bytes behind their checksum."""
    return zlib.crc32(body).to_bytes(4, "little") + body


def checked(blob: Any, where: str) -> memoryview:
    """The bytes that were sealed.

    Raises:
        StoreCorrupt: A byte was changed, or some are missing.
    """
    view = memoryview(blob)
    if len(view) < 4 or zlib.crc32(view[4:]) != int.from_bytes(view[:4], "little"):
        raise damaged(where)
    return view[4:]


def damaged(where: str) -> StoreCorrupt:
    """The error that names what is damaged."""
    return StoreCorrupt(f"The bytes of {where} are not those that were written.", hint=_HINT)
