"""Blobs: which organization has sent which bytes, and uploads that are not finished."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_FAN = re.compile(r"[0-9a-f]{2}\Z")
_REST = re.compile(r"[0-9a-f]{62}\Z")


def upgrade() -> None:
    """Blobs: which organization has sent which bytes, and uploads that are not finished."""
    blobs = op.create_table(
        "blobs",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("organization", "digest"),
    )
    op.create_table(
        "collections",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "upload_parts",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("upload", sa.String(), autoincrement=False, nullable=False),
        sa.Column("first", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "upload", "first"),
    )
    op.create_table(
        "uploads",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("touched_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "id"),
    )
    if op.get_bind().dialect.name == "sqlite":
        _take_over(blobs)


def _take_over(blobs: sa.Table) -> None:
    """What lies beside the file was stored before there were organizations: all of it is that of the embedded ledger."""
    attached = op.get_bind().exec_driver_sql("PRAGMA database_list").all()
    folder = Path(attached[0][2]).parent / "objects"
    now = int(datetime.datetime.now(datetime.UTC).timestamp() * 1e6)
    for fan in _inside(folder) if attached[0][2] else []:
        rows = [
            {
                "organization": "local",
                "digest": fan.name + file.name,
                "size": file.stat().st_size,
                "recorded_at": now,
            }
            for file in (_inside(fan) if _FAN.match(fan.name) else [])
            if _REST.match(file.name)
        ]
        if rows:
            op.bulk_insert(blobs, rows)


def _inside(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
