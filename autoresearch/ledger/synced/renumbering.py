"""The numbers that people see, in the ledger of this machine as on the server: a provisional one gives way."""

from __future__ import annotations

from typing import Any

from autoresearch.ledger.local.unit import Unit
from autoresearch.records.goal import Project
from autoresearch.store import campaign_schema, schema

__all__ = ["campaign", "counters", "experiment", "session", "trial", "version"]


def experiment(unit: Unit, identity: str, number: int, *, dry: bool = False) -> bool:
    """Give an experiment the server's number; answers whether it had another. ``dry`` only looks."""
    return _renumbered(unit, schema.experiments, "experiments", identity, number, dry=dry)


def session(unit: Unit, identity: str, number: int, *, dry: bool = False) -> bool:
    """The same for a session."""
    return _renumbered(unit, schema.sessions, "sessions", identity, number, dry=dry)


def campaign(unit: Unit, identity: str, number: int, *, dry: bool = False) -> bool:
    """The same for a campaign."""
    table = campaign_schema.campaigns
    row = unit.rows.one(table, id=identity)
    if row is None or row["number"] == number:
        return False
    if not dry:
        taken = unit.rows.one(table, project=row["project"], number=number)
        if taken is not None:
            last = unit.rows.list(table, order="number", descending=True, limit=1, project=row["project"])
            top = max(int(last[0]["number"]), number) + 1
            unit.rows.update(table, {"id": taken["id"]}, number=top)
        unit.rows.update(table, {"id": identity}, number=number)
    return True


def trial(unit: Unit, identity: str, number: int, *, dry: bool = False) -> bool:
    """The same for a trial; new ones are counted behind it."""
    row = unit.rows.one(campaign_schema.trials, id=identity)
    if row is None or row["number"] == number:
        return False
    if not dry:
        unit.rows.update(campaign_schema.trials, {"id": identity}, number=number)
        claimed = unit.rows.must(campaign_schema.campaigns, id=row["campaign_id"])["trials"]
        counted = {"trials": max(int(claimed), number)}
        unit.rows.update(campaign_schema.campaigns, {"id": row["campaign_id"]}, **counted)
    return True


def version(unit: Unit, artifact: str, tree: str, number: int) -> None:
    """Give the version of an artifact that has this tree the server's number."""
    row = unit.rows.one(schema.versions, artifact=artifact, tree=tree)
    if row is None or row["number"] == number:
        return
    top = max(int(unit.rows.must(schema.artifacts, name=artifact)["versions"]), number)
    if unit.rows.one(schema.versions, artifact=artifact, number=number) is not None:
        top += 1
        _move_version(unit, artifact, number, top)
    _move_version(unit, artifact, int(row["number"]), number)
    last = unit.rows.list(schema.versions, order="number", descending=True, limit=1, artifact=artifact)
    unit.rows.update(schema.artifacts, {"name": artifact}, versions=int(last[0]["number"]))


def counters(unit: Unit, project: Project) -> None:
    """Let new numbers of a project begin behind those of the server."""
    row = unit.rows.one(schema.projects, name=project.name)
    if row is not None:
        unit.rows.update(
            schema.projects,
            {"name": project.name},
            experiments=max(int(row["experiments"]), project.experiments),
            sessions=max(int(row["sessions"]), project.sessions),
        )


def _renumbered(unit: Unit, table: Any, counter: str, identity: str, number: int, *, dry: bool) -> bool:
    row = unit.rows.one(table, id=identity)
    if row is None or row["number"] == number:
        return False
    if dry:
        return True
    top = max(int(unit.project(row["project"])[counter]), number)
    taken = unit.rows.one(table, project=row["project"], number=number)
    if taken is not None:
        top += 1
        _move(unit, table, taken["id"], top)
    _move(unit, table, identity, number)
    unit.rows.update(schema.projects, {"name": row["project"]}, **{counter: top})
    return True


def _move(unit: Unit, table: Any, identity: str, number: int) -> None:
    unit.rows.update(table, {"id": identity}, number=number)
    if table is schema.experiments:
        for other in (schema.edits, schema.decisions, schema.frontier):
            unit.rows.update(other, {"experiment_id": identity}, number=number)
        unit.rows.update(schema.notes, {"experiment_id": identity}, experiment_number=number)


def _move_version(unit: Unit, artifact: str, before: int, after: int) -> None:
    for table in (schema.versions, schema.producers, schema.uses, schema.refs):
        unit.rows.update(table, {"artifact": artifact, "number": before}, number=after)
