"""Blobs of a server, by digest, over HTTP: only missing ones travel, several at once, and large ones go on where they were."""

from __future__ import annotations

import hashlib
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import msgspec

from autoresearch.client.errors import RequestError
from autoresearch.client.retrying import Reply, answer_of
from autoresearch.client.synchronous import Client
from autoresearch.errors import Busy, Conflict, Forbidden, NotFound, StoreCorrupt, Unavailable
from autoresearch.ledger.remote.parts import raised_here
from autoresearch.protocol.calls import prepare
from autoresearch.protocol.forms import BlobsOut, DigestsOut, DigestsPost, UploadOut, UploadPost
from autoresearch.protocol.operations import OPERATIONS
from autoresearch.store.blobs import Blob, Blobs, Stored, checked_digest
from autoresearch.store.disk import opened, read_full
from autoresearch.store.streams import Again, reread

__all__ = ["RemoteObjects"]

_PIECE = 8 * 1024 * 1024
_SMALL = 256 * 1024
_GROUP_BLOBS, _GROUP_BYTES = 500, 4 * 1024 * 1024
_ASKED = 1000
_AT_ONCE = 6
_FAILURES = 7
_BUSY_SECONDS = 0.5
_SLOWEST = 20e6
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)\Z")


class RemoteObjects(Blobs):
    """The objects of one organization on a server.

    Args:
        client: Calls the server; it sends a request that was lost again, and so does an upload that made progress.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self.where = client.base_url

    def put_many(self, blobs: Iterable[Blob]) -> list[str]:
        """Store many blobs; those that the server has do not travel. See :meth:`Blobs.put_many`."""
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="autoresearch-blobs") as pool:
            sending = _Sending(self, pool)
            try:
                digests = [sending.take(blob) for blob in blobs]
                sending.finish()
            except BaseException:
                sending.drop()
                raise
        return digests

    def chunks(self, digest: str) -> Iterator[bytes]:
        """The bytes in pieces of at most 8 MiB, each a request of its own; see :meth:`Blobs.chunks`."""
        checked_digest(digest)
        piece = self._piece(digest, 0, _PIECE)
        seen, first = hashlib.sha256(piece.data), len(piece.data)
        while first < piece.total:
            yield piece.data
            piece = self._piece(digest, first, first + _PIECE)
            first += len(piece.data)
            seen.update(piece.data)
        if seen.hexdigest() != digest:
            raise StoreCorrupt(
                f"Object {digest} came damaged from {self.where}.",
                hint="Make the same call again; if it stays so, run `autoresearch fsck` on the server.",
                details={"digest": digest, "found": seen.hexdigest()},
            )
        yield piece.data

    def part(self, digest: str, first: int, beyond: int) -> Iterator[bytes]:
        """Some of the bytes; see :meth:`Blobs.part`."""
        checked_digest(digest)
        while first < beyond:
            piece = self._piece(digest, first, min(beyond, first + _PIECE))
            if not piece.data:
                return
            yield piece.data
            first += len(piece.data)
            beyond = min(beyond, piece.total)

    def missing(self, digests: Iterable[str]) -> set[str]:
        """Those of the digests that have to be sent; the others count as used now."""
        asked, found = sorted({checked_digest(digest) for digest in digests}), set()
        for some in _slices(asked, _ASKED):
            answer: DigestsOut = self._call("missing_blobs", {"body": DigestsPost.make(digests=some)})
            found |= set(answer.missing)
        return found

    def touch(self, digest: str) -> bool:
        """Mark a blob as used now; see :meth:`Blobs.touch`."""
        return self.has(digest)

    def size(self, digest: str) -> int:
        """Size of a blob in bytes; see :meth:`Blobs.size`."""
        return self._piece(checked_digest(digest), 0, 1).total

    def used_at(self, digest: str) -> float:  # noqa: ARG002  the interface's signature
        """Refused: a server does not tell."""
        _only_there()

    def listed(self) -> Iterator[Stored]:
        """Refused: a server does not tell."""
        _only_there()

    def remove(self, digest: str) -> bool:  # noqa: ARG002  the interface's signature
        """Refused: a server's own collector removes what nothing refers to."""
        _only_there()

    def send_group(self, blobs: Mapping[str, bytes]) -> None:
        """Send those of some blobs that the server has not; called on several threads."""
        lost = self.missing(blobs)
        small = [digest for digest in blobs if digest in lost and len(blobs[digest]) <= _SMALL]
        for digest in lost - set(small):
            self._call("put_blob", {"content": blobs[digest], "digest": digest})
        if small:
            content = msgspec.msgpack.encode([blobs[digest] for digest in small])
            answer: BlobsOut = self._call("put_blobs", {"content": content})
            if [one.digest for one in answer.blobs] != small:
                raise Unavailable(
                    f"{self.where} got other bytes than were sent.", hint="Make the same call again."
                )

    def send_large(self, source: Again) -> None:
        """Send one blob in parts, from where the server has it; called on several threads."""
        try:
            failures = 0
            upload = self._begin(source)
            while upload.id:
                before = upload.received
                try:
                    upload = self._go_on(source, upload)
                except Busy:
                    # The answer to an earlier request to finish was lost, and the server is still at it.
                    time.sleep(_BUSY_SECONDS)
                except (Unavailable, Conflict, NotFound) as error:
                    # Whatever happened, the server says where it is: finished, gone, or continued by another.
                    failures += 1
                    if failures == _FAILURES:
                        raise
                    if isinstance(error, Unavailable):
                        time.sleep(random.uniform(0.5, 1) * min(5.0, 0.1 * 2**failures))  # noqa: S311
                    upload = self._begin(source)
                if upload.received > before:
                    failures = 0
        finally:
            source.close()

    def _begin(self, source: Again) -> UploadOut:
        post = UploadPost.make(digest=source.digest, size=source.size)
        found: UploadOut = self._call("begin_upload", {"body": post})
        return found

    def _go_on(self, source: Again, upload: UploadOut) -> UploadOut:
        given: dict[str, Any] = {"upload_id": upload.id}
        if upload.received == upload.size:
            # All of it is read and hashed once more over there, which may take its time.
            self._call("finish_upload", given, more=upload.size / _SLOWEST)
            return upload.model_copy(update={"id": ""})
        given |= {"offset": upload.received, "content": source.read(upload.received, _PIECE)}
        further: UploadOut = self._call("append_upload", given)
        return further

    def _piece(self, digest: str, first: int, beyond: int) -> _Piece:
        headers = {"Range": f"bytes={first}-{beyond - 1}"}
        operation = OPERATIONS["get_blob"]
        try:
            request = prepare(operation, {"digest": digest})
            reply = self._client.send(request, timeout=self._client.ingest_timeout, headers=headers)
            if reply.status == 416 and first:
                return _Piece(b"", first)
            return _Piece(answer_of(operation, reply), _total(reply, first))
        except RequestError as error:
            raise error.error from None

    def _call(self, name: str, given: Mapping[str, Any], *, more: float = 0.0) -> Any:
        timeout = self._client.ingest_timeout + more
        return raised_here(partial(self._client.call, timeout=timeout), name, given)


class _Piece(NamedTuple):
    data: bytes
    total: int


def _total(reply: Reply, first: int) -> int:
    if reply.status == 200 and not first:
        return len(reply.body)
    found = _RANGE.match(reply.headers.get("content-range", ""))
    if found is None or int(found[1]) != first or int(found[2]) - first + 1 != len(reply.body):
        raise Unavailable("The answer is not the part that was asked for.", hint="Make the same call again.")
    return int(found[3])


class _Sending:
    """Blobs on their way: small ones in groups, and no more at once than fit into memory."""

    def __init__(self, remote: RemoteObjects, pool: ThreadPoolExecutor) -> None:
        self._remote, self._pool = remote, pool
        self._group: dict[str, bytes] = {}
        self._held = 0
        self._seen: set[str] = set()
        self._flying: set[Future[None]] = set()

    def take(self, blob: Blob) -> str:
        """Take a blob, which was read when this returns; answers its digest."""
        if isinstance(blob, Path):
            with opened(blob) as stream:
                return self.take(stream)
        begins = blob[: _PIECE + 1] if isinstance(blob, bytes) else read_full(blob, _PIECE + 1)
        if len(begins) > _PIECE:
            source = reread(blob) if isinstance(blob, bytes) else reread(blob, begins)
            if source.digest in self._seen:
                source.close()
            else:
                self._submit(lambda: self._remote.send_large(source))
            self._seen.add(source.digest)
            return source.digest
        digest = hashlib.sha256(begins).hexdigest()
        if digest not in self._seen:
            self._seen.add(digest)
            self._group[digest] = begins
            self._held += len(begins)
            if self._held >= _GROUP_BYTES or len(self._group) == _GROUP_BLOBS:
                self._flush()
        return digest

    def finish(self) -> None:
        """Wait until everything has arrived."""
        self._flush()
        self._reap(wait(self._flying).done)

    def drop(self) -> None:
        """Begin nothing further."""
        for future in self._flying:
            future.cancel()

    def _flush(self) -> None:
        group, self._group, self._held = self._group, {}, 0
        if group:
            self._submit(lambda: self._remote.send_group(group))

    def _submit(self, send: Callable[[], None]) -> None:
        while len(self._flying) >= _AT_ONCE:
            self._reap(wait(self._flying, return_when=FIRST_COMPLETED).done)
        self._flying.add(self._pool.submit(send))

    def _reap(self, done: Iterable[Future[None]]) -> None:
        for future in list(done):
            self._flying.discard(future)
            future.result()


def _slices(items: list[str], size: int) -> Iterator[tuple[str, ...]]:
    return (tuple(items[first : first + size]) for first in range(0, len(items), size))


def _only_there() -> NoReturn:
    raise Forbidden(
        "The objects of a server are listed and removed on its own machine.",
        hint="Run `autoresearch admin gc` or `autoresearch admin verify` there.",
    )
