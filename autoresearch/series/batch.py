"""What a journal hands to a ledger: points by the column, lines of text, and messages about the run.

Columns are little-endian bytes, so that reading a journal and storing it need no array library; ``numpy.frombuffer`` takes them
as they are. Only the standard library is imported here: a training script pays for this module when it starts a run.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing would cost more than this module
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

__all__ = ["Batch", "Labels", "Message", "Rows", "Text"]

_HEX = frozenset("0123456789abcdef")
Labels = tuple[tuple[str, str], ...]
"""Sorted pairs that tell series of one name apart, such as ``(("split", "train"),)``."""


class Rows:
    """Records of one key set, in the order in which they were logged.

    Attributes:
        names: The keys, in the order of the columns.
        labels: Labels of every column.
        sequences: uint64, the writer's sequence number of each record; rising.
        steps: int64.
        times: float64, seconds since 1970 UTC.
        values: One float64 column for each name; NaN and infinities are data.
    """

    __slots__ = ("labels", "names", "sequences", "steps", "times", "values")

    def __init__(  # noqa: PLR0917  a group of columns
        self,
        names: tuple[str, ...],
        labels: Labels,
        sequences: bytes,
        steps: bytes,
        times: bytes,
        values: Sequence[bytes],
    ) -> None:
        self.names = names
        self.labels = labels
        self.sequences = sequences
        self.steps = steps
        self.times = times
        self.values = values

    def __len__(self) -> int:
        return len(self.steps) // 8


class Text:
    """One entry of a text series: a console line, or a string that was logged at a step."""

    __slots__ = ("labels", "name", "sequence", "step", "text", "time")

    def __init__(  # noqa: PLR0917  as above
        self, name: str, labels: Labels, sequence: int, step: int, time: float, text: str
    ) -> None:
        self.name = name
        self.labels = labels
        self.sequence = sequence
        self.step = step
        self.time = time
        self.text = text


class Message:
    """Something said about the run, such as ``{"op": "config", "values": {"lr": 0.1}}``."""

    __slots__ = ("body", "sequence", "time")

    def __init__(self, sequence: int, time: float, body: Mapping[str, Any]) -> None:
        self.sequence = sequence
        self.time = time
        self.body = body

    def digests(self) -> list[str]:
        """Digests of the objects that it names: of media, or of the change on top of the commit."""
        body = self.body
        if not hasattr(body, "get"):  # whatever a journal that something else wrote has in it
            return []
        diff = body.get("diff") if body.get("op") == "code" else None
        found = [body.get("digest") if body.get("op") == "media" else None]
        if isinstance(diff, dict) and not diff.get("truncated"):
            found.append(diff.get("digest"))
        return [
            digest
            for digest in found
            if isinstance(digest, str) and len(digest) == 64 and _HEX.issuperset(digest)
        ]


class Batch:
    """Part of what one writer logged: every record from ``first`` to ``last``.

    Attributes:
        run: Id of the run.
        writer: Id of the writer; ``(writer, sequence)`` tells whether a record is there already.
        first: Sequence number of the first record, counted from 1.
        last: That of the last one; ``first - 1`` when nothing is in it but heartbeat or faults.
        rows: Points, at most one entry for each key set.
        texts: Text entries in order.
        messages: Messages in order.
        lost_records: Records of this range that were damaged or missing.
        lost_points: Points in them.
        faults: One sentence for each fault, naming file and place.
    """

    __slots__ = (
        "faults",
        "first",
        "last",
        "lost_points",
        "lost_records",
        "messages",
        "rows",
        "run",
        "texts",
        "writer",
    )

    def __init__(
        self,
        run: str,
        writer: str,
        first: int,
        last: int,
        *,
        rows: Sequence[Rows] = (),
        texts: Sequence[Text] = (),
        messages: Sequence[Message] = (),
        lost_records: int = 0,
        lost_points: int = 0,
        faults: Sequence[str] = (),
    ) -> None:
        self.run = run
        self.writer = writer
        self.first = first
        self.last = last
        self.rows = rows
        self.texts = texts
        self.messages = messages
        self.lost_records = lost_records
        self.lost_points = lost_points
        self.faults = faults

    @property
    def points(self) -> int:
        """How many numbers are in it."""
        return sum(len(rows) * len(rows.names) for rows in self.rows)

    @property
    def records(self) -> int:
        """How many records are in it that could be read."""
        return sum(map(len, self.rows)) + len(self.texts) + len(self.messages)
