"""What a dashboard shows first: every project in a few numbers, and the newest of one."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from autoresearch.ledger.local import cursors, frontiers, run_listing, views
from autoresearch.ledger.local.unit import Unit
from autoresearch.records.experiment import Experiment
from autoresearch.records.goal import Project
from autoresearch.records.overview import Bootstrap, ProjectCard
from autoresearch.records.run import RunQuery
from autoresearch.store import run_schema, schema
from autoresearch.store.rows import Row

__all__ = ["bootstrap"]

_p, _s, _f = schema.projects.c, schema.segments.c, schema.frontier.c
_e, _r = schema.events.c, run_schema.runs.c

_LAST_EVENT = (
    sa.select(sa.func.max(_e.seq))
    .where(_e.organization == _p.organization, _e.project == _p.name)
    .scalar_subquery()
)
_CARDS = (
    sa.select(schema.projects, _s.goal, _s.kept, _s.dropped, _s.crashed, _LAST_EVENT.label("last_seq"))
    .join(
        schema.segments,
        (_s.organization == _p.organization) & (_s.project == _p.name) & (_s.number == _p.segment),
    )
    .where(_p.organization == sa.bindparam("organization"))
    .order_by(sa.desc("last_seq"), _p.name)
)
_ENDS = (
    sa.select(_f.project, sa.func.max(_f.position).label("position"))
    .join(
        schema.projects,
        (_p.organization == _f.organization) & (_p.name == _f.project) & (_p.segment == _f.segment),
    )
    .where(
        _f.organization == sa.bindparam("organization"), _f.project.in_(sa.bindparam("names", expanding=True))
    )
    .group_by(_f.project)
    .subquery()
)
_BEST = (
    sa.select(_f.project, _f.number, _f.score)
    .join(_ENDS, (_ENDS.c.project == _f.project) & (_ENDS.c.position == _f.position))
    .join(
        schema.projects,
        (_p.organization == _f.organization) & (_p.name == _f.project) & (_p.segment == _f.segment),
    )
    .where(_f.organization == sa.bindparam("organization"))
)
_RUNS = (
    sa.select(
        _r.project,
        sa.func.count().label("runs"),
        sa.func.sum(sa.case((_r.state == "running", 1), else_=0)).label("running"),
    )
    .where(
        _r.organization == sa.bindparam("organization"), _r.project.in_(sa.bindparam("names", expanding=True))
    )
    .group_by(_r.project)
)
_LAST = sa.select(sa.func.max(_e.seq).label("seq")).where(_e.organization == sa.bindparam("organization"))


def bootstrap(unit: Unit, project: str | None, *, limit: int) -> Bootstrap:
    """Every project in a few numbers, at most ``limit`` of them, and as many of the newest things of one."""
    most = cursors.bounded(limit)
    rows = unit.rows.run(_CARDS.limit(most))
    shown = unit.project(project)["name"] if project is not None else rows[0]["name"] if rows else None
    row = None if shown is None else unit.project(shown)
    segment = row and unit.rows.must(schema.segments, project=row["name"], number=row["segment"])
    (last,) = unit.rows.run(_LAST)
    query = None if shown is None else RunQuery.make(project=shown)
    return Bootstrap.model_construct(
        projects=_cards(unit, rows),
        project=shown,
        frontier=frontiers.frontier(unit, segment["project"], session_id=None, segment=None)
        if segment and segment["goal"]
        else None,
        runs=run_listing.listed(unit, query, limit=most, cursor=None).items if query else (),
        experiments=_newest(unit, shown, most) if shown else (),
        seq=last["seq"] or 0,
    )


def _newest(unit: Unit, project: str, most: int) -> tuple[Experiment, ...]:
    rows = unit.rows.list(schema.experiments, order="number", descending=True, limit=most, project=project)
    return views.experiments(unit, rows)


def _cards(unit: Unit, rows: Sequence[Row]) -> tuple[ProjectCard, ...]:
    names = [row["name"] for row in rows]
    best = {row["project"]: row for row in unit.rows.run(_BEST, names=names)}
    runs = {row["project"]: row for row in unit.rows.run(_RUNS, names=names)}
    return tuple(_card(row, best.get(row["name"]), runs.get(row["name"])) for row in rows)


def _card(row: Row, best: Row | None, runs: Row | None) -> ProjectCard:
    project = Project(
        goal=views.goal(row["goal"]),
        created_at=row["recorded_at"],
        **{name: row[name] for name in ("name", "segment", "active_session", "experiments", "sessions")},
    )
    return ProjectCard(
        project=project,
        runs=runs["runs"] if runs else 0,
        running=runs["running"] if runs else 0,
        best=best["score"] if best else None,
        best_number=best["number"] if best else None,
        **{name: row[name] for name in ("kept", "dropped", "crashed")},
        last_seq=row["last_seq"] or 0,
    )
