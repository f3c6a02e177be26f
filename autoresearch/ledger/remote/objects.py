"""Blobs of a server, by digest, over HTTP."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from autoresearch.client.synchronous import Client
from autoresearch.errors import Forbidden, NotFound, StoreError
from autoresearch.ledger.remote.parts import raised_here
from autoresearch.protocol.forms import DigestsPost
from autoresearch.store.blobs import (
    GRACE_SECONDS,
    Blob,
    Blobs,
    ObjectProblem,
    Stored,
    absent,
    altered,
    checked_digest,
)

__all__ = ["RemoteObjects"]

_MOST_ASKED = 10_000


class RemoteObjects(Blobs):
    """The objects of one organization on a server.

    Args:
        client: Calls the server.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self.where = client.base_url

    def _call(self, name: str, **given: Any) -> Any:
        return raised_here(self._client.call, name, given)

    def put(self, data: bytes) -> str:
        """Store bytes; answers their sha256."""
        digest = hashlib.sha256(data).hexdigest()
        self._call("put_blob", content=data, digest=digest)
        return digest

    def put_file(self, source: Path | BinaryIO) -> str:
        """Store a file or the rest of a binary stream; answers its digest."""
        return self.put_many([source])[0]

    def put_many(self, blobs: Iterable[Blob]) -> list[str]:
        """Store many blobs; answers their digests in order."""
        return [self.put(_bytes(blob)) for blob in blobs]

    def get(self, digest: str) -> bytes:
        """The bytes of a digest."""
        data: bytes = self._call("get_blob", digest=checked_digest(digest))
        found = hashlib.sha256(data).hexdigest()
        if found != digest:
            raise altered(digest, found)
        return data

    def chunks(self, digest: str) -> Iterator[bytes]:
        """The bytes in pieces."""
        yield self.get(digest)

    def part(self, digest: str, first: int, beyond: int) -> Iterator[bytes]:
        """The bytes from ``first`` to before ``beyond``."""
        yield self.get(digest)[first:beyond]

    def missing(self, digests: Iterable[str]) -> set[str]:
        """Those of the digests that are not stored."""
        wanted = sorted({checked_digest(digest) for digest in digests})
        found: set[str] = set()
        for start in range(0, len(wanted), _MOST_ASKED):
            body = DigestsPost(digests=tuple(wanted[start : start + _MOST_ASKED]))
            found.update(self._call("missing_blobs", body=body).missing)
        return found

    def has(self, digest: str) -> bool:
        """Whether a blob is stored."""
        return not self.missing([digest])

    def touch(self, digest: str) -> bool:
        """Whether it is stored; asking keeps a collector off it."""
        return self.has(digest)

    def size(self, digest: str) -> int:
        """Size of a blob in bytes."""
        if not self.has(digest):
            raise absent(digest)
        return len(self.get(digest))

    def used_at(self, digest: str) -> float:  # noqa: ARG002  the protocol's signature
        """Refused: a store is cleaned where it lies."""
        _only_there()

    def listed(self) -> Iterator[Stored]:
        """Refused: a store is listed where it lies."""
        _only_there()

    def remove(self, digest: str) -> bool:  # noqa: ARG002  the protocol's signature
        """Refused: a store is cleaned where it lies."""
        _only_there()

    def strangers(self) -> Iterator[ObjectProblem]:
        """Refused: a store is checked where it lies."""
        _only_there()

    def check(self) -> None:
        """See whether the server answers."""
        self.missing([])

    def sweep(self, older_than: float = GRACE_SECONDS, *, now: float | None = None) -> int:
        """Nothing: what a killed upload left behind is the server's own to remove."""
        del older_than, now
        return 0


def _bytes(blob: Blob) -> bytes:
    if isinstance(blob, bytes):
        return blob
    if not isinstance(blob, Path):
        return blob.read()
    try:
        return blob.read_bytes()
    except FileNotFoundError:
        raise NotFound(f"There is no file {str(blob)!r}.") from None
    except OSError as error:
        raise StoreError(f"{str(blob)!r} cannot be read: {error.strerror}.") from error


def _only_there() -> NoReturn:
    raise Forbidden(
        "The objects of a server are listed, checked and cleaned on its own machine.",
        hint="Run `autoresearch admin verify` or `autoresearch gc` there.",
    )
