"""Trials of campaigns: claimed, and moved forward."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from autoresearch.errors import Conflict, Invalid, NotFound
from autoresearch.ledger.local import campaign_rows, cursors, inbox, views
from autoresearch.ledger.local.unit import Unit
from autoresearch.records.base import Page
from autoresearch.records.campaign import Trial, TrialRequest, TrialUpdate
from autoresearch.research import campaigns as rules
from autoresearch.research.keys import content_key
from autoresearch.store import campaign_schema, schema
from autoresearch.store.dialects import clock
from autoresearch.store.rows import Row

__all__ = ["claim", "listed", "of_experiment", "row_of", "update", "view"]

_SUMMED = ("seconds", "input_tokens", "output_tokens", "cost")
_UNKNOWN = (
    "experiment_id",
    "outcome",
    "model",
    "conversation",
    "prompt",
    "context",
    "transcript",
    "prompt_version",
    "agent_seconds",
    *_SUMMED,
    "delivered_at",
)
_c, _t = campaign_schema.campaigns.c, campaign_schema.trials.c
_ORGANIZATION = sa.bindparam("organization", type_=sa.String())
_ABOUT_TO_RECORD = (
    sa.select(sa.func.count().label("n"))
    .select_from(campaign_schema.trials)
    .join(campaign_schema.campaigns, sa.and_(_c.organization == _t.organization, _c.id == _t.campaign_id))
    .where(
        _t.organization == _ORGANIZATION,
        _c.project == sa.bindparam("project"),
        _t.open.is_(True),
        _t.experiment_id.is_(None),
        sa.or_(
            _c.id == sa.bindparam("campaign_id"),
            _c.held_until > sa.bindparam("now", type_=_c.held_until.type),
        ),
    )
)


def row_of(unit: Unit, trial_id: str) -> Row:
    """The trial's row.

    Raises:
        NotFound: There is none.
    """
    row = unit.rows.one(campaign_schema.trials, id=trial_id)
    if row is None:
        raise NotFound(
            f"There is no trial {trial_id!r}.",
            hint="`autoresearch campaigns trials` shows those of a campaign.",
        )
    return row


def view(row: Row) -> Trial:
    """A trial."""
    shared: dict[str, Any] = {name: row[name] for name in Trial.model_fields}
    return Trial(**{**shared, "samples": tuple(row["samples"])})


def claim(unit: Unit, request: TrialRequest) -> Trial:
    """Begin a trial, or answer the one that the same request began."""
    # Who claims it and when may be told otherwise when it is told again later.
    content = content_key(request.model_dump(mode="json", exclude={"holder", "started_at"}))
    seen = unit.repeated(campaign_schema.trials, request.id, content, "trial")
    if seen is not None:
        return view(seen)
    campaign = campaign_rows.row_of(unit, request.campaign_id)
    if request.parent_id is not None:
        _require_experiment(unit, request.parent_id, campaign["project"])
    if request.started_at is None:
        _require_room(unit, campaign, request)
    number = 0
    if not request.baseline:
        unit.rows.add(campaign_schema.campaigns, {"id": campaign["id"]}, trials=1)
        number = campaign["trials"] + 1
    said = {name: getattr(request, name) for name in ("worker", "idea", "parent_id")}
    after = {"campaign": campaign["number"], "number": number, **said}
    seq = unit.event("trial.claimed", request.id, project=campaign["project"], after=after)
    unit.rows.insert(
        campaign_schema.trials,
        **dict.fromkeys(_UNKNOWN),
        **request.model_dump(exclude={"baseline", "holder", "started_at"}),
        project=campaign["project"],
        number=number,
        seq=seq,
        step="claimed",
        open=True,
        idea_key=rules.idea_key(request.idea),
        reason="",
        agent=campaign["agent"],
        samples=[],
        content=content,
        started_at=request.started_at or unit.now,
        updated_at=unit.now,
    )
    return view(row_of(unit, request.id))


def _require_room(unit: Unit, campaign: Row, request: TrialRequest) -> None:
    """Nothing stands against one more trial."""
    _require_running(campaign)
    campaign_rows.require_lease(unit, campaign, request.holder)
    _require_budget(unit, campaign)
    _require_new_idea(unit, campaign, request.idea)
    if request.baseline:
        _require_no_baseline(unit, campaign)


def _require_running(campaign: Row) -> None:
    if campaign["state"] != "running":
        raise Conflict(
            f"Campaign {campaign['number']} is {campaign['state']}, so no trial is begun in it.",
            hint="`autoresearch campaigns resume` lets it go on.",
            details={"reason": "state", "state": campaign["state"]},
        )


def _require_budget(unit: Unit, campaign: Row) -> None:
    """The goal's budget has room: open trials of any driven campaign count as what they are about to record."""
    project = unit.project(campaign["project"])
    segment = unit.rows.must(schema.segments, project=project["name"], number=project["segment"])
    goal = views.goal(segment["goal"])
    if goal is None:
        return
    budget = goal.budget
    if budget.max_experiments is not None:
        where = {
            "project": project["name"],
            "campaign_id": campaign["id"],
            "now": clock(unit.rows.connection),
        }
        (about,) = unit.rows.run(_ABOUT_TO_RECORD, **where)
        if segment["recorded"] + about["n"] >= budget.max_experiments:
            raise _used_up("experiments", f"{budget.max_experiments} experiments", project["name"])
    if budget.max_seconds is not None and segment["seconds"] >= budget.max_seconds:
        raise _used_up("seconds", f"{budget.max_seconds:g} seconds", project["name"])


def _used_up(limit: str, amount: str, project: str) -> Conflict:
    return Conflict(
        f"The goal of project {project!r} allows {amount}, and they are used up or taken by open trials.",
        hint="Give it more with `autoresearch goal set`.",
        details={"reason": "budget", "limit": limit},
    )


def _require_new_idea(unit: Unit, campaign: Row, idea: str, *, but: str | None = None) -> None:
    key = rules.idea_key(idea)
    if not key:
        return
    same = {"campaign_id": campaign["id"], "open": True, "idea_key": key}
    for row in unit.rows.list(campaign_schema.trials, order="seq", limit=2, **same):
        if row["id"] != but:
            raise Conflict(
                f"Trial {row['number']} by {row['worker']} is trying the same: {idea[:200]!r}.",
                hint="Try something else.",
                details={"reason": "idea", "trial_id": row["id"]},
            )


def _require_no_baseline(unit: Unit, campaign: Row) -> None:
    for row in unit.rows.list(campaign_schema.trials, order="seq", campaign_id=campaign["id"], number=0):
        if row["open"] or row["outcome"] == "kept":
            raise Conflict(
                f"Campaign {campaign['number']} has its baseline.",
                hint="Go on with the trial that is there.",
                details={"reason": "baseline", "trial_id": row["id"]},
            )


def _require_experiment(unit: Unit, experiment_id: str, project: str) -> None:
    if unit.experiment(experiment_id)["project"] != project:
        raise NotFound(
            f"Experiment {experiment_id!r} is not of project {project!r}.",
            hint="Give an experiment of the same project.",
        )


def update(unit: Unit, request: TrialUpdate) -> Trial:
    """Move a trial forward, once for each update; digests were found to be stored."""
    content = content_key(request.model_dump(mode="json", exclude={"holder"}))
    if unit.repeated(campaign_schema.trial_updates, request.id, content, "update") is not None:
        return view(row_of(unit, request.trial_id))
    row = row_of(unit, request.trial_id)
    campaign = campaign_rows.row_of(unit, row["campaign_id"])
    rules.require_step(row["step"], request.step, number=row["number"])
    campaign_rows.require_lease(unit, campaign, request.holder)
    _require_what_the_step_says(row, request)
    _require_what_it_names(unit, campaign, row, request)
    changed = request.model_dump(exclude={"id", "trial_id", "holder"}, exclude_none=True)
    if request.idea is not None:
        changed["idea_key"] = rules.idea_key(request.idea)
    unit.rows.update(
        campaign_schema.trials,
        {"id": row["id"]},
        **changed,
        open=request.step != "judged",
        updated_at=unit.now,
    )
    unit.rows.insert(
        campaign_schema.trial_updates,
        id=request.id,
        trial_id=row["id"],
        content=content,
        recorded_at=unit.now,
    )
    _sum(unit, campaign, row, request)
    _tell(unit, campaign, row, request)
    if request.outcome in rules.UNANSWERED and (row["experiment_id"] or request.experiment_id) is None:
        inbox.take_back(unit, row["id"])
    return view(row_of(unit, row["id"]))


def _tell(unit: Unit, campaign: Row, row: Row, request: TrialUpdate) -> None:
    moved = {"campaign": campaign["number"], "number": row["number"]}
    said = {name: getattr(request, name) for name in ("step", "outcome", "experiment_id")}
    unit.event(
        "trial.updated",
        row["id"],
        project=row["project"],
        before={**moved, "step": row["step"]},
        after={**moved, **said},
    )


def _require_what_the_step_says(row: Row, request: TrialUpdate) -> None:
    if (request.outcome is not None) != (request.step == "judged"):
        raise Invalid(
            f"step {request.step!r} came with outcome {request.outcome!r}.",
            hint="Give an outcome with step 'judged', and only then.",
        )
    if request.step == "recorded" and (request.experiment_id or row["experiment_id"]) is None:
        raise Invalid("step 'recorded' came without experiment_id.", hint="Give the experiment's id.")


def _require_what_it_names(unit: Unit, campaign: Row, row: Row, request: TrialUpdate) -> None:
    if request.parent_id is not None:
        _require_experiment(unit, request.parent_id, row["project"])
    if request.idea is not None:
        _require_new_idea(unit, campaign, request.idea, but=row["id"])
    if request.experiment_id is None:
        return
    _require_experiment(unit, request.experiment_id, row["project"])
    linked = unit.rows.one(campaign_schema.trial_experiments, experiment_id=request.experiment_id)
    if linked is None:
        both = {"experiment_id": request.experiment_id, "trial_id": row["id"]}
        unit.rows.insert(campaign_schema.trial_experiments, **both)
    elif linked["trial_id"] != row["id"]:
        raise Conflict(
            f"Experiment {request.experiment_id!r} is that of another trial.",
            hint="Record an experiment for each trial.",
            details={"reason": "experiment", "trial_id": linked["trial_id"]},
        )


def _sum(unit: Unit, campaign: Row, row: Row, request: TrialUpdate) -> None:
    """Add to the campaign what this update adds to its trial."""
    sums = {
        name: campaign[name] + getattr(request, name) - (row[name] or 0)
        for name in _SUMMED
        if getattr(request, name) is not None
    }
    if request.outcome is not None and row["number"]:
        outcomes = dict(campaign["outcomes"])
        outcomes[request.outcome] = outcomes.get(request.outcome, 0) + 1
        sums["outcomes"] = outcomes
        sums["failures_in_row"] = rules.failures_after(campaign["failures_in_row"], request.outcome)
    if sums:
        unit.rows.update(campaign_schema.campaigns, {"id": campaign["id"]}, **sums)


def listed(
    unit: Unit, campaign_id: str, *, open_only: bool, newest_first: bool, limit: int, cursor: str | None
) -> Page[Trial]:
    """A page of trials in the order in which they were claimed."""
    campaign_rows.row_of(unit, campaign_id)
    rows = unit.rows.list(
        campaign_schema.trials,
        order="seq",
        descending=newest_first,
        after=cursors.whole(cursor),
        limit=cursors.bounded(limit) + 1,
        campaign_id=campaign_id,
        **({"open": True} if open_only else {}),
    )
    following = str(rows[limit - 1]["seq"]) if len(rows) > limit else None
    return Page[Trial](items=tuple(map(view, rows[:limit])), next_cursor=following)


def of_experiment(unit: Unit, experiment_id: str) -> Trial | None:
    """The trial that an experiment was recorded in."""
    unit.experiment(experiment_id)
    linked = unit.rows.one(campaign_schema.trial_experiments, experiment_id=experiment_id)
    return None if linked is None else view(row_of(unit, linked["trial_id"]))
