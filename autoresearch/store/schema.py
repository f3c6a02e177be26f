"""The tables. Every one carries the organization, and every statement of ``rows`` names it.

Order is the ledger's own ``seq`` (one counter per organization), never a clock. Numbers that people see are counted
per project. ``segments``, ``attempts`` and ``repeats`` are running summaries, kept in the transaction that changes what they
summarize, so that reading the state of a project costs the same at ten and at ten thousand experiments.
"""

from __future__ import annotations

import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

__all__ = [
    "Moment",
    "artifacts",
    "attempts",
    "counters",
    "decisions",
    "edits",
    "events",
    "experiments",
    "frontier",
    "metadata",
    "notes",
    "producers",
    "projects",
    "refs",
    "repeats",
    "segments",
    "sessions",
    "uses",
    "versions",
]

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)


class Moment(TypeDecorator[datetime.datetime]):
    """A time as whole microseconds since 1970 UTC: exact, ordered and equal in every dialect."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime.datetime | None, _dialect: Any) -> int | None:
        """Microseconds for the database."""
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any, _dialect: Any) -> datetime.datetime | None:
        """A UTC time for the library."""
        return None if value is None else _EPOCH + value * _MICROSECOND


metadata = sa.MetaData()


def _organization() -> sa.Column[str]:
    return sa.Column("organization", sa.String, primary_key=True)


def _key(name: str, kind: type[sa.types.TypeEngine[Any]] = sa.String) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def _text(name: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=null)


def _whole(name: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=null)


def _real(name: str, *, null: bool = True) -> sa.Column[Any]:
    return sa.Column(name, sa.Double, nullable=null)


def _flag(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean, nullable=False)


def _json(name: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.JSON(none_as_null=True), nullable=null)


def _moment(name: str) -> sa.Column[Any]:
    return sa.Column(name, Moment, nullable=False)


counters = sa.Table("counters", metadata, _organization(), _whole("seq"))

projects = sa.Table(
    "projects",
    metadata,
    _organization(),
    _key("name"),
    _whole("segment"),
    _whole("goal_revision"),
    _text("active_session", null=True),
    _whole("experiments"),
    _whole("sessions"),
    _moment("recorded_at"),
)

segments = sa.Table(
    "segments",
    metadata,
    _organization(),
    _key("project"),
    _key("number", sa.BigInteger),
    _json("goal", null=True),
    _text("reason"),
    _whole("recorded"),
    _whole("kept"),
    _whole("dropped"),
    _whole("crashed"),
    _real("seconds", null=False),
    _moment("recorded_at"),
)

sessions = sa.Table(
    "sessions",
    metadata,
    _organization(),
    _key("id"),
    _text("project"),
    _whole("number"),
    _whole("seq"),
    _text("tag"),
    _text("branch", null=True),
    _text("note"),
    _text("state"),
    _json("actor"),
    _text("content"),
    _moment("recorded_at"),
    sa.Index("sessions_by_number", "organization", "project", "number", unique=True),
)

experiments = sa.Table(
    "experiments",
    metadata,
    _organization(),
    _key("id"),
    _text("project"),
    _whole("number"),
    _whole("seq"),
    _text("session_id"),
    _whole("segment"),
    _text("note"),
    _text("commit", null=True),
    _text("parent_commit", null=True),
    _text("branch", null=True),
    _text("parent_id", null=True),
    _json("diff", null=True),
    _text("change_key", null=True),
    _json("files"),
    _json("config"),
    _json("command"),
    _text("tree", null=True),
    _text("repro_key"),
    _json("notices"),
    _json("source", null=True),
    _json("actor"),
    _text("content"),
    _moment("occurred_at"),
    _moment("recorded_at"),
    # The present verdict, repeated from its decision row so that lists need no join.
    _text("state"),
    _text("decision_id", null=True),
    _whole("position", null=True),
    _flag("eligible"),
    _real("score"),
    _json("metrics"),
    _text("reason"),
    _real("gain"),
    _real("seconds"),
    _text("log_tail"),
    _json("decided_by", null=True),
    sa.Index("experiments_by_number", "organization", "project", "number", unique=True),
    sa.Index("experiments_by_seq", "organization", "seq", unique=True),
    sa.Index("experiments_by_segment", "organization", "project", "segment", "number"),
    sa.Index("experiments_by_session", "organization", "session_id", "number"),
    sa.Index("experiments_by_state", "organization", "project", "segment", "state", "number"),
    sa.Index("experiments_by_position", "organization", "project", "segment", "eligible", "position"),
    sa.Index("experiments_by_code", "organization", "project", "segment", "repro_key", "number"),
    sa.Index("experiments_by_change", "organization", "project", "change_key"),
)

decisions = sa.Table(
    "decisions",
    metadata,
    _organization(),
    _key("id"),
    _text("experiment_id"),
    _text("project"),
    _whole("number"),
    _whole("segment"),
    _whole("seq"),
    _text("status"),
    _real("score"),
    _json("samples"),
    _text("metric"),
    _json("metrics"),
    _text("reason"),
    _real("seconds"),
    _flag("advanced"),
    _real("gain"),
    _flag("within_noise"),
    _json("violations"),
    _text("standing"),
    _json("actor"),
    _text("content"),
    _moment("recorded_at"),
    sa.Index("decisions_by_experiment", "organization", "experiment_id", "seq"),
)

frontier = sa.Table(
    "frontier",
    metadata,
    _organization(),
    _key("project"),
    _key("segment", sa.BigInteger),
    _key("position", sa.BigInteger),
    _text("experiment_id"),
    _whole("number"),
    _real("score", null=False),
    _real("gain"),
    sa.Index("frontier_by_experiment", "organization", "experiment_id"),
)

repeats = sa.Table(
    "repeats",
    metadata,
    _organization(),
    _key("project"),
    _key("segment", sa.BigInteger),
    _key("repro_key"),
    _whole("n"),
    _real("mean", null=False),
    _real("squares", null=False),
    sa.Index("repeats_by_n", "organization", "project", "segment", "n"),
)

edits = sa.Table(
    "edits",
    metadata,
    _organization(),
    _key("experiment_id"),
    _key("ordinal", sa.BigInteger),
    _text("project"),
    _whole("segment"),
    _text("subject"),
    _text("name"),
    _text("before"),
    _text("after"),
    _whole("number"),
    sa.Index("edits_by_name", "organization", "project", "name", "number"),
    sa.Index("edits_by_subject", "organization", "project", "segment", "subject", "number"),
)

attempts = sa.Table(
    "attempts",
    metadata,
    _organization(),
    _key("project"),
    _key("segment", sa.BigInteger),
    _key("subject"),
    _whole("kept"),
    _whole("dropped"),
    _whole("crashed"),
    _whole("failures"),
    _whole("last_number"),
    _real("best_gain"),
    _json("recent"),
    sa.Index("attempts_by_failures", "organization", "project", "segment", "failures", "last_number"),
)

notes = sa.Table(
    "notes",
    metadata,
    _organization(),
    _key("id"),
    _text("project"),
    _whole("seq"),
    _text("text"),
    _text("experiment_id", null=True),
    _whole("experiment_number", null=True),
    _json("actor"),
    _text("content"),
    _moment("recorded_at"),
    sa.Index("notes_by_project", "organization", "project", "seq"),
)

events = sa.Table(
    "events",
    metadata,
    _organization(),
    _key("seq", sa.BigInteger),
    _text("project", null=True),
    _text("kind"),
    _text("subject"),
    _json("actor"),
    _json("before", null=True),
    _json("after", null=True),
    _moment("recorded_at"),
    sa.Index("events_by_project", "organization", "project", "seq"),
)

artifacts = sa.Table(
    "artifacts",
    metadata,
    _organization(),
    _key("name"),
    _text("project"),
    _text("type"),
    _text("description"),
    _whole("versions"),
    _whole("seq"),
    _moment("recorded_at"),
    sa.Index("artifacts_by_project", "organization", "project", "name"),
)

versions = sa.Table(
    "versions",
    metadata,
    _organization(),
    _key("artifact"),
    _key("number", sa.BigInteger),
    _text("id"),
    _text("project"),
    _text("tree"),
    _whole("size"),
    _whole("files"),
    _json("metadata"),
    _json("actor"),
    _whole("seq"),
    _moment("recorded_at"),
    sa.Index("versions_by_tree", "organization", "artifact", "tree", unique=True),
)

producers = sa.Table(
    "producers",
    metadata,
    _organization(),
    _key("artifact"),
    _key("number", sa.BigInteger),
    _key("experiment_id"),
    _whole("seq"),
    sa.Index("producers_by_experiment", "organization", "experiment_id", "artifact"),
)

uses = sa.Table(
    "uses",
    metadata,
    _organization(),
    _key("experiment_id"),
    _key("artifact"),
    _key("number", sa.BigInteger),
    sa.Index("uses_by_version", "organization", "artifact", "number"),
)

refs = sa.Table(
    "refs",
    metadata,
    _organization(),
    _key("artifact"),
    _key("name"),
    _whole("number"),
    _flag("automatic"),
    _whole("seq"),
)
