"""The face of the Syvain metrics client: an experiment is a run, its metadata are configuration, metadata of metrics are labels.

Experiments know no project. One whose metadata names a ``project`` belongs to that, every other to the project ``experiments``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from autoresearch.errors import Invalid, NotFound
from autoresearch.ledger.local.metric_events import Events, NewEvent
from autoresearch.ledger.local.quiet_runs import QuietRequest, QuietRuns, Seen
from autoresearch.records.access import IngestionKey, IngestionKeyRequest
from autoresearch.records.folder import Annotation, AnnotationRequest, Folder, FolderEdit, FolderRequest
from autoresearch.records.ids import derived_id, is_id, new_id
from autoresearch.records.run import RunEdit
from autoresearch.records.typed import bare, config_value, text_of_config
from autoresearch.records.words import clean_name
from autoresearch.research.roles import Action
from autoresearch.server.compat import syvain_forms as forms
from autoresearch.server.compat.calls import Answer, Call, Rule, whole
from autoresearch.server.compat.syvain_forms import form

__all__ = ["CLIENT", "RULES", "events_of", "known_run"]

CLIENT = "syvain"
_PROJECT = "experiments"
_LIMIT = 1000
_PAGE = 1000
_BODY = 16 * 1024 * 1024
_TTL_SECONDS = 24 * 3600
_STATES = {"running": "running", "done": "finished", "error": "failed"}


def _runs(call: Call) -> QuietRuns:
    return QuietRuns(call.ledger, CLIENT)


def events_of(call: Call) -> Events:
    """The metric events that a caller may see."""
    return Events(call.ledger, CLIENT)


def known_run(run_id: str) -> str:
    """The id of a run.

    Raises:
        NotFound: It has not the form of one.
    """
    if not is_id(run_id):
        raise NotFound(f"There is no experiment {run_id[:80]!r}.", hint="List the experiments.")
    return run_id


def _new_id(call: Call) -> str:
    """The same id for the same idempotency key, so that a repeat finds what the first request made."""
    said = call.headers.get("idempotency-key")
    who = call.caller.key_id or call.caller.user_id or ""
    return derived_id(CLIENT, call.ledger.organization, who, *call.names.values(), said) if said else new_id()


def _limit(call: Call) -> int:
    limit = whole(call, "limit", least=0)
    return _LIMIT if limit is None else min(limit, 100_000)


def _ms(call: Call, name: str) -> int | None:
    return whole(call, name, least=0, most=2**53)


def _auth(call: Call) -> Answer:
    caller = call.caller
    organization = {"id": caller.organization, "name": caller.organization_name}
    return Answer(content={"auth": {"kind": caller.kind}, "organization": organization})


def _folder(call: Call, folder: Folder) -> dict[str, Any]:
    return {
        "folder_id": folder.id,
        "org_id": call.caller.organization,
        "name": folder.name,
        "parent_id_path": list(folder.parent_id_path),
        "path_name": folder.path_name,
    }


def _all_folders(call: Call) -> list[Folder]:
    found: list[Folder] = []
    cursor = None
    while True:
        page = call.ledger.folders.folders(limit=_PAGE, cursor=cursor)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found


def _folders(call: Call) -> Answer:
    path = call.one("path")
    found = _all_folders(call)
    if path:
        found = [folder for folder in found if folder.path_name == path.strip("/")]
    return Answer(content={"folders": [_folder(call, folder) for folder in found]})


def _make_folder(call: Call) -> Answer:
    said = form(forms.FolderForm, call)
    request = FolderRequest.make(id=_new_id(call), name=said.name, parent_id=_folder_id(said.parent_id))
    return Answer(content={"folder": _folder(call, call.ledger.folders.create(request))})


def _folder_id(said: str | None) -> str | None:
    if said is not None and not is_id(said):
        raise NotFound(f"There is no folder {said[:80]!r}.", hint="List the folders.")
    return said


def _show_folder(call: Call) -> Answer:
    folder_id = _folder_id(call.names["folder"])
    found = call.ledger.folders.contents(folder_id, limit=1)
    assert found.folder is not None
    inside = QuietRuns(call.ledger, CLIENT).listed(
        lambda row, _: row["folder_id"] == folder_id, limit=100_000
    )
    paths: dict[str | None, dict[str, Any]] = {folder_id: _folder(call, found.folder)}
    return Answer(
        content={
            "folder": paths[folder_id],
            "folders": [_folder(call, folder) for folder in found.folders],
            "experiments": [_experiment(call, seen, paths) for seen in inside],
        }
    )


def _change_folder(call: Call) -> Answer:
    said = form(forms.FolderPatch, call)
    folder_id = _folder_id(call.names["folder"])
    given = said.model_fields_set
    if not given & {"name", "parent_id"}:
        raise Invalid("Neither name nor parent_id was given.", hint="Give one of them.")
    request = FolderEdit.make(
        folder_id=folder_id,
        name=said.name,
        parent_id=_folder_id(said.parent_id),
        to_root="parent_id" in given and said.parent_id is None,
    )
    return Answer(content={"folder": _folder(call, call.ledger.folders.edit(request))})


def _status(seen: Seen) -> str:
    if seen.waiting:
        return "created"
    return {"running": "running", "finished": "done"}.get(seen.run.state, "error")


def _millis(seconds: float | None) -> int | None:
    """Whole milliseconds that are over; a time that was told in them stays what it was."""
    return None if seconds is None else math.floor(seconds * 1000 + 0.001)


def _json(value: Any) -> Any:
    """A value of a configuration as JSON; large whole numbers are numbers again, times and sets are text and lists."""
    if isinstance(value, list):
        return [_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    if text_of_config(value)[0] == "str":
        return {key: _json(item) for key, item in value.items()}
    meant = config_value(value)
    return meant if isinstance(meant, int) else bare(value)


def _experiment(call: Call, seen: Seen, folders: dict[str | None, dict[str, Any]]) -> dict[str, Any]:
    run = seen.run
    ended = None if run.ended_at is None else run.ended_at.timestamp()
    return {
        "id": run.id,
        "org_id": call.caller.organization,
        "folder": folders.get(run.folder_id),
        "url": f"{call.origin}/runs/{run.id}",
        "slug": run.name,
        "description": run.note,
        "metadata": _json(run.config),
        "project": run.project,
        "status": _status(seen),
        "error_name": seen.error_name,
        "error_detail": seen.error_detail,
        "created_at_ms": _millis(run.started_at.timestamp()),
        "updated_at_ms": _millis(seen.updated_at.timestamp()),
        "started_at_ms": _millis(seen.started),
        "done_at_ms": _millis(ended),
        "last_heartbeat_at_ms": None if seen.quiet else _millis(run.heartbeat_at.timestamp()),
        "last_event_at_ms": seen.last_event_ms,
    }


def _one(call: Call, run_id: str) -> dict[str, Any]:
    seen = _runs(call).seen(known_run(run_id))
    folder_id = seen.run.folder_id
    folders: dict[str | None, dict[str, Any]] = {}
    if folder_id:
        folders[folder_id] = _folder(call, call.ledger.folders.folder(folder_id))
    return _experiment(call, seen, folders)


def _experiments(call: Call) -> Answer:
    since, until = _ms(call, "from"), _ms(call, "to")
    found = _runs(call).listed(_wanted(call, since, until), limit=_limit(call))
    folders: dict[str | None, dict[str, Any]] = {}
    if any(seen.run.folder_id for seen in found):
        folders.update((folder.id, _folder(call, folder)) for folder in _all_folders(call))
    return Answer(content={"experiments": [_experiment(call, seen, folders) for seen in found]})


def _wanted(call: Call, since: int | None, until: int | None) -> Callable[[Any, bool], bool]:
    status, slug, search = call.one("status"), call.one("slug"), (call.one("search") or "").casefold()
    if status not in {None, "created", *_STATES}:
        raise Invalid(f"status was {str(status)[:40]!r}.", hint="Give created, running, done or error.")

    def wanted(row: Any, waits: bool) -> bool:  # noqa: FBT001  a predicate of two columns
        known = "created" if waits else {"running": "running", "finished": "done"}.get(row["state"], "error")
        begun = _millis(row["started_at"].timestamp()) or 0
        return (
            status in {None, known}
            and slug in {None, row["name"]}
            and (not search or search in f"{row['name']}\n{row['note']}".casefold())
            and (since is None or begun >= since)
            and (until is None or begun <= until)
        )

    return wanted


def _make_experiment(call: Call) -> Answer:
    said = form(forms.ExperimentForm, call)
    run_id = _new_id(call)
    request = QuietRequest.make(
        id=run_id,
        project=_project(said.metadata.get("project")),
        name=said.slug,
        note=said.description,
        config=said.metadata,
        folder_id=_folder_id(said.folder_id),
    )
    _runs(call).create(request)
    return Answer(content={"experiment": _one(call, run_id)})


def _project(said: Any) -> str:
    try:
        return clean_name(said) if isinstance(said, str) and 0 < len(said) <= 200 else _PROJECT
    except ValueError:
        return _PROJECT


def _show_experiment(call: Call) -> Answer:
    return Answer(content={"experiment": _one(call, call.names["id"])})


def _set_status(call: Call) -> Answer:
    said = form(forms.StatusForm, call)
    run_id = known_run(call.names["id"])
    error = None
    if said.status == "error":
        error = (said.error.name, said.error.detail) if said.error else ("Error", "")
    at = None if said.timestamp_ms is None else said.timestamp_ms / 1000
    _runs(call).set_state(run_id, _STATES[said.status], at=at, error=error)
    return Answer(content={"experiment": _one(call, run_id)})


def _move(call: Call) -> Answer:
    said = form(forms.MoveForm, call)
    run_id, folder_id = known_run(call.names["id"]), _folder_id(said.folder_id)
    where: dict[str, Any] = {"folder_id": folder_id} if folder_id else {"clear": ("folder_id",)}
    call.ledger.runs.edit(RunEdit.make(run_id=run_id, **where))
    return Answer(content={"experiment": _one(call, run_id)})


def _ingest(call: Call) -> Answer:
    sync = call.one("sync")
    if sync not in {None, "true", "false"}:
        raise Invalid(f"sync was {str(sync)[:40]!r}.", hint="Give true or false.")
    said = form(forms.IngestForm, call)
    events = [
        NewEvent(each.client_event_id, each.name, each.value, each.step, each.metadata, each.timestamp_ms)
        for each in said.data
    ]
    events_of(call).put(known_run(call.names["id"]), events)
    # It is stored in either case; the newer client takes no other word.
    return Answer(content={"ok": True, "mode": "sync" if sync == "true" else "queued"})


def _annotation(annotation: Annotation) -> dict[str, Any]:
    return {
        "id": annotation.id,
        "experiment_id": annotation.run_id,
        "annotation": annotation.text,
        "metadata": annotation.metadata,
        "created_at_ms": _millis(annotation.at.timestamp()),
    }


def _annotations(call: Call) -> Answer:
    limit, run_id = _limit(call), known_run(call.names["id"])
    since, until = _ms(call, "from"), _ms(call, "to")
    found: list[dict[str, Any]] = []
    cursor = None
    while len(found) < limit:
        page = call.ledger.runs.annotations(
            run_id,
            since=None if since is None else since / 1000,
            until=None if until is None else (until + 0.999) / 1000,
            limit=min(_PAGE, limit - len(found)),
            cursor=cursor,
        )
        found += map(_annotation, page.items)
        cursor = page.next_cursor
        if cursor is None:
            break
    if not limit:
        call.ledger.runs.run(run_id)
    return Answer(content={"annotations": found})


def _annotate(call: Call) -> Answer:
    said = form(forms.AnnotationForm, call)
    run_id = known_run(call.names["id"])
    request = AnnotationRequest.make(
        id=_new_id(call), run_id=run_id, text=said.annotation, metadata=said.metadata
    )
    made = call.ledger.runs.add_annotation(request)
    return Answer(content={"experiment": _one(call, run_id), "annotation": _annotation(made)})


def _key(key: IngestionKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "experiment_id": key.run_id,
        "name": key.name,
        "created_at_ms": _millis(key.created_at.timestamp()),
        "expires_at_ms": _millis(key.expires_at.timestamp()),
        "revoked_at_ms": None if key.revoked_at is None else _millis(key.revoked_at.timestamp()),
        "last_used_at_ms": None if key.used_at is None else _millis(key.used_at.timestamp()),
    }


def _keys(call: Call) -> Answer:
    run = call.ledger.runs.run(known_run(call.names["id"]))
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = call.access.ingestion_keys.list(call.caller, run.id, limit=_PAGE, cursor=cursor)
        found += map(_key, page.items)
        cursor = page.next_cursor
        if cursor is None:
            return Answer(content={"keys": found})


def _make_key(call: Call) -> Answer:
    said = form(forms.KeyForm, call)
    ttl = _TTL_SECONDS if said.ttl_ms is None else max(1, said.ttl_ms // 1000)
    request = IngestionKeyRequest.make(name=said.name, ttl=ttl)
    run = call.ledger.runs.run(known_run(call.names["id"]))
    made = call.access.ingestion_keys.create(call.caller, run.id, request)
    return Answer(content={"key": _key(made.ingestion_key), "token": made.key})


def _revoke_key(call: Call) -> Answer:
    ended = call.access.ingestion_keys.revoke(call.caller, known_run(call.names["id"]), call.names["key"])
    return Answer(content={"key": _key(ended)})


_ONE = "experiments/{id}"


def _read(pattern: str, handler: Callable[[Call], Answer], right: Action | None = "read") -> Rule:
    return Rule(method="GET", pattern=pattern, handler=handler, right=right, data=True)


def _write(method: str, pattern: str, handler: Callable[[Call], Answer], right: Action = "write") -> Rule:
    # A retry makes a second ingestion key: its client sends no idempotency key there.
    once = method != "DELETE" and not pattern.endswith("-keys")
    return Rule(
        method=method, pattern=pattern, handler=handler, right=right, limit=_BODY, once=once, data=True
    )


RULES = (
    _read("auth/status", _auth, right=None),
    _read("folders", _folders),
    _write("POST", "folders", _make_folder),
    _read("folders/{folder}", _show_folder),
    _write("PATCH", "folders/{folder}", _change_folder),
    _read("experiments", _experiments),
    _write("POST", "experiments", _make_experiment),
    _read(_ONE, _show_experiment),
    _write("POST", _ONE, _set_status),
    _write("PATCH", _ONE, _move),
    _write("POST", f"{_ONE}/ingest", _ingest, right="ingest"),
    _read(f"{_ONE}/annotations", _annotations),
    _write("POST", f"{_ONE}/annotations", _annotate, right="ingest"),
    _read(f"{_ONE}/ingestion-keys", _keys),
    _write("POST", f"{_ONE}/ingestion-keys", _make_key),
    _write("DELETE", f"{_ONE}/ingestion-keys/{{key}}", _revoke_key),
)
"""What the client asks for, but for reading metrics."""
