"""Artifacts: versions that identical bytes share, refs that move, lineage both ways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from autoresearch.errors import Conflict, Invalid, NotFound
from autoresearch.ledger.local import cursors, winners
from autoresearch.ledger.local.unit import Unit
from autoresearch.records.artifact import Artifact, RefRequest, Version, VersionRequest, version_number
from autoresearch.records.base import Page
from autoresearch.records.experiment import Actor
from autoresearch.store import schema
from autoresearch.store.rows import Row

__all__ = ["artifacts", "log", "move_ref", "resolve", "versions", "versions_of"]

_LATEST = "latest"
_ON_FRONTIER = sa.select(schema.frontier.c.segment).where(
    schema.frontier.c.organization == sa.bindparam("organization"),
    schema.frontier.c.experiment_id == sa.bindparam("experiment_id"),
)


def log(unit: Unit, request: VersionRequest) -> Version:
    """Log a version; the producer of identical bytes joins the producers of the version they have."""
    unit.project_or_new(request.project)
    if request.produced_by is not None and unit.experiment(request.produced_by)["project"] != request.project:
        raise NotFound(
            f"Experiment {request.produced_by!r} is not of project {request.project!r}.",
            hint="Log the artifact in the project of the experiment that made it.",
        )
    artifact = _artifact(unit, request)
    same = unit.rows.one(schema.versions, artifact=request.artifact, tree=request.tree)
    number = same["number"] if same else _new_version(unit, request, artifact)
    if request.produced_by is not None:
        _produced(unit, request, number)
    return resolve(unit, request.artifact, f"v{number}")


def _artifact(unit: Unit, request: VersionRequest) -> Row:
    row = unit.rows.one(schema.artifacts, name=request.artifact)
    if row is None:
        seq = unit.event(
            "artifact.created", request.artifact, project=request.project, after={"type": request.type}
        )
        unit.rows.insert(
            schema.artifacts,
            name=request.artifact,
            project=request.project,
            type=request.type,
            description=request.description,
            versions=0,
            seq=seq,
            recorded_at=unit.now,
        )
        return unit.rows.must(schema.artifacts, name=request.artifact)
    if row["project"] != request.project or row["type"] != request.type:
        raise Conflict(
            f"Artifact {request.artifact!r} is a {row['type']!r} of project {row['project']!r}.",
            hint="Use another name, or the same type and project.",
        )
    return row


def _new_version(unit: Unit, request: VersionRequest, artifact: Row) -> int:
    unit.rows.add(schema.artifacts, {"name": request.artifact}, versions=1)
    number = int(artifact["versions"]) + 1
    seq = unit.event(
        "version.logged",
        f"{request.artifact}:v{number}",
        project=request.project,
        after={"tree": request.tree},
    )
    unit.rows.insert(
        schema.versions,
        artifact=request.artifact,
        number=number,
        id=request.id,
        project=request.project,
        tree=request.tree,
        size=request.size,
        files=request.files,
        metadata=request.metadata,
        actor=unit.actor.model_dump(),
        seq=seq,
        recorded_at=unit.now,
    )
    return number


def _produced(unit: Unit, request: VersionRequest, number: int) -> None:
    key = {"artifact": request.artifact, "number": number, "experiment_id": request.produced_by}
    if unit.rows.one(schema.producers, **key) is not None:
        return
    seq = unit.event(
        "version.produced",
        f"{request.artifact}:v{number}",
        project=request.project,
        after={"experiment_id": request.produced_by},
    )
    unit.rows.insert(schema.producers, **key, seq=seq)
    # Logged after the verdict: the experiment may be on the frontier already.
    for step in unit.rows.run(_ON_FRONTIER, experiment_id=request.produced_by):
        winners.follow(unit, request.project, step["segment"])


def resolve(unit: Unit, artifact: str, ref: str) -> Version:
    """The version meant by ``latest``, ``v3``, or a ref."""
    row = _require(unit, artifact)
    if ref == _LATEST:
        number = row["versions"]
    else:
        number = version_number(ref)
        if number is None:
            found = unit.rows.one(schema.refs, artifact=artifact, name=ref)
            number = found["number"] if found else None
    version = unit.rows.one(schema.versions, artifact=artifact, number=number) if number else None
    if version is None:
        names = ", ".join(sorted(_refs(unit, row))) or "none"
        raise NotFound(
            f"Artifact {artifact!r} has no {ref!r}.",
            hint=f"It has v1 to v{row['versions']}, and the refs {names}.",
        )
    return _version(unit, version, row)


def _require(unit: Unit, artifact: str) -> Row:
    row = unit.rows.one(schema.artifacts, name=artifact)
    if row is None:
        raise NotFound(f"There is no artifact {artifact!r}.", hint="`autoresearch artifacts` lists them.")
    return row


def _refs(unit: Unit, row: Row) -> dict[str, str]:
    found = unit.rows.list(schema.refs, order="name", artifact=row["name"])
    refs = {ref["name"]: f"v{ref['number']}" for ref in found}
    if row["versions"]:
        refs[_LATEST] = f"v{row['versions']}"
    return refs


def _version(unit: Unit, row: Row, artifact: Row) -> Version:
    key = {"artifact": row["artifact"], "number": row["number"]}
    producers = [found["experiment_id"] for found in unit.rows.list(schema.producers, order="seq", **key)]
    users = [found["experiment_id"] for found in unit.rows.list(schema.uses, order="experiment_id", **key)]
    name = f"v{row['number']}"
    shared = {field: row[field] for field in Version.model_fields if field in row}
    return Version(
        **{
            **shared,
            "version": name,
            "type": artifact["type"],
            "produced_by": producers[0] if producers else None,
            "producers": tuple(producers),
            "used_by": tuple(users),
            "refs": tuple(sorted(ref for ref, target in _refs(unit, artifact).items() if target == name)),
            "actor": Actor(**row["actor"]),
        }
    )


def versions(unit: Unit, artifact: str, *, limit: int, cursor: str | None) -> Page[Version]:
    """A page of versions, first to last."""
    owner = _require(unit, artifact)
    rows = unit.rows.list(
        schema.versions,
        order="number",
        after=cursors.whole(cursor),
        limit=cursors.bounded(limit) + 1,
        artifact=artifact,
    )
    following = str(rows[limit - 1]["number"]) if len(rows) > limit else None
    shown = tuple(_version(unit, row, owner) for row in rows[:limit])
    return Page[Version](items=shown, next_cursor=following)


def versions_of(unit: Unit, experiment_id: str) -> tuple[Version, ...]:
    """The versions that an experiment made, in order of artifact and number."""
    unit.experiment(experiment_id)
    made = unit.rows.list(schema.producers, order="artifact", experiment_id=experiment_id)
    return tuple(
        resolve(unit, row["artifact"], f"v{row['number']}")
        for row in sorted(made, key=lambda row: (row["artifact"], row["number"]))
    )


def artifacts(
    unit: Unit, *, project: str | None, type_: str | None, limit: int, cursor: str | None
) -> Page[Artifact]:
    """A page of artifacts in order of name."""
    given = {"project": project, "type": type_}
    where: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    rows: Sequence[Row] = unit.rows.list(
        schema.artifacts, order="name", after=cursor, limit=cursors.bounded(limit) + 1, **where
    )
    following = str(rows[limit - 1]["name"]) if len(rows) > limit else None
    shown = tuple(
        Artifact(
            **{
                **{field: row[field] for field in Artifact.model_fields if field in row},
                "refs": _refs(unit, row),
            }
        )
        for row in rows[:limit]
    )
    return Page[Artifact](items=shown, next_cursor=following)


def move_ref(unit: Unit, request: RefRequest) -> Version:
    """Promote: point a ref at a version, compare-and-set when ``expected`` is given."""
    if request.ref == _LATEST or version_number(request.ref) is not None:
        raise Invalid(
            f"{request.ref!r} cannot be moved: latest and version names are built in.",
            hint="Choose another ref, such as winner or production.",
        )
    version = resolve(unit, request.artifact, request.version)
    found = unit.rows.one(schema.refs, artifact=request.artifact, name=request.ref)
    now = f"v{found['number']}" if found else ""
    if request.expected is not None and request.expected != now:
        raise Conflict(
            f"{request.artifact}:{request.ref} is at {now or 'no version'}, not at {request.expected or 'no version'}.",
            hint="Look again and decide with what it is now.",
            details={"current": now},
        )
    winners.point(unit, request.artifact, request.ref, version.number, project=version.project)
    return resolve(unit, request.artifact, request.version)
