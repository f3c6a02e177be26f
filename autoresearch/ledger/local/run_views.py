"""Rows as runs, a thousand of them in the time of a few statements.

Rows were checked before they were stored, so they are not checked again: JSON columns come as text and are decoded in one go,
and records are made without their gate.
"""

from __future__ import annotations

import datetime
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import pydantic_core
import sqlalchemy as sa

from autoresearch.errors import StoreCorrupt
from autoresearch.ledger.local.unit import Unit
from autoresearch.records.experiment import Actor, Diff
from autoresearch.records.run import Code, Definition, Media, Run
from autoresearch.store import run_schema, schema
from autoresearch.store.points_sql import Sql
from autoresearch.store.rows import Row

__all__ = ["EPOCH", "PLAIN", "Latest", "decoded", "heard", "latest", "media", "points_sql", "runs", "title"]

_r = run_schema.runs.c
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_DOCUMENTS = ("config", "summary", "definitions", "tags", "code", "environment", "actor")
_MOMENTS = ("started_at", "ended_at", "heartbeat_at")
_AS_IT_IS = (
    "id",
    "project",
    "number",
    "name",
    "state",
    "note",
    "group",
    "job_type",
    "experiment_id",
    "parent_id",
    "exit_code",
    "error",
)
PLAIN: Mapping[str, sa.ColumnElement[Any]] = {
    **{name: _r[name] for name in _AS_IT_IS},
    **{name: sa.cast(_r[name], sa.Text).label(name) for name in _DOCUMENTS},
    **{name: sa.type_coerce(_r[name], sa.BigInteger).label(name) for name in _MOMENTS},
}
"""Columns of runs as the driver has them: documents as text, times as microseconds."""

_NUMBERS = sa.select(schema.experiments.c.id, schema.experiments.c.number).where(
    schema.experiments.c.organization == sa.bindparam("organization"),
    schema.experiments.c.id.in_(sa.bindparam("ids", expanding=True)),
)
_FIELDS = set(Run.model_fields)


class Latest(NamedTuple):
    """What is known of one metric of a run."""

    name: str
    labels: str
    last: float | None
    least: float | None
    most: float | None
    points: int
    duplicates: int
    series: int


def points_sql(unit: Unit) -> Sql:
    """The unit's own connection and organization, for statements on the tables of points."""
    return Sql(unit.rows.connection.connection.dbapi_connection, unit.rows.organization)


def runs(unit: Unit, rows: Sequence[Row]) -> tuple[Run, ...]:
    """Runs, with what other tables say of them read once for all.

    Args:
        unit: The transaction.
        rows: Rows of the columns ``PLAIN``.
    """
    if not rows:
        return ()
    ids = [row["id"] for row in rows]
    documents = decoded([row[name] for row in rows for name in _DOCUMENTS])
    metrics = latest(unit, ids)
    numbers = _experiment_numbers(unit, rows)
    signs = heard(unit, rows)
    width = len(_DOCUMENTS)
    found = []
    for place, row in enumerate(rows):
        values = dict(zip(_DOCUMENTS, documents[place * width : place * width + width], strict=True))
        known = metrics.get(row["id"], ())
        values |= {name: row[name] for name in _AS_IT_IS}
        values |= {name: _moment(row[name]) for name in _MOMENTS}
        values["notices"] = tuple(values["environment"].pop("notices", ()))
        values["latest"] = {
            title(each.name, each.labels): each.last for each in known if not each.name.startswith("system/")
        }
        if values["definitions"]:
            values["summary"] = _summarized(unit, row["id"], values, known)
        values["experiment_number"] = numbers.get(row["experiment_id"])
        values["heartbeat_at"] = max(values["heartbeat_at"], signs.get(row["id"], EPOCH))
        found.append(_made(values))
    return tuple(found)


def decoded(texts: Iterable[str | None]) -> list[Any]:
    """Many small JSON texts, parsed as one.

    Raises:
        StoreCorrupt: One of them is no JSON.
    """
    whole = ",".join(["null" if text is None else text for text in texts])
    try:
        found: list[Any] = pydantic_core.from_json(f"[{whole}]")
    except ValueError as error:
        raise StoreCorrupt(f"A row of runs is damaged: {error}.", hint="Run `autoresearch fsck`.") from None
    return found


def latest(unit: Unit, ids: Sequence[str], names: Sequence[str] = ()) -> Mapping[str, list[Latest]]:
    """What is known of the metrics of some runs; of some metrics only when names are given."""
    named = f" AND name IN ({','.join('?' * len(names))})" if names else ""
    query = (
        "SELECT run_id, name, labels, last, min, max, points, duplicates, id FROM series"  # noqa: S608  only marks
        f" WHERE organization = ? AND kind = 'metric'{named} AND run_id IN ({{}})"
    )
    found: dict[str, list[Latest]] = defaultdict(list)
    for run_id, *values in points_sql(unit).listed(query, *names, among=ids):
        found[run_id].append(Latest(*values))
    return found


def title(name: str, labels: str) -> str:
    """The name with its labels, such as ``loss{split=train}``; labels as their JSON text."""
    if labels == "{}":
        return name
    said = ",".join(f"{key}={value}" for key, value in sorted(json.loads(labels).items()))
    return f"{name}{{{said}}}"


def media(row: Row) -> Media:
    """Something that was logged."""
    return Media(**{name: row[name] for name in Media.model_fields})


def _moment(microseconds: int | None) -> datetime.datetime | None:
    return None if microseconds is None else EPOCH + datetime.timedelta(microseconds=microseconds)


def _made(values: dict[str, Any]) -> Run:
    values["actor"] = Actor.model_construct(**values["actor"])
    values["tags"] = tuple(values["tags"])
    values["definitions"] = tuple(Definition.model_construct(**each) for each in values["definitions"])
    code = values["code"]
    if code is not None:
        diff = Diff.model_construct(**code["diff"]) if code["diff"] else None
        values["code"] = Code.model_construct(**{**code, "diff": diff})
    return Run.model_construct(_FIELDS.copy(), **values)


def _experiment_numbers(unit: Unit, rows: Sequence[Row]) -> Mapping[str | None, int]:
    ids = sorted({row["experiment_id"] for row in rows if row["experiment_id"] is not None})
    return {row["id"]: row["number"] for row in unit.rows.run(_NUMBERS, ids=ids)} if ids else {}


def heard(unit: Unit, rows: Sequence[Row]) -> Mapping[str, datetime.datetime]:
    """When those of some runs that are running gave their last sign of life."""
    ids = [row["id"] for row in rows if row["state"] == "running"]
    query = "SELECT run_id, max(updated_at) FROM writers WHERE organization = ? AND run_id IN ({}) GROUP BY run_id"
    return {
        run: EPOCH + datetime.timedelta(seconds=at) for run, at in points_sql(unit).listed(query, among=ids)
    }


def _summarized(
    unit: Unit, run_id: str, values: Mapping[str, Any], known: Sequence[Latest]
) -> dict[str, Any]:
    """What ``define_metric`` asked to keep of each metric; what the run itself said stands above it."""
    summary: dict[str, Any] = {}
    for definition in values["definitions"]:
        for metric in known:
            if definition["name"] == metric.name or fnmatchcase(metric.name, definition["name"]):
                value = _kept(unit, run_id, definition, metric)
                if definition["summary"] != "none" and value is not None:
                    summary[title(metric.name, metric.labels)] = value
    return {**summary, **values["summary"]}


def _kept(unit: Unit, run_id: str, definition: Mapping[str, Any], metric: Latest) -> float | None:
    kind = definition["summary"]
    if kind == "mean":
        return _mean(unit, run_id, metric)
    if kind == "best":
        kind = definition["goal"] or "min"
    return {"min": metric.least, "max": metric.most}.get(kind, metric.last)


def _mean(unit: Unit, run_id: str, metric: Latest) -> float | None:
    """From the summaries of chunks; None while points of the series are still in the live tail."""
    ((n, finite, total),) = points_sql(unit).rows(
        "SELECT coalesce(sum(n), 0), sum(n - nans - infinities), sum(mean * (n - nans - infinities)) FROM summaries"
        " WHERE organization = ? AND run_id = ? AND series = ?",
        run_id,
        metric.series,
    )
    return total / finite if finite and n == metric.points - metric.duplicates else None
