"""``ledger.research`` over SQLite: each operation is one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from autoresearch.errors import Conflict
from autoresearch.ledger.base import Research
from autoresearch.ledger.local import cursors, experiments, frontiers, goals, verdicts, views
from autoresearch.records.base import Page
from autoresearch.records.experiment import (
    Decision,
    DecisionRequest,
    Experiment,
    ExperimentRequest,
    Session,
    SessionRequest,
    State,
)
from autoresearch.records.frontier import Frontier, Progress
from autoresearch.records.goal import Goal, GoalRequest, Project, ProjectRequest, Segment, SegmentRequest
from autoresearch.store import schema

if TYPE_CHECKING:
    from autoresearch.ledger.local.ledger import LocalLedger

__all__ = ["LocalResearch"]


class LocalResearch(Research):
    """See :class:`autoresearch.ledger.base.Research`."""

    def __init__(self, ledger: LocalLedger) -> None:
        self._ledger = ledger

    def set_goal(self, project: str, request: GoalRequest) -> Goal:
        # It may make the project, and the name did not come through a request.
        ProjectRequest.make(project=project)
        with self._ledger.write() as unit:
            return goals.set_goal(unit, project, request)

    def open_segment(self, request: SegmentRequest) -> Goal:
        with self._ledger.write() as unit:
            return goals.open_segment(unit, request)

    def segments(self, project: str) -> tuple[Segment, ...]:
        with self._ledger.read() as unit:
            unit.project(project)
            rows = unit.rows.list(schema.segments, order="number", project=project)
            return tuple(views.segment(row) for row in rows)

    def make_project(self, request: ProjectRequest) -> Project:
        with self._ledger.write() as unit:
            return views.project(unit, unit.project_or_new(request.project))

    def project(self, project: str) -> Project:
        with self._ledger.read() as unit:
            return views.project(unit, unit.project(project))

    def projects(self, *, limit: int = 100, cursor: str | None = None) -> Page[Project]:
        with self._ledger.read() as unit:
            rows = unit.rows.list(
                schema.projects, order="name", after=cursor, limit=cursors.bounded(limit) + 1
            )
            following = rows[limit - 1]["name"] if len(rows) > limit else None
            shown = tuple(views.project(unit, row) for row in rows[:limit])
            return Page[Project](items=shown, next_cursor=following)

    def open_session(self, request: SessionRequest) -> Session:
        with self._ledger.write() as unit:
            return goals.open_session(unit, request)

    def move_session(
        self, session_id: str, move: Literal["close", "reopen"], *, activate: bool = True
    ) -> Session:
        with self._ledger.write() as unit:
            return goals.move_session(unit, session_id, move, activate=activate)

    def session(self, session_id: str) -> Session:
        with self._ledger.read() as unit:
            return views.session(goals.session_row(unit, session_id))

    def sessions(self, project: str, *, limit: int = 100, cursor: str | None = None) -> Page[Session]:
        with self._ledger.read() as unit:
            unit.project(project)
            after = cursors.whole(cursor)
            rows = unit.rows.list(
                schema.sessions,
                order="number",
                after=after,
                limit=cursors.bounded(limit) + 1,
                project=project,
            )
            following = str(rows[limit - 1]["number"]) if len(rows) > limit else None
            return Page[Session](items=tuple(map(views.session, rows[:limit])), next_cursor=following)

    def record(self, request: ExperimentRequest) -> Experiment:
        self._ledger.require_tree(request.tree)
        with self._ledger.write() as unit:
            # Asked under the write lock, which the collector holds while it removes.
            self._ledger.require_objects(unit, request)
            row, _ = experiments.record(unit, request)
            return views.experiment(unit, row)

    def set_tree(self, experiment_id: str, tree: str) -> Experiment:
        self._ledger.require_tree(tree)
        with self._ledger.write() as unit:
            # Asked under the write lock, which the collector holds while it removes.
            self._ledger.require(unit, tree)
            return views.experiment(unit, experiments.set_tree(unit, experiment_id, tree))

    def record_judged(self, batch: Sequence[tuple[ExperimentRequest, DecisionRequest]]) -> int:
        new = 0
        for tree in {request.tree for request, _ in batch}:
            self._ledger.require_tree(tree)
        with self._ledger.write() as unit:
            for request, verdict in batch:
                self._ledger.require_objects(unit, request)
                if request.id != verdict.experiment_id:
                    raise Conflict(
                        f"The verdict {verdict.id} is on another experiment.", hint="Pair each with its own."
                    )
                _, made = experiments.record(unit, request)
                verdicts.decide(unit, verdict)
                new += made
        return new

    def decide(self, request: DecisionRequest) -> Decision:
        with self._ledger.write() as unit:
            return verdicts.decide(unit, request)

    def experiment(self, experiment_id: str) -> Experiment:
        with self._ledger.read() as unit:
            return views.experiment(unit, unit.experiment(experiment_id))

    def find(self, project: str, text: str) -> Experiment:
        with self._ledger.read() as unit:
            return views.experiment(unit, experiments.find(unit, project, text))

    def experiments(
        self,
        project: str,
        *,
        session_id: str | None = None,
        state: State | None = None,
        newest_first: bool = False,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Experiment]:
        with self._ledger.read() as unit:
            return experiments.listed(
                unit,
                project,
                session_id=session_id,
                state=state,
                newest_first=newest_first,
                limit=limit,
                cursor=cursor,
            )

    def decisions(self, experiment_id: str) -> tuple[Decision, ...]:
        with self._ledger.read() as unit:
            return verdicts.history(unit, experiment_id)

    def frontier(
        self, project: str, *, session_id: str | None = None, segment: int | None = None
    ) -> Frontier:
        with self._ledger.read() as unit:
            return frontiers.frontier(unit, project, session_id=session_id, segment=segment)

    def progress(
        self, project: str, *, session_id: str | None = None, segment: int | None = None
    ) -> Progress:
        with self._ledger.read() as unit:
            return frontiers.progress(unit, project, session_id=session_id, segment=segment)
