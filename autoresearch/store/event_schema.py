"""The tables of metric events: numbers that their client names one by one.

An event is a point of a series as well; what a point does not keep is kept here: that it is itself and none else, that its step was
left out, and both times.
"""

from __future__ import annotations

import sqlalchemy as sa

from autoresearch.store.columns import key, metadata, organization, real, text, whole

__all__ = ["metric_events", "series_metadata"]

metric_events = sa.Table(
    "metric_events",
    metadata,
    organization(),
    key("run_id"),
    key("event_id"),
    whole("seq"),
    whole("series"),
    whole("at_step"),
    whole("step", null=True),
    real("value", null=False),
    whole("client_ms"),
    whole("server_ms"),
    sa.Index("metric_events_by_series", "organization", "run_id", "series", "seq"),
    sa.Index("metric_events_by_seq", "organization", "run_id", "seq", unique=True),
)
"""``step`` is what the client said, NULL for none; ``at_step`` is the step of the point. Times are Unix milliseconds."""

series_metadata = sa.Table(
    "series_metadata",
    metadata,
    organization(),
    key("run_id"),
    key("series", sa.BigInteger),
    text("said"),
)
"""Name and metadata of series whose own name or labels have no room for them: both in a list, as JSON."""
