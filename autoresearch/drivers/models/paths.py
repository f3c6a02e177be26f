"""One folder that a model may read and write in, and no path out of it.

A path is walked part by part from an open folder, and no part may be a symbolic link, so that nothing which the repository
holds, or which another process puts there meanwhile, leads outside.
"""

from __future__ import annotations

import contextlib
import os
import stat
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from autoresearch.briefs.fence import quote
from autoresearch.errors import Invalid, NotFound, TooLarge

__all__ = ["Folder", "Listed"]

_MOST_PARTS, _MOST_PATH, _MOST_SHOWN = 40, 1000, 120
_UNSEEN = frozenset(
    {".git", "__pycache__", ".venv", "node_modules", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
)
_IS_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Listed:
    """A file of the folder: its path with forward slashes, and its bytes; -1 for a symbolic link."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder, read and written by relative paths with forward slashes.

    Args:
        root: The folder itself; it may be reached through a link, nothing below it may.
        most_bytes: Bytes of the largest file that is read or written.
        refusal: Why a path may not be written, or None; what is refused later anyway is then told at once.
    """

    root: Path
    most_bytes: int = 1024 * 1024
    refusal: Callable[[str], str | None] | None = None

    def read(self, path: str) -> bytes:
        """The bytes of a file.

        Raises:
            Invalid: The path leads out of the folder, through a link, or to what is no file.
            NotFound: There is no such file.
            TooLarge: It is larger than what is read.
        """
        parts = _parts(path)
        with self._within(parts) as parent, _opened(parts, parent) as file:
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode):
                raise Invalid(f"{_shown(path)} is no file.", hint="list_files says what is there.")
            if found.st_size > self.most_bytes:
                raise TooLarge(
                    f"{_shown(path)} has {found.st_size:,} bytes, and {self.most_bytes:,} are the most.",
                    hint="search_files finds a line in it.",
                )
            with os.fdopen(os.dup(file), "rb") as opened:
                return opened.read(self.most_bytes)

    def write(self, path: str, data: bytes) -> bool:
        """Write a whole file, its folders made where there are none; whether it was there before.

        Raises:
            Invalid: The path leads out of the folder, through a link, to what is no file, or may not be changed.
            TooLarge: It is larger than what is written.
        """
        parts = _parts(path)
        if len(data) > self.most_bytes:
            raise TooLarge(
                f"{_shown(path)} would have {len(data):,} bytes, and {self.most_bytes:,} are the most.",
                hint="Write a smaller file.",
            )
        name = "/".join(parts)
        if self.refusal is not None and (why := self.refusal(name)):
            raise Invalid(f"The edit was refused: {why}.", hint="Change only what may be edited.")
        with _refused(path), self._within(parts, make=True) as parent:
            mode = _mode(parts[-1], parent, path)
            _replace(parts[-1], parent, data, 0o644 if mode is None else mode)
            return mode is not None

    def walk(self, below: str = "") -> Iterator[Listed]:
        """Files below a path, in order; caches, environments and git's own folder are left out.

        Raises:
            Invalid: The path leads out of the folder or through a link.
            NotFound: There is no such folder.
        """
        parts = _parts(below) if below.strip("./") else ()
        with self._within((*parts, "")):
            top = self.root.joinpath(*parts)
        for folder, names, files in os.walk(top, followlinks=False):
            links = [name for name in names if Path(folder, name).is_symlink()]
            names[:] = sorted(set(names) - _UNSEEN - set(links))
            for name in sorted([*files, *links]):
                if name not in _UNSEEN:
                    yield self._listed(Path(folder, name))

    def _listed(self, path: Path) -> Listed:
        size = -1
        with contextlib.suppress(OSError):
            found = path.lstat()
            size = found.st_size if stat.S_ISREG(found.st_mode) else -1
        return Listed(path.relative_to(self.root).as_posix(), size)

    @contextlib.contextmanager
    def _within(self, parts: tuple[str, ...], *, make: bool = False) -> Iterator[int]:
        """The open folder that holds the last of the parts."""
        at = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for depth, part in enumerate(parts[:-1], 1):
                below = _step(part, at, "/".join(parts[:depth]), make=make)
                os.close(at)
                at = below
            yield at
        finally:
            os.close(at)


def _parts(path: str) -> tuple[str, ...]:
    """The parts of a relative path that stays inside."""
    parts = tuple(part for part in path.split("/") if part not in {"", "."})
    bad = (
        not parts
        or path.startswith("/")
        or "\\" in path
        or len(parts) > _MOST_PARTS
        or len(path) > _MOST_PATH
        or not path.isprintable()
        or any(part == ".." or part.lower().rstrip(" .") == ".git" for part in parts)
    )
    if bad:
        raise Invalid(
            f"{_shown(path)} is no path inside the folder.",
            hint="Give a path relative to the folder, such as src/train.py.",
        )
    return parts


def _step(part: str, at: int, so_far: str, *, make: bool) -> int:
    if make:
        with contextlib.suppress(FileExistsError):
            os.mkdir(part, dir_fd=at)
    try:
        return os.open(part, _IS_FOLDER, dir_fd=at)
    except FileNotFoundError:
        raise NotFound(
            f"There is no folder {_shown(so_far)}.", hint="list_files says what is there."
        ) from None
    except OSError:
        raise Invalid(
            f"{_shown(so_far)} is a symbolic link or no folder.",
            hint="Links are not followed; name the file itself.",
        ) from None


@contextlib.contextmanager
def _opened(parts: tuple[str, ...], parent: int) -> Iterator[int]:
    path = "/".join(parts)
    try:
        # Without O_NONBLOCK a named pipe would never open.
        file = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
    except FileNotFoundError:
        raise NotFound(f"There is no file {_shown(path)}.", hint="list_files says what is there.") from None
    except OSError as error:
        raise Invalid(
            f"{_shown(path)} cannot be read: it is a symbolic link, or {error.strerror}.",
            hint="Links are not followed; name the file itself.",
        ) from None
    try:
        yield file
    finally:
        os.close(file)


def _mode(name: str, parent: int, path: str) -> int | None:
    """Permissions of the file that is to be replaced; None when there is none."""
    try:
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise Invalid(
            f"{_shown(path)} is a symbolic link or no file.",
            hint="Links are not followed; name the file itself.",
        )
    return stat.S_IMODE(found.st_mode)


def _replace(name: str, parent: int, data: bytes, mode: int) -> None:
    beside = f".{uuid.uuid4().hex}"
    target = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode, dir_fd=parent)
    try:
        with os.fdopen(target, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
        os.replace(beside, name, src_dir_fd=parent, dst_dir_fd=parent)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(beside, dir_fd=parent)
        raise


@contextlib.contextmanager
def _refused(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Invalid(
            f"{_shown(path)} cannot be written: {error.strerror}.", hint="Try another path."
        ) from error


def _shown(path: str) -> str:
    return quote(path, _MOST_SHOWN)
