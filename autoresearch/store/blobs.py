"""Bytes by their sha256, wherever they are kept: what a folder, a bucket and a server have in common."""

from __future__ import annotations

import os
import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

from autoresearch.errors import Invalid, NotFound, StoreCorrupt, StoreError
from autoresearch.store.disk import discard, new_file, refusal, write_all

__all__ = [
    "GRACE_SECONDS",
    "STASH_SECONDS",
    "Blob",
    "Blobs",
    "Depot",
    "ObjectProblem",
    "Stored",
    "absent",
    "altered",
    "checked_digest",
    "checked_part",
    "is_digest",
    "open_objects",
]

Blob = bytes | Path | BinaryIO
"""What can be stored: bytes, a file by its path, or a binary stream read to its end."""

GRACE_SECONDS = 3600.0
"""For so long after it was last stored a collector leaves a blob alone: a record that names it may be on its way."""

STASH_SECONDS = 7 * 24 * 3600.0
"""For so long the parts of an upload that nobody went on with are kept."""

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_PART = re.compile(r"[0-9a-f-]{36}-[0-9]{1,16}-[0-9a-f]{16}\Z")
_BUCKETS = frozenset({"s3", "s3a", "gs", "az", "azure", "abfs", "abfss"})


class ObjectProblem(NamedTuple):
    """Something ``verify`` found: the digest (or the path of a file that does not belong) and what is wrong."""

    name: str
    reason: str


class Stored(NamedTuple):
    """A blob as a listing shows it: its size in bytes, and when it was last stored, in Unix seconds."""

    digest: str
    size: int
    used_at: float


class Blobs(Protocol):
    """Content-addressed bytes: whole or absent, and checked on every read.

    Attributes:
        where: The place, as people are told it; without secrets.
    """

    where: str

    def put(self, data: bytes) -> str:
        """Store bytes; answers their digest. Storing them again marks them as used now.

        Raises:
            StoreFull: No space left; nothing was stored.
            StoreReadOnly: The store cannot be written.
            Unavailable: The store cannot be reached.
        """
        return self.put_many([data])[0]

    def put_file(self, source: Path | BinaryIO) -> str:
        """Store a file or the rest of a binary stream without holding it in memory; answers its digest.

        Raises:
            NotFound: The source is not there.
            StoreError: As for ``put``.
        """
        return self.put_many([source])[0]

    @abstractmethod
    def put_many(self, blobs: Iterable[Blob]) -> list[str]:
        """Store many blobs; answers their digests in order, all durable.

        The iterable is asked for one blob at a time, after the one before was read. When it or a write fails, some
        blobs may be stored, as orphans that the garbage collector takes.

        Raises:
            NotFound: A path is not there.
            StoreError: As for ``put``.
        """

    def get(self, digest: str) -> bytes:
        """The bytes of a digest.

        Raises:
            NotFound: Not stored.
            StoreCorrupt: The bytes are not those that were written.
        """
        return b"".join(self.chunks(digest))

    @abstractmethod
    def chunks(self, digest: str) -> Iterator[bytes]:
        """The bytes in pieces of bounded size; only when the last was taken are they known to be right.

        Raises:
            NotFound: Not stored.
            StoreCorrupt: The bytes were not those that were written; what was taken must be thrown away.
        """

    @abstractmethod
    def part(self, digest: str, first: int, beyond: int) -> Iterator[bytes]:
        """The bytes from ``first`` to before ``beyond``, in pieces; a part cannot be verified.

        Raises:
            NotFound: Not stored.
        """

    def copy_to(self, digest: str, path: Path, mode: int = 0o666) -> int:
        """Write a blob to a new file (``mode`` less the umask); answers its size in bytes.

        Raises:
            NotFound: Not stored.
            StoreCorrupt: The bytes are wrong; the new file is removed again.
            StoreError: The new file cannot be written, or is there already.
        """
        size = 0
        target = new_file(path, mode)
        try:
            with os.fdopen(target, "wb", buffering=0) as file:
                for chunk in self.chunks(digest):
                    write_all(file.fileno(), chunk)
                    size += len(chunk)
        except BaseException as error:
            discard(path)
            if isinstance(error, OSError):
                raise refusal(error, path) from error
            raise
        return size

    def has(self, digest: str) -> bool:
        """Whether a blob is stored (its bytes are not read)."""
        return not self.missing([digest])

    @abstractmethod
    def missing(self, digests: Iterable[str]) -> set[str]:
        """Those of the digests that are not stored."""

    @abstractmethod
    def touch(self, digest: str) -> bool:
        """Mark a blob as used now, which keeps a collector off it; False when it is not stored."""

    @abstractmethod
    def size(self, digest: str) -> int:
        """Size of a blob in bytes.

        Raises:
            NotFound: Not stored.
        """

    @abstractmethod
    def used_at(self, digest: str) -> float:
        """When a blob was last stored or stored again, in Unix seconds; the garbage collector spares recent ones.

        Raises:
            NotFound: Not stored.
        """

    @abstractmethod
    def listed(self) -> Iterator[Stored]:
        """Every blob, in order of digest."""

    def digests(self) -> Iterator[str]:
        """Every digest stored, in order."""
        return (stored.digest for stored in self.listed())

    @abstractmethod
    def remove(self, digest: str) -> bool:
        """Delete a blob; False when it was not there.

        Raises:
            StoreReadOnly: The store cannot be written.
        """

    def verify(self) -> Iterator[ObjectProblem]:
        """Read every blob and name each that is wrong, then whatever does not belong here."""
        for digest in self.digests():
            try:
                for _ in self.chunks(digest):
                    pass
            except NotFound:
                continue  # removed by a collector since it was listed
            except StoreError as error:
                yield ObjectProblem(digest, error.message)
        yield from self.strangers()

    def strangers(self) -> Iterator[ObjectProblem]:
        """What lies in the store and is no part of it."""
        return iter(())

    def check(self) -> None:
        """See whether the place is there and answers.

        Raises:
            Unavailable: It cannot be reached.
            StoreError: It is not there, or may not be used.
        """
        return

    def sweep(self, older_than: float = GRACE_SECONDS, *, now: float | None = None) -> int:
        """Delete what writers left behind that were killed, when it is so many seconds old; answers how many."""
        del older_than, now
        return 0


class Depot(Blobs, Protocol):
    """A store that a server keeps: it has room for the parts of uploads that are not finished, apart from the blobs."""

    @abstractmethod
    def stash(self, part: str, data: bytes) -> None:
        """Keep a part under a name of its own, durably.

        Raises:
            StoreError: As for ``put``.
        """

    @abstractmethod
    def stashed(self, part: str) -> Iterator[bytes]:
        """The bytes of a part, in pieces.

        Raises:
            NotFound: It is not there, or was swept away.
        """

    @abstractmethod
    def unstash(self, parts: Iterable[str]) -> None:
        """Remove parts, those that are there."""


def is_digest(text: str) -> bool:
    """Whether a text is a sha256 as it is written here: 64 lower-case hexadecimal digits."""
    return _DIGEST.match(text) is not None


def checked_digest(digest: str) -> str:
    """A digest.

    Raises:
        Invalid: It is none.
    """
    if not _DIGEST.match(digest):
        raise Invalid(
            f"{digest[:100]!r} is not a digest.", hint="A digest is 64 lower-case hexadecimal digits."
        )
    return digest


def checked_part(part: str) -> str:
    """The name of a part: ``<id of the upload>-<offset>-<16 hexadecimal digits>``.

    Raises:
        Invalid: It is none.
    """
    if not _PART.match(part):
        raise Invalid(f"{part[:100]!r} is not a part of an upload.")
    return part


def absent(digest: str) -> NotFound:
    """The error for a blob that is not stored."""
    return NotFound(f"Object {digest} is not stored.", hint="Run `autoresearch fsck` to see what is missing.")


def altered(digest: str, found: str) -> StoreCorrupt:
    """The error for a blob whose bytes are others than were written."""
    return StoreCorrupt(
        f"Object {digest} does not hold the bytes it was written with.",
        hint="Run `autoresearch fsck`; restore the object from a copy of the store, or record the code again.",
        details={"digest": digest, "found": found},
    )


def open_objects(where: str | Path) -> Depot:
    """The store of bytes at a place.

    Args:
        where: A folder, as a path or as ``file:///folder``; or a bucket: ``s3://bucket/prefix``, ``gs://bucket/prefix``,
            ``az://container/prefix``.

    Raises:
        Invalid: It is no such place, or carries what does not belong into an address.
        UsageError: What buckets need is not installed.
    """
    from autoresearch.store.objects import Objects

    if isinstance(where, Path) or "://" not in where:
        return Objects(Path(where).expanduser())
    url = urlsplit(where)
    scheme = url.scheme.lower()
    if url.username is not None or url.password is not None or url.query or url.fragment:
        raise Invalid(
            "The address of the objects carries more than a bucket and a prefix.",
            hint="Give credentials in the environment (AWS_ACCESS_KEY_ID, …), and only s3://bucket/prefix here.",
        )
    if scheme == "file" and url.netloc in {"", "localhost"} and url.path:
        return Objects(Path(unquote(url.path)))
    if scheme in _BUCKETS and url.netloc:
        from autoresearch.store.buckets import Bucket

        return Bucket(where)
    raise Invalid(
        f"{where[:200]!r} is no place for objects.",
        hint="Give a folder, s3://bucket/prefix, gs://bucket/prefix or az://container/prefix.",
    )
