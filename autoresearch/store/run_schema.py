"""The tables of runs and their points.

``runs``, ``media``, ``folders`` and ``annotations`` are written by the ledger. The others are written by ``points``, on the path that a training process
pays for: a batch of a writer becomes frames, statistics, text blobs and messages in one transaction, which also advances the
writer's sequence number. ``silent`` marks a run that counts as crashed because nothing was heard of it. In statistics NULL
stands for NaN, which a REAL column of SQLite cannot hold.
"""

from __future__ import annotations

import sqlalchemy as sa

from autoresearch.store.columns import (
    blob,
    flag,
    json,
    key,
    metadata,
    moment,
    organization,
    real,
    text,
    whole,
)

__all__ = [
    "axes",
    "chunks",
    "folders",
    "frames",
    "inbox",
    "media",
    "run_annotations",
    "runs",
    "series",
    "summaries",
    "texts",
    "writers",
]

runs = sa.Table(
    "runs",
    metadata,
    organization(),
    key("id"),
    text("project"),
    whole("number"),
    whole("seq"),
    text("name"),
    text("state"),
    flag("silent"),
    json("config"),
    json("summary"),
    json("definitions"),
    json("tags"),
    text("note"),
    text("group", null=True),
    text("job_type", null=True),
    text("experiment_id", null=True),
    text("parent_id", null=True),
    json("code", null=True),
    json("environment"),
    json("processes"),
    whole("exit_code", null=True),
    text("error", null=True),
    json("actor"),
    moment("started_at"),
    moment("ended_at", null=True),
    moment("heartbeat_at"),
    moment("recorded_at"),
    text("folder_id", null=True),
    text("content", null=True),
    whole("patient", null=True),
    text("error_name", null=True),
    moment("changed_at", null=True),
    sa.Index("runs_by_number", "organization", "project", "number", unique=True),
    sa.Index("runs_by_seq", "organization", "seq", unique=True),
    sa.Index("runs_by_state", "organization", "project", "state", "number"),
    sa.Index("runs_by_experiment", "organization", "experiment_id"),
    sa.Index("runs_by_name", "organization", "project", "name"),
    sa.Index("runs_by_folder", "organization", "folder_id", "seq"),
)
"""``content`` is the key of the request that made the run; NULL when its journal did.

``patient`` is 1 for a run that does not count as crashed for its silence: its client gives no signs of life. ``error_name`` is what
``error`` begins with, where the client told name and detail apart. ``changed_at`` is when the row changed last, NULL for never.
"""

folders = sa.Table(
    "folders",
    metadata,
    organization(),
    key("id"),
    text("parent_id"),
    text("name"),
    whole("seq"),
    json("actor"),
    text("content"),
    moment("recorded_at"),
    moment("updated_at"),
    sa.Index("folders_by_parent", "organization", "parent_id", "name", unique=True),
    sa.Index("folders_by_seq", "organization", "seq", unique=True),
)
"""``parent_id`` is empty at the root, not NULL, so that names are told apart there as well."""

run_annotations = sa.Table(
    "annotations",
    metadata,
    organization(),
    key("id"),
    text("run_id"),
    whole("seq"),
    text("text"),
    json("metadata"),
    moment("at"),
    json("actor"),
    text("content"),
    moment("recorded_at"),
    sa.Index("annotations_by_run", "organization", "run_id", "seq", unique=True),
)

media = sa.Table(
    "media",
    metadata,
    organization(),
    key("run_id"),
    key("seq", sa.BigInteger),
    text("key"),
    whole("step"),
    real("time", null=False),
    text("kind"),
    text("media_type"),
    text("digest", null=True),
    whole("size"),
    json("meta"),
    sa.Index("media_by_key", "organization", "run_id", "key", "step", "seq"),
    sa.Index("media_by_digest", "organization", "digest"),
)

inbox = sa.Table(
    "inbox",
    metadata,
    organization(),
    key("writer"),
    key("sequence", sa.BigInteger),
    text("run_id"),
    whole("place"),
    real("time", null=False),
    text("body"),
    sa.Index("inbox_by_place", "organization", "place"),
)
"""Messages that were received and not yet applied; ``place`` is the order of arrival."""

writers = sa.Table(
    "writers",
    metadata,
    organization(),
    key("id"),
    text("run_id"),
    whole("sequence"),
    whole("records"),
    whole("points"),
    whole("texts"),
    whole("lost_records"),
    whole("lost_points"),
    whole("claimed", null=True),
    text("faults"),
    real("updated_at", null=False),
    sa.Index("writers_by_run", "organization", "run_id"),
)
"""One row for each process that wrote: how far it is stored, how much that was, and what it said at its end."""

series = sa.Table(
    "series",
    metadata,
    organization(),
    key("run_id"),
    key("id", sa.BigInteger),
    text("name"),
    text("labels"),
    text("kind"),
    whole("points"),
    whole("duplicates"),
    whole("nans"),
    whole("infinities"),
    whole("first_step", null=True),
    whole("last_step", null=True),
    whole("most_step", null=True),
    real("last_time"),
    real("last"),
    real("min"),
    real("max"),
    sa.Index("series_by_name", "organization", "run_id", "name", "labels", "kind", unique=True),
    sqlite_with_rowid=False,
)
"""What is known of each series without reading a point; ``kind`` is metric or text.

Rows lie in the order of their key: those of one run beside each other, which is how a thousand runs are listed.
"""

frames = sa.Table(
    "frames",
    metadata,
    organization(),
    key("run_id"),
    key("number", sa.BigInteger),
    whole("batch"),
    text("series"),
    whole("n"),
    whole("least_step"),
    whole("most_step"),
    blob("blob"),
)
"""The live tail: columns as they came, one row for each key set of a batch; ``series`` has the ids of the columns, such as ``1-3,7``."""

axes = sa.Table(
    "axes",
    metadata,
    organization(),
    key("run_id"),
    key("id", sa.BigInteger),
    whole("n"),
    whole("uses"),
    blob("blob"),
)
"""Steps and times of chunks, once for all series that share them; ``uses`` counts the chunks that do."""

chunks = sa.Table(
    "chunks",
    metadata,
    organization(),
    key("run_id"),
    key("series", sa.BigInteger),
    key("first_step", sa.BigInteger),
    whole("last_step"),
    whole("axis"),
    whole("n"),
    blob("blob"),
)

summaries = sa.Table(
    "summaries",
    metadata,
    organization(),
    key("run_id"),
    key("series", sa.BigInteger),
    key("first_step", sa.BigInteger),
    whole("last_step"),
    whole("n"),
    whole("nans"),
    whole("infinities"),
    real("min"),
    real("max"),
    whole("min_step", null=True),
    whole("max_step", null=True),
    whole("min_time", null=True),
    whole("max_time", null=True),
    real("mean"),
    real("first"),
    real("last"),
    whole("first_time"),
    whole("last_time"),
    whole("least_time"),
    whole("most_time"),
    blob("pyramid"),
)
"""One row for each chunk, apart from the blobs, so that a long series is drawn without reading them.

Times are microseconds since 1970 UTC, as in the chunks. ``min_step`` and ``min_time`` say where the least value lies;
``first_time`` is that of the first point, ``least_time`` the least of all, which differ when a clock was set back.
"""

texts = sa.Table(
    "texts",
    metadata,
    organization(),
    key("run_id"),
    key("series", sa.BigInteger),
    key("first", sa.BigInteger),
    whole("n"),
    real("first_time", null=False),
    real("last_time", null=False),
    blob("blob"),
)
"""Entries of text series; ``first`` counts lines from 0."""
