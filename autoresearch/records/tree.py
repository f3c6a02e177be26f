"""A tree of files as one manifest: canonical bytes, whose sha256 names the tree.

A manifest is JSON of one line, entries sorted by the bytes of their paths::

    {"entries":[["src/a.py","100644",120,"<sha256>"],…],"format":"autoresearch-tree-1"}

A file is ``[path, mode, size, sha256]``, a symbolic link ``[path, "120000", size, sha256, target]`` (size and digest
are those of the target's text), and a file that was left out ``[path, mode, size, sha256 or null, null, reason]``.

File names on POSIX are bytes. A name that is valid UTF-8 stands for itself; any other, and one that begins with a
double quote, is written as git writes it: in double quotes, with octal escapes. The form is reversible and unique.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import operator
import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

from autoresearch.errors import Invalid, StoreCorrupt

__all__ = ["Tree", "TreeEntry", "looks_like_manifest", "path_bytes", "path_text"]

_FORMAT = "autoresearch-tree-1"
_MAX_ENTRIES = 1_000_000
_MAX_SIZE = 2**53
_MAX_PATH = 4096
_MAX_TARGET = 65_536
_MAX_REASON = 500
_MODES = frozenset({"100644", "100755", "120000"})
_UNSAFE = (b"//", b"/./", b"/../", b"/.git/")
_ESCAPE = re.compile(rb'\\([0-7]{3}|["\\])')
_LENGTHS = frozenset({4, 5, 6})


def path_text(path: bytes) -> str:
    """The text form of a file name or link target; ``path_bytes`` gives the bytes back."""
    if not path.startswith(b'"'):
        try:
            return path.decode()
        except UnicodeDecodeError:
            pass
    return '"' + "".join(map(_quoted, path)) + '"'


def path_bytes(text: str) -> bytes:
    """The bytes of a text form.

    Raises:
        Invalid: No file name has this text form.
    """
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        raise Invalid(f"{text!r} is not the text form of a file name.") from None
    if raw.startswith(b'"'):
        raw = _ESCAPE.sub(_unquoted, raw[1:-1])
    if path_text(raw) != text:
        raise Invalid(f"{text!r} is not the text form of a file name.")
    return raw


def _quoted(byte: int) -> str:
    if byte in b'"\\':
        return "\\" + chr(byte)
    return chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}"


def _unquoted(match: re.Match[bytes]) -> bytes:
    code = match[1]
    return bytes([int(code, 8) & 0xFF]) if len(code) == 3 else code


class TreeEntry(NamedTuple):
    """One file of a tree.

    Attributes:
        path: Text form of the path below the root, with ``/`` between names.
        mode: ``100644``, ``100755`` for executables, ``120000`` for symbolic links.
        size: Bytes of the file, or of the link's target.
        sha256: Digest of the content (of the target's bytes for a link); None where an omitted file was not read.
        target: Text form of a link's target, else None.
        reason: Why an omitted file was left out, else None.
    """

    path: str
    mode: str
    size: int
    sha256: str | None
    target: str | None = None
    reason: str | None = None

    @property
    def kind(self) -> Literal["file", "link", "omitted"]:
        """What the entry is: a stored file, a symbolic link, or a file that is only named."""
        if self.reason is not None:
            return "omitted"
        return "link" if self.target is not None else "file"


class Tree:
    """The files of a folder at one moment, in canonical order.

    Args:
        entries: In any order; each path once.

    Raises:
        Invalid: An entry cannot be part of a tree.
    """

    __slots__ = ("digest", "entries", "manifest")

    entries: tuple[TreeEntry, ...]
    """Sorted by the bytes of the path."""
    manifest: bytes
    """Canonical bytes, which ``Tree.parse`` reads."""
    digest: str
    """sha256 of the manifest."""

    def __init__(self, entries: Iterable[TreeEntry]) -> None:
        ordered = tuple(sorted(entries, key=_key))
        problem = _problem(ordered)
        if problem is not None:
            raise Invalid(f"A tree cannot hold this: {problem}.")
        self._set(ordered, _manifest(ordered))

    @classmethod
    def parse(cls, manifest: bytes) -> Tree:
        """Read a manifest.

        Raises:
            StoreCorrupt: It is not the canonical manifest of a tree, or names a path that could do harm.
        """
        try:
            document = json.loads(manifest)
        except (ValueError, RecursionError):
            raise _corrupt("it is not JSON") from None
        if not isinstance(document, dict) or document.get("format") != _FORMAT:
            raise _corrupt(f"its format is not {_FORMAT}")
        rows = document.get("entries")
        if not isinstance(rows, list):
            raise _corrupt("it has no list of entries")
        if not all(type(row) is list and len(row) in _LENGTHS for row in rows):
            raise _corrupt("an entry is not a list of 4 to 6 values")
        entries = tuple(TreeEntry(*row) for row in rows)
        problem = _problem(entries)
        if problem is not None:
            raise _corrupt(problem)
        if _manifest(entries) != manifest:
            raise _corrupt("it is not in canonical form")
        tree = cls.__new__(cls)
        tree._set(entries, manifest)
        return tree

    @property
    def size(self) -> int:
        """Bytes of all stored files together."""
        return sum(entry.size for entry in self.entries if entry.reason is None)

    def files(self) -> list[TreeEntry]:
        """The stored files: neither links nor omitted ones."""
        return [entry for entry in self.entries if entry.target is None and entry.reason is None]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tree) and self.manifest == other.manifest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __len__(self) -> int:
        return len(self.entries)

    def __repr__(self) -> str:
        return f"Tree({len(self.entries)} entries, {self.digest[:12]})"

    def _set(self, entries: tuple[TreeEntry, ...], manifest: bytes) -> None:
        self.entries = entries
        self.manifest = manifest
        self.digest = hashlib.sha256(manifest).hexdigest()


def _corrupt(problem: str) -> StoreCorrupt:
    return StoreCorrupt(
        f"A stored tree cannot be used: {problem}.",
        hint="Run `autoresearch fsck`; the snapshot cannot be checked out.",
    )


def looks_like_manifest(head: bytes) -> bool:
    """Whether bytes begin as a manifest does; only ``Tree.parse`` knows that they are one."""
    return head.startswith(b'{"entries":[')


def _manifest(entries: Iterable[TreeEntry]) -> bytes:
    rows = [_row(entry) for entry in entries]
    body = json.dumps(rows, separators=(",", ":"), ensure_ascii=False, check_circular=False)
    return f'{{"entries":{body},"format":"{_FORMAT}"}}'.encode()


def _row(entry: TreeEntry) -> tuple[Any, ...]:
    if entry[5] is not None:
        return entry
    return entry[:4] if entry[4] is None else entry[:5]


def _key(entry: TreeEntry) -> bytes:
    path = entry[0]
    if path[:1] == '"':
        return path_bytes(path)
    try:
        return path.encode()
    except UnicodeEncodeError:
        raise Invalid(f"{path!r} is not the text form of a file name.") from None


def _problem(entries: Sequence[TreeEntry]) -> str | None:
    """What makes entries no tree; None when nothing does.

    Works on whole columns at a time: ten thousand entries are checked with every snapshot.
    """
    if len(entries) > _MAX_ENTRIES:
        return f"it has more than {_MAX_ENTRIES} entries"
    if not entries:
        return None
    paths, modes, sizes, digests, targets, reasons = zip(*entries, strict=True)
    if set(map(type, paths)) != {str} or max(map(len, paths)) > _MAX_PATH:
        return "a path is too long or no text"
    try:
        keys = [_key(entry) for entry in entries]
    except Invalid as error:
        return error.message.rstrip(".")
    problem = _paths_problem(keys)
    if problem is not None:
        return problem
    if set(map(type, modes)) != {str} or not _MODES.issuperset(modes):
        return "a mode is unknown"
    if set(map(type, sizes)) != {int} or min(sizes) < 0 or max(sizes) > _MAX_SIZE:
        return "a size is out of range"
    return _digests_problem(digests, reasons) or _specials_problem(entries, modes, targets, reasons)


def _paths_problem(keys: list[bytes]) -> str | None:
    joined = b"/" + b"\0".join(keys) + b"/"
    if joined.count(b"\0") != len(keys) - 1:
        return "a path has a NUL"
    parts = joined.replace(b"\0", b"/").lower()
    if any(unsafe in parts for unsafe in _UNSAFE):
        bad = next(key for key in keys if any(unsafe in b"/%b/" % key.lower() for unsafe in _UNSAFE))
        return f"the path {path_text(bad)!r} is not safe"
    if not all(map(operator.lt, keys, itertools.islice(keys, 1, None))):
        return "paths repeat or are out of order"
    new = {key.rpartition(b"/")[0] for key in keys}
    folders: set[bytes] = set()
    while new:
        folders |= new
        new = {folder.rpartition(b"/")[0] for folder in new} - folders
    both = folders.intersection(keys)
    return f"the file {path_text(min(both))!r} is also a folder" if both else None


def _digests_problem(digests: Sequence[object], reasons: Sequence[object]) -> str | None:
    if None in digests:
        if any(digest is None and reason is None for digest, reason in zip(digests, reasons, strict=True)):
            return "a digest is missing"
        digests = [digest for digest in digests if digest is not None]
    texts = [digest for digest in digests if type(digest) is str and len(digest) == 64 and digest.isascii()]
    if len(texts) != len(digests) or "".join(texts).encode().translate(None, b"0123456789abcdef"):
        return "a digest is not one"
    return None


def _specials_problem(
    entries: Sequence[TreeEntry],
    modes: Sequence[object],
    targets: Sequence[object],
    reasons: Sequence[object],
) -> str | None:
    """Check links and omitted files; most trees have few."""
    for entry, mode, target, reason in zip(entries, modes, targets, reasons, strict=True):
        if target is None and reason is None and mode != "120000":
            continue
        problem = _link_problem(entry) if reason is None else _omission_problem(target, reason)
        if problem is not None:
            return f"{problem} at {entry.path!r}"
    return None


def _omission_problem(target: object, reason: object) -> str | None:
    if target is not None or type(reason) is not str or not 0 < len(reason) <= _MAX_REASON:
        return "an omission has a target or no reason"
    return None


def _link_problem(entry: TreeEntry) -> str | None:
    target = entry.target
    if entry.mode != "120000" or type(target) is not str or not 0 < len(target) <= _MAX_TARGET:
        return "a link has no target or another mode"
    try:
        raw = path_bytes(target)
    except Invalid:
        return "a link's target is not the text form of one"
    if b"\0" in raw or len(raw) != entry.size or hashlib.sha256(raw).hexdigest() != entry.sha256:
        return "a link's target does not match its size and digest"
    return None
