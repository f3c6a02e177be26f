"""Folders: a tree of names over the runs of an organization."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from autoresearch.errors import Conflict, Invalid, NotFound
from autoresearch.ledger.local import cursors
from autoresearch.ledger.local.unit import Unit
from autoresearch.records.base import Page
from autoresearch.records.experiment import Actor
from autoresearch.records.folder import MOST_DEEP, Folder, FolderEdit, FolderRequest, names_of_path
from autoresearch.records.ids import new_id
from autoresearch.research.keys import content_key
from autoresearch.store import run_schema
from autoresearch.store.rows import Row

__all__ = ["create", "edit", "find", "inside", "listed", "make", "one", "paths_of", "remove"]

_ROOT = ""
_PART = 500

_f = run_schema.folders.c
_MINE = _f.organization == sa.bindparam("organization")
_PLACES = sa.select(_f.id, _f.parent_id, _f.name).where(_MINE, _f.id.in_(sa.bindparam("ids", expanding=True)))
_BELOW = sa.select(_f.id).where(_MINE, _f.parent_id.in_(sa.bindparam("ids", expanding=True)))
_INSIDE = sa.select(run_schema.folders).where(_MINE, _f.parent_id == sa.bindparam("parent")).order_by(_f.name)


class _Place(NamedTuple):
    parent: str
    name: str


def _places(unit: Unit, ids: Iterable[str]) -> dict[str, _Place]:
    """Folders with all that they lie in, one query for each level."""
    found: dict[str, _Place] = {}
    wanted = sorted({*ids} - {_ROOT})
    while wanted:
        rows = [row for part in _parts(wanted) for row in unit.rows.run(_PLACES, ids=part)]
        found.update((row["id"], _Place(row["parent_id"], row["name"])) for row in rows)
        wanted = sorted({row["parent_id"] for row in rows} - {_ROOT} - found.keys())
    return found


def _parts(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + _PART] for start in range(0, len(ids), _PART)]


def _above(places: Mapping[str, _Place], parent: str) -> tuple[str, ...]:
    """Ids of the folders from the outermost down to ``parent``."""
    found: list[str] = []
    while parent in places and parent not in found:
        found.append(parent)
        parent = places[parent].parent
    return tuple(reversed(found))


def _path(places: Mapping[str, _Place], above: Sequence[str], name: str) -> str:
    return "/".join([*(places[each].name for each in above), name])


def paths_of(unit: Unit, ids: Collection[str | None]) -> Mapping[str | None, str]:
    """Paths of some folders."""
    wanted = [each for each in ids if each]
    places = _places(unit, wanted) if wanted else {}
    return {
        each: _path(places, _above(places, places[each].parent), places[each].name)
        for each in wanted
        if each in places
    }


def _folders(unit: Unit, rows: Sequence[Row]) -> tuple[Folder, ...]:
    places = _places(unit, (row["parent_id"] for row in rows))
    found = []
    for row in rows:
        above = _above(places, row["parent_id"])
        found.append(
            Folder(
                id=row["id"],
                name=row["name"],
                parent_id=row["parent_id"] or None,
                parent_id_path=above,
                path_name=_path(places, above, row["name"]),
                actor=Actor(**row["actor"]),
                recorded_at=row["recorded_at"],
                updated_at=row["updated_at"],
            )
        )
    return tuple(found)


def _row(unit: Unit, folder_id: str) -> Row:
    row = unit.rows.one(run_schema.folders, id=folder_id)
    if row is None:
        raise NotFound(f"There is no folder {folder_id!r}.", hint="`autoresearch folders ls` shows them.")
    return row


def one(unit: Unit, folder_id: str) -> Folder:
    """One folder.

    Raises:
        NotFound: There is none.
    """
    return _folders(unit, [_row(unit, folder_id)])[0]


def _at(unit: Unit, names: Sequence[str]) -> tuple[str, int]:
    """The deepest folder of a path that is there, and how many of the names it takes."""
    parent = _ROOT
    for depth, name in enumerate(names):
        row = unit.rows.one(run_schema.folders, parent_id=parent, name=name)
        if row is None:
            return parent, depth
        parent = row["id"]
    return parent, len(names)


def find(unit: Unit, path: str) -> Folder:
    """The folder at a path.

    Raises:
        NotFound: There is none.
    """
    names = names_of_path(path)
    found, depth = _at(unit, names)
    if depth < len(names):
        raise NotFound(
            f"There is no folder {path[:200]!r}.",
            hint="`autoresearch folders ls` shows them; `autoresearch folders create` makes one.",
        )
    return one(unit, found)


def make(unit: Unit, path: str) -> str:
    """The id of the folder at a path, made with those above it where they are missing."""
    names = names_of_path(path)
    parent, depth = _at(unit, names)
    for name in names[depth:]:
        request = FolderRequest.make(id=new_id(), name=name, parent_id=parent or None)
        create(unit, request)
        parent = request.id
    return parent


def create(unit: Unit, request: FolderRequest) -> None:
    """Make a folder; one that the same request made is left as it is."""
    content = content_key(request.model_dump(mode="json"))
    if unit.repeated(run_schema.folders, request.id, content, "folder") is not None:
        return
    parent = request.parent_id or _ROOT
    above = _to(unit, parent)
    _deep(len(above) + 1)
    _free(unit, parent, request.name)
    after = {"name": request.name, "parent_id": request.parent_id}
    seq = unit.event("folder.created", request.id, project=None, after=after)
    unit.rows.insert(
        run_schema.folders,
        id=request.id,
        parent_id=parent,
        name=request.name,
        seq=seq,
        actor=unit.actor.model_dump(),
        content=content,
        recorded_at=unit.now,
        updated_at=unit.now,
    )


def _to(unit: Unit, parent: str) -> tuple[str, ...]:
    """Ids from the outermost folder down to one that has to be there."""
    if parent:
        _row(unit, parent)
    return _above(_places(unit, [parent]), parent)


def _deep(depth: int) -> None:
    if depth > MOST_DEEP:
        raise Conflict(
            f"It would lie {depth} folders deep; {MOST_DEEP} is the most.", hint="Put it higher up."
        )


def _free(unit: Unit, parent: str, name: str) -> None:
    other = unit.rows.one(run_schema.folders, parent_id=parent, name=name)
    if other is not None:
        raise Conflict(
            f"There is a folder {name!r} at this place already.",
            hint="Use that one, or give another name.",
            details={"id": other["id"]},
        )


def edit(unit: Unit, request: FolderEdit) -> None:
    """Rename a folder, or move it with everything in it."""
    row = _row(unit, request.folder_id)
    if request.to_root and request.parent_id is not None:
        raise Invalid("A folder cannot be moved to the root and into a folder.", hint="Give one of both.")
    parent = _ROOT if request.to_root else request.parent_id or row["parent_id"]
    name = request.name or row["name"]
    before = {"name": row["name"], "parent_id": row["parent_id"] or None}
    after = {"name": name, "parent_id": parent or None}
    if before == after:
        return
    if parent != row["parent_id"]:
        above = _to(unit, parent)
        if row["id"] in above:
            raise Conflict(
                f"Folder {row['name']!r} cannot lie in itself or in what lies in it.",
                hint="Move it into another folder.",
            )
        _deep(len(above) + _height(unit, row["id"]))
    _free(unit, parent, name)
    unit.rows.update(run_schema.folders, {"id": row["id"]}, parent_id=parent, name=name, updated_at=unit.now)
    unit.event("folder.edited", row["id"], project=None, before=before, after=after)


def _height(unit: Unit, folder_id: str) -> int:
    """How many levels a folder has, itself included."""
    height, level = 0, [folder_id]
    while level and height <= MOST_DEEP:
        height += 1
        level = [row["id"] for part in _parts(level) for row in unit.rows.run(_BELOW, ids=part)]
    return height


def remove(unit: Unit, folder_id: str) -> None:
    """Remove an empty folder."""
    row = _row(unit, folder_id)
    folders = unit.rows.one(run_schema.folders, parent_id=folder_id) is not None
    if folders or unit.rows.one(run_schema.runs, folder_id=folder_id) is not None:
        raise Conflict(
            f"Folder {row['name']!r} is not empty.",
            hint="Move what lies in it elsewhere; a run is never removed with it.",
        )
    unit.rows.delete(run_schema.folders, id=folder_id)
    before = {"name": row["name"], "parent_id": row["parent_id"] or None}
    unit.event("folder.removed", folder_id, project=None, before=before)


def listed(unit: Unit, *, limit: int, cursor: str | None) -> Page[Folder]:
    """A page of all folders, in the order in which they were made."""
    rows = unit.rows.list(
        run_schema.folders, order="seq", after=cursors.whole(cursor), limit=cursors.bounded(limit) + 1
    )
    following = str(rows[limit - 1]["seq"]) if len(rows) > limit else None
    return Page[Folder](items=_folders(unit, rows[:limit]), next_cursor=following)


def inside(unit: Unit, folder_id: str | None) -> tuple[Folder, ...]:
    """Folders that lie immediately in one, or at the root, in order of name."""
    return _folders(unit, unit.rows.run(_INSIDE, parent=folder_id or _ROOT))
