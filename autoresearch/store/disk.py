"""Bytes to and from files of this machine, and what the operating system's refusals mean to a user."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import BinaryIO

from autoresearch.errors import NotFound, StoreError, StoreFull, StoreReadOnly

__all__ = ["CHUNK", "discard", "new_file", "opened", "read_full", "refusal", "write_all"]

CHUNK = 1024 * 1024
"""Bytes that are read at a time."""


def read_full(stream: BinaryIO, size: int) -> bytes:
    """Up to ``size`` bytes, fewer only at the end: raw streams may hand out less than was asked for.

    Raises:
        StoreError: It cannot be read.
    """
    try:
        data = stream.read(size)
        while data and len(data) < size:
            more = stream.read(size - len(data))
            if not more:
                break
            data += more
    except OSError as error:
        raise StoreError(f"What was to be stored cannot be read: {error.strerror}.") from error
    return data


def opened(path: Path) -> BinaryIO:
    """A file that is to be stored.

    Raises:
        NotFound: It is not there.
        StoreError: It cannot be read.
    """
    try:
        return path.open("rb", buffering=0)
    except FileNotFoundError:
        raise NotFound(f"There is no file {str(path)!r}.") from None
    except OSError as error:
        raise StoreError(f"{str(path)!r} cannot be read: {error.strerror}.") from error


def write_all(target: int, data: bytes | memoryview) -> None:
    """Write all of it to a file descriptor."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(target, rest) :]


def new_file(path: Path, mode: int) -> int:
    """A descriptor of a file that was not there; ``mode`` is less the umask.

    Raises:
        StoreError: It cannot be made, or is there already.
    """
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except OSError as error:
        raise refusal(error, path) from error


def discard(path: Path) -> None:
    """Remove a file, if that can be done."""
    with contextlib.suppress(OSError):
        path.unlink()


def refusal(error: OSError, path: Path) -> StoreError:
    """What an error of the operating system is to a user of the store."""
    shown = os.fspath(path).encode("utf-8", "replace").decode()
    details = {"path": shown}
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StoreFull(
            f"No space left while writing {shown!r}.",
            hint="Free some space, or run `autoresearch gc` to remove what nothing refers to.",
            details=details,
        )
    if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
        return StoreReadOnly(
            f"{shown!r} cannot be written: {error.strerror}.",
            hint="Give yourself the right to write there, or set AUTORESEARCH_HOME to another folder.",
            details=details,
        )
    return StoreError(f"{shown!r} cannot be used: {error.strerror}.", details=details)
