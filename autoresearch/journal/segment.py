"""Where the bytes of a journal go: a mapped file with its space set aside, a file that is written to, or memory.

Space is allocated before it is mapped, so that a full disk is an error here and not a signal in the training loop. File systems
that cannot promise that, or where a mapping is not coherent, get plain writes.
"""

from __future__ import annotations

import errno
import mmap
import os
import time

__all__ = ["FILE", "MAPPED", "MEMORY", "POPULATE_SLICE", "Segment", "maps_well", "write_all"]

MAPPED = "mapped"
FILE = "file"
MEMORY = "memory"
POPULATE_SLICE = 256 << 10
_POPULATE_WRITE = (
    23  # MADV_POPULATE_WRITE, Linux 5.14; older ones answer EINVAL and pages are faulted in as they are used
)
_FIRST_IMAGE = 1 << 20

# Mappings are not coherent between machines, or the space that was set aside is not kept for the next copy of a page.
_REMOTE = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs"}
)
_REMOTE_TOO = frozenset({"nfs4", "ocfs2", "orangefs", "pvfs2", "smb2", "smb3", "smbfs", "vboxsf", "virtiofs"})
_COPIES = frozenset({"bcachefs", "btrfs", "zfs"})
_UNFIT = _REMOTE | _REMOTE_TOO | _COPIES


def maps_well(path: str, mounts: str = "/proc/self/mounts") -> bool:
    """Whether a preallocated, mapped file under ``path`` is safe: false on network, FUSE and copy-on-write file systems.

    Args:
        path: An existing folder.
        mounts: The table of mounts; when it cannot be read, the answer is true.
    """
    try:
        with open(mounts, "rb") as file:
            lines = file.read().decode("utf-8", "surrogateescape").splitlines()
    except OSError:
        return True
    inside = os.path.join(os.path.realpath(path), "")
    longest, kind = "", ""
    for line in lines:
        parts = line.split(" ")
        if len(parts) < 3:
            continue
        point = os.path.join(_unescaped(parts[1]), "")
        if inside.startswith(point) and len(point) >= len(longest):
            longest, kind = point, parts[2]
    return kind not in _UNFIT and not kind.startswith("fuse")


def _unescaped(point: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        point = point.replace(code, character)
    return point


def write_all(descriptor: int, data: bytes | bytearray, offset: int) -> None:
    """Write all of it at this place.

    Raises:
        OSError: It could not be written; a part may have been.
    """
    rest = memoryview(data)
    while rest:
        done = os.pwrite(descriptor, rest, offset)
        if not done:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        rest, offset = rest[done:], offset + done


class Segment:
    """One file of a journal, or the memory that stands for it.

    Attributes:
        place: ``mapped``, ``file`` or ``memory``.
        buffer: What records are packed into; empty for ``file``.
        capacity: Bytes that fit.
        descriptor: Of the open file; -1 for ``memory``.
        path: Present name of the file.
        populated: Bytes from the beginning whose pages were faulted in.
    """

    __slots__ = ("buffer", "capacity", "descriptor", "path", "place", "populated", "used")

    def __init__(
        self, place: str, path: str, descriptor: int, buffer: mmap.mmap | bytearray, capacity: int
    ) -> None:
        self.place = place
        self.path = path
        self.descriptor = descriptor
        self.buffer = buffer
        self.capacity = capacity
        self.populated = 0
        self.used = 0

    @classmethod
    def mapped(cls, path: str, size: int) -> Segment:
        """A new file of this size, its space set aside.

        Raises:
            OSError: The space could not be had.
        """
        descriptor = _created(path)
        try:
            _allocated(descriptor, size)
            return cls(MAPPED, path, descriptor, mmap.mmap(descriptor, size), size)
        except BaseException:
            _discarded(descriptor, path)
            raise

    @classmethod
    def file(cls, path: str, size: int) -> Segment:
        """A new file that grows as it is written, up to this size.

        Raises:
            OSError: It could not be made.
        """
        return cls(FILE, path, _created(path), bytearray(), size)

    @classmethod
    def memory(cls, size: int) -> Segment:
        """Memory that takes at least this many bytes."""
        capacity = max(size, _FIRST_IMAGE)
        return cls(MEMORY, "", -1, bytearray(capacity), capacity)

    def grow(self, least: int, most: int) -> bool:
        """Make the memory big enough for ``least`` bytes; false when that is more than ``most``."""
        size = min(max(least, 2 * self.capacity), most)
        if size < least:
            return False
        bigger = bytearray(size)
        bigger[: self.capacity] = self.buffer[: self.capacity]
        self.buffer, self.capacity = bigger, size
        return True

    def rename(self, path: str) -> None:
        """Give the file its place among the segments.

        Raises:
            OSError: It could not be renamed.
        """
        os.rename(self.path, path)
        self.path = path

    def populate(self, upto: int) -> None:
        """Fault pages in, in slices, so that no other thread waits long for the interpreter's lock."""
        buffer = self.buffer
        if not isinstance(buffer, mmap.mmap):
            return
        upto = min(-(-upto // mmap.PAGESIZE) * mmap.PAGESIZE, self.capacity)
        while self.populated < upto:
            length = min(POPULATE_SLICE, upto - self.populated)
            try:
                buffer.madvise(_POPULATE_WRITE, self.populated, length)
            except (OSError, ValueError):  # an old kernel; or it was closed by another thread
                self.populated = self.capacity
                return
            self.populated += length
            time.sleep(0)

    def sync(self) -> None:
        """Wait until what was written has reached the disk.

        Raises:
            OSError: The disk could not take it.
        """
        if self.descriptor >= 0:
            try:
                os.fdatasync(self.descriptor)
            except OSError as error:
                if error.errno != errno.EBADF:  # synced and closed by another thread meanwhile
                    raise

    def close(self) -> None:
        """Cut the file to what is used and let go of it; errors of the disk are the reader's to find."""
        self.drop()
        if self.descriptor >= 0:
            try:
                if self.used:
                    os.ftruncate(self.descriptor, self.used)
            except OSError:
                pass
            finally:
                os.close(self.descriptor)
                self.descriptor = -1

    def drop(self) -> None:
        """Let go of the mapping, unless somebody still looks into it."""
        if isinstance(self.buffer, mmap.mmap):
            try:
                self.buffer.close()
            except BufferError:  # the interpreter closes it when the last view is gone
                return

    def abandon(self) -> None:
        """Close the inherited copy without touching the file, in a child process."""
        self.drop()
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def discard(self) -> None:
        """Close and delete the file."""
        self.drop()
        if self.descriptor >= 0:
            _discarded(self.descriptor, self.path)
            self.descriptor = -1


def _allocated(descriptor: int, size: int) -> None:
    if not hasattr(os, "posix_fallocate"):  # macOS
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
    os.posix_fallocate(descriptor, 0, size)


def _created(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)


def _discarded(descriptor: int, path: str) -> None:
    os.close(descriptor)
    try:
        os.unlink(path)
    except OSError:
        return
