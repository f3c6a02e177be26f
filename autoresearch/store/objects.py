"""Bytes by their sha256: one read-only file per blob, whole or absent, checked on every read.

A blob is written beside its place, synced, then renamed, so that a kill at any instruction leaves either nothing or
all of it under its name. Writers of the same blob do not disturb one another: whoever renames last puts the same
bytes there again. Layout: ``root/ab/cdef…`` for blobs, ``root/tmp/`` for what is being written.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from autoresearch.errors import Invalid, NotFound, StoreCorrupt, StoreError, StoreFull, StoreReadOnly

__all__ = ["Blob", "ObjectProblem", "Objects"]

Blob = bytes | Path | BinaryIO
"""What can be stored: bytes, a file by its path, or a binary stream read to its end."""

_CHUNK = 1024 * 1024
_BATCH_FILES = 1000
_BATCH_BYTES = 256 * 1024 * 1024
_STALE_SECONDS = 3600.0
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_FAN = re.compile(r"[0-9a-f]{2}\Z")


class ObjectProblem(NamedTuple):
    """Something ``verify`` found: the digest (or the path of a file that does not belong) and what is wrong."""

    name: str
    reason: str


class _Pending(NamedTuple):
    digest: str
    temporary: Path
    size: int


class Objects:
    """Content-addressed files below ``root``, which is made by the first write.

    Args:
        root: Folder of the store.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self._temporaries = self.root / "tmp"
        self._fans: set[str] = set()

    def put(self, data: bytes) -> str:
        """Store bytes; answers their digest. Storing them again costs one look and marks them as used now.

        Raises:
            StoreFull: No space left; nothing was stored.
            StoreReadOnly: The store cannot be written.
        """
        return self.put_many([data])[0]

    def put_file(self, source: Path | BinaryIO) -> str:
        """Store a file or the rest of a binary stream without holding it in memory; answers its digest.

        Raises:
            StoreFull: No space left; nothing was stored.
            StoreReadOnly: The store cannot be written.
            NotFound: The source is not there.
        """
        return self.put_many([source])[0]

    def put_many(self, blobs: Iterable[Blob]) -> list[str]:
        """Store many blobs, a thousand per round of syncs; answers their digests in order, all durable.

        The iterable is asked for one blob at a time, after the one before was read. When it or a write fails, what
        was not yet renamed is removed; blobs of earlier rounds stay, as orphans that the garbage collector takes.

        Raises:
            StoreFull: No space left.
            StoreReadOnly: The store cannot be written.
            NotFound: A path is not there.
        """
        digests: list[str] = []
        pending: dict[str, _Pending] = {}
        held = 0
        try:
            for blob in blobs:
                digest = self._take(blob, pending)
                digests.append(digest)
                held += pending[digest].size if digest in pending else 0
                if len(pending) >= _BATCH_FILES or held >= _BATCH_BYTES:
                    self._settle(pending)
                    held = 0
            self._settle(pending)
        finally:
            for left in pending.values():
                _discard(left.temporary)
        return digests

    def get(self, digest: str) -> bytes:
        """The bytes of a digest.

        Raises:
            NotFound: Not stored.
            StoreCorrupt: The bytes on disk are not those that were written.
        """
        return b"".join(self.chunks(digest))

    def chunks(self, digest: str) -> Iterator[bytes]:
        """The bytes in pieces of at most 1 MiB; only when the last was taken are they known to be right.

        Raises:
            NotFound: Not stored.
            StoreCorrupt: The bytes were not those that were written; what was taken must be thrown away.
        """
        path = self._path(digest)
        seen = hashlib.sha256()
        try:
            with path.open("rb", buffering=0) as file:
                while chunk := file.read(_CHUNK):
                    seen.update(chunk)
                    yield chunk
        except FileNotFoundError:
            raise NotFound(
                f"Object {digest} is not stored.", hint="Run `autoresearch fsck` to see what is missing."
            ) from None
        except OSError as error:
            raise _refusal(error, path) from error
        if seen.hexdigest() != digest:
            raise StoreCorrupt(
                f"Object {digest} does not hold the bytes it was written with.",
                hint="Run `autoresearch fsck`; restore the file from a copy of the store, or record the code again.",
                details={"digest": digest, "found": seen.hexdigest()},
            )

    def copy_to(self, digest: str, path: Path, mode: int = 0o666) -> int:
        """Write a blob to a new file (``mode`` less the umask); answers its size in bytes.

        Raises:
            NotFound: Not stored.
            StoreCorrupt: The bytes are wrong; the new file is removed again.
            StoreError: The new file cannot be written, or is there already.
        """
        size = 0
        try:
            target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        except OSError as error:
            raise _refusal(error, path) from error
        try:
            with os.fdopen(target, "wb", buffering=0) as file:
                for chunk in self.chunks(digest):
                    _write(file.fileno(), chunk)
                    size += len(chunk)
        except BaseException as error:
            _discard(path)
            if isinstance(error, OSError):
                raise _refusal(error, path) from error
            raise
        return size

    def has(self, digest: str) -> bool:
        """Whether a blob is stored (its bytes are not read)."""
        return self._path(digest).exists()

    def missing(self, digests: Iterable[str]) -> set[str]:
        """Those of the digests that are not stored."""
        return {digest for digest in set(digests) if not self.has(digest)}

    def touch(self, digest: str) -> bool:
        """Mark a blob as used now, which keeps a collector off it; False when it is not stored."""
        path = self._path(digest)
        with contextlib.suppress(PermissionError):
            try:
                os.utime(path)
            except FileNotFoundError:
                return False
            except OSError as error:
                if error.errno != errno.EROFS:
                    raise _refusal(error, path) from error
        return True

    def size(self, digest: str) -> int:
        """Size of a blob in bytes.

        Raises:
            NotFound: Not stored.
        """
        return self._stat(digest).st_size

    def used_at(self, digest: str) -> float:
        """When a blob was last stored or stored again, in Unix seconds; the garbage collector spares recent ones.

        Raises:
            NotFound: Not stored.
        """
        return self._stat(digest).st_mtime

    def digests(self) -> Iterator[str]:
        """Every digest stored, in order."""
        for fan in _names(self.root):
            if _FAN.match(fan):
                for rest in _names(self.root / fan):
                    if _DIGEST.match(fan + rest):
                        yield fan + rest

    def remove(self, digest: str) -> bool:
        """Delete a blob; False when it was not there.

        Raises:
            StoreReadOnly: The store cannot be written.
        """
        path = self._path(digest)
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _refusal(error, path) from error
        return True

    def verify(self) -> Iterator[ObjectProblem]:
        """Read every blob and name each that is wrong, then each file that does not belong here."""
        for digest in self.digests():
            try:
                for _ in self.chunks(digest):
                    pass
            except NotFound:
                continue  # removed by a collector since it was listed
            except StoreError as error:
                yield ObjectProblem(digest, error.message)
        for fan in _names(self.root):
            if fan == "tmp":
                continue
            if not _FAN.match(fan):
                yield ObjectProblem(fan, "is not part of the object store")
                continue
            for rest in _names(self.root / fan):
                if not _DIGEST.match(fan + rest):
                    yield ObjectProblem(f"{fan}/{rest}", "is not part of the object store")

    def stale(self, older_than: float = _STALE_SECONDS, *, now: float | None = None) -> list[Path]:
        """Temporary files that killed writers left behind: those untouched for ``older_than`` seconds.

        Only age tells: a process id says nothing when containers share a store.
        """
        limit = (time.time() if now is None else now) - older_than
        found = []
        for name in _names(self._temporaries):
            path = self._temporaries / name
            with contextlib.suppress(FileNotFoundError):
                if path.lstat().st_mtime < limit:
                    found.append(path)
        return found

    def sweep(self, older_than: float = _STALE_SECONDS, *, now: float | None = None) -> int:
        """Delete stale temporary files; answers how many.

        Raises:
            StoreReadOnly: The store cannot be written.
        """
        stale = self.stale(older_than, now=now)
        for path in stale:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise _refusal(error, path) from error
        return len(stale)

    def _path(self, digest: str) -> Path:
        if not _DIGEST.match(digest):
            raise Invalid(
                f"{digest!r} is not a digest.", hint="A digest is 64 lower-case hexadecimal digits."
            )
        return self.root / digest[:2] / digest[2:]

    def _stat(self, digest: str) -> os.stat_result:
        try:
            return self._path(digest).stat()
        except FileNotFoundError:
            raise NotFound(f"Object {digest} is not stored.") from None
        except OSError as error:
            raise _refusal(error, self._path(digest)) from error

    def _take(self, blob: Blob, pending: dict[str, _Pending]) -> str:
        if isinstance(blob, bytes):
            return self._take_bytes(blob, pending)
        if not isinstance(blob, Path):
            return self._take_stream(blob, pending)
        try:
            stream = blob.open("rb", buffering=0)
        except FileNotFoundError:
            raise NotFound(f"There is no file {str(blob)!r}.") from None
        except OSError as error:
            raise StoreError(f"{str(blob)!r} cannot be read: {error.strerror}.") from error
        with stream:
            return self._take_stream(stream, pending)

    def _take_bytes(self, data: bytes, pending: dict[str, _Pending]) -> str:
        digest = hashlib.sha256(data).hexdigest()
        if digest not in pending and not self._known(digest, len(data)):
            temporary, target = self._temporary()
            pending[digest] = _Pending(digest, temporary, len(data))
            try:
                _write(target, data)
                _start_writing(target)
            except OSError as error:
                raise _refusal(error, temporary) from error
            finally:
                os.close(target)
        return digest

    def _take_stream(self, stream: BinaryIO, pending: dict[str, _Pending]) -> str:
        first = _read(stream, _CHUNK)
        if len(first) < _CHUNK:
            return self._take_bytes(first, pending)
        hashed = hashlib.sha256(first)
        size = len(first)
        temporary, target = self._temporary()
        keep = False
        try:
            _write(target, first)
            while chunk := _read(stream, _CHUNK):
                hashed.update(chunk)
                size += len(chunk)
                _write(target, chunk)
            digest = hashed.hexdigest()
            if digest not in pending and not self._known(digest, size):
                _start_writing(target)
                pending[digest] = _Pending(digest, temporary, size)
                keep = True
        except OSError as error:
            raise _refusal(error, temporary) from error
        finally:
            os.close(target)
            if not keep:
                _discard(temporary)
        return digest

    def _known(self, digest: str, size: int) -> bool:
        """Whether the blob is there in full; then it is marked as used now, which keeps a collector off it."""
        path = self._path(digest)
        try:
            if path.stat().st_size != size:
                return False
        except OSError:
            return False
        with contextlib.suppress(OSError):
            os.utime(path)
        return True

    def _temporary(self) -> tuple[Path, int]:
        path = self._temporaries / f"{os.getpid()}-{secrets.token_hex(8)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            try:
                return path, os.open(path, flags, 0o444)
            except FileNotFoundError:
                self._temporaries.mkdir(parents=True, exist_ok=True)
                _sync(self.root)
                return path, os.open(path, flags, 0o444)
        except OSError as error:
            raise _refusal(error, self.root) from error

    def _settle(self, pending: dict[str, _Pending]) -> None:
        """Sync what was written, give it its names, sync the folders; ``pending`` is empty afterwards."""
        try:
            for item in pending.values():
                _sync(item.temporary)
            fans = {digest[:2] for digest in pending}
            self._make_fans(fans)
            for digest, item in list(pending.items()):
                item.temporary.rename(self._path(digest))
                del pending[digest]
            for fan in fans:
                _sync(self.root / fan)
        except OSError as error:
            raise _refusal(error, self.root) from error

    def _make_fans(self, fans: set[str]) -> None:
        new = fans - self._fans
        for fan in new:
            (self.root / fan).mkdir(parents=True, exist_ok=True)
        if new:
            _sync(self.root)
        self._fans |= new


def _names(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise _refusal(error, folder) from error


def _read(stream: BinaryIO, size: int) -> bytes:
    """Up to ``size`` bytes, fewer only at the end: raw streams may hand out less than was asked for."""
    try:
        data = stream.read(size)
        while data and len(data) < size:
            more = stream.read(size - len(data))
            if not more:
                break
            data += more
    except OSError as error:
        raise StoreError(f"What was to be stored cannot be read: {error.strerror}.") from error
    return data


def _write(target: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(target, rest) :]


def _start_writing(target: int) -> None:
    # Starts the transfer now, so that the syncs of a batch find little left to wait for (measured: 0.09 for 0.7 ms).
    if hasattr(os, "posix_fadvise"):
        with contextlib.suppress(OSError):
            os.posix_fadvise(target, 0, 0, os.POSIX_FADV_DONTNEED)


def _sync(path: Path) -> None:
    target = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(target)
    finally:
        os.close(target)


def _discard(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _refusal(error: OSError, path: Path) -> StoreError:
    shown = os.fspath(path).encode("utf-8", "replace").decode()
    details = {"path": shown}
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StoreFull(
            f"No space left while writing {shown!r}.",
            hint="Free some space, or run `autoresearch gc` to remove what nothing refers to.",
            details=details,
        )
    if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
        return StoreReadOnly(
            f"{shown!r} cannot be written: {error.strerror}.",
            hint="Give yourself the right to write there, or set AUTORESEARCH_HOME to another folder.",
            details=details,
        )
    return StoreError(f"{shown!r} cannot be used: {error.strerror}.", details=details)
