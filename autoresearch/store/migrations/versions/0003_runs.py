"""Runs: what they logged, as frames, chunks, summaries and texts, and what is known of each without reading it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _short(name: str) -> str | sa.TextClause:
    """PostgreSQL refuses a row whose part of an index is over 2,700 bytes; of a text that may be so long it gets the beginning."""
    return sa.text(f"left({name}, 400)") if op.get_bind().dialect.name == "postgresql" else name


def upgrade() -> None:
    """Runs: what they logged, as frames, chunks, summaries and texts, and what is known of each without reading it."""
    op.create_table(
        "axes",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("uses", sa.BigInteger(), nullable=False),
        sa.Column("blob", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "run_id", "id"),
    )
    op.create_table(
        "chunks",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("series", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first_step", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("axis", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("blob", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "run_id", "series", "first_step"),
    )
    op.create_table(
        "frames",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("batch", sa.BigInteger(), nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("least_step", sa.BigInteger(), nullable=False),
        sa.Column("most_step", sa.BigInteger(), nullable=False),
        sa.Column("blob", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "run_id", "number"),
    )
    op.create_table(
        "inbox",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("writer", sa.String(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("time", sa.Double(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "writer", "sequence"),
    )
    op.create_index("inbox_by_place", "inbox", ["organization", "place"], unique=False)
    op.create_table(
        "media",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("time", sa.Double(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("meta", sa.JSON(none_as_null=True), nullable=False),
        sa.PrimaryKeyConstraint("organization", "run_id", "seq"),
    )
    op.create_index("media_by_digest", "media", ["organization", "digest"], unique=False)
    op.create_index("media_by_key", "media", ["organization", "run_id", _short("key"), "step", "seq"])
    op.create_table(
        "runs",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("silent", sa.Boolean(), nullable=False),
        sa.Column("config", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("summary", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("definitions", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("tags", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("group", sa.Text(), nullable=True),
        sa.Column("job_type", sa.Text(), nullable=True),
        sa.Column("experiment_id", sa.Text(), nullable=True),
        sa.Column("parent_id", sa.Text(), nullable=True),
        sa.Column("code", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("environment", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("processes", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("exit_code", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("actor", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("heartbeat_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "id"),
    )
    op.create_index("runs_by_experiment", "runs", ["organization", "experiment_id"], unique=False)
    op.create_index("runs_by_name", "runs", ["organization", "project", _short("name")])
    op.create_index("runs_by_number", "runs", ["organization", "project", "number"], unique=True)
    op.create_index("runs_by_seq", "runs", ["organization", "seq"], unique=True)
    op.create_index("runs_by_state", "runs", ["organization", "project", "state", "number"], unique=False)
    op.create_table(
        "series",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("duplicates", sa.BigInteger(), nullable=False),
        sa.Column("nans", sa.BigInteger(), nullable=False),
        sa.Column("infinities", sa.BigInteger(), nullable=False),
        sa.Column("first_step", sa.BigInteger(), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=True),
        sa.Column("most_step", sa.BigInteger(), nullable=True),
        sa.Column("last_time", sa.Double(), nullable=True),
        sa.Column("last", sa.Double(), nullable=True),
        sa.Column("min", sa.Double(), nullable=True),
        sa.Column("max", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("organization", "run_id", "id"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "series_by_name", "series", ["organization", "run_id", "name", "labels", "kind"], unique=True
    )
    op.create_table(
        "summaries",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("series", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first_step", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("nans", sa.BigInteger(), nullable=False),
        sa.Column("infinities", sa.BigInteger(), nullable=False),
        sa.Column("min", sa.Double(), nullable=True),
        sa.Column("max", sa.Double(), nullable=True),
        sa.Column("min_step", sa.BigInteger(), nullable=True),
        sa.Column("max_step", sa.BigInteger(), nullable=True),
        sa.Column("min_time", sa.BigInteger(), nullable=True),
        sa.Column("max_time", sa.BigInteger(), nullable=True),
        sa.Column("mean", sa.Double(), nullable=True),
        sa.Column("first", sa.Double(), nullable=True),
        sa.Column("last", sa.Double(), nullable=True),
        sa.Column("first_time", sa.BigInteger(), nullable=False),
        sa.Column("last_time", sa.BigInteger(), nullable=False),
        sa.Column("least_time", sa.BigInteger(), nullable=False),
        sa.Column("most_time", sa.BigInteger(), nullable=False),
        sa.Column("pyramid", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "run_id", "series", "first_step"),
    )
    op.create_table(
        "texts",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("series", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("first_time", sa.Double(), nullable=False),
        sa.Column("last_time", sa.Double(), nullable=False),
        sa.Column("blob", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "run_id", "series", "first"),
    )
    op.create_table(
        "writers",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("texts", sa.BigInteger(), nullable=False),
        sa.Column("lost_records", sa.BigInteger(), nullable=False),
        sa.Column("lost_points", sa.BigInteger(), nullable=False),
        sa.Column("claimed", sa.BigInteger(), nullable=True),
        sa.Column("faults", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "id"),
    )
    op.create_index("writers_by_run", "writers", ["organization", "run_id"], unique=False)
    op.add_column("projects", sa.Column("runs", sa.BigInteger(), server_default="0", nullable=False))
