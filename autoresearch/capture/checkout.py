"""A stored tree as files again, and the difference between two trees as text."""

from __future__ import annotations

import difflib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from autoresearch.capture.notices import shown_name, shown_size
from autoresearch.capture.placing import fresh_folder
from autoresearch.records.tree import Tree, TreeEntry, path_bytes

__all__ = ["ReadableStore", "TreeDiff", "tree_diff", "write_tree"]

_LARGE = 256 * 1024
_MAX_LINES = 5000
_SNIFFED = 8000


class ReadableStore(Protocol):
    """Where the bytes of a tree are read from."""

    def get(self, digest: str, /) -> bytes:
        """The bytes of a digest, verified."""
        ...

    def copy_to(self, digest: str, path: Path, mode: int = ..., /) -> int:
        """Write the bytes to a new file, verified."""
        ...


def write_tree(tree: Tree, objects: ReadableStore, destination: Path) -> tuple[str, ...]:
    """Write a tree to a folder of its own, whole or not at all; answers the paths that were only named in it.

    Files get their executable bit, links their very targets. The folder is built beside its place and renamed.

    Raises:
        Conflict: The destination exists and is not an empty folder.
        NotFound: A blob is not stored.
        StoreCorrupt: A blob does not hold the bytes it should.
        StoreFull: No space left.
        CaptureError: The destination cannot be written.
    """
    with fresh_folder(destination) as folder:
        made = {folder}
        # Links last: no name lies below one, but nothing written later should even pass by.
        for entry in sorted(tree.entries, key=lambda entry: entry.kind == "link"):
            if entry.kind == "omitted":
                continue
            path = folder / os.fsdecode(path_bytes(entry.path))
            if path.parent not in made:
                path.parent.mkdir(parents=True, exist_ok=True)
                made.add(path.parent)
            if entry.target is not None:
                path.symlink_to(os.fsdecode(path_bytes(entry.target)))
            elif entry.sha256 is not None:
                objects.copy_to(entry.sha256, path, 0o777 if entry.mode == "100755" else 0o666)
    return tuple(entry.path for entry in tree.entries if entry.kind == "omitted")


@dataclass(frozen=True, slots=True)
class TreeDiff:
    """What differs between two trees.

    Attributes:
        added: Paths that only the second has.
        removed: Paths that only the first has.
        changed: Paths whose content, kind or mode differs.
        text: A unified diff for people; binary and large files are one line each, names are safe to print.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    text: str


def tree_diff(before: Tree, after: Tree, objects: ReadableStore, *, context: int = 3) -> TreeDiff:
    """Compare two trees, with ``context`` lines around each change.

    Raises:
        NotFound: A blob is not stored.
        StoreCorrupt: A blob does not hold the bytes it should.
    """
    old = {entry.path: entry for entry in before.entries}
    new = {entry.path: entry for entry in after.entries}
    changed = [path for path in old.keys() & new.keys() if _differ(old[path], new[path])]
    paths = sorted({*(old.keys() ^ new.keys()), *changed}, key=path_bytes)
    text = "".join("".join(_section(path, old.get(path), new.get(path), objects, context)) for path in paths)
    return TreeDiff(
        added=tuple(path for path in paths if path not in old),
        removed=tuple(path for path in paths if path not in new),
        changed=tuple(path for path in paths if path in old and path in new),
        text=text,
    )


def _differ(old: TreeEntry, new: TreeEntry) -> bool:
    # A file that was left out for another reason than before is the same file still.
    return old[:5] != new[:5] or (old.kind != new.kind)


def _section(
    path: str, old: TreeEntry | None, new: TreeEntry | None, objects: ReadableStore, context: int
) -> Iterator[str]:
    name = shown_name(path)
    yield f"diff {name}\n"
    if old is None or new is None:
        entry = old or new
        yield f"{'deleted' if new is None else 'new'} file mode {entry.mode if entry else ''}\n"
    elif old.mode != new.mode:
        yield f"old mode {old.mode}\nnew mode {new.mode}\n"
    if old and new and old.sha256 == new.sha256 and old.target == new.target and old.size == new.size:
        return
    folded = _folded(old) or _folded(new)
    first, second = ("", "") if folded else (_text(old, objects), _text(new, objects))
    if folded or first is None or second is None:
        sizes = " to ".join(shown_size(entry.size) for entry in (old, new) if entry)
        yield f"{folded or 'Binary'} file differs ({sizes})\n"
        return
    yield from _hunks(
        _lines(first),
        _lines(second),
        "/dev/null" if old is None else f"a/{name}",
        "/dev/null" if new is None else f"b/{name}",
        context,
    )


def _hunks(first: list[str], second: list[str], old_name: str, new_name: str, context: int) -> Iterator[str]:
    if max(len(first), len(second)) > _MAX_LINES:
        yield f"Large file differs ({len(first)} to {len(second)} lines)\n"
        return
    for line in difflib.unified_diff(first, second, old_name, new_name, n=context):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(text: str) -> list[str]:
    # str.splitlines also breaks at form feeds and Unicode separators, which are no line ends in a file.
    return list(io.StringIO(text, newline="\n"))


def _folded(entry: TreeEntry | None) -> str | None:
    if entry is None:
        return None
    if entry.kind == "omitted":
        return "Omitted"
    return "Large" if entry.size > _LARGE else None


def _text(entry: TreeEntry | None, objects: ReadableStore) -> str | None:
    """The content as text; empty for no file, None for a binary one."""
    if entry is None:
        return ""
    if entry.target is not None:
        return entry.target
    data = objects.get(entry.sha256 or "")
    if b"\0" in data[:_SNIFFED]:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None
