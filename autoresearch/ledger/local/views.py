"""Rows as records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from autoresearch.ledger.local.unit import Unit
from autoresearch.records.experiment import Actor, Decision, Delivery, Diff, Experiment, Note, Session
from autoresearch.records.frontier import Event
from autoresearch.records.goal import Goal, Project, Segment
from autoresearch.store import campaign_schema, schema
from autoresearch.store.rows import Row

__all__ = [
    "decision",
    "event",
    "experiment",
    "experiments",
    "goal",
    "note",
    "notes",
    "project",
    "segment",
    "session",
]

_MADE = {"diff", "files", "command", "notices", "uses", "on_frontier", "actor", "decided_by"}
_STORED = tuple(
    name for name in Experiment.model_fields if name in schema.experiments.c and name not in _MADE
)
_ON_FRONTIER = sa.select(schema.frontier.c.experiment_id).where(
    schema.frontier.c.organization == sa.bindparam("organization"),
    schema.frontier.c.experiment_id.in_(sa.bindparam("ids", expanding=True)),
)
_USES = sa.select(schema.uses).where(
    schema.uses.c.organization == sa.bindparam("organization"),
    schema.uses.c.experiment_id.in_(sa.bindparam("ids", expanding=True)),
)
_given = campaign_schema.deliveries.c
_DELIVERIES = (
    sa.select(
        _given.note_id,
        _given.recorded_at,
        campaign_schema.campaigns.c.number.label("campaign"),
        campaign_schema.trials.c.number.label("trial"),
    )
    .join(
        campaign_schema.campaigns,
        sa.and_(
            campaign_schema.campaigns.c.organization == _given.organization,
            campaign_schema.campaigns.c.id == _given.campaign_id,
        ),
    )
    .join(
        campaign_schema.trials,
        sa.and_(
            campaign_schema.trials.c.organization == _given.organization,
            campaign_schema.trials.c.id == _given.trial_id,
        ),
    )
    .where(
        _given.organization == sa.bindparam("organization"),
        _given.note_id.in_(sa.bindparam("ids", expanding=True)),
    )
    .order_by(campaign_schema.campaigns.c.number)
)


def goal(values: Mapping[str, Any] | None) -> Goal | None:
    """The goal kept in a segment's row."""
    return None if values is None else Goal.model_validate_json(_json(values))


def _json(values: Mapping[str, Any]) -> bytes:
    from autoresearch.records.base import canonical_json

    return canonical_json(dict(values))


def segment(row: Row) -> Segment:
    """A segment with the goal that rules it."""
    shared = {name: row[name] for name in Segment.model_fields if name != "goal"}
    return Segment(**shared, goal=goal(row["goal"]))


def project(unit: Unit, row: Row) -> Project:
    """A project with its present goal."""
    segment = unit.rows.one(schema.segments, project=row["name"], number=row["segment"])
    return Project(
        name=row["name"],
        goal=goal(segment["goal"] if segment else None),
        segment=row["segment"],
        active_session=row["active_session"],
        experiments=row["experiments"],
        sessions=row["sessions"],
        created_at=row["recorded_at"],
    )


def session(row: Row) -> Session:
    """A session."""
    return Session(**{**_shared(row, Session), "actor": Actor(**row["actor"])})


def experiment(unit: Unit, row: Row) -> Experiment:
    """One experiment."""
    return experiments(unit, [row])[0]


def experiments(unit: Unit, rows: Sequence[Row]) -> tuple[Experiment, ...]:
    """Experiments, with what other tables say of them read once for all."""
    ids = [row["id"] for row in rows]
    if not ids:
        return ()
    steps = {found["experiment_id"] for found in unit.rows.run(_ON_FRONTIER, ids=ids)}
    used = _uses(unit, ids)
    return tuple(_experiment(row, on_frontier=row["id"] in steps, uses=used[row["id"]]) for row in rows)


def _uses(unit: Unit, ids: Iterable[str]) -> Mapping[str, list[str]]:
    used: dict[str, list[str]] = defaultdict(list)
    for found in unit.rows.run(_USES, ids=list(ids)):
        used[found["experiment_id"]].append(f"{found['artifact']}:v{found['number']}")
    return used


def _experiment(row: Row, *, on_frontier: bool, uses: Iterable[str]) -> Experiment:
    # The row was checked before it was stored; checking a thousand of them again takes longer than reading them. It is
    # made as a pickled one is, since model_construct looks at each field.
    stored: dict[str, Any] = dict(row)
    values = {name: stored[name] for name in _STORED}
    values.update(
        diff=Diff.model_construct(**stored["diff"]) if stored["diff"] else None,
        files=tuple(stored["files"]),
        command=tuple(stored["command"]),
        notices=tuple(stored["notices"]),
        uses=tuple(sorted(uses)),
        on_frontier=on_frontier,
        actor=Actor.model_construct(**stored["actor"]),
        decided_by=Actor.model_construct(**stored["decided_by"]) if stored["decided_by"] else None,
    )
    made = Experiment.__new__(Experiment)
    state = {"__dict__": values, "__pydantic_fields_set__": set(values)}
    made.__setstate__({**state, "__pydantic_extra__": None, "__pydantic_private__": None})
    return made


def decision(row: Row, *, superseded: bool) -> Decision:
    """A verdict as given."""
    return Decision(
        **{
            **_shared(row, Decision),
            "samples": tuple(row["samples"]),
            "violations": tuple(row["violations"]),
            "actor": Actor(**row["actor"]),
            "superseded": superseded,
        }
    )


def note(unit: Unit, row: Row) -> Note:
    """One remark."""
    return notes(unit, [row])[0]


def notes(unit: Unit, rows: Sequence[Row]) -> tuple[Note, ...]:
    """Remarks, with which trials were given them."""
    given: dict[str, list[Delivery]] = defaultdict(list)
    for found in unit.rows.run(_DELIVERIES, ids=[row["id"] for row in rows]) if rows else ():
        trial = Delivery(
            campaign_number=found["campaign"], trial_number=found["trial"], at=found["recorded_at"]
        )
        given[found["note_id"]].append(trial)
    return tuple(
        Note(**{**_shared(row, Note), "actor": Actor(**row["actor"]), "delivered": tuple(given[row["id"]])})
        for row in rows
    )


def event(row: Row) -> Event:
    """An event."""
    return Event(**{**_shared(row, Event), "actor": Actor(**row["actor"])})


def _shared(row: Row, kind: type[Any]) -> dict[str, Any]:
    return {name: row[name] for name in kind.model_fields if name in row}
