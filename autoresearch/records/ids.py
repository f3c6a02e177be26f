"""Time-ordered identifiers that the caller makes (UUID version 7, RFC 9562)."""

from __future__ import annotations

import os
import time

__all__ = ["derived_id", "is_id", "new_id"]

_DIGITS = frozenset("0123456789abcdef")


def new_id() -> str:
    """A fresh UUIDv7: 48 bits of Unix milliseconds, then random bits."""
    return _stamp(time.time_ns() // 1_000_000, os.urandom(10))


def derived_id(*parts: str) -> str:
    """The same id for the same parts, so that doing something twice is doing it once.

    It has the form of a UUIDv8 (custom): all bits come from a digest, none from a clock.
    """
    import hashlib  # it loads OpenSSL, which a run that starts has no use for

    body = b"\0".join(part.encode("utf-8", "surrogatepass") for part in parts)
    raw = bytearray(hashlib.sha256(body).digest()[:16])
    raw[6] = 0x80 | (raw[6] & 0x0F)
    return _spelled(raw)


def is_id(text: str) -> bool:
    """Whether a text is a UUID in lower-case canonical form."""
    parts = text.split("-")
    return [*map(len, parts)] == [8, 4, 4, 4, 12] and all(_DIGITS.issuperset(part) for part in parts)


def _stamp(milliseconds: int, noise: bytes) -> str:
    raw = bytearray(milliseconds.to_bytes(6, "big") + noise)
    raw[6] = 0x70 | (raw[6] & 0x0F)
    return _spelled(raw)


def _spelled(raw: bytearray) -> str:
    raw[8] = 0x80 | (raw[8] & 0x3F)
    digits = raw.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
