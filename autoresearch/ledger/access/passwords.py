"""Hashing of passwords: argon2id, a few at a time, the same work whether or not there is anything to compare with."""

from __future__ import annotations

import contextlib
import threading
import unicodedata
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from autoresearch.errors import SlowDown

if TYPE_CHECKING:
    from argon2 import PasswordHasher

__all__ = ["Passwords"]


class Passwords:
    """Makes and checks hashes of passwords.

    Args:
        memory_kib: Memory of one hash.
        passes: Passes over it.
        at_once: How many are computed at the same time.
        waiting: How many more may wait; whoever comes then is told to come again.
        patience: Seconds that one may wait.
    """

    def __init__(
        self,
        *,
        memory_kib: int = 46 * 1024,
        passes: int = 2,
        at_once: int = 2,
        waiting: int = 4,
        patience: float = 5.0,
    ) -> None:
        self._memory_kib = memory_kib
        self._passes = passes
        self._patience = patience
        self._turns = threading.BoundedSemaphore(at_once)
        self._places = threading.BoundedSemaphore(at_once + waiting)

    @cached_property
    def _hasher(self) -> PasswordHasher:
        from argon2 import PasswordHasher, Type

        return PasswordHasher(
            time_cost=self._passes, memory_cost=self._memory_kib, parallelism=1, type=Type.ID
        )

    @cached_property
    def _nobodys(self) -> str:
        """A hash that nothing matches, for those who have none: it costs what a real one costs."""
        return self._hasher.hash(b"nobody")

    def hash(self, password: str) -> str:
        """The hash of a password, with its parameters and salt.

        Raises:
            SlowDown: Too many are asked for at once.
        """
        with self._turn():
            return self._hasher.hash(_bytes(password))

    def verify(self, stored: str | None, password: str) -> bool:
        """Whether a password is the one that was hashed; False, after the same work, when nothing was.

        Raises:
            SlowDown: Too many are asked for at once.
        """
        from argon2.exceptions import InvalidHashError, VerificationError

        with self._turn():
            try:
                matches = self._hasher.verify(stored or self._nobodys, _bytes(password))
            except (VerificationError, InvalidHashError):
                return False
        return matches and stored is not None

    def outdated(self, stored: str) -> bool:
        """Whether a hash was made with other parameters than one made today."""
        return self._hasher.check_needs_rehash(stored)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise _busy()
        try:
            if not self._turns.acquire(timeout=self._patience):
                raise _busy()
            try:
                yield
            finally:
                self._turns.release()
        finally:
            self._places.release()


def _bytes(password: str) -> bytes:
    # Keyboards differ in how they compose a letter; the same letters are the same password. A prefix keeps "nobody" out of reach.
    return b"p:" + unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def _busy() -> SlowDown:
    return SlowDown(
        "Too many people are signing in at this moment.",
        hint="Try again in a few seconds.",
        details={"retry_after": 5},
    )
