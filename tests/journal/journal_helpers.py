"""Reading a journal back into plain values, so that tests compare what was logged with what is there."""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
import sys
import warnings
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from autoresearch.journal.reader import Reader
from autoresearch.series.batch import Batch, Labels

ROOT = Path(__file__).parents[2]


class Read:
    """Everything of one journal, by sequence number."""

    def __init__(self, batches: Sequence[Batch], after: int = 0) -> None:
        self.rows: dict[int, tuple[Labels, int, dict[str, float]]] = {}
        self.times: dict[int, float] = {}
        self.texts: dict[int, tuple[str, Labels, int, str]] = {}
        self.messages: dict[int, Any] = {}
        self.lost_records = self.lost_points = self.points = 0
        self.faults: list[str] = []
        self.last = after
        for batch in batches:
            assert batch.first == self.last + 1
            assert batch.last - batch.first + 1 == batch.records + batch.lost_records
            self.last = batch.last
            self._add(batch)

    def _add(self, batch: Batch) -> None:
        self.lost_records += batch.lost_records
        self.lost_points += batch.lost_points
        self.points += batch.points
        self.faults += batch.faults
        for rows in batch.rows:
            sequences, steps, times = (
                array("Q", rows.sequences),
                array("q", rows.steps),
                array("d", rows.times),
            )
            columns = [array("d", column) for column in rows.values]
            assert list(sequences) == sorted(sequences)
            for index, sequence in enumerate(sequences):
                values = {name: column[index] for name, column in zip(rows.names, columns, strict=True)}
                assert sequence not in self.rows
                self.rows[sequence] = (rows.labels, steps[index], values)
                self.times[sequence] = times[index]
        for text in batch.texts:
            self.texts[text.sequence] = (text.name, text.labels, text.step, text.text)
        for message in batch.messages:
            self.messages[message.sequence] = message.body

    @property
    def sequences(self) -> list[int]:
        return sorted([*self.rows, *self.texts, *self.messages])

    @property
    def values(self) -> list[dict[str, float]]:
        return [self.rows[sequence][2] for sequence in sorted(self.rows)]

    @property
    def steps(self) -> list[int]:
        return [self.rows[sequence][1] for sequence in sorted(self.rows)]


def read(
    folder: Path | str, writer: str, *, after: int = 0, final: bool = True, most_bytes: int = 4 << 20
) -> Read:
    return Read(list(Reader(str(folder), writer).batches(after, most_bytes=most_bytes, final=final)), after)


@contextlib.contextmanager
def warned() -> Iterator[list[str]]:
    """What is warned about inside, each time it is."""
    said: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield said
    said += [str(each.message) for each in caught]


def bits(value: float) -> bytes:
    return struct.pack("<d", value)


def python(code: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    """A process of its own that runs this code, with what it prints in its ``stdout``."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True, **options)
