"""Search: what was tried, found by words and by what a change changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Search: what was tried, found by words and by what a change changed."""
    op.add_column("experiments", sa.Column("change_key", sa.Text(), nullable=True))
    op.create_index("experiments_by_change", "experiments", ["organization", "project", "change_key"])
    op.create_table(
        "attempts",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("project", sa.String(), autoincrement=False, nullable=False),
        sa.Column("segment", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("subject", sa.String(), autoincrement=False, nullable=False),
        sa.Column("kept", sa.BigInteger(), nullable=False),
        sa.Column("dropped", sa.BigInteger(), nullable=False),
        sa.Column("crashed", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("last_number", sa.BigInteger(), nullable=False),
        sa.Column("best_gain", sa.Double(), nullable=True),
        sa.Column("recent", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "project", "segment", "subject"),
    )
    op.create_index(
        "attempts_by_failures",
        "attempts",
        ["organization", "project", "segment", "failures", "last_number"],
        unique=False,
    )
    op.create_table(
        "edits",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("experiment_id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("segment", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "experiment_id", "ordinal"),
    )
    op.create_index("edits_by_name", "edits", ["organization", "project", "name", "number"], unique=False)
    op.create_index(
        "edits_by_subject", "edits", ["organization", "project", "segment", "subject", "number"], unique=False
    )
    if op.get_bind().dialect.name == "postgresql":
        _search_of_postgresql()
        return
    op.execute(
        "CREATE VIRTUAL TABLE search USING fts5(note, change, organization UNINDEXED, project UNINDEXED, "
        "experiment_id UNINDEXED, tokenize = 'unicode61 remove_diacritics 2')"
    )
    # Experiments of an older store are found by their notes; their patches were never indexed.
    op.execute(
        "INSERT INTO search (rowid, note, change, organization, project, experiment_id) "
        "SELECT rowid, note, '', organization, project, id FROM experiments"
    )


def _search_of_postgresql() -> None:
    op.create_table(
        "search",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("experiment_id", sa.String(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("words", TSVECTOR(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "experiment_id"),
    )
    op.create_index("search_by_project", "search", ["organization", "project"], unique=False)
