"""Annotations: what people and programs note about a run at a moment of its life."""

from __future__ import annotations

import math

import sqlalchemy as sa

from autoresearch.errors import Invalid
from autoresearch.ledger.local import cursors
from autoresearch.ledger.local.run_listing import row_of
from autoresearch.ledger.local.unit import Unit
from autoresearch.records.base import Page
from autoresearch.records.experiment import Actor
from autoresearch.records.folder import Annotation, AnnotationRequest
from autoresearch.research.keys import content_key
from autoresearch.store import run_schema
from autoresearch.store.rows import Row

__all__ = ["add", "listed"]

_MOST_MICROS = 2**62

_a = run_schema.run_annotations.c


def add(unit: Unit, request: AnnotationRequest) -> Annotation:
    """Note something about a run; what the same request noted is left as it is."""
    content = content_key(request.model_dump(mode="json"))
    seen = unit.repeated(run_schema.run_annotations, request.id, content, "annotation")
    if seen is not None:
        return _annotation(seen)
    project = row_of(unit, request.run_id)["project"]
    after = {"id": request.id, "text": request.text[:500]}
    seq = unit.event("run.annotated", request.run_id, project=project, after=after)
    values = {**request.model_dump(), "at": request.at or unit.now}
    unit.rows.insert(
        run_schema.run_annotations,
        **values,
        seq=seq,
        actor=unit.actor.model_dump(),
        content=content,
        recorded_at=unit.now,
    )
    return _annotation(unit.rows.must(run_schema.run_annotations, id=request.id))


def _annotation(row: Row) -> Annotation:
    values = {name: row[name] for name in Annotation.model_fields}
    return Annotation(**{**values, "actor": Actor(**row["actor"])})


def _micros(name: str, seconds: float) -> int:
    if not math.isfinite(seconds):
        raise Invalid(f"{name} was {seconds!r}.", hint="Give seconds since 1970 UTC.")
    return max(-_MOST_MICROS, min(round(seconds * 1e6), _MOST_MICROS))


def listed(
    unit: Unit, run_id: str, *, since: float | None, until: float | None, limit: int, cursor: str | None
) -> Page[Annotation]:
    """A page of the annotations of a run, in the order in which they were made."""
    row_of(unit, run_id)
    after, most = cursors.whole(cursor), cursors.bounded(limit)
    statement = sa.select(run_schema.run_annotations).where(
        _a.organization == sa.bindparam("organization"),
        _a.run_id == sa.bindparam("run_id"),
        _a.seq > sa.bindparam("after", type_=sa.BigInteger),
    )
    micros = sa.type_coerce(_a.at, sa.BigInteger)
    bounds = {}
    if since is not None:
        statement = statement.where(micros >= sa.bindparam("since", type_=sa.BigInteger))
        bounds["since"] = _micros("since", since)
    if until is not None:
        statement = statement.where(micros <= sa.bindparam("until", type_=sa.BigInteger))
        bounds["until"] = _micros("until", until)
    rows = unit.rows.run(
        statement.order_by(_a.seq).limit(most + 1), run_id=run_id, after=after or 0, **bounds
    )
    following = str(rows[most - 1]["seq"]) if len(rows) > most else None
    return Page[Annotation](items=tuple(map(_annotation, rows[:most])), next_cursor=following)
