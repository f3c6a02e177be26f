"""Every file of a folder, as it is now: stored by digest, named by one manifest."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from autoresearch.capture.listing import Lister, Listing
from autoresearch.capture.notices import Notices, shown_size
from autoresearch.capture.stat_cache import StatCache
from autoresearch.errors import CaptureError, Invalid
from autoresearch.records.tree import Tree, TreeEntry, path_text

__all__ = ["ObjectStore", "Snapshot", "take_snapshot"]

_ATTEMPTS = 3
_CHUNK = 1024 * 1024
_SMALL = 256 * 1024
_HASH_LIMIT = 1024 * 1024 * 1024
_EXCLUDED = "dataset or weights, left out by default"


class ObjectStore(Protocol):
    """What a snapshot needs of the place where bytes are kept."""

    def put_many(self, blobs: Iterable[bytes | Path | BinaryIO], /) -> list[str]:
        """Store blobs, asking for the next one only after the one before was read; answers digests, all durable."""
        ...

    def missing(self, digests: Iterable[str], /) -> set[str]:
        """Those of the digests that are not stored."""
        ...

    def touch(self, digest: str, /) -> bool:
        """Mark a blob as used now; False when it is not stored."""
        ...

    def get(self, digest: str, /) -> bytes:
        """The bytes of a digest."""
        ...


class Snapshot:
    """A tree whose files are all stored, and its manifest too.

    Attributes:
        digest: Digest of the manifest, by which the tree is found again.
        stored: Different blobs among the files that were read, without the manifest.
        reused: Files that did not have to be read.
        bytes: Size of all stored files together.
        notices: What is not as it might be expected, a sentence each.
    """

    __slots__ = ("_tree", "bytes", "digest", "notices", "reused", "stored")

    def __init__(
        self,
        tree: Tree | Callable[[], Tree],
        digest: str,
        *,
        stored: int,
        reused: int,
        size: int,
        notices: tuple[str, ...],
    ) -> None:
        self._tree = tree
        self.digest = digest
        self.stored = stored
        self.reused = reused
        self.bytes = size
        self.notices = notices

    @property
    def tree(self) -> Tree:
        """The files; read from the store when nothing had changed."""
        if not isinstance(self._tree, Tree):
            self._tree = self._tree()
        return self._tree

    def __repr__(self) -> str:
        return f"Snapshot({self.digest[:12]}, {self.stored} stored, {self.reused} reused)"


def take_snapshot(
    source: Path | Sequence[Path],
    objects: ObjectStore,
    *,
    max_file: int | None = 5 * 1024 * 1024,
    cache: Path | None = None,
    everything: bool = False,
    base: Path | None = None,
    clock: Callable[[], int] = time.time_ns,
) -> Snapshot:
    """Hash every file, store the bytes that are not stored yet, then the manifest.

    Args:
        source: A folder, or files (and folders) whose names are kept relative to ``base``.
        objects: Where the bytes go.
        max_file: Files above this many bytes are named with their digest and not stored; None stores all. Above 1 GiB
            they are not hashed either.
        cache: Folder for the digests of files that do not change.
        everything: Leave nothing out: no ``.gitignore``, no default exclusions.
        base: Folder that a list of files is relative to; the present one by default.
        clock: Nanoseconds since the epoch.

    Symbolic links are stored as links and never followed; pipes, sockets and devices are named in the notices.

    Raises:
        CaptureError: The source cannot be read.
        Invalid: A listed file is not below ``base``.
        StoreError: The bytes could not be stored.
    """
    if not isinstance(source, Path):
        return _of_files(source, base or Path.cwd(), objects, max_file, everything=everything)
    root = Path(os.path.realpath(source))
    if not root.is_dir():
        return _of_files([Path(source.name)], source.parent, objects, max_file, everything=everything)
    started = clock()
    lister = Lister(root, everything=everything)
    known = StatCache(None)
    if cache is not None:
        key = hashlib.sha256(os.fsencode(root) + f"\0{max_file} {everything}".encode())
        known = StatCache(cache / key.hexdigest()[:32])
    taking = _Taking(root, objects, max_file, known, everything=everything)
    return taking.take(lister.finish(), started)


def _of_files(
    files: Sequence[Path], base: Path, objects: ObjectStore, max_file: int | None, *, everything: bool
) -> Snapshot:
    root = Path(os.path.realpath(base))
    listing = Listing()
    for file in files:
        place = Path(os.path.realpath((base / file).parent)) / file.name if file.name != ".." else root / file
        name = os.path.relpath(os.path.normpath(place), root)
        if name == ".." or name.startswith("../"):
            raise Invalid(f"{str(file)!r} is not below {str(base)!r}.", hint="Give files below one folder.")
        if not os.path.lexists(place):
            raise CaptureError(f"There is no file {str(file)!r}.", hint="Give files that exist.")
        if place.is_dir() and not place.is_symlink():
            inner = Lister(place, everything=everything).finish()
            prefix = b"" if name == "." else os.fsencode(name) + b"/"
            listing.names.extend(prefix + path for path in inner.names)
            listing.left_out.extend(prefix + path for path in inner.left_out)
        else:
            listing.names.append(os.fsencode(name))
    taking = _Taking(root, objects, max_file, StatCache(None), everything=everything)
    return taking.take(listing, time.time_ns())


class _Read(NamedTuple):
    """A file that was read: ``size`` bytes, and whether it stayed the same meanwhile."""

    name: bytes
    state: os.stat_result
    size: int
    steady: bool


def _times(state: os.stat_result) -> tuple[int, int, int]:
    return state.st_mtime_ns, state.st_ctime_ns, state.st_size


class _Taking:
    """One snapshot in the making."""

    def __init__(
        self, root: Path, objects: ObjectStore, max_file: int | None, cache: StatCache, *, everything: bool
    ) -> None:
        self.top = os.fsencode(root).rstrip(b"/") + b"/"
        self.objects = objects
        self.max_file = max_file
        self.cache = cache
        self.everything = everything
        self.notices = Notices()
        self.entries: list[TreeEntry] = []
        self.folders: set[bytes] = set()
        self.unread: list[bytes] = []
        # While git lists the files, those that are known are looked at.
        self.same = cache.unchanged(self.top)

    def take(self, listing: Listing, started_ns: int) -> Snapshot:
        self.notices = listing.notices
        names = set(listing.names)
        left_out = list(listing.left_out)
        for name in sorted(names - self.same.keys()):
            self._open_module(name, names, left_out)
        self._keep_only(names)
        for name in sorted(names - self.same.keys()):
            self._look_at(name)
        for name in left_out:
            self._omit(name, _EXCLUDED, digest=None)
        others = hashlib.sha256(repr(sorted(self.entries)).encode()).hexdigest()
        reused = len(self.same)
        whole = bool(self.same) and self.objects.touch(self.cache.tree)
        if (
            whole
            and not self.unread
            and self.cache.others == others
            and len(self.same) == len(self.cache.known)
        ):
            return self._as_before(reused)
        if not whole:
            self._reread_lost()
        stored = self._store(started_ns)
        for name, entry in self.same.items():
            self._add(name, entry.mode, entry.size, entry.sha256.hex())
        tree = Tree(self.entries)
        self.objects.put_many([tree.manifest])
        self.cache.save(self.same, tree.digest, others)
        size = sum(entry.size for entry in tree.files())
        return Snapshot(
            tree, tree.digest, stored=stored, reused=len(self.same), size=size, notices=self.notices.lines()
        )

    def _as_before(self, reused: int) -> Snapshot:
        digest, get = self.cache.tree, self.objects.get
        size = sum(entry.size for entry in self.same.values())
        return Snapshot(
            lambda: Tree.parse(get(digest)),
            digest,
            stored=0,
            reused=reused,
            size=size,
            notices=self.notices.lines(),
        )

    def _keep_only(self, names: set[bytes]) -> None:
        """Drop known files that are no longer listed, or are reached through a link now."""
        gone = self.same.keys() - names
        folders = {name.rpartition(b"/")[0] for name in self.same}
        beyond = {folder for folder in folders if not self._is_folder(folder)}
        if beyond:
            gone |= {name for name in self.same if name.rpartition(b"/")[0] in beyond}
        for name in gone:
            del self.same[name]

    def _look_at(self, name: bytes) -> None:
        """Make an entry of a link, name what cannot be stored, put aside what must be read."""
        if not self._is_folder(name.rpartition(b"/")[0]):
            return
        try:
            state = os.lstat(self.top + name)
        except OSError as error:
            self._unreadable(name, error)
            return
        if stat.S_ISLNK(state.st_mode):
            self._link(name)
        elif not stat.S_ISREG(state.st_mode):
            self.notices.add("Neither files nor links, so not in the snapshot", [path_text(name)])
        elif self.max_file is not None and state.st_size > self.max_file:
            self._too_large(name, state)
        else:
            self.unread.append(name)

    def _open_module(self, name: bytes, names: set[bytes], left_out: list[bytes]) -> None:
        """Put the files of a submodule, which git lists as one name, in its place."""
        try:
            if not stat.S_ISDIR(os.lstat(self.top + name).st_mode):
                return
        except OSError:
            return
        prefix = name.rstrip(b"/") + b"/"
        inner = Lister(Path(os.fsdecode(self.top + prefix)), everything=self.everything).finish()
        names.remove(name)
        new = {prefix + path for path in inner.names}
        names |= new
        left_out.extend(prefix + path for path in inner.left_out)
        for path in sorted(new - self.same.keys()):
            self._open_module(path, names, left_out)

    def _add(self, name: bytes, mode: int, size: int, digest: str) -> None:
        self.entries.append(TreeEntry(path_text(name), "100755" if mode & 0o100 else "100644", size, digest))

    def _is_folder(self, folder: bytes) -> bool:
        """Whether a name leads through real folders; what lies beyond a link is not part of the tree."""
        if folder and folder not in self.folders:
            if not self._is_folder(folder.rpartition(b"/")[0]):
                return False
            try:
                if not stat.S_ISDIR(os.lstat(self.top + folder).st_mode):
                    return False
            except OSError:
                return False
        self.folders.add(folder)
        return True

    def _link(self, name: bytes) -> None:
        try:
            target = os.readlink(self.top + name)  # noqa: PTH115  names are bytes here
        except OSError as error:
            self._unreadable(name, error)
            return
        digest = hashlib.sha256(target).hexdigest()
        self.entries.append(TreeEntry(path_text(name), "120000", len(target), digest, path_text(target)))

    def _too_large(self, name: bytes, state: os.stat_result) -> None:
        digest = self._hash(name) if state.st_size <= _HASH_LIMIT else None
        self._omit(name, f"larger than {shown_size(self.max_file or 0)}", digest=digest, state=state)

    def _hash(self, name: bytes) -> str | None:
        try:
            with self._open(name) as file:
                hashed = hashlib.sha256()
                while chunk := file.read(_CHUNK):
                    hashed.update(chunk)
                return hashed.hexdigest()
        except OSError:
            return None

    def _omit(
        self, name: bytes, reason: str, *, digest: str | None, state: os.stat_result | None = None
    ) -> None:
        try:
            state = state or os.lstat(self.top + name)
        except OSError as error:
            self._unreadable(name, error)
            return
        mode = "100755" if state.st_mode & 0o100 else "100644"
        self.entries.append(TreeEntry(path_text(name), mode, state.st_size, digest, None, reason))
        self.notices.add("Named but not stored in the snapshot", [f"{path_text(name)} ({reason})"])

    def _unreadable(self, name: bytes, error: OSError) -> None:
        if error.errno not in {errno.ENOENT, errno.ENOTDIR}:
            shown = f"{path_text(name)} ({error.strerror})"
            self.notices.add("Not readable, so not in the snapshot", [shown])

    def _reread_lost(self) -> None:
        """Read again what is known but not stored: the store was cleaned, or is another one."""
        lost = self.objects.missing({entry.sha256.hex() for entry in self.same.values()})
        for name in [name for name, entry in self.same.items() if entry.sha256.hex() in lost]:
            del self.same[name]
            self.unread.append(name)

    def _store(self, started_ns: int) -> int:
        read: list[_Read | None] = []
        digests = self.objects.put_many(self._streams(read))
        for item, digest in zip(read, digests, strict=True):
            if item is not None:
                self._add(item.name, item.state.st_mode, item.size, digest)
                if item.steady:
                    self.cache.learn(item.name, item.state, digest, started_ns)
        return len(set(digests))

    def _streams(self, read: list[_Read | None]) -> Iterator[bytes | BinaryIO]:
        """Each file to read; ``read`` gets what came of it, None where it was read again."""
        for name in sorted(self.unread):
            for attempt in range(1, _ATTEMPTS + 1):
                try:
                    file = self._open(name)
                except OSError as error:
                    self._unreadable(name, error)
                    break
                with file:
                    before = os.fstat(file.fileno())
                    yield file.read() if before.st_size < _SMALL else file
                    size, after = file.tell(), os.fstat(file.fileno())
                steady = size == after.st_size and _times(before) == _times(after)
                if not steady and attempt < _ATTEMPTS:
                    read.append(None)
                    continue
                if not steady:
                    self.notices.add("Changed while they were read", [path_text(name)])
                read.append(_Read(name, after, size, steady))
                break

    def _open(self, name: bytes) -> BinaryIO:
        # O_NONBLOCK: what was a file a moment ago may be a pipe now.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        target = os.open(self.top + name, flags)
        file = os.fdopen(target, "rb", buffering=0)
        if not stat.S_ISREG(os.fstat(target).st_mode):
            file.close()
            raise FileNotFoundError(errno.ENOENT, "no longer a file")
        return file
