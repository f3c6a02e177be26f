"""Runs of the embedded store, brought to a server: points bit for bit, text, media, and what was said about them."""

from __future__ import annotations

import contextlib
import hashlib
import json
from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from autoresearch.errors import Conflict, NotFound
from autoresearch.ledger.base import every
from autoresearch.ledger.pushing import push
from autoresearch.ledger.synced.uploading import Line
from autoresearch.records.folder import AnnotationRequest
from autoresearch.records.run import LoggedLine, Run, RunEdit, SeriesInfo
from autoresearch.series.batch import Batch, Labels, Message, Rows, Text
from autoresearch.series.curve import Curve

__all__ = ["Sent", "send_run"]

_PAGE = 10_000
_LINES = 1000


class Sent(NamedTuple):
    """What was sent of a run.

    Attributes:
        points: Numbers that the server had not.
        lines: Entries of text.
        media: Images, tables, histograms and files.
        fault: What is not the same on both sides, or why nothing was sent; empty when all is well.
    """

    points: int = 0
    lines: int = 0
    media: int = 0
    fault: str = ""


def send_run(line: Line, run: Run, told: Callable[[int], None] = lambda _: None) -> Sent:
    """Bring a run that has ended to the server.

    Args:
        line: From where to where.
        run: The run, as the embedded store has it.
        told: Called with the number of points of each part that the server has.

    Raises:
        Unavailable: The server does not answer; calling it again goes on.
        Unauthorized: It refuses the key.
    """
    if run.state == "running":
        return Sent(fault="it is still running")
    plan = _plan(line, run)
    writer = f"upload-{run.id}-{plan.mark}"
    fact = f"uploaded:{run.id}"
    if line.outbox.fact(fact) == writer:
        return Sent(fault=_difference(line, run.id))
    reached = line.remote.runs.position(writer)
    content = _Content(line, run, plan, writer)
    for batch in content.batches():
        if batch.last > reached:
            push(
                line.local.objects,
                line.remote.objects,
                {d for said in batch.messages for d in said.digests()},
            )
            reached = line.remote.runs.ingest(batch)
        told(batch.points)
    _arrange(line, run)
    fault = _difference(line, run.id)
    if not fault:
        line.outbox.remember(fact, writer)
    return Sent(content.points, sum(plan.lines.values()), plan.media, fault)


class _Plan(NamedTuple):
    """What of a run the server has not.

    Attributes:
        mark: Tells this upload from one of the run at another time.
        metrics: Series that are sent whole.
        lines: How many of the last entries of each text series are sent.
        media: How many of the last media are sent.
        since: When the processes that are known there had ended, in Unix seconds; 0 where none is.
    """

    mark: str
    metrics: list[SeriesInfo]
    lines: dict[tuple[str, Labels], int]
    media: int
    since: float


def _plan(line: Line, run: Run) -> _Plan:
    # Steps that were logged twice are counted when the tail of a run is put in order; every later look counts the same.
    line.local.runs.compact(run.id)
    here = line.local.runs.catalog(run.id)
    media = len(_media(line.local.runs.media, run.id))
    whole = json.dumps(
        [info.model_dump(mode="json", exclude={"duplicates"}) for info in here] + [media, run.state]
    )
    mark = hashlib.sha256(whole.encode()).hexdigest()[:12]
    first = line.remote.runs.position(f"upload-{run.id}-{mark}") > 0
    try:
        # An upload that was interrupted goes on with all it had begun with.
        there = () if first else line.remote.runs.catalog(run.id)
        before = 0 if first else len(_media(line.remote.runs.media, run.id))
        ended = None if first else line.remote.runs.run(run.id).ended_at
    except NotFound:
        there, before, ended = (), 0, None
    known = {(info.kind, info.name, *sorted(info.labels.items())): info for info in there}
    metrics: list[SeriesInfo] = []
    lines: dict[tuple[str, Labels], int] = {}
    for info in here:
        same = known.get((info.kind, info.name, *sorted(info.labels.items())))
        if info.kind == "text":
            more = info.points - (same.points if same else 0)
            if more > 0:
                lines[info.name, tuple(sorted(info.labels.items()))] = more
        elif same is None or same.points - same.duplicates < info.points - info.duplicates:
            metrics.append(info)
    since = 0.0 if ended is None else ended.timestamp()
    return _Plan(mark, metrics, lines, max(0, media - before), since)


class _Content:
    """The records that make the run anew, always in the same order, so that each has the same number each time."""

    def __init__(self, line: Line, run: Run, plan: _Plan, writer: str) -> None:
        self._runs = line.local.runs
        self._run = run
        self._plan = plan
        self._writer = writer
        self._last = 0
        self.points = 0

    def batches(self) -> Iterator[Batch]:
        """All of it."""
        yield self._batch(messages=self._said(self._opening()))
        for curves in self._pages():
            yield self._batch(rows=self._rows(curves))
        for (name, labels), count in sorted(self._plan.lines.items()):
            own = dict(labels)
            total = sum(
                info.points
                for info in self._runs.catalog(self._run.id)
                if (info.kind, info.name, info.labels) == ("text", name, own)
            )
            lines = (each for each in self._lines(name) if each.labels == own)
            for part in _parts(islice(lines, total - count, None), _LINES):
                yield self._batch(texts=[self._text(each) for each in part])
        media = _media(self._runs.media, self._run.id)
        for item in media[len(media) - self._plan.media :]:
            body = {"op": "media", **item.model_dump(exclude={"time"})}
            yield self._batch(messages=self._said([(item.time, body)]))
        yield self._batch(messages=self._said([self._closing()]))

    def _lines(self, name: str) -> Iterable[LoggedLine]:
        return every(lambda cursor: self._runs.lines(self._run.id, [name], limit=_LINES, cursor=cursor))

    def _opening(self) -> list[tuple[float, dict[str, Any]]]:
        run, at = self._run, self._run.started_at.timestamp()
        same = ("project", "name", "config", "note", "group", "job_type", "environment")
        opening: dict[str, Any] = {name: getattr(run, name) for name in same} | {
            "op": "open",
            "tags": list(run.tags),
            "parent": run.parent_id,
            "experiment": run.experiment_id,
            "started": max(at, self._plan.since),
            "resume": True,
            "actor": run.actor.model_dump(),
            "definitions": [each.model_dump() for each in run.definitions],
        }
        said = [opening, {"op": "summary", "values": run.summary}]
        if run.code is not None:
            said.append({"op": "code", **run.code.model_dump()})
        return [(at, body) for body in said]

    def _closing(self) -> tuple[float, dict[str, Any]]:
        run = self._run
        at = (run.ended_at or run.heartbeat_at).timestamp()
        counts = {"records": self._last + 1, "points": self.points}
        return at, {
            "op": "finish",
            "state": run.state,
            "exit_code": run.exit_code,
            "error": run.error,
            **counts,
        }

    def _pages(self) -> Iterator[tuple[Curve, ...]]:
        for info in self._plan.metrics:
            cursor = None
            while True:
                page = self._runs.history(
                    self._run.id, [info.name], labels=info.labels, limit=_PAGE, cursor=cursor
                )
                found = tuple(curve for curve in page.curves if curve.labels == info.labels and len(curve))
                if found:
                    yield found
                cursor = page.next_cursor
                if cursor is None:
                    break

    def _rows(self, curves: Iterable[Curve]) -> list[Rows]:
        made = []
        for curve in curves:
            count = len(curve.steps)
            labels: Labels = tuple(sorted(curve.labels.items()))
            sequences = array("Q", range(self._last + 1, self._last + count + 1)).tobytes()
            columns = curve.steps.astype("<i8"), curve.times.astype("<f8"), curve.values.astype("<f8")
            steps, times, values = (column.tobytes() for column in columns)
            made.append(Rows((curve.name,), labels, sequences, steps, times, [values]))
            self._last += count
            self.points += count
        return made

    def _text(self, each: LoggedLine) -> Text:
        self._last += 1
        return Text(
            each.name, tuple(sorted(each.labels.items())), self._last, each.step, each.time, each.text
        )

    def _said(self, bodies: Iterable[tuple[float, dict[str, Any]]]) -> list[Message]:
        made = []
        for at, body in bodies:
            self._last += 1
            made.append(Message(self._last, at, body))
        return made

    def _batch(
        self,
        *,
        rows: list[Rows] | None = None,
        texts: list[Text] | None = None,
        messages: list[Message] | None = None,
    ) -> Batch:
        numbers = [array("Q", each.sequences)[0] for each in rows or ()]
        numbers += [each.sequence for each in (*(texts or ()), *(messages or ()))]
        first = min(numbers)
        return Batch(
            self._run.id,
            self._writer,
            first,
            self._last,
            rows=rows or (),
            texts=texts or (),
            messages=messages or (),
        )


def _arrange(line: Line, run: Run) -> None:
    """The folder that it lies in, and what was noted about it."""
    if run.folder is not None:
        folder = line.remote.folders.make(run.folder)
        line.remote.runs.edit(RunEdit.make(run_id=run.id, folder_id=folder.id))
    local = line.local.runs
    for note in every(lambda cursor: local.annotations(run.id, limit=1000, cursor=cursor)):
        fields = {name: getattr(note, name) for name in AnnotationRequest.model_fields}
        with contextlib.suppress(Conflict):  # it is there already
            line.remote.runs.add_annotation(AnnotationRequest.make(**fields))


def _difference(line: Line, run_id: str) -> str:
    """One sentence on what the receipts of both sides say differently; empty when they agree."""
    here, there = line.local.runs.receipt(run_id), line.remote.runs.receipt(run_id)
    mine, theirs = here.points_stored, there.points_stored
    if not there.intact:
        return f"the server's receipt is not intact: {'; '.join(there.faults)}"
    if theirs < mine:
        return f"the server has {theirs:,} of its {mine:,} points"
    return ""


def _media(ask: Callable[..., Any], run_id: str) -> list[Any]:
    return list(every(lambda cursor: ask(run_id, limit=1000, cursor=cursor)))


def _parts(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
    while part := list(islice(items, size)):
        yield part
