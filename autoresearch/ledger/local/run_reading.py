"""What a run logged, as it is read: series, curves, lines, media, and the receipt."""

from __future__ import annotations

import base64
import binascii
import heapq
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from autoresearch.errors import Invalid
from autoresearch.ledger.local import cursors, run_views
from autoresearch.ledger.local.run_listing import row_of
from autoresearch.ledger.local.unit import Unit
from autoresearch.records.base import Page
from autoresearch.records.run import LoggedLine, Media, Receipt, SeriesInfo
from autoresearch.series.curve import Curve, History
from autoresearch.store import run_schema
from autoresearch.store.points import Points

if TYPE_CHECKING:
    from autoresearch.store.points_reading import SeriesRow

__all__ = [
    "catalog",
    "check_samples",
    "history",
    "lines",
    "long_tails",
    "media",
    "points",
    "receipt",
    "sampled",
]

_MOST_SAMPLES = 100_000
_LONG_TAIL = 8192


def points(unit: Unit) -> Points:
    """The points, on the unit's own connection."""
    sql = run_views.points_sql(unit)
    return Points(sql.connection, sql.organization)


def long_tails(unit: Unit, run_ids: Sequence[str]) -> list[str]:
    """Runs whose live tail is so long that decoding it for every reader costs more than bringing it into chunks once."""
    if not run_ids:
        return []
    query = "SELECT run_id, sum(n) FROM frames WHERE organization = ? AND run_id IN ({}) GROUP BY run_id"
    found = run_views.points_sql(unit).listed(query, among=list(run_ids))
    return [run_id for run_id, rows in found if rows >= _LONG_TAIL]


def catalog(unit: Unit, run_id: str) -> tuple[SeriesInfo, ...]:
    """What a run has logged."""
    row_of(unit, run_id)
    return tuple(
        SeriesInfo.model_construct(**{name: getattr(row, name) for name in SeriesInfo.model_fields})
        for row in points(unit).catalog([run_id])
    )


def history(
    unit: Unit,
    run_id: str,
    names: Sequence[str],
    *,
    labels: Mapping[str, str] | None,
    window: tuple[int | None, int | None, float | None, float | None],
    limit: int,
    cursor: str | None,
) -> History:
    """A page of every point of some metrics, between two steps and two times."""
    most, after = cursors.bounded(limit), _step(cursor)
    row_of(unit, run_id)
    found = points(unit)
    first_step, last_step, since, until = window
    curves, end = found.history(
        _chosen(found.catalog([run_id], kind="metric"), names, labels),
        first_step=first_step,
        last_step=last_step,
        since=since,
        until=until,
        after_step=after,
        limit=most,
    )
    return History(curves, None if end is None else str(end))


def sampled(
    unit: Unit,
    run_ids: Sequence[str],
    names: Sequence[str],
    *,
    labels: Mapping[str, str] | None,
    samples: int,
    first_step: int | None,
    last_step: int | None,
) -> tuple[Curve, ...]:
    """Metrics of some runs with few points, in the order in which the runs were named."""
    check_samples(samples)
    for run_id in run_ids:
        row_of(unit, run_id)
    found = points(unit)
    chosen = _chosen(found.catalog(run_ids, kind="metric"), names, labels)
    place = {run_id: number for number, run_id in enumerate(run_ids)}
    chosen.sort(key=lambda row: place[row.run])
    return tuple(found.sampled(chosen, samples, first_step=first_step, last_step=last_step))


def check_samples(samples: int) -> None:
    """A number of points in which a series can be shown.

    Raises:
        Invalid: It is not from 2 to 100,000.
    """
    if isinstance(samples, bool) or not isinstance(samples, int) or not 2 <= samples <= _MOST_SAMPLES:
        raise Invalid(f"samples was {samples!r}.", hint=f"Give a whole number from 2 to {_MOST_SAMPLES:,}.")


def _chosen(
    rows: Sequence[SeriesRow], names: Sequence[str], labels: Mapping[str, str] | None
) -> list[SeriesRow]:
    wanted = frozenset(names)
    pairs = dict(labels or {}).items()
    return [row for row in rows if (not wanted or row.name in wanted) and pairs <= row.labels.items()]


def _step(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    negative = cursor.startswith("-")
    step = cursors.whole(cursor.removeprefix("-")) or 0
    return -step if negative else step


def lines(
    unit: Unit, run_id: str, names: Sequence[str], *, limit: int, cursor: str | None, tail: bool
) -> Page[LoggedLine]:
    """A page of entries of text series in order of time; a cursor keeps where each series was left."""
    most, at = cursors.bounded(limit), _places(cursor)
    row_of(unit, run_id)
    found = points(unit)
    chosen = _chosen(found.catalog([run_id], kind="text"), names, None)
    if tail:
        at = {str(row.id): max(0, row.points - most) for row in chosen}
    entries = [
        [(line.time, row.id, line) for line in found.lines(row, first=at.get(str(row.id), 0), limit=most)]
        for row in chosen
    ]
    # Each series keeps its own order, also where a clock was set back.
    merged = list(heapq.merge(*entries, key=lambda entry: entry[:2]))
    shown = merged[-most:] if tail else merged[:most]
    own = {row.id: row for row in chosen}
    reached = at | {str(series): line.number + 1 for _, series, line in shown}
    left = sum(row.points - reached.get(str(row.id), 0) for row in chosen)
    return Page[LoggedLine].model_construct(
        items=tuple(
            LoggedLine.model_construct(name=own[series].name, labels=own[series].labels, **line._asdict())
            for _, series, line in shown
        ),
        next_cursor=_cursor(reached) if left > 0 and not tail else None,
    )


def _cursor(places: Mapping[str, int]) -> str:
    return base64.urlsafe_b64encode(json.dumps(places).encode()).decode()


def _places(cursor: str | None) -> dict[str, int]:
    if cursor is None:
        return {}
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor))
        return {str(series): min(max(0, int(number)), 2**53) for series, number in found.items()}
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError, binascii.Error):
        raise Invalid(
            f"{cursor[:40]!r} is not a cursor.", hint="Pass next_cursor of the page before."
        ) from None


def media(unit: Unit, run_id: str, *, key: str | None, limit: int, cursor: str | None) -> Page[Media]:
    """A page of what was logged beside numbers and text."""
    row_of(unit, run_id)
    where: dict[str, Any] = {"run_id": run_id} if key is None else {"run_id": run_id, "key": key}
    rows = unit.rows.list(
        run_schema.media, order="seq", after=cursors.whole(cursor), limit=cursors.bounded(limit) + 1, **where
    )
    following = str(rows[limit - 1]["seq"]) if len(rows) > limit else None
    return Page[Media](items=tuple(map(run_views.media, rows[:limit])), next_cursor=following)


def receipt(unit: Unit, run_id: str, *, verify: bool) -> Receipt:
    """Whether everything is there."""
    code = row_of(unit, run_id)["code"] or {}
    found = points(unit).receipt(run_id, verify=verify)
    gone = max(0, found.committed - found.stored - found.duplicates)
    return Receipt(
        run_id=run_id,
        points_committed=found.committed,
        points_claimed=found.claimed,
        points_stored=found.stored,
        duplicates_collapsed=found.duplicates,
        lost=gone + found.lost_points,
        intact=found.intact,
        writers=found.writers,
        commit=code.get("commit"),
        diff_sha=(code.get("diff") or {}).get("digest"),
        faults=found.faults,
    )
