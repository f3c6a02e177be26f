"""The facts of the brief, read in a bounded number of bounded queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from autoresearch.briefs import facts as f
from autoresearch.ledger.local import frontiers, tries, views
from autoresearch.ledger.local.unit import Unit
from autoresearch.ledger.local.winners import WINNER
from autoresearch.records.goal import Goal
from autoresearch.store import schema
from autoresearch.store.rows import Row

__all__ = ["facts"]

_FIRST_STEPS, _LAST_STEPS = 10, 40
_GROUPS, _REMARKS, _CRASHES = 30, 20, 5


def _where(table: sa.Table, *names: str) -> list[sa.ColumnElement[bool]]:
    return [table.c[name] == sa.bindparam(name) for name in ("organization", "project", *names)]


_f, _x, _a, _n = schema.frontier.c, schema.experiments.c, schema.attempts.c, schema.notes.c

_STEP = sa.select(_f.number, _f.score, _f.gain, _f.experiment_id, _f.position, _x.note).join(
    schema.experiments, (_x.organization == _f.organization) & (_x.id == _f.experiment_id)
)
_FIRST = _STEP.where(*_where(schema.frontier, "segment")).order_by(_f.position).limit(_FIRST_STEPS)
_LAST = _STEP.where(*_where(schema.frontier, "segment")).order_by(_f.position.desc()).limit(_LAST_STEPS)
_HOW_MANY_STEPS = sa.select(sa.func.count().label("n")).where(*_where(schema.frontier, "segment"))
_TRIED = (
    sa.select(schema.attempts)
    .where(*_where(schema.attempts, "segment"), _a.failures > 0)
    .order_by(_a.failures.desc(), _a.last_number.desc())
    .limit(_GROUPS)
)
_HOW_MANY_TRIED = sa.select(sa.func.count().label("n")).where(
    *_where(schema.attempts, "segment"), _a.failures > 0
)
_HOW_MANY_NOTES = sa.select(sa.func.count().label("n")).where(*_where(schema.notes))
_RECENT = (
    sa.select(_x.id, _x.number, _x.state, _x.score, _x.gain, _x.reason, _x.note)
    .where(*_where(schema.experiments, "segment"))
    .order_by(_x.number.desc())
    .limit(sa.bindparam("most"))
)
_CRASHED = (
    sa.select(_x.number, _x.note, _x.reason, _x.log_tail)
    .where(*_where(schema.experiments, "segment"), _x.state == "crashed")
    .order_by(_x.number.desc())
    .limit(sa.bindparam("most"))
)
_WINNER = (
    sa.select(schema.producers.c.artifact, schema.producers.c.number)
    .join(
        schema.refs,
        (schema.refs.c.organization == schema.producers.c.organization)
        & (schema.refs.c.artifact == schema.producers.c.artifact)
        & (schema.refs.c.number == schema.producers.c.number),
    )
    .where(
        schema.producers.c.organization == sa.bindparam("organization"),
        schema.producers.c.experiment_id == sa.bindparam("experiment_id"),
        schema.refs.c.name == WINNER,
    )
    .order_by(schema.producers.c.artifact)
    .limit(1)
)


def facts(unit: Unit, project: str, *, limit: int) -> f.Facts:
    """Where a project stands, in bounded lists."""
    row = unit.project(project)
    where = {"project": project, "segment": row["segment"]}
    segment = unit.rows.must(schema.segments, project=project, number=row["segment"])
    goal = views.goal(segment["goal"])
    session = unit.rows.one(schema.sessions, id=row["active_session"]) if row["active_session"] else None
    steps = _steps(unit, where)
    counts = f.Counts(
        kept=segment["kept"],
        dropped=segment["dropped"],
        crashed=segment["crashed"],
        waiting=segment["recorded"] - segment["kept"] - segment["dropped"] - segment["crashed"],
    )
    noise = frontiers.noise(unit, goal) if goal else None
    return f.Facts(
        project=project,
        goal=_goal(goal),
        session=session["tag"] if session else None,
        segment=f.SegmentFacts(number=row["segment"], reason=segment["reason"]),
        noise=f.NoiseFacts(sd=noise.sd, n=noise.n, source=noise.source) if noise else None,
        baseline=_baseline(unit, steps),
        incumbent=_incumbent(unit, steps, row),
        frontier=tuple(
            f.StepFacts(number=s["number"], score=s["score"], gain=s["gain"], note=s["note"]) for s in steps
        ),
        tried=_tried(unit, where),
        remarks=_remarks(unit, project),
        recent=_recent(unit, where, steps, limit),
        crashes=_crashes(unit, where, min(limit, _CRASHES)),
        counts=counts,
        totals=f.Totals(
            frontier=_count(unit, _HOW_MANY_STEPS, where),
            tried=_count(unit, _HOW_MANY_TRIED, where),
            recent=segment["recorded"],
            crashes=segment["crashed"],
            remarks=_count(unit, _HOW_MANY_NOTES, {"project": project}),
        ),
        left=_left(goal, segment),
    )


def _count(unit: Unit, statement: sa.Executable, where: Mapping[str, Any]) -> int:
    return int(unit.rows.run(statement, **where)[0]["n"])


def _goal(goal: Goal | None) -> f.GoalFacts | None:
    if goal is None:
        return None
    return f.GoalFacts(
        metric=goal.metric,
        direction=goal.direction,
        target=goal.target,
        min_delta=goal.min_delta,
        constraints=tuple(map(str, goal.constraints)),
        protected=goal.protected,
        description=goal.description,
        max_experiments=goal.budget.max_experiments,
        max_seconds=goal.budget.max_seconds,
        trial_seconds=goal.budget.trial_seconds,
    )


def _steps(unit: Unit, where: Mapping[str, Any]) -> list[Row]:
    last = list(reversed(unit.rows.run(_LAST, **where)))
    if len(last) < _LAST_STEPS:
        return last
    first = unit.rows.run(_FIRST, **where)
    return [step for step in first if step["position"] < last[0]["position"]] + last


def _measurements(unit: Unit, experiment_id: str) -> int:
    row = unit.experiment(experiment_id)
    decision = unit.rows.one(schema.decisions, id=row["decision_id"]) if row["decision_id"] else None
    return max(1, len(decision["samples"])) if decision else 1


def _baseline(unit: Unit, steps: Sequence[Row]) -> f.BaselineFacts | None:
    if not steps:
        return None
    first = steps[0]
    n = _measurements(unit, first["experiment_id"])
    return f.BaselineFacts(number=first["number"], score=first["score"], n=n)


def _incumbent(unit: Unit, steps: Sequence[Row], project: Row) -> f.IncumbentFacts | None:
    if not steps:
        return None
    best = steps[-1]
    row = unit.experiment(best["experiment_id"])
    made = unit.rows.run(_WINNER, experiment_id=row["id"])
    edits = [
        f"{edit['subject']} {edit['before']} -> {edit['after']}".strip()
        for edit in tries.edits_of(unit, row["id"])
    ]
    return f.IncumbentFacts(
        number=row["number"],
        id=row["id"],
        score=best["score"],
        note=row["note"],
        commit=row["commit"],
        age=project["experiments"] - row["number"],
        artifact=f"{made[0]['artifact']}:v{made[0]['number']}" if made else None,
        edits=tuple(edits),
        n=_measurements(unit, row["id"]),
    )


def _tried(unit: Unit, where: Mapping[str, Any]) -> tuple[f.TriedFacts, ...]:
    rows = sorted(unit.rows.run(_TRIED, **where), key=lambda row: (row["last_number"], row["subject"]))
    return tuple(
        f.TriedFacts(
            subject=row["subject"],
            attempts=row["kept"] + row["dropped"] + row["crashed"],
            dropped=row["dropped"],
            crashed=row["crashed"],
            kept=row["kept"],
            values=tuple(
                f.TriedValue(value=value["value"], state=value["state"], gain=value["gain"])
                for value in row["recent"]
            ),
            best_gain=row["best_gain"],
            last_number=row["last_number"],
        )
        for row in rows
    )


def _remarks(unit: Unit, project: str) -> tuple[f.RemarkFacts, ...]:
    rows = unit.rows.list(schema.notes, order="seq", descending=True, limit=_REMARKS, project=project)
    return tuple(
        f.RemarkFacts(author=row["actor"]["name"], text=row["text"], number=row["experiment_number"])
        for row in reversed(rows)
    )


def _recent(
    unit: Unit, where: Mapping[str, Any], steps: Sequence[Row], limit: int
) -> tuple[f.AttemptFacts, ...]:
    on_frontier = {step["experiment_id"] for step in steps}
    rows = unit.rows.run(_RECENT, **where, most=limit)
    return tuple(
        f.AttemptFacts(
            **{name: row[name] for name in ("number", "state", "score", "gain", "reason", "note")},
            on_frontier=row["id"] in on_frontier,
        )
        for row in reversed(rows)
    )


def _crashes(unit: Unit, where: Mapping[str, Any], most: int) -> tuple[f.CrashFacts, ...]:
    rows = unit.rows.run(_CRASHED, **where, most=most)
    return tuple(f.CrashFacts(**row) for row in reversed(rows))


def _left(goal: Goal | None, segment: Row) -> f.BudgetLeft:
    if goal is None:
        return f.BudgetLeft()
    budget = goal.budget
    experiments = (
        None if budget.max_experiments is None else max(0, budget.max_experiments - segment["recorded"])
    )
    seconds = None if budget.max_seconds is None else max(0.0, budget.max_seconds - segment["seconds"])
    return f.BudgetLeft(experiments=experiments, seconds=seconds)
