"""People and keys: who may do what in which organization, and the digests of what they prove it with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """People and keys: who may do what in which organization, and the digests of what they prove it with."""
    op.create_table(
        "api_keys",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("organization", "id"),
    )
    op.create_index("api_keys_by_prefix", "api_keys", ["prefix"], unique=True)
    op.create_index("api_keys_by_user", "api_keys", ["organization", "user_id", "id"], unique=False)
    op.create_table(
        "audit",
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("organization", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("actor", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("after", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("audit_by_organization", "audit", ["organization", "id"], unique=False)
    op.create_table(
        "devices",
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("devices_by_prefix", "devices", ["prefix"], unique=True)
    op.create_index("devices_by_user", "devices", ["user_id", "used_at"], unique=False)
    op.create_table(
        "ingestion_keys",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("organization", "id"),
    )
    op.create_index("ingestion_keys_by_key", "ingestion_keys", ["organization", "key_id"], unique=False)
    op.create_index("ingestion_keys_by_prefix", "ingestion_keys", ["prefix"], unique=True)
    op.create_index("ingestion_keys_by_run", "ingestion_keys", ["organization", "run_id", "id"], unique=False)
    op.create_table(
        "invitations",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("organization", "id"),
    )
    op.create_index("invitations_by_prefix", "invitations", ["prefix"], unique=True)
    op.create_table(
        "memberships",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "user_id"),
    )
    op.create_index("memberships_by_user", "memberships", ["user_id", "organization"], unique=False)
    op.create_table(
        "organizations",
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("organizations_by_name", "organizations", ["name_key", "id"], unique=False)
    op.create_table(
        "password_resets",
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("password_resets_by_prefix", "password_resets", ["prefix"], unique=True)
    op.create_index("password_resets_by_user", "password_resets", ["user_id", "id"], unique=False)
    op.create_table(
        "setups",
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("setups_by_prefix", "setups", ["prefix"], unique=True)
    op.create_table(
        "sign_in_attempts",
        sa.Column("bucket", sa.String(), autoincrement=False, nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("blocked_until", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("bucket"),
    )
    op.create_index("sign_in_attempts_by_age", "sign_in_attempts", ["updated_at"], unique=False)
    op.create_table(
        "users",
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("password_changed_at", sa.BigInteger(), nullable=True),
        sa.Column("signed_in_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("users_by_email", "users", ["email"], unique=True)
    op.create_table(
        "web_sessions",
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("active", sa.Text(), nullable=True),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("web_sessions_by_prefix", "web_sessions", ["prefix"], unique=True)
    op.create_index("web_sessions_by_user", "web_sessions", ["user_id", "id"], unique=False)
