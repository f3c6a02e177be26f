"""Campaigns, their trials, and which remark was given to which trial."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Campaigns, their trials, and which remark was given to which trial."""
    _campaigns()
    _trials()
    _trial_updates()
    _trial_experiments()
    _deliveries()


def _campaigns() -> None:
    op.create_table(
        "campaigns",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("settings", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("stop", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("trials", sa.BigInteger(), nullable=False),
        sa.Column("outcomes", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.Double(), nullable=False),
        sa.Column("failures_in_row", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("held_until", sa.BigInteger(), nullable=True),
        sa.Column("actor", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("organization", "id"),
    )
    op.create_index("campaigns_by_number", "campaigns", ["organization", "project", "number"], unique=True)
    op.create_index("campaigns_by_session", "campaigns", ["organization", "session_id"], unique=False)


def _trials() -> None:
    op.create_table(
        "trials",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("idea", sa.Text(), nullable=False),
        sa.Column("idea_key", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Text(), nullable=True),
        sa.Column("experiment_id", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("conversation", sa.Text(), nullable=True),
        sa.Column("prompt", sa.Text(), nullable=True),
        sa.Column("context", sa.Text(), nullable=True),
        sa.Column("transcript", sa.Text(), nullable=True),
        sa.Column("prompt_version", sa.Text(), nullable=True),
        sa.Column("input_tokens", sa.BigInteger(), nullable=True),
        sa.Column("output_tokens", sa.BigInteger(), nullable=True),
        sa.Column("cost", sa.Double(), nullable=True),
        sa.Column("agent_seconds", sa.Double(), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("samples", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("organization", "id"),
    )
    op.create_index("trials_by_number", "trials", ["organization", "campaign_id", "number"], unique=False)
    op.create_index("trials_by_open", "trials", ["organization", "campaign_id", "open", "seq"], unique=False)
    op.create_index("trials_by_seq", "trials", ["organization", "campaign_id", "seq"], unique=True)


def _trial_updates() -> None:
    op.create_table(
        "trial_updates",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("trial_id", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "id"),
    )


def _trial_experiments() -> None:
    op.create_table(
        "trial_experiments",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("experiment_id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("trial_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "experiment_id"),
    )


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("campaign_id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("note_id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("trial_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "campaign_id", "note_id"),
    )
    op.create_index("deliveries_by_note", "deliveries", ["organization", "note_id", "seq"], unique=False)
    op.create_index("deliveries_by_trial", "deliveries", ["organization", "trial_id", "seq"], unique=False)
