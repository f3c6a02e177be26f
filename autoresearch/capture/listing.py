"""Which files a tree has: git's answer where there is git, the same rules read from ``.gitignore`` files elsewhere.

Left out by default, unless git tracks them (see ``EXCLUDED_FOLDERS`` and ``EXCLUDED_SUFFIXES``): caches, virtual
environments and the output of other trackers, which are not even listed; datasets and weights, which are named.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from autoresearch.capture.notices import Notices
from autoresearch.capture.repository import Running, finish_listing, start_listing
from autoresearch.errors import CaptureError
from autoresearch.records.tree import path_text

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

__all__ = ["EXCLUDED_FOLDERS", "EXCLUDED_SUFFIXES", "MAX_FILES", "Lister", "Listing"]

EXCLUDED_FOLDERS = frozenset(
    b"""
    __pycache__ .venv venv node_modules .mypy_cache .pytest_cache .ruff_cache .hypothesis .tox .nox .cache .ipynb_checkpoints
    .eggs .gradle .svn .hg .dvc .autoresearch wandb mlruns lightning_logs .aim .neptune .trackio
    """.split()
)
"""Folders whose content is never part of a snapshot, unless git tracks it."""

EXCLUDED_SUFFIXES = (
    b".pt", b".pth", b".ckpt", b".safetensors", b".gguf", b".ggml", b".onnx", b".pb", b".tflite", b".h5", b".hdf5", b".keras",
    b".npy", b".npz", b".parquet", b".arrow", b".feather", b".tfrecord", b".tfrecords", b".lmdb", b".mdb", b".rec", b".joblib",
    b".pkl", b".pickle", b".msgpack", b".zarr", b".zip", b".tar", b".tar.gz", b".tgz", b".tar.zst", b".zst", b".7z",
)  # fmt: skip
"""Ends of the names of datasets and weights, which a snapshot names and does not store, unless git tracks them."""

_SPECIAL = re.compile(r"[*?\[\\]")

MAX_FILES = 200_000
"""More files than this are taken for a dataset that should be ignored."""


@dataclass(slots=True)
class Listing:
    """The names below a folder, as bytes relative to it.

    Attributes:
        names: Files, links and whatever else has a name; not sorted, each once.
        left_out: Datasets and weights, by the end of their names.
        notices: What was listed in another way than usual.
    """

    names: list[bytes] = field(default_factory=list)
    left_out: list[bytes] = field(default_factory=list)
    notices: Notices = field(default_factory=Notices)


class Lister:
    """Lists a folder. Git is started at once and asked for its answer by ``finish``, so that other work fits between.

    Args:
        root: Folder to list.
        everything: Ignore nothing but git's own folders.
    """

    def __init__(self, root: Path, *, everything: bool = False) -> None:
        self._top = os.fsencode(root).rstrip(b"/") or b"/"
        self._everything = everything
        self._listing = Listing()
        self._started = None if everything else start_listing(root)

    def finish(self) -> Listing:
        """The names.

        Raises:
            CaptureError: The folder cannot be read, or holds more than ``MAX_FILES`` files.
        """
        if self._everything or not self._add_by_git(b"", self._started):
            self._walk(b"", _Rules())
        return self._listing

    def _add_folder(self, prefix: bytes) -> None:
        """List a repository inside the folder; ``prefix`` ends with a slash."""
        folder = Path(os.fsdecode(self._top + b"/" + prefix))
        if not self._add_by_git(prefix, start_listing(folder)):
            self._walk(prefix, _Rules())

    def _add_by_git(self, prefix: bytes, started: Running | None) -> bool:
        if started is None:
            return False
        try:
            listed = finish_listing(started)
        except CaptureError as error:
            shown = f"{path_text(prefix) or '.'} ({error.message.rstrip('.')})"
            self._listing.notices.add("Not listed by git, so by the .gitignore files found", [shown])
            return False
        # A folder that the repository around it ignores is empty to git; then it is a folder like any other.
        if listed is None or (not prefix and not any(listed)):
            return False
        tracked, untracked = listed
        self._extend([prefix + name for name in tracked] if prefix else tracked)
        for name in untracked:
            if not EXCLUDED_FOLDERS.isdisjoint(name.split(b"/")[:-1]):
                continue
            if name.endswith(b"/"):
                self._add_folder(prefix + name)
            else:
                self._add_untracked(prefix + name)
        return True

    def _walk(self, prefix: bytes, rules: _Rules) -> None:
        if not self._everything:
            rules = rules.with_file(self._top, prefix)
        folders = []
        for entry in self._entries(prefix):
            path = prefix + entry.name
            if entry.name == b".git":
                continue
            if entry.is_dir(follow_symlinks=False):
                if self._everything or (entry.name not in EXCLUDED_FOLDERS and not rules.ignore(path + b"/")):
                    folders.append(path + b"/")
            elif self._everything:
                self._extend([path])
            elif not rules.ignore(path):
                self._add_untracked(path)
        for folder in folders:
            if not self._everything and os.path.lexists(self._top + b"/" + folder + b".git"):
                self._add_folder(folder)
            else:
                self._walk(folder, rules)

    def _entries(self, prefix: bytes) -> Iterator[os.DirEntry[bytes]]:
        try:
            with os.scandir(self._top + b"/" + prefix) as entries:
                yield from sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if not prefix:
                raise CaptureError(f"The folder cannot be listed: {error.strerror}.") from error
            self._listing.notices.add(
                "Folders that cannot be listed, so not in the snapshot", [path_text(prefix)]
            )

    def _add_untracked(self, path: bytes) -> None:
        if path.lower().endswith(EXCLUDED_SUFFIXES):
            self._listing.left_out.append(path)
        else:
            self._extend([path])

    def _extend(self, paths: list[bytes]) -> None:
        names = self._listing.names
        names.extend(paths)
        if len(names) > MAX_FILES:
            raise CaptureError(
                f"There are more than {MAX_FILES} files, too many for a snapshot.",
                hint="Name datasets in .gitignore, or give the files that matter as a list.",
            )


@dataclass(frozen=True)
class _Rules:
    """The lines of all ``.gitignore`` files from the top down, as if they stood in one file there."""

    lines: tuple[str, ...] = ()

    def with_file(self, top: bytes, prefix: bytes) -> _Rules:
        path = Path(os.fsdecode(top + b"/" + prefix + b".gitignore"))
        try:
            text = "" if path.is_symlink() else path.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return self
        folder = _SPECIAL.sub(r"\\\g<0>", os.fsdecode(prefix))
        new = [rule for line in text.split("\n") if (rule := _below(folder, line))]
        return _Rules((*self.lines, *new)) if new else self

    def ignore(self, path: bytes) -> bool:
        """Whether a path is ignored; a folder's ends with a slash."""
        return bool(self.lines) and self._spec.match_file(os.fsdecode(path))

    @cached_property
    def _spec(self) -> GitIgnoreSpec:
        from pathspec import GitIgnoreSpec

        return GitIgnoreSpec.from_lines(self.lines)


def _below(folder: str, line: str) -> str:
    """A line of the ``.gitignore`` in a folder, as it would be written at the top; empty for none."""
    line = line.removesuffix("\r")
    bare = line.rstrip(" ")
    if line.startswith("#") or not bare.strip("/!"):
        return ""
    if bare.endswith("\\") and len(bare) < len(line):
        bare += " "
    if bare.endswith("/**"):
        bare += "/*"  # what is inside, to git; pathspec would match the folder too
    sign = "!" if bare.startswith("!") else ""
    pattern = bare.removeprefix("!")
    if not folder:
        return sign + pattern
    anchored = "/" in pattern.rstrip("/")
    return f"{sign}/{folder}{'' if anchored else '**/'}{pattern.removeprefix('/')}"
