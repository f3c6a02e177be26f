"""Real repositories for the capture tests."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from pathlib import Path

IDENTITY = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main")


def git(folder: Path, *arguments: str | bytes, stdin: bytes = b"", check: bool = True) -> bytes:
    """Run git as a person would."""
    done = subprocess.run(
        ["git", *IDENTITY, *arguments], cwd=folder, input=stdin, capture_output=True, check=False
    )
    assert not check or done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


def repository(folder: Path, files: dict[str, bytes] | None = None) -> Path:
    """A repository with one commit that holds some files."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q")
    for name, data in (files or {"train.py": b"lr = 0.1\n", "lib/model.py": b"layers = 2\n"}).items():
        write(folder, name, data)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def write(folder: Path, name: str, data: bytes, *, executable: bool = False) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(0o755 if executable else 0o644)
    return path


def contents(folder: Path) -> dict[bytes, tuple[str, bytes]]:
    """Every file and link below a folder, without git's own: kind and bytes."""
    found: dict[bytes, tuple[str, bytes]] = {}
    top = os.fsencode(folder)
    for place, folders, files in os.walk(top):
        folders[:] = [name for name in folders if name != b".git"]
        for name in sorted({*files, *folders} - {b".git"}):
            path = os.path.join(place, name)  # noqa: PTH118  names are bytes here
            state = os.lstat(path)
            key = path[len(top) + 1 :]
            if stat.S_ISLNK(state.st_mode):
                found[key] = ("link", os.readlink(path))  # noqa: PTH115  names are bytes here
            elif stat.S_ISREG(state.st_mode):
                with open(path, "rb") as file:  # noqa: PTH123  names are bytes here
                    found[key] = ("executable" if state.st_mode & 0o100 else "file", file.read())
    return found


def fingerprint(folder: Path) -> dict[str, tuple[int, str]]:
    """Every file of a git directory: time of its last change and digest.

    Without the times of objects, which git sets anew where it finds that it has one already.
    """
    return {
        str(path): (
            0 if "objects" in path.parts else path.lstat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
