"""All tables at once, wherever they are declared; whoever declares tables in a new module imports it here."""

from __future__ import annotations

from autoresearch.store import access_schema, blob_schema, event_schema, run_schema, schema, tagged_schema
from autoresearch.store.columns import metadata

__all__ = [
    "access_schema",
    "blob_schema",
    "event_schema",
    "metadata",
    "run_schema",
    "schema",
    "tagged_schema",
]
