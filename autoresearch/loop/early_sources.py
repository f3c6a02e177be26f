"""Where the watch over a trial reads what the trial logs: in the ledger, or in its journal before that is sent to a server."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from autoresearch.journal.locks import journals
from autoresearch.journal.reader import Reader
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.ledger.local.watching import events_after, newest_event
from autoresearch.loop.early import Trace
from autoresearch.records.run import Run, RunQuery
from autoresearch.series.batch import Batch, Rows

__all__ = ["InJournals", "InLedger", "Seen", "Source", "trace_of"]

_MOST_POINTS, _SAMPLES, _RUNS, _EVENTS = 10_000, 2000, 8, 100
_OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class Seen:
    """What one run of the trial has logged so far.

    Attributes:
        run: Its id.
        last: Last step and value of each metric without labels; the value may be NaN or infinite.
        points: How many numbers of each there are.
        alert: Title of the first alert of level ``error``; "" when there was none.
        trace: Reads the curve of a metric; None when there is none.
    """

    run: str
    last: Mapping[str, tuple[int, float]]
    points: Mapping[str, int]
    alert: str
    trace: Callable[[str], Trace | None]


class Source(Protocol):
    """Looks at the runs of one experiment that began after it was made."""

    def look(self) -> Iterator[Seen]:
        """Each of them as it is now.

        Raises:
            AutoresearchError: It cannot be read now.
        """
        ...


def trace_of(runs: Any, run: Run, metric: str) -> Trace | None:
    """The curve of a metric without labels; down-sampled, the extremes among its points, where it is very long."""
    page = runs.history(run.id, [metric], limit=_MOST_POINTS)
    curves = runs.sampled([run.id], [metric], samples=_SAMPLES) if page.next_cursor else page.curves
    for curve in curves:
        if not curve.labels:
            return Trace(curve.steps.astype(float), curve.times - run.started_at.timestamp(), curve.values)
    return None


class InLedger:
    """Runs that are taken into the embedded store as they go.

    Args:
        ledger: The store.
        project: Name of the project.
        experiment_id: The experiment that they execute.
    """

    def __init__(self, ledger: LocalLedger, project: str, experiment_id: str) -> None:
        self._ledger, self._project = ledger, project
        self._query = RunQuery.make(project=project, experiment_id=experiment_id)
        self._earlier = {run.id for run in self._runs()}
        self._event, self._alerts = newest_event(ledger), dict[str, str]()

    def _runs(self) -> Sequence[Run]:
        return self._ledger.runs.runs(self._query, limit=_RUNS).items

    def look(self) -> Iterator[Seen]:
        """Each run as it is now.

        Raises:
            StoreError: The store cannot be read.
        """
        runs = [run for run in self._runs() if run.id not in self._earlier]
        if runs:
            self._hear()
        for run in runs:
            infos = [info for info in self._ledger.runs.catalog(run.id) if not info.labels and info.points]
            nan = float("nan")
            last = {
                i.name: (i.last_step or 0, nan if i.last is None else i.last)
                for i in infos
                if i.kind == "metric"
            }
            points = {info.name: info.points for info in infos}
            yield Seen(run.id, last, points, self._alerts.get(run.id, ""), self._reader(run))

    def _reader(self, run: Run) -> Callable[[str], Trace | None]:
        return lambda metric: trace_of(self._ledger.runs, run, metric)

    def _hear(self) -> None:
        for event in events_after(self._ledger, self._event, project=self._project, limit=_EVENTS):
            self._event = event.seq
            said = event.after or {}
            if event.kind == "run.alert" and said.get("level") == "error":
                self._alerts.setdefault(event.subject, str(said.get("title") or "error"))


@dataclass(slots=True)
class _Journal:
    """One writer's journal, as far as it was read."""

    reader: Reader
    after: int = 0
    ours: bool = False
    started: float = 0.0
    alert: str = ""
    columns: dict[str, list[tuple[bytes, bytes, bytes]]] = field(default_factory=dict)


class InJournals:
    """Runs whose journals stay on this machine until the command has ended, because a server is to get them.

    Args:
        home: The home folder that the command is given.
        experiment_id: The experiment that they execute.
        metrics: The metrics that are kept.
    """

    def __init__(self, home: str, experiment_id: str, metrics: Sequence[str]) -> None:
        self._folder = os.path.join(home, _OFFLINE)  # noqa: PTH118  as journals name their folder
        self._experiment, self._metrics = experiment_id, frozenset(metrics)
        self._earlier = set(journals(self._folder))
        self._known: dict[str, _Journal] = {}

    def look(self) -> Iterator[Seen]:
        """Each run as it is now; processes of one run are looked at apart.

        Raises:
            StoreError: A journal cannot be read.
        """
        for writer in journals(self._folder):
            if writer in self._earlier:
                continue
            known = self._known.setdefault(writer, _Journal(Reader(self._folder, writer)))
            for batch in known.reader.batches(known.after, final=False):
                known.after = max(known.after, batch.last)
                self._take(known, batch)
            if known.ours:
                yield self._seen(writer, known)

    def _take(self, known: _Journal, batch: Batch) -> None:
        for message in batch.messages:
            body = message.body
            if body.get("op") == "open":
                known.ours = body.get("experiment") == self._experiment
                known.started = float(body.get("started") or message.time)
            elif body.get("op") == "alert" and body.get("level") == "error":
                known.alert = known.alert or str(body.get("title") or "error")
        for rows in batch.rows:
            self._keep(known, rows)

    def _keep(self, known: _Journal, rows: Rows) -> None:
        if rows.labels:
            return
        for name, values in zip(rows.names, rows.values, strict=True):
            if name in self._metrics:
                known.columns.setdefault(name, []).append((rows.steps, rows.times, values))

    def _seen(self, writer: str, known: _Journal) -> Seen:
        traces = {name: _trace(parts, known.started) for name, parts in known.columns.items()}
        last = {name: (int(t.steps[-1]), float(t.values[-1])) for name, t in traces.items() if len(t.values)}
        return Seen(
            writer, last, {name: len(t.values) for name, t in traces.items()}, known.alert, traces.get
        )


def _trace(parts: Sequence[tuple[bytes, bytes, bytes]], started: float) -> Trace:
    import numpy as np

    steps = np.frombuffer(b"".join(part[0] for part in parts), "<i8").astype(float)
    times = np.frombuffer(b"".join(part[1] for part in parts), "<f8")
    values = np.frombuffer(b"".join(part[2] for part in parts), "<f8")
    return Trace(steps, times - started, values)
