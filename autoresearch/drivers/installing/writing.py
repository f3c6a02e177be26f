"""Files of other programs, changed so that nothing of theirs is lost: under a lock, whole or not at all, and read again before."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from autoresearch.errors import Busy, InstallError

__all__ = ["Edit", "Transform", "real_place", "text_of"]

Transform = Callable[[str], str | None]
"""From a file's text, empty where there is none, to its new text; None to remove the file."""

_MOST, _TRIES = 32 * 1024 * 1024, 10
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of one file.

    Attributes:
        path: The file, links resolved.
        change: From the text that is there to the one that shall be there; called anew when it is applied.
        private: Whether a new file is for its owner alone.
    """

    path: Path
    change: Transform
    private: bool = False

    def preview(self) -> tuple[str, str | None]:
        """The text as it is, and as it would be.

        Raises:
            InstallError: The file cannot be read.
        """
        before = text_of(self.path) or ""
        return before, self._changed(before)

    def apply(self) -> bool:
        """Change the file; whether anything had to be changed.

        Raises:
            InstallError: It cannot be read or written.
            Busy: Its own program goes on writing it.
        """
        with _system(self.path):
            # Before anything is made, so that nothing is left behind where nothing is to be done.
            before, after = self.preview()
            if after == before or (after is None and not self.path.exists()):
                return False
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with _locked(self.path.parent):
                for _ in range(_TRIES):
                    data = _bytes_of(self.path)
                    before = _decoded(self.path, data)
                    after = self._changed(before)
                    if after == before:
                        return False
                    if self._replaced(data, after):
                        return True
        raise Busy(
            f"{self.path} is being changed by another program all the time.",
            hint="End that program and try again.",
        )

    def _changed(self, before: str) -> str | None:
        mark = _BOM if before.startswith(_BOM) else ""
        after = self.change(before.removeprefix(_BOM))
        return None if after is None else mark + after

    def _replaced(self, data: bytes | None, after: str | None) -> bool:
        """Put the new text in the place of what was read; False when that has changed meanwhile."""
        if after is None:
            if _bytes_of(self.path) != data:
                return False
            self.path.unlink(missing_ok=True)
            return True
        beside = self.path.parent / f".{self.path.name}.{uuid.uuid4().hex[:12]}"
        try:
            self._write(beside, after.encode("utf-8"))
            # Its own program knows nothing of our lock.
            if _bytes_of(self.path) != data:
                return False
            beside.replace(self.path)
        finally:
            beside.unlink(missing_ok=True)
        _synced(self.path.parent)
        return True

    def _write(self, beside: Path, data: bytes) -> None:
        found = self.path.stat() if self.path.exists() else None
        mode = 0o600 if found or self.private else 0o666
        target = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(target, "wb") as file:
            if found:
                with contextlib.suppress(PermissionError):
                    os.fchown(file.fileno(), found.st_uid, found.st_gid)
                os.fchmod(file.fileno(), stat.S_IMODE(found.st_mode))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())


def real_place(path: Path, within: Path | None) -> Path:
    """The file itself, where a path leads through links, as the files of people who keep their settings elsewhere do.

    Args:
        path: The path.
        within: Folder that it may not leave; None for anywhere.

    Raises:
        InstallError: It leads to nothing, in a circle, or out of the folder, or cannot be looked at.
    """
    with _system(path):
        try:
            real = path.resolve(strict=path.is_symlink())
        except (FileNotFoundError, RuntimeError):
            raise InstallError(
                f"{path} is a link to nothing.", hint="Remove the link, or make the file that it leads to."
            ) from None
    if within is not None and not real.is_relative_to(within.resolve()):
        raise InstallError(
            f"{path} leads out of the project, to {real}.", hint="Install for the user instead: --scope user."
        )
    return real


def text_of(path: Path) -> str | None:
    """The text of a file; None when there is none.

    Raises:
        InstallError: It is no file, too large, no text in UTF-8, or cannot be read.
    """
    with _system(path):
        data = _bytes_of(path)
        return None if data is None else _decoded(path, data)


def _bytes_of(path: Path) -> bytes | None:
    try:
        # A named pipe would keep us waiting.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size > _MOST:
                raise InstallError(f"{path} is no file of a usual size.", hint="Look at what it is.")
            return file.read(_MOST)
    except FileNotFoundError:
        return None
    except IsADirectoryError:
        raise InstallError(f"{path} is a folder.", hint="Move it away, and try again.") from None


def _decoded(path: Path, data: bytes | None) -> str:
    try:
        return "" if data is None else data.decode("utf-8")
    except UnicodeDecodeError:
        raise InstallError(f"{path} is no text in UTF-8.", hint="Mend it by hand first.") from None


def _synced(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a folder against a second installation; nothing is left behind."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


@contextlib.contextmanager
def _system(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InstallError(
            f"{error.filename or path} cannot be changed: {error.strerror or error}.",
            hint="Look at its permissions and the space left, or take the other --scope.",
        ) from error
