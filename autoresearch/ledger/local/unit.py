"""One unit of work: a transaction, who acts in it, and the event log it appends to."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from autoresearch.errors import Conflict, NotFound
from autoresearch.records.experiment import Actor
from autoresearch.store import schema
from autoresearch.store.rows import Row, Rows

__all__ = ["SYSTEM", "Unit"]

SYSTEM = Actor(kind="system", name="autoresearch")


class Unit:
    """What one operation works with.

    Attributes:
        rows: Rows of one organization, inside one transaction.
        actor: Who acts.
        now: The ledger's time of this operation.
    """

    def __init__(self, rows: Rows, actor: Actor, now: datetime.datetime) -> None:
        self.rows = rows
        self.actor = actor
        self.now = now

    def event(
        self,
        kind: str,
        subject: str,
        *,
        project: str | None,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
        actor: Actor | None = None,
    ) -> int:
        """Append an event; answers its sequence number."""
        seq = self.rows.next_seq()
        self.rows.insert(
            schema.events,
            seq=seq,
            project=project,
            kind=kind,
            subject=subject,
            actor=(actor or self.actor).model_dump(),
            before=before,
            after=after,
            recorded_at=self.now,
        )
        return seq

    def repeated(self, table: Any, request_id: str, content: str, what: str) -> Row | None:
        """The row an earlier, equal request made, or None.

        Raises:
            Conflict: The id is taken by other content.
        """
        row = self.rows.one(table, id=request_id)
        if row is not None and row["content"] != content:
            raise Conflict(
                f"The id {request_id} is taken by another {what}.",
                hint="Make a new id for other content.",
                details={"id": request_id},
            )
        return row

    def project(self, name: str) -> Row:
        """The project's row.

        Raises:
            NotFound: There is none.
        """
        row = self.rows.one(schema.projects, name=name)
        if row is None:
            raise NotFound(
                f"There is no project {name!r}.",
                hint="`autoresearch status --all` lists the projects; set a goal to begin one.",
            )
        return row

    def project_or_new(self, name: str) -> Row:
        """The project's row, made when it is not there."""
        row = self.rows.one(schema.projects, name=name)
        if row is not None:
            return row
        self.rows.insert(
            schema.projects,
            name=name,
            segment=1,
            goal_revision=0,
            active_session=None,
            experiments=0,
            sessions=0,
            runs=0,
            recorded_at=self.now,
        )
        self.open_segment(name, 1, goal=None, reason="")
        self.event("project.created", name, project=name)
        return self.project(name)

    def open_segment(self, project: str, number: int, *, goal: Mapping[str, Any] | None, reason: str) -> None:
        """Begin a span in which scores may be compared."""
        self.rows.insert(
            schema.segments,
            project=project,
            number=number,
            goal=goal,
            reason=reason,
            recorded=0,
            kept=0,
            dropped=0,
            crashed=0,
            seconds=0.0,
            recorded_at=self.now,
        )

    def experiment(self, experiment_id: str) -> Row:
        """The experiment's row.

        Raises:
            NotFound: There is none.
        """
        row = self.rows.one(schema.experiments, id=experiment_id)
        if row is None:
            raise NotFound(
                f"There is no experiment {experiment_id!r}.",
                hint="`autoresearch experiment list` shows what was recorded.",
            )
        return row
