"""The tables of people and keys. Of every secret only a digest is stored; ``prefix`` finds the row, ``digest`` decides.

What belongs to one organization carries it first in its key, as every row of the ledger does. People, what they are signed in with,
and what is known before anybody is signed in belong to the whole store.
"""

from __future__ import annotations

import sqlalchemy as sa

from autoresearch.store.columns import json, key, metadata, moment, organization, text, whole

__all__ = [
    "api_keys",
    "audit",
    "devices",
    "ingestion_keys",
    "invitations",
    "memberships",
    "organizations",
    "password_resets",
    "setups",
    "sign_in_attempts",
    "users",
    "web_sessions",
]

organizations = sa.Table(
    "organizations",
    metadata,
    key("id"),
    text("name"),
    text("name_key"),
    moment("created_at"),
    sa.Index("organizations_by_name", "name_key", "id"),
)

users = sa.Table(
    "users",
    metadata,
    key("id"),
    text("email"),
    text("name"),
    text("password", null=True),
    moment("created_at"),
    moment("password_changed_at", null=True),
    moment("signed_in_at", null=True),
    sa.Index("users_by_email", "email", unique=True),
)

memberships = sa.Table(
    "memberships",
    metadata,
    organization(),
    key("user_id"),
    text("role"),
    moment("created_at"),
    sa.Index("memberships_by_user", "user_id", "organization"),
)

invitations = sa.Table(
    "invitations",
    metadata,
    organization(),
    key("id"),
    text("email"),
    text("role"),
    text("prefix"),
    text("digest"),
    text("made_by"),
    text("user_id", null=True),
    moment("created_at"),
    moment("expires_at"),
    moment("accepted_at", null=True),
    moment("revoked_at", null=True),
    sa.Index("invitations_by_prefix", "prefix", unique=True),
)

password_resets = sa.Table(
    "password_resets",
    metadata,
    key("id"),
    text("user_id"),
    text("prefix"),
    text("digest"),
    text("made_by"),
    moment("created_at"),
    moment("expires_at"),
    moment("used_at", null=True),
    sa.Index("password_resets_by_prefix", "prefix", unique=True),
    sa.Index("password_resets_by_user", "user_id", "id"),
)

setups = sa.Table(
    "setups",
    metadata,
    key("id"),
    text("prefix"),
    text("digest"),
    moment("created_at"),
    moment("expires_at"),
    sa.Index("setups_by_prefix", "prefix", unique=True),
)

web_sessions = sa.Table(
    "web_sessions",
    metadata,
    key("id"),
    text("user_id"),
    text("prefix"),
    text("digest"),
    text("active", null=True),
    text("agent"),
    text("address"),
    moment("created_at"),
    moment("seen_at"),
    moment("expires_at"),
    sa.Index("web_sessions_by_prefix", "prefix", unique=True),
    sa.Index("web_sessions_by_user", "user_id", "id"),
)

devices = sa.Table(
    "devices",
    metadata,
    key("id"),
    text("user_id"),
    text("prefix"),
    text("digest"),
    moment("created_at"),
    moment("used_at"),
    sa.Index("devices_by_prefix", "prefix", unique=True),
    sa.Index("devices_by_user", "user_id", "used_at"),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    organization(),
    key("id"),
    text("name"),
    text("prefix"),
    text("digest"),
    text("scope"),
    text("made_by"),
    text("user_id", null=True),
    moment("created_at"),
    moment("expires_at", null=True),
    moment("used_at", null=True),
    moment("revoked_at", null=True),
    sa.Index("api_keys_by_prefix", "prefix", unique=True),
    sa.Index("api_keys_by_user", "organization", "user_id", "id"),
)

ingestion_keys = sa.Table(
    "ingestion_keys",
    metadata,
    organization(),
    key("id"),
    text("run_id"),
    text("name"),
    text("prefix"),
    text("digest"),
    text("made_by"),
    text("user_id", null=True),
    text("key_id", null=True),
    moment("created_at"),
    moment("expires_at"),
    moment("used_at", null=True),
    moment("revoked_at", null=True),
    sa.Index("ingestion_keys_by_prefix", "prefix", unique=True),
    sa.Index("ingestion_keys_by_run", "organization", "run_id", "id"),
    sa.Index("ingestion_keys_by_key", "organization", "key_id"),
)

sign_in_attempts = sa.Table(
    "sign_in_attempts",
    metadata,
    key("bucket"),
    whole("failures"),
    moment("blocked_until"),
    moment("updated_at"),
    sa.Index("sign_in_attempts_by_age", "updated_at"),
)

audit = sa.Table(
    "audit",
    metadata,
    key("id"),
    text("organization", null=True),
    text("kind"),
    text("subject"),
    json("actor"),
    json("after", null=True),
    moment("recorded_at"),
    sa.Index("audit_by_organization", "organization", "id"),
)
