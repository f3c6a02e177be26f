"""The key by which a server tells a request that is sent again from a new one, where the caller has one of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

__all__ = ["request_key", "wanted_key"]

_key: ContextVar[str | None] = ContextVar("request_key", default=None)


@contextlib.contextmanager
def request_key(key: str) -> Iterator[None]:
    """Send the request of the block with this ``Idempotency-Key``: it is done once, also by another process."""
    token = _key.set(key)
    try:
        yield
    finally:
        _key.reset(token)


def wanted_key() -> str | None:
    """The key of the present block; None outside of one."""
    return _key.get()
