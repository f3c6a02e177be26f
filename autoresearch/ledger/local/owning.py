"""The objects of one organization: bytes lie in one store for all, and each reads what it has sent itself.

Whoever stores bytes becomes an owner of them in the same call. A collector removes bytes from the whole store; so that it never
removes what somebody is just becoming an owner of, it counts its passes, and who finds that the count has moved looks whether
the bytes are still there before it writes its row.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import sqlalchemy as sa

from autoresearch.errors import AutoresearchError, Forbidden, Unavailable
from autoresearch.ledger.local.unit import Unit
from autoresearch.records.tree import Tree, looks_like_manifest
from autoresearch.store.blob_schema import blobs as _table
from autoresearch.store.blob_schema import collections
from autoresearch.store.blobs import GRACE_SECONDS, Blob, Blobs, Depot, Stored, absent, checked_digest
from autoresearch.store.columns import Moment

if TYPE_CHECKING:
    from autoresearch.ledger.local.ledger import LocalLedger

__all__ = ["OwnedBlobs", "collections_so_far", "own", "owned"]

_AT_ONCE = 500
_PASSES = sa.select(sa.func.max(collections.c.number))
_FRESH = datetime.timedelta(seconds=GRACE_SECONDS / 2)
_THESE = _table.c.digest.in_(sa.bindparam("digests", expanding=True))
_OWNED = sa.select(_table.c.digest).where(_table.c.organization == sa.bindparam("organization"), _THESE)
_OLD = _OWNED.where(
    sa.func.coalesce(_table.c.used_at, _table.c.recorded_at) < sa.bindparam("before", type_=Moment)
)
_USED = (
    sa.update(_table)
    .where(_table.c.organization == sa.bindparam("whose"), _THESE)
    .values(used_at=sa.bindparam("now", type_=Moment))
)


class OwnedBlobs(Blobs):
    """See :class:`autoresearch.store.blobs.Blobs`; of the bytes in a store, those of one ledger's organization.

    Args:
        ledger: Whose they are. One that was opened where the files lie may read all of them; what it meets there without an
            owner, it takes over.
    """

    def __init__(self, ledger: LocalLedger) -> None:
        self._ledger = ledger
        self._store: Depot = ledger.store
        self.where = self._store.where

    def put_many(self, blobs: Iterable[Blob]) -> list[str]:
        """Store many blobs and own them; see :meth:`Blobs.put_many`."""
        with self._ledger.read() as unit:
            before = collections_so_far(unit)
        sizes: list[Callable[[], int]] = []
        digests = self._store.put_many(_measured(blobs, sizes))
        self.own({digest: size() for digest, size in zip(digests, sizes, strict=True)}, before)
        return digests

    def own(self, sizes: Mapping[str, int], before: int) -> None:
        """Become an owner of bytes that this organization has sent, and that are stored.

        Args:
            sizes: Bytes by digest.
            before: How often the store had been collected before they were sent.

        Raises:
            Unavailable: A collector took them meanwhile; they have to be sent again.
        """
        if not sizes.keys() - self._used(sizes):
            return
        with self._ledger.write() as unit:
            new = sizes.keys() - owned(unit, sizes)
            if collections_so_far(unit) != before and self._store.missing(new):
                raise Unavailable(
                    "Objects were collected while these were on their way.", hint="Make the same call again."
                )
            own(unit, {digest: sizes[digest] for digest in new})

    def holds(self, unit: Unit) -> Callable[[str], bool]:
        """Whether a digest may be named by a record that is written in this transaction."""

        def held(digest: str) -> bool:
            if not self._ledger.trusted:
                return digest in owned(unit, [digest])
            if not self._store.has(digest):
                return False
            if digest not in owned(unit, [digest]):
                self._take_over(unit, digest)
            return True

        return held

    def _take_over(self, unit: Unit, digest: str) -> None:
        """Own what a process without a database has put here, a training script's image or patch."""
        found = {digest: self._store.size(digest)}
        if looks_like_manifest(next(self._store.chunks(digest), b"")):
            try:
                tree = Tree.parse(self._store.get(digest))
            except AutoresearchError:
                tree = Tree([])  # a damaged one is named by `fsck`
            found |= {entry.sha256: entry.size for entry in tree.files() if entry.sha256}
        known = owned(unit, found)
        own(unit, {digest: size for digest, size in found.items() if digest not in known})

    def chunks(self, digest: str) -> Iterator[bytes]:
        """The bytes in pieces; see :meth:`Blobs.chunks`."""
        self._check(digest)
        yield from self._store.chunks(digest)

    def part(self, digest: str, first: int, beyond: int) -> Iterator[bytes]:
        """Some of the bytes; see :meth:`Blobs.part`."""
        self._check(digest)
        yield from self._store.part(digest, first, beyond)

    def copy_to(self, digest: str, path: Path, mode: int = 0o666) -> int:
        """Write a blob to a new file; see :meth:`Blobs.copy_to`."""
        self._check(digest)
        return self._store.copy_to(digest, path, mode)

    def missing(self, digests: Iterable[str]) -> set[str]:
        """Those of the digests that this organization has to send: what only others have is among them."""
        asked = {checked_digest(digest) for digest in digests}
        mine = self._used(asked)
        return (asked - mine) | self._store.missing(mine)

    def has(self, digest: str) -> bool:
        """Whether a blob is stored, and may be read."""
        return self._may(digest) and self._store.has(digest)

    def touch(self, digest: str) -> bool:
        """Mark a blob as used now; see :meth:`Blobs.touch`."""
        if not self._used([checked_digest(digest)]):
            return False
        return self._store.touch(digest) if self._ledger.trusted else self._store.has(digest)

    def _used(self, digests: Iterable[str]) -> set[str]:
        """Those that are owned; they count as used now, which keeps a collector off them."""
        asked = list(digests)
        with self._ledger.read() as unit:
            mine = owned(unit, asked)
            old = set() if self._ledger.trusted else owned(unit, mine, before=unit.now - _FRESH)
        if old:
            with self._ledger.write() as unit:
                mine = owned(unit, asked)
                for some in _slices(old):
                    values = {"whose": unit.rows.organization, "digests": some, "now": unit.now}
                    unit.rows.connection.execute(_USED, values)
        return mine

    def size(self, digest: str) -> int:
        """Size of a blob in bytes; see :meth:`Blobs.size`."""
        self._check(digest)
        return self._store.size(digest)

    def used_at(self, digest: str) -> float:
        """When a blob was last stored; see :meth:`Blobs.used_at`."""
        self._check(digest)
        return self._store.used_at(digest)

    def listed(self) -> Iterator[Stored]:
        """Every blob that may be read, in order of digest."""
        if self._ledger.trusted:
            yield from self._store.listed()
            return
        after = ""
        while True:
            with self._ledger.read() as unit:
                rows = unit.rows.list(_table, order="digest", after=after, limit=_AT_ONCE)
            yield from (Stored(row["digest"], row["size"], row["recorded_at"].timestamp()) for row in rows)
            if len(rows) < _AT_ONCE:
                return
            after = rows[-1]["digest"]

    def remove(self, digest: str) -> bool:
        """Delete a blob where the files lie; see :meth:`Blobs.remove`.

        Raises:
            Forbidden: They lie on a server: its collector removes what nothing refers to.
        """
        if not self._ledger.trusted:
            raise Forbidden(
                "Objects are removed where the store lies.", hint="Run `autoresearch admin gc` on the server."
            )
        return self._store.remove(digest)

    def check(self) -> None:
        """See whether the store answers; see :meth:`Blobs.check`."""
        self._store.check()

    def _may(self, digest: str) -> bool:
        checked_digest(digest)
        if self._ledger.trusted:
            return True
        with self._ledger.read() as unit:
            return digest in owned(unit, [digest])

    def _check(self, digest: str) -> None:
        if not self._may(digest):
            raise absent(digest)


def owned(unit: Unit, digests: Iterable[str], *, before: datetime.datetime | None = None) -> set[str]:
    """Those of the digests that the organization has sent; with ``before`` those that it did not use since."""
    statement, values = (_OWNED, {}) if before is None else (_OLD, {"before": before})
    return {
        row[0] for some in _slices(digests) for row in unit.rows.tuples(statement, digests=some, **values)
    }


def _slices(digests: Iterable[str]) -> Iterator[list[str]]:
    asked = list(digests)
    return (asked[first : first + _AT_ONCE] for first in range(0, len(asked), _AT_ONCE))


def own(unit: Unit, sizes: Mapping[str, int]) -> None:
    """Write rows for digests that have none yet."""
    unit.rows.insert_all(
        _table,
        [{"digest": digest, "size": size, "recorded_at": unit.now} for digest, size in sorted(sizes.items())],
    )


def collections_so_far(unit: Unit) -> int:
    """How often objects were removed from the store."""
    return int(unit.rows.connection.execute(_PASSES).scalar() or 0)


def _measured(blobs: Iterable[Blob], sizes: list[Callable[[], int]]) -> Iterator[Blob]:
    """The blobs as they are, and the size of each once it was read."""
    for blob in blobs:
        if isinstance(blob, bytes):
            sizes.append(_always(len(blob)))
            yield blob
        elif isinstance(blob, Path):
            from autoresearch.store.disk import opened

            with opened(blob) as stream:
                yield _counted(stream, sizes)
        else:
            yield _counted(blob, sizes)


def _always(size: int) -> Callable[[], int]:
    return lambda: size


def _counted(stream: BinaryIO, sizes: list[Callable[[], int]]) -> Any:
    counted = _Counted(stream)
    sizes.append(lambda: counted.size)
    return counted


class _Counted:
    """A stream that knows how much of it was read."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self.size += len(data)
        return data
