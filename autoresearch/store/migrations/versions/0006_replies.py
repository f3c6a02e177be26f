"""Answers given to requests that carry an idempotency key, so that a retry is answered as the first was."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Answers given to requests that carry an idempotency key, so that a retry is answered as the first was."""
    op.create_table(
        "replies",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("name", sa.String(), autoincrement=False, nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "name"),
    )
    op.create_index("replies_by_age", "replies", ["organization", "recorded_at"], unique=False)
