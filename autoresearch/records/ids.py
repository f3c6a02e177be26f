"""Time-ordered identifiers that the caller makes (UUID version 7, RFC 9562)."""

from __future__ import annotations

import hashlib
import os
import time
import uuid

__all__ = ["derived_id", "new_id"]


def new_id() -> str:
    """A fresh UUIDv7: 48 bits of Unix milliseconds, then random bits."""
    return _stamp(time.time_ns() // 1_000_000, os.urandom(10))


def derived_id(*parts: str) -> str:
    """The same id for the same parts, so that doing something twice is doing it once.

    It has the form of a UUIDv8 (custom): all bits come from a digest, none from a clock.
    """
    body = b"\0".join(part.encode("utf-8", "surrogatepass") for part in parts)
    raw = bytearray(hashlib.sha256(body).digest()[:16])
    raw[6] = 0x80 | (raw[6] & 0x0F)
    raw[8] = 0x80 | (raw[8] & 0x3F)
    return str(uuid.UUID(bytes=bytes(raw)))


def _stamp(milliseconds: int, noise: bytes) -> str:
    raw = bytearray(milliseconds.to_bytes(6, "big") + noise)
    raw[6] = 0x70 | (raw[6] & 0x0F)
    raw[8] = 0x80 | (raw[8] & 0x3F)
    return str(uuid.UUID(bytes=bytes(raw)))
