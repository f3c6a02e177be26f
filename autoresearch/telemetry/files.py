"""Small files of /proc and /sys, read without loading more of the standard library than a training process has."""

from __future__ import annotations

import os

__all__ = ["exists", "names", "read"]


def read(path: str) -> str:
    """The first 64 kB of a file.

    Raises:
        OSError: It cannot be read.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        return os.read(handle, 65536).decode("utf-8", "replace")
    finally:
        os.close(handle)


def names(path: str) -> list[str]:
    """Names in a folder.

    Raises:
        OSError: It cannot be read.
    """
    with os.scandir(path) as entries:
        return [entry.name for entry in entries]


def exists(path: str) -> bool:
    """Whether something is there."""
    return os.access(path, os.F_OK)
