"""Write a file whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from autoresearch.errors import AutoresearchError, Conflict, Invalid, NotFound, StoreFull

__all__ = ["whole_file"]

_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


@contextlib.contextmanager
def whole_file(place: Path, *, replace: bool = False) -> Iterator[BinaryIO]:
    """A file to write, for a ``with`` block; it is at ``place`` when the block has ended well, and else nothing is.

    Args:
        place: Where it goes.
        replace: Whether a file that is there gives way.

    Raises:
        Conflict: Something is there already.
        NotFound: There is no such folder.
        StoreFull: No space is left.
        Invalid: The place cannot be written.
    """
    if not replace and os.path.lexists(place):
        raise _taken(place)
    # Its name must not be longer than that of the place, which may be as long as a name can be.
    part = place.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as out:
            yield out
        _put(part, place, replace=replace)
    except OSError as error:
        raise _refused(place, error) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _put(part: Path, place: Path, *, replace: bool) -> None:
    if replace:
        part.replace(place)
        return
    try:
        place.hardlink_to(part)
    except OSError as error:
        if error.errno not in _NO_LINKS or os.path.lexists(place):
            raise
        part.rename(place)


def _taken(place: Path) -> Conflict:
    return Conflict(
        f"{place} is there already.", hint="Name another file, or say that it may be replaced (--force)."
    )


def _refused(place: Path, error: OSError) -> AutoresearchError:
    if isinstance(error, FileExistsError):
        return _taken(place)
    if isinstance(error, FileNotFoundError):
        return NotFound(f"There is no folder {str(place.parent)!r}.", hint="Make it first.")
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StoreFull(f"No space is left for {place}.", hint="Make room, or name a file elsewhere.")
    reason = error.strerror or str(error)
    return Invalid(
        f"{place} cannot be written: {reason}.", hint="Name a file in a folder that you may write."
    )
