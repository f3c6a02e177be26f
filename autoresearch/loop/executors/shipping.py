"""A folder sent to another machine as one archive, and what a command changed in it sent back."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path

from autoresearch.errors import TrialError

__all__ = ["MOST", "Changes", "applied", "archived", "changes_since", "states", "unpacked"]

MOST = 2 * 1024**3
"""Bytes that the files of a folder may have together to be sent."""

_State = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Changes:
    """What became of a folder.

    Attributes:
        archive: The files that are new or changed, as a gzipped tar file.
        removed: Paths that are gone, relative to the folder.
    """

    archive: bytes
    removed: tuple[str, ...]


def archived(folder: Path, names: list[str] | None = None) -> bytes:
    """The files of a folder, or those that are named, as a gzipped tar file; git's pointer stays behind.

    Raises:
        TrialError: They are too much to be sent, or one cannot be read.
    """
    found = sorted(states(folder)) if names is None else names
    size = sum(os.lstat(folder / name).st_size for name in found)
    if size > MOST:
        raise TrialError(
            f"The folder {folder} has {size:,} bytes, and at most {MOST:,} are sent to another machine.",
            hint="Keep data outside of the repository, in a place that all machines see.",
        )
    out = io.BytesIO()
    try:
        with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as archive:
            for name in found:
                archive.add(folder / name, arcname=name, recursive=False)
    except OSError as error:
        raise TrialError(
            f"{error.filename} cannot be sent: {error.strerror}.", hint="Check its permissions."
        ) from error
    return out.getvalue()


def unpacked(data: bytes, folder: Path) -> None:
    """Write the files of an archive into a folder; nothing is ever written outside of it.

    Raises:
        TrialError: It is no archive, or a path in it leads out of the folder.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
            archive.extractall(folder, filter="data")
    except (tarfile.TarError, OSError) as error:
        raise TrialError(
            f"What came from another machine cannot be unpacked: {error}.",
            hint="Links out of the folder and special files cannot be sent; let the command leave none.",
        ) from error


def states(folder: Path) -> dict[str, _State]:
    """Size, time and mode of every file and link below a folder, git's own left out."""
    found: dict[str, _State] = {}
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != ".git"]
        links = [name for name in folders if Path(root, name).is_symlink()]
        for name in (*files, *links):
            if name == ".git":
                continue
            path = Path(root, name)
            about = path.lstat()
            found[str(path.relative_to(folder))] = (about.st_size, about.st_mtime_ns, about.st_mode)
    return found


def changes_since(folder: Path, before: dict[str, _State]) -> Changes:
    """What is not as it was.

    Raises:
        TrialError: It is too much to be sent, or cannot be read.
    """
    now = states(folder)
    changed = sorted(name for name, state in now.items() if before.get(name) != state)
    return Changes(archived(folder, changed), tuple(sorted(before.keys() - now.keys())))


def applied(changes: Changes, folder: Path) -> None:
    """Make the same changes here.

    Raises:
        TrialError: One of them leads out of the folder.
    """
    inside = folder.resolve()
    for name in changes.removed:
        path = folder / name
        if not path.parent.resolve().is_relative_to(inside):
            raise TrialError(f"{name!r} leads out of the folder of the trial.", hint="Run the trial again.")
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    unpacked(changes.archive, folder)
