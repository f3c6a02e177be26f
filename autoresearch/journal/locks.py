"""Who is alive: every writer holds the lock of one file, which the kernel frees at any kind of death.

A lock file is removed only while its lock is held, and whoever gets a lock looks whether the file is still the one at its path.
"""

from __future__ import annotations

import errno
import fcntl
import os

from autoresearch.journal.layout import is_new, lock_path, parse_name

TYPE_CHECKING = False  # importing typing would cost more than this module
if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["adopt", "dead", "free", "hold", "journals", "removed", "segments"]


def segments(folder: str, writer: str) -> list[int]:
    """Numbers of the segments of a writer that are there, rising."""
    found = (parse_name(name) for name in _listing(folder))
    return sorted(each[1] for each in found if each is not None and each[0] == writer)


def journals(folder: str) -> list[str]:
    """Ids of the writers, living and dead, that have left something in the folder, in order."""
    found = set()
    for name in _listing(folder):
        if name.endswith(".lock"):
            found.add(name.removesuffix(".lock"))
        else:
            parsed = parse_name(name)
            if parsed is not None:
                found.add(parsed[0])
    return sorted(found)


def dead(folder: str) -> list[str]:
    """Ids of the writers that ended, in whatever way, and whose journals are still there."""
    return [writer for writer in journals(folder) if not _living(folder, writer)]


def hold(folder: str, writer: str) -> int:
    """Take the lock of a writer for the life of this process, and give the descriptor that holds it.

    Raises:
        OSError: The lock file cannot be made or locked.
    """
    path = lock_path(folder, writer)
    while True:
        descriptor = _opened(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except BaseException:
            os.close(descriptor)
            raise
        if _still_there(descriptor, path):
            return descriptor
        os.close(descriptor)


def removed(path: str) -> bool:
    """Delete a file, if it is there and may be deleted."""
    try:
        os.unlink(path)
    except OSError:
        return False
    return True


def free(folder: str, writer: str, descriptor: int) -> None:
    """Let go of a lock, and of its file: what is left of the journal needs none until somebody adopts it."""
    removed(lock_path(folder, writer))
    os.close(descriptor)


class adopt:  # noqa: N801 - it reads as a verb: `with adopt(folder, writer) as held:`
    """Hold the lock of a dead writer while its journal is drained.

    ``with adopt(folder, writer) as held:`` gives None when the writer lives, when somebody else drains it, or when nothing of
    it is left. When no segment is left at the end, nothing of the writer stays behind.
    """

    __slots__ = ("_descriptor", "folder", "writer")

    def __init__(self, folder: str, writer: str) -> None:
        self.folder = folder
        self.writer = writer
        self._descriptor = -1

    def __enter__(self) -> adopt | None:
        if not segments(self.folder, self.writer):
            self._sweep()
            return None
        self._descriptor = _taken(self.folder, self.writer)
        if self._descriptor >= 0 and not segments(self.folder, self.writer):
            self._leave()
        return self if self._descriptor >= 0 else None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor >= 0:
            self._leave()

    def _leave(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if segments(self.folder, self.writer):
            os.close(descriptor)
            return
        for name in _listing(self.folder):
            if is_new(name, self.writer):
                removed(os.path.join(self.folder, name))
        free(self.folder, self.writer, descriptor)

    def _sweep(self) -> None:
        """Remove the lock file of a writer that left nothing else."""
        if os.path.exists(lock_path(self.folder, self.writer)):
            self._descriptor = _taken(self.folder, self.writer)
            if self._descriptor >= 0:
                self._leave()


def _listing(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _opened(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)


def _still_there(descriptor: int, path: str) -> bool:
    try:
        there = os.stat(path)
    except OSError:
        return False
    mine = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)


def _taken(folder: str, writer: str) -> int:
    """A descriptor that holds the lock; -1 when somebody else does, or the file system has no locks."""
    path = lock_path(folder, writer)
    while True:
        try:
            descriptor = _opened(path)
        except OSError:
            return -1
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return -1
        if _still_there(descriptor, path):
            return descriptor
        os.close(descriptor)


def _living(folder: str, writer: str) -> bool:
    try:
        descriptor = os.open(lock_path(folder, writer), os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        return error.errno != errno.ENOENT
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
