"""Series that are drawn together are drawn as each by itself."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from autoresearch.errors import StoreCorrupt
from autoresearch.series.curve import Curve
from autoresearch.store.points import Points
from autoresearch.store.points_charting import drawn_together
from autoresearch.store.points_reading import Reader, SeriesRow
from autoresearch.store.points_sql import Sql
from tests.store.points_model import Row, batch, compacted, database, store

KINDS: dict[str, Callable[[int], float]] = {
    "wave": lambda step: math.sin(step / 100),
    "single": lambda step: float(np.float32(step % 977 / 7)),
    "broken": lambda step: math.nan if 4000 <= step < 8500 else math.inf if step % 500 == 0 else -step / 3,
    "constant": lambda step: 1.0,
}
RUNS = {"even": (12_288, 1, 0), "uneven": (9_001, 3, 0), "long": (20_000, 1, 5)}


def rows(count: int, stride: int, gap: int) -> list[Row]:
    """Records whose steps have a gap now and then, so that they are no progression."""
    steps = [stride * place + (place // 3000) * gap for place in range(count)]
    return [(step, 1e9 + step / 8, {name: value(step) for name, value in KINDS.items()}) for step in steps]


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    opened = database(tmp_path_factory.mktemp("charts") / "p.db")
    for run, shape in RUNS.items():
        store(opened, batch(rows(*shape), run=run, writer=run))
        compacted(opened, run)
    live = rows(9_000, 1, 0)
    store(opened, batch(live[:8_500], run="live", writer="live"))
    compacted(opened, "live")
    store(opened, batch(live[8_500:], first=8_501, run="live", writer="live"))
    yield opened
    opened.close()


def known(connection: sqlite3.Connection) -> list[SeriesRow]:
    return Points(connection, "local").catalog([*RUNS, "live"], kind="metric")


def documents(curves: list[Curve]) -> list[object]:
    return [curve.document() for curve in curves]


@pytest.mark.parametrize("samples", [2, 3, 4, 9, 50, 97, 98, 500, 9_000])
def test_what_is_drawn_together_is_what_is_drawn_one_by_one(
    connection: sqlite3.Connection, samples: int
) -> None:
    points, series = Points(connection, "local"), known(connection)
    together = points.sampled(series, samples)
    alone = [points.sampled([row], samples)[0] for row in series]
    assert documents(together) == documents(alone)


def test_long_series_without_a_tail_are_drawn_together(connection: sqlite3.Connection) -> None:
    sql, series = Sql(connection, "local"), known(connection)
    readers = {row.run: Reader(sql, row.run) for row in series}
    found = drawn_together(sql, readers, series, 50)
    names = {row.id: row.name for row in series if row.run == "even"}
    assert {run for run, _ in found} == {"even", "uneven"}
    assert {names[number] for run, number in found if run == "even"} == set(KINDS)
    assert all(len(curve) <= 50 and curve.values.flags.owndata for curve in found.values())


@pytest.mark.parametrize("at", [0, 4, 5, 6, 40, 700])
def test_a_damaged_pyramid_is_named_and_spoils_no_other_series(at: int, tmp_path: Path) -> None:
    opened = database(tmp_path / "p.db")
    store(opened, batch(rows(12_288, 1, 0)))
    compacted(opened)
    points = Points(opened, "local")
    series = points.catalog(["r"], kind="metric")
    hurt = next(row for row in series if row.name == "wave")
    place = "FROM summaries WHERE series = ? AND first_step = 4096"
    ((blob,),) = opened.execute(f"SELECT pyramid {place}", (hurt.id,)).fetchall()
    changed = blob[:at] + bytes([blob[at] ^ 1]) + blob[at:][1:]
    opened.execute(
        "UPDATE summaries SET pyramid = ? WHERE series = ? AND first_step = 4096", (changed, hurt.id)
    )
    with pytest.raises(StoreCorrupt, match=f"series {hurt.id} "):
        points.sampled(series, 50)
    sound = [row for row in series if row is not hurt]
    assert len(points.sampled(sound, 50)) == len(KINDS) - 1
    opened.close()
