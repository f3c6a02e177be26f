"""A folder of its own for every trial: the user's working tree, index and current branch are never touched.

A trial is a git worktree of the incumbent's commit below the library's home. A keep becomes a commit on the
campaign's branch; a drop leaves nothing. Folders of campaigns that were killed are removed by the next one.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import stat
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from autoresearch.errors import CaptureError, Invalid, TrialError
from autoresearch.loop.repository import IDENTITY, Repository
from autoresearch.research.scope import matcher

__all__ = ["Scope", "Workdir", "Workdirs", "writing"]


@dataclass(frozen=True, slots=True)
class Scope:
    """Which files a change may touch, as ``.gitignore`` patterns.

    ``editable`` empty means every file; what is ``protected`` may never be touched.
    """

    editable: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()

    def refusal(self, path: str) -> str | None:
        """Why a path may not be changed, or None."""
        if matcher(self.protected).match_file(path):
            return f"{path} is protected"
        if self.editable and not matcher(self.editable).match_file(path):
            return f"{path} is outside of what may be edited ({', '.join(self.editable)})"
        return None

    def protects(self, paths: Iterable[str]) -> list[str]:
        """Those of the paths that are protected."""
        return sorted(matcher(self.protected).match_files(paths))


@dataclass(slots=True)
class Workdir:
    """The folder of one trial.

    Attributes:
        path: Its working tree.
        commit: The commit it was made from.
        output: Where the output of its command belongs, outside the working tree.
        sealed: The commit of its change, once that was made.
    """

    path: Path
    commit: str
    output: Path
    _repository: Repository = field(repr=False)
    _scope: Scope = field(repr=False)
    _pointer: bytes = field(repr=False)
    _protected: Mapping[str, str] = field(repr=False)
    sealed: str | None = None

    def apply(self, edits: Mapping[str, str]) -> None:
        """Write edited files, given as path to whole new text. All are checked before one is written.

        Raises:
            TrialError: A path is outside the folder, or outside of what may be edited; nothing was written.
        """
        for name in edits:
            self._check(name)
        with writing(self.path):
            for name, text in edits.items():
                target = self.path / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8", newline="")

    def patch(self, patch: bytes) -> None:
        """Apply a stored patch to the folder.

        Raises:
            CaptureError: It does not apply.
        """
        file = self.path.parent / "change.patch"
        file.write_bytes(patch)
        self._git("apply", "--whitespace=nowarn", "--", str(file))

    def graft(self, commit: str) -> None:
        """Apply what a commit changed on its own parent, also where the lines around it are others by now.

        Changes of neighbouring lines do not conflict here, as they do when git merges: what comes out is measured.

        Raises:
            CaptureError: It conflicts with what the folder has; the folder is as it was.
        """
        try:
            self._graft(self._difference(commit), "--3way")
        except CaptureError:
            self.reset()
            bare = self._difference(commit, "--unified=0")
            # Without a line that is taken out nothing says where a line belongs.
            if any(hunk[1].endswith(",0") for hunk in _hunks(bare)):
                raise
            try:
                self._graft(bare, "--unidiff-zero")
            except CaptureError:
                self.reset()
                raise

    def _difference(self, commit: str, *options: str) -> bytes:
        quiet = ("--binary", "--full-index", "--no-ext-diff", "--no-textconv", "--no-color", "--no-renames")
        return os.fsencode(self._git("diff", *quiet, *options, f"{commit}^", commit))

    def _graft(self, patch: bytes, how: str) -> None:
        file = self.path.parent / "graft.patch"
        with writing(file):
            file.write_bytes(patch)
        with self._index() as index:
            self._git("update-index", "-q", "--refresh", "--really-refresh", index=index, may_fail=True)
            self._git("apply", how, "--whitespace=nowarn", "--", str(file), index=index)

    def changed(self) -> list[str]:
        """Paths that differ from the commit: changed, deleted and new ones that git does not ignore."""
        with self._index() as index:
            self._git("update-index", "-q", "--refresh", "--really-refresh", index=index, may_fail=True)
            tracked = self._git("diff-files", "--name-only", "-z", "--ignore-submodules=none", index=index)
            new = self._git("ls-files", "--others", "--exclude-standard", "-z", index=index)
        return sorted({name for name in (tracked + new).split("\0") if name})

    def guard(self) -> list[str]:
        """Put protected files back, remove ignored ones, and say what was out of bounds, a sentence each.

        Ignored files are not part of what is recorded, so that they must not be part of what runs.
        """
        if _content(self.path / ".git") != self._pointer:
            _remove(self.path / ".git")
            (self.path / ".git").write_bytes(self._pointer)
        refused = [said for path in self.changed() if (said := self._refusal(path))]
        refused += [
            f"{path} is protected" for path in self.tampered() if not any(path in said for said in refused)
        ]
        self._git("clean", "-ffdXq")
        self._restore()
        return refused

    def tampered(self) -> list[str]:
        """Protected files that are not what they were when the campaign began."""
        return sorted(path for path, digest in self._protected.items() if _digest(self.path, path) != digest)

    def seal(self, message: str) -> str:
        """Make a commit of the folder's state on top of its commit; no branch moves and no hook runs.

        Done before anything runs, so that what a run leaves behind is in no commit.

        Raises:
            CaptureError: Git refused.
        """
        with self._index() as index:
            self._git("add", "--all", index=index)
            tree = self._git("write-tree", index=index).strip()
        self.sealed = self._git("commit-tree", tree, "-p", self.commit, "-m", message).strip()
        return self.sealed

    def reset(self) -> None:
        """Bring the folder back to what was sealed, so that no run sees what another one left."""
        with self._index(self.sealed or self.commit) as index:
            self._git("checkout-index", "--all", "--force", index=index)
            self._git("clean", "-ffdxq", index=index)

    def _check(self, name: str) -> None:
        parts = PurePosixPath(name).parts
        bad = (
            not parts
            or name.startswith("/")
            or "\0" in name
            or ".." in parts
            or ".git" in map(str.lower, parts)
        )
        said = f"{name!r} is no path inside the repository" if bad else self._scope.refusal(name)
        if said is None and any(
            (self.path.joinpath(*parts[:n])).is_symlink() for n in range(1, len(parts) + 1)
        ):
            said = f"{name} goes through a symbolic link"
        if said:
            raise TrialError(
                f"The edit was refused: {said}.", hint="Edit only files within the editable scope."
            )

    def _refusal(self, path: str) -> str | None:
        if path.endswith("/"):
            return f"{path} is a repository of its own, which cannot be recorded"
        return self._scope.refusal(path)

    def _restore(self) -> None:
        lost = self.tampered()
        for path in lost:
            _remove_within(self.path, path)
        with self._index() as index:
            for begin in range(0, len(lost), 200):
                self._git("checkout-index", "--force", "--", *lost[begin : begin + 200], index=index)
        for path in self._scope.protects(set(self.changed()) - self._protected.keys()):
            _remove_within(self.path, path)
        if still := self.tampered():
            raise TrialError(
                f"{still[0]} is protected, was changed, and could not be put back.",
                hint="Start the campaign again from a clean commit.",
            )

    @contextlib.contextmanager
    def _index(self, commit: str | None = None) -> Iterator[Path]:
        # An index of our own: flags such as assume-unchanged in the trial's index cannot hide a change.
        index = self.path.parent / f"index-{uuid.uuid4().hex}"
        try:
            self._git("read-tree", commit or self.commit, index=index)
            yield index
        finally:
            index.unlink(missing_ok=True)

    def _git(self, *arguments: str, index: Path | None = None, may_fail: bool = False) -> str:
        environment = {**IDENTITY, **({"GIT_INDEX_FILE": str(index)} if index else {})}
        # The trial may have rewritten its .git file; ours says where its git folder is.
        folder = Path(os.fsdecode(self._pointer.removeprefix(b"gitdir: ").strip()))
        try:
            return self._repository.git(*arguments, environment=environment, within=(folder, self.path))
        except CaptureError:
            if may_fail:
                return ""
            raise


class Workdirs:
    """The trial folders of one campaign, and the branch that holds what it kept.

    Args:
        repository: Any folder of the user's repository.
        tag: Name of the session; the branch is ``autoresearch/<tag>``. It is made at HEAD when it is not there.
        root: Folder below which trial folders are made.
        scope: What a change may touch.

    Raises:
        CaptureError: There is no repository, or it has no commit.
        Invalid: The tag cannot be part of a branch's name.
    """

    def __init__(self, repository: Path, *, tag: str, root: Path, scope: Scope) -> None:
        self.repository = Repository(repository)
        self.branch = f"autoresearch/{tag}"
        self._scope = scope
        key = hashlib.sha256(os.fsencode(self.repository.common)).hexdigest()[:16]
        self._root = root / key
        self._protected: dict[str, str] | None = None
        self.prune()
        self.tip = self._begin(tag)
        """The commit that the branch points at, as far as we know."""

    @contextlib.contextmanager
    def open(self, commit: str | None = None) -> Iterator[Workdir]:
        """A fresh folder of a commit, by default the branch's tip, gone when the block ends, however it ends."""
        start = commit or self.tip
        folder = self._root / uuid.uuid4().hex
        with contextlib.ExitStack() as stack:
            with writing(folder), self._locked():
                folder.mkdir()
                # Held while the folder is in use: what nobody holds belongs to a campaign that is gone.
                stack.enter_context(_lock(folder / "lock", wait=True))
            stack.callback(self._discard, folder)
            tree = folder / "tree"
            with self._registering():
                self.repository.git("worktree", "add", "--detach", "--quiet", str(tree), start)
                if self._protected is None:
                    self._protected = self._digests(tree, start)
            pointer = _content(tree / ".git")
            output = folder / "output.log"
            yield Workdir(tree, start, output, self.repository, self._scope, pointer, self._protected)

    def advance(self, commit: str) -> None:
        """Point the branch at a sealed commit.

        Raises:
            Conflict: The branch was moved by someone else, or is checked out.
        """
        self.repository.move_branch(self.branch, commit, self.tip)
        self.tip = commit

    def find(self, trailer: str) -> str | None:
        """The latest commit of the branch with this line in its message, or None."""
        found = self.repository.git(
            "log",
            "-1",
            "--format=%H",
            "--fixed-strings",
            f"--grep={trailer}",
            f"refs/heads/{self.branch}",
            "--",
        )
        return found.strip() or None

    def prune(self) -> int:
        """Remove folders of campaigns that were killed; how many there were."""
        stale = 0
        with writing(self._root):
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with writing(self._root), self._locked():
            for folder in sorted(self._root.iterdir()):
                if not folder.is_dir():
                    continue
                with contextlib.suppress(BlockingIOError), _lock(folder / "lock", wait=False):
                    self._discard(folder)
                    stale += 1
        return stale

    def _begin(self, tag: str) -> str:
        try:
            self.repository.git("check-ref-format", "--branch", self.branch)
        except CaptureError as error:
            raise Invalid(
                f"The tag {tag!r} cannot be part of a branch's name.",
                hint="Use letters, digits, '-' and '_'.",
            ) from error
        tip = self.repository.resolve(f"refs/heads/{self.branch}")
        if tip is not None:
            return tip
        head = self.repository.resolve("HEAD")
        if head is None:
            raise CaptureError(
                "The repository has no commit to start from.", hint="Commit the code that is to be improved."
            )
        self.repository.move_branch(self.branch, head, None)
        return head

    def _digests(self, tree: Path, commit: str) -> dict[str, str]:
        listed = self.repository.git("ls-tree", "-r", "-z", "--name-only", commit).split("\0")
        return {path: _digest(tree, path) for path in self._scope.protects(filter(None, listed))}

    def _discard(self, folder: Path) -> None:
        _remove(folder / "tree")
        # Git forgets a worktree whose folder is gone; only ours is named, never another's.
        with contextlib.suppress(CaptureError), self._registering():
            self.repository.git("worktree", "remove", "--force", "--force", str(folder / "tree"))
        _remove(folder)

    @contextlib.contextmanager
    def _registering(self) -> Iterator[None]:
        # Two that begin at once may choose the same name for what git keeps of them, and the last one that goes takes the
        # folder away in which another is about to be noted.
        with _lock(self._root / "worktrees", wait=True):
            yield

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with _lock(self._root / "lock", wait=True):
            yield


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn what the file system says while a trial's folder is written into one error.

    Raises:
        TrialError: The disk is full, or the folder cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise TrialError(
            f"The trial's folder {folder} cannot be written: {error.strerror or error}.",
            hint="Make room, or set AUTORESEARCH_HOME to a folder that can be written.",
        ) from error


@contextlib.contextmanager
def _lock(path: Path, *, wait: bool) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield


def _hunks(patch: bytes) -> list[list[str]]:
    """The words of each hunk's header: ``["@@", "-4,0", "+5", "@@"]`` and what follows."""
    return [
        line.decode("utf-8", "replace").split() for line in patch.split(b"\n") if line.startswith(b"@@ -")
    ]


def _through_link(tree: Path, name: str) -> Path | None:
    """The first folder on the way to a file that is a symbolic link."""
    parents = reversed(PurePosixPath(name).parents[:-1])
    return next((tree / parent for parent in parents if (tree / parent).is_symlink()), None)


def _digest(tree: Path, name: str) -> str:
    """What a file holds and whether it can be executed; a link is its target's name."""
    path = tree / name
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            return f"link {path.readlink()}"
        if not stat.S_ISREG(mode) or _through_link(tree, name):
            return "not a file of the tree"
        with path.open("rb") as file:
            return f"{hashlib.file_digest(file, 'sha256').hexdigest()} {bool(mode & stat.S_IXUSR)}"
    except OSError:
        return "missing"


def _content(path: Path) -> bytes:
    """The bytes of a small file; none when it is not a file."""
    try:
        return b"" if path.is_symlink() else path.read_bytes()
    except OSError:
        return b""


def _remove_within(tree: Path, name: str) -> None:
    """Remove a file of the tree, or the link that leads out of the tree on the way to it."""
    _remove(_through_link(tree, name) or tree / name)


def _remove(path: Path) -> None:
    """Remove a file or folder, even one whose permissions a trial took away; links are not followed."""
    if path.is_symlink() or not path.is_dir():
        with contextlib.suppress(NotADirectoryError):
            path.unlink(missing_ok=True)
        return
    with contextlib.suppress(OSError):
        path.chmod(0o700)
        for folder, names, _ in os.walk(path):
            for name in names:
                inner = Path(folder, name)
                if not inner.is_symlink():
                    inner.chmod(0o700)
    shutil.rmtree(path, ignore_errors=True)
