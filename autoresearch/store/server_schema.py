"""The table of answers that were given to requests with an ``Idempotency-Key``."""

from __future__ import annotations

import sqlalchemy as sa

from autoresearch.store.columns import blob, key, metadata, moment, organization, text, whole

__all__ = ["replies"]

replies = sa.Table(
    "replies",
    metadata,
    organization(),
    key("name"),
    text("fingerprint"),
    whole("status"),
    text("media_type"),
    blob("body"),
    moment("recorded_at"),
    sa.Index("replies_by_age", "organization", "recorded_at"),
)
"""``name`` is a digest of caller, verb, path and key; ``status`` is 0 while the first request is at work."""
