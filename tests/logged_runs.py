"""Runs for tests, made as a journal makes them: batches of one writer with what it said and logged."""

from __future__ import annotations

import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from autoresearch.ledger.base import Runs
from autoresearch.records.ids import new_id
from autoresearch.series.batch import Batch, Labels, Message, Rows, Text

__all__ = ["BEGAN", "Logging"]

BEGAN = 1_790_000_000.0
"""When runs of tests begin, in seconds since 1970 UTC."""


class Logging:
    """One process of a run. What is said and logged gathers until :meth:`send`."""

    def __init__(
        self, runs: Runs, project: str = "tiny", *, run_id: str | None = None, **opening: Any
    ) -> None:
        self._runs = runs
        self.id = run_id or new_id()
        self._writer = new_id()
        self._sequence = self._sent = 0
        self._rows: list[Rows] = []
        self._texts: list[Text] = []
        self._messages: list[Message] = []
        self._points = 0
        self._now = BEGAN
        actor = {"kind": "human", "name": "Ada"}
        said = {"op": "open", "project": project, "name": "quiet-otter", "config": {}, "started": BEGAN}
        said |= {
            "tags": [],
            "note": "",
            "resume": False,
            "environment": {"host": "here", "pid": 7},
            "actor": actor,
        }
        self.say(**{**said, **opening})

    def say(self, **body: Any) -> Logging:
        self._messages.append(Message(self._next(), self._now, body))
        return self

    def log(
        self, steps: Iterable[int], labels: Mapping[str, str] | None = None, **columns: Sequence[float]
    ) -> Logging:
        """Log metrics by the column; two underscores in a name stand for a slash. A step takes half a second."""
        return self.log_named(
            steps, {name.replace("__", "/"): values for name, values in columns.items()}, labels
        )

    def log_named(
        self,
        steps: Iterable[int],
        columns: Mapping[str, Sequence[float]],
        labels: Mapping[str, str] | None = None,
    ) -> Logging:
        whole = list(steps)
        self._now = max([self._now, *(BEGAN + step / 2 for step in whole)])
        self._rows.append(
            Rows(
                tuple(columns),
                tuple(sorted((labels or {}).items())),
                array.array("Q", [self._next() for _ in whole]).tobytes(),
                array.array("q", whole).tobytes(),
                array.array("d", [BEGAN + step / 2 for step in whole]).tobytes(),
                [array.array("d", values).tobytes() for values in columns.values()],
            )
        )
        self._points += len(whole) * len(columns)
        return self

    def print(
        self, *lines: str, stream: str = "console/stdout", at: float | None = None, labels: Labels = ()
    ) -> Logging:
        for line in lines:
            sequence = self._next()
            time = BEGAN + sequence if at is None else at
            self._texts.append(Text(stream, labels, sequence, 0, time, line))
        return self

    def finish(self, state: str = "finished", **said: Any) -> Logging:
        closing: dict[str, Any] = {"op": "finish", "state": state, "exit_code": 0, "error": None}
        return self.say(**{**closing, "records": self._sequence + 1, "points": self._points, **said}).send()

    def send(self) -> Logging:
        batch = Batch(
            self.id,
            self._writer,
            self._sent + 1,
            self._sequence,
            rows=self._rows,
            texts=self._texts,
            messages=self._messages,
        )
        self._runs.ingest(batch)
        self._sent = self._sequence
        self._rows, self._texts, self._messages = [], [], []
        return self

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence
