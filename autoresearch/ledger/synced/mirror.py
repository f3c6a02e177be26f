"""The ledger of this machine beside a server's: it answers while the server does not, by the goal and the numbers of the server."""

from __future__ import annotations

import contextlib
from typing import Any

from autoresearch.errors import AutoresearchError
from autoresearch.ledger.base import Ledger
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.ledger.synced import renumbering
from autoresearch.ledger.synced.outbox import Change, Outbox
from autoresearch.ledger.synced.telling import as_answered, moves_to
from autoresearch.records.artifact import Version
from autoresearch.records.base import Page
from autoresearch.records.campaign import Campaign, Trial
from autoresearch.records.experiment import (
    DecisionRequest,
    Experiment,
    ExperimentRequest,
    Session,
    SessionRequest,
)
from autoresearch.records.frontier import Frontier
from autoresearch.records.goal import GoalRequest, Project, SegmentRequest
from autoresearch.records.ids import new_id

__all__ = ["Mirror"]

_SEEDED = "seeded"


class Mirror:
    """What this machine knows of a server's ledger.

    Nothing here raises because the two differ: the server is right, and this one as near to it as it can be.

    Args:
        ledger: The ledger of this machine.
        outbox: Remembers how far the mirror has followed.
    """

    def __init__(self, ledger: LocalLedger, outbox: Outbox) -> None:
        self.ledger = ledger
        self._outbox = outbox
        self._seen: dict[str, Project] = {}

    def follow(self, change: Change, arguments: dict[str, Any], answer: Any) -> None:
        """Do what the server did, and take its numbers."""
        if not change.mirrored:
            for step in as_answered(change, arguments, answer):
                with contextlib.suppress(AutoresearchError):
                    getattr(getattr(self.ledger, change.part), change.call)(**step)
            self._outbox.mirrored(change)
        self.saw(answer)

    def saw(self, answer: Any) -> None:
        """Take the numbers of what the server answered."""
        with contextlib.suppress(AutoresearchError):
            if isinstance(answer, Experiment):
                self._number(renumbering.experiment, answer.id, answer.number)
            elif isinstance(answer, Session):
                self._number(renumbering.session, answer.id, answer.number)
            elif isinstance(answer, Campaign):
                self._number(renumbering.campaign, answer.id, answer.number)
                self._state(answer)
            elif isinstance(answer, Trial):
                self._number(renumbering.trial, answer.id, answer.number)
            elif isinstance(answer, Version):
                with self.ledger.write() as unit:
                    renumbering.version(unit, answer.artifact, answer.tree, answer.number)
            elif isinstance(answer, Page) and answer.items and isinstance(answer.items[0], Experiment):
                for item in answer.items:
                    self._number(renumbering.experiment, item.id, item.number)

    def seed(self, project: Project, remote: Ledger) -> None:
        """Take over the goal, the active session and the best experiment of a project, where they are others than before."""
        if self._seen.get(project.name) == project:
            return
        fact = f"{_SEEDED}:{project.name}"
        mark = project.model_dump(mode="json", exclude={"created_at"})
        if self._outbox.fact(fact) != mark:
            with contextlib.suppress(AutoresearchError):
                self._goal(project)
                self._session(project, remote)
                self._best(project, remote)
                with self.ledger.write() as unit:
                    renumbering.counters(unit, project)
                self._outbox.remember(fact, mark)
        self._seen[project.name] = project

    def _number(self, renumber: Any, identity: str, number: int) -> None:
        with self.ledger.read() as unit:
            if not renumber(unit, identity, number, dry=True):
                return
        with self.ledger.write() as unit:
            renumber(unit, identity, number)

    def _state(self, there: Campaign) -> None:
        """Others pause and stop a campaign too."""
        mine = self.ledger.campaigns.campaign(there.id)
        if (mine.state, mine.stop) != (there.state, there.stop):
            for move in moves_to(mine, there):
                self.ledger.campaigns.move(there.id, **move)

    def _goal(self, project: Project) -> None:
        research = self.ledger.research
        if project.goal is None:
            return
        goal = GoalRequest(**{name: getattr(project.goal, name) for name in GoalRequest.model_fields})
        research.set_goal(project.name, goal)
        while research.project(project.name).segment < project.segment:
            reason = "the server's project is compared anew"
            research.open_segment(SegmentRequest.make(project=project.name, reason=reason))

    def _session(self, project: Project, remote: Ledger) -> None:
        if project.active_session is None:
            return
        self.known_session(project.active_session, remote, active=True)

    def known_session(self, session_id: str, remote: Ledger, *, active: bool = False) -> None:
        """Have a session of the server here too."""
        research = self.ledger.research
        try:
            mine = research.session(session_id)
        except AutoresearchError:
            there = remote.research.session(session_id)
            request = SessionRequest.make(
                id=there.id,
                project=there.project,
                tag=there.tag,
                branch=there.branch,
                note=there.note,
                activate=active,
            )
            research.open_session(request)
            self.saw(there)
            return
        if active and research.project(mine.project).active_session != session_id:
            if mine.state == "open":
                research.move_session(session_id, "close")
            research.move_session(session_id, "reopen")

    def _best(self, project: Project, remote: Ledger) -> None:
        if project.goal is None or not project.experiments:
            return
        found = remote.research.frontier(project.name)
        if found.best is not None:
            self.adopt(found, remote)

    def adopt(self, frontier: Frontier, remote: Ledger) -> None:
        """Know the best experiment of a frontier."""
        if frontier.best is None:
            return
        with contextlib.suppress(AutoresearchError):
            mine = self.ledger.research.experiment(frontier.best.experiment_id)
            if (mine.state, mine.score, mine.number) == ("kept", frontier.best.score, frontier.best.number):
                return
        there = remote.research.experiment(frontier.best.experiment_id)
        with contextlib.suppress(AutoresearchError):
            self.known_session(there.session_id, remote)
            self.ledger.research.record(_request_of(there))
        self._verdict(there)
        self.saw(there)

    def _verdict(self, there: Experiment) -> None:
        actor = there.decided_by or there.actor
        ledger = LocalLedger(self.ledger.database, self.ledger.store, actor=actor, trusted=True)
        ledger.research.decide(
            DecisionRequest.make(
                id=new_id(),
                experiment_id=there.id,
                status="keep",
                score=there.score,
                metrics=there.metrics,
                reason=there.reason,
            )
        )


def _request_of(there: Experiment) -> ExperimentRequest:
    """The experiment as it may be recorded here: without bytes that are not here."""
    fields = set(ExperimentRequest.model_fields) - {"diff", "tree", "change", "segment", "uses", "parent_id"}
    return ExperimentRequest.make(**{name: getattr(there, name) for name in fields})
