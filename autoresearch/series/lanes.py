"""Columns of 64-bit numbers as bytes, by numpy: what frames do without it where it is not loaded."""

from __future__ import annotations

import numpy as np

__all__ = ["bounds_of", "even", "shuffled", "unshuffled"]


def shuffled(raw: bytes) -> bytes:
    """All first bytes of the numbers, then all second ones, and so on."""
    return np.frombuffer(raw, np.uint8).reshape(-1, 8).T.tobytes()


def unshuffled(raw: bytes, count: int) -> bytes:
    """The numbers, of which there are ``count``."""
    return np.frombuffer(raw, np.uint8, 8 * count).reshape(8, count).T.tobytes()


def bounds_of(raw: bytes) -> tuple[int, int]:
    """The least and the greatest int64."""
    numbers = np.frombuffer(raw, "<i8")
    return int(numbers.min()), int(numbers.max())


def even(raw: bytes, stride: int) -> bool:
    """Whether each int64 is greater by the stride than the one before, as 64 bits count."""
    numbers = np.frombuffer(raw, "<u8")
    return bool((numbers[1:] - numbers[:-1] == np.uint64(stride % (1 << 64))).all())
