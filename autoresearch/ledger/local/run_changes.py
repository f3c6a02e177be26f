"""What people and other processes do to a run: change what is said of it, end it, remove it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autoresearch.errors import Conflict, NotFound
from autoresearch.ledger.local import folder_tree
from autoresearch.ledger.local.drafts import Draft
from autoresearch.ledger.local.run_listing import row_of
from autoresearch.ledger.local.run_views import points_sql
from autoresearch.ledger.local.unit import Unit
from autoresearch.records.run import FinishRequest, RunEdit
from autoresearch.research import processes
from autoresearch.store import run_schema
from autoresearch.store.event_schema import metric_events, series_metadata
from autoresearch.store.points import Points
from autoresearch.store.tagged_schema import tagged_configs

__all__ = ["edit", "finish", "remove"]

_SAID = ("name", "note", "group", "job_type", "tags", "config", "experiment_id", "folder_id")


def edit(unit: Unit, has: Callable[[str], bool], request: RunEdit) -> None:
    """Change what people say about a run; an event keeps what was there before."""
    row = row_of(unit, request.run_id)
    draft = Draft(unit, has, row)
    if (
        request.experiment_id is not None
        and unit.experiment(request.experiment_id)["project"] != row["project"]
    ):
        raise NotFound(
            f"Experiment {request.experiment_id!r} is not of project {row['project']!r}.",
            hint="Link a run to an experiment of its own project.",
        )
    if request.folder_id is not None:
        folder_tree.one(unit, request.folder_id)
    for name in ("name", "note", "group", "job_type", "experiment_id", "folder_id"):
        if getattr(request, name) is not None:
            draft.values[name] = getattr(request, name)
    draft.values.update({name: "" if name == "note" else None for name in request.clear})
    draft.tag(request.add_tags, request.remove_tags)
    if request.config is not None or request.remove_config:
        draft.merge("config", request.config or {}, request.remove_config)
    changed = [name for name in _SAID if draft.values[name] != row[name]]
    if not changed:
        return
    draft.save()
    draft.event(
        "run.edited",
        actor=unit.actor,
        before={name: row[name] for name in changed},
        after={name: draft.values[name] for name in changed},
    )


def finish(unit: Unit, has: Callable[[str], bool], request: FinishRequest) -> None:
    """End a run from outside, with every process of it that seemed to be running."""
    row = row_of(unit, request.run_id)
    if row["state"] == request.state:
        return
    if row["state"] != "running":
        raise Conflict(
            f"Run {row['number']} has ended already: it is {row['state']}.",
            hint="An ended run keeps its state; resume it to go on.",
            details={"state": row["state"]},
        )
    draft = Draft(unit, has, row)
    for writer in list(draft.processes):
        processes.end(draft.processes, writer, request.state, unit.now.timestamp())
    after: dict[str, Any] = {"state": request.state}
    draft.values.update(
        state=request.state,
        silent=False,
        ended_at=unit.now,
        exit_code=request.exit_code,
        error=request.error,
    )
    draft.save()
    draft.event(f"run.{request.state}", actor=unit.actor, before={"state": "running"}, after=after)


def remove(unit: Unit, run_id: str) -> None:
    """Remove a run with everything it logged."""
    row = row_of(unit, run_id)
    if row["state"] == "running":
        raise Conflict(
            f"Run {row['number']} is still running.", hint="End it first, or wait until it has ended."
        )
    sql = points_sql(unit)
    Points(sql.connection, sql.organization).remove(run_id)
    unit.rows.delete(run_schema.media, run_id=run_id)
    unit.rows.delete(run_schema.run_annotations, run_id=run_id)
    for table in (tagged_configs, metric_events, series_metadata):
        unit.rows.delete(table, run_id=run_id)
    unit.rows.delete(run_schema.runs, id=run_id)
    before = {"number": row["number"], "name": row["name"], "state": row["state"]}
    unit.event("run.removed", run_id, project=row["project"], before=before)
