"""Short ways to make what a writer hands over."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from autoresearch.ledger.base import Ledger
from autoresearch.records.ids import new_id
from autoresearch.records.run import Run
from autoresearch.series.batch import Batch, Labels, Message, Rows, Text

START = 1_760_000_000.0
PROJECT = "char-lm"


def rows(
    values: Mapping[str, Sequence[float]],
    *,
    first: int,
    steps: Iterable[int] | None = None,
    labels: Labels = (),
    start: float = START,
) -> Rows:
    """Records of one key set, one second apart, numbered from ``first``."""
    count = len(next(iter(values.values())))
    at = list(range(count)) if steps is None else list(steps)
    return Rows(
        tuple(values),
        labels,
        struct.pack(f"<{count}Q", *range(first, first + count)),
        struct.pack(f"<{count}q", *at),
        struct.pack(f"<{count}d", *(start + index for index in range(count))),
        [struct.pack(f"<{count}d", *column) for column in values.values()],
    )


class Writer:
    """A process that logs: numbers its records and hands them over in batches."""

    def __init__(self, ledger: Ledger, run: str | None = None, writer: str | None = None) -> None:
        self.ledger = ledger
        self.run = run or new_id()
        self.id = writer or new_id()
        self.sequence = 0
        self.points = 0
        self.time = START

    def open(self, **values: Any) -> Writer:
        """Say who it is."""
        self.say("open", **{"project": PROJECT, "name": None, "started": self.time, **values})
        return self

    def say(self, op: str, **values: Any) -> int:
        """Send one message."""
        return self.tell({"op": op, **values})

    def tell(self, *bodies: Any) -> int:
        """Send messages in one batch."""
        first = self.sequence + 1
        self.sequence += len(bodies)
        messages = [Message(first + place, self.time, body) for place, body in enumerate(bodies)]
        return self.ledger.runs.ingest(Batch(self.run, self.id, first, self.sequence, messages=messages))

    def batch(self, values: Mapping[str, Sequence[float]], **more: Any) -> Batch:
        """The next batch of numbers."""
        made = rows(values, first=self.sequence + 1, **more)
        first, self.sequence = self.sequence + 1, self.sequence + len(made)
        self.points += len(made) * len(values)
        return Batch(self.run, self.id, first, self.sequence, rows=[made])

    def log(self, values: Mapping[str, Sequence[float]], **more: Any) -> int:
        """Send numbers."""
        return self.ledger.runs.ingest(self.batch(values, **more))

    def write(self, name: str, *lines: str, start: float = START, labels: Labels = ()) -> int:
        """Send lines of text, one second apart."""
        first = self.sequence + 1
        self.sequence += len(lines)
        texts = [
            Text(name, labels, first + place, place, start + place, line) for place, line in enumerate(lines)
        ]
        return self.ledger.runs.ingest(Batch(self.run, self.id, first, self.sequence, texts=texts))

    def finish(self, state: str = "finished", **values: Any) -> int:
        """Say how it ended."""
        counts = {"records": self.sequence + 1, "points": self.points}
        return self.say("finish", **{"state": state, "exit_code": 0, "error": None, **counts, **values})

    @property
    def seen(self) -> Run:
        """The run as the ledger has it now."""
        return self.ledger.runs.run(self.run)
