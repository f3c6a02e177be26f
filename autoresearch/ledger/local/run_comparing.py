"""Several series in one order, and the values of labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from autoresearch.errors import TooLarge
from autoresearch.ledger.local import cursors
from autoresearch.ledger.local.run_listing import row_of
from autoresearch.ledger.local.run_reading import points
from autoresearch.ledger.local.unit import Unit
from autoresearch.records.comparing import CompareQuery, LabelKey, LabelValue, LabelValues, SeriesQuery
from autoresearch.series.several import Compared, ComparedSeries

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autoresearch.series.curve import Curve
    from autoresearch.store.points_reading import SeriesRow

__all__ = ["compare", "label_values"]

_MOST_POINTS = 10_000_000


def label_values(unit: Unit, run_id: str, name: str, *, keys: Sequence[str], limit: int) -> LabelValues:
    """The labels of a metric with their values, from what is known of its series."""
    most = cursors.bounded(limit)
    row_of(unit, run_id)
    found = [row for row in points(unit).catalog([run_id], kind="metric") if row.name == name]
    counts: dict[str, Counter[str]] = {}
    for row in found:
        for key, value in row.labels.items():
            if not keys or key in keys:
                counts.setdefault(key, Counter())[value] += row.points
    return LabelValues(
        run_id=run_id,
        name=name,
        points=sum(row.points for row in found),
        labels=tuple(_key(key, counts[key], most) for key in sorted(counts)),
    )


def _key(key: str, counts: Mapping[str, int], most: int) -> LabelKey:
    first = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]
    values = tuple(LabelValue(value=value, points=count) for value, count in first)
    return LabelKey(key=key, values=values, value_count=len(counts))


def compare(unit: Unit, query: CompareQuery) -> Compared:
    """Points of several series in one order.

    Raises:
        NotFound: There is no such run.
        TooLarge: They are too many to be sorted at once.
    """
    runs = sorted({asked.run_id for asked in query.series})
    for run_id in runs:
        row_of(unit, run_id)
    known = points(unit).catalog(runs, kind="metric")
    chosen = [
        (place, row) for place, asked in enumerate(query.series) for row in known if _answers(row, asked)
    ]
    # In order of rising steps the first points of each series are enough.
    rising = query.sort[:1] == ("step",) and not query.descending
    total = sum(row.points for _, row in chosen)
    if total > _MOST_POINTS and not rising:
        raise TooLarge(
            f"The series have {total:,} points, and at most {_MOST_POINTS:,} are sorted at once.",
            hint="Name fewer series, or sort by rising steps.",
        )
    curves, end = points(unit).history(
        [row for _, row in chosen],
        first_step=query.first_step,
        last_step=query.last_step,
        since=query.since,
        until=query.until,
        limit=query.limit if rising else None,
    )
    series = tuple(ComparedSeries(place, row.run, row.name, row.labels) for place, row in chosen)
    return _sorted(series, curves, query, more=end is not None)


def _answers(row: SeriesRow, asked: SeriesQuery) -> bool:
    if (row.run, row.name) != (asked.run_id, asked.name):
        return False
    return all(key in row.labels and value in {None, row.labels[key]} for key, value in asked.labels.items())


def _sorted(
    series: tuple[ComparedSeries, ...], curves: Sequence[Curve], query: CompareQuery, *, more: bool
) -> Compared:
    import numpy as np

    lengths = [len(curve) for curve in curves]
    places = np.repeat(np.arange(len(curves)), lengths)
    steps = np.concatenate([np.empty(0, "<i8"), *(curve.steps for curve in curves)])
    times = np.concatenate([np.empty(0, "<f8"), *(curve.times for curve in curves)])
    values = np.concatenate([np.empty(0, "<f8"), *(curve.values for curve in curves)])
    asked = np.repeat(np.array([one.asked for one in series], "<i8"), lengths)
    by = {"step": steps, "time": times, "series": asked}
    # lexsort takes the most important key last; it is stable, so that what is equal keeps the order of series and steps.
    # The complement turns the order of whole numbers around without a number that has no opposite.
    keys = [_turned(by[name]) if query.descending else by[name] for name in reversed(query.sort)]
    order = np.lexsort(keys) if keys else np.arange(len(asked))
    kept = order[: query.limit]
    complete = not more and len(kept) == len(order)
    return Compared(series, places[kept], steps[kept], times[kept], values[kept], complete)


def _turned(column: NDArray[Any]) -> NDArray[Any]:
    return -column if column.dtype.kind == "f" else ~column
