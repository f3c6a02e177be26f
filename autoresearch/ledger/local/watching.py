"""What a server that tells others of changes asks of the ledger, again and again: cheap when nothing happened."""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa

from autoresearch.ledger.local import memory
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.frontier import Event
from autoresearch.store import run_schema, schema

__all__ = ["Moved", "events_after", "moved_runs", "newest_event"]

_w, _r = run_schema.writers.c, run_schema.runs.c
_NEWEST = sa.select(sa.func.coalesce(sa.func.max(schema.events.c.seq), 0).label("seq")).where(
    schema.events.c.organization == sa.bindparam("organization")
)
_MOVED = (
    sa.select(
        _w.run_id, _r.project, sa.func.sum(_w.sequence).label("total"), sa.func.max(_w.updated_at).label("at")
    )
    .join(run_schema.runs, sa.and_(_r.organization == _w.organization, _r.id == _w.run_id))
    .where(
        _w.organization == sa.bindparam("organization"),
        _w.updated_at > sa.bindparam("since", type_=sa.Double()),
    )
    .group_by(_w.run_id, _r.project)
)


class Moved(NamedTuple):
    """A run that was heard of.

    Attributes:
        run: Its id.
        project: Its project.
        total: Records that those of its writers handed over that were heard of; only a change of it means something.
        at: When, seconds since 1970 UTC by the store's clock.
    """

    run: str
    project: str
    total: int
    at: float


def newest_event(ledger: LocalLedger) -> int:
    """The sequence number of the last event; 0 when there is none."""
    with ledger.read() as unit:
        return int(unit.rows.run(_NEWEST)[0]["seq"])


def events_after(
    ledger: LocalLedger, seq: int, *, project: str | None = None, limit: int = 500
) -> list[Event]:
    """Events that came later, first to last; what runs said and nobody applied yet is applied first.

    Raises:
        NotFound: There is no such project.
    """
    ledger.runs.settle({} if project is None else {"project": project})
    with ledger.read() as unit:
        return list(memory.events(unit, project=project, limit=limit, cursor=str(seq)).items)


def moved_runs(ledger: LocalLedger, since: float) -> list[Moved]:
    """Runs whose writers were heard of after a moment of the store's clock."""
    with ledger.read() as unit:
        rows: Any = unit.rows.run(_MOVED, since=since)
        return [Moved(row["run_id"], row["project"], int(row["total"]), float(row["at"])) for row in rows]
