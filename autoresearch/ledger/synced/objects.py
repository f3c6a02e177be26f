"""Blobs of a machine that works with a server: stored here, and fetched once from there where they are not here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from autoresearch.errors import NotFound
from autoresearch.store.blobs import Blobs
from autoresearch.store.objects import Objects
from autoresearch.store.streams import joined

__all__ = ["MirroredObjects"]


_AT_ONCE = 6


class MirroredObjects(Objects):
    """Blobs below a folder of this machine.

    Args:
        root: The folder.
        remote: Those of the server.
    """

    def __init__(self, root: Path, remote: Blobs) -> None:
        super().__init__(root)
        self._remote = remote

    def chunks(self, digest: str) -> Iterator[bytes]:
        """The bytes in pieces; fetched first where they are not here."""
        self._fetch(digest)
        return super().chunks(digest)

    def copy_to(self, digest: str, path: Path, mode: int = 0o666) -> int:
        """Write a blob to a new file; fetched first where it is not here."""
        self._fetch(digest)
        return super().copy_to(digest, path, mode)

    def size(self, digest: str) -> int:
        """Size of a blob in bytes; fetched first where it is not here."""
        self._fetch(digest)
        return super().size(digest)

    def fetch(self, digests: Iterable[str]) -> None:
        """Bring blobs here that are not, several at once.

        Raises:
            NotFound: One is nowhere; others may have come.
            Unavailable: The server does not answer; likewise.
        """
        wanted = [digest for digest in dict.fromkeys(digests) if not self.has(digest)]
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="autoresearch-blobs") as pool:
            for done in [pool.submit(self._fetch, digest) for digest in wanted]:
                try:
                    done.result()
                except BaseException:
                    pool.shutdown(cancel_futures=True)
                    raise

    def _fetch(self, digest: str) -> None:
        if not self.has(digest) and self.put_file(joined(self._remote.chunks(digest))) != digest:
            raise NotFound(f"Object {digest} is not stored.")
