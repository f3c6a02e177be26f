"""Uploads of large blobs in parts: each part is durable when it was answered, so that who was killed goes on where he was.

An upload is found again by the digest that it will have, so a client remembers nothing. The bytes are taken for what they are
said to be when all of them are there and have the digest.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from autoresearch.errors import Busy, Conflict, Invalid, NotFound, TooLarge
from autoresearch.ledger.local.owning import collections_so_far
from autoresearch.ledger.local.unit import Unit
from autoresearch.records.ids import new_id
from autoresearch.store import blob_schema as tables
from autoresearch.store.blobs import checked_digest
from autoresearch.store.rows import Row
from autoresearch.store.streams import joined

if TYPE_CHECKING:
    from autoresearch.ledger.local.ledger import LocalLedger

__all__ = ["MOST_PART", "UploadState", "Uploads"]

MOST_PART = 16 * 1024 * 1024
"""Bytes of one part at most."""

_lock = threading.Lock()
_finishing: set[str] = set()


class UploadState(NamedTuple):
    """An upload.

    Attributes:
        id: Its id; empty when nothing has to be sent.
        digest: What its bytes will have.
        size: All of its bytes.
        received: How many are there; the next part begins here.
    """

    id: str
    digest: str
    size: int
    received: int


class Uploads:
    """The unfinished uploads of one organization.

    Args:
        ledger: Whose they are.
        most: Bytes of a whole blob at most.
    """

    def __init__(self, ledger: LocalLedger, *, most: int) -> None:
        self._ledger = ledger
        self._most = most

    def begin(self, digest: str, size: int) -> UploadState:
        """Begin an upload, or find the one that was begun; of bytes that were sent already, nothing is to be sent.

        Raises:
            Invalid: The digest is none.
            TooLarge: The server takes less.
        """
        checked_digest(digest)
        if not 0 <= size <= self._most:
            raise TooLarge(
                f"A blob of {size:,} bytes is more than the {self._most:,} that this server takes.",
                hint="Leave it out, or have AUTORESEARCH_MAX_BLOB_BYTES raised on the server.",
                details={"limit": self._most},
            )
        if not self._ledger.objects.missing([digest]):
            return UploadState("", digest, size, size)
        with self._ledger.write() as unit:
            for row in unit.rows.list(tables.uploads, order="id", digest=digest, size=size, limit=1):
                return _state(row)
            made = new_id()
            unit.rows.insert(
                tables.uploads, id=made, digest=digest, size=size, received=0, touched_at=unit.now
            )
        return UploadState(made, digest, size, 0)

    def state(self, upload_id: str) -> UploadState:
        """How far an upload is.

        Raises:
            NotFound: There is none: it was finished, or nobody went on with it for a week.
        """
        with self._ledger.read() as unit:
            return _state(_row(unit, upload_id))

    def append(self, upload_id: str, first: int, data: bytes) -> UploadState:
        """Add the part that begins at ``first``; it is durable when this returns.

        Raises:
            NotFound: There is no such upload.
            Conflict: It does not continue there; ``details["received"]`` says where.
            Invalid: The part is empty, or goes beyond the end.
            TooLarge: The part is.
        """
        if len(data) > MOST_PART:
            raise TooLarge(
                f"A part has at most {MOST_PART:,} bytes.",
                hint="Send it in smaller ones.",
                details={"limit": MOST_PART},
            )
        with self._ledger.read() as unit:
            _continued(_row(unit, upload_id), first, len(data))
        name = f"{upload_id}-{first}-{secrets.token_hex(8)}"
        self._ledger.store.stash(name, data)
        try:
            with self._ledger.write() as unit:
                _continued(_row(unit, upload_id), first, len(data))
                unit.rows.insert(tables.parts, upload=upload_id, first=first, size=len(data), name=name)
                there = {"received": first + len(data), "touched_at": unit.now}
                unit.rows.update(tables.uploads, {"id": upload_id}, **there)
                return _state(_row(unit, upload_id))
        except (Conflict, NotFound):
            self._ledger.store.unstash([name])  # another sender of the same bytes was faster
            raise

    def finish(self, upload_id: str) -> UploadState:
        """Make the blob of the parts.

        Raises:
            NotFound: There is no such upload.
            Conflict: Not all of it was sent; ``details["received"]`` says how much.
            Invalid: The bytes have another digest; the upload is gone.
            Busy: It is being made already: by the request whose answer was lost.
        """
        with _alone(f"{self._ledger.organization} {upload_id}"):
            return self._finish(upload_id)

    def _finish(self, upload_id: str) -> UploadState:
        with self._ledger.read() as unit:
            row, before = _row(unit, upload_id), collections_so_far(unit)
            parts = unit.rows.list(tables.parts, order="first", upload=upload_id)
        if row["received"] != row["size"]:
            raise _elsewhere(row)
        try:
            found = self._ledger.store.put_file(joined(self._pieces([part["name"] for part in parts])))
        except NotFound:
            self._drop(upload_id)
            raise NotFound(
                "Parts of this upload are gone.", hint="Begin it again.", details={"id": upload_id}
            ) from None
        if found != row["digest"]:
            self._drop(upload_id)
            raise Invalid(
                f"The bytes have the digest {found}, not {row['digest']}.",
                hint="The file may have changed while it was sent; send it again.",
                details={"digest": found},
            )
        self._ledger.objects.own({found: row["size"]}, before)
        self._drop(upload_id)
        return _state(row)

    def _pieces(self, names: list[str]) -> Iterator[bytes]:
        for name in names:
            yield from self._ledger.store.stashed(name)

    def _drop(self, upload_id: str) -> None:
        with self._ledger.write() as unit:
            parts = unit.rows.list(tables.parts, order="first", upload=upload_id)
            unit.rows.delete(tables.parts, upload=upload_id)
            unit.rows.delete(tables.uploads, id=upload_id)
        self._ledger.store.unstash([part["name"] for part in parts])


@contextlib.contextmanager
def _alone(name: str) -> Iterator[None]:
    with _lock:
        if name in _finishing:
            raise Busy("This blob is being made of its parts.", hint="Ask again in a moment.")
        _finishing.add(name)
    try:
        yield
    finally:
        with _lock:
            _finishing.discard(name)


def _row(unit: Unit, upload_id: str) -> Row:
    row = unit.rows.one(tables.uploads, id=upload_id)
    if row is None:
        raise NotFound(
            "There is no such upload: it was finished, or nobody went on with it for a week.",
            hint="Begin it again; what was stored already is not sent twice.",
        )
    return row


def _state(row: Row) -> UploadState:
    return UploadState(row["id"], row["digest"], row["size"], row["received"])


def _continued(row: Row, first: int, size: int) -> None:
    if first != row["received"]:
        raise _elsewhere(row)
    if not 0 < size <= row["size"] - first:
        raise Invalid(
            f"A part of {size:,} bytes at {first:,} does not fit into {row['size']:,}.",
            hint="Send the bytes from where the upload continues, up to its size.",
        )


def _elsewhere(row: Row) -> Conflict:
    return Conflict(
        f"The upload continues at {row['received']:,} of {row['size']:,} bytes.",
        hint="Send the part that begins there.",
        details={"received": row["received"], "size": row["size"]},
    )
