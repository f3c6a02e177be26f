"""Every operation of a ledger as one row: its route, its arguments, its answer, and what it takes to call it.

The HTTP routes, the OpenAPI page, the typed client and the ledger over HTTP are all made from this table. It holds data only:
an operation that needs a step of its own is written by hand where it is served.

Names in braces, names of ``query`` and ``body_as`` are the arguments of the ledger's method.
"""

from __future__ import annotations

from collections.abc import Mapping

from autoresearch.protocol import (
    operations_blobs,
    operations_campaigns,
    operations_folders,
    operations_hand,
    operations_people,
    operations_research,
    operations_runs,
    operations_things,
)
from autoresearch.protocol.rows import Operation

__all__ = ["GROUPS", "OPERATIONS", "TITLES", "by_call"]

GROUPS: Mapping[str, tuple[Operation, ...]] = {
    "hand": operations_hand.ROWS,
    "blobs": operations_blobs.ROWS,
    "research": operations_research.ROWS,
    "things": operations_things.ROWS,
    "runs": operations_runs.ROWS,
    "people": operations_people.ROWS,
    "folders": operations_folders.ROWS,
    "campaigns": operations_campaigns.ROWS,
}
"""The rows by what they are about."""

TITLES: Mapping[str, str] = {
    "research": "Goals, sessions, experiments, verdicts",
    "campaigns": "Campaigns and trials",
    "runs": "Runs and metrics",
    "things": "Artifacts",
    "blobs": "Blobs and files",
    "folders": "Folders and annotations",
    "people": "People and keys",
    "hand": "Points, pictures, and what belongs to no other group",
}
"""The groups as people read them."""

OPERATIONS: Mapping[str, Operation] = {row.name: row for rows in GROUPS.values() for row in rows}


def by_call(part: str) -> Mapping[str, Operation]:
    """The operations of one part of the ledger, by the name of its method."""
    return {row.call: row for row in OPERATIONS.values() if part and row.part == part}
