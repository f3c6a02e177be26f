"""Recording what was tried, and finding it again."""

from __future__ import annotations

import re

import sqlalchemy as sa

from autoresearch.errors import Conflict, Invalid, NotFound
from autoresearch.ledger.local import cursors, frontiers, goals, tries, views
from autoresearch.ledger.local.unit import Unit
from autoresearch.records.artifact import version_number
from autoresearch.records.base import Page
from autoresearch.records.experiment import Experiment, ExperimentRequest, State
from autoresearch.research import changes, states
from autoresearch.research.keys import content_key
from autoresearch.store import schema
from autoresearch.store.rows import Row

__all__ = ["find", "listed", "record", "set_tree"]

_x = schema.experiments.c
_ID_PART = re.compile(r"[0-9a-f-]{4,36}\Z")
_BY_ID_PART = (
    sa.select(schema.experiments)
    .where(
        _x.organization == sa.bindparam("organization"),
        _x.project == sa.bindparam("project"),
        sa.or_(
            sa.func.substr(_x.id, 1, sa.bindparam("length")) == sa.bindparam("part"),
            sa.func.substr(_x.id, 37 - sa.bindparam("length", type_=sa.Integer)) == sa.bindparam("part"),
        ),
    )
    .order_by(_x.number)
    .limit(3)
)


def record(unit: Unit, request: ExperimentRequest) -> tuple[Row, bool]:
    """Record one experiment; answers its row and whether it is new."""
    # Two captures of one moment differ in nothing but the clock.
    content = content_key(request.model_dump(mode="json", exclude={"occurred_at"}))
    seen = unit.repeated(schema.experiments, request.id, content, "experiment")
    if seen is not None:
        return seen, False
    session = goals.session_row(unit, request.session_id)
    if session["project"] != request.project:
        raise Invalid(
            f"Session {session['tag']!r} belongs to project {session['project']!r}, not {request.project!r}.",
            hint="Open a session in this project.",
        )
    states.require_open(session["state"], tag=session["tag"])
    project = unit.rows.add(schema.projects, {"name": request.project}, experiments=1)
    number, segment = (project["experiments"], _segment(request, project["segment"])) if project else (1, 1)
    unit.rows.add(schema.segments, {"project": request.project, "number": segment}, recorded=1)
    parent = _parent(unit, request, segment)
    used = [_used(unit, text) for text in request.uses]
    seq = unit.event(
        "experiment.recorded",
        request.id,
        project=request.project,
        after={"number": number, "note": request.note[:500]},
    )
    _insert(unit, request, number=number, segment=segment, seq=seq, parent=parent, content=content)
    keys = {"experiment_id": request.id}
    unit.rows.insert_all(
        schema.uses, ({**keys, "artifact": name, "number": n} for name, n in dict(used).items())
    )
    tries.remember(unit, request, number=number, segment=segment)
    return unit.experiment(request.id), True


def set_tree(unit: Unit, experiment_id: str, tree: str) -> Row:
    """Give an experiment the snapshot that it was recorded without."""
    row = unit.experiment(experiment_id)
    if row["tree"] == tree:
        return row
    if row["tree"] is not None:
        raise Conflict(
            f"Experiment {row['number']} has another snapshot.",
            hint="What ran is not changed afterwards; record another experiment.",
            details={"tree": row["tree"]},
        )
    unit.event("experiment.tree", experiment_id, project=row["project"], after={"tree": tree})
    unit.rows.update(schema.experiments, {"id": experiment_id}, tree=tree)
    return unit.experiment(experiment_id)


def _insert(
    unit: Unit,
    request: ExperimentRequest,
    *,
    number: int,
    segment: int,
    seq: int,
    parent: str | None,
    content: str,
) -> None:
    given = request.model_dump(exclude={"uses", "change", "parent_id", "segment"})
    unit.rows.insert(
        schema.experiments,
        **given,
        parent_id=parent,
        number=number,
        segment=segment,
        seq=seq,
        change_key=changes.change_key(request.change) or None,
        actor=unit.actor.model_dump(),
        content=content,
        recorded_at=unit.now,
        state="recorded",
        decision_id=None,
        position=None,
        eligible=False,
        score=None,
        metrics={},
        reason="",
        gain=None,
        seconds=None,
        log_tail="",
        decided_by=None,
    )


def _segment(request: ExperimentRequest, present: int) -> int:
    if request.segment is None:
        return present
    if not 1 <= request.segment <= present:
        raise NotFound(
            f"Project {request.project!r} has no segment {request.segment}.",
            hint=f"Its segments are 1 to {present}.",
        )
    return request.segment


def _parent(unit: Unit, request: ExperimentRequest, segment: int) -> str | None:
    if request.parent_id is None:
        best = frontiers.best_before(unit, request.project, segment, 2**62)
        return str(best["experiment_id"]) if best else None
    parent = unit.experiment(request.parent_id)
    if parent["project"] != request.project:
        raise NotFound(
            f"The parent {request.parent_id!r} is not an experiment of project {request.project!r}.",
            hint="Give an experiment of the same project.",
        )
    return str(parent["id"])


def _used(unit: Unit, text: str) -> tuple[str, int]:
    name, _, version = text.partition(":")
    number = version_number(version)
    row = unit.rows.one(schema.versions, artifact=name, number=number) if number else None
    if row is None:
        raise NotFound(
            f"There is no artifact version {text!r}.", hint="Name it with its number, such as 'char-lm:v3'."
        )
    return name, int(row["number"])


def listed(
    unit: Unit,
    project: str,
    *,
    session_id: str | None,
    state: State | None,
    newest_first: bool,
    limit: int,
    cursor: str | None,
) -> Page[Experiment]:
    """A page of experiments in order of number."""
    unit.project(project)
    where = {"session_id": session_id, "state": state}
    rows = unit.rows.list(
        schema.experiments,
        order="number",
        descending=newest_first,
        after=cursors.whole(cursor),
        limit=cursors.bounded(limit) + 1,
        project=project,
        **{name: value for name, value in where.items() if value is not None},
    )
    shown = rows[:limit]
    following = str(shown[-1]["number"]) if len(rows) > limit else None
    return Page[Experiment](items=views.experiments(unit, shown), next_cursor=following)


def find(unit: Unit, project: str, text: str) -> Row:
    """The experiment meant by a number, a word, an id, or part of one."""
    unit.project(project)
    wanted = text.strip().lower()
    digits = wanted.removeprefix("#")
    if digits.isascii() and digits.isdigit() and len(digits) <= 15:
        row = unit.rows.one(schema.experiments, project=project, number=int(digits))
        if row is not None:
            return row
    rows: list[Row] = []
    if wanted in {"best", "incumbent"}:
        best = frontiers.best_before(unit, project, unit.project(project)["segment"], 2**62)
        rows = [unit.experiment(best["experiment_id"])] if best else []
    elif wanted in {"last", "latest"}:
        rows = list(
            unit.rows.list(schema.experiments, order="number", descending=True, limit=1, project=project)
        )
    elif _ID_PART.match(wanted):
        rows = list(unit.rows.run(_BY_ID_PART, project=project, part=wanted, length=len(wanted)))
    if not rows:
        raise NotFound(
            f"No experiment of project {project!r} fits {text!r}.",
            hint="Give a number such as 12, best, last, or an id; `autoresearch experiment list` shows them.",
        )
    if len(rows) > 1:
        raise Conflict(f"{text!r} fits several experiments.", hint="Give the number, or more of the id.")
    return rows[0]
