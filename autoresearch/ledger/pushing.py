"""Bring blobs from one place to another: those that are here and not there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from autoresearch.store.blobs import Blob, Blobs
from autoresearch.store.streams import joined

__all__ = ["Pushed", "push"]

_SLICE = 200
_LARGE = 8 * 1024 * 1024


class Pushed(NamedTuple):
    """What came of it.

    Attributes:
        sent: Blobs that travelled.
        size: Their bytes.
        there: Blobs that were there already.
        lost: Digests that are in neither place: stored by another machine, or not kept.
    """

    sent: int = 0
    size: int = 0
    there: int = 0
    lost: tuple[str, ...] = ()


def push(
    source: Blobs,
    target: Blobs,
    digests: Iterable[str],
    *,
    progress: Callable[[Pushed], None] | None = None,
) -> Pushed:
    """Bring blobs to ``target`` that are in ``source`` and not there yet.

    Args:
        source: Where they are.
        target: Where they are wanted; asked what it lacks.
        digests: Which.
        progress: Called after each slice with what was done so far.

    Raises:
        StoreCorrupt: One is damaged in ``source``; others may have travelled.
        StoreError: One of the two cannot be used; what travelled is there, and the same call goes on.
        Unavailable: One of the two cannot be reached; likewise.
    """
    wanted = sorted(set(digests))
    if not wanted:
        return Pushed()
    missing = sorted(target.missing(wanted))
    ahead = [digest for digest in missing if source.has(digest)]
    done = Pushed(there=len(wanted) - len(missing), lost=tuple(sorted(set(missing) - set(ahead))))
    for first in range(0, len(ahead), _SLICE):
        some = ahead[first : first + _SLICE]
        sizes: list[int] = []
        target.put_many(_read(source, some, sizes))
        done = done._replace(sent=done.sent + len(sizes), size=done.size + sum(sizes))
        if progress is not None:
            progress(done)
    return done


def _read(source: Blobs, digests: list[str], sizes: list[int]) -> Iterator[Blob]:
    for digest in digests:
        size = source.size(digest)
        sizes.append(size)
        yield source.get(digest) if size <= _LARGE else joined(source.chunks(digest))
