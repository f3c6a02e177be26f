"""What people remark while a campaign runs: given to one trial's agent each, and known to have been."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from autoresearch.errors import Conflict, NotFound
from autoresearch.ledger.local import campaign_rows, views
from autoresearch.ledger.local.unit import Unit
from autoresearch.records.experiment import Note
from autoresearch.store import campaign_schema, schema
from autoresearch.store.rows import Row

__all__ = ["deliver", "take_back"]

_AT_ONCE = 50
_g, _n = campaign_schema.deliveries.c, schema.notes.c
_ORGANIZATION = sa.bindparam("organization", type_=sa.String())
_WAITING = (
    sa.select(schema.notes)
    .where(
        _n.organization == _ORGANIZATION,
        _n.project == sa.bindparam("project"),
        _n.seq > sa.bindparam("began"),
        _n.actor["kind"].as_string() == "human",
        ~sa.exists().where(
            _g.organization == _n.organization,
            _g.campaign_id == sa.bindparam("campaign_id"),
            _g.note_id == _n.id,
        ),
    )
    .order_by(_n.seq)
    .limit(_AT_ONCE)
)
_GIVEN = (
    sa.select(schema.notes)
    .join(campaign_schema.deliveries, sa.and_(_g.organization == _n.organization, _g.note_id == _n.id))
    .where(_n.organization == _ORGANIZATION, _g.trial_id == sa.bindparam("trial_id"))
    .order_by(_n.seq)
)


def deliver(
    unit: Unit, campaign_id: str, trial_id: str, told: Sequence[str] | None = None
) -> tuple[Note, ...]:
    """Give a trial the remarks that nobody was given, or those that it was given before."""
    campaign = campaign_rows.row_of(unit, campaign_id)
    trial = unit.rows.one(campaign_schema.trials, id=trial_id)
    if trial is None or trial["campaign_id"] != campaign_id:
        raise NotFound(
            f"Campaign {campaign['number']} has no trial {trial_id!r}.",
            hint="`autoresearch campaigns trials` shows those of a campaign.",
        )
    if told is not None:
        _give(unit, campaign, trial, [_note(unit, campaign, note_id) for note_id in dict.fromkeys(told)])
    elif trial["delivered_at"] is None:
        _require_open(trial)
        where = {"project": campaign["project"], "began": campaign["seq"], "campaign_id": campaign_id}
        _give(unit, campaign, trial, unit.rows.run(_WAITING, **where))
    return views.notes(unit, unit.rows.run(_GIVEN, trial_id=trial_id))


def _require_open(trial: Row) -> None:
    if not trial["open"]:
        raise Conflict(
            f"Trial {trial['number']} is judged: no agent is asked in it any more.",
            hint="Give an open trial.",
            details={"reason": "step", "step": trial["step"]},
        )


def _note(unit: Unit, campaign: Row, note_id: str) -> Row:
    row = unit.rows.one(schema.notes, id=note_id)
    if row is None or row["project"] != campaign["project"]:
        raise NotFound(
            f"Project {campaign['project']!r} has no remark {note_id!r}.",
            hint="Leave it with `autoresearch note` first.",
        )
    return row


def _give(unit: Unit, campaign: Row, trial: Row, notes: Iterable[Row]) -> None:
    # Also where there is none: asked again, the trial must not take what came since, which its agent has not seen.
    if trial["delivered_at"] is None:
        unit.rows.update(campaign_schema.trials, {"id": trial["id"]}, delivered_at=unit.now)
    for note in notes:
        key = {"campaign_id": campaign["id"], "note_id": note["id"]}
        if unit.rows.one(campaign_schema.deliveries, **key) is not None:
            continue
        unit.rows.insert(
            campaign_schema.deliveries, **key, trial_id=trial["id"], seq=note["seq"], recorded_at=unit.now
        )
        unit.event(
            "note.delivered",
            note["id"],
            project=campaign["project"],
            after={"campaign": campaign["number"], "number": trial["number"], "trial_id": trial["id"]},
        )


def take_back(unit: Unit, trial_id: str) -> None:
    """Let another trial be given the remarks of one whose agent did not answer."""
    unit.rows.delete(campaign_schema.deliveries, trial_id=trial_id)
