"""Reading journals back: one reader for the drain of a living run, for recovery after a crash, and for upload.

Nothing is handed over whose checksum fails; what is missing is counted and named, and the rest is served.
"""

from __future__ import annotations

import os
from array import array
from struct import Struct

from autoresearch.errors import StoreCorrupt
from autoresearch.journal import layout, locks
from autoresearch.journal.layout import HEAD, HEADER_BYTES, MESSAGE, TAIL
from autoresearch.journal.scan import Cursor, Piece, Scan
from autoresearch.records.jsontext import json_value
from autoresearch.series.batch import Batch, Message, Rows, Text

TYPE_CHECKING = False  # importing typing would cost more than this module
if TYPE_CHECKING:
    from collections.abc import Iterator

    from autoresearch.series.batch import Labels

__all__ = ["Reader"]

_TIME = Struct("<d")


class _Open:
    """The segment that is being read."""

    __slots__ = ("descriptor", "header", "name", "path", "size")

    def __init__(self, path: str) -> None:
        self.path = path
        self.name = os.path.basename(path)
        self.descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            self.size = os.fstat(self.descriptor).st_size
            self.header = layout.parse_header(os.pread(self.descriptor, HEADER_BYTES, 0), path)
        except BaseException:
            os.close(self.descriptor)
            raise

    def close(self) -> None:
        os.close(self.descriptor)


class Reader:
    """One journal: what a writer logged, in order, from any sequence number on.

    Args:
        folder: Where journals lie.
        writer: Id of the writer.

    Raises:
        Invalid: No writer has such an id.
    """

    __slots__ = (
        "_cursor",
        "_damaged",
        "_ends",
        "_faults",
        "_following",
        "_later",
        "_lost",
        "_run",
        "_served",
        "folder",
        "writer",
    )

    def __init__(self, folder: str, writer: str) -> None:
        self.folder = os.path.abspath(folder)
        self.writer = layout.check_name(writer)
        self._run: str | None = None
        self._cursor: Cursor | None = None
        self._served = 0
        self._lost = 0
        self._faults: list[str] = []
        self._following: int | None = None
        self._later = False
        self._ends: dict[int, int] = {}
        self._damaged: set[int] = set()

    @property
    def run(self) -> str:
        """Id of the run.

        Raises:
            StoreCorrupt: No segment has a header that can be read.
            StoreTooNew: A newer version of the library wrote the journal.
        """
        numbers = iter(() if self._run else locks.segments(self.folder, self.writer))
        while self._run is None:
            number = next(numbers, None)
            if number is None:
                raise StoreCorrupt(
                    f"The journal of writer {self.writer} does not say whose run it is.",
                    hint=f"Look into {self.folder}: the beginnings of its files are damaged or gone.",
                )
            segment = self._opened(number)
            if segment is not None:
                segment.close()
                self._known(segment, number)
        return self._run

    def batches(self, after: int, *, most_bytes: int = 4 << 20, final: bool) -> Iterator[Batch]:
        """Everything beyond a sequence number, in order.

        Args:
            after: What is stored already; 0 for everything.
            most_bytes: Size of the piece of a file that makes a batch; more only where one record is longer.
            final: True when the writer is dead: everything is verified, and faults are named. False follows a living writer up
                to what it has committed.

        Raises:
            StoreTooNew: A newer version of the library wrote the journal.
            StoreCorrupt: It does not say whose run it is.
        """
        if self._cursor is not None and self._cursor.sequence > after:
            self._cursor = None
        self._served, self._lost, self._faults = after, 0, []
        segment = self._resumed()
        while segment is not None:
            try:
                yield from self._read(segment, most_bytes, final=final)
            finally:
                segment.close()
            segment = self._next(segment, final=final)
        reached = self._cursor.sequence if self._cursor is not None else 0
        if self._faults or reached > self._served:
            yield self._batch(reached, [], b"")

    def release(self, upto: int) -> None:
        """Delete the segments that were read to their end and hold nothing beyond a sequence number.

        Damaged ones are put into ``damaged/`` instead.

        Args:
            upto: Sequence number up to which everything is stored.
        """
        for number in [number for number, last in self._ends.items() if last <= upto]:
            path = self._path(number)
            if number in self._damaged:
                aside = os.path.join(self.folder, layout.DAMAGED)
                os.makedirs(aside, exist_ok=True)
                if os.path.exists(path):
                    os.replace(path, os.path.join(aside, os.path.basename(path)))
            else:
                locks.removed(path)
            del self._ends[number]

    # From segment to segment

    def _path(self, number: int) -> str:
        return os.path.join(self.folder, layout.segment_name(self.writer, number))

    def _opened(self, number: int) -> _Open | None:
        try:
            return _Open(self._path(number))
        except FileNotFoundError:  # stored and released by another drainer
            return None

    def _known(self, segment: _Open, number: int) -> bool:
        """Whether the segment says of itself what its name says."""
        header = segment.header
        if header is None:
            self._fault(number, f"{segment.name}: the beginning of the file is damaged.")
            return False
        if (header.writer, header.segment) != (self.writer, number):
            self._fault(
                number,
                f"{segment.name} is segment {header.segment} of writer {header.writer}: it is left out.",
            )
            return False
        self._run = header.run
        return True

    def _fault(self, number: int, sentence: str) -> None:
        self._damaged.add(number)
        if sentence not in self._faults:
            self._faults.append(sentence)

    def _resumed(self) -> _Open | None:
        """The segment of the cursor, or the first one there is."""
        numbers = locks.segments(self.folder, self.writer)
        cursor = self._cursor
        if cursor is not None and cursor.number in numbers:
            self._later = numbers[-1] > cursor.number
            return self._opened(cursor.number)
        for number in numbers:
            if cursor is None or number > cursor.number:
                segment = self._begun(number, numbers)
                if segment is not None:
                    return segment
        return None

    def _begun(self, number: int, numbers: list[int]) -> _Open | None:
        """Open a segment and put the cursor to its beginning; what lies between it and the last one is lost."""
        segment = self._opened(number)
        if segment is None:
            return None
        before = self._cursor
        known = self._known(segment, number)
        header = segment.header
        if header is not None and not known:  # foreign
            segment.close()
            self._ends[number] = 0
            return None
        sequence = before.sequence if before is not None else 0
        points = before.points if before is not None else 0
        if header is not None:
            reached = max(sequence, self._served)
            if header.first - 1 > reached:
                self._gap(number, header.first - 1 - reached, before)
                self._lost += max(0, header.points - points) if before is not None or not self._served else 0
            sequence, points = header.first - 1, header.points
        self._cursor = Cursor(number, HEADER_BYTES, sequence, points, layout.seed_of(self.writer, number))
        self._later = numbers[-1] > number
        return segment

    def _gap(self, number: int, missing: int, before: Cursor | None) -> None:
        previous = number - 1
        name = layout.segment_name(self.writer, previous)
        if before is None or before.number < previous:
            why = f"{name} is missing"
        elif previous in self._damaged:
            why = f"{name} is damaged"
        else:
            why = f"they were never written, or cut off {name}"
        self._fault(
            number if before is None else before.number,
            f"{missing} records before segment {number} are lost: {why}.",
        )

    def _next(self, segment: _Open, *, final: bool) -> _Open | None:
        """The segment that follows, when this one is read to its end."""
        cursor = self._cursor
        if cursor is None:
            return None
        number, following = cursor.number, self._following
        complete = following is not None or final or self._later
        if complete:
            self._ends[number] = cursor.sequence
        numbers = locks.segments(self.folder, self.writer)
        found = None
        if complete and following != 0:
            for later in numbers:
                if later > number and found is None:
                    found = self._begun(later, numbers)
        if final and found is None:
            self._last(segment, number, following)
        return found

    def _last(self, segment: _Open, number: int, following: int | None) -> None:
        """Nothing follows: whether something ought to."""
        header = segment.header
        if following:
            name = layout.segment_name(self.writer, following)
            self._fault(
                number, f"{name} is missing, and nothing follows; how many records it had is not known."
            )
        elif following is None and header is not None and segment.size < header.size:
            self._fault(
                number,
                f"{segment.name} was cut to {segment.size} of {header.size} bytes; how many records were behind is not known.",
            )

    # From window to window

    def _read(self, segment: _Open, most_bytes: int, *, final: bool) -> Iterator[Batch]:
        cursor = self._cursor
        if cursor is None:
            return
        most = most_bytes
        while True:
            origin = cursor.offset
            data = os.pread(segment.descriptor, most, origin)
            whole = origin + len(data) >= segment.size
            scan = Scan(data, cursor, final=final, whole=whole, name=segment.name)
            scan.run()
            self._following = scan.following
            self._faults += [said for at, said in scan.faults if at >= self._served]
            self._lost += sum(points for at, points in scan.lost if at > self._served)
            if scan.faults:
                self._damaged.add(cursor.number)
            if scan.reached > self._served:
                if not final:  # what was committed in the first copy is complete in the second
                    data = os.pread(segment.descriptor, len(data), origin)
                yield self._batch(scan.reached, scan.pieces, data)
            if scan.ended or whole or not (scan.hungry or cursor.offset > origin):
                return
            most = most_bytes if cursor.offset > origin else max(2 * most, segment.size - origin)

    def _batch(self, reached: int, pieces: list[Piece], data: bytes) -> Batch:
        first = self._served + 1
        gathered = _Gathered(data)
        for piece in pieces:
            if piece.first + piece.count > first:
                gathered.take(piece, max(0, first - piece.first))
        last = max(reached, self._served)
        batch = Batch(
            self.run,
            self.writer,
            first,
            last,
            rows=gathered.rows(),
            texts=gathered.texts,
            messages=gathered.messages,
            lost_points=self._lost,
            faults=self._faults,
        )
        batch.lost_records = last - self._served - batch.records
        self._served, self._lost, self._faults = last, 0, []
        return batch


class _Gathered:
    """Pieces of one window, brought together by key set."""

    __slots__ = ("_columns", "_data", "messages", "texts")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._columns: dict[tuple[tuple[str, ...], Labels], tuple[list[memoryview], list[range]]] = {}
        self.texts: list[Text] = []
        self.messages: list[Message] = []

    def take(self, piece: Piece, skip: int) -> None:
        """Add a piece without its first ``skip`` records."""
        schema = piece.schema
        if schema is None:
            self._said(piece)
            return
        view = memoryview(self._data)
        spans, numbers = self._columns.setdefault((schema.names, schema.labels), ([], []))
        numbers.append(range(piece.first + skip, piece.first + piece.count))
        left = skip * schema.size
        if not left:
            spans += [view[start:stop] for start, stop in piece.spans]
            return
        for start, stop in piece.spans:
            if left < stop - start:
                spans.append(view[start + left : stop])
            left = max(0, left - (stop - start))

    def _said(self, piece: Piece) -> None:
        start, stop = piece.spans[0]
        body = self._data[start + HEAD.size : stop - TAIL.size]
        (time,) = _TIME.unpack_from(body)
        said = json_value(body[_TIME.size :])
        if piece.kind == MESSAGE:
            self.messages.append(Message(piece.first, time, said))
        else:
            name, labels, step, text = said
            pairs = tuple((key, value) for key, value in labels)
            self.texts.append(Text(name, pairs, piece.first, step, time, text))

    def rows(self) -> list[Rows]:
        """One entry for each key set, its columns cut out of the rows."""
        return [_rows(names, labels, *found) for (names, labels), found in self._columns.items()]


def _rows(names: tuple[str, ...], labels: Labels, spans: list[memoryview], numbers: list[range]) -> Rows:
    words = array("Q")
    for span in spans:
        words.frombytes(span)
    stride = 4 + len(names)
    sequences = array("Q")
    for each in numbers:
        sequences.extend(each)
    columns = [words[place::stride].tobytes() for place in range(1, stride - 1)]
    return Rows(names, labels, sequences.tobytes(), columns[0], columns[1], columns[2:])
