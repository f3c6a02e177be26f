"""The uncommitted change of a working tree as one patch that ``git apply`` takes on the commit it stands on."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autoresearch.capture.notices import shown_size
from autoresearch.capture.quoting import unquote
from autoresearch.capture.repository import Repository, Scratch, find_repository
from autoresearch.capture.survey import Survey
from autoresearch.capture.verbatim import verbatim_lines
from autoresearch.errors import CaptureError
from autoresearch.records.tree import path_text

__all__ = ["Change", "capture_change"]

_ATTEMPTS = 3
_MAX_FILES = 10_000
_MAX_DEPTH = 5
_DIFF = (
    "diff", "--patch-with-raw", "--binary", "--full-index", "--no-color", "--no-ext-diff", "--no-textconv",
    "--ignore-submodules=all", "--src-prefix=a/", "--dst-prefix=b/", "--unified=3", "--inter-hunk-context=0",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Where the code stood, and what was changed on top of it.

    Attributes:
        root: Top of the working tree; None outside a repository, where all else is empty too.
        commit: Commit at HEAD; None before the first, where the patch is against nothing.
        parent: First parent of that commit; None for a first commit.
        branch: Branch at HEAD; None when detached.
        patch: Bytes that ``git apply`` turns the commit into the working tree with; empty when nothing was changed,
            and when it was truncated.
        digest: sha256 of the full patch.
        size: Bytes of the full patch.
        truncated: Whether the full patch was larger than the cap, so that only digest and size are known.
        files: Text form of every path the patch touches, both names of a renamed file; at most 10,000.
        notices: What is not in the patch and why, a sentence each.
    """

    root: Path | None
    commit: str | None = None
    parent: str | None = None
    branch: str | None = None
    patch: bytes = b""
    digest: str = hashlib.sha256(b"").hexdigest()
    size: int = 0
    truncated: bool = False
    files: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


def capture_change(path: Path, *, max_bytes: int = 1024 * 1024) -> Change:
    """The state of the repository that holds a folder, and its uncommitted change.

    The patch has what is staged and not, deleted, renamed, of other mode, binary, linked, and the untracked files that
    git does not ignore. It is in git's form, so line endings and encodings follow the attributes, except where that
    would not give the same bytes back; a file that git calls unchanged is what git writes for the commit. No program
    that the repository names is run. Untracked files above ``max_bytes``, submodules, nested repositories and files
    above 64 MiB are named in the notices instead.

    Raises:
        CaptureError: The folder is not there, the repository cannot be used, or git refused.
    """
    return _capture(path, max_bytes, depth=0)


def _capture(path: Path, max_bytes: int, depth: int) -> Change:
    repository = find_repository(path)
    if repository is None:
        said = "The folder is not in a git repository, so there is no commit or patch."
        return Change(root=None, notices=(said,))
    for attempt in range(1, _ATTEMPTS + 1):
        with Scratch.open(repository) as scratch:
            survey = Survey(scratch, repository.commit or repository.empty_tree, max_bytes)
            differs = survey.look()
            header = scratch.start("cat-file", "commit", repository.commit) if repository.commit else None
            patch = _patch(scratch, survey, max_bytes) if differs else _Patch(max_bytes)
            parent = _parent(header.checked()) if header else None
        disturbed = survey.disturbed()
        if not disturbed or attempt == _ATTEMPTS:
            break
    survey.notices.add("Changed while the patch was made", map(path_text, disturbed))
    _look_into_submodules(repository, survey, max_bytes, depth)
    return Change(
        root=repository.root,
        commit=repository.commit,
        parent=parent,
        branch=repository.branch,
        patch=patch.data,
        digest=patch.digest,
        size=patch.size,
        truncated=patch.truncated,
        files=tuple(map(path_text, patch.names[:_MAX_FILES])),
        notices=survey.notices.lines(),
    )


def _patch(scratch: Scratch, survey: Survey, max_bytes: int) -> _Patch:
    patch = _Patch(max_bytes)
    patch.begin(survey.verbatim)
    without = [f":(top,exclude,literal){os.fsdecode(path)}" for path in survey.leave]
    only = [":(top)", *without] if without else []
    magic = {"GIT_LITERAL_PATHSPECS": "0"}
    patch.read(scratch.start(*_DIFF, survey.renames, survey.base, "--", *only, environment=magic).chunks())
    if patch.truncated:
        survey.notices.add(
            f"The patch of {shown_size(patch.size)} is above the cap of {shown_size(max_bytes)} and was not stored; "
            "ignore large files or raise the cap. Largest",
            survey.largest(patch.names),
        )
    if len(patch.names) > _MAX_FILES:
        survey.notices.say(f"The patch touches {len(patch.names)} files; the first {_MAX_FILES} are named.")
    return patch


def _look_into_submodules(repository: Repository, survey: Survey, max_bytes: int, depth: int) -> None:
    for path in survey.submodules if depth < _MAX_DEPTH else ():
        try:
            inner = _capture(repository.root / os.fsdecode(path), max_bytes, depth + 1)
        except CaptureError as error:
            survey.notices.add(
                "Submodules that could not be looked at", [f"{path_text(path)} ({error.message})"]
            )
            continue
        if inner.size or inner.notices:
            survey.notices.add(
                "Submodules have uncommitted changes, which are not in the patch", [path_text(path)]
            )


class _Patch:
    """A patch read from git: its names, and its bytes as far as they stay under the cap."""

    def __init__(self, max_bytes: int) -> None:
        self.size = 0
        self.truncated = False
        self._names: set[bytes] = set()
        self._max_bytes = max_bytes
        self._hash = hashlib.sha256()
        self._parts: list[bytes] = []

    @property
    def names(self) -> list[bytes]:
        return sorted(self._names)

    @property
    def data(self) -> bytes:
        return b"".join(self._parts)

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def begin(self, verbatim: list[bytes]) -> None:
        """Start with the files that the attributes must not change."""
        self._names.update(verbatim)
        self._add(verbatim_lines(verbatim))

    def read(self, chunks: Iterator[bytes]) -> None:
        """Read what ``diff --patch-with-raw`` prints: names, an empty line, the patch."""
        head = b""
        for chunk in chunks:
            head += chunk
            at = head.find(b"\n\n")
            if at >= 0:
                self._names.update(
                    unquote(name) for line in head[:at].split(b"\n") for name in line.split(b"\t")[1:]
                )
                self._add(head[at + 2 :])
                break
        for chunk in chunks:
            self._add(chunk)

    def _add(self, data: bytes) -> None:
        self.size += len(data)
        self._hash.update(data)
        if self.size > self._max_bytes:
            self.truncated = True
            self._parts.clear()
        else:
            self._parts.append(data)


def _parent(header: bytes) -> str | None:
    for line in header.split(b"\n"):
        if line.startswith(b"parent "):
            return line[7:].decode()
        if not line:
            break
    return None
