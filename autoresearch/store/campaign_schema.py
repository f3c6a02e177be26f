"""The tables of campaigns and their trials.

``campaigns`` carries the sums of its trials, kept in the transaction that changes a trial. ``trial_updates`` has the ids of updates
that were applied, so that a repeated one changes nothing; ``deliveries`` says which remark was given to which trial.
"""

from __future__ import annotations

import sqlalchemy as sa

from autoresearch.store.columns import flag, json, key, metadata, moment, organization, real, text, whole

__all__ = ["campaigns", "deliveries", "trial_experiments", "trial_updates", "trials"]

campaigns = sa.Table(
    "campaigns",
    metadata,
    organization(),
    key("id"),
    text("project"),
    whole("number"),
    whole("seq"),
    text("session_id"),
    text("agent"),
    json("settings"),
    text("state"),
    text("stop", null=True),
    text("reason"),
    whole("trials"),
    json("outcomes"),
    real("seconds", null=False),
    whole("input_tokens"),
    whole("output_tokens"),
    real("cost", null=False),
    whole("failures_in_row"),
    text("holder", null=True),
    moment("held_until", null=True),
    json("actor"),
    text("content"),
    moment("occurred_at"),
    moment("recorded_at"),
    moment("ended_at", null=True),
    sa.Index("campaigns_by_number", "organization", "project", "number", unique=True),
    sa.Index("campaigns_by_session", "organization", "session_id"),
)

trials = sa.Table(
    "trials",
    metadata,
    organization(),
    key("id"),
    text("campaign_id"),
    text("project"),
    whole("number"),
    whole("seq"),
    text("worker"),
    text("step"),
    flag("open"),
    text("idea"),
    text("idea_key"),
    text("parent_id", null=True),
    text("experiment_id", null=True),
    text("outcome", null=True),
    text("reason"),
    text("agent"),
    text("model", null=True),
    text("conversation", null=True),
    text("prompt", null=True),
    text("context", null=True),
    text("transcript", null=True),
    text("prompt_version", null=True),
    whole("input_tokens", null=True),
    whole("output_tokens", null=True),
    real("cost"),
    real("agent_seconds"),
    real("seconds"),
    json("samples"),
    text("content"),
    moment("started_at"),
    moment("updated_at"),
    moment("delivered_at", null=True),
    sa.Index("trials_by_seq", "organization", "campaign_id", "seq", unique=True),
    sa.Index("trials_by_number", "organization", "campaign_id", "number"),
    sa.Index("trials_by_open", "organization", "campaign_id", "open", "seq"),
)
"""``delivered_at`` is when it asked for remarks, whether there were any or none."""

trial_updates = sa.Table(
    "trial_updates",
    metadata,
    organization(),
    key("id"),
    text("trial_id"),
    text("content"),
    moment("recorded_at"),
)

trial_experiments = sa.Table(
    "trial_experiments",
    metadata,
    organization(),
    key("experiment_id"),
    text("trial_id"),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    organization(),
    key("campaign_id"),
    key("note_id"),
    text("trial_id"),
    whole("seq"),
    moment("recorded_at"),
    sa.Index("deliveries_by_trial", "organization", "trial_id", "seq"),
    sa.Index("deliveries_by_note", "organization", "note_id", "seq"),
)
"""``seq`` is the note's own, by which a trial is given its remarks in order."""
