"""Messages become runs: what was received and not yet applied is applied in the order of arrival, when somebody reads.

A message of a run that nobody opened yet waits: it is marked, which hides it from the next look, and it is applied right after
the run was opened.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from autoresearch.ledger.local import run_messages as said
from autoresearch.ledger.local.drafts import Draft, apply, begin, moment, opened
from autoresearch.ledger.local.unit import SYSTEM, Unit
from autoresearch.research import processes
from autoresearch.store import run_schema

__all__ = ["SILENCE_SECONDS", "due", "hear", "settle"]

SILENCE_SECONDS = 300.0
"""After so long without a sign of life a run counts as crashed, until the next sign."""

_MOST_MESSAGES = 5000
_LOST = "recovered"

_r, _w, _i = run_schema.runs.c, run_schema.writers.c, run_schema.inbox.c
_MARK = "~"
_MARKED = sa.func.substr(_i.body, 1, 1) == _MARK
_MINE = _i.organization == sa.bindparam("organization")
_WAITING = sa.select(sa.literal(1)).where(_MINE, ~_MARKED).limit(1)
_NEXT = sa.select(run_schema.inbox).where(_MINE, ~_MARKED).order_by(_i.place).limit(_MOST_MESSAGES)
_PARKED = (
    sa.select(run_schema.inbox).where(_MINE, _MARKED, _i.run_id == sa.bindparam("run_id")).order_by(_i.place)
)
_HEARD = sa.select(sa.func.max(_w.updated_at).label("at")).where(
    _w.organization == sa.bindparam("organization"), _w.run_id == sa.bindparam("run_id")
)


@lru_cache(maxsize=4)
def _runs(scope: str, *, silent: bool) -> sa.Select[Any]:
    """Ids of runs that fell silent, or that were silent and were heard again; of one project, one run, or all."""
    signs = sa.select(sa.literal(1)).where(_w.organization == _r.organization, _w.run_id == _r.id)
    found = sa.select(_r.id).where(_r.organization == sa.bindparam("organization"))
    if silent:
        heard = signs.where(_w.updated_at >= sa.bindparam("since", type_=sa.Double()))
        found = found.where(_r.state == "running", _r.patient.is_(None), ~heard.exists())
    else:
        mark = sa.type_coerce(_r.heartbeat_at, sa.BigInteger) / 1e6 + 0.001
        found = found.where(_r.state == "crashed", _r.silent, signs.where(_w.updated_at > mark).exists())
    return found.where(_r[scope] == sa.bindparam("scope")) if scope else found


def due(unit: Unit, scope: Mapping[str, str]) -> bool:
    """Whether anything is to be applied; ``scope`` is a project, an id, or empty for all runs."""
    return bool(
        unit.rows.run(_WAITING) or _found(unit, scope, silent=True) or _found(unit, scope, silent=False)
    )


def _found(unit: Unit, scope: Mapping[str, str], *, silent: bool) -> list[str]:
    ((name, value),) = scope.items() or (("", ""),)
    since = unit.now.timestamp() - SILENCE_SECONDS
    values: dict[str, Any] = {"scope": value} if name else {}
    if silent:
        values["since"] = since
    return [row["id"] for row in unit.rows.run(_runs(name, silent=silent), **values)]


def settle(unit: Unit, has: Callable[[str], bool], scope: Mapping[str, str]) -> bool:
    """Apply what was received, within a write transaction; True when there is more.

    Args:
        unit: The transaction.
        has: Whether an object is stored.
        scope: As for ``due``; messages are applied to all runs.
    """
    work = _Settling(unit, has)
    for run_id in _found(unit, scope, silent=False):
        work.revive(run_id)
    waiting = unit.rows.run(_NEXT)
    for row in waiting:
        work.take(dict(row))
    work.save()
    for run_id in _found(unit, scope, silent=True):
        work.fall_silent(run_id)
    work.save()
    return len(waiting) == _MOST_MESSAGES


def hear(unit: Unit, has: Callable[[str], bool], run_id: str, writer: str, body: str) -> None:
    """Apply one message now that came in no batch, within a write transaction in which nothing else waits."""
    work = _Settling(unit, has)
    at = unit.now.timestamp()
    work.take({"run_id": run_id, "writer": writer, "sequence": 0, "time": at, "body": body})
    work.save()


class _Settling:
    """One pass over what was received."""

    def __init__(self, unit: Unit, has: Callable[[str], bool]) -> None:
        self.unit = unit
        self.has = has
        self.drafts: dict[str, Draft | None] = {}
        self.applied: list[Mapping[str, Any]] = []

    def draft(self, run_id: str) -> Draft | None:
        if run_id not in self.drafts:
            row = self.unit.rows.one(run_schema.runs, id=run_id)
            self.drafts[run_id] = None if row is None else Draft(self.unit, self.has, row)
        return self.drafts[run_id]

    def save(self) -> None:
        for draft in self.drafts.values():
            if draft is not None:
                draft.save()
        for row in self.applied:
            self.unit.rows.delete(run_schema.inbox, writer=row["writer"], sequence=row["sequence"])
        self.drafts.clear()
        self.applied.clear()

    def take(self, row: Mapping[str, Any]) -> None:
        """Apply one message, or let it wait."""
        body = _body(row)
        draft = self.draft(row["run_id"])
        if draft is None and body["op"] != "open" and not self._is_all_there_is(row, body):
            key = {"writer": row["writer"], "sequence": row["sequence"]}
            self.unit.rows.update(run_schema.inbox, key, body=_MARK + row["body"])
            return
        self.applied.append(row)
        new = draft is None
        if draft is None:
            lost = {"project": _LOST} if body["op"] != "open" else body
            draft = Draft(self.unit, self.has, begin(self.unit, row["run_id"], lost, row["time"]))
            self.drafts[draft.id] = draft
        if body["op"] == "open":
            opened(draft, row, body)
        elif new:
            draft.notices.append("What the run said at its beginning was lost with its journal.")
            opened(draft, row, {"op": "open", "started": row["time"]})
        if new:
            for parked in self.unit.rows.run(_PARKED, run_id=row["run_id"]):
                self.take(dict(parked))
        if body["op"] != "open":
            apply(draft, row, body)

    def _is_all_there_is(self, row: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
        """Whether this ends a damaged journal in which the opening was: the rest is kept all the same."""
        if body["op"] not in {"finish", "vanished"}:
            return False
        writer = self.unit.rows.one(run_schema.writers, id=row["writer"])
        return writer is not None and writer["lost_records"] > 0

    def revive(self, run_id: str) -> None:
        draft = self.draft(run_id)
        if draft is not None:
            processes.revive(draft.processes)
            draft.values.update(state="running", silent=False, ended_at=None, error=None)
            draft.revived = True

    def fall_silent(self, run_id: str) -> None:
        draft = self.draft(run_id)
        if draft is None:
            return
        (heard,) = self.unit.rows.run(_HEARD, run_id=run_id)
        at = moment(heard["at"], draft.values["heartbeat_at"])
        processes.fall_silent(draft.processes, at.timestamp())
        error = f"There was no sign of life since {at:%Y-%m-%d %H:%M:%S} UTC."
        draft.values.update(silent=True, ended_at=at, heartbeat_at=at, error=error)
        draft.moved(SYSTEM)


def _body(row: Mapping[str, Any]) -> dict[str, Any]:
    try:
        body = said.plain(json.loads(row["body"].removeprefix(_MARK)))
    except (ValueError, RecursionError):
        body = None
    return {"op": None, **body} if isinstance(body, dict) else {"op": None}
