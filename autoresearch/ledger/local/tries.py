"""What was tried: the words and edits of each experiment, and a running summary for each thing that was edited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from autoresearch.ledger.local.unit import Unit
from autoresearch.records.experiment import ExperimentRequest
from autoresearch.research import changes
from autoresearch.store import schema
from autoresearch.store.dialects import index_words
from autoresearch.store.rows import Row

__all__ = ["bare", "edits_of", "judged", "remember"]

_MAX_SUBJECTS = 20
_MAX_SUBJECT = 400
_MAX_VALUES = 12
_MAX_INDEXED = 64 * 1024
_MAX_NAMED = 50

_BEST_GAIN = (
    sa.select(sa.func.max(schema.experiments.c.gain).label("gain"))
    .select_from(
        schema.edits.join(
            schema.experiments,
            (schema.experiments.c.organization == schema.edits.c.organization)
            & (schema.experiments.c.id == schema.edits.c.experiment_id),
        )
    )
    .where(
        *(
            schema.edits.c[name] == sa.bindparam(name)
            for name in ("organization", "project", "segment", "subject")
        )
    )
)


def remember(unit: Unit, request: ExperimentRequest, *, number: int, segment: int) -> None:
    """Make an experiment findable by its words and by what it edited."""
    edits = _edits(unit, request, segment)
    unit.rows.insert_all(
        schema.edits,
        (
            {
                "experiment_id": request.id,
                "ordinal": ordinal,
                "project": request.project,
                "segment": segment,
                "subject": edit.subject,
                "name": bare(edit.subject),
                "before": edit.before,
                "after": edit.after,
                "number": number,
            }
            for ordinal, edit in enumerate(edits)
        ),
    )
    # Only what changed: by its context lines every change of a file would be like every other.
    changed = changes.changed_lines(request.change) if request.change else []
    text = "\n".join([" ".join(request.files[:_MAX_NAMED]), *changed])[:_MAX_INDEXED]
    rows = unit.rows
    about = {"project": request.project, "experiment_id": request.id}
    index_words(rows.connection, rows.organization, **about, note=request.note, change=text)


def _edits(unit: Unit, request: ExperimentRequest, segment: int) -> list[changes.Edit]:
    found = changes.from_patch(request.change) if request.change else []
    if not found:
        row = unit.rows.one(schema.segments, project=request.project, number=segment)
        metrics = [row["goal"]["metric"]] if row and row["goal"] else []
        found = changes.from_note(request.note, metrics=metrics)
    # What is looked up must fit into an index.
    return [replace(edit, subject=edit.subject[:_MAX_SUBJECT]) for edit in found[:_MAX_SUBJECTS]]


def bare(subject: str) -> str:
    """The name of a subject without its file, as a note would write it: ``lr`` for ``train.py:LR``."""
    return subject[:_MAX_SUBJECT].rpartition(":")[2].lower()


def edits_of(unit: Unit, experiment_id: str) -> Sequence[Row]:
    """What an experiment edited, in order."""
    return unit.rows.list(schema.edits, order="ordinal", experiment_id=experiment_id)


def judged(unit: Unit, row: Row, *, state: str, gain: float | None) -> None:
    """Bring the summaries of what this experiment edited up to its verdict."""
    again = row["state"] != "recorded"
    for edit in {edit["subject"]: edit for edit in edits_of(unit, row["id"])}.values():
        where = {"project": row["project"], "segment": row["segment"], "subject": edit["subject"]}
        if unit.rows.one(schema.attempts, **where) is None:
            empty = {"kept": 0, "dropped": 0, "crashed": 0, "failures": 0, "last_number": 0}
            unit.rows.insert(schema.attempts, **where, **empty, best_gain=None, recent=[])
        summary = unit.rows.must(schema.attempts, **where)
        counts = {name: summary[name] for name in ("kept", "dropped", "crashed")}
        counts[state] += 1
        if again:
            counts[row["state"]] -= 1
        # Only when the best itself was judged again does the next best have to be looked for.
        lost = again and row["gain"] is not None and row["gain"] == summary["best_gain"]
        best = _best_gain(unit, where) if lost else _better(summary["best_gain"], gain)
        unit.rows.update(
            schema.attempts,
            where,
            **counts,
            failures=counts["dropped"] + counts["crashed"],
            last_number=max(summary["last_number"], row["number"]),
            best_gain=best,
            recent=_latest(summary["recent"], row["number"], edit, state, gain),
        )


def _best_gain(unit: Unit, where: dict[str, Any]) -> float | None:
    rows = unit.rows.run(_BEST_GAIN, **where)
    return rows[0]["gain"] if rows else None


def _better(a: float | None, b: float | None) -> float | None:
    return b if a is None else a if b is None else max(a, b)


def _latest(
    recent: Sequence[dict[str, Any]], number: int, edit: Row, state: str, gain: float | None
) -> list[dict[str, Any]]:
    value = edit["after"] or ("removed" if edit["before"] else "changed")
    entry = {"number": number, "value": value, "state": state, "gain": gain}
    others = [old for old in recent if old["number"] != number]
    return sorted([*others, entry], key=lambda old: int(old["number"]))[-_MAX_VALUES:]
