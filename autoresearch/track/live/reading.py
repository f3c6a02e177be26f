"""What a run has in the store, in the forms in which a handle gives it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from autoresearch.ledger.base import Runs, every
from autoresearch.records.typed import config_value
from autoresearch.series.curve import Curve, number_out
from autoresearch.track.live.resuming import Where, opened

__all__ = ["configs", "metric_data", "metric_paths", "string_data", "string_paths"]


def metric_paths(where: Where, run_id: str) -> list[str]:
    """Names of the metrics that have points."""
    return _paths(where, run_id, "metric")


def string_paths(where: Where, run_id: str) -> list[str]:
    """Names of the text series that have entries."""
    return _paths(where, run_id, "text")


def _paths(where: Where, run_id: str, kind: str) -> list[str]:
    with opened(where) as ledger:
        return sorted({info.name for info in ledger.runs.catalog(run_id) if info.kind == kind})


def metric_data(
    where: Where, run_id: str, path: str, window: tuple[int | None, int | None], max_points: int | None
) -> dict[str, Any]:
    """Points of one metric; ``downsampled`` says whether some were left out."""
    names, (first, last) = [path], window
    with opened(where) as ledger:
        runs = ledger.runs
        if max_points is None:
            curves = tuple(_pages(runs, run_id, names, window))
        else:
            curves = runs.sampled([run_id], names, samples=max_points, first_step=first, last_step=last)
    points = [{"step": point.step, "y": number_out(point.value)} for point in _merged(curves)]
    return {"path": path, "downsampled": any(curve.sampled for curve in curves), "raw_points": points}


def _pages(
    runs: Runs, run_id: str, names: list[str], window: tuple[int | None, int | None]
) -> Iterator[Curve]:
    cursor = None
    while True:
        page = runs.history(run_id, names, first_step=window[0], last_step=window[1], cursor=cursor)
        yield from page.curves
        cursor = page.next_cursor
        if cursor is None:
            return


def _merged(curves: tuple[Curve, ...]) -> list[Any]:
    return sorted((point for curve in curves for point in curve), key=lambda point: point.step)


def string_data(where: Where, run_id: str, path: str, limit: int, offset: int) -> dict[str, Any]:
    """Entries of one text series in order."""
    with opened(where) as ledger:
        runs = ledger.runs
        total = sum(info.points for info in runs.catalog(run_id) if info.kind == "text" and info.name == path)
        lines = every(lambda cursor: runs.lines(run_id, [path], limit=1000, cursor=cursor))
        points = [{"step": line.step, "value": line.text} for line in islice(lines, offset, offset + limit)]
    return {"path": path, "points": points, "total": total}


def configs(where: Where, run_id: str) -> dict[str, Any]:
    """The configuration, its values of the types that they were set with."""
    with opened(where) as ledger:
        found: dict[str, Any] = config_value(ledger.runs.run(run_id).config)
        return found
