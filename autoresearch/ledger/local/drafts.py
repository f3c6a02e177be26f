"""A run's row while messages change it, and what each kind of message does to it."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from autoresearch.errors import Invalid
from autoresearch.ledger.local import folder_tree
from autoresearch.ledger.local import run_messages as said
from autoresearch.ledger.local.unit import Unit
from autoresearch.records.base import canonical_json
from autoresearch.records.experiment import Actor, Diff
from autoresearch.research import processes
from autoresearch.store import run_schema, schema
from autoresearch.store.rows import Row

__all__ = ["Draft", "apply", "begin", "moment", "opened"]

_MOST_NOTICES = 100
_MOST_JSON = 4 * 1024 * 1024
_MOST_DEFINITIONS = 1000
_MOST_ERROR = 100_000

_UNKNOWN = (
    *(
        "group",
        "job_type",
        "experiment_id",
        "parent_id",
        "folder_id",
        "content",
        "code",
        "exit_code",
        "error",
    ),
    *("ended_at", "patient", "error_name", "changed_at"),
)

_LAST_MEDIA = sa.select(sa.func.max(run_schema.media.c.seq).label("seq")).where(
    run_schema.media.c.organization == sa.bindparam("organization"),
    run_schema.media.c.run_id == sa.bindparam("run_id"),
)

_Body = Mapping[str, Any]
_Said = Mapping[str, Any]
"""Writer and time of a message."""


class Draft:
    """A run's row while it is changed.

    Args:
        unit: The write transaction.
        has: Whether an object is stored.
        row: The row as it is stored.

    Attributes:
        values: The row as it will be.
        notices: What could not be taken of what the run said.
        actor: Who runs it.
        revived: It was silent and is heard again, which no event told yet.
    """

    def __init__(self, unit: Unit, has: Callable[[str], bool], row: Row) -> None:
        self.unit = unit
        self.has = has
        self.values = {name: value for name, value in row.items() if name != "organization"}
        self.id = str(row["id"])
        self.processes: processes.Processes = {name: dict(known) for name, known in row["processes"].items()}
        self.notices: list[str] = list(row["environment"].get("notices", ()))
        self.actor = Actor(**row["actor"])
        self.revived = False
        self._media: int | None = None

    def event(self, kind: str, *, actor: Actor | None = None, **what: Any) -> None:
        """Tell what happened to the run."""
        project = self.values["project"]
        self.unit.event(kind, self.id, project=project, actor=actor or self.actor, **what)

    def moved(self, actor: Actor | None = None) -> None:
        """Take the state that follows from the processes; an event tells when it is another."""
        before = "crashed" if self.revived else self.values["state"]
        now = processes.state(self.processes)
        self.values["state"] = now
        if before != now:
            self.revived = False
            kind = "run.resumed" if now == "running" else f"run.{now}"
            self.event(kind, actor=actor, before={"state": before}, after={"state": now})

    def heard(self, at: datetime.datetime) -> None:
        """It gave a sign of life."""
        self.values["heartbeat_at"] = max(at, self.values["heartbeat_at"])

    def merge(self, column: str, values: Mapping[str, Any], remove: Iterable[str] = ()) -> None:
        """Set and remove values of config or summary."""
        merged = {**self.values[column], **values}
        for name in remove:
            merged.pop(name, None)
        if len(canonical_json(merged)) > _MOST_JSON:
            self.notices.append(f"{column} is over 4 MiB; what came last was left out.")
        else:
            self.values[column] = merged

    def tag(self, add: Iterable[str], remove: Iterable[Any] = ()) -> None:
        """Add and remove tags; each is there once."""
        gone = [item for item in remove if isinstance(item, str)]
        kept = [tag for tag in (*self.values["tags"], *add) if tag not in gone]
        self.values["tags"] = list(dict.fromkeys(kept))

    def put(self, path: str) -> None:
        """Move the run into the folder at a path, made when it is missing; one that is no path is named in the notices."""
        try:
            self.values["folder_id"] = folder_tree.make(self.unit, path) if path.strip("/") else None
        except Invalid as error:
            self.notices.append(f"open: {error.message}")

    def next_media(self) -> int:
        """The number of the next thing logged, from 1."""
        if self._media is None:
            (last,) = self.unit.rows.run(_LAST_MEDIA, run_id=self.id)
            self._media = last["seq"] or 0
        self._media += 1
        return self._media

    def save(self) -> None:
        """Store the row."""
        if self.revived and self.values["state"] == "running":
            self.event("run.resumed", before={"state": "crashed"}, after={"state": "running"})
        environment = {name: item for name, item in self.values["environment"].items() if name != "notices"}
        if self.notices:
            environment["notices"] = [str(notice)[:1000] for notice in dict.fromkeys(self.notices)]
            del environment["notices"][_MOST_NOTICES:]
        values = {**self.values, "environment": environment, "processes": self.processes}
        values["changed_at"] = self.unit.now
        del values["id"]
        self.unit.rows.update(run_schema.runs, {"id": self.id}, **values)


def moment(at: object, otherwise: datetime.datetime) -> datetime.datetime:
    """A time from Unix seconds; ``otherwise`` when these are no time."""
    fit = said.seconds(at)
    return otherwise if fit is None else datetime.datetime.fromtimestamp(fit, datetime.UTC)


def begin(unit: Unit, run_id: str, body: _Body, at: float) -> Row:
    """Make the row of a run that was opened, with its number and little else."""
    notices: list[str] = []
    project = said.project_name(body.get("project"), notices)
    unit.project_or_new(project)
    counted = unit.rows.add(schema.projects, {"name": project}, runs=1)
    number = int(counted["runs"]) if counted else 1
    actor = said.actor(body.get("actor"), unit.actor)
    started = moment(body.get("started"), moment(at, unit.now))
    after = {"number": number, "name": str(body.get("name") or f"run-{number}")[:200]}
    seq = unit.event("run.started", run_id, project=project, actor=actor, after=after)
    unit.rows.insert(
        run_schema.runs,
        **_new(),
        id=run_id,
        project=project,
        number=number,
        seq=seq,
        name=f"run-{number}",
        environment={"notices": notices} if notices else {},
        actor=actor.model_dump(),
        started_at=started,
        heartbeat_at=started,
        recorded_at=unit.now,
    )
    return unit.rows.must(run_schema.runs, id=run_id)


def _new() -> dict[str, Any]:
    """What is the same in every new row."""
    documents: dict[str, Any] = {"config": {}, "summary": {}, "definitions": [], "tags": [], "processes": {}}
    return {"state": "running", "silent": False, "note": "", **documents, **dict.fromkeys(_UNKNOWN)}


def opened(draft: Draft, row: _Said, body: _Body) -> None:
    """A process of the run begins."""
    found = said.admitted(said.Open, body, draft.notices)
    if found is None:
        return
    values = draft.values
    environment = {name: item for name, item in found.environment.items() if name != "notices"}
    start = found.started if found.started is not None else row["time"]
    known = {"host": environment.get("host"), "pid": environment.get("pid"), "resumes": found.resume}
    asked = processes.requester(draft.id)
    if row["writer"] != asked and processes.is_running(draft.processes, asked):
        del draft.processes[asked]
    first = not draft.processes
    how = processes.join(draft.processes, row["writer"], started=start, **known)
    if how == "resumed" or values["state"] != "running":
        values.update(ended_at=None, error=None, exit_code=None, silent=False)
    draft.moved()
    if first or how == "resumed":
        values["environment"] = environment
    for name in ("name", "note", "group", "job_type"):
        values[name] = getattr(found, name) or values[name]
    values["parent_id"] = found.parent or values["parent_id"]
    if found.folder is not None:
        draft.put(found.folder)
    draft.merge("config", found.config)
    draft.tag(said.tags(body.get("tags", ()), draft.notices))
    for definition in body.get("definitions") or () if isinstance(body.get("definitions"), list) else ():
        if isinstance(definition, dict):
            _define(draft, row, {"op": "define", **definition})
    if found.experiment is not None:
        _link(draft, row, {"op": "experiment", "id": found.experiment})
    draft.heard(moment(start, values["heartbeat_at"]))


def apply(draft: Draft, row: _Said, body: _Body) -> None:
    """Do what any other message says."""
    operation = _OPERATIONS.get(str(body.get("op")))
    if operation is None:
        draft.notices.append(f"A message of an unknown kind was left out: {str(body.get('op'))[:80]!r}.")
    else:
        operation(draft, row, body)
    if body.get("op") != "vanished":
        draft.heard(moment(row["time"], draft.values["heartbeat_at"]))


def _change(draft: Draft, _row: _Said, body: _Body) -> None:
    found = said.admitted(said.Changed, body, draft.notices)
    if found is not None:
        draft.merge(str(body["op"]), found.values, found.remove)


def _tag(draft: Draft, _row: _Said, body: _Body) -> None:
    found = said.admitted(said.Tags, body, draft.notices)
    if found is not None:
        draft.tag(said.tags(found.add, draft.notices), found.remove)


def _note(draft: Draft, _row: _Said, body: _Body) -> None:
    found = said.admitted(said.Words, body, draft.notices)
    if found is not None:
        draft.values["note"] = found.text


def _call(draft: Draft, _row: _Said, body: _Body) -> None:
    found = said.admitted(said.Said, body, draft.notices)
    if found is not None and (found.text is not None or body["op"] == "group"):
        draft.values[str(body["op"])] = found.text


def _define(draft: Draft, _row: _Said, body: _Body) -> None:
    found = said.admitted(said.Define, body, draft.notices)
    if found is None:
        return
    others = [item for item in draft.values["definitions"] if item["name"] != found.name]
    if len(others) < _MOST_DEFINITIONS:
        draft.values["definitions"] = [*others, found.definition()]


def _code(draft: Draft, _row: _Said, body: _Body) -> None:
    found = said.admitted(said.Code, body, draft.notices)
    if found is None:
        return
    draft.notices.extend(str(notice) for notice in found.notices[:_MOST_NOTICES])
    diff = None
    try:
        diff = Diff(**found.diff) if found.diff else None
    except ValueError:
        draft.notices.append("code: the diff was not understood.")
    if diff is not None and not diff.truncated and not draft.has(diff.digest):
        draft.notices.append(f"code: the change {diff.digest} was not stored; only its digest is known.")
        diff = diff.model_copy(update={"truncated": True})
    code = found.model_dump(exclude={"notices", "diff"})
    draft.values["code"] = {**code, "diff": diff.model_dump() if diff else None}


def _link(draft: Draft, _row: _Said, body: _Body) -> None:
    found = said.admitted(said.Linked, body, draft.notices)
    if found is None:
        return
    row = draft.unit.rows.one(schema.experiments, id=found.id)
    if row is None or row["project"] != draft.values["project"]:
        draft.notices.append(f"There is no experiment {found.id!r} in project {draft.values['project']!r}.")
    else:
        draft.values["experiment_id"] = found.id


def _media(draft: Draft, row: _Said, body: _Body) -> None:
    found = said.admitted(said.Logged, body, draft.notices)
    if found is None:
        return
    values = dict(found)
    if found.digest is not None and not draft.has(found.digest):
        draft.notices.append(f"The bytes of {found.key!r} at step {found.step} were not stored.")
        values["digest"] = None
    draft.unit.rows.insert(
        run_schema.media, run_id=draft.id, seq=draft.next_media(), time=row["time"], **values
    )


def _alert(draft: Draft, _row: _Said, body: _Body) -> None:
    found = said.admitted(said.Alert, body, draft.notices)
    if found is not None:
        draft.event("run.alert", after=found.model_dump())


def _finish(draft: Draft, row: _Said, body: _Body) -> None:
    error = body.get("error")
    # The end of a long traceback says more than its beginning.
    cut = {"error": error[-_MOST_ERROR:]} if isinstance(error, str) else {}
    found = said.admitted(said.Finish, body, draft.notices, **cut)
    if found is None:
        return
    if found.points is not None:
        draft.unit.rows.update(run_schema.writers, {"id": row["writer"]}, claimed=found.points)
    at = moment(row["time"], draft.unit.now)
    if processes.end(draft.processes, row["writer"], found.state, at.timestamp()):
        _ended(draft, found.state, at, exit_code=found.exit_code, error=found.error)


def _leave(draft: Draft, row: _Said, body: _Body) -> None:
    found = said.admitted(said.Finish, {"op": "leave", "points": body.get("points")}, draft.notices)
    if found is not None and found.points is not None:
        draft.unit.rows.update(run_schema.writers, {"id": row["writer"]}, claimed=found.points)


def _vanish(draft: Draft, row: _Said, body: _Body) -> None:
    found = said.admitted(said.Vanished, body, draft.notices)
    at = moment(found.at if found else None, moment(row["time"], draft.unit.now))
    if processes.vanish(draft.processes, row["writer"], at.timestamp()):
        draft.heard(at)
        _ended(draft, "crashed", at, exit_code=None, error="Its process vanished without a word.")


def _ended(
    draft: Draft, state: str, at: datetime.datetime, *, exit_code: int | None, error: str | None
) -> None:
    """One process ended; the run has when it was the last, and tells of the worst."""
    ended = {name: known for name, known in draft.processes.items() if known["state"] != "running"}
    if processes.state(ended) == state:
        draft.values.update(exit_code=exit_code, error=error)
    draft.values["silent"] = False
    if processes.state(draft.processes) != "running":
        draft.values["ended_at"] = max(at, draft.values["ended_at"] or at)
    draft.moved()


_OPERATIONS: Mapping[str, Callable[[Draft, _Said, _Body], None]] = {
    "config": _change,
    "summary": _change,
    "tags": _tag,
    "note": _note,
    "name": _call,
    "group": _call,
    "define": _define,
    "code": _code,
    "experiment": _link,
    "media": _media,
    "alert": _alert,
    "finish": _finish,
    "leave": _leave,
    "vanished": _vanish,
}
