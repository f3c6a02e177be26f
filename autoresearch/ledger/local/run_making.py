"""Runs that are begun by a request instead of a journal, through the same messages."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from autoresearch.errors import Conflict, NotFound
from autoresearch.ledger.local import folder_tree, settling
from autoresearch.ledger.local.run_listing import row_of
from autoresearch.ledger.local.unit import Unit
from autoresearch.records.run import RunRequest
from autoresearch.research import processes
from autoresearch.research.keys import content_key
from autoresearch.store import run_schema

__all__ = ["create", "touch"]


def create(unit: Unit, has: Callable[[str], bool], request: RunRequest) -> None:
    """Begin a run, or go on with it.

    Raises:
        Conflict: The id is taken by another run.
        NotFound: The experiment or the folder is not there.
    """
    content = content_key(request.model_dump(mode="json", exclude={"resume"}))
    row = unit.rows.one(run_schema.runs, id=request.id)
    if row is not None and (row["project"] != request.project or not request.resume):
        if row["content"] == content:
            return
        raise Conflict(
            f"The id {request.id} is taken by another run.",
            hint="Make a new id, or go on with that run by resume, in its own project.",
            details={"id": request.id},
        )
    _known(unit, request)
    _say(unit, has, request.id, _opening(request))
    if request.code is not None:
        _say(unit, has, request.id, {"op": "code", **request.code.model_dump()})
    kept: dict[str, Any] = {"content": content} if row is None else {}
    if request.folder_id is not None:
        kept["folder_id"] = request.folder_id
    if kept:
        unit.rows.update(run_schema.runs, {"id": request.id}, **kept)
    _beat(unit, request.id)


def _known(unit: Unit, request: RunRequest) -> None:
    if request.folder_id is not None:
        folder_tree.one(unit, request.folder_id)
    if (
        request.experiment_id is not None
        and unit.experiment(request.experiment_id)["project"] != request.project
    ):
        raise NotFound(
            f"Experiment {request.experiment_id!r} is not of project {request.project!r}.",
            hint="Link a run to an experiment of its own project.",
        )


def _opening(request: RunRequest) -> dict[str, Any]:
    """What a journal would say at its beginning."""
    started = None if request.started_at is None else request.started_at.timestamp()
    same = ("project", "name", "config", "tags", "note", "group", "job_type", "environment", "resume")
    said = {name: getattr(request, name) for name in same}
    definitions = [definition.model_dump() for definition in request.definitions]
    links = {"parent": request.parent_id, "experiment": request.experiment_id}
    return {"op": "open", **said, **links, "definitions": definitions, "started": started}


def _say(unit: Unit, has: Callable[[str], bool], run_id: str, body: dict[str, Any]) -> None:
    settling.hear(unit, has, run_id, processes.requester(run_id), json.dumps(body))


def touch(unit: Unit, run_id: str) -> None:
    """Note that a run lives.

    Raises:
        NotFound: There is no such run.
    """
    row_of(unit, run_id)
    _beat(unit, run_id)


def _beat(unit: Unit, run_id: str) -> None:
    writer, at = processes.requester(run_id), time.time()
    if unit.rows.one(run_schema.writers, id=writer) is not None:
        unit.rows.update(run_schema.writers, {"id": writer}, updated_at=at)
        return
    nothing = dict.fromkeys(
        ("sequence", "records", "points", "texts", "lost_records", "lost_points", "claimed"), 0
    )
    unit.rows.insert(run_schema.writers, id=writer, run_id=run_id, **nothing, faults="[]", updated_at=at)
