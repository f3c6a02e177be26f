"""Numbers that their client names one by one: each is stored once per name, as a point of a series and as an event of its own."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import sqlalchemy as sa

from autoresearch.ledger.local import run_reading
from autoresearch.ledger.local.run_listing import row_of
from autoresearch.ledger.local.unit import Unit
from autoresearch.ledger.local.unnumbered import Number, append, begun
from autoresearch.records.ids import derived_id
from autoresearch.research.metadata import canonical, labels_of, metadata_of
from autoresearch.series.batch import Labels
from autoresearch.series.fitting import fitting
from autoresearch.store.event_schema import metric_events, series_metadata

if TYPE_CHECKING:
    from autoresearch.ledger.local.ledger import LocalLedger
    from autoresearch.series.curve import Curve
    from autoresearch.store.points_reading import SeriesRow

__all__ = ["Event", "Events", "NewEvent", "Series", "Window", "sort_key"]

_LAST_TIME = 253_402_300_000.0
_PART = 500
_e = metric_events.c
_MINE = (_e.organization == sa.bindparam("organization"), _e.run_id == sa.bindparam("run_id"))
_KNOWN = sa.select(_e.event_id).where(*_MINE, _e.event_id.in_(sa.bindparam("ids", expanding=True)))
_LAST_SEQ = sa.select(sa.func.max(_e.seq).label("seq")).where(*_MINE)
_COUNTS = sa.select(_e.series, sa.func.count().label("n")).where(*_MINE).group_by(_e.series)
_STEPS = sa.select(_e.at_step).where(*_MINE, _e.series == sa.bindparam("series"))
_ORDERS = {"step": _e.step, "client_timestamp": _e.client_ms, "server_timestamp": _e.server_ms}


class NewEvent(NamedTuple):
    """An event as its client sends it; without ``client_ms`` it happened when it arrived."""

    name: str
    metric: str
    value: float
    step: int | None
    metadata: Mapping[str, Any]
    client_ms: int | None


class Event(NamedTuple):
    """An event as it is read; times are Unix milliseconds."""

    id: str
    step: int | None
    value: float
    client_ms: int
    server_ms: int
    seq: int


class Series(NamedTuple):
    """A series with its whole name and metadata, also where the row has them shortened."""

    run_id: str
    row: SeriesRow
    name: str
    metadata: Mapping[str, Any]


class Window(NamedTuple):
    """Which events are wanted: bounds are included, None leaves a side open; times are Unix milliseconds."""

    first_step: int | None = None
    last_step: int | None = None
    since_ms: int | None = None
    until_ms: int | None = None


class Events:
    """Metric events of an organization.

    Args:
        ledger: Its ledger.
        client: Name of the client that sends them, the writer of each run.
    """

    def __init__(self, ledger: LocalLedger, client: str) -> None:
        self._ledger = ledger
        self._client = client

    def put(self, run_id: str, events: Iterable[NewEvent]) -> int:
        """Store those events whose names the run does not know yet, all or none; answers how many these were.

        Raises:
            NotFound: There is no such run.
        """
        with begun(self._ledger, run_id) as unit:
            named: dict[str, NewEvent] = {}
            for event in events:
                named.setdefault(derived_id(run_id, event.name), event)
            known = {
                row["event_id"]
                for part in _parts(list(named))
                for row in unit.rows.run(_KNOWN, run_id=run_id, ids=part)
            }
            fresh = {name: event for name, event in named.items() if name not in known}
            if fresh:
                _store(unit, run_id, f"{self._client}:{run_id}", fresh)
            return len(fresh)

    def series(self, run_id: str, chosen: Callable[[str, Mapping[str, Any]], bool]) -> list[Series]:
        """Metrics of a run, chosen by name and metadata, in order of name and labels.

        Raises:
            NotFound: There is no such run.
        """
        with self._ledger.runs.reading(points_of=[run_id], id=run_id) as unit:
            row_of(unit, run_id)
            long = {
                row["series"]: json.loads(row["said"])
                for row in unit.rows.list(series_metadata, order="series", run_id=run_id)
            }
            rows = run_reading.points(unit).catalog([run_id], kind="metric")
        said = (long.get(row.id) or (row.name, metadata_of(row.labels)) for row in rows)
        found = (Series(run_id, row, *each) for row, each in zip(rows, said, strict=True))
        return [each for each in found if chosen(each.name, each.metadata)]

    def events(
        self, series: Series, window: Window, *, order: Sequence[str], descending: bool, limit: int | None
    ) -> list[Event]:
        """Events of a series in an order, the first of them.

        Points that another client logged are events as well: step and time make them so.

        Args:
            series: One of :meth:`series`.
            window: Which are wanted.
            order: Of ``step``, ``client_timestamp``, ``server_timestamp``; what is equal in them keeps the order of arrival.
            descending: Last or largest first.
            limit: Most events; None for all.
        """
        with self._ledger.read() as unit:
            own = unit.rows.run(
                _selected(window, order, descending=descending, limit=limit),
                run_id=series.run_id,
                series=series.row.id,
                **_bounds(window),
            )
            found = [
                Event(
                    row["event_id"], row["step"], row["value"], row["client_ms"], row["server_ms"], row["seq"]
                )
                for row in own
            ]
            counts = {row["series"]: row["n"] for row in unit.rows.run(_COUNTS, run_id=series.run_id)}
            if series.row.points > counts.get(series.row.id, 0):
                found += _others(unit, series, window, order, descending=descending, limit=limit)
                found.sort(key=lambda event: sort_key(event, order, descending=descending))
        return found if limit is None else found[:limit]


def _parts(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + _PART] for start in range(0, len(ids), _PART)]


def _store(unit: Unit, run_id: str, writer: str, events: Mapping[str, NewEvent]) -> None:
    now_ms = unit.now.timestamp() * 1000
    labelled = {name: labels_of(event.metadata) for name, event in events.items()}
    steps = _Steps(unit, run_id)
    numbers, rows = [], []
    (last,) = unit.rows.run(_LAST_SEQ, run_id=run_id)
    for seq, (name, event) in enumerate(events.items(), (last["seq"] or 0) + 1):
        labels, metric = labelled[name][0], fitting(event.metric)
        at = steps.taken(metric, labels, event.step)
        client_ms = round(now_ms) if event.client_ms is None else event.client_ms
        numbers.append(Number(metric, labels, at, min(client_ms / 1000, _LAST_TIME), event.value))
        known = {"run_id": run_id, "event_id": name, "seq": seq, "at_step": at, "step": event.step}
        rows.append({**known, "value": event.value, "client_ms": client_ms, "server_ms": round(now_ms)})
    append(unit, run_id, writer, numbers)
    ids = {
        (row.name, tuple(sorted(row.labels.items()))): row.id
        for row in run_reading.points(unit).catalog([run_id], kind="metric")
    }
    for row, number in zip(rows, numbers, strict=True):
        row["series"] = ids[number.name, number.labels]
    unit.rows.insert_all(metric_events, rows)
    _keep_metadata(unit, run_id, zip(rows, events.values(), labelled.values(), strict=True))


def _keep_metadata(
    unit: Unit, run_id: str, stored: Iterable[tuple[Any, NewEvent, tuple[Labels, bool]]]
) -> None:
    """Names and metadata for which the store's own have no room."""
    long = {
        row["series"]: canonical([event.metric, event.metadata])
        for row, event, (_, whole) in stored
        if not whole or fitting(event.metric) != event.metric
    }
    for series, said in long.items():
        if unit.rows.one(series_metadata, run_id=run_id, series=series) is None:
            unit.rows.insert(series_metadata, run_id=run_id, series=series, said=said)


class _Steps:
    """Steps of points: those that are said, and one beyond the last where none is."""

    def __init__(self, unit: Unit, run_id: str) -> None:
        self._last = {
            (row.name, tuple(sorted(row.labels.items()))): -1 if row.most_step is None else row.most_step
            for row in run_reading.points(unit).catalog([run_id], kind="metric")
        }

    def taken(self, name: str, labels: Labels, step: int | None) -> int:
        last = self._last.get((name, labels), -1)
        at = last + 1 if step is None else step
        self._last[name, labels] = max(last, at)
        return at


def _bounds(window: Window) -> dict[str, int]:
    return {name: value for name, value in window._asdict().items() if value is not None}


def _selected(window: Window, order: Sequence[str], *, descending: bool, limit: int | None) -> sa.Select[Any]:
    def bound(name: str) -> sa.BindParameter[Any]:
        return sa.bindparam(name, type_=sa.BigInteger)

    statement = sa.select(metric_events).where(*_MINE, _e.series == sa.bindparam("series"))
    conditions = {
        "first_step": _e.step >= bound("first_step"),
        "last_step": _e.step <= bound("last_step"),
        "since_ms": _e.client_ms >= bound("since_ms"),
        "until_ms": _e.client_ms <= bound("until_ms"),
    }
    statement = statement.where(*(conditions[name] for name in _bounds(window)))
    for name in order:
        column = _ORDERS[name]
        # Where none was said comes last in either direction.
        statement = statement.order_by(column.is_(None), column.desc() if descending else column)
    last = _e.seq.desc() if descending else _e.seq
    return statement.order_by(last).limit(limit) if limit is not None else statement.order_by(last)


def sort_key(event: Event, order: Sequence[str], *, descending: bool) -> tuple[Any, ...]:
    """What :meth:`Events.events` sorts by."""
    values = {"step": event.step, "client_timestamp": event.client_ms, "server_timestamp": event.server_ms}
    sign = -1 if descending else 1
    key: list[tuple[bool, int]] = []
    for name in order:
        value = values[name]
        key.append((value is None, sign * (value or 0)))
    return (*key, sign * event.seq)


def _others(
    unit: Unit, series: Series, window: Window, order: Sequence[str], *, descending: bool, limit: int | None
) -> list[Event]:
    """Points that are no event, as events."""
    curves, _ = run_reading.points(unit).history(
        [series.row],
        first_step=window.first_step,
        last_step=window.last_step,
        since=None if window.since_ms is None else window.since_ms / 1000,
        until=None if window.until_ms is None else window.until_ms / 1000,
    )
    curve = curves[0]
    own = [row["at_step"] for row in unit.rows.run(_STEPS, run_id=series.run_id, series=series.row.id)]
    places = np.flatnonzero(np.isfinite(curve.values) & ~np.isin(curve.steps, np.array(own, "<i8")))
    if order and order[0] != "step":
        places = places[np.argsort(curve.times[places], kind="stable")]
    if descending:
        places = places[::-1]
    return [_point(series, curve, int(place)) for place in (places if limit is None else places[:limit])]


def _point(series: Series, curve: Curve, place: int) -> Event:
    point = curve[place]
    at = round(point.time * 1000) if math.isfinite(point.time) else 0
    name = derived_id(series.run_id, str(series.row.id), str(point.step))
    return Event(name, point.step, point.value, at, at, place - len(curve))
