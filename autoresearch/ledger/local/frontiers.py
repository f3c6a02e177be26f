"""The stored staircase: read, extended by one step, or rebuilt from where history changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from autoresearch.errors import Conflict, NotFound
from autoresearch.ledger.local import views, winners
from autoresearch.ledger.local.unit import SYSTEM, Unit
from autoresearch.records.frontier import Attempt, Frontier, Noise, Progress, Step
from autoresearch.records.goal import Goal
from autoresearch.research import frontier as rules
from autoresearch.research import noise as noise_rules
from autoresearch.store import schema
from autoresearch.store.rows import Row

__all__ = ["append", "best_before", "frontier", "moved", "noise", "progress", "rebuild", "rejudge"]

_f, _x, _d = schema.frontier.c, schema.experiments.c, schema.decisions.c


def _in_segment(table: sa.Table) -> list[sa.ColumnElement[bool]]:
    return [table.c[name] == sa.bindparam(name) for name in ("organization", "project", "segment")]


_BEST_BEFORE = (
    sa.select(schema.frontier)
    .where(*_in_segment(schema.frontier), _f.position < sa.bindparam("position"))
    .order_by(_f.position.desc())
    .limit(1)
)
_CANDIDATES = (
    sa.select(_x.position, _x.id, _x.number, _x.score)
    .where(
        *_in_segment(schema.experiments), _x.eligible.is_(sa.true()), _x.position >= sa.bindparam("position")
    )
    .order_by(_x.position)
)
_STEPS_FROM = (
    sa.select(_f.project, _f.segment, _f.position, _f.experiment_id, _f.number, _f.score, _f.gain)
    .where(*_in_segment(schema.frontier), _f.position >= sa.bindparam("position"))
    .order_by(_f.position)
)
_DROP_STEP = sa.delete(schema.frontier).where(
    *_in_segment(schema.frontier), _f.position == sa.bindparam("position")
)
_REPEATED = sa.select(schema.repeats.c.n, schema.repeats.c.mean, schema.repeats.c.squares).where(
    *_in_segment(schema.repeats), schema.repeats.c.n > 1
)
_STEPS = (
    sa.select(_f.experiment_id, _f.number, _f.score, _f.gain, _x.note, _x.commit)
    .join(schema.experiments, (_x.organization == _f.organization) & (_x.id == _f.experiment_id))
    .where(*_in_segment(schema.frontier))
    .order_by(_f.position)
)
_JUDGED = (
    sa.select(_x.id, _x.metrics, _x.files, _x.score, _x.eligible)
    .where(*_in_segment(schema.experiments), _x.state == "kept")
    .order_by(_x.position)
)
_ATTEMPTS = (
    sa.select(_x.id, _x.number, _x.state, _x.score, _x.note, _x.position, _x.eligible, _x.session_id)
    .where(*_in_segment(schema.experiments))
    .order_by(_x.number)
)


def best_before(unit: Unit, project: str, segment: int, position: int) -> Row | None:
    """The frontier's step that stood before a position."""
    found = unit.rows.run(_BEST_BEFORE, project=project, segment=segment, position=position)
    return found[0] if found else None


def append(unit: Unit, row: Row, *, position: int, score: float, gain: float | None) -> None:
    """Add the step of an experiment that advanced the best."""
    unit.rows.insert(
        schema.frontier,
        project=row["project"],
        segment=row["segment"],
        position=position,
        experiment_id=row["id"],
        number=row["number"],
        score=score,
        gain=gain,
    )


def rebuild(unit: Unit, goal: Goal, position: int = 0) -> None:
    """Recompute the staircase from a position on; what stands before it cannot have changed."""
    where: dict[str, Any] = {"project": goal.project, "segment": goal.segment, "position": position}
    before = best_before(unit, **where)
    rows = unit.rows.run(_CANDIDATES, **where)
    candidates = [rules.Candidate(row["position"], row["id"], row["score"]) for row in rows]
    numbers = {row["id"]: row["number"] for row in rows}
    best = before["score"] if before else None
    steps: list[dict[str, Any]] = []
    for candidate in rules.staircase(candidates, goal, best):
        gain = None if best is None else rules.gain(candidate.score, best, goal)
        steps.append(
            {
                "project": goal.project,
                "segment": goal.segment,
                "position": candidate.position,
                "experiment_id": candidate.experiment_id,
                "number": numbers[candidate.experiment_id],
                "score": candidate.score,
                "gain": gain,
            }
        )
        best = candidate.score
    _replace(unit, [dict(row) for row in unit.rows.run(_STEPS_FROM, **where)], steps)


def _replace(unit: Unit, old: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]]) -> None:
    """Write the steps that changed; most of a long staircase stands as it was."""
    before = {step["position"]: step for step in old}
    after = {step["position"]: step for step in new}
    gone = [step for position, step in before.items() if after.get(position) != step]
    if gone:
        organization = unit.rows.organization
        keys = ({name: step[name] for name in ("project", "segment", "position")} for step in gone)
        unit.rows.connection.execute(_DROP_STEP, [{**key, "organization": organization} for key in keys])
    unit.rows.insert_all(
        schema.frontier, (step for position, step in after.items() if before.get(position) != step)
    )


def rejudge(unit: Unit, goal: Goal) -> None:
    """Apply changed constraints and ``min_delta`` to a segment that is there already."""
    where = {"project": goal.project, "segment": goal.segment}
    for row in unit.rows.run(_JUDGED, **where):
        eligible = row["score"] is not None and not rules.violations(row["metrics"], goal, row["files"])
        if eligible != row["eligible"]:
            unit.rows.update(schema.experiments, {"id": row["id"]}, eligible=eligible)
    moved(unit, goal, lambda: rebuild(unit, goal))


def moved(unit: Unit, goal: Goal, change: Callable[[], None]) -> None:
    """Make a change to the frontier; when its best becomes another, say so and let ``winner`` follow."""
    last = 2**62
    before = best_before(unit, goal.project, goal.segment, last)
    change()
    after = best_before(unit, goal.project, goal.segment, last)
    if _said(before) == _said(after):
        return
    unit.event(
        "frontier.moved",
        goal.project,
        project=goal.project,
        before=_said(before),
        after=_said(after),
        actor=SYSTEM,
    )
    winners.follow(unit, goal.project, goal.segment)


def _said(step: Row | None) -> dict[str, Any] | None:
    if step is None:
        return None
    return {"experiment_id": step["experiment_id"], "number": step["number"], "score": step["score"]}


def noise(unit: Unit, goal: Goal) -> Noise | None:
    """The given noise, else the one pooled over repeated measurements, else None."""
    if goal.noise is not None:
        return Noise(sd=goal.noise, n=0, source="goal")
    rows = unit.rows.run(_REPEATED, project=goal.project, segment=goal.segment)
    pooled = noise_rules.pooled_sd(noise_rules.Repeats(**row) for row in rows)
    return pooled and Noise(sd=pooled[0], n=pooled[1], source="repeats")


def _ruling_goal(unit: Unit, project: str, segment: int | None) -> Goal:
    row = unit.project(project)
    number = row["segment"] if segment is None else segment
    found = unit.rows.one(schema.segments, project=project, number=number)
    if found is None:
        raise NotFound(
            f"Project {project!r} has no segment {number}.", hint=f"Its segments are 1 to {row['segment']}."
        )
    goal = views.goal(found["goal"])
    if goal is None:
        raise Conflict(
            f"Project {project!r} has no goal yet.",
            hint="Set one: ar.goal(metric=…) or `autoresearch goal METRIC --min`.",
        )
    return goal


def frontier(unit: Unit, project: str, *, session_id: str | None, segment: int | None) -> Frontier:
    """The staircase of a segment, or of one session's experiments in the segment it came to last."""
    if session_id is not None and segment is None:
        last = unit.rows.list(
            schema.experiments,
            order="number",
            descending=True,
            limit=1,
            project=project,
            session_id=session_id,
        )
        segment = last[0]["segment"] if last else None
    goal = _ruling_goal(unit, project, segment)
    found = noise(unit, goal)
    if session_id is None:
        rows: Sequence[Mapping[str, Any]] = [
            dict(row) for row in unit.rows.run(_STEPS, project=project, segment=goal.segment)
        ]
    else:
        rows = list(_session_steps(unit, goal, session_id))
    steps = tuple(
        Step(
            **row,
            sigmas=row["gain"] / found.sd if found and found.sd > 0 and row["gain"] is not None else None,
        )
        for row in rows
    )
    return Frontier(
        project=project, goal=goal, segment=goal.segment, session_id=session_id, steps=steps, noise=found
    )


def _session_steps(unit: Unit, goal: Goal, session_id: str) -> Iterable[dict[str, Any]]:
    rows = unit.rows.list(schema.experiments, order="position", session_id=session_id, eligible=True)
    mine = {row["id"]: row for row in rows if row["segment"] == goal.segment}
    candidates = [rules.Candidate(row["position"], row["id"], row["score"]) for row in mine.values()]
    best: float | None = None
    for step in rules.staircase(candidates, goal):
        row = mine[step.experiment_id]
        gain = None if best is None else rules.gain(step.score, best, goal)
        best = step.score
        shared = {name: row[name] for name in ("number", "score", "note", "commit")}
        yield {**shared, "gain": gain, "experiment_id": row["id"]}


def progress(unit: Unit, project: str, *, session_id: str | None, segment: int | None) -> Progress:
    """Every experiment, in order of number, with the best among those judged so far."""
    staircase = frontier(unit, project, session_id=session_id, segment=segment)
    goal = staircase.goal
    steps = {step.experiment_id for step in staircase.steps}
    attempts = []
    best: float | None = None
    for row in unit.rows.run(_ATTEMPTS, project=project, segment=goal.segment):
        if session_id is not None and row["session_id"] != session_id:
            continue
        if row["id"] in steps and (best is None or rules.gain(row["score"], best, goal) > 0):
            best = row["score"]
        attempts.append(
            Attempt.model_construct(  # the values come from rows that were checked when written
                experiment_id=row["id"],
                number=row["number"],
                state=row["state"],
                score=row["score"],
                best=best,
                on_frontier=row["id"] in steps,
                note=row["note"],
            )
        )
    return Progress(
        project=project,
        goal=goal,
        segment=goal.segment,
        session_id=session_id,
        attempts=tuple(attempts),
        noise=staircase.noise,
    )
