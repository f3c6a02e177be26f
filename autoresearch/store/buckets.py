"""Bytes by their sha256 in a bucket: S3 and what speaks its language, Google Cloud Storage, Azure.

Layout: ``prefix/ab/cdef…`` for blobs, ``prefix/uploads/`` for parts of uploads. A blob is written under its name in one request
that only makes new objects, or as a multipart upload that shows when it is complete; so it is whole or absent, and writers of
the same blob do not disturb one another. When a blob was last stored is what the bucket says; storing one again that is older
than half the grace writes it again, since that time is what keeps a collector off it.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import random
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar
from urllib.parse import urlsplit

from autoresearch.errors import (
    AutoresearchError,
    Invalid,
    NotFound,
    StoreError,
    StoreFull,
    StoreReadOnly,
    Unavailable,
    UsageError,
)
from autoresearch.store.blobs import (
    GRACE_SECONDS,
    STASH_SECONDS,
    Blob,
    Depot,
    ObjectProblem,
    Stored,
    absent,
    altered,
    checked_digest,
    checked_part,
    is_digest,
)
from autoresearch.store.disk import opened, read_full, refusal

if TYPE_CHECKING:
    from obstore.store import ObjectStore

__all__ = ["Bucket"]

_Answer = TypeVar("_Answer")

_PIECE = 8 * 1024 * 1024
_AT_ONCE = 16
_MOST_PARTS = 9000
_HELD_BYTES = 64 * 1024 * 1024
_ATTEMPTS = 4
_HURRY_SECONDS = 3.0
_UPLOADS = "uploads/"
_CODE = re.compile(r"<Code>(\w{1,60})</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
_DENIED = frozenset(
    {
        "401",
        "403",
        "AccessDenied",
        "AuthenticationFailed",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidToken",
        "SignatureDoesNotMatch",
    }
)
_FULL = frozenset({"XMinioStorageFull", "QuotaExceeded", "InsufficientStorage", "507"})


class Bucket(Depot):
    """Content-addressed objects below a prefix of a bucket, which has to be there.

    Credentials come from where the provider's own tools take them: ``AWS_ACCESS_KEY_ID`` and the like, instance roles;
    ``AWS_ENDPOINT_URL`` names another server that speaks S3, such as MinIO, and is the only one that may be plain http.

    Args:
        where: ``s3://bucket/prefix``, ``gs://bucket/prefix`` or ``az://container/prefix``.
        patience: Seconds after which a request counts as lost; a call gives up after three times as many.

    Raises:
        UsageError: The library for buckets is not installed.
        Invalid: The address or a setting of the provider is off.
    """

    def __init__(self, where: str, *, patience: float = 60.0) -> None:
        self.where = where.rstrip("/")
        self._patience = patience
        self._store = _connected(self.where, patience)
        self._mode: Any = "create"

    def put_many(self, blobs: Iterable[Blob]) -> list[str]:
        """Store many blobs, several at once; see :meth:`Blobs.put_many`. What is not small goes one after the other."""
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="autoresearch-bucket") as pool:
            sending = _Sending(pool)
            try:
                digests = [self._take(blob, sending) for blob in blobs]
                sending.finish()
            except BaseException:
                sending.drop()
                raise
        return digests

    def chunks(self, digest: str) -> Iterator[bytes]:
        """The bytes in pieces of at most 8 MiB; see :meth:`Blobs.chunks`."""
        key = _key(digest)

        def begin(api: Any) -> tuple[int, bytes]:
            found = api.get(self._store, key)
            size = int(found.meta["size"])
            return size, bytes(found.bytes()) if size <= _PIECE else b""

        size, data = self._ask(begin, reading=digest)
        seen = hashlib.sha256(data)
        for first in range(0, size if size > _PIECE else 0, _PIECE):
            if first:
                yield data
            data = self._range(key, first, min(first + _PIECE, size), digest)
            seen.update(data)
        if seen.hexdigest() != digest:
            raise altered(digest, seen.hexdigest())
        yield data

    def part(self, digest: str, first: int, beyond: int) -> Iterator[bytes]:
        """Some of the bytes; see :meth:`Blobs.part`."""
        beyond = min(beyond, self.size(digest))
        for start in range(first, beyond, _PIECE):
            yield self._range(_key(digest), start, min(start + _PIECE, beyond), digest)

    def missing(self, digests: Iterable[str]) -> set[str]:
        """Those of the digests that are not stored; several are asked for at once."""
        asked = sorted(set(digests))
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="autoresearch-bucket") as pool:
            found = pool.map(self._head, map(_key, asked))
            return {digest for digest, state in zip(asked, found, strict=True) if state is None}

    def touch(self, digest: str) -> bool:
        """Mark a blob as used now: it is written again when it was stored long ago; see :meth:`Blobs.touch`."""
        state = self._head(_key(digest))
        if state is None:
            return False
        if self._is_old(state.used_at):
            with tempfile.TemporaryFile() as file:
                for chunk in self.chunks(digest):
                    file.write(chunk)
                self._write_large(digest, lambda: _rewound(file), state.size)
        return True

    def size(self, digest: str) -> int:
        """Size of a blob in bytes; see :meth:`Blobs.size`."""
        return self._state(digest).size

    def used_at(self, digest: str) -> float:
        """When a blob was last stored, by the bucket's clock; see :meth:`Blobs.used_at`."""
        return self._state(digest).used_at

    def listed(self) -> Iterator[Stored]:
        """Every blob, in order of digest."""
        for key, size, used_at in self._keys():
            digest = key[:2] + key[3:]
            if key[2:3] == "/" and is_digest(digest):
                yield Stored(digest, size, used_at)

    def remove(self, digest: str) -> bool:
        """Delete a blob; False when it was not there."""
        if self._head(_key(digest)) is None:
            return False
        self._ask(lambda api: api.delete(self._store, _key(digest)), writing=True)
        return True

    def strangers(self) -> Iterator[ObjectProblem]:
        """Each object below the prefix that does not belong here."""
        for key, _, _ in self._keys():
            if not key.startswith(_UPLOADS) and not (key[2:3] == "/" and is_digest(key[:2] + key[3:])):
                yield ObjectProblem(key, "is not part of the object store")

    def check(self) -> None:
        """See whether the bucket is there and answers within seconds; see :meth:`Blobs.check`."""
        hurried = Bucket(self.where, patience=min(self._patience, _HURRY_SECONDS))
        next(hurried._keys(most=1), None)

    def sweep(self, older_than: float = STASH_SECONDS, *, now: float | None = None) -> int:
        """Delete parts of uploads that nobody went on with for a week; answers how many."""
        limit = (time.time() if now is None else now) - max(older_than, STASH_SECONDS)
        old = [key for key, _, at in self._keys(_UPLOADS) if at < limit]
        self._delete(old)
        return len(old)

    def stash(self, part: str, data: bytes) -> None:
        """Keep a part of an upload; see :meth:`Depot.stash`."""
        key = _UPLOADS + checked_part(part)
        self._ask(lambda api: api.put(self._store, key, data, use_multipart=False), writing=True)

    def stashed(self, part: str) -> Iterator[bytes]:
        """The bytes of a part; see :meth:`Depot.stashed`."""
        key = _UPLOADS + checked_part(part)
        yield self._ask(lambda api: bytes(api.get(self._store, key).bytes()), reading=part)

    def unstash(self, parts: Iterable[str]) -> None:
        """Remove parts; see :meth:`Depot.unstash`."""
        self._delete([_UPLOADS + checked_part(part) for part in parts])

    def _delete(self, keys: list[str]) -> None:
        for first in range(0, len(keys), 1000):
            some = keys[first : first + 1000]
            self._ask(lambda api, some=some: api.delete(self._store, some), writing=True)  # type: ignore[misc]

    def _take(self, blob: Blob, sending: _Sending) -> str:
        if isinstance(blob, bytes):
            return self._take_bytes(blob, sending)
        if isinstance(blob, Path):
            with opened(blob) as stream:
                return self._take_stream(stream, sending)
        return self._take_stream(blob, sending)

    def _take_bytes(self, data: bytes, sending: _Sending) -> str:
        digest = hashlib.sha256(data).hexdigest()
        if len(data) > _PIECE:
            sending.finish()
            self._keep_large(digest, lambda: _sliced(data), len(data))
        else:
            sending.add(digest, len(data), lambda: self._keep_small(digest, data))
        return digest

    def _take_stream(self, stream: BinaryIO, sending: _Sending) -> str:
        first = read_full(stream, _PIECE + 1)
        if len(first) <= _PIECE:
            return self._take_bytes(first, sending)
        sending.finish()
        hashed, size = hashlib.sha256(), 0
        try:
            with tempfile.TemporaryFile() as file:
                while first:
                    hashed.update(first)
                    size += file.write(first)
                    first = read_full(stream, _PIECE)
                digest = hashed.hexdigest()
                self._keep_large(digest, lambda: _rewound(file), size)
        except OSError as error:
            raise refusal(error, Path(tempfile.gettempdir())) from error
        return digest

    def _keep_small(self, digest: str, data: bytes) -> None:
        key = _key(digest)

        def put(api: Any) -> bool:
            try:
                api.put(self._store, key, data, mode=self._mode, use_multipart=False)
            except api.exceptions.AlreadyExistsError:
                return True
            return False

        try:
            there = self._ask(put, writing=True)
        except _NoConditionsError:
            self._mode = "overwrite"  # the same name always has the same bytes
            there = self._ask(put, writing=True)
        if there and not self._is_kept(digest, len(data)):
            overwrite = {"mode": "overwrite", "use_multipart": False}
            self._ask(lambda api: api.put(self._store, key, data, **overwrite), writing=True)

    def _keep_large(self, digest: str, source: Callable[[], Iterator[bytes]], size: int) -> None:
        if not self._is_kept(digest, size):
            self._write_large(digest, source, size)

    def _write_large(self, digest: str, source: Callable[[], Iterator[bytes]], size: int) -> None:
        piece = max(_PIECE, -(-size // _MOST_PARTS))
        wrong: list[StoreError] = []

        def pieces() -> Iterator[bytes]:
            seen = hashlib.sha256()
            for data in source():
                seen.update(data)
                yield data
            if seen.hexdigest() != digest:
                wrong.append(altered(digest, seen.hexdigest()))
                raise wrong[0]  # breaks the upload off before it is complete

        def put(api: Any) -> None:
            api.put(self._store, _key(digest), pieces(), chunk_size=piece, max_concurrency=4)

        try:
            self._ask(put, writing=True)
        except AutoresearchError:
            if wrong:
                raise wrong[-1] from None
            raise

    def _is_kept(self, digest: str, size: int) -> bool:
        """Whether the blob is there in full, and young enough that no collector takes it before it is named."""
        state = self._head(_key(digest))
        return state is not None and state.size == size and not self._is_old(state.used_at)

    def _is_old(self, used_at: float) -> bool:
        return used_at < time.time() - GRACE_SECONDS / 2

    def _state(self, digest: str) -> Stored:
        state = self._head(_key(digest))
        if state is None:
            raise absent(digest)
        return state

    def _head(self, key: str) -> Stored | None:
        try:
            state = self._ask(lambda api: api.head(self._store, key), reading=key)
        except NotFound:
            return None
        return Stored(key, int(state["size"]), state["last_modified"].timestamp())

    def _range(self, key: str, first: int, beyond: int, digest: str) -> bytes:
        data = self._ask(
            lambda api: bytes(api.get_range(self._store, key, start=first, end=beyond)), reading=digest
        )
        if len(data) != beyond - first:
            raise altered(digest, f"{len(data)} of {beyond - first} bytes at {first}")
        return data

    def _keys(self, prefix: str | None = None, *, most: int = 1000) -> Iterator[tuple[str, int, float]]:
        pages = self._ask(lambda api: iter(api.list(self._store, prefix, chunk_size=most)))
        while (page := self._ask(lambda _: next(pages, None), attempts=1)) is not None:
            for state in page:
                yield state["path"], int(state["size"]), state["last_modified"].timestamp()

    def _ask(
        self,
        call: Callable[[Any], _Answer],
        *,
        reading: str = "",
        writing: bool = False,
        attempts: int = _ATTEMPTS,
    ) -> _Answer:
        """Do something with the bucket, again when it was lost on the way: whatever is done here may be done twice."""
        import obstore
        import obstore.exceptions

        ends = time.monotonic() + 2 * self._patience
        for attempt in range(1, attempts + 1):
            try:
                return call(obstore)
            except (obstore.exceptions.BaseError, OSError) as error:
                refused = self._refused(error, reading=reading, writing=writing)
                if not isinstance(refused, Unavailable) or attempt == attempts or time.monotonic() > ends:
                    raise refused from None  # its text may carry what only the provider should see
            time.sleep(random.uniform(0, 0.1 * 2**attempt))  # noqa: S311  spreads repeats, keeps no secret
        raise AssertionError  # the last attempt returns or raises

    def _refused(self, error: Exception, *, reading: str, writing: bool) -> AutoresearchError:
        from obstore import exceptions

        text = str(error)
        found = _CODE.search(text) or _STATUS.search(text)
        code = found[1] if found else ""
        details = {"where": self.where, "code": code}
        if code in {"NoSuchBucket", "ContainerNotFound"}:
            return StoreError(
                f"There is no bucket at {self.where}.",
                hint="Make it, or correct AUTORESEARCH_OBJECTS_URL.",
                details=details,
            )
        if isinstance(error, FileNotFoundError | exceptions.NotFoundError):
            return absent(reading) if reading else StoreError(f"{self.where} is not there.", details=details)
        denied = PermissionError, exceptions.PermissionDeniedError, exceptions.UnauthenticatedError
        if isinstance(error, denied) or code in _DENIED:
            kind = StoreReadOnly if writing else StoreError
            return kind(
                f"{self.where} may not be {'written' if writing else 'read'} with these credentials"
                f"{f' ({code})' if code else ''}.",
                hint="Look at the credentials in the environment, and at what they are allowed to do there.",
                details=details,
            )
        if "BadScheme" in text:
            return StoreError(
                f"{self.where} would be reached over plain http, which gives everything away.",
                hint="Only AWS_ENDPOINT_URL may be an http:// address; otherwise use https://.",
                details=details,
            )
        if code in _FULL:
            return StoreFull(f"No space left in {self.where}.", hint="Make room there.", details=details)
        if isinstance(error, exceptions.NotSupportedError) or code in {"NotImplemented", "501"}:
            return _NoConditionsError(f"{self.where} cannot do what is needed ({code}).", details=details)
        return Unavailable(
            f"{self.where} cannot be reached, or does not answer as it should{f' ({code})' if code else ''}.",
            hint="Try again; if it stays so, look at the network, AWS_ENDPOINT_URL and AWS_REGION.",
            details=details,
        )


class _NoConditionsError(StoreError):
    """A server that knows no conditional requests."""


class _Sending:
    """Blobs on their way: so many at once, and no more bytes than fit into memory."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._digests: set[str] = set()
        self._flying: dict[Future[None], int] = {}

    def add(self, digest: str, size: int, send: Callable[[], None]) -> None:
        if digest in self._digests:
            return
        self._digests.add(digest)
        while self._flying and (
            len(self._flying) >= 2 * _AT_ONCE or sum(self._flying.values()) + size > _HELD_BYTES
        ):
            self._reap(wait(self._flying, return_when=FIRST_COMPLETED).done)
        self._flying[self._pool.submit(send)] = size

    def finish(self) -> None:
        self._reap(wait(self._flying).done)

    def drop(self) -> None:
        for future in self._flying:
            future.cancel()

    def _reap(self, done: Iterable[Future[None]]) -> None:
        for future in list(done):
            del self._flying[future]
            future.result()


def _key(digest: str) -> str:
    checked_digest(digest)
    return f"{digest[:2]}/{digest[2:]}"


def _rewound(file: Any) -> Iterator[bytes]:
    file.seek(0)
    while data := file.read(_PIECE):
        yield data


def _sliced(data: bytes) -> Iterator[bytes]:
    return (data[first : first + _PIECE] for first in range(0, len(data), _PIECE))


def _connected(where: str, patience: float) -> ObjectStore:
    try:
        from obstore.exceptions import BaseError
        from obstore.store import from_url
    except ImportError:
        raise UsageError(
            f"{where} is a bucket, and the library for buckets is not installed.",
            hint="Run `pip install 'autoresearch[s3]'`.",
        ) from None
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    plain = urlsplit(where).scheme in {"s3", "s3a"} and urlsplit(endpoint).scheme == "http"
    seconds = datetime.timedelta(seconds=1)
    try:
        return from_url(
            where,
            client_options={
                "allow_http": plain,
                "connect_timeout": min(patience, 10.0) * seconds,
                "timeout": patience * seconds,
            },
            retry_config={
                "max_retries": 5,
                "retry_timeout": patience * seconds,
                "backoff": {"init_backoff": 0.1 * seconds, "max_backoff": 5 * seconds, "base": 2},
            },
        )
    except (BaseError, ValueError) as error:
        raise Invalid(
            f"{where} cannot be opened: {str(error).splitlines()[0][:200]}",
            hint="Give s3://bucket/prefix, gs://bucket/prefix or az://container/prefix.",
        ) from None
