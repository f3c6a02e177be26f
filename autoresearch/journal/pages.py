"""The writing end below the records: segments that follow one another, check records, and what happens when a disk is full.

The state that the hot path of :class:`~autoresearch.journal.writer.Writer` works on is kept here: ``buffer``, ``offset``,
``commit`` and ``mark``, the offset up to which a row may be packed without anything else to be done.
"""

from __future__ import annotations

import os
import time
from _thread import RLock
from struct import Struct
from threading import Event, Lock
from zlib import crc32

from autoresearch.journal import layout, locks
from autoresearch.journal.layout import CHECK, CHECK_KIND, COMMITTED, END, END_KIND, HEAD, SCHEMA, TAIL, WRAP
from autoresearch.journal.segment import FILE, MAPPED, MEMORY, Segment, maps_well, write_all
from autoresearch.journal.warning import warn

TYPE_CHECKING = False  # importing typing would cost more than this module
if TYPE_CHECKING:
    import mmap
    from collections.abc import Callable
    from typing import Any

__all__ = ["BLOCK", "Moved", "Pages"]

_RESERVE = CHECK.size + END.size
BLOCK = 2048
_ANCHOR = 64 << 10
_LARGEST_SEGMENT = 32 << 20
_LARGEST_MEMORY = 64 << 20
_AHEAD = 8 << 20
_LOW = 4 << 20
_AT_ONCE = 16 << 10
_RETRY_SECONDS = 1.0
_TOTALS = Struct("<QQQ")
_CHECKED = Struct("<IIIIQQ")
_NEVER = 1 << 62


class Moved(Exception):  # noqa: N818 - no error: the record in hand is begun again in the segment that follows
    """The disk refused a record in the middle of a segment."""


class Pages:
    """The segments of one writer. Everything here runs under ``lock``, except ``prepare`` and ``sync``."""

    __slots__ = (
        "__weakref__",
        "_alarm",
        "_anchor",
        "_base",
        "_base_commit",
        "_block",
        "_busy",
        "_dropping",
        "_epoch",
        "_held",
        "_late",
        "_mappable",
        "_number",
        "_points",
        "_preparing",
        "_retired",
        "_retry",
        "_seed",
        "_segment",
        "_size",
        "_spare",
        "_unlisted",
        "_warned",
        "acquire",
        "buffer",
        "closed",
        "commit",
        "dropped",
        "folder",
        "id",
        "mark",
        "offset",
        "release",
        "run",
        "schemas",
        "wanted",
        "wide",
    )

    buffer: mmap.mmap | bytearray
    _segment: Segment | None

    def __init__(self, folder: str, run: str, writer: str, segment_bytes: int) -> None:
        self.folder = folder
        self.run = run
        self.closed = False
        self._size = max(segment_bytes, layout.HEADER_BYTES + 4 * BLOCK)
        self._warned: set[str] = set()
        self._anew(writer)

    def _anew(self, writer: str) -> None:
        """The state before the first record of a writer."""
        lock = RLock()  # one that a signal handler may take again, in the thread that holds it
        self.acquire, self.release = lock.acquire, lock.release
        self.wanted = Event()
        self.id = writer
        self.schemas: dict[tuple[str, ...], tuple[int, Callable[..., None], int]] = {}
        self.wide: dict[Any, tuple[int, Struct]] = {}
        self.buffer = bytearray()
        self.offset = self._base = self._base_commit = self._anchor = self.mark = 0
        self.commit = COMMITTED + 1
        self._base_commit = self.commit
        self._epoch = self._points = self._number = self._seed = self.dropped = 0
        self._dropping = self._unlisted = False
        self._alarm = _NEVER
        self._mappable: bool | None = None
        self._block = bytearray()
        self._busy = False
        self._late: list[tuple[Any, ...]] = []
        self._held = -1
        self._segment = None
        self._spare: Segment | None = None
        self._retired: list[Segment] = []
        self._retry = 0.0
        self._preparing = Lock()

    @property
    def sequence(self) -> int:
        """Number of the last record, counted from 1; 0 before the first."""
        return self._epoch + self.commit - COMMITTED - 1

    @property
    def points(self) -> int:
        """How many numbers were logged."""
        self.acquire()
        try:
            return self._points + self._pending()
        finally:
            self.release()

    @property
    def records(self) -> int:
        """How many rows, texts and messages are on disk or on their way there."""
        return self.sequence - self.dropped

    @property
    def place(self) -> str:
        """Where records go: ``mapped``, ``file`` (each is written), or ``memory`` (no disk takes them)."""
        return self._segment.place if self._segment is not None else MEMORY

    @property
    def alive(self) -> bool:
        """Whether the lock that tells others so is held."""
        return self._held >= 0

    def prepare(self) -> None:
        """What keeps the hot path free of the disk: called by a background thread, when ``wanted`` is set and now and then."""
        if not self._preparing.acquire(blocking=False):
            return
        try:
            self.wanted.clear()
            self._finish_retired()
            segment = self._segment
            if segment is None:
                return
            if segment.place == MAPPED:
                segment.populate(self.offset + _AHEAD)
                if self._spare is None and 2 * self.offset > segment.capacity:
                    self._set_aside()
                self._set_alarm(segment)
            elif segment.place == MEMORY and time.monotonic() >= self._retry:
                self._retry = time.monotonic() + _RETRY_SECONDS
                self._land()
        finally:
            self._preparing.release()

    def sync(self) -> None:
        """Have everything written so far survive a loss of power; a disk that cannot is warned about once."""
        segment, unlisted = self._segment, self._unlisted
        try:
            for each in (*self._retired, segment):
                if each is not None:
                    each.sync()
            if unlisted and segment is not None and segment.place != MEMORY:
                self._unlisted = False
                _sync_folder(self.folder)
        except OSError as error:
            self._warn(
                "sync", f"What was logged is not safe from a loss of power yet: {error}. Look after the disk."
            )

    def _warn(self, key: str, sentence: str) -> None:
        """Say it once for each key."""
        if key in self._warned or len(self._warned) > 1000:
            return
        self._warned.add(key)
        warn(sentence, stacklevel=4)

    # The numbers: small rows are not counted one by one, since their sizes tell.

    def _pending(self) -> int:
        rows = self.commit - self._base_commit
        return (self.offset - self._base - layout.ROW_FRAME * rows) // 8

    def _rebase(self) -> None:
        self._points += self._pending()
        self._base, self._base_commit = self.offset, self.commit
        if self.commit > 2 * COMMITTED - 1:
            self.commit -= COMMITTED
            self._base_commit = self.commit
            self._epoch += COMMITTED

    def _word(self) -> int:
        return (self.commit & WRAP) | COMMITTED

    # One operation at a time, also when a signal handler logs in the middle of one.

    def _remark(self) -> None:
        segment = self._segment
        if segment is None or self.closed or segment.place == FILE or self._dropping or self._late:
            self.mark = 0
        else:
            self.mark = min(self._base + BLOCK, segment.capacity - _RESERVE)

    def _attend(self, size: int) -> bool:
        """A block is full: check it, go on to the next segment where it must be; false when rows need the slow path."""
        if self._busy or not self.mark:
            return False
        try:
            self._busy, self.mark = True, 0
            self._seal()
            self._room(size)
            if self.offset > self._alarm:
                self._alarm = _NEVER
                self.wanted.set()
        except Moved:
            return False
        finally:
            self._busy = False
            self._remark()
        return self.mark > 0

    def _set_alarm(self, segment: Segment) -> None:
        """From which offset on the background thread is wanted: pages run out, or half of the segment is used."""
        if segment.place != MAPPED:
            self._alarm = _NEVER
            return
        pages = segment.populated - _LOW if segment.populated < segment.capacity else _NEVER
        self._alarm = min(pages, segment.capacity // 2 if self._spare is None else _NEVER)

    # Records

    def _put(self, kind: int, body: bytes) -> None:
        """Write a record that carries its own checksum. Messages and texts take a sequence number."""
        while True:
            try:
                self._put_once(kind, body)
            except Moved:
                continue
            return

    def _put_once(self, kind: int, body: bytes) -> None:
        body += b" " * (-len(body) % 8)
        length = layout.FRAME + len(body)
        self._seal()
        self._room(length)
        data = HEAD.pack(length, kind) + body
        self._store(data + TAIL.pack(crc32(data, self._seed), self._word()))
        if kind != SCHEMA:
            self.commit += 1
            self.dropped += self._dropping
        self._base, self._base_commit = self.offset, self.commit

    def _seal(self) -> None:
        """Close the block: a check record over the rows since the last one."""
        offset, base, buffer, commit = self.offset, self._base, self.buffer, self.commit
        covered = offset - base
        if not covered and (offset - self._anchor < _ANCHOR or self._dropping or self._segment is None):
            return
        points = self._points + (covered - layout.ROW_FRAME * (commit - self._base_commit)) // 8
        crc = crc32(buffer[base:offset] if buffer else self._block, self._seed)
        said = (CHECK.size, CHECK_KIND, covered, crc, self._epoch + commit - COMMITTED - 1, points)
        data = _CHECKED.pack(*said)
        own, word = crc32(data, self._seed), (commit & WRAP) | COMMITTED
        if buffer:
            CHECK.pack_into(buffer, offset, *said, own, word)
            self.offset = offset + CHECK.size
        else:
            self._store(data + TAIL.pack(own, word))
            self._block.clear()
        self._points, self._base_commit = points, commit
        self._base = self._anchor = self.offset
        if commit >= 2 * COMMITTED:
            self._rebase()

    def _store(self, data: bytes) -> None:
        """Bytes of one whole record; its commit word, the last four, is written last."""
        segment = self._segment
        if self._dropping or segment is None:
            return
        offset = self.offset
        if len(self.buffer):
            most = offset + len(data) - TAIL.size
            self.buffer[offset:most] = data[: -TAIL.size]
            TAIL.pack_into(self.buffer, most, *TAIL.unpack(data[-TAIL.size :]))
        else:
            try:
                write_all(segment.descriptor, data, offset)
            except OSError as error:
                self._refused(error)
                raise Moved from error
        self.offset = offset + len(data)

    # Segments

    def _room(self, length: int) -> None:
        """See to it that a record of this length and the end of the segment fit."""
        need = self.offset + length + _RESERVE
        segment = self._segment
        if segment is None:
            self._turn(length)
        elif need > segment.capacity and not self._dropping:
            self._seal()
            if segment.place != MEMORY:
                self._turn(length)
            elif segment.grow(need, _LARGEST_MEMORY):
                self.buffer = segment.buffer
            else:
                self._overflow()

    def _overflow(self) -> None:
        """Memory is full as well: from here on records are counted and dropped, until the disk takes them again."""
        self._warn(
            "full",
            f"{_LARGEST_MEMORY >> 20} MiB of records wait for a disk; newer ones are dropped. Free space.",
        )
        self._rebase()
        self._dropping = True

    def _turn(self, length: int, *, only_memory: bool = False) -> None:
        """Go on in a new segment. The old one is ended when the new one is there, so that no record falls between them."""
        self._rebase()
        old, number = self._segment, self._number + 1
        size = max(self._size, layout.HEADER_BYTES + length + _RESERVE + BLOCK)
        segment = self._memory(number, size) if only_memory else self._opened(number, size)
        if old is not None:
            old.used = self.offset if only_memory else self._end(old, number)
            self._retired.append(old)
            self._size = min(2 * self._size, _LARGEST_SEGMENT)
        self._install(segment, number)
        if len(self._retired) > 2:  # nobody calls prepare()
            self._finish_retired()

    def _install(self, segment: Segment, number: int) -> None:
        self.schemas.clear()
        self.wide.clear()
        self._block = bytearray()
        self._number = number
        self._seed = layout.seed_of(self.id, number)
        self._segment = segment
        self.buffer = segment.buffer
        self.offset = self._base = self._anchor = layout.HEADER_BYTES
        self._dropping = False
        self._unlisted = True
        self._set_alarm(segment)

    def _end(self, old: Segment, following: int) -> int:
        """The last record of a segment, and the length of the file with it; it is not missed where the disk does not take it."""
        offset = self.offset
        data = HEAD.pack(END.size, END_KIND) + _TOTALS.pack(self.sequence, self._points, following)
        data += TAIL.pack(crc32(data, self._seed), self._word())
        if len(old.buffer):
            old.buffer[offset : offset + END.size] = data
        else:
            try:
                write_all(old.descriptor, data, offset)
            except OSError:
                return offset
        return offset + END.size

    def _header(self, number: int, size: int) -> bytes:
        return layout.header_bytes(
            writer=self.id,
            run=self.run,
            segment=number,
            first=self.sequence + 1,
            points=self._points,
            size=size,
            created=time.time(),
        )

    def _opened(self, number: int, size: int) -> Segment:
        """The best place there is for a new segment."""
        try:
            self._settle_in()
            if self._mappable is None:
                self._mappable = maps_well(self.folder)
            if self._mappable:
                try:
                    return self._begun(self._taken(size), number)
                except OSError as error:
                    self._warn(
                        "mapped",
                        f"No space could be set aside in {self.folder} ({error.strerror}): each record is written, at about twice "
                        "the cost. Free disk space, or set AUTORESEARCH_HOME to a local disk.",
                    )
            return self._begun(Segment.file(layout.new_path(self.folder, self.id), size), number)
        except OSError as error:
            self._without_disk(error)
            return self._memory(number, size)

    def _settle_in(self) -> None:
        if self._held < 0:
            os.makedirs(self.folder, exist_ok=True)
            self._held = locks.hold(self.folder, self.id)

    def _taken(self, size: int) -> Segment:
        spare, self._spare = self._spare, None
        if spare is not None:
            if spare.capacity >= size:
                return spare
            spare.discard()
        return Segment.mapped(layout.new_path(self.folder, self.id), size)

    def _begun(self, segment: Segment, number: int) -> Segment:
        """Write the header, then give the file its name: a reader never meets a segment without one."""
        try:
            if segment.place == MAPPED:
                segment.populate(_AT_ONCE)
                segment.buffer[: layout.HEADER_BYTES] = self._header(number, segment.capacity)
            else:
                write_all(segment.descriptor, self._header(number, 0), 0)
            segment.rename(os.path.join(self.folder, layout.segment_name(self.id, number)))
        except BaseException:
            segment.discard()
            raise
        return segment

    def _memory(self, number: int, size: int) -> Segment:
        segment = Segment.memory(size)
        segment.buffer[: layout.HEADER_BYTES] = self._header(number, 0)
        return segment

    def _without_disk(self, error: OSError) -> None:
        self._retry = time.monotonic() + _RETRY_SECONDS
        self._warn(
            "memory",
            f"Nothing can be written to {self.folder} ({error.strerror or error}): the run goes on in memory and is lost with "
            "this process. Make the folder writable or free space, or set AUTORESEARCH_HOME to another disk.",
        )

    def _refused(self, error: OSError) -> None:
        """The disk took no more in the middle of a file: what follows waits in memory."""
        segment = self._segment
        if segment is not None:
            segment.used = self.offset
        self._without_disk(error)
        self._turn(0, only_memory=True)

    def _set_aside(self) -> None:
        size = min(2 * self._size, _LARGEST_SEGMENT)
        try:
            spare = Segment.mapped(layout.new_path(self.folder, self.id), size)
        except OSError:  # when the time comes it is tried again, and said
            return
        self.acquire()
        try:
            if not self.closed:
                self._spare = spare
        finally:
            self.release()
        if self.closed:
            spare.discard()
        spare.populate(_LOW)

    def _land(self) -> bool:
        """Bring what waits in memory to the disk; false when that is still not possible."""
        self.acquire()
        if self._busy or self._segment is None or self._segment.place != MEMORY:
            self.release()
            return False
        try:
            self._busy, self.mark = True, 0
            self._seal()
            image = self._segment
            number = self._number
            data = bytes(image.buffer[: self.offset])
            landed = self._written(data, number)
            if landed is not None:
                self._number += 1
                landed.used = len(data)
                self._retired.append(landed)
                self._install(self._opened(self._number, self._size), self._number)
        finally:
            self._busy = False
            self._remark()
            self.release()
        return landed is not None

    def _written(self, data: bytes, number: int) -> Segment | None:
        landed = None
        try:
            self._settle_in()
            landed = Segment.file(layout.new_path(self.folder, self.id), len(data))
            write_all(landed.descriptor, data, 0)
            landed.rename(os.path.join(self.folder, layout.segment_name(self.id, number)))
        except OSError:
            if landed is not None:
                landed.discard()
            return None
        return landed

    def _finish_retired(self) -> None:
        while True:
            try:
                segment = self._retired.pop(0)
            except IndexError:  # nothing left, or another thread took it
                return
            try:
                segment.sync()
            except OSError as error:
                self._warn("sync", f"A full segment could not be synced: {error}. Look after the disk.")
            segment.close()


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
