"""Tables of blobs: which organization has sent which bytes, and uploads that are not finished.

Blobs of all organizations lie in one store, each once. What an organization may read is what it has sent itself, so knowing a
digest opens nothing.
"""

from __future__ import annotations

import sqlalchemy as sa

from autoresearch.store.columns import key, metadata, moment, organization, text, whole

__all__ = ["blobs", "collections", "parts", "uploads"]

# ``used_at``: when it was asked for again, by who is about to name it; a bucket cannot keep such a time without a new write.
blobs = sa.Table(
    "blobs",
    metadata,
    organization(),
    key("digest"),
    whole("size"),
    moment("recorded_at"),
    moment("used_at", null=True),
)

uploads = sa.Table(
    "uploads",
    metadata,
    organization(),
    key("id"),
    text("digest"),
    whole("size"),
    whole("received"),
    moment("touched_at"),
)

parts = sa.Table(
    "upload_parts",
    metadata,
    organization(),
    key("upload"),
    key("first", sa.BigInteger),
    whole("size"),
    text("name"),
)

# Of the whole store: objects are removed for all organizations at once.
collections = sa.Table("collections", metadata, key("number", sa.BigInteger), moment("recorded_at"))
