"""Campaigns: beginning and moving them, and who drives one."""

from __future__ import annotations

import datetime
import re
from typing import Any

import sqlalchemy as sa

from autoresearch.errors import Busy, Conflict, Invalid, NotFound
from autoresearch.ledger.local import cursors, goals
from autoresearch.ledger.local.unit import Unit
from autoresearch.records.base import Page
from autoresearch.records.campaign import Campaign, CampaignMove, CampaignRequest, Hold, Move
from autoresearch.records.experiment import Actor
from autoresearch.research import campaigns as rules
from autoresearch.research import states
from autoresearch.research.keys import content_key
from autoresearch.store import campaign_schema, schema
from autoresearch.store.dialects import clock
from autoresearch.store.rows import Row

__all__ = ["begin", "find", "hold", "listed", "move", "release", "require_lease", "row_of", "view"]

_c = campaign_schema.campaigns.c
_ID_PART = re.compile(r"[0-9a-f-]{4,36}\Z")
_BY_ID_PART = (
    sa.select(campaign_schema.campaigns)
    .where(
        _c.organization == sa.bindparam("organization"),
        _c.project == sa.bindparam("project"),
        sa.or_(
            sa.func.substr(_c.id, 1, sa.bindparam("length")) == sa.bindparam("part"),
            sa.func.substr(_c.id, 37 - sa.bindparam("length", type_=sa.Integer)) == sa.bindparam("part"),
        ),
    )
    .order_by(_c.number)
    .limit(3)
)
_EVENTS: dict[CampaignMove, str] = {
    "pause": "campaign.paused",
    "resume": "campaign.resumed",
    "stop": "campaign.stopping",
    "end": "campaign.ended",
}


def row_of(unit: Unit, campaign_id: str) -> Row:
    """The campaign's row.

    Raises:
        NotFound: There is none.
    """
    row = unit.rows.one(campaign_schema.campaigns, id=campaign_id)
    if row is None:
        raise NotFound(
            f"There is no campaign {campaign_id!r}.", hint="`autoresearch campaigns ls` shows the campaigns."
        )
    return row


def view(unit: Unit, row: Row) -> Campaign:
    """A campaign as it stands at this moment: a lease that has run out is none."""
    shared: dict[str, Any] = {name: row[name] for name in Campaign.model_fields}
    lease = {} if _holder(unit, row) else {"holder": None, "held_until": None}
    return Campaign(**{**shared, **lease, "actor": Actor(**row["actor"])})


def _holder(unit: Unit, row: Row) -> str | None:
    held = row["held_until"] is not None and row["held_until"] > clock(unit.rows.connection)
    return str(row["holder"]) if held else None


def begin(unit: Unit, request: CampaignRequest) -> Campaign:
    """Begin a campaign, or answer the one that the same request began."""
    content = content_key(request.model_dump(mode="json", exclude={"occurred_at"}))
    seen = unit.repeated(campaign_schema.campaigns, request.id, content, "campaign")
    if seen is not None:
        return view(unit, seen)
    _require_goal(unit, request.project)
    session = goals.session_row(unit, request.session_id)
    if session["project"] != request.project:
        raise NotFound(
            f"Session {session['tag']!r} is not of project {request.project!r}.",
            hint="Give a session of the same project.",
        )
    states.require_open(session["state"], tag=session["tag"])
    newest = unit.rows.list(
        campaign_schema.campaigns, order="number", descending=True, limit=1, project=request.project
    )
    number = int(newest[0]["number"]) + 1 if newest else 1
    after = {"number": number, "agent": request.agent}
    seq = unit.event("campaign.began", request.id, project=request.project, after=after)
    unit.rows.insert(
        campaign_schema.campaigns,
        **{**request.model_dump(), "occurred_at": request.occurred_at or unit.now},
        **_nothing_yet(),
        number=number,
        seq=seq,
        actor=unit.actor.model_dump(),
        content=content,
        recorded_at=unit.now,
    )
    return view(unit, row_of(unit, request.id))


def _nothing_yet() -> dict[str, Any]:
    counts = dict.fromkeys(("trials", "input_tokens", "output_tokens", "failures_in_row"), 0)
    nobody = dict.fromkeys(("stop", "holder", "held_until", "ended_at"))
    return {
        **counts,
        **nobody,
        "state": "running",
        "reason": "",
        "outcomes": {},
        "seconds": 0.0,
        "cost": 0.0,
    }


def _require_goal(unit: Unit, project: str) -> None:
    segment = unit.rows.one(schema.segments, project=project, number=unit.project(project)["segment"])
    if segment is None or segment["goal"] is None:
        raise Conflict(
            f"Project {project!r} has no goal yet, so nothing can be judged.",
            hint="Set one with `autoresearch goal set`.",
            details={"reason": "goal"},
        )


def listed(unit: Unit, project: str, *, newest_first: bool, limit: int, cursor: str | None) -> Page[Campaign]:
    """A page of campaigns in order of number."""
    unit.project(project)
    rows = unit.rows.list(
        campaign_schema.campaigns,
        order="number",
        descending=newest_first,
        after=cursors.whole(cursor),
        limit=cursors.bounded(limit) + 1,
        project=project,
    )
    following = str(rows[limit - 1]["number"]) if len(rows) > limit else None
    return Page[Campaign](items=tuple(view(unit, row) for row in rows[:limit]), next_cursor=following)


def find(unit: Unit, project: str, text: str) -> Row:
    """The campaign meant by a number, ``last``, an id, or part of one."""
    unit.project(project)
    wanted = text.strip().lower()
    digits = wanted.removeprefix("#")
    if digits.isascii() and digits.isdigit() and len(digits) <= 15:
        row = unit.rows.one(campaign_schema.campaigns, project=project, number=int(digits))
        if row is not None:
            return row
    rows: list[Row] = []
    if wanted in {"last", "latest"}:
        rows = list(
            unit.rows.list(
                campaign_schema.campaigns, order="number", descending=True, limit=1, project=project
            )
        )
    elif _ID_PART.match(wanted):
        rows = list(unit.rows.run(_BY_ID_PART, project=project, part=wanted, length=len(wanted)))
    if not rows:
        raise NotFound(
            f"No campaign of project {project!r} fits {text!r}.",
            hint="Give a number such as 3, last, or an id; `autoresearch campaigns ls` shows them.",
        )
    if len(rows) > 1:
        raise Conflict(f"{text!r} fits several campaigns.", hint="Give the number, or more of the id.")
    return rows[0]


def move(unit: Unit, request: Move) -> Campaign:
    """Pause, resume, stop or end."""
    said, ends = request.move, request.move == "end"
    if request.stop is not None and not ends:
        raise Invalid(
            f"stop={request.stop!r} came with {said!r}.",
            hint="Say why with end only; other moves take a reason in words.",
        )
    row = row_of(unit, request.campaign_id)
    stop = (request.stop or "stopped") if ends else None
    after = rules.move(row["state"], said, number=row["number"], stop=stop, was=row["stop"])
    if after is None:
        return view(unit, row)
    unit.rows.update(
        campaign_schema.campaigns,
        {"id": row["id"]},
        state=after,
        stop=stop,
        reason=request.reason,
        ended_at=unit.now if ends else None,
    )
    unit.event(
        _EVENTS[said],
        row["id"],
        project=row["project"],
        before={"number": row["number"], "state": row["state"]},
        after={"number": row["number"], "state": after, "stop": stop, "reason": request.reason[:500]},
    )
    return view(unit, row_of(unit, row["id"]))


def hold(unit: Unit, request: Hold) -> Campaign:
    """Drive a campaign alone, or go on doing so."""
    row = row_of(unit, request.campaign_id)
    other = _holder(unit, row)
    if other is not None and other != request.holder:
        left = (row["held_until"] - clock(unit.rows.connection)).total_seconds()
        raise Busy(
            f"Campaign {row['number']} is driven by {other}.",
            hint="Watch it with `autoresearch campaigns show`, or wait until that process has ended.",
            details={"reason": "lease", "holder": other, "retry_after": max(0.0, round(left, 3))},
        )
    # Machines that share a database need not agree on the time.
    until = clock(unit.rows.connection) + datetime.timedelta(seconds=request.seconds)
    values = {"holder": request.holder, "held_until": until}
    unit.rows.update(campaign_schema.campaigns, {"id": request.campaign_id}, **values)
    return view(unit, row_of(unit, request.campaign_id))


def release(unit: Unit, campaign_id: str, holder: str) -> Campaign:
    """Let go of a campaign, if this one has it."""
    row = row_of(unit, campaign_id)
    if row["holder"] == holder:
        unit.rows.update(campaign_schema.campaigns, {"id": campaign_id}, holder=None, held_until=None)
    return view(unit, row_of(unit, campaign_id))


def require_lease(unit: Unit, row: Row, holder: str | None) -> None:
    """Nobody else drives the campaign.

    Raises:
        Conflict: Another does: whoever asks was away for longer than the lease.
    """
    other = _holder(unit, row)
    if holder is not None and other is not None and other != holder:
        raise Conflict(
            f"Campaign {row['number']} is driven by {other} now, not by {holder}.",
            hint="Leave it to that process.",
            details={"reason": "lease", "holder": other},
        )
