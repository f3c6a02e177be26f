"""Streams that are no files: pieces one after the other, and a file that is read again from where it began."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from autoresearch.store.disk import CHUNK, opened, read_full, refusal

__all__ = ["Again", "joined", "reread"]


class _Joined:
    """Pieces as one stream that is read to its end."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def read(self, size: int = -1) -> bytes:
        """At most ``size`` bytes, fewer before the end too; none at the end."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = memoryview(piece)
        data = self._rest if size < 0 else self._rest[:size]
        self._rest = self._rest[len(data) :]
        return bytes(data)


def joined(pieces: Iterator[bytes]) -> BinaryIO:
    """Pieces as a stream that can only be read."""
    return cast("BinaryIO", _Joined(pieces))


class Again:
    """A stream that was read once and can be read again, from any place; closed by whoever has it.

    Attributes:
        digest: The sha256 that it had.
        size: Its bytes.
    """

    def __init__(self, file: int, first: int, digest: str, size: int) -> None:
        self._file, self._first = file, first
        self.digest = digest
        self.size = size

    def read(self, offset: int, size: int) -> bytes:
        """Bytes from a place; fewer when it has become shorter meanwhile."""
        parts: list[bytes] = []
        while size and (data := os.pread(self._file, size, self._first + offset)):
            parts.append(data)
            offset, size = offset + len(data), size - len(data)
        return b"".join(parts)

    def close(self) -> None:
        """Let go of it."""
        os.close(self._file)


def reread(source: Path | BinaryIO | bytes, begins: bytes = b"") -> Again:
    """Read a source to its end, and keep a way to read it again: the file itself where it is one, else a copy on the disk.

    Args:
        source: A path, a stream or bytes.
        begins: What was read of the stream already.

    Raises:
        NotFound: There is no such file.
        StoreError: It cannot be read, or there is no room for a copy.
    """
    if isinstance(source, Path):
        with opened(source) as stream:
            return reread(stream)
    if isinstance(source, bytes):
        return _copied(io.BytesIO(source), b"")
    with contextlib.suppress(OSError, AttributeError, ValueError):
        file = source.fileno()
        if stat.S_ISREG(os.fstat(file).st_mode):
            first = source.tell() - len(begins)
            hashed, size = hashlib.sha256(begins), len(begins)
            while data := read_full(source, CHUNK):
                hashed.update(data)
                size += len(data)
            return Again(os.dup(file), first, hashed.hexdigest(), size)
    return _copied(source, begins)


def _copied(source: BinaryIO, begins: bytes) -> Again:
    hashed, size, data = hashlib.sha256(), 0, begins or read_full(source, CHUNK)
    try:
        with tempfile.TemporaryFile(buffering=0) as file:
            while data:
                hashed.update(data)
                size += len(data)
                view = memoryview(data)
                while view:
                    view = view[file.write(view) :]
                data = read_full(source, CHUNK)
            return Again(os.dup(file.fileno()), 0, hashed.hexdigest(), size)
    except OSError as error:
        raise refusal(error, Path(tempfile.gettempdir())) from error
