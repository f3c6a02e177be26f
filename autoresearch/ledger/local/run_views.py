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
from autoresearch.ledger.local.folder_tree import paths_of
from autoresearch.ledger.local.unit import Unit
from autoresearch.records.experiment import Actor, Diff
from autoresearch.records.run import Code, Definition, Media, Run
from autoresearch.store import run_schema, schema
from autoresearch.store.dialects import plain
from autoresearch.store.points_sql import Sql
from autoresearch.store.rows import Row

__all__ = ["EPOCH", "PLAIN", "decoded", "heard", "latest", "media", "points_sql", "runs", "title"]

_r = run_schema.runs.c
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_DOCUMENTS = ("config", "summary", "environment")
_ALIKE = ("tags", "definitions", "code", "actor")
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
    "folder_id",
    "exit_code",
    "error",
)
PLAIN: Mapping[str, sa.ColumnElement[Any]] = {
    **{name: _r[name] for name in _AS_IT_IS},
    **{name: sa.type_coerce(_r[name], sa.BigInteger).label(name) for name in _MOMENTS},
    **{name: sa.cast(_r[name], sa.Text).label(name) for name in (*_ALIKE, *_DOCUMENTS)},
}
"""Columns of runs as the driver has them: documents as text, times as microseconds."""

_NUMBERS = sa.select(schema.experiments.c.id, schema.experiments.c.number).where(
    schema.experiments.c.organization == sa.bindparam("organization"),
    schema.experiments.c.id.in_(sa.bindparam("ids", expanding=True)),
)
_NAMES = tuple(PLAIN)
_FIELDS = set(Run.model_fields)
_MICROSECOND = datetime.timedelta(microseconds=1)


class _Known(NamedTuple):
    """What is known of one metric of a run; ``labels`` is their JSON text."""

    name: str
    labels: str
    last: float | None
    least: float | None
    most: float | None
    points: int
    series: int


def points_sql(unit: Unit) -> Sql:
    """The unit's own connection and organization, for statements on the tables of points."""
    return Sql(plain(unit.rows.connection), unit.rows.organization)


def runs(unit: Unit, rows: Sequence[sa.Row[Any]]) -> tuple[Run, ...]:
    """Runs, with what other tables say of them read once for all.

    Args:
        unit: The transaction.
        rows: The columns ``PLAIN``, in their order.
    """
    if not rows:
        return ()
    plain = len(_NAMES) - len(_DOCUMENTS)
    documents = iter(decoded([text for row in rows for text in row[plain:]]))
    metrics = latest(unit, [row[0] for row in rows])
    alike = _Alike()
    found = []
    for row, config, summary, environment in zip(rows, documents, documents, documents, strict=True):
        values = dict(zip(_NAMES, row, strict=True))
        values["config"], values["summary"], values["environment"] = config, summary, environment
        for name in _MOMENTS:
            values[name] = None if values[name] is None else EPOCH + values[name] * _MICROSECOND
        for name in _ALIKE:
            values[name] = alike[name, values[name]]
        values["notices"] = tuple(environment.pop("notices", ()))
        values["latest"] = metrics.get(row[0], {})
        found.append(values)
    _complete(unit, found)
    return tuple(map(_made, found))


def _made(values: dict[str, Any]) -> Run:
    # As a pickled one is made: model_construct looks at each field of each run, which takes longer than reading them.
    run = Run.__new__(Run)
    state = {"__dict__": values, "__pydantic_fields_set__": _FIELDS.copy()}
    run.__setstate__({**state, "__pydantic_extra__": None, "__pydantic_private__": None})
    return run


class _Alike(dict[tuple[str, str | None], Any]):
    """Documents that are the same in many runs and cannot be changed: each text is decoded once."""

    def __missing__(self, key: tuple[str, str | None]) -> Any:
        name, text = key
        (value,) = decoded([text])
        if name == "tags":
            value = tuple(value)
        elif name == "actor":
            value = Actor.model_construct(**value)
        elif name == "definitions":
            value = tuple(Definition.model_construct(**each) for each in value)
        elif value is not None:
            diff = Diff.model_construct(**value["diff"]) if value["diff"] else None
            value = Code.model_construct(**{**value, "diff": diff})
        self[key] = value
        return value


def _complete(unit: Unit, found: Sequence[dict[str, Any]]) -> None:
    """What only some runs need: the experiment's number, signs of life, the summary of definitions."""
    linked = sorted({values["experiment_id"] for values in found if values["experiment_id"] is not None})
    numbers = {row["id"]: row["number"] for row in unit.rows.run(_NUMBERS, ids=linked)} if linked else {}
    signs = heard(unit, [values["id"] for values in found if values["state"] == "running"])
    paths = paths_of(unit, {values["folder_id"] for values in found})
    for values in found:
        values["folder"] = paths.get(values["folder_id"])
        values["experiment_number"] = numbers.get(values["experiment_id"])
        if values["id"] in signs:
            values["heartbeat_at"] = max(values["heartbeat_at"], signs[values["id"]])
        if values["definitions"]:
            values["summary"] = _summarized(unit, values["id"], values)


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


def latest(
    unit: Unit, ids: Sequence[str], names: Sequence[str] = ()
) -> Mapping[str, Mapping[str, float | None]]:
    """The last value of each metric of some runs, under its name with its labels.

    Those of the names that are given, else all but the machine's own below ``system/``.
    """
    named = f" AND name IN ({','.join('?' * len(names))})" if names else ""
    query = (
        "SELECT run_id, name, labels, last FROM series"  # noqa: S608  only marks
        f" WHERE organization = ? AND kind = 'metric'{named} AND run_id IN ({{}})"
    )
    found: dict[str, dict[str, float | None]] = defaultdict(dict)
    for run_id, name, labels, last in points_sql(unit).listed(query, *names, among=ids):
        if names or not name.startswith("system/"):
            found[run_id][name if labels == "{}" else title(name, labels)] = last
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


def heard(unit: Unit, ids: Sequence[str]) -> Mapping[str, datetime.datetime]:
    """When some runs gave their last sign of life."""
    query = "SELECT run_id, max(updated_at) FROM writers WHERE organization = ? AND run_id IN ({}) GROUP BY run_id"
    return {
        run: EPOCH + datetime.timedelta(seconds=at) for run, at in points_sql(unit).listed(query, among=ids)
    }


def _summarized(unit: Unit, run_id: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """What ``define_metric`` asked to keep of each metric; what the run itself said stands above it."""
    query = (
        "SELECT name, labels, last, min, max, points - duplicates, id FROM series"
        " WHERE organization = ? AND run_id = ? AND kind = 'metric'"
    )
    known = [_Known(*row) for row in points_sql(unit).rows(query, run_id)]
    summary: dict[str, Any] = {}
    for definition in values["definitions"]:
        for metric in known:
            if definition.name == metric.name or fnmatchcase(metric.name, definition.name):
                value = None if definition.summary == "none" else _kept(unit, run_id, definition, metric)
                if value is not None:
                    summary[title(metric.name, metric.labels)] = value
    return {**summary, **values["summary"]}


def _kept(unit: Unit, run_id: str, definition: Definition, metric: _Known) -> float | None:
    kind: str = definition.summary
    if kind == "mean":
        return _mean(unit, run_id, metric)
    if kind == "best":
        kind = definition.goal or "min"
    return {"min": metric.least, "max": metric.most}.get(kind, metric.last)


def _mean(unit: Unit, run_id: str, metric: _Known) -> float | None:
    """From the summaries of chunks; None while points of the series are still in the live tail."""
    ((n, finite, total),) = points_sql(unit).rows(
        "SELECT coalesce(sum(n), 0), sum(n - nans - infinities), sum(mean * (n - nans - infinities)) FROM summaries"
        " WHERE organization = ? AND run_id = ? AND series = ?",
        run_id,
        metric.series,
    )
    return total / finite if finite and n == metric.points else None
