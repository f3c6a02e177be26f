"""``log()``: about a microsecond, and on its way to the disk when it returns, whatever happens to the process.

A row is packed into a mapped file by one call that writes its commit word last. Everything else is put off: page faults, new
segments and syncs to a background thread, checksums to every sixteenth row, storing to whoever drains the journal.
"""

from __future__ import annotations

import os
import struct
import weakref
from math import inf
from struct import Struct
from time import time as now
from zlib import crc32

from autoresearch.errors import Conflict, Invalid
from autoresearch.journal import layout, locks
from autoresearch.journal.layout import FIRST_ROW, MESSAGE, ROW_FRAME, SCHEMA, SELF_CHECKED, TAIL, TEXT
from autoresearch.journal.pages import BLOCK, Moved, Pages
from autoresearch.journal.segment import FILE, MEMORY
from autoresearch.journal.values import clean, gather, labels_of, plain, step_of
from autoresearch.records.jsontext import json_text

TYPE_CHECKING = False  # importing typing would cost more than this module
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from autoresearch.series.batch import Labels

    _Marks = Mapping[str, str] | Labels

__all__ = ["LONGEST_MESSAGE", "LONGEST_TEXT", "Writer"]

LONGEST_TEXT = 1 << 20
"""Bytes of UTF-8 that one text may have; the rest is cut off, and a marker says so."""
LONGEST_MESSAGE = 16 << 20
_MOST_SCHEMAS = 4096
_LAST_STEP = 2**63 - 1
_TIME = Struct("<d")

_living: weakref.WeakSet[Writer] = weakref.WeakSet()


class Writer(Pages):
    """The journal of one process, or of one part of it; several may write one run.

    Nothing but the constructor and :meth:`message` raises, whatever is logged and whatever the disk does. Threads may share a
    writer. After a fork the child's first call opens a journal of its own, under another id.

    Args:
        folder: Where journals lie; made when it is not there.
        run: Id of the run.
        writer: Id of this writer, never used before; a random UUID when left out.
        segment_bytes: Size of the first segment; each one after it is twice as large, up to 32 MiB.

    Attributes:
        id: Id of the writer; another one in a forked child.
        wanted: Set when :meth:`prepare` has something to do.
        other: Called with name, value, step and labels of what is neither number nor text, outside of any lock; False when
            it cannot be logged.
        on_fork: Called with the writer before the first record of a forked child, to start its threads again.
        dropped: Records that were counted but are in no place, since neither disk nor memory had room.

    Raises:
        Invalid: The id cannot be part of a file name, or the run's is too long.
        Conflict: A journal of this id is there already.
    """

    __slots__ = ("_axes", "_next_schema", "on_fork", "other", "step")

    def __init__(
        self, folder: str, run: str, *, writer: str | None = None, segment_bytes: int = 4 << 20
    ) -> None:
        layout.check_run(run)
        super().__init__(
            os.path.abspath(folder), run, layout.check_name(writer or _random_id()), segment_bytes
        )
        self.step = 0
        self.on_fork: Callable[[Writer], None] | None = None
        self.other: Callable[[str, Any, int, Labels], bool] | None = None
        self._axes: dict[str, int] = {}
        self._next_schema = FIRST_ROW
        if writer is not None and (
            locks.segments(self.folder, writer) or os.path.exists(layout.lock_path(self.folder, writer))
        ):
            raise Conflict(
                f"There is a journal of writer {writer!r} in {self.folder} already.",
                hint="Give every process that writes the run a writer id of its own, or none.",
            )
        self._turn(0)
        self._remark()
        _living.add(self)

    def log(
        self, values: Mapping[str, Any], step: int | None = None, labels: _Marks = (), *, own_axis: str = ""
    ) -> None:
        """Write one record of numbers; text in it goes to text series of the same names.

        Args:
            values: Name to number (int, float, bool, numpy or torch scalar), text, or a dictionary of them, whose names are
                joined with ``/``. NaN and infinities are data. Anything else is skipped, with one warning for each name.
            step: Where it belongs on its axis; left out, one more than the step before.
            labels: Pairs that tell series of one name apart.
            own_axis: Name of another counter of steps, such as ``system/``.
        """
        try:
            if labels or own_axis:
                raise KeyError  # noqa: TRY301 - the one way to the slow path
            keys = tuple(values)
            numbers = values.values()
            time = now()
            try:
                self.acquire()
                schema, pack, size = self.schemas[keys]
                if self.offset + size > self.mark:
                    if not self._attend(size):
                        raise KeyError
                    schema, pack, size = self.schemas[keys]
                # No call between here and pack(): neither a signal nor another thread comes in between.
                if step is None:
                    step = self.step
                elif step.__class__ is not int:
                    raise KeyError
                offset, commit = self.offset, self.commit
                self.offset = offset + size
                self.commit = commit + 1
                self._busy = True  # a value's own code may run in pack() and log: no block is closed now
                try:
                    pack(self.buffer, offset, size, schema, step, time, *numbers, 0, commit)
                except struct.error:
                    self._take_back(offset, offset + size, commit)
                    raise
                finally:
                    self._busy = False
                self.step = step + 1
            finally:
                self.release()
        except Exception as error:  # noqa: BLE001 - training never stops because of what is logged
            _unless_interrupted(error)
            self._careful(values, step, labels, own_axis)

    def message(self, body: Mapping[str, Any]) -> int:
        """Say something about the run; gives its sequence number, 0 when the writer is closed.

        Raises:
            Invalid: It is no JSON object, or longer than 16 MiB.
        """
        try:
            said = json_text(body).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise Invalid(f"A message must be a JSON object: {error}.") from error
        if not said.startswith(b"{") or len(said) > LONGEST_MESSAGE:
            raise Invalid("A message must be a JSON object of at most 16 MiB.")
        return self._guarded(self._put, MESSAGE, _TIME.pack(now()) + said)

    def text(
        self,
        name: str,
        text: str,
        step: int | None = None,
        labels: Labels = (),
        time: float | None = None,
    ) -> None:
        """Write one entry of a text series, cut at 1 MiB.

        Args:
            name: Name of the series.
            text: What was said.
            step: Left out, the step that the next ``log()`` would count.
            labels: As for :meth:`log`.
            time: Seconds since 1970 UTC; now when left out.
        """
        given = None if step is None else step_of(step)
        at = self.step if given is None else given
        try:
            body = _text_body(
                clean(name), labels_of(labels), at, clean(text), now() if time is None else float(time)
            )
            self._guarded(self._put, TEXT, body)
        except Exception as error:  # noqa: BLE001 - training never stops because of what is logged
            self._complain(str(name), f"A text of {name!r} could not be written: {error}.")

    def seal(self) -> None:
        """Write the end of the journal and keep its lock, so that nobody else drains it; nothing can be logged any more."""
        if self._segment is None:
            self.closed = True
        elif not self.closed:
            self._guarded(self._last)

    def close(self) -> None:
        """:meth:`seal`, and free the lock. May be called again."""
        self.seal()
        held, self._held = self._held, -1
        if held >= 0:
            locks.free(self.folder, self.id, held)
        _living.discard(self)

    # The slow path

    def _careful(self, values: Any, step: Any, labels: Any, axis: str) -> None:
        """Convert, intern, and write whatever the fast path does not take."""
        time = now()
        try:
            texts: list[tuple[str, str]] = []
            marks = labels_of(labels) if labels else ()
            if values.__class__ is dict and plain(values.values()) and self._known(values, marks):
                numbers = dict(values)
            else:
                numbers, texts = gather(values, self._complain, self._taker(step, marks))
            if numbers or texts or hasattr(values, "items"):
                self._guarded(self._take, (numbers, texts), (step, marks, axis), time)
        except Exception as error:  # noqa: BLE001 - training never stops because of what is logged
            _unless_interrupted(error)
            kind = type(error).__name__
            self._complain(f"error {kind}", f"A call of log() could not be written ({kind}): {error}.")

    def _known(self, values: dict[Any, Any], labels: Labels) -> bool:
        """Whether every key is a name as it is; of a key set in use it is known."""
        return (tuple(values), labels) in self.wide or all(
            key.__class__ is str and clean(key) is key for key in values
        )

    def _taker(self, step: Any, labels: Labels) -> Callable[[str, Any], bool] | None:
        other = self.other
        if other is None:
            return None
        given = None if step is None else step_of(step)
        at = self.step if given is None else given
        return lambda name, value: other(name, value, at, labels)

    def _take(
        self,
        found: tuple[dict[str, Any], list[tuple[str, str]]],
        where: tuple[Any, Labels, str],
        time: float,
    ) -> None:
        numbers, texts = found
        step, labels, axis = where
        at = self._count(step, axis)
        if numbers:
            self._row(numbers, labels, at, time)
        for name, text in texts:
            self._put(TEXT, _text_body(name, labels, at, text, time))

    def _count(self, step: Any, axis: str) -> int:
        """The step of this record, and the counter of its axis one beyond it."""
        before = min(self._axes.get(axis, 0) if axis else self.step, _LAST_STEP)
        at = before if step is None else step_of(step)
        if at is None:
            self._complain(
                f"step {axis}",
                f"The step {step!r:.80} is no integer of 64 bits: the step after the last one was taken.",
            )
            at = before
        after = at + 1
        if axis:
            self._axes[axis] = after
        else:
            self.step = after
        return at

    def _row(self, numbers: dict[str, Any], labels: Labels, step: int, time: float) -> None:
        while True:
            try:
                self._row_once(numbers, labels, step, time)
            except Moved:
                continue
            return

    def _row_once(self, numbers: dict[str, Any], labels: Labels, step: int, time: float) -> None:
        keys, size = tuple(numbers), ROW_FRAME + 8 * len(numbers)
        if size > SELF_CHECKED or self.offset + size > self._base + BLOCK:
            self._seal()
        number = -1
        while number != self._number:  # the key set must be announced in the segment that takes the row
            entry = self.wide.get((keys, labels)) or self._intern(keys, labels, size)
            number = self._number
            self._room(size)
        identity, record = entry
        word = self._word()
        try:
            data = record.pack(size, identity, step, time, *numbers.values(), 0, word)
        except struct.error:
            data = record.pack(size, identity, step, time, *map(_bounded, numbers.values()), 0, word)
        if size > SELF_CHECKED:
            data = data[: -TAIL.size] + TAIL.pack(crc32(data[: -TAIL.size], self._seed), word)
        self._store(data)
        self.commit += 1
        if size > SELF_CHECKED or self._dropping:
            self._points += len(keys)
            self._base, self._base_commit = self.offset, self.commit
            self.dropped += self._dropping
        elif self.place == FILE:
            self._block += data

    def _intern(self, keys: tuple[str, ...], labels: Labels, size: int) -> tuple[int, Struct]:
        """Announce a key set in this segment: twice, since every row of it is lost without."""
        if len(self.wide) >= _MOST_SCHEMAS:
            self.wide.clear()
            self.schemas.clear()
        self._next_schema += 1
        said = {"id": self._next_schema, "names": keys, "labels": labels}
        body = json_text(said).encode()
        number = -1
        while number != self._number:  # both in the segment in which the row will be
            number = self._number
            self._put(SCHEMA, body)
            self._put(SCHEMA, body)
        record = Struct(f"<IIqd{len(keys)}dII")
        entry = self.wide[keys, labels] = (self._next_schema, record)
        if not labels and size <= SELF_CHECKED and self.place != FILE:
            self.schemas[keys] = (self._next_schema, record.pack_into, size)
        return entry

    def _take_back(self, offset: int, end: int, commit: int) -> None:
        """A value that only looked like a number: nothing was written."""
        if self.offset != end:  # its conversion logged something itself; readers find the hole
            return
        self.buffer[offset:end] = bytes(end - offset)
        self.offset, self.commit = offset, commit

    def _guarded(self, action: Callable[..., None], *arguments: Any) -> int:
        """Run a slow operation; one that a signal handler asks for in the middle of another is put off until that is done."""
        try:
            self.acquire()
            if self._busy:
                self._late.append((action, *arguments))
                self.mark = 0  # the next call of log() comes here first
                return self.sequence
            if self.closed:
                self._complain("closed", "Something was logged after the end of the run, and is not in it.")
                return 0
            if self._segment is None:
                self._revive()
            try:
                self._busy, self.mark = True, 0
                self._catch_up()
                action(*arguments)
                given = self.sequence
                self._catch_up()
            finally:
                self._busy = False
                self._remark()
        finally:
            self.release()
        return given

    def _catch_up(self) -> None:
        while self._late and not self.closed:
            action, *arguments = self._late.pop(0)
            action(*arguments)

    def _last(self) -> None:
        """The end record, and everything let go of but the lock."""
        if self.place == MEMORY:
            self._busy = False
            if not self._land():
                left = self.records
                self._complain(
                    "lost",
                    f"The disk took none of the last records of this run ({left} in all); they are lost.",
                )
        segment = self._segment
        if segment is not None:
            try:
                self._seal()
            except Moved:
                segment = self._segment
            self._rebase()
            if segment is not None:
                segment.used = self._end(segment, 0)
                self._retired.append(segment)
        self.closed = True
        spare, self._spare = self._spare, None
        if spare is not None:
            spare.discard()
        self._finish_retired()
        self.buffer = bytearray()

    def _complain(self, key: str, sentence: str) -> None:
        self._warn(f"value {key}", sentence)

    # Forks

    def _orphan(self) -> None:
        """In a forked child: leave the parent's journal alone, and begin another one when something is logged."""
        if self._held >= 0:
            os.close(self._held)
        for segment in (self._segment, self._spare, *self._retired):
            if segment is not None:
                segment.abandon()
        self._anew(_random_id())

    def _revive(self) -> None:
        self._turn(0)
        self._remark()
        if self.on_fork is not None:
            try:
                self.on_fork(self)
            except Exception as error:  # noqa: BLE001 - the callback is the caller's, and logging goes on without
                self._complain("fork", f"What had to be done after a fork failed: {error}.")


def _bounded(value: Any) -> float:
    """An integer beyond the range of floats is infinite."""
    try:
        return float(value)
    except OverflowError:
        return inf if value > 0 else -inf


def _unless_interrupted(error: Exception) -> None:
    """Ctrl-C while the lock was waited for shows as an error of its release."""
    interrupted = error.__context__
    if isinstance(error, RuntimeError) and isinstance(interrupted, (KeyboardInterrupt, SystemExit)):
        raise interrupted


def _text_body(name: str, labels: Labels, step: int, text: str, time: float) -> bytes:
    if 4 * len(text) > LONGEST_TEXT:
        whole = text.encode()
        if len(whole) > LONGEST_TEXT:
            kept = whole[:LONGEST_TEXT].decode("utf-8", "ignore")
            text = f"{kept}… [cut here: {len(whole)} bytes in all]"
    return _TIME.pack(time) + json_text([name, labels, step, text]).encode()


def _random_id() -> str:
    """A random UUID (version 4); the module of that name would cost more than all of this one."""
    number = int.from_bytes(os.urandom(16), "big") & ~(0xF << 76) & ~(3 << 62)
    text = f"{number | 4 << 76 | 2 << 62:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _orphan_all() -> None:
    for writer in list(_living):
        writer._orphan()


os.register_at_fork(after_in_child=_orphan_all)
