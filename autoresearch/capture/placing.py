"""A folder that appears whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from autoresearch.errors import AutoresearchError, CaptureError, Conflict, StoreFull

__all__ = ["fresh_folder"]


@contextlib.contextmanager
def fresh_folder(destination: Path) -> Iterator[Path]:
    """A folder beside the destination to build in; it takes the destination's name when the block ends well.

    A destination that exists must be an empty folder. When anything fails, what was built is removed.

    Raises:
        Conflict: Something is there already.
        StoreFull: No space left.
        CaptureError: The folder cannot be written.
    """
    target = destination.absolute()
    building = target.parent / f".autoresearch-{secrets.token_hex(6)}.partial"
    try:
        if os.path.lexists(target) and (target.is_symlink() or not target.is_dir() or any(target.iterdir())):
            raise _taken(destination)
        target.parent.mkdir(parents=True, exist_ok=True)
        building.mkdir()
        try:
            yield building
            building.rename(target)
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise
    except OSError as error:
        raise _refusal(destination, error) from error


def _taken(destination: Path) -> Conflict:
    return Conflict(
        f"{str(destination)!r} is not an empty folder.", hint="Name a folder that does not exist yet."
    )


def _refusal(destination: Path, error: OSError) -> AutoresearchError:
    if error.errno in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:
        return _taken(destination)
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StoreFull(
            f"No space left while writing {str(destination)!r}.",
            hint="Free some space; nothing was left there.",
        )
    return CaptureError(
        f"{str(destination)!r} cannot be written: {error.strerror}.", hint="Name another folder."
    )
