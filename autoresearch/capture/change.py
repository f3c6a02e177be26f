"""The uncommitted change of a working tree as one patch that ``git apply`` takes on the commit it stands on."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from autoresearch.capture.conversion import ATTRIBUTES, RAW, Conversion, parse_attributes
from autoresearch.capture.notices import Notices, shown_size
from autoresearch.capture.quoting import unquote
from autoresearch.capture.repository import Repository, Scratch, find_repository
from autoresearch.capture.verbatim import verbatim_lines
from autoresearch.errors import CaptureError
from autoresearch.records.tree import path_text

__all__ = ["Change", "capture_change"]

_HUGE = 64 * 1024 * 1024
_MAX_FILES = 10_000
_MAX_DEPTH = 5
_MODULE = b"160000"
_PLAIN = (b"H 100", b"H 120")
_RULES = b".gitattributes"


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
    would not give the same bytes back; a file that git calls unchanged is what git writes for the commit. No program that the repository names is run. Untracked files above ``max_bytes``,
    submodules, nested repositories and files above 64 MiB are named in the notices instead.

    Raises:
        CaptureError: The folder is not there, the repository cannot be used, or git refused.
    """
    return _capture(path, max_bytes, depth=0)


def _capture(path: Path, max_bytes: int, depth: int) -> Change:
    repository = find_repository(path)
    if repository is None:
        return Change(
            root=None, notices=("The folder is not in a git repository, so there is no commit or patch.",)
        )
    with Scratch.open(repository) as scratch:
        survey = _Survey(repository, scratch, max_bytes, depth)
        parent = survey.look()
        patch = _Patch(max_bytes)
        if survey.stage():
            patch.begin(survey.verbatim)
            patch.read(
                scratch.start(*_DIFF, survey.base, "--", *survey.pathspecs, environment=_MAGIC).chunks()
            )
        if patch.truncated:
            survey.notices.add(
                f"The patch of {shown_size(patch.size)} is above the cap of {shown_size(max_bytes)} and was not stored; "
                "ignore large files or raise the cap. Largest",
                survey.largest(patch.names),
            )
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


_DIFF = (
    "diff-index", "--cached", "--patch-with-raw", "--binary", "--full-index", "--no-color", "--no-ext-diff", "--no-textconv",
    "--find-renames", "--ignore-submodules=all", "--src-prefix=a/", "--dst-prefix=b/", "--unified=3",
)  # fmt: skip

_MAGIC = {"GIT_LITERAL_PATHSPECS": "0"}


@dataclass
class _Survey:
    """What differs from the commit, and how each path is to be taken."""

    repository: Repository
    scratch: Scratch
    max_bytes: int
    depth: int
    notices: Notices = field(default_factory=Notices)
    sizes: dict[bytes, int] = field(default_factory=dict)
    forget: set[bytes] = field(default_factory=set)
    take: list[bytes] = field(default_factory=list)
    leave: list[bytes] = field(default_factory=list)
    verbatim: list[bytes] = field(default_factory=list)
    folders: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.top = os.fsencode(self.repository.root).rstrip(b"/")

    @property
    def base(self) -> str:
        return self.repository.commit or self.repository.empty_tree

    @property
    def pathspecs(self) -> list[str]:
        return (
            [":(top)", *(f":(top,exclude,literal){os.fsdecode(path)}" for path in self.leave)]
            if self.leave
            else []
        )

    def look(self) -> str | None:
        """Ask git what there is; answers the commit's first parent."""
        scratch, commit = self.scratch, self.repository.commit
        listing = scratch.start("ls-files", "-z", "-v", "-s", "-c", "-o", "--exclude-standard")
        changed = scratch.start(
            "diff-index", "--raw", "-z", "--no-renames", "--ignore-submodules=dirty", self.base
        )
        header = scratch.start("cat-file", "commit", commit) if commit else None
        listed = listing.checked()
        reread, untracked = self._listed(listed)
        tracked = self._changed(changed.checked()) | reread
        if any(path.endswith(_RULES) for path in (*tracked, *untracked)):
            # Files that nobody touched now mean other bytes, and git would not look at them again.
            everything = {line.partition(b"\t")[2] for line in listed.split(b"\0") if line.startswith(_PLAIN)}
            tracked |= everything
            self.forget |= everything
        for path in sorted(tracked):
            self._choose(path, max(self.max_bytes, _HUGE), tracked=True)
        for path in untracked:
            self._choose(path, self.max_bytes, tracked=False)
        self._take_raw_where_needed()
        return _parent(header.checked()) if header else None

    def stage(self) -> bool:
        """Bring the private index to the state of the working tree; False when nothing differs."""
        if self.forget:
            self.scratch.run("update-index", "--force-remove", "-z", "--stdin", stdin=_lines(self.forget))
        if self.take:
            self.scratch.run(
                "update-index", "--add", "--remove", "--replace", "-z", "--stdin", stdin=_lines(self.take)
            )
        return bool(self.forget or self.take)

    def largest(self, names: list[bytes]) -> list[str]:
        known = [(size, path_text(name)) for name in names if (size := self.sizes.get(name, 0))]
        return [f"{name} ({shown_size(size)})" for size, name in sorted(known, reverse=True)[:3]]

    def _listed(self, listing: bytes) -> tuple[set[bytes], list[bytes]]:
        """Paths that git would not look at again by itself, and untracked files."""
        reread: set[bytes] = set()
        untracked: list[bytes] = []
        nested: list[bytes] = []
        modules: set[bytes] = set()
        for line in listing.split(b"\0")[:-1]:
            if line.startswith(b"? "):
                (nested if line.endswith(b"/") else untracked).append(line[2:])
                continue
            entry, _, path = line.partition(b"\t")
            if entry[2:8] == _MODULE:
                modules.add(path)
            elif entry[:1] not in b"HS" or not entry.endswith(b" 0"):
                reread.add(path)  # told not to look (a small letter), or in conflict
            elif entry[:1] == b"S" and self._state(path) is not None:
                reread.add(path)  # outside a sparse checkout, but there all the same
        self.notices.add("Nested repositories are not in the patch", map(path_text, nested))
        for path in sorted(modules):
            self._submodule(path)
        self.forget |= reread
        return reread, untracked

    def _changed(self, raw: bytes) -> set[bytes]:
        """Tracked paths that differ from the commit, or may: git was not asked to read them yet."""
        paths = set()
        fields = raw.split(b"\0")
        for entry, path in zip(fields[0::2], fields[1::2], strict=False):
            old, new, before, after, _ = entry[1:].split(b" ")
            if _MODULE in {old, new}:
                now = after[:12].decode() if after.strip(b"0") else "what is there"
                moved = f"{path_text(path)} (from {before[:12].decode()} to {now})"
                self.notices.add("Submodules stand on another commit, which is not in the patch", [moved])
            else:
                paths.add(path)
        return paths

    def _choose(self, path: bytes, limit: int, *, tracked: bool) -> None:
        state = self._state(path)
        if state is None or stat.S_ISDIR(state.st_mode):
            self.forget.add(path)
            return
        problem = self._unfit(path, state, limit)
        if problem is None:
            self.take.append(path)
            self.sizes[path] = state.st_size
        elif stat.S_ISREG(state.st_mode):
            self.notices.add(problem, [f"{path_text(path)} ({shown_size(state.st_size)})"])
            if tracked:
                self.leave.append(path)
        else:
            self.notices.add(problem, [path_text(path)])
            self.forget.add(path)

    def _unfit(self, path: bytes, state: os.stat_result, limit: int) -> str | None:
        if stat.S_ISLNK(state.st_mode):
            return None
        if not stat.S_ISREG(state.st_mode):
            return "Neither files nor links, so not in the patch"
        if state.st_size > limit:
            return f"Above {shown_size(limit)}, so not in the patch"
        return None if os.access(self._place(path), os.R_OK) else "Not readable, so not in the patch"

    def _state(self, path: bytes) -> os.stat_result | None:
        """What stands at a path of this tree; None for nothing, and for what is beyond a link."""
        folder = path.rpartition(b"/")[0]
        if folder and folder not in self.folders:
            above = self._state(folder)
            if above is None or not stat.S_ISDIR(above.st_mode):
                return None
            self.folders.add(folder)
        try:
            return os.lstat(self._place(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise CaptureError(f"{path_text(path)!r} cannot be looked at: {error.strerror}.") from error

    def _place(self, path: bytes) -> bytes:
        return self.top + b"/" + path

    def _take_raw_where_needed(self) -> None:
        paths = [path for path in self.take if path in self.sizes]
        if not paths:
            return
        asked = self.scratch.run("check-attr", "-z", "--stdin", *ATTRIBUTES, stdin=_lines(paths))
        config = self.repository.config
        raw = []
        for path, attributes in parse_attributes(asked).items():
            conversion = Conversion.of(attributes, config)
            data = b"" if conversion.idle else self._content(path)
            if data and conversion.loses(data):
                raw.append(path)
                if conversion.mangles(data):
                    self.verbatim.append(path)
        if raw:
            self.scratch.override_attributes(raw, RAW)
            self.forget.update(raw)

    def _content(self, path: bytes) -> bytes:
        try:
            target = os.open(self._place(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return b""  # a link, whose target is never converted, or gone since
        with os.fdopen(target, "rb") as file:
            return file.read()

    def _submodule(self, path: bytes) -> None:
        place = Path(os.fsdecode(self._place(path)))
        if self.depth >= _MAX_DEPTH or not os.path.lexists(place / ".git"):
            return
        try:
            inner = _capture(place, self.max_bytes, self.depth + 1)
        except CaptureError as error:
            self.notices.add(
                "Submodules that could not be looked at", [f"{path_text(path)} ({error.message})"]
            )
            return
        if inner.size or inner.notices:
            self.notices.add(
                "Submodules have uncommitted changes, which are not in the patch", [path_text(path)]
            )


class _Patch:
    """A patch read from git: its names, and its bytes as far as they stay under the cap."""

    def __init__(self, max_bytes: int) -> None:
        self._names: set[bytes] = set()
        self.size = 0
        self.truncated = False
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
        """Read what ``diff-index --patch-with-raw`` prints: names, an empty line, the patch."""
        head = b""
        for chunk in chunks:
            head += chunk
            at = head.find(b"\n\n")
            if at >= 0:
                self._read_names(head[:at])
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

    def _read_names(self, head: bytes) -> None:
        self._names.update(unquote(name) for line in head.split(b"\n") for name in line.split(b"\t")[1:])


def _parent(header: bytes) -> str | None:
    for line in header.split(b"\n"):
        if line.startswith(b"parent "):
            return line[7:].decode()
        if not line:
            break
    return None


def _lines(paths: Iterable[bytes]) -> bytes:
    return b"".join(path + b"\0" for path in paths)
