"""Digests of files that were hashed before, trusted as long as nothing about the file changed.

The rule is git's: size, inode and both times must be the same, and an entry is not kept when the file was changed at
about the time it was hashed, since a later change within one tick of the file system's clock would look the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import struct
from pathlib import Path
from typing import NamedTuple, Protocol

__all__ = ["GRANULARITY_NS", "CachedFile", "StatCache", "StatLike"]

GRANULARITY_NS = 2_000_000_000
"""The coarsest clock among file systems in use (FAT), in nanoseconds."""

_MAGIC = b"autoresearch-stat-1\n"
_RECORD = struct.Struct("<qqQQI32s")
_HEAD = struct.Struct("<Q64s64s")


class StatLike(Protocol):
    """What an entry is compared by: the fields of ``os.stat_result`` with these names."""

    @property
    def st_mode(self) -> int:
        """Type and permissions."""
        ...

    @property
    def st_mtime_ns(self) -> int:
        """Nanoseconds since the epoch when the content changed."""
        ...

    @property
    def st_ctime_ns(self) -> int:
        """Nanoseconds since the epoch when anything about the file changed."""
        ...

    @property
    def st_size(self) -> int:
        """Bytes."""
        ...

    @property
    def st_ino(self) -> int:
        """Number of the inode."""
        ...


class CachedFile(NamedTuple):
    """A file as it was when it was hashed; ``sha256`` is binary."""

    mtime_ns: int
    ctime_ns: int
    size: int
    ino: int
    mode: int
    sha256: bytes

    def matches(self, state: StatLike) -> bool:
        """Whether the file is still the same."""
        return (
            self.mtime_ns == state.st_mtime_ns
            and self.ctime_ns == state.st_ctime_ns
            and self.size == state.st_size
            and self.ino == state.st_ino
            and self.mode == state.st_mode
        )


class StatCache:
    """Digests by file name for one folder, in one file; a file that is missing or damaged is an empty cache.

    Args:
        path: File to keep it in; None remembers nothing.

    Attributes:
        known: What the last snapshot learned.
        tree: Digest of the last snapshot's manifest; empty when there is none.
        others: Digest of what that manifest holds besides the known files.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.tree, self.others, self.known = _load(path) if path is not None else ("", "", {})
        self._fresh: dict[bytes, CachedFile] = {}

    def unchanged(self, top: bytes) -> dict[bytes, CachedFile]:
        """Look at every known file below a folder (which ends with a slash); answers those that did not change."""
        same = {}
        lstat = os.lstat
        for name, entry in self.known.items():
            try:
                state = lstat(top + name)
            except OSError:
                continue
            if entry.matches(state):
                same[name] = entry
        return same

    def learn(self, name: bytes, state: StatLike, digest: str, started_ns: int) -> None:
        """Remember a digest, unless the file changed too close to ``started_ns``, the time before it was read."""
        if max(state.st_mtime_ns, state.st_ctime_ns) < started_ns - GRANULARITY_NS:
            values = (state.st_mtime_ns, state.st_ctime_ns, state.st_size, state.st_ino, state.st_mode)
            self._fresh[name] = CachedFile(*values, bytes.fromhex(digest))

    def save(self, same: dict[bytes, CachedFile], tree: str, others: str) -> None:
        """Write what did not change and what was learned; when that fails, it is only slower next time."""
        if self._path is None:
            return
        entries = {**same, **self._fresh}
        records = b"".join(_RECORD.pack(*entry) for entry in entries.values())
        body = _HEAD.pack(len(entries), tree.encode(), others.encode()) + records + b"\0".join(entries)
        temporary = self._path.with_name(f"{self._path.name}.{secrets.token_hex(6)}")
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            try:
                temporary.write_bytes(_MAGIC + hashlib.sha256(body).digest() + body)
                temporary.replace(self._path)
            finally:
                temporary.unlink(missing_ok=True)


def _load(path: Path) -> tuple[str, str, dict[bytes, CachedFile]]:
    try:
        data = path.read_bytes()
    except OSError:
        return "", "", {}
    start = len(_MAGIC) + 32
    body = memoryview(data)[start:]
    if not data.startswith(_MAGIC) or hashlib.sha256(body).digest() != data[len(_MAGIC) : start]:
        return "", "", {}
    count, tree, others = _HEAD.unpack_from(body)
    end = _HEAD.size + count * _RECORD.size
    names = bytes(body[end:]).split(b"\0") if count else []
    records = map(CachedFile._make, _RECORD.iter_unpack(body[_HEAD.size : end]))
    return tree.decode(), others.decode(), dict(zip(names, records, strict=True))
