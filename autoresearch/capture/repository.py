"""Finding a git repository and asking it questions without trusting it.

A repository may come from a stranger, and its configuration can name programs: filters, text conversions, external
diffs, hooks, file system monitors, transports. So only two commands run inside it, both of which read and neither of
which starts a program: ``rev-parse``, which finds it, and ``config --list``. Everything else runs in a ``Scratch``:
a private git directory with a copy of the index, the objects as an alternate, and a configuration of our own that
takes over only what decides how files are compared. The user's index, refs, stash, configuration and hooks are
never opened for writing.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from autoresearch.capture.quoting import quote
from autoresearch.errors import CaptureError

if TYPE_CHECKING:
    from git.cmd import Git

__all__ = [
    "Repository",
    "Running",
    "Scratch",
    "find_repository",
    "finish_listing",
    "git_available",
    "start_listing",
]

_CHUNK = 256 * 1024
_MEMORY = "/dev/shm"  # noqa: S108  a private folder is made in it
_PREFIX = "autoresearch-scratch-"
_STALE_SECONDS = 86_400.0
_SPARE = 32 * 1024 * 1024

# What would point git elsewhere, or change what it prints, when we run inside a hook or an odd shell.
_REDIRECTING = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_PREFIX",
    "GIT_NAMESPACE",
    "GIT_GRAFT_FILE",
    "GIT_SHALLOW_FILE",
    "GIT_REPLACE_REF_BASE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_ATTR_SOURCE",
    "GIT_CONFIG",
    "GIT_LITERAL_PATHSPECS",
    "GIT_GLOB_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
    "GIT_EXTERNAL_DIFF",
    "GIT_DIFF_OPTS",
)

_QUIET = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    # An incomplete clone must not fetch: its transport is a program that the repository names.
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
}

_ISOLATED = {
    **_QUIET,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_CONFIG_COUNT": "0",
    "GIT_CONFIG_PARAMETERS": "",
    "GIT_ATTR_NOSYSTEM": "1",
}

_EMPTY_TREE = {
    "sha1": "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "sha256": "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}
_EMPTY_BLOB = {
    "sha1": "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
    "sha256": "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
}

_TAKEN_OVER = frozenset(
    {
        "core.filemode",
        "core.symlinks",
        "core.ignorecase",
        "core.precomposeunicode",
        "core.autocrlf",
        "core.eol",
        "core.excludesfile",
        "core.attributesfile",
        "core.trustctime",
        "core.checkstat",
        "extensions.objectformat",
    }
)


class _Answer(NamedTuple):
    code: int
    out: bytes
    err: bytes


def _git() -> Git | None:
    try:
        from git.cmd import Git
    except ImportError:  # what GitPython raises where there is no git to run
        return None
    return Git()


def git_available() -> bool:
    """Whether there is a git to run."""
    return _git() is not None


class Running:
    """A git process that was started; ``finish`` collects it, so that several can work at once."""

    def __init__(self, arguments: list[str], environment: Mapping[str, str], stdin: bytes = b"") -> None:
        git = _git()
        if git is None:
            raise CaptureError("There is no git to run.", hint="Install git, or record without a repository.")
        unset = [name for name in _REDIRECTING if name in os.environ and name not in environment]
        prefix = ["env", *(f"--unset={name}" for name in unset)] if unset else []
        self._arguments = arguments
        self._stdin = stdin
        self._handle = git.execute(
            [*prefix, "git", *arguments],
            as_process=True,
            env=dict(environment),
            istream=subprocess.PIPE if stdin else None,
        )
        process = self._handle.proc
        if process is None:
            raise CaptureError("git could not be started.")
        self._process: subprocess.Popen[bytes] = process

    def finish(self) -> _Answer:
        """Wait for the end; answers exit code, output and error text."""
        out, err = self._process.communicate(self._stdin or None)
        return _Answer(self._process.returncode, out, err)

    def checked(self) -> bytes:
        """The output.

        Raises:
            CaptureError: Git refused.
        """
        answer = self.finish()
        if answer.code:
            raise _failure(self._arguments, answer.err)
        return answer.out

    def chunks(self) -> Iterator[bytes]:
        """The output in pieces, for what may not fit in memory.

        Raises:
            CaptureError: Git refused, at the end of its output.
        """
        out, err = self._process.stdout, self._process.stderr
        if out is None or err is None:
            raise CaptureError("git could not be started.")
        said: list[bytes] = []
        try:
            # Both at once: warnings may be more than a pipe holds, and git would wait for ever. And without a thread, which
            # cannot be started any more when a script has come to its end.
            with selectors.DefaultSelector() as both:
                both.register(out, selectors.EVENT_READ)
                both.register(err, selectors.EVENT_READ)
                while both.get_map():
                    for key, _ in both.select():
                        chunk = os.read(key.fd, _CHUNK)
                        if not chunk:
                            both.unregister(key.fileobj)
                        elif key.fileobj is err:
                            said.append(chunk)
                        else:
                            yield chunk
        except GeneratorExit:
            self._process.kill()
            raise
        finally:
            self._process.wait()
            out.close()
            err.close()
        if self._process.returncode:
            raise _failure(self._arguments, b"".join(said))


def _failure(arguments: list[str], said: bytes) -> CaptureError:
    lines = [line for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines or ["no message"]
    command = next((part for part in arguments if not part.startswith(("-", "/", "."))), "git")
    return CaptureError(
        f"git {command} failed: {telling[-1].removeprefix('fatal: ').removeprefix('error: ')[:500].rstrip('.')}.",
        hint="Run `git status` and `git fsck` there to see what is wrong.",
        details={"git": "\n".join(lines)[:2000]},
    )


@dataclass(frozen=True)
class Repository:
    """A repository with a working tree.

    Attributes:
        root: Top folder of the working tree.
        git_dir: Its git directory; of this working tree, where there are several.
        common_dir: The git directory that all its working trees share.
        commit: Full name of the commit at HEAD; None before the first.
        branch: Short name of the branch at HEAD; None when detached.
        config: The configuration in effect, last value of each key; keys in lower case up to a subsection.
    """

    root: Path
    git_dir: Path
    common_dir: Path
    commit: str | None
    branch: str | None

    config: Mapping[str, str]

    @property
    def empty_tree(self) -> str:
        """Name of the empty tree in this repository's object format."""
        return _EMPTY_TREE.get(self.object_format, _EMPTY_TREE["sha1"])

    @property
    def empty_blob(self) -> str:
        """Name of the empty file in this repository's object format."""
        return _EMPTY_BLOB.get(self.object_format, _EMPTY_BLOB["sha1"])

    @property
    def object_format(self) -> str:
        """Hash that names objects."""
        return self.config.get("extensions.objectformat", "sha1").lower()


def find_repository(path: Path) -> Repository | None:
    """The repository whose working tree holds a folder; None where there is none, or no git.

    Raises:
        CaptureError: The folder is not there, the repository is bare, broken or another user's.
    """
    if not path.is_dir():
        raise CaptureError(f"There is no folder {str(path)!r}.", hint="Give the folder that holds the code.")
    if not git_available():
        return None
    asked = [
        "--is-bare-repository",
        "--is-inside-work-tree",
        "--absolute-git-dir",
        "--git-common-dir",
        "--show-toplevel",
    ]
    config = Running(["-C", str(path), "config", "-z", "--list"], _QUIET)
    answer = Running(
        ["-C", str(path), "rev-parse", *asked, "HEAD", "--symbolic-full-name", "HEAD"], _QUIET
    ).finish()
    listed = config.finish()
    lines = answer.out.decode(errors="surrogateescape").split("\n")[:-1]
    if len(lines) < 5 or lines[1] != "true":
        if not lines and b"not a git repository" in answer.err:
            return None
        raise _unusable(path, lines, answer.err)
    root = Path(lines[4])
    if not lines[4].startswith("/") or not os.path.lexists(root / ".git"):
        raise CaptureError(
            f"The working tree of {str(path)!r} could not be told.",
            hint="Its folders must have no line breaks in their names, and core.worktree must not lead elsewhere.",
        )
    commit, branch = _head(root, lines[5:], answer.code)
    if listed.code:
        raise _failure(["config"], listed.err)
    return Repository(
        root, Path(lines[2]), Path(path, lines[3]).resolve(), commit, branch, _values(listed.out)
    )


def _values(listed: bytes) -> dict[str, str]:
    values = {}
    for item in listed.split(b"\0")[:-1]:
        key, given, value = item.partition(b"\n")
        values[os.fsdecode(key)] = os.fsdecode(value) if given else "true"
    return values


def start_listing(folder: Path) -> Running | None:
    """Start git listing the files below a folder; None where there is no git. ``finish_listing`` takes the answer."""
    if not git_available():
        return None
    # Listing reads the index and the ignore rules; the one program it could start is told not to.
    safe = ["-c", "core.fsmonitor=false", "-c", "core.untrackedCache=false"]
    asked = ["ls-files", "-z", "-t", "--cached", "--others", "--exclude-standard"]
    return Running(["-C", str(folder), *safe, *asked], _QUIET)


def finish_listing(started: Running) -> tuple[list[bytes], list[bytes]] | None:
    """Tracked and untracked files, relative to the folder, without what git ignores; None outside a repository.

    An untracked repository is one name that ends with a slash. Submodules are among the tracked names.

    Raises:
        CaptureError: Git refused.
    """
    answer = started.finish()
    if answer.code:
        if b"not a git repository" in answer.err or b"must be run in a work tree" in answer.err:
            return None
        raise _failure(["ls-files"], answer.err)
    tracked, untracked = [], []
    for line in answer.out.split(b"\0"):
        if line[:1] == b"?":
            untracked.append(line[2:])
        elif line:
            tracked.append(line[2:])
    return tracked, untracked


def _unusable(path: Path, lines: list[str], said: bytes) -> CaptureError:
    text = said.decode("utf-8", "replace")
    if "dubious ownership" in text or "unsafe repository" in text:
        return CaptureError(
            f"The repository at {str(path)!r} belongs to another user, so git does not trust it.",
            hint=f"If you do, run: git config --global --add safe.directory {str(path)!r}",
        )
    if lines and lines[0] == "true":
        return CaptureError(
            f"The repository at {str(path)!r} is bare: it has no working tree.",
            hint="Record from a clone of it.",
        )
    if len(lines) > 1 and lines[1] == "false":
        return CaptureError(
            f"{str(path)!r} lies inside a git directory.", hint="Record from the working tree beside it."
        )
    return _failure(["rev-parse"], said)


def _head(root: Path, lines: list[str], code: int) -> tuple[str | None, str | None]:
    if code == 0 and len(lines) >= 2:
        ref = lines[1]
        return lines[0], ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else None
    symbolic = Running(["-C", str(root), "symbolic-ref", "--quiet", "HEAD"], _QUIET).finish()
    ref = os.fsdecode(symbolic.out.removesuffix(b"\n"))
    exists = Running(["-C", str(root), "show-ref", "--quiet", "--verify", ref], _QUIET).finish()
    if symbolic.code or exists.code == 0:
        raise CaptureError("HEAD does not name a commit.", hint="Run `git fsck` there to see what is wrong.")
    return None, ref.removeprefix("refs/heads/")


class Scratch:
    """A private git directory over a repository's objects; ``open`` makes one and removes it.

    Args:
        repository: Where the objects, the ignore rules and the attributes come from.
        folder: Private folder that becomes the git directory.
        work_tree: Folder that git takes for the working tree.
    """

    def __init__(self, repository: Repository, folder: Path, work_tree: Path) -> None:
        self.repository = repository
        self.folder = folder
        self.work_tree = work_tree
        self._environment = {
            **_ISOLATED,
            "GIT_INDEX_FILE": str(folder / "index"),
            "GIT_OBJECT_DIRECTORY": str(folder / "objects"),
            "GIT_LITERAL_PATHSPECS": "1",
        }

    @classmethod
    @contextlib.contextmanager
    def open(cls, repository: Repository, *, work_tree: Path | None = None) -> Iterator[Scratch]:
        """A scratch that is gone afterwards, with a copy of the index unless another ``work_tree`` is given.

        Raises:
            CaptureError: There is no room for it, or git's files cannot be read.
        """
        place = _quick_place(repository)
        _sweep(Path(place or tempfile.gettempdir()))
        with contextlib.ExitStack() as stack:
            try:
                folder = stack.enter_context(
                    tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True, dir=place)
                )
                scratch = cls(repository, Path(folder), work_tree or repository.root)
                scratch._furnish(copy_index=work_tree is None)
            except OSError as error:
                raise CaptureError(
                    f"A private git directory could not be made: {error.strerror}.",
                    hint="Look at TMPDIR, its space, and the rights on the repository.",
                ) from error
            yield scratch

    def start(
        self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None
    ) -> Running:
        """Start a git command in the working tree."""
        place = ["-C", str(self.work_tree), f"--git-dir={self.folder}", f"--work-tree={self.work_tree}"]
        return Running([*place, *arguments], {**self._environment, **(environment or {})}, stdin)

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Run a git command; answers its output.

        Raises:
            CaptureError: Git refused.
        """
        return self.start(*arguments, stdin=stdin).checked()

    @property
    def may_convert(self) -> bool:
        """Whether something besides ``.gitattributes`` files may make git change line endings or encodings."""
        config = self.repository.config
        home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111  keeps an odd HOME as it is
        return (
            "core.autocrlf" in config
            or "core.attributesfile" in config
            or (self.folder / "info" / "attributes").exists()
            or Path(home, "git", "attributes").exists()
        )

    def override_attributes(self, paths: list[bytes], attributes: bytes) -> None:
        """Give some paths attributes that win over all others."""
        if not paths:
            return
        with (self.folder / "info" / "attributes").open("ab") as file:
            file.writelines(b"\n" + _attribute_pattern(path) + b" " + attributes for path in paths)

    def _furnish(self, *, copy_index: bool) -> None:
        for name in ("refs", "info", "objects/info"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "HEAD").write_text("ref: refs/heads/scratch\n")
        objects = os.fsencode(self.repository.common_dir / "objects")
        (self.folder / "objects/info/alternates").write_bytes(_quoted(objects) + b"\n")
        (self.folder / "config").write_bytes(_config(self.repository.config))
        for name in ("exclude", "attributes"):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                shutil.copyfile(self.repository.common_dir / "info" / name, self.folder / "info" / name)
        if copy_index:
            # With its times: git tells by them which entries it must not trust.
            with contextlib.suppress(FileNotFoundError):
                shutil.copy2(self.repository.git_dir / "index", self.folder / "index")
            for shared in self.repository.git_dir.glob("sharedindex.*"):
                shutil.copy2(shared, self.folder / shared.name)


def _quick_place(repository: Repository) -> str | None:
    """Memory, where there is plenty for an index; making a dozen files on a disk may take longer than git does."""
    if os.environ.get("TMPDIR"):
        return None
    try:
        size = sum(path.stat().st_size for path in repository.git_dir.glob("*index*"))
        space = os.statvfs(_MEMORY)
    except OSError:
        return None
    return (
        _MEMORY
        if os.access(_MEMORY, os.W_OK) and space.f_bavail * space.f_frsize > size * 10 + _SPARE
        else None
    )


def _sweep(place: Path) -> None:
    """Remove scratches that killed processes of ours left a day ago or earlier."""
    for folder in place.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            state = folder.lstat()
            if state.st_uid == os.geteuid() and state.st_mtime < time.time() - _STALE_SECONDS:
                shutil.rmtree(folder)


def _config(values: Mapping[str, str]) -> bytes:
    lines = [
        b"[core]\n\trepositoryFormatVersion = 1\n\tbare = false\n\tsafecrlf = false\n",
        b"\tfsmonitor = false\n\tuntrackedCache = false\n\tcompression = 1\n\thooksPath = /dev/null\n",
    ]
    for key in sorted(_TAKEN_OVER & values.keys()):
        section, _, name = key.rpartition(".")
        lines.append(
            b"[%b]\n\t%b = %b\n" % (section.encode(), name.encode(), _quoted(os.fsencode(values[key])))
        )
    return b"".join(lines)


def _quoted(text: bytes) -> bytes:
    escaped = text.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n").replace(b"\t", b"\\t")
    return b'"' + escaped + b'"'


def _attribute_pattern(path: bytes) -> bytes:
    return quote(
        b"".join(b"\\" + bytes([byte]) if byte in b"*?[]\\" else bytes([byte]) for byte in b"/" + path)
    )
