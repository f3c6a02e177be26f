"""Which column is the metric, and whether it is minimized, when nobody said so."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from autoresearch.errors import Invalid
from autoresearch.exchange.columns import (
    clean,
    direction_of_name,
    is_zero,
    looks_like_a_score,
    missing,
    number,
)
from autoresearch.exchange.table import Table
from autoresearch.records.base import Direction

__all__ = ["find_direction", "find_metric"]


def find_metric(table: Table, wanted: str | None) -> tuple[str, str, str | None]:
    """Column of the objective, its name, and the name that a long-form row must carry (None elsewhere).

    Raises:
        Invalid: It cannot be told, or the wanted one is not there.
    """
    layout = table.layout
    if layout.metric_name is not None and layout.metric_value is not None:
        value = layout.names[layout.metric_value]
        at = layout.metric_name
        found = Counter(clean(r.cells[at]) for r, of in table.records if of is layout and at < len(r.cells))
        found.pop("", None)
        if wanted is None and len(found) == 1:
            return value, next(iter(found)), next(iter(found))
        if wanted is None and found:
            some = ", ".join(list(found)[:10])
            raise Invalid(
                f"The log holds several metrics: {some}.", hint="Say which one with metric (--metric)."
            )
        if wanted is not None and wanted in found:
            return value, wanted, wanted
    if wanted is not None:
        index = layout.index(wanted)
        if index is None or index in {layout.status, layout.note, layout.id}:
            raise Invalid(
                f"The log has no column {wanted!r} that could hold the metric.",
                hint=f"Its columns are {', '.join(layout.names[:20])}.",
            )
        return layout.names[index], layout.names[index], None
    column = _guess(table)
    return column, column, None


def _guess(table: Table) -> str:
    layout = table.layout
    shares = [
        (name, looks_like_a_score(name), _numeric(table, index)) for index, name in enumerate(layout.names)
    ]
    best = [name for name, rank, share in shares if rank == 3 and share > 0]
    others = [name for name, rank, share in shares if rank == 2 and share > 0.5]
    if best or len(others) == 1:
        chosen = (best or others)[0]
        if len(best) > 1:
            table.notices.append(f"{chosen} was taken for the metric; also possible: {', '.join(best[1:6])}.")
        return chosen
    some = ", ".join(others[:10]) or "none that could be it"
    raise Invalid(
        f"Which column is the metric cannot be told ({some}).", hint="Say it with metric (--metric)."
    )


def _numeric(table: Table, index: int) -> float:
    """Share of a column's measured cells that are numbers; without any, the header alone decides and it is 1."""
    if index in {table.layout.status, table.layout.id, table.layout.note, table.layout.metric_name}:
        return 0
    cells = [r.cells[index] for r, of in table.records if of is table.layout and index < len(r.cells)]
    measured = [cell for cell in cells if not missing(cell)]
    return sum(number(cell) is not None for cell in measured) / len(measured) if measured else 1


def find_direction(table: Table, name: str, column: str) -> Direction:
    """The direction that the metric's name tells, else the order of the kept scores.

    Raises:
        Invalid: Neither tells.
    """
    told = direction_of_name(name)
    if told:
        return told
    kept: list[float] = []
    for record, layout in table.records:
        at = layout.index(column)
        if at is not None and at < len(record.cells) and layout.verdict(record.cells) == "keep":
            score = None if is_zero(record.cells[at]) else number(record.cells[at])
            kept += [score] if score is not None else []
    steps = [after - before for before, after in pairwise(kept) if after != before]
    ups = sum(step > 0 for step in steps)
    if steps and max(ups, len(steps) - ups) >= 0.75 * len(steps):
        found: Direction = "max" if ups * 2 > len(steps) else "min"
        way = "rise" if found == "max" else "fall"
        table.notices.append(f"{name} is taken as {found}imized: the kept scores {way}.")
        return found
    if not kept:
        table.notices.append(
            f"No keep has a score, so the direction of {name} cannot be told; max is assumed."
        )
        return "max"
    raise Invalid(
        f"Whether {name!r} is to be minimized or maximized cannot be told from the log.",
        hint="Say it with direction (--direction min or max).",
    )
