"""Which runs, in which order, and the one that is meant by a word."""

from __future__ import annotations

import base64
import binascii
import datetime
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from autoresearch.errors import Conflict, Invalid, NotFound
from autoresearch.ledger.local import cursors, run_views
from autoresearch.ledger.local.unit import Unit
from autoresearch.records.base import Page
from autoresearch.records.run import Run, RunQuery
from autoresearch.research import matching
from autoresearch.store import run_schema
from autoresearch.store.rows import Row

__all__ = ["find", "in_folder", "listed", "one", "row_of", "some"]

_r = run_schema.runs.c
_MINE = (_r.organization == sa.bindparam("organization"),)
_OF_PROJECT = (*_MINE, _r.project == sa.bindparam("project"))
_PLAIN = sa.select(*run_views.PLAIN.values())
_ONE = _PLAIN.where(*_MINE, _r.id == sa.bindparam("id"))
_SOME = _PLAIN.where(*_MINE, _r.id.in_(sa.bindparam("ids", expanding=True)))
_LIGHT = (
    "id",
    "number",
    "name",
    "state",
    "group",
    "job_type",
    "note",
    "started_at",
    "ended_at",
    "heartbeat_at",
)
_ID_PART = re.compile(r"[0-9a-f-]{4,36}\Z")
_BY_PART = sa.select(_r.id).where(
    *_OF_PROJECT,
    sa.or_(
        sa.func.substr(_r.id, 1, sa.bindparam("length")) == sa.bindparam("part"),
        sa.func.substr(_r.id, 37 - sa.bindparam("length", type_=sa.Integer)) == sa.bindparam("part"),
    ),
)
_BY_NAME = sa.select(_r.id).where(*_OF_PROJECT, _r.name == sa.bindparam("name"))
_LAST = sa.select(_r.id).where(*_OF_PROJECT).order_by(_r.started_at.desc(), _r.number.desc())
_BY_NUMBER = sa.select(_r.id).where(*_OF_PROJECT, _r.number == sa.bindparam("number"))

_MICROSECOND = datetime.timedelta(microseconds=1)
_Rank = tuple[int, float, str] | None


class _Candidate(NamedTuple):
    id: str
    number: int
    rank: _Rank


def row_of(unit: Unit, run_id: str) -> Row:
    """The row of a run.

    Raises:
        NotFound: There is none.
    """
    row = unit.rows.one(run_schema.runs, id=run_id)
    if row is None:
        raise _missing(run_id)
    return row


def one(unit: Unit, run_id: str) -> Run:
    """One run.

    Raises:
        NotFound: There is none.
    """
    rows = unit.rows.tuples(_ONE, id=run_id)
    if not rows:
        raise _missing(run_id)
    return run_views.runs(unit, rows)[0]


def some(unit: Unit, run_ids: Sequence[str]) -> tuple[Run, ...]:
    """Runs by their ids, at most 500 of them, in any order; those that are not there are left out."""
    return run_views.runs(unit, unit.rows.tuples(_SOME, ids=list(run_ids)))


def _missing(run_id: str) -> NotFound:
    return NotFound(f"There is no run {run_id!r}.", hint="`autoresearch runs ls` shows them.")


def listed(unit: Unit, query: RunQuery, *, limit: int, cursor: str | None) -> Page[Run]:
    """A page of the runs that a query asks for."""
    conditions = [matching.parse(text) for text in query.where]
    if not query.order:
        raise Invalid("There is no order without a name.", hint="Order by number, name, started or a metric.")
    unit.project(query.project)
    most = cursors.bounded(limit)
    if query.order == "number" and not conditions and not query.tags:
        return _by_number(unit, query, most, cursors.whole(cursor))
    candidates = _sorted(_candidates(unit, query, conditions), descending=query.descending)
    if cursor is not None:
        last = _read(cursor)
        candidates = [each for each in candidates if _behind(each, last, descending=query.descending)]
    shown = candidates[:most]
    rows = {row[0]: row for part in _parts(shown) for row in unit.rows.tuples(_SOME, ids=part)}
    following = _written(shown[-1]) if len(candidates) > most else None
    found = run_views.runs(unit, [rows[each.id] for each in shown])
    return Page[Run].model_construct(items=found, next_cursor=following)


def _parts(candidates: Sequence[_Candidate]) -> list[list[str]]:
    ids = [each.id for each in candidates]
    return [ids[start : start + 500] for start in range(0, len(ids), 500)]


def _where(query: RunQuery) -> dict[str, str]:
    given = {"state": query.state, "group": query.group, "experiment_id": query.experiment_id}
    given["folder_id"] = query.folder_id
    return {name: value for name, value in given.items() if value is not None}


def _of(query: RunQuery, statement: sa.Select[Any]) -> tuple[sa.Select[Any], dict[str, Any]]:
    where = _where(query)
    matches = [_r[name] == sa.bindparam(f"w_{name}") for name in where]
    values = {f"w_{name}": value for name, value in where.items()}
    return statement.where(*_OF_PROJECT, *matches), {"project": query.project, **values}


def _by_number(unit: Unit, query: RunQuery, limit: int, after: int | None) -> Page[Run]:
    statement, values = _of(query, _PLAIN)
    if after is not None:
        statement = statement.where(_r.number < after if query.descending else _r.number > after)
    order = _r.number.desc() if query.descending else _r.number
    rows = unit.rows.tuples(statement.order_by(order).limit(limit + 1), **values)
    following = str(rows[limit - 1].number) if len(rows) > limit else None
    return Page[Run].model_construct(items=run_views.runs(unit, rows[:limit]), next_cursor=following)


def in_folder(unit: Unit, folder_id: str | None, *, limit: int, cursor: str | None) -> Page[Run]:
    """A page of the runs that lie immediately in a folder or at the root, of all projects, the newest first."""
    most, after = cursors.bounded(limit), cursors.whole(cursor)
    place = _r.folder_id.is_(None) if folder_id is None else _r.folder_id == sa.bindparam("folder")
    statement = _PLAIN.where(*_MINE, place)
    if after is not None:
        statement = statement.where(_r.seq < sa.bindparam("after", type_=sa.BigInteger))
    values = {"folder": folder_id, "after": after}
    given = {name: value for name, value in values.items() if value is not None}
    rows = unit.rows.tuples(statement.order_by(_r.seq.desc()).limit(most + 1), **given)
    following = str(row_of(unit, rows[most - 1].id)["seq"]) if len(rows) > most else None
    return Page[Run].model_construct(items=run_views.runs(unit, rows[:most]), next_cursor=following)


def _candidates(unit: Unit, query: RunQuery, conditions: Sequence[matching.Condition]) -> list[_Candidate]:
    """Every run for which all conditions hold, with its place in the order."""
    order = matching.place(query.order)
    places = [order, *(condition.place for condition in conditions)]
    documents = [name for name in ("config", "summary") if any(place.source == name for place in places)]
    if query.tags or matching.Place("field", "tags") in places:
        documents.append("tags")
    columns = [run_views.PLAIN[name] for name in (*_LIGHT, *documents)]
    statement, given = _of(query, sa.select(*columns))
    rows = unit.rows.run(statement, **given)
    read = run_views.decoded([row[name] for row in rows for name in documents])
    metrics = _metrics(
        unit, [row["id"] for row in rows], [place for place in places if place.source == "metric"]
    )
    running = [row["id"] for row in rows if row["state"] == "running"]
    signs = run_views.heard(unit, running) if matching.Place("field", "seconds") in places else {}
    found, width = [], len(documents)
    for index, row in enumerate(rows):
        parts = dict(zip(documents, read[index * width : index * width + width], strict=True))
        values = _Values(row, parts, metrics.get(row["id"], {}), signs.get(row["id"]))
        tagged = set(query.tags) <= set(parts.get("tags", ()))
        if tagged and all(each.holds(values.at(each.place)) for each in conditions):
            found.append(_Candidate(row["id"], row["number"], matching.rank(values.at(order))))
    return found


def _metrics(
    unit: Unit, ids: Sequence[str], places: Sequence[matching.Place]
) -> Mapping[str, Mapping[str, float | None]]:
    if not places:
        return {}
    wanted = {place.name for place in places}
    names = wanted | {name.partition("{")[0] for name in wanted if name.endswith("}")}
    return run_views.latest(unit, ids, sorted(names))


class _Values(NamedTuple):
    """What conditions and orders look at."""

    row: Row
    documents: Mapping[str, Any]
    metrics: Mapping[str, float | None]
    sign: datetime.datetime | None

    def at(self, place: matching.Place) -> Any:
        """The value at a place; None when there is none."""
        if place.source == "metric":
            return self.metrics.get(place.name)
        if place.source != "field":
            return matching.look_up(self.documents[place.source], place.name)
        if place.name == "tags":
            return self.documents["tags"]
        if place.name == "started":
            return self.row["started_at"] / 1e6
        if place.name == "seconds":
            sign = (self.sign - run_views.EPOCH) // _MICROSECOND if self.sign else 0
            end = self.row["ended_at"] or max(self.row["heartbeat_at"], sign)
            return (end - self.row["started_at"]) / 1e6
        return self.row[place.name]


def _sorted(candidates: Sequence[_Candidate], *, descending: bool) -> list[_Candidate]:
    """In order of rank, then number; those without a rank come last either way."""
    present = [each for each in candidates if each.rank is not None]
    missing = [each for each in candidates if each.rank is None]
    present.sort(key=lambda each: (each.rank or (0, 0.0, ""), each.number), reverse=descending)
    missing.sort(key=lambda each: each.number, reverse=descending)
    return present + missing


def _behind(each: _Candidate, last: _Candidate, *, descending: bool) -> bool:
    if each.rank is None or last.rank is None:
        if (each.rank is None) != (last.rank is None):
            return each.rank is None
        return each.number < last.number if descending else each.number > last.number
    mine, theirs = (each.rank, each.number), (last.rank, last.number)
    return mine < theirs if descending else mine > theirs


def _written(last: _Candidate) -> str:
    return base64.urlsafe_b64encode(json.dumps([last.number, last.rank]).encode()).decode()


def _read(cursor: str) -> _Candidate:
    try:
        number, rank = json.loads(base64.urlsafe_b64decode(cursor))
        kind, value, text = rank or (0, 0.0, "")
        return _Candidate("", int(number), (int(kind), float(value), str(text)) if rank else None)
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error):
        raise Invalid(
            f"{cursor[:40]!r} is not a cursor.", hint="Pass next_cursor of the page before."
        ) from None


def find(unit: Unit, project: str, text: str) -> Run:
    """The run meant by a number, a word, a name, an id, or part of one."""
    unit.project(project)
    wanted = text.strip()
    digits = wanted.removeprefix("#")
    ids: list[str] = []
    if digits.isascii() and digits.isdigit() and len(digits) <= 15:
        ids = _ids(unit, _BY_NUMBER, project=project, number=int(digits))
    ids = ids or _ids(unit, _BY_NAME, project=project, name=wanted)
    if not ids and wanted.lower() in {"last", "latest"}:
        ids = _ids(unit, _LAST.limit(1), project=project)
    if not ids and _ID_PART.match(wanted.lower()):
        ids = _ids(unit, _BY_PART, project=project, part=wanted.lower(), length=len(wanted))
    if not ids:
        raise NotFound(
            f"No run of project {project!r} fits {text!r}.",
            hint="Give a number such as 12, last, a name or an id; `autoresearch runs ls` shows them.",
        )
    if len(ids) > 1:
        raise Conflict(f"{text!r} fits {len(ids)} runs.", hint="Give the number, or more of the id.")
    return one(unit, ids[0])


def _ids(unit: Unit, statement: sa.Select[Any], **values: Any) -> list[str]:
    return [row["id"] for row in unit.rows.run(statement, **values)]
