"""Objects from one store into another: those that are not there yet, each checked on the way."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import BinaryIO, cast

from autoresearch.ledger.care.places import Told
from autoresearch.store.blobs import Blobs

__all__ = ["copy_objects"]

_AT_ONCE = 64


class _Stream(io.RawIOBase):
    """Pieces of bytes as a file that is read from its beginning to its end."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # any buffer that a caller gives is one
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        part, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


def copy_objects(source: Blobs, target: Blobs, told: Told) -> tuple[int, int]:
    """Copy every object; answers how many were copied and how many bytes they have. Calling it again goes on.

    Raises:
        StoreCorrupt: An object of the source does not hold what it was written with.
        StoreError: The target cannot be written.
    """
    every = list(source.listed())
    number = size = 0
    for start in range(0, len(every), _AT_ONCE):
        part = every[start : start + _AT_ONCE]
        lacking = target.missing([each.digest for each in part])
        wanted = [each for each in part if each.digest in lacking]
        target.put_many(_streams(source, [each.digest for each in wanted]))
        number += len(wanted)
        size += sum(each.size for each in wanted)
        told("objects", start + len(part), len(every))
    return number, size


def _streams(source: Blobs, digests: Sequence[str]) -> Iterator[BinaryIO]:
    for digest in digests:
        yield cast("BinaryIO", io.BufferedReader(_Stream(source.chunks(digest))))
