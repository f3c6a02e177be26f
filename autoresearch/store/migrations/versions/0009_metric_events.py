"""Metric events with ids of their own, and runs whose client sends no signs of life."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Metric events with ids of their own, and runs whose client sends no signs of life."""
    op.create_table(
        "metric_events",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("series", sa.BigInteger(), nullable=False),
        sa.Column("at_step", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=True),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("client_ms", sa.BigInteger(), nullable=False),
        sa.Column("server_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "run_id", "event_id"),
    )
    keys = ["organization", "run_id"]
    op.create_index("metric_events_by_series", "metric_events", [*keys, "series", "seq"], unique=False)
    op.create_index("metric_events_by_seq", "metric_events", [*keys, "seq"], unique=True)
    op.create_table(
        "series_metadata",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("series", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "run_id", "series"),
    )
    op.add_column("runs", sa.Column("patient", sa.BigInteger(), nullable=True))
    op.add_column("runs", sa.Column("error_name", sa.Text(), nullable=True))
    op.add_column("runs", sa.Column("changed_at", sa.BigInteger(), nullable=True))
