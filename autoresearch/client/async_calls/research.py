"""Calls of the API; written by tools/client_source.py from the table of operations."""

from __future__ import annotations

from typing import Literal

from autoresearch.client.caller import AsyncCaller
from autoresearch.records.base import Page
from autoresearch.records.experiment import (
    Decision,
    DecisionRequest,
    Experiment,
    Note,
    NoteRequest,
    Session,
    SessionRequest,
)
from autoresearch.records.frontier import Event, Frontier, Match, Progress
from autoresearch.records.goal import Goal, GoalRequest, Project, ProjectRequest, Segment, SegmentRequest
from autoresearch.records.overview import Bootstrap

__all__ = ["AsyncResearchCalls"]


class AsyncResearchCalls(AsyncCaller):
    """One method for each row of this group; each raises what ``call`` does."""

    async def make_project(self, request: ProjectRequest) -> Project:
        """The project of this name, made when it is not there."""
        answer: Project = await self.call("make_project", {"request": request})
        return answer

    async def set_goal(self, project: str, request: GoalRequest) -> Goal:
        """Set or change a project's goal; another metric or direction opens a new segment."""
        answer: Goal = await self.call("set_goal", {"project": project, "request": request})
        return answer

    async def open_segment(self, request: SegmentRequest) -> Goal:
        """Begin to compare anew under the same goal."""
        answer: Goal = await self.call("open_segment", {"request": request})
        return answer

    async def list_segments(self, project: str) -> tuple[Segment, ...]:
        """The segments of a project, first to last: the goal that rules each, why it was opened, and its sums."""
        answer: tuple[Segment, ...] = await self.call("list_segments", {"project": project})
        return answer

    async def list_projects(self, *, limit: int = 100, cursor: str | None = None) -> Page[Project]:
        """Projects in order of name."""
        answer: Page[Project] = await self.call("list_projects", {"limit": limit, "cursor": cursor})
        return answer

    async def get_project(self, project: str) -> Project:
        """One project."""
        answer: Project = await self.call("get_project", {"project": project})
        return answer

    async def open_session(self, request: SessionRequest) -> Session:
        """Open a session; a project that is not there is made."""
        answer: Session = await self.call("open_session", {"request": request})
        return answer

    async def get_session(self, session_id: str) -> Session:
        """One session."""
        answer: Session = await self.call("get_session", {"session_id": session_id})
        return answer

    async def list_sessions(
        self, project: str, *, limit: int = 100, cursor: str | None = None
    ) -> Page[Session]:
        """Sessions of a project in order of number."""
        answer: Page[Session] = await self.call(
            "list_sessions", {"project": project, "limit": limit, "cursor": cursor}
        )
        return answer

    async def move_session(
        self, session_id: str, move: Literal["close", "reopen"], *, activate: bool = True
    ) -> Session:
        """Close or reopen a session."""
        answer: Session = await self.call(
            "move_session", {"session_id": session_id, "move": move, "activate": activate}
        )
        return answer

    async def get_experiment(self, experiment_id: str) -> Experiment:
        """One experiment."""
        answer: Experiment = await self.call("get_experiment", {"experiment_id": experiment_id})
        return answer

    async def find_experiment(self, project: str, text: str) -> Experiment:
        """The experiment meant by 12, #12, best, last, a full id, or a part of one."""
        answer: Experiment = await self.call("find_experiment", {"project": project, "text": text})
        return answer

    async def list_experiments(
        self,
        project: str,
        *,
        session_id: str | None = None,
        state: Literal["recorded", "kept", "dropped", "crashed"] | None = None,
        newest_first: bool = False,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Experiment]:
        """Experiments of a project in order of number."""
        answer: Page[Experiment] = await self.call(
            "list_experiments",
            {
                "project": project,
                "session_id": session_id,
                "state": state,
                "newest_first": newest_first,
                "limit": limit,
                "cursor": cursor,
            },
        )
        return answer

    async def decide(self, request: DecisionRequest) -> Decision:
        """Give a verdict; the frontier and the winner follow in the same transaction."""
        answer: Decision = await self.call("decide", {"request": request})
        return answer

    async def list_decisions(self, experiment_id: str) -> tuple[Decision, ...]:
        """All verdicts on one experiment, first to last; the last one stands."""
        answer: tuple[Decision, ...] = await self.call("list_decisions", {"experiment_id": experiment_id})
        return answer

    async def get_frontier(
        self, project: str, *, session_id: str | None = None, segment: int | None = None
    ) -> Frontier:
        """The staircase of running bests."""
        answer: Frontier = await self.call(
            "get_frontier", {"project": project, "session_id": session_id, "segment": segment}
        )
        return answer

    async def get_progress(
        self, project: str, *, session_id: str | None = None, segment: int | None = None
    ) -> Progress:
        """Every experiment of a segment with the running best."""
        answer: Progress = await self.call(
            "get_progress", {"project": project, "session_id": session_id, "segment": segment}
        )
        return answer

    async def add_note(self, request: NoteRequest) -> Note:
        """Leave a remark that every later context shows."""
        answer: Note = await self.call("add_note", {"request": request})
        return answer

    async def list_notes(self, project: str, *, limit: int = 100, cursor: str | None = None) -> Page[Note]:
        """Remarks in the order in which they were made."""
        answer: Page[Note] = await self.call(
            "list_notes", {"project": project, "limit": limit, "cursor": cursor}
        )
        return answer

    async def search_experiments(self, project: str, text: str, *, limit: int = 10) -> tuple[Match, ...]:
        """Experiments whose note or diff has these words, best match first."""
        answer: tuple[Match, ...] = await self.call(
            "search_experiments", {"project": project, "text": text, "limit": limit}
        )
        return answer

    async def tried(self, project: str, change: str, *, limit: int = 10) -> tuple[Match, ...]:
        """Experiments like a change, most alike first; nothing is written."""
        answer: tuple[Match, ...] = await self.call(
            "tried", {"project": project, "change": change, "limit": limit}
        )
        return answer

    async def list_changes(
        self, *, project: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> Page[Event]:
        """What changed, in order; /v1/events streams the same."""
        answer: Page[Event] = await self.call(
            "list_changes", {"project": project, "limit": limit, "cursor": cursor}
        )
        return answer

    async def get_bootstrap(self, *, project: str | None = None, limit: int = 50) -> Bootstrap:
        """What a dashboard shows first: every project in a few numbers, and the newest of one."""
        answer: Bootstrap = await self.call("get_bootstrap", {"project": project, "limit": limit})
        return answer
