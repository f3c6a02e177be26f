"""Finding the records in the bytes of a segment, and finding back to them behind damage.

Undamaged blocks of one key set, which is nearly everything, are recognized by a few operations on whole columns. Everything else
is walked record by record.
"""

from __future__ import annotations

from struct import Struct
from zlib import crc32

from autoresearch.journal.layout import (
    CHECK,
    CHECK_KIND,
    COMMITTED,
    END,
    END_KIND,
    FIRST_ROW,
    FRAME,
    HEAD,
    MESSAGE,
    ROW_FRAME,
    SCHEMA,
    SELF_CHECKED,
    TAIL,
    WRAP,
)
from autoresearch.records.jsontext import json_value

TYPE_CHECKING = False  # importing typing would cost more than this module
if TYPE_CHECKING:
    from autoresearch.series.batch import Labels

__all__ = ["Cursor", "Piece", "Scan", "Schema"]

_WORD = Struct("<I")
_SMALLEST = FRAME + 8
_FAR = 1 << 30
_LONGEST = 1 << 30


class Schema:
    """A key set as it was announced in one segment."""

    __slots__ = ("head", "identity", "labels", "names", "size")

    def __init__(self, identity: int, names: tuple[str, ...], labels: Labels) -> None:
        self.identity = identity
        self.names = names
        self.labels = labels
        self.size = ROW_FRAME + 8 * len(names)
        self.head = HEAD.pack(self.size, identity)


class Piece:
    """Records that follow one another: rows of one key set, or one text or message.

    Attributes:
        kind: ``TEXT``, ``MESSAGE``, or the number of the key set.
        schema: The key set; None for text and messages, and for rows whose key set cannot be read.
        spans: Where they are, from and up to, in bytes of the window.
        first: Sequence number of the first one.
        count: How many there are.
    """

    __slots__ = ("count", "first", "kind", "schema", "spans")

    def __init__(
        self, kind: int, schema: Schema | None, span: tuple[int, int], first: int, *, count: int
    ) -> None:
        self.kind = kind
        self.schema = schema
        self.spans = [span]
        self.first = first
        self.count = count


class Cursor:
    """How far a journal was read: a place between two blocks, and what was counted up to there."""

    __slots__ = ("covered", "number", "offset", "points", "schemas", "seed", "sequence")

    def __init__(self, number: int, offset: int, sequence: int, points: int, seed: int) -> None:
        self.number = number
        self.offset = offset
        self.sequence = sequence
        self.points = points
        self.seed = seed
        self.covered = 0
        self.schemas: dict[int, Schema] = {}


class Scan:
    """One window of a segment, read from a cursor on; moves the cursor to the last block that is complete.

    Args:
        data: Bytes of the file from the cursor on.
        cursor: Where to begin.
        final: Whether the writer is dead: everything is verified, and damage is looked behind.
        whole: Whether the window reaches to the end of the file.
        name: Of the file, for what is said of faults.

    Attributes:
        pieces: What was found, in order.
        following: Number of the next segment when the end record was met, 0 when the journal ends here; else None.
        hungry: Whether nothing can be said without more bytes than these.
        lost: Numbers that are not there or not as they were written, each with the sequence number up to which that was found.
        faults: A sentence for each fault, with the sequence number before it.
        reached: Sequence number of the last record that is in ``pieces`` or lost.
    """

    def __init__(self, data: bytes, cursor: Cursor, *, final: bool, whole: bool, name: str) -> None:
        self.data = data
        self.cursor = cursor
        self.final = final
        self.whole = whole
        self.name = name
        self.origin = cursor.offset
        self.pieces: list[Piece] = []
        self.following: int | None = None
        self.hungry = False
        self.ended = False
        self.lost: list[tuple[int, int]] = []
        self.faults: list[tuple[int, str]] = []
        self.reached = cursor.sequence
        self._words = memoryview(data)[: len(data) // 8 * 8].cast("Q")
        self._base = 0
        self._points = cursor.points
        self._opaque: set[int] = set()

    def run(self) -> None:
        """Read the window to its end, or to the end of what is committed."""
        while self._leap() or self._walk():
            cursor = self.cursor
            cursor.offset = self.origin + self._base
            cursor.sequence = self.reached
            cursor.points = self._points
        if self.ended:
            self.cursor.sequence = self.reached
            self.cursor.points = self._points

    def _leap(self) -> bool:
        """Blocks of one key set, as long as each check record is where the last block makes one expect it."""
        covered = self.cursor.covered
        if not covered or self._base + covered + CHECK.size > len(self.data):
            return False
        size, identity = HEAD.unpack_from(self.data, self._base)
        schema = self.cursor.schemas.get(identity)
        if schema is None or schema.size != size or covered % size:
            return False
        count = covered // size
        spans = self._blocks(covered, schema.head * count, count, len(schema.names))
        if not spans:
            return False
        piece = Piece(identity, schema, spans[0], self.reached + 1, count=count * len(spans))
        piece.spans = spans
        self._add(piece)
        self.reached += piece.count
        self._points += piece.count * len(schema.names)
        self._base = spans[-1][1] + CHECK.size
        return True

    def _blocks(self, covered: int, heads: bytes, count: int, width: int) -> list[tuple[int, int]]:
        """Where the blocks are that look like one of so many rows; verified when the writer is dead."""
        data, words, seed, final, unpack = (
            self.data,
            self._words,
            self.cursor.seed,
            self.final,
            CHECK.unpack_from,
        )
        base, reached, points = self._base, self.reached, self._points
        stride, own_size = covered // count >> 3, CHECK.size - TAIL.size
        last = len(data) - CHECK.size - covered
        spans = []
        while base <= last:
            at = base + covered
            length, kind, said, crc, sequence, total, own, _ = unpack(data, at)
            reached += count
            points += count * width
            if (
                kind != CHECK_KIND
                or said != covered
                or sequence != reached
                or total != points
                or length != CHECK.size
            ):
                break
            if words[base >> 3 : at >> 3 : stride].tobytes() != heads:
                break
            if final and (crc32(data[base:at], seed) != crc or crc32(data[at : at + own_size], seed) != own):
                break
            spans.append((base, at))
            base = at + CHECK.size
        return spans

    def _add(self, piece: Piece) -> None:
        last = self.pieces[-1] if self.pieces else None
        if piece.schema and last and last.schema is piece.schema and last.first + last.count == piece.first:
            last.spans += piece.spans
            last.count += piece.count
        else:
            self.pieces.append(piece)

    def _walk(self) -> bool:
        """One block, record by record; false at the end of what there is."""
        at, before = self._base, self.reached
        pending: list[Piece] = []
        doubtful = 0  # pieces that lie before damage: only a check record can vouch for them
        while True:
            length, kind = self._record(at, before)
            if not length:
                found = self._stopped(at, before, pending[doubtful:])
                if found is None:
                    return False
                at, before = found
                doubtful = len(pending)
                continue
            if kind >= FIRST_ROW and length <= SELF_CHECKED:
                before += 1
                self._wait(
                    pending, doubtful, Piece(kind, self._schema(kind), (at, at + length), before, count=1)
                )
                at += length
                continue
            self._close(kind, at, length, before, pending)
            self._base = at + length
            return not self.ended

    def _wait(self, pending: list[Piece], doubtful: int, piece: Piece) -> None:
        last = pending[-1] if len(pending) > doubtful else None
        start = piece.spans[0][0]
        if last is not None and last.kind == piece.kind and last.spans[-1][1] == start:
            last.spans[-1] = (last.spans[-1][0], piece.spans[0][1])
            last.count += 1
        else:
            pending.append(piece)

    def _schema(self, kind: int) -> Schema | None:
        schema = self.cursor.schemas.get(kind)
        if schema is None and kind not in self._opaque:
            self._opaque.add(kind)
            self._fault(
                f"{self.name}: rows of key set {kind} cannot be read, for what announced it is damaged."
            )
        return schema

    # One record

    def _record(self, at: int, before: int) -> tuple[int, int]:
        """Length and kind of the record that belongs here; (0, 0) when there is none, or another one."""
        data = self.data
        if at + _SMALLEST > len(data):
            return 0, 0
        length, kind = HEAD.unpack_from(data, at)
        end = at + length
        if length % 8 or length < _SMALLEST or end > len(data):
            return 0, 0
        (word,) = _WORD.unpack_from(data, end - 4)
        if word != ((before + 1) & WRAP) | COMMITTED or not self._sound(at, length, kind):
            return 0, 0
        return length, kind

    def _sound(self, at: int, length: int, kind: int) -> bool:
        """Whether the record can be what it says: by its size, or by its own checksum."""
        if kind >= FIRST_ROW and length <= SELF_CHECKED:
            schema = self.cursor.schemas.get(kind)
            return schema.size == length if schema else length > ROW_FRAME and self._followed(at + length)
        if kind < MESSAGE or END_KIND < kind < FIRST_ROW:
            return False
        if (kind == CHECK_KIND and length != CHECK.size) or (kind == END_KIND and length != END.size):
            return False
        return not self.final or self._own(at, length)

    def _followed(self, at: int) -> bool:
        """Whether the record here has the next sequence number, so that the one before it is a row of an unknown key set."""
        (word,) = _WORD.unpack_from(self.data, at - 4)
        if at + _SMALLEST > len(self.data):
            return False
        length, _ = HEAD.unpack_from(self.data, at)
        if length < _SMALLEST or at + length > len(self.data):
            return False
        (following,) = _WORD.unpack_from(self.data, at + length - 4)
        return bool(following == ((word + 1) & WRAP) | COMMITTED)

    def _own(self, at: int, length: int) -> bool:
        end = at + length
        crc, _ = TAIL.unpack_from(self.data, end - TAIL.size)
        return crc32(memoryview(self.data)[at : end - TAIL.size], self.cursor.seed) == int(crc)

    # The end of a block

    def _close(self, kind: int, at: int, length: int, before: int, pending: list[Piece]) -> None:
        """A record with a checksum: what waits is served if it is vouched for, then the record itself."""
        if kind == CHECK_KIND:
            self._check(at, pending)
            return
        self._serve([] if self.final else pending)
        if kind == END_KIND:
            _, _, sequence, points, following, _, _ = END.unpack_from(self.data, at)
            self._anchor(at, sequence, points)
            self.following = following
            self.ended = True
        elif kind == SCHEMA:
            self._announce(at, length)
        else:
            schema = self._schema(kind) if kind >= FIRST_ROW else None
            self._serve([Piece(kind, schema, (at, at + length), before + 1, count=1)])

    def _check(self, at: int, pending: list[Piece]) -> None:
        _, _, covered, crc, sequence, points, _, _ = CHECK.unpack_from(self.data, at)
        low = at - covered
        if not self.final:
            self._serve(pending)
        elif low >= 0 and crc32(memoryview(self.data)[low:at], self.cursor.seed) == crc:
            self._serve([piece for piece in pending if piece.spans[0][0] >= low])
        self.cursor.covered = covered
        self._anchor(at, sequence, points)

    def _serve(self, pieces: list[Piece]) -> None:
        for piece in pieces:
            self.reached = piece.first + piece.count - 1
            if piece.kind >= FIRST_ROW and piece.schema is None:
                continue
            if piece.schema is not None:
                self._points += piece.count * len(piece.schema.names)
            self._add(piece)

    def _anchor(self, at: int, sequence: int, points: int) -> None:
        """Here the writer said how much it had written: what is missing is known exactly."""
        missing = sequence - self.reached
        if missing > 0:
            where = f"{self.origin + self._base} and {self.origin + at}"
            self._fault(f"{self.name}: {missing} records between bytes {where} are not as they were written.")
            self.reached = sequence
        if points > self._points:
            self.lost.append((self.reached, points - self._points))
        self._points = points

    def _announce(self, at: int, length: int) -> None:
        try:
            said = json_value(self.data[at + HEAD.size : at + length - TAIL.size])
            labels = tuple((str(key), str(value)) for key, value in said["labels"])
            schema = Schema(int(said["id"]), tuple(map(str, said["names"])), labels)
        except (ValueError, KeyError, TypeError):
            self._fault(f"{self.name}: the key set at byte {self.origin + at} cannot be read.")
        else:
            self.cursor.schemas.setdefault(schema.identity, schema)

    # Where records stop

    def _stopped(self, at: int, before: int, tail: list[Piece]) -> tuple[int, int] | None:
        """No record where one belongs: where reading goes on, or None when it does not."""
        if not self.final:
            self.hungry = not self.whole and self._cut(at)
            self._serve_again(tail)
            return None
        if not self.whole:
            self.hungry = True
            return None
        found = self._behind(at, before)
        if found is not None:
            self._fault(
                f"{self.name} is damaged at byte {self.origin + at}; read on at byte {self.origin + found[0]}."
            )
            return found
        if not self._torn(at):
            self._fault(
                f"{self.name} is damaged at byte {self.origin + at}, and nothing behind it can be read; how many records were "
                "there is not known."
            )
        self._serve(tail)
        self.reached = max(self.reached, before)
        self.ended = True
        return None

    def _serve_again(self, tail: list[Piece]) -> None:
        """Of a living writer, a block is served before it is complete; the cursor stays in front of it."""
        points = self._points
        self._serve(tail)
        self._points = points

    def _fault(self, sentence: str) -> None:
        self.faults.append((self.reached, sentence))

    def _cut(self, at: int) -> bool:
        """Whether the record here is longer than the window."""
        if at + _SMALLEST > len(self.data):
            return True
        length, _ = HEAD.unpack_from(self.data, at)
        return bool(at + length > len(self.data))

    def _torn(self, at: int) -> bool:
        """Whether the record here was never acknowledged, or there is none."""
        rest = memoryview(self.data)[at:]
        if len(rest) < _SMALLEST:
            return True
        length, _ = HEAD.unpack_from(rest)
        if not length:
            return not bytes(rest).strip(b"\0")
        if length > len(rest):
            return not bytes(rest[-4:]).strip(b"\0") or length < _LONGEST
        return length >= 4 and not bytes(rest[length - 4 : length]).strip(b"\0")

    def _behind(self, at: int, before: int) -> tuple[int, int] | None:
        """The first record behind damage, and the sequence number before it."""
        limit = len(self.data.rstrip(b"\0"))
        for place in range(at + 8, limit - FRAME + 1, 8):
            word = self._words[place >> 3]
            length, kind = word & 0xFFFF_FFFF, word >> 32
            end = place + length
            if not kind or length % 8 or length < _SMALLEST or end > len(self.data):
                continue
            if kind >= FIRST_ROW and kind not in self.cursor.schemas:
                continue
            (commit,) = _WORD.unpack_from(self.data, end - 4)
            ahead = (commit - before - 1) & WRAP
            if commit & COMMITTED and ahead < _FAR and self._sound(place, length, kind):
                return place, before + ahead
        return None
