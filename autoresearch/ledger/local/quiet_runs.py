"""Runs whose client gives no signs of life: they are begun before they start, and go on until somebody says how they ended."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from autoresearch.ledger.local import folder_tree, run_listing
from autoresearch.ledger.local.drafts import Draft, apply, begin, opened
from autoresearch.ledger.local.run_listing import row_of
from autoresearch.ledger.local.unit import Unit
from autoresearch.records.base import ConfigObject, Line, Name, Request, Text
from autoresearch.records.run import Run
from autoresearch.store import run_schema
from autoresearch.store.event_schema import metric_events
from autoresearch.store.rows import Row

if TYPE_CHECKING:
    from autoresearch.ledger.local.ledger import LocalLedger

__all__ = ["QuietRequest", "QuietRuns", "Seen"]

_r, _w, _e = run_schema.runs.c, run_schema.writers.c, metric_events.c
_PART = 500
_LIGHT = sa.select(
    _r.id,
    _r.name,
    _r.note,
    _r.folder_id,
    _r.state,
    _r.processes,
    _r.recorded_at,
    _r.changed_at,
    _r.started_at,
).where(_r.organization == sa.bindparam("organization"))
_ROWS = sa.select(run_schema.runs).where(
    _r.organization == sa.bindparam("organization"), _r.id.in_(sa.bindparam("ids", expanding=True))
)
_HEARD = (
    sa.select(_w.run_id, sa.func.max(_w.updated_at).label("at"))
    .where(_w.organization == sa.bindparam("organization"))
    .group_by(_w.run_id)
)
_EVENTS = (
    sa.select(_e.run_id, sa.func.max(_e.server_ms).label("at"))
    .where(
        _e.organization == sa.bindparam("organization"), _e.run_id.in_(sa.bindparam("ids", expanding=True))
    )
    .group_by(_e.run_id)
)


class QuietRequest(Request):
    """Begin a run that has not started yet."""

    id: str
    project: Name
    name: Line
    note: Text = ""
    config: ConfigObject
    folder_id: str | None = None


class Seen(NamedTuple):
    """A run with what its own record does not say.

    Attributes:
        run: The run.
        waiting: It was begun and has not started.
        started: When its client said that it started, Unix seconds; None while it waits.
        error_name: What kind of error ended it; ``error_detail`` is what else was said of that.
        updated_at: When it changed or logged last.
        last_event_ms: When its last metric event arrived, Unix milliseconds.
        quiet: Its client gives no signs of life.
    """

    run: Run
    waiting: bool
    started: float | None
    error_name: str | None
    error_detail: str | None
    updated_at: datetime.datetime
    last_event_ms: int | None
    quiet: bool


class QuietRuns:
    """Such runs of an organization, and all others as their client sees them.

    Args:
        ledger: Its ledger.
        client: Name of the client, the one process of each run.
    """

    def __init__(self, ledger: LocalLedger, client: str) -> None:
        self._ledger = ledger
        self._client = client

    def create(self, request: QuietRequest) -> None:
        """Begin a run; one that has the id already stays as it is.

        Raises:
            NotFound: There is no such folder.
        """
        with self._ledger.write() as unit:
            if unit.rows.one(run_schema.runs, id=request.id) is not None:
                return
            if request.folder_id is not None:
                folder_tree.one(unit, request.folder_id)
            body = {"project": request.project, "name": request.name}
            row = begin(unit, request.id, body, unit.now.timestamp())
            draft = Draft(unit, self._ledger.objects.holds(unit), row)
            draft.values.update(
                name=request.name,
                note=request.note,
                config=request.config,
                folder_id=request.folder_id,
                patient=1,
                environment={"client": self._client},
            )
            draft.save()

    def set_state(
        self,
        run_id: str,
        state: str,
        *,
        at: float | None = None,
        error: tuple[str, str] | None = None,
    ) -> None:
        """The run is running, finished or failed.

        Args:
            run_id: The run.
            state: What it is.
            at: Since when, in Unix seconds; None means now.
            error: Name and detail of what ended it.

        Raises:
            NotFound: There is no such run.
        """
        self._ledger.runs.settle({"id": run_id})
        with self._ledger.write() as unit:
            row = row_of(unit, run_id)
            draft = Draft(unit, self._ledger.objects.holds(unit), row)
            said = {"writer": f"{self._client}:{run_id}", "time": unit.now.timestamp() if at is None else at}
            mine = row["processes"].get(said["writer"], {})
            known = mine.get("state") == "running"
            if state == row["state"] and error is None and (known or state != "running"):
                return
            if not known:
                started = said["time"] if state == "running" else mine.get("started", said["time"])
                again = {"op": "open", "resume": True, "started": started, "environment": row["environment"]}
                opened(draft, said, again)
            if state != "running":
                text = ": ".join(part for part in error or () if part) or None
                apply(draft, said, {"op": "finish", "state": state, "exit_code": None, "error": text})
            draft.values["error_name"] = error[0] if error else None
            draft.save()

    def seen(self, run_id: str) -> Seen:
        """One run.

        Raises:
            NotFound: There is no such run.
        """
        with self._ledger.runs.reading(id=run_id) as unit:
            row_of(unit, run_id)
            return _seen(unit, [run_id])[0]

    def listed(
        self, wanted: Callable[[Row, bool], bool], *, limit: int, ids: Sequence[str] | None = None
    ) -> list[Seen]:
        """Runs of all projects, what changed last first.

        Args:
            wanted: Whether a run is, by its row (name, note, state, times) and whether it waits.
            limit: Most runs.
            ids: Only these.
        """
        self._ledger.runs.settle({})
        with self._ledger.read() as unit:
            heard = _heard(unit)
            rows = [row for row in unit.rows.run(_LIGHT) if ids is None or row["id"] in ids]
            found = [row for row in rows if wanted(row, _waits(row))]
            found.sort(key=lambda row: (_updated(row, heard), row["id"]), reverse=True)
            return _seen(unit, [row["id"] for row in found[:limit]])


def _waits(row: Row) -> bool:
    return bool(row["state"] == "running" and not row["processes"])


def _heard(unit: Unit) -> dict[str, float]:
    return {row["run_id"]: row["at"] for row in unit.rows.run(_HEARD)}


def _updated(row: Row, heard: Mapping[str, float]) -> datetime.datetime:
    known: datetime.datetime = row["changed_at"] or row["recorded_at"]
    at = heard.get(row["id"])
    return known if at is None else max(known, datetime.datetime.fromtimestamp(at, datetime.UTC))


def _seen(unit: Unit, ids: Sequence[str]) -> list[Seen]:
    runs: dict[str, Run] = {}
    rows: dict[str, Row] = {}
    events: dict[str, int] = {}
    for start in range(0, len(ids), _PART):
        part = list(ids[start : start + _PART])
        runs.update((run.id, run) for run in run_listing.some(unit, part))
        rows.update((each["id"], each) for each in unit.rows.run(_ROWS, ids=part))
        events.update((each["run_id"], each["at"]) for each in unit.rows.run(_EVENTS, ids=part))
    heard = _heard(unit)
    return [_made(runs[each], rows[each], heard, events.get(each)) for each in ids]


def _made(run: Run, row: Row, heard: Mapping[str, float], last_event: int | None) -> Seen:
    waiting = _waits(row)
    starts = [process["started"] for process in row["processes"].values() if "started" in process]
    started = None if waiting else min(starts, default=row["started_at"].timestamp())
    name, error = row["error_name"], row["error"]
    if error is None:
        name, detail = None, None
    elif name and error.startswith(name):
        detail = error.removeprefix(name).removeprefix(": ")
    else:
        name, detail = "Error", error
    updated = _updated(row, heard)
    quiet = row["patient"] is not None
    return Seen(run, waiting, started, name, detail, updated, last_event, quiet)
