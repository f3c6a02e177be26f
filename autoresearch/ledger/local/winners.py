"""``winner`` follows the frontier: to the version that its best experiment produced, and back when that is superseded."""

from __future__ import annotations

import sqlalchemy as sa

from autoresearch.ledger.local.unit import SYSTEM, Unit
from autoresearch.store import schema

__all__ = ["WINNER", "follow", "point"]

WINNER = "winner"

_f, _p, _a = schema.frontier.c, schema.producers.c, schema.artifacts.c

_PRODUCED = (
    sa.select(_p.artifact, _p.number, _f.position)
    .join(schema.frontier, (_f.organization == _p.organization) & (_f.experiment_id == _p.experiment_id))
    .where(
        _p.organization == sa.bindparam("organization"),
        _f.project == sa.bindparam("project"),
        _f.segment == sa.bindparam("segment"),
    )
    .order_by(_p.artifact, _f.position, _p.number)
)
_AUTOMATIC = (
    sa.select(schema.refs.c.artifact)
    .join(
        schema.artifacts,
        (_a.organization == schema.refs.c.organization) & (_a.name == schema.refs.c.artifact),
    )
    .where(
        schema.refs.c.organization == sa.bindparam("organization"),
        schema.refs.c.name == WINNER,
        schema.refs.c.automatic.is_(sa.true()),
        _a.project == sa.bindparam("project"),
    )
)


def follow(unit: Unit, project: str, segment: int) -> None:
    """Point every artifact's ``winner`` at what the highest step that made one of its versions made.

    A new segment starts without steps, and the winners of the old one stay until something new is kept.
    """
    if unit.project(project)["segment"] != segment:
        return
    best = {
        row["artifact"]: row["number"] for row in unit.rows.run(_PRODUCED, project=project, segment=segment)
    }
    for artifact, number in best.items():
        point(unit, artifact, WINNER, number, project=project, automatic=True)
    for row in unit.rows.run(_AUTOMATIC, project=project):
        if row["artifact"] not in best:
            point(unit, row["artifact"], WINNER, None, project=project, automatic=True)


def point(
    unit: Unit, artifact: str, name: str, number: int | None, *, project: str, automatic: bool = False
) -> None:
    """Move a ref, or remove it when ``number`` is None; says so in the events when that changes anything."""
    old = unit.rows.one(schema.refs, artifact=artifact, name=name)
    before = old["number"] if old else None
    if before == number and (old is None or old["automatic"] == automatic):
        return
    seq = unit.event(
        "ref.moved",
        f"{artifact}:{name}",
        project=project,
        before=None if before is None else {"version": f"v{before}"},
        after=None if number is None else {"version": f"v{number}"},
        actor=SYSTEM if automatic else None,
    )
    if number is None:
        unit.rows.delete(schema.refs, artifact=artifact, name=name)
    elif old is None:
        unit.rows.insert(
            schema.refs, artifact=artifact, name=name, number=number, automatic=automatic, seq=seq
        )
    else:
        key = {"artifact": artifact, "name": name}
        unit.rows.update(schema.refs, key, number=number, automatic=automatic, seq=seq)
