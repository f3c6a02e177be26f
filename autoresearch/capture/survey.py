"""What differs between a commit and a working tree, and how each path is to be read."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from autoresearch.capture.conversion import ATTRIBUTES, RAW, Conversion, parse_attributes
from autoresearch.capture.notices import Notices, shown_size
from autoresearch.capture.repository import Scratch
from autoresearch.errors import CaptureError
from autoresearch.records.tree import path_text

__all__ = ["Survey"]

_HUGE = 64 * 1024 * 1024
_MODULE = b"160000"
_RULES = b".gitattributes"
# Names that git writes into no index, because other file systems take them for its own folder.
_REFUSED = re.compile(rb"(?:^|[/\\])(?:\.git|git~1)[ .]*(?:[:/\\]|\Z)", re.IGNORECASE)
_REFUSED_LINK = re.compile(
    rb"(?:^|[/\\])(?:\.gitmodules|gitmod~\d|gi7eba~?\d?)[ .]*(?:[:/\\]|\Z)", re.IGNORECASE
)


class Survey:
    """Looks at a repository through a scratch, and prepares the scratch's index for one diff of the working tree.

    Args:
        scratch: Private git directory with a copy of the index.
        base: Commit or tree that the working tree is compared with.
        max_bytes: Untracked files above this many bytes are named, not read.

    Attributes:
        notices: What will not be in the patch.
        submodules: Paths of populated submodules.
        verbatim: Paths whose bytes git's conversions must not change when the patch is applied.
        leave: Tracked paths that must be kept out of the diff.
        sizes: Bytes of every path that will be read.
    """

    def __init__(self, scratch: Scratch, base: str, max_bytes: int) -> None:
        self.notices = Notices()
        self.submodules: list[bytes] = []
        self.verbatim: list[bytes] = []
        self.leave: list[bytes] = []
        self.sizes: dict[bytes, int] = {}
        self._scratch = scratch
        self.base = base
        self._max_bytes = max_bytes
        self._top = os.fsencode(scratch.repository.root).rstrip(b"/")
        self._folders: set[bytes] = set()
        self._times: dict[bytes, tuple[int, int, int]] = {}
        self._modes: dict[bytes, bytes] = {}
        self._forget: set[bytes] = set()
        self._reread: set[bytes] = set()

    def look(self) -> bool:
        """Ask git what there is and prepare the index; False when nothing differs from the base.

        Raises:
            CaptureError: Git refused, or a file cannot be looked at.
        """
        listing = self._scratch.start("ls-files", "-z", "-v", "-s", "-c", "-o", "--exclude-standard")
        changed = self._scratch.start(
            "diff-index", "--raw", "-z", "--no-renames", "--ignore-submodules=dirty", self.base
        )
        entries, untracked = self._listed(listing.checked())
        tracked = self._changed(changed.checked())
        if any(path.endswith(_RULES) for path in (*tracked, *untracked)):
            # Files that nobody touched now mean other bytes, and git would not look at them again.
            self._reread.update(path for path, head in entries.items() if head.startswith(b"H"))
        self._modes.update((path, entries[path][2:8]) for path in self._reread)
        for path in sorted(tracked | self._reread):
            self._choose(path, max(self._max_bytes, _HUGE), tracked=True)
        for path in untracked:
            self._choose(path, self._max_bytes, tracked=False)
        self._reread.update(self.sizes.keys() & untracked)
        if any(path.endswith(_RULES) for path in (*entries, *untracked)) or self._scratch.may_convert:
            self._take_raw_where_needed()
        self._prepare()
        return bool(self.sizes or self._forget)

    def disturbed(self) -> list[bytes]:
        """Paths that were changed by somebody since they were chosen."""
        return [path for path, times in self._times.items() if _times(self._state(path)) != times]

    @property
    def renames(self) -> str:
        """The option for renames: ``git apply`` takes none where a file and a folder of one name change places."""
        clash = self._forget & _above(self.sizes) or self.sizes.keys() & _above(self._forget)
        return "--no-renames" if clash else "--find-renames"

    def largest(self, names: Iterable[bytes]) -> list[str]:
        """The three largest of some paths, with their sizes."""
        known = [(size, path_text(name)) for name in names if (size := self.sizes.get(name, 0))]
        return [f"{name} ({shown_size(size)})" for size, name in sorted(known, reverse=True)[:3]]

    def _listed(self, listing: bytes) -> tuple[dict[bytes, bytes], list[bytes]]:
        """The files of the index (``tag mode object stage`` by path), and untracked files."""
        entries: dict[bytes, bytes] = {}
        untracked: list[bytes] = []
        nested: list[bytes] = []
        for line in listing.split(b"\0")[:-1]:
            head, _, path = line.partition(b"\t")
            if head.startswith(b"H 100") and head.endswith(b" 0"):
                entries[path] = head  # by far the most
            elif head.startswith(b"? "):
                (nested if line.endswith(b"/") else untracked).append(line[2:])
            elif head[2:8] == _MODULE:
                if os.path.lexists(self._place(path) + b"/.git"):
                    self.submodules.append(path)
            else:
                entries[path] = head
                if self._hidden(path, head):
                    self._reread.add(path)
        self.notices.add("Nested repositories are not in the patch", map(path_text, nested))
        return entries, untracked

    def _hidden(self, path: bytes, head: bytes) -> bool:
        """Whether git was told not to look, or sees a conflict and not the file."""
        if not head.endswith(b" 0"):
            return True
        if head.startswith(b"S"):  # outside a sparse checkout; unless it is there all the same
            return self._state(path) is not None
        return not head.startswith(b"H")

    def _changed(self, raw: bytes) -> set[bytes]:
        """Tracked paths that differ from the base, or may: git was not asked to read them yet."""
        paths = set()
        fields = raw.split(b"\0")
        for entry, path in zip(fields[0::2], fields[1::2], strict=False):
            old, new, before, after, _ = entry[1:].split(b" ")
            if _MODULE in {old, new}:
                now = after[:12].decode() if after.strip(b"0") else "what is there"
                moved = f"{path_text(path)} (from {before[:12].decode()} to {now})"
                self.notices.add("Submodules stand on another commit, which is not in the patch", [moved])
            else:
                self._modes[path] = new if new.strip(b"0") else old
                paths.add(path)
        return paths

    def _choose(self, path: bytes, limit: int, *, tracked: bool) -> None:
        state = self._state(path)
        if state is None or stat.S_ISDIR(state.st_mode):
            self._forget.add(path)
            return
        problem = self._unfit(path, state, limit)
        if problem is None:
            self.sizes[path] = state.st_size
            self._times[path] = _times(state)
            return
        regular = stat.S_ISREG(state.st_mode)
        self.notices.add(
            problem, [f"{path_text(path)} ({shown_size(state.st_size)})" if regular else path_text(path)]
        )
        if tracked and regular:
            self.leave.append(path)
        elif tracked:
            self._forget.add(path)

    def _unfit(self, path: bytes, state: os.stat_result, limit: int) -> str | None:
        link = stat.S_ISLNK(state.st_mode)
        if _REFUSED.search(path) or (link and _REFUSED_LINK.search(path)):
            return "Named as git names its own files, so not in the patch"
        if not link and not stat.S_ISREG(state.st_mode):
            return "Neither files nor links, so not in the patch"
        if state.st_size > limit:
            return f"Above {shown_size(limit)}, so not in the patch"
        readable = link or os.access(self._place(path), os.R_OK)
        return None if readable else "Not readable, so not in the patch"

    def _state(self, path: bytes) -> os.stat_result | None:
        """What stands at a path of this tree; None for nothing, and for what is beyond a link."""
        folder = path.rpartition(b"/")[0]
        if folder and folder not in self._folders:
            above = self._state(folder)
            if above is None or not stat.S_ISDIR(above.st_mode):
                return None
            self._folders.add(folder)
        try:
            return os.lstat(self._place(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise CaptureError(f"{path_text(path)!r} cannot be looked at: {error.strerror}.") from error

    def _place(self, path: bytes) -> bytes:
        return self._top + b"/" + path

    def _take_raw_where_needed(self) -> None:
        asked = self._scratch.run("check-attr", "-z", "--stdin", *ATTRIBUTES, stdin=_lines(self.sizes))
        config = self._scratch.repository.config
        raw = []
        for path, attributes in parse_attributes(asked).items():
            conversion = Conversion.of(attributes, config)
            data = b"" if conversion.idle else self._content(path)
            if data and conversion.loses(data):
                raw.append(path)
                if conversion.mangles(data):
                    self.verbatim.append(path)
        self._scratch.override_attributes(raw, RAW)
        self._reread.update(raw)

    def _content(self, path: bytes) -> bytes:
        try:
            file = Path(os.fsdecode(self._place(path)))
            return b"" if file.is_symlink() else file.read_bytes()
        except OSError:
            return b""  # gone since; the diff will tell

    def _prepare(self) -> None:
        """Drop from the index what is not there, and make git read again what it would not look at.

        An entry without times is one that git must read, whatever content it names.
        """
        empty = self._scratch.repository.empty_blob.encode()
        nothing = b"0" * len(empty)
        lines = [b"0 %b 0\t%b\0" % (nothing, path) for path in sorted(self._forget)]
        for path in sorted(self._reread & self.sizes.keys()):
            lines.append(b"0 %b 0\t%b\0" % (nothing, path))
            lines.append(b"%b %b 0\t%b\0" % (self._modes.get(path, b"100644"), empty, path))
        if lines:
            self._scratch.run("update-index", "-z", "--index-info", stdin=b"".join(lines))


def _times(state: os.stat_result | None) -> tuple[int, int, int]:
    return (state.st_mtime_ns, state.st_size, state.st_ino) if state else (0, 0, 0)


def _above(paths: Iterable[bytes]) -> set[bytes]:
    """Every folder that some paths lie in."""
    found: set[bytes] = set()
    for path in paths:
        folder = path.rpartition(b"/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition(b"/")[0]
    return found


def _lines(paths: Iterable[bytes]) -> bytes:
    return b"".join(path + b"\0" for path in paths)
