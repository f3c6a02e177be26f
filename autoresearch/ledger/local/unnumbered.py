"""Runs of clients that number nothing they send: a point is named by its series and step, and the last one said stands.

Our own writers number their records, which makes each count once. Here the same is had by looking: what is stored already, to the
bit and the microsecond, is left out, and the rest is numbered within the transaction that stores it. So a batch that is sent
again after a lost answer adds nothing, and a value that was set, changed and set back is what it was set to last.
"""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from autoresearch.ledger.local import ingest, run_reading, run_views
from autoresearch.ledger.local.run_listing import row_of
from autoresearch.ledger.local.unit import Unit
from autoresearch.records.run import Run
from autoresearch.series.batch import Batch, Labels, Message, Rows, Text
from autoresearch.store import run_schema
from autoresearch.store.rows import Row

if TYPE_CHECKING:
    from autoresearch.ledger.local.ledger import LocalLedger
    from autoresearch.series.curve import Curve
    from autoresearch.store.points import Points
    from autoresearch.store.points_reading import SeriesRow

__all__ = ["Entry", "Number", "Unnumbered", "append", "begun", "ensure_project", "state_messages", "tell"]

_PAGE = 32_768
_NEAR = 256


class Number(NamedTuple):
    """One number of a series; ``time`` in seconds since 1970 UTC."""

    name: str
    labels: Labels
    step: int
    time: float
    value: float


class Entry(NamedTuple):
    """One text of a series."""

    name: str
    labels: Labels
    step: int
    time: float
    text: str


class Unnumbered:
    """Runs as one such client has them.

    Args:
        ledger: The ledger of its organization.
        client: Its name; the client is one writer of each run.
    """

    def __init__(self, ledger: LocalLedger, client: str) -> None:
        self._ledger = ledger
        self.client = client

    def writer(self, run_id: str) -> str:
        """The id under which the client writes to a run."""
        return f"{self.client}:{run_id}"

    def open(self, run_id: str, body: Mapping[str, Any], at: float) -> Run:
        """A run, begun with what ``body`` says when it is not there; else it stays what it is."""
        writer = self.writer(run_id)
        with self._ledger.write(run=run_id) as unit:
            if ingest.position(*_place(unit), writer) == 0:
                tell(unit, run_id, writer, [{"op": "open", **body}], at)
        return self._ledger.runs.run(run_id)

    def put(
        self,
        run_id: str,
        numbers: Iterable[Number] = (),
        entries: Iterable[Entry] = (),
        *,
        faults: Sequence[str] = (),
    ) -> int:
        """Store what is not stored yet; answers how many numbers and texts that were.

        Args:
            run_id: The run.
            numbers: Points in the order in which they were said.
            entries: Texts in that order.
            faults: One sentence for each thing that could not be taken.

        Raises:
            NotFound: There is no such run.
        """
        with begun(self._ledger, run_id) as unit:
            found = run_reading.points(unit)
            known = _known(found, run_id)
            fresh = _fresh_numbers(found, known, _last(numbers))
            texts = _fresh_entries(found, known, _last(entries))
            append(unit, run_id, self.writer(run_id), fresh, texts, faults=faults)
            return len(fresh) + len(texts)

    def beat(self, run_id: str) -> None:
        """The client says that it is there. A run that had ended is not resumed by that: word of its end may be older.

        Raises:
            NotFound: There is no such run.
        """
        with begun(self._ledger, run_id) as unit:
            ingest.beat(*_place(unit), run_id, self.writer(run_id))

    def set_state(self, run_id: str, state: str, at: float) -> None:
        """The run is running, finished or failed, whatever was known of it before.

        Raises:
            NotFound: There is no such run.
        """
        self._ledger.runs.settle({"id": run_id})
        with self._ledger.write(run=run_id) as unit:
            row, writer = row_of(unit, run_id), self.writer(run_id)
            tell(unit, run_id, writer, state_messages(row, writer, state, at), at)

    def entries_by_step(
        self, run_id: str, series: SeriesRow, *, offset: int, limit: int, each: bool
    ) -> tuple[list[Entry], int]:
        """Texts of a series in order of step, and how many there are in all.

        Args:
            run_id: The run.
            series: Its row in the catalog of points.
            offset: How many to leave out at the beginning.
            limit: How many to give at most.
            each: Give every text of a step, in the order in which they were said; else the last one.
        """
        with self._ledger.runs.reading(id=run_id) as unit:
            row_of(unit, run_id)
            found = run_reading.points(unit)
            order = _order(_steps(found, series), each=each)
            wanted = order[offset : offset + limit].tolist()
            lines = {line.number: line for part in _near(wanted) for line in _lines(found, series, part)}
        labels = tuple(sorted(series.labels.items()))
        some = (lines[number] for number in wanted)
        return [Entry(series.name, labels, line.step, line.time, line.text) for line in some], len(order)

    def curve(
        self, run_id: str, series: SeriesRow, *, first_step: int | None = None, last_step: int | None = None
    ) -> Curve:
        """Every point of a series between two steps, both included.

        Raises:
            NotFound: There is no such run.
        """
        with self._ledger.runs.reading(points_of=[run_id], id=run_id) as unit:
            row_of(unit, run_id)
            found = run_reading.points(unit)
            (curve,), _ = found.history([series], first_step=first_step, last_step=last_step)
            return curve

    def series(self, run_id: str, kind: str | None = None) -> list[SeriesRow]:
        """What is known of the series of a run, in order of name and labels; ``kind`` is metric or text.

        Raises:
            NotFound: There is no such run.
        """
        with self._ledger.runs.reading(id=run_id) as unit:
            row_of(unit, run_id)
            return run_reading.points(unit).catalog([run_id], kind=kind)


@contextlib.contextmanager
def begun(ledger: LocalLedger, run_id: str) -> Iterator[Unit]:
    """A write transaction on the points of a run that is there, also when nobody has looked at it since it began.

    Raises:
        NotFound: There is no such run.
    """
    with ledger.read() as unit:
        known = unit.rows.one(run_schema.runs, id=run_id) is not None
    if not known:
        ledger.runs.settle({"id": run_id})
    with ledger.write(run=run_id) as unit:
        row_of(unit, run_id)
        yield unit


def ensure_project(ledger: LocalLedger, name: str) -> None:
    """Begin a project that has no goal yet; one that is there stays as it is."""
    with ledger.write() as unit:
        unit.project_or_new(name)


def state_messages(row: Row, writer: str, state: str, at: float) -> list[dict[str, Any]]:
    """What has to be said so that a run has a state; nothing when it has it already."""
    if row["state"] == state and not (state == "running" and row["silent"]):
        return []
    again = {"op": "open", "resume": True, "started": at, "environment": row["environment"]}
    if state == "running":
        return [again]
    # What has ended in another way, or was never begun by this client, is taken up for a moment.
    beginning = [] if row["processes"].get(writer, {}).get("state") == "running" else [again]
    return [*beginning, {"op": "finish", "state": state, "exit_code": None, "error": None}]


def tell(unit: Unit, run_id: str, writer: str, bodies: Sequence[Mapping[str, Any]], at: float) -> None:
    """Say something of a run, within the caller's write transaction."""
    if not bodies:
        return
    first = ingest.position(*_place(unit), writer) + 1
    messages = [Message(first + place, at, body) for place, body in enumerate(bodies)]
    ingest.take(*_place(unit), Batch(run_id, writer, first, first + len(bodies) - 1, messages=messages))


def append(
    unit: Unit,
    run_id: str,
    writer: str,
    numbers: Sequence[Number],
    entries: Sequence[Entry] = (),
    *,
    faults: Sequence[str] = (),
) -> int:
    """Store numbers and texts behind what the writer has stored, within the caller's write transaction.

    Answers the sequence number of the last one.
    """
    first = ingest.position(*_place(unit), writer) + 1
    rows, count = _rows(numbers, first)
    texts = [
        Text(each.name, each.labels, first + count + place, each.step, each.time, each.text)
        for place, each in enumerate(entries)
    ]
    last = first + count + len(texts) - 1
    return ingest.take(
        *_place(unit), Batch(run_id, writer, first, last, rows=rows, texts=texts, faults=faults)
    )


def _place(unit: Unit) -> tuple[Any, str]:
    sql = run_views.points_sql(unit)
    return sql.connection, sql.organization


_Key = tuple[str, Labels]
_Said = dict[_Key, dict[int, Any]]


def _last(said: Iterable[Any]) -> _Said:
    """What was said last of each series and step, in order of that."""
    found: _Said = {}
    for each in said:
        steps = found.setdefault((each.name, each.labels), {})
        steps.pop(each.step, None)
        steps[each.step] = each
    return found


def _known(points: Points, run_id: str) -> dict[tuple[str, _Key], SeriesRow]:
    rows = points.catalog([run_id])
    return {(row.kind, (row.name, tuple(sorted(row.labels.items())))): row for row in rows}


def _overlapping(
    known: Mapping[tuple[str, _Key], SeriesRow], said: _Said, kind: str
) -> Iterator[tuple[_Key, SeriesRow]]:
    """Series in which some of the steps may be there already."""
    for key, steps in said.items():
        row = known.get((kind, key))
        if row is not None and row.most_step is not None and min(steps) <= row.most_step:
            yield key, row


def _fresh_numbers(points: Points, known: Mapping[tuple[str, _Key], SeriesRow], said: _Said) -> list[Number]:
    looked = dict(_overlapping(known, said, "metric"))
    if looked:
        steps = [step for key in looked for step in said[key]]
        curves, _ = points.history(list(looked.values()), first_step=min(steps), last_step=max(steps))
        for key, curve in zip(looked, curves, strict=True):
            _leave_out(said[key], curve)
    return [each for steps in said.values() for each in steps.values()]


def _leave_out(said: dict[int, Number], curve: Any) -> None:
    """Leave out what is stored already."""
    for step, time, value in zip(
        curve.steps.tolist(), curve.times.tolist(), curve.values.tolist(), strict=True
    ):
        new = said.get(step)
        if new is None or round(new.time * 1e6) != round(time * 1e6):
            continue
        if new.value == value or (new.value != new.value and value != value):  # noqa: PLR0124  both are NaN
            del said[step]


def _fresh_entries(points: Points, known: Mapping[tuple[str, _Key], SeriesRow], said: _Said) -> list[Entry]:
    for key, row in _overlapping(known, said, "text"):
        wanted, stored = said[key], {}
        for line in _lines(points, row, range(row.points)):
            if line.step in wanted:
                stored[line.step] = line
        for step, line in stored.items():
            if wanted[step].text == line.text and wanted[step].time == line.time:
                del wanted[step]
    return [each for steps in said.values() for each in steps.values()]


def _rows(numbers: Sequence[Number], first: int) -> tuple[list[Rows], int]:
    """Columns: what has the same step, time and labels is one record, unless a name would be there twice."""
    last: dict[tuple[Labels, int, float], dict[str, float]] = {}
    records: list[tuple[Labels, int, float, dict[str, float]]] = []
    for each in numbers:
        place = each.labels, each.step, each.time
        if place not in last or each.name in last[place]:
            last[place] = {}
            records.append((*place, last[place]))
        last[place][each.name] = each.value
    groups: dict[tuple[Labels, tuple[str, ...]], list[tuple[int, int, float, list[float]]]] = {}
    for sequence, (labels, step, time, values) in enumerate(records, first):
        names = tuple(sorted(values))
        record = sequence, step, time, [values[name] for name in names]
        groups.setdefault((labels, names), []).append(record)
    rows = []
    for (labels, names), group in groups.items():
        sequences, steps, times, columns = zip(*group, strict=True)
        order, at, when = array("Q", sequences), array("q", steps), array("d", times)
        values_of = [array("d", column).tobytes() for column in zip(*columns, strict=True)]
        rows.append(Rows(names, labels, order.tobytes(), at.tobytes(), when.tobytes(), values_of))
    return rows, len(records)


def _lines(points: Points, series: SeriesRow, part: range) -> Iterator[Any]:
    for first in range(part.start, part.stop, _PAGE):
        yield from points.lines(series, first=first, limit=min(_PAGE, part.stop - first))


def _steps(points: Points, series: SeriesRow) -> Any:
    steps = (line.step for line in _lines(points, series, range(series.points)))
    return np.fromiter(steps, "<i8", series.points)


def _order(steps: Any, *, each: bool) -> Any:
    """Numbers of the entries in order of step; of entries at one step the last one, or each."""
    order = np.argsort(steps, kind="stable")
    if each or len(order) < 2:
        return order
    inside = steps[order]
    return order[np.append(inside[1:] != inside[:-1], True)]


def _near(numbers: Sequence[int]) -> list[range]:
    """Ranges that hold all of these numbers and little else."""
    found: list[range] = []
    for number in sorted(numbers):
        if found and number - found[-1].stop < _NEAR:
            found[-1] = range(found[-1].start, number + 1)
        else:
            found.append(range(number, number + 1))
    return found
