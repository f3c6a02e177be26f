"""Folders in which runs lie, annotations on runs, and the key of the request that made a run."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Folders in which runs lie, annotations on runs, and the key of the request that made a run."""
    op.create_table(
        "annotations",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("metadata", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "id"),
    )
    op.create_index("annotations_by_run", "annotations", ["organization", "run_id", "seq"], unique=True)
    op.create_table(
        "folders",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("parent_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "id"),
    )
    op.create_index("folders_by_parent", "folders", ["organization", "parent_id", "name"], unique=True)
    op.create_index("folders_by_seq", "folders", ["organization", "seq"], unique=True)
    op.add_column("runs", sa.Column("folder_id", sa.Text(), nullable=True))
    op.add_column("runs", sa.Column("content", sa.Text(), nullable=True))
    op.create_index("runs_by_folder", "runs", ["organization", "folder_id", "seq"], unique=False)
