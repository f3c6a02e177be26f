"""The face of goodseed: a workspace is the organization, a project a project, a run a run, its configs typed configuration.

A run is found by project and run id. One that is not of goodseed has its own id as run id, so that it can be opened there too.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from autoresearch.errors import Invalid, NotFound
from autoresearch.ledger.local.tagged import change, stored
from autoresearch.ledger.local.unnumbered import Unnumbered, ensure_project, state_messages
from autoresearch.records.base import Line, Name, Request
from autoresearch.records.ids import derived_id, is_id
from autoresearch.records.run import Run, RunEdit, RunQuery
from autoresearch.server.compat import goodseed_configs as configs
from autoresearch.server.compat import goodseed_values as values
from autoresearch.server.compat.calls import Answer, Call, Rule, whole

if TYPE_CHECKING:
    from autoresearch.store.points_reading import SeriesRow

__all__ = ["RULES"]

_BODY = 64 * 1024 * 1024
_MOST_POINTS = 500_000
_LINES = 10_000
_MOST_LINES = 100_000
_PAGE = 1000
_STATES = ("running", "finished", "failed")


class _Opening(Request):
    project: Name
    run_id: Line


class _Project(Request):
    name: Name


def _client(call: Call) -> Unnumbered:
    return Unnumbered(call.ledger, configs.CLIENT)


def _open_run(call: Call) -> Answer:
    """Get or create; only what is created or renamed needs a key that may write."""
    said = call.document()
    _check_workspace(call, said.get("workspace"))
    if not said.get("run_id"):
        raise Invalid("run_id is empty.", hint="Name the run that is meant.", details={"status": 400})
    opening = _Opening.make(project=said.get("project"), run_id=said.get("run_id"))
    name = configs.line(said.get("experiment_name"))
    run = _found(call, opening)
    if run is None:
        call.caller.require("write")
        run = _begun(call, opening, name, said.get("created_at"))
    elif name is not None and name != run.name:
        call.caller.require("write")
        run = call.ledger.runs.edit(RunEdit.make(run_id=run.id, name=name))
    return Answer(content={"id": run.id, **_told(call, run)})


def _check_workspace(call: Call, workspace: Any) -> None:
    known = {call.caller.organization_name, call.caller.organization}
    if workspace not in known:
        raise NotFound(
            f"There is no workspace {str(workspace)[:200]!r} for this key.",
            hint=f"This key belongs to {call.caller.organization_name!r}: name the project so, or leave the workspace out.",
            details={"error_code": "Project.NotFound"},
        )


def _found(call: Call, opening: _Opening) -> Run | None:
    ids = [derived_id(configs.CLIENT, call.ledger.organization, opening.project, opening.run_id)]
    if is_id(opening.run_id):
        ids.append(opening.run_id)
    for run_id in ids:
        try:
            run = call.ledger.runs.run(run_id)
        except NotFound:
            continue
        if run.project == opening.project:
            return run
    return None


def _begun(call: Call, opening: _Opening, name: str | None, created_at: Any) -> Run:
    now = time.time()
    run_id = derived_id(configs.CLIENT, call.ledger.organization, opening.project, opening.run_id)
    begun = values.moment(created_at)
    body = {
        "project": opening.project,
        "name": name or configs.line(opening.run_id),
        "started": now if begun is None else min(begun, now),
        "environment": {"client": configs.CLIENT, "run_id": opening.run_id},
    }
    return _client(call).open(run_id, body, now)


def _told(call: Call, run: Run) -> dict[str, Any]:
    """What is said of a run wherever one stands."""
    return {
        "run_id": configs.run_id_of(run),
        "workspace": call.caller.organization_name,
        "project": run.project,
        "experiment_name": run.name,
        "status": configs.state_of(run),
        "created_at": run.started_at.isoformat(),
        "modified_at": (run.ended_at or run.heartbeat_at).isoformat(),
        "tags": list(run.tags),
    }


def _put_configs(call: Call) -> Answer:
    now, client, run_id = time.time(), _client(call), call.names["id"]
    given = configs.taken(call.document().get("configs"))
    at = configs.ended_at(given, now)

    def told(run: Any, changed: Mapping[str, Any], before: Mapping[str, Any]) -> list[dict[str, Any]]:
        said = configs.said_of(changed, before)
        state = given["sys/state"].value if "sys/state" in given else None
        # Also when it says nothing new: it is the only word of a resumed run, and the end may have come by another way.
        return [*said, *(state_messages(run, client.writer(run_id), state, at) if state in _STATES else ())]

    change(call.ledger, client, run_id, given, at=at, told=told)
    return Answer(status=204)


def _ingest(call: Call) -> Answer:
    numbers, entries, faults = values.taken(call.document().get("points"), time.time())
    stored_now = _client(call).put(call.names["id"], numbers, entries, faults=faults)
    return Answer(content={"stored": stored_now})


def _beat(call: Call) -> Answer:
    _client(call).beat(call.names["id"])
    return Answer(content={})


def _set_status(call: Call) -> Answer:
    state = call.document().get("status")
    if state not in _STATES:
        raise Invalid(f"status was {str(state)[:40]!r}.", hint=f"Give one of {', '.join(_STATES)}.")
    _client(call).set_state(call.names["id"], state, time.time())
    return Answer(content={"status": state})


def _show_run(call: Call) -> Answer:
    run = call.ledger.runs.run(call.names["id"])
    found = configs.of_run(run, stored(call.ledger, run.id))
    return Answer(content={"id": run.id, **_told(call, run), "configs": found})


_KINDS = {"metric": "metric", "text": "string"}


def _paths(call: Call) -> Answer:
    rows = _client(call).series(call.names["id"])
    found = sorted((_title(row), _KINDS[row.kind]) for row in rows)
    return Answer(content=[{"path": path, "type": kind} for path, kind in found])


def _title(row: SeriesRow) -> str:
    said = ",".join(f"{key}={value}" for key, value in sorted(row.labels.items()))
    return f"{row.name}{{{said}}}" if said else row.name


def _series(call: Call, kind: str) -> tuple[str, SeriesRow | None]:
    path = call.one("path")
    if not path:
        raise Invalid("path is missing.", hint="Name the series, such as path=train/loss.")
    rows = (
        row
        for row in _client(call).series(call.names["id"], kind)
        if _title(row) in {path, values.series_name(path)}
    )
    return path, next(rows, None)


def _metric(call: Call) -> Answer:
    most = whole(call, "max_points", least=1)
    first, last = whole(call, "step_min"), whole(call, "step_max")
    path, row = _series(call, "metric")
    if row is None:
        return Answer(content={"path": path, "downsampled": False, "raw_points": []})
    curve = _client(call).curve(call.names["id"], row, first_step=first, last_step=last)
    most = min(most or _MOST_POINTS, _MOST_POINTS)
    if len(curve) > most:
        return Answer(content={"path": path, "downsampled": True, "buckets": values.buckets(curve, most)})
    return Answer(content={"path": path, "downsampled": False, "raw_points": values.raw_points(curve)})


def _strings(call: Call) -> Answer:
    limit = whole(call, "limit", least=0)
    offset = whole(call, "offset", least=0) or 0
    _, row = _series(call, "text")
    if row is None:
        return Answer(content={"points": [], "total": 0})
    run = call.ledger.runs.run(call.names["id"])
    found, total = _client(call).entries_by_step(
        run.id,
        row,
        offset=min(offset, row.points),
        limit=min(_LINES if limit is None else limit, _MOST_LINES),
        each=run.environment.get("client") != configs.CLIENT,
    )
    points = [{"step": entry.step, "value": entry.text} for entry in found]
    return Answer(content={"points": points, "total": total})


def _me(call: Call) -> Answer:
    caller = call.caller
    name = caller.organization_name
    return Answer(content={"name": name, "workspace": name, "user": caller.actor.name})


def _workspaces(call: Call) -> Answer:
    name = call.caller.organization_name
    return Answer(content=[{"id": name, "name": name, "role": call.caller.role or "member"}])


def _projects(call: Call) -> Answer:
    _check_workspace(call, call.names["workspace"])
    found, cursor = [], None
    while True:
        page = call.ledger.research.projects(limit=_PAGE, cursor=cursor)
        found += [{"name": project.name} for project in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return Answer(content=found)


def _make_project(call: Call) -> Answer:
    _check_workspace(call, call.names["workspace"])
    name = _Project.make(name=call.document().get("name")).name
    ensure_project(call.ledger, name)
    return Answer(content={"name": name})


def _runs(call: Call) -> Answer:
    _check_workspace(call, call.names["workspace"])
    query = RunQuery.make(project=call.names["project"])
    found, cursor = [], None
    while True:
        page = call.ledger.runs.runs(query, limit=_PAGE, cursor=cursor)
        found += [{"id": run.id, **_told(call, run)} for run in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return Answer(content=found)


RULES = (
    Rule(method="POST", pattern="runs", handler=_open_run),
    Rule(method="GET", pattern="runs/{id}", handler=_show_run),
    Rule(method="POST", pattern="runs/{id}/configs", handler=_put_configs, right="write", limit=_BODY),
    Rule(method="POST", pattern="runs/{id}/ingest", handler=_ingest, right="write", limit=_BODY),
    Rule(method="POST", pattern="runs/{id}/heartbeat", handler=_beat, right="write"),
    Rule(method="POST", pattern="runs/{id}/status", handler=_set_status, right="write"),
    Rule(method="GET", pattern="runs/{id}/paths", handler=_paths),
    Rule(method="GET", pattern="runs/{id}/data/metrics", handler=_metric),
    Rule(method="GET", pattern="runs/{id}/data/strings", handler=_strings),
    Rule(method="GET", pattern="auth/me", handler=_me),
    Rule(method="GET", pattern="workspaces", handler=_workspaces),
    Rule(method="GET", pattern="workspaces/{workspace}/projects", handler=_projects),
    Rule(method="POST", pattern="workspaces/{workspace}/projects", handler=_make_project, right="write"),
    Rule(method="GET", pattern="workspaces/{workspace}/projects/{project}/runs", handler=_runs),
)
"""What goodseed asks for. Success is 200, except that configs are answered 204: its client compares for equality."""
