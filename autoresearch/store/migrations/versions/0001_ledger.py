"""The ledger: projects, sessions, experiments, decisions, frontier, artifacts, events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The ledger: projects, sessions, experiments, decisions, frontier, artifacts, events."""
    op.create_table(
        "artifacts",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("name", sa.String(), autoincrement=False, nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("versions", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "name"),
    )
    op.create_index("artifacts_by_project", "artifacts", ["organization", "project", "name"], unique=False)
    op.create_table(
        "counters",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization"),
    )
    op.create_table(
        "decisions",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("experiment_id", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("segment", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("samples", sa.JSON(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("advanced", sa.Boolean(), nullable=False),
        sa.Column("gain", sa.Double(), nullable=True),
        sa.Column("within_noise", sa.Boolean(), nullable=False),
        sa.Column("violations", sa.JSON(), nullable=False),
        sa.Column("standing", sa.Text(), nullable=False),
        sa.Column("actor", sa.JSON(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "id"),
    )
    op.create_index(
        "decisions_by_experiment", "decisions", ["organization", "experiment_id", "seq"], unique=False
    )
    op.create_table(
        "events",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("project", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("actor", sa.JSON(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "seq"),
    )
    op.create_index("events_by_project", "events", ["organization", "project", "seq"], unique=False)
    op.create_table(
        "experiments",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("segment", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("commit", sa.Text(), nullable=True),
        sa.Column("parent_commit", sa.Text(), nullable=True),
        sa.Column("branch", sa.Text(), nullable=True),
        sa.Column("parent_id", sa.Text(), nullable=True),
        sa.Column("diff", sa.JSON(), nullable=True),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("command", sa.JSON(), nullable=False),
        sa.Column("tree", sa.Text(), nullable=True),
        sa.Column("repro_key", sa.Text(), nullable=False),
        sa.Column("notices", sa.JSON(), nullable=False),
        sa.Column("source", sa.JSON(), nullable=True),
        sa.Column("actor", sa.JSON(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("decision_id", sa.Text(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("eligible", sa.Boolean(), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("gain", sa.Double(), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("log_tail", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("organization", "id"),
    )
    op.create_index(
        "experiments_by_code",
        "experiments",
        ["organization", "project", "segment", "repro_key", "number"],
        unique=False,
    )
    op.create_index(
        "experiments_by_number", "experiments", ["organization", "project", "number"], unique=True
    )
    op.create_index(
        "experiments_by_position",
        "experiments",
        ["organization", "project", "segment", "eligible", "position"],
        unique=False,
    )
    op.create_index(
        "experiments_by_segment",
        "experiments",
        ["organization", "project", "segment", "number"],
        unique=False,
    )
    op.create_index("experiments_by_seq", "experiments", ["organization", "seq"], unique=True)
    op.create_index(
        "experiments_by_session", "experiments", ["organization", "session_id", "number"], unique=False
    )
    op.create_index(
        "experiments_by_state",
        "experiments",
        ["organization", "project", "segment", "state", "number"],
        unique=False,
    )
    op.create_table(
        "frontier",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("project", sa.String(), autoincrement=False, nullable=False),
        sa.Column("segment", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("experiment_id", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("gain", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("organization", "project", "segment", "position"),
    )
    op.create_index("frontier_by_experiment", "frontier", ["organization", "experiment_id"], unique=False)
    op.create_table(
        "notes",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("experiment_id", sa.Text(), nullable=True),
        sa.Column("experiment_number", sa.BigInteger(), nullable=True),
        sa.Column("actor", sa.JSON(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "id"),
    )
    op.create_index("notes_by_project", "notes", ["organization", "project", "seq"], unique=False)
    op.create_table(
        "producers",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("artifact", sa.String(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("experiment_id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "artifact", "number", "experiment_id"),
    )
    op.create_index(
        "producers_by_experiment", "producers", ["organization", "experiment_id", "artifact"], unique=False
    )
    op.create_table(
        "projects",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("name", sa.String(), autoincrement=False, nullable=False),
        sa.Column("segment", sa.BigInteger(), nullable=False),
        sa.Column("goal_revision", sa.BigInteger(), nullable=False),
        sa.Column("active_session", sa.Text(), nullable=True),
        sa.Column("experiments", sa.BigInteger(), nullable=False),
        sa.Column("sessions", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "name"),
    )
    op.create_table(
        "refs",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("artifact", sa.String(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "artifact", "name"),
    )
    op.create_table(
        "repeats",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("project", sa.String(), autoincrement=False, nullable=False),
        sa.Column("segment", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("repro_key", sa.String(), autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("mean", sa.Double(), nullable=False),
        sa.Column("squares", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "project", "segment", "repro_key"),
    )
    op.create_index("repeats_by_n", "repeats", ["organization", "project", "segment", "n"], unique=False)
    op.create_table(
        "segments",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("project", sa.String(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("goal", sa.JSON(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded", sa.BigInteger(), nullable=False),
        sa.Column("kept", sa.BigInteger(), nullable=False),
        sa.Column("dropped", sa.BigInteger(), nullable=False),
        sa.Column("crashed", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "project", "number"),
    )
    op.create_table(
        "sessions",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("actor", sa.JSON(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "id"),
    )
    op.create_index("sessions_by_number", "sessions", ["organization", "project", "number"], unique=True)
    op.create_table(
        "uses",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("experiment_id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("artifact", sa.String(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("organization", "experiment_id", "artifact", "number"),
    )
    op.create_index("uses_by_version", "uses", ["organization", "artifact", "number"], unique=False)
    op.create_table(
        "versions",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("artifact", sa.String(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("tree", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("files", sa.BigInteger(), nullable=False),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.Column("actor", sa.JSON(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "artifact", "number"),
    )
    op.create_index("versions_by_tree", "versions", ["organization", "artifact", "tree"], unique=True)
