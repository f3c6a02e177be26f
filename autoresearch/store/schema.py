"""The tables. Every one carries the organization, and every statement of ``rows`` names it.

Order is the ledger's own ``seq`` (one counter per organization), never a clock. Numbers that people see are counted
per project. ``segments``, ``attempts`` and ``repeats`` are running summaries, kept in the transaction that changes what they
summarize, so that reading the state of a project costs the same at ten and at ten thousand experiments.
"""

from __future__ import annotations

import sqlalchemy as sa

from autoresearch.store.columns import (
    Moment,
    flag,
    json,
    key,
    metadata,
    moment,
    organization,
    real,
    text,
    whole,
)

__all__ = [
    "Moment",
    "artifacts",
    "attempts",
    "counters",
    "decisions",
    "edits",
    "events",
    "experiments",
    "frontier",
    "metadata",
    "notes",
    "producers",
    "projects",
    "refs",
    "repeats",
    "segments",
    "sessions",
    "uses",
    "versions",
]

counters = sa.Table("counters", metadata, organization(), whole("seq"))

projects = sa.Table(
    "projects",
    metadata,
    organization(),
    key("name"),
    whole("segment"),
    whole("goal_revision"),
    text("active_session", null=True),
    whole("experiments"),
    whole("sessions"),
    sa.Column("runs", sa.BigInteger, nullable=False, server_default="0"),
    moment("recorded_at"),
)

segments = sa.Table(
    "segments",
    metadata,
    organization(),
    key("project"),
    key("number", sa.BigInteger),
    json("goal", null=True),
    text("reason"),
    whole("recorded"),
    whole("kept"),
    whole("dropped"),
    whole("crashed"),
    real("seconds", null=False),
    moment("recorded_at"),
)

sessions = sa.Table(
    "sessions",
    metadata,
    organization(),
    key("id"),
    text("project"),
    whole("number"),
    whole("seq"),
    text("tag"),
    text("branch", null=True),
    text("note"),
    text("state"),
    json("actor"),
    text("content"),
    moment("recorded_at"),
    sa.Index("sessions_by_number", "organization", "project", "number", unique=True),
)

experiments = sa.Table(
    "experiments",
    metadata,
    organization(),
    key("id"),
    text("project"),
    whole("number"),
    whole("seq"),
    text("session_id"),
    whole("segment"),
    text("note"),
    text("commit", null=True),
    text("parent_commit", null=True),
    text("branch", null=True),
    text("parent_id", null=True),
    json("diff", null=True),
    text("change_key", null=True),
    json("files"),
    json("config"),
    json("command"),
    text("tree", null=True),
    text("repro_key"),
    json("notices"),
    json("source", null=True),
    json("actor"),
    text("content"),
    moment("occurred_at"),
    moment("recorded_at"),
    # The present verdict, repeated from its decision row so that lists need no join.
    text("state"),
    text("decision_id", null=True),
    whole("position", null=True),
    flag("eligible"),
    real("score"),
    json("metrics"),
    text("reason"),
    real("gain"),
    real("seconds"),
    text("log_tail"),
    json("decided_by", null=True),
    sa.Index("experiments_by_number", "organization", "project", "number", unique=True),
    sa.Index("experiments_by_seq", "organization", "seq", unique=True),
    sa.Index("experiments_by_segment", "organization", "project", "segment", "number"),
    sa.Index("experiments_by_session", "organization", "session_id", "number"),
    sa.Index("experiments_by_state", "organization", "project", "segment", "state", "number"),
    sa.Index("experiments_by_position", "organization", "project", "segment", "eligible", "position"),
    sa.Index("experiments_by_code", "organization", "project", "segment", "repro_key", "number"),
    sa.Index("experiments_by_change", "organization", "project", "change_key"),
)

decisions = sa.Table(
    "decisions",
    metadata,
    organization(),
    key("id"),
    text("experiment_id"),
    text("project"),
    whole("number"),
    whole("segment"),
    whole("seq"),
    text("status"),
    real("score"),
    json("samples"),
    text("metric"),
    json("metrics"),
    text("reason"),
    real("seconds"),
    flag("advanced"),
    real("gain"),
    flag("within_noise"),
    json("violations"),
    text("standing"),
    json("actor"),
    text("content"),
    moment("recorded_at"),
    sa.Index("decisions_by_experiment", "organization", "experiment_id", "seq"),
)

frontier = sa.Table(
    "frontier",
    metadata,
    organization(),
    key("project"),
    key("segment", sa.BigInteger),
    key("position", sa.BigInteger),
    text("experiment_id"),
    whole("number"),
    real("score", null=False),
    real("gain"),
    sa.Index("frontier_by_experiment", "organization", "experiment_id"),
)

repeats = sa.Table(
    "repeats",
    metadata,
    organization(),
    key("project"),
    key("segment", sa.BigInteger),
    key("repro_key"),
    whole("n"),
    real("mean", null=False),
    real("squares", null=False),
    sa.Index("repeats_by_n", "organization", "project", "segment", "n"),
)

edits = sa.Table(
    "edits",
    metadata,
    organization(),
    key("experiment_id"),
    key("ordinal", sa.BigInteger),
    text("project"),
    whole("segment"),
    text("subject"),
    text("name"),
    text("before"),
    text("after"),
    whole("number"),
    sa.Index("edits_by_name", "organization", "project", "name", "number"),
    sa.Index("edits_by_subject", "organization", "project", "segment", "subject", "number"),
)

attempts = sa.Table(
    "attempts",
    metadata,
    organization(),
    key("project"),
    key("segment", sa.BigInteger),
    key("subject"),
    whole("kept"),
    whole("dropped"),
    whole("crashed"),
    whole("failures"),
    whole("last_number"),
    real("best_gain"),
    json("recent"),
    sa.Index("attempts_by_failures", "organization", "project", "segment", "failures", "last_number"),
)

notes = sa.Table(
    "notes",
    metadata,
    organization(),
    key("id"),
    text("project"),
    whole("seq"),
    text("text"),
    text("experiment_id", null=True),
    whole("experiment_number", null=True),
    json("actor"),
    text("content"),
    moment("recorded_at"),
    sa.Index("notes_by_project", "organization", "project", "seq"),
)

events = sa.Table(
    "events",
    metadata,
    organization(),
    key("seq", sa.BigInteger),
    text("project", null=True),
    text("kind"),
    text("subject"),
    json("actor"),
    json("before", null=True),
    json("after", null=True),
    moment("recorded_at"),
    sa.Index("events_by_project", "organization", "project", "seq"),
)

artifacts = sa.Table(
    "artifacts",
    metadata,
    organization(),
    key("name"),
    text("project"),
    text("type"),
    text("description"),
    whole("versions"),
    whole("seq"),
    moment("recorded_at"),
    sa.Index("artifacts_by_project", "organization", "project", "name"),
)

versions = sa.Table(
    "versions",
    metadata,
    organization(),
    key("artifact"),
    key("number", sa.BigInteger),
    text("id"),
    text("project"),
    text("tree"),
    whole("size"),
    whole("files"),
    json("metadata"),
    json("actor"),
    whole("seq"),
    moment("recorded_at"),
    sa.Index("versions_by_tree", "organization", "artifact", "tree", unique=True),
)

producers = sa.Table(
    "producers",
    metadata,
    organization(),
    key("artifact"),
    key("number", sa.BigInteger),
    key("experiment_id"),
    whole("seq"),
    sa.Index("producers_by_experiment", "organization", "experiment_id", "artifact"),
)

uses = sa.Table(
    "uses",
    metadata,
    organization(),
    key("experiment_id"),
    key("artifact"),
    key("number", sa.BigInteger),
    sa.Index("uses_by_version", "organization", "artifact", "number"),
)

refs = sa.Table(
    "refs",
    metadata,
    organization(),
    key("artifact"),
    key("name"),
    whole("number"),
    flag("automatic"),
    whole("seq"),
)
