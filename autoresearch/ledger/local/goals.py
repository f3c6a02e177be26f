"""Projects, goals and segments; sessions."""

from __future__ import annotations

from typing import Literal

from autoresearch.errors import Conflict, NotFound
from autoresearch.ledger.local import frontiers, views
from autoresearch.ledger.local.unit import Unit
from autoresearch.records.experiment import Session, SessionRequest
from autoresearch.records.goal import Goal, GoalRequest, SegmentRequest
from autoresearch.research import states
from autoresearch.research.keys import content_key
from autoresearch.store import schema
from autoresearch.store.rows import Row

__all__ = ["move_session", "open_segment", "open_session", "session_row", "set_goal"]


def set_goal(unit: Unit, project: str, request: GoalRequest) -> Goal:
    """Set the goal; a new metric or direction opens a segment, another change recomputes the frontier."""
    row = unit.project_or_new(project)
    segment = unit.rows.one(schema.segments, project=project, number=row["segment"])
    before = views.goal(segment["goal"] if segment else None)
    wanted = request.model_dump(mode="json")
    if before is not None and GoalRequest.model_dump(_as_request(before), mode="json") == wanted:
        return before
    number = row["segment"]
    incomparable = before is not None and (before.metric, before.direction) != (
        request.metric,
        request.direction,
    )
    if incomparable:
        number += 1
    revision = row["goal_revision"] + 1
    goal = Goal(**dict(request), project=project, revision=revision, segment=number, recorded_at=unit.now)
    stored = goal.model_dump(mode="json")
    if incomparable and before is not None:
        reason = f"the goal changed from {before.metric} ({before.direction}) to {request.metric} ({request.direction})"
        unit.open_segment(project, number, goal=stored, reason=reason)
    else:
        unit.rows.update(schema.segments, {"project": project, "number": number}, goal=stored)
    unit.rows.update(schema.projects, {"name": project}, segment=number, goal_revision=revision)
    unit.event(
        "goal.set",
        project,
        project=project,
        before=None if before is None else before.model_dump(mode="json"),
        after=stored,
    )
    if before is not None and not incomparable:
        frontiers.rejudge(unit, goal)
    return goal


def open_segment(unit: Unit, request: SegmentRequest) -> Goal:
    """Begin to compare anew under the same goal."""
    project, reason = request.project, request.reason
    row = unit.project(project)
    before = views.goal(unit.rows.must(schema.segments, project=project, number=row["segment"])["goal"])
    if before is None:
        raise Conflict(
            f"Project {project!r} has no goal, so nothing is compared yet.", hint="Set a goal first."
        )
    number, revision = row["segment"] + 1, row["goal_revision"] + 1
    goal = before.model_copy(update={"segment": number, "revision": revision, "recorded_at": unit.now})
    unit.open_segment(project, number, goal=goal.model_dump(mode="json"), reason=reason)
    unit.rows.update(schema.projects, {"name": project}, segment=number, goal_revision=revision)
    unit.event(
        "segment.opened",
        project,
        project=project,
        before={"segment": before.segment},
        after={"segment": number, "reason": reason},
    )
    return goal


def _as_request(goal: Goal) -> GoalRequest:
    return GoalRequest(**{name: getattr(goal, name) for name in GoalRequest.model_fields})


def open_session(unit: Unit, request: SessionRequest) -> Session:
    """Open a session and make it the active one."""
    content = content_key(request.model_dump(mode="json"))
    seen = unit.repeated(schema.sessions, request.id, content, "session")
    if seen is not None:
        return views.session(seen)
    unit.project_or_new(request.project)
    project = unit.rows.add(schema.projects, {"name": request.project}, sessions=1)
    number = project["sessions"] if project else 1
    if request.activate:
        unit.rows.update(schema.projects, {"name": request.project}, active_session=request.id)
    seq = unit.event(
        "session.opened",
        request.id,
        project=request.project,
        after={"tag": request.tag, "branch": request.branch, "number": number},
    )
    unit.rows.insert(
        schema.sessions,
        **request.model_dump(exclude={"activate"}),
        number=number,
        seq=seq,
        state="open",
        actor=unit.actor.model_dump(),
        content=content,
        recorded_at=unit.now,
    )
    return views.session(session_row(unit, request.id))


def move_session(unit: Unit, session_id: str, move: Literal["close", "reopen"], *, activate: bool) -> Session:
    """Close or reopen; closing the active session leaves none active, reopening makes it active."""
    row = session_row(unit, session_id)
    after = states.move_session(row["state"], move, tag=row["tag"])
    unit.rows.update(schema.sessions, {"id": session_id}, state=after)
    project = unit.project(row["project"])
    if after == "open" and activate:
        unit.rows.update(schema.projects, {"name": row["project"]}, active_session=session_id)
    elif project["active_session"] == session_id:
        unit.rows.update(schema.projects, {"name": row["project"]}, active_session=None)
    unit.event(
        f"session.{'closed' if after == 'closed' else 'reopened'}",
        session_id,
        project=row["project"],
        before={"state": row["state"]},
        after={"state": after},
    )
    return views.session(session_row(unit, session_id))


def session_row(unit: Unit, session_id: str) -> Row:
    """The session's row.

    Raises:
        NotFound: There is none.
    """
    row = unit.rows.one(schema.sessions, id=session_id)
    if row is None:
        raise NotFound(
            f"There is no session {session_id!r}.", hint="`autoresearch session list` shows the sessions."
        )
    return row
