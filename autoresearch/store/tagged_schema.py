"""The table of configuration values that came with the name of their type, as their client will ask for them again."""

from __future__ import annotations

import sqlalchemy as sa

from autoresearch.store.columns import key, metadata, moment, organization, text

__all__ = ["tagged_configs"]

tagged_configs = sa.Table(
    "tagged_configs",
    metadata,
    organization(),
    key("run_id"),
    key("path"),
    text("tag"),
    text("value"),
    moment("updated_at"),
)
"""``runs.config`` has the same values in their JSON form; this one keeps what that form loses, such as a date's type."""
