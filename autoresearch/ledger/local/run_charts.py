"""The charts of a project: its runs with their metrics in few points, computed once for as long as nothing is logged."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autoresearch.errors import Invalid
from autoresearch.ledger.local import run_reading
from autoresearch.ledger.local.unit import Unit
from autoresearch.records.run import Run
from autoresearch.series.curve import Curve

if TYPE_CHECKING:
    from autoresearch.store.points_reading import SeriesRow

__all__ = ["MOST_RUNS", "bounded", "curves"]

MOST_RUNS = 1000
_MOST_POINTS = 2_000_000
_Key = tuple[Any, ...]


class _Drawn:
    """Curves that were drawn, those asked for last, up to two million points (48 MB).

    The key has everything that is known of a series: whatever is logged to it changes how many points it has.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._curves: OrderedDict[_Key, Curve] = OrderedDict()
        self._points = 0

    def get(self, key: _Key) -> Curve | None:
        with self._lock:
            if key in self._curves:
                self._curves.move_to_end(key)
            return self._curves.get(key)

    def put(self, key: _Key, curve: Curve) -> None:
        for column in (curve.steps, curve.times, curve.values):
            column.flags.writeable = False
        with self._lock:
            if key in self._curves:
                return
            self._curves[key] = curve
            self._points += len(curve)
            while self._points > _MOST_POINTS:
                _, dropped = self._curves.popitem(last=False)
                self._points -= len(dropped)


_drawn: weakref.WeakKeyDictionary[object, _Drawn] = weakref.WeakKeyDictionary()


def curves(
    unit: Unit,
    database: object,
    runs: Sequence[Run],
    names: Sequence[str],
    *,
    samples: int,
    window: tuple[int | None, int | None],
) -> tuple[Curve, ...]:
    """Metrics of some runs in few points, in order of run, name and labels.

    Args:
        unit: The transaction.
        database: The store that it reads; what was drawn of it is kept for as long as it is open.
        runs: The runs.
        names: Metrics; all but the machine's own when none is given.
        samples: Most points of one series.
        window: The least and the greatest step.
    """
    run_reading.check_samples(samples)
    drawn = _drawn.setdefault(database, _Drawn())
    place = {run.id: number for number, run in enumerate(runs)}
    wanted = frozenset(names)
    rows = [
        row
        for row in run_reading.points(unit).catalog(list(place), kind="metric")
        if (row.name in wanted if wanted else not row.name.startswith("system/"))
    ]
    rows.sort(key=lambda row: place[row.run])
    keys = [_key(unit, row, samples, window) for row in rows]
    found = [drawn.get(key) for key in keys]
    missing = [row for row, curve in zip(rows, found, strict=True) if curve is None]
    made = iter(run_reading.points(unit).sampled(missing, samples, first_step=window[0], last_step=window[1]))
    complete = []
    for key, curve in zip(keys, found, strict=True):
        one = next(made) if curve is None else curve
        if curve is None:
            drawn.put(key, one)
        complete.append(one)
    return tuple(complete)


def _key(unit: Unit, row: SeriesRow, samples: int, window: tuple[int | None, int | None]) -> _Key:
    labels = tuple(sorted(row.labels.items()))
    return (unit.rows.organization, *row._replace(labels={})[:3], labels, *row[4:], samples, *window)


def bounded(limit: int) -> int:
    """A number of runs whose charts are drawn at once.

    Raises:
        Invalid: It is not from 1 to 1,000.
    """
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MOST_RUNS:
        raise Invalid(f"limit was {limit!r}.", hint=f"Give a whole number from 1 to {MOST_RUNS:,}.")
    return limit
