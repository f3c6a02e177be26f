"""Remarks, search, likeness, events, and the facts of the brief."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from autoresearch.errors import NotFound
from autoresearch.ledger.local import cursors, tries, views
from autoresearch.ledger.local.unit import Unit
from autoresearch.records.base import Page
from autoresearch.records.experiment import Note, NoteRequest
from autoresearch.records.frontier import Event, Match
from autoresearch.research import changes
from autoresearch.research.keys import content_key
from autoresearch.store import schema
from autoresearch.store.dialects import Found, find_words

__all__ = ["add_note", "events", "notes", "search", "tried"]

_WORD = re.compile(r"\w+")
_PATCH = re.compile(r"^(diff --git |@@ |\+\+\+ )", re.MULTILINE)
_MAX_WORDS = 40
_NEAR = 0.35

_SAME_EDIT = (
    sa.select(*(schema.edits.c[name] for name in ("experiment_id", "subject", "name", "before", "after")))
    .where(
        schema.edits.c.organization == sa.bindparam("organization"),
        schema.edits.c.project == sa.bindparam("project"),
        schema.edits.c.name.in_(sa.bindparam("names", expanding=True)),
    )
    .order_by(schema.edits.c.number.desc())
    .limit(200)
)


def add_note(unit: Unit, request: NoteRequest) -> Note:
    """Leave a remark."""
    content = content_key(request.model_dump(mode="json"))
    seen = unit.repeated(schema.notes, request.id, content, "note")
    if seen is not None:
        return views.note(unit, seen)
    unit.project_or_new(request.project)
    number = None
    if request.experiment_id is not None:
        about = unit.experiment(request.experiment_id)
        if about["project"] != request.project:
            raise NotFound(
                f"Experiment {request.experiment_id!r} is not of project {request.project!r}.",
                hint="Give an experiment of the same project.",
            )
        number = about["number"]
    seq = unit.event("note.added", request.id, project=request.project, after={"text": request.text[:500]})
    unit.rows.insert(
        schema.notes,
        **request.model_dump(),
        experiment_number=number,
        seq=seq,
        actor=unit.actor.model_dump(),
        content=content,
        recorded_at=unit.now,
    )
    return views.note(unit, unit.rows.must(schema.notes, id=request.id))


def notes(unit: Unit, project: str, *, limit: int, cursor: str | None) -> Page[Note]:
    """A page of remarks, first to last."""
    unit.project(project)
    rows = unit.rows.list(
        schema.notes,
        order="seq",
        after=cursors.whole(cursor),
        limit=cursors.bounded(limit) + 1,
        project=project,
    )
    following = str(rows[limit - 1]["seq"]) if len(rows) > limit else None
    return Page[Note](items=views.notes(unit, rows[:limit]), next_cursor=following)


def events(unit: Unit, *, project: str | None, limit: int, cursor: str | None) -> Page[Event]:
    """A page of events, first to last."""
    where = {} if project is None else {"project": unit.project(project)["name"]}
    rows = unit.rows.list(
        schema.events, order="seq", after=cursors.whole(cursor), limit=cursors.bounded(limit) + 1, **where
    )
    following = str(rows[limit - 1]["seq"]) if len(rows) > limit else None
    return Page[Event](items=tuple(views.event(row) for row in rows[:limit]), next_cursor=following)


def search(unit: Unit, project: str, text: str, *, limit: int) -> tuple[Match, ...]:
    """Experiments whose note or diff has all the words, else any of them."""
    unit.project(project)
    words = _WORD.findall(text)[:_MAX_WORDS]
    if not words:
        return ()
    found = _matching(unit, project, words, every=True, most=cursors.bounded(limit))
    found = found or _matching(unit, project, words, every=False, most=limit)
    top = max((each.fit for each in found), default=0.0) or 1.0
    return _matches(unit, [(each.experiment_id, each.fit / top, each.excerpt) for each in found])


def _matching(unit: Unit, project: str, words: Sequence[str], *, every: bool, most: int) -> list[Found]:
    rows = unit.rows
    return find_words(
        rows.connection, rows.organization, project=project, words=words, every=every, most=most
    )


def tried(unit: Unit, project: str, change: str, *, limit: int) -> tuple[Match, ...]:
    """Experiments like a change: the same change, the same value of the same thing, or similar lines."""
    unit.project(project)
    patch = bool(_PATCH.search(change))
    likeness: dict[str, tuple[float, str]] = {}
    if patch:
        key = changes.change_key(change)
        for row in unit.rows.list(schema.experiments, order="number", project=project, change_key=key or "-"):
            likeness[row["id"]] = (1.0, "the same change")
    edits = (changes.from_patch(change) if patch else []) or changes.from_note(change)
    for found, score, said in _same_edits(unit, project, edits):
        likeness.setdefault(found, (score, said))
    for found, score, said in _similar(unit, project, change, patch=patch):
        likeness.setdefault(found, (score, said))
    best = sorted(likeness.items(), key=lambda item: (-item[1][0], item[0]))[: cursors.bounded(limit)]
    return _matches(unit, [(found, score, said) for found, (score, said) in best])


def _same_edits(unit: Unit, project: str, edits: Sequence[changes.Edit]) -> list[tuple[str, float, str]]:
    wanted = {tries.bare(edit.subject): edit.after for edit in edits}
    if not wanted:
        return []
    found = []
    for row in unit.rows.run(_SAME_EDIT, project=project, names=sorted(wanted)):
        same = bool(row["after"]) and row["after"] == wanted[row["name"]]
        said = f"{row['subject']} {row['before']} -> {row['after']}".strip()
        found.append((row["experiment_id"], 0.9 if same else 0.5, said))
    return sorted(found, key=lambda item: -item[1])


def _similar(unit: Unit, project: str, change: str, *, patch: bool) -> list[tuple[str, float, str]]:
    lines = changes.changed_lines(change) if patch else [change]
    words = list(dict.fromkeys(word for line in lines for word in _WORD.findall(line) if len(word) > 1))
    if not words:
        return []
    found = []
    for each in _matching(unit, project, words[:_MAX_WORDS], every=False, most=50):
        other = each.change.splitlines()[1:] if patch else [each.excerpt]
        score = changes.similarity(lines, other)
        if score >= _NEAR or not patch:
            found.append((each.experiment_id, min(score, 0.89), each.excerpt))
    return found


def _matches(unit: Unit, found: Sequence[tuple[str, float, str]]) -> tuple[Match, ...]:
    matches = []
    for experiment_id, score, excerpt in found:
        row: Any = unit.experiment(experiment_id)
        shared = {name: row[name] for name in ("number", "state", "score", "gain", "note", "reason")}
        matches.append(
            Match(
                **shared,
                experiment_id=experiment_id,
                likeness=round(max(0.0, min(1.0, score)), 3),
                excerpt=excerpt,
            )
        )
    return tuple(matches)
