"""What is read: windows, pages, few points of long series, lines, statistics."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoresearch.errors import Conflict, Invalid
from autoresearch.series.batch import Batch, Text
from autoresearch.series.curve import Curve
from autoresearch.store.points import Points
from autoresearch.store.points_reading import SeriesRow
from tests.store.points_model import Row, batch, columns, compacted, database, store, writing


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = database(tmp_path / "p.db")
    yield connection
    connection.close()


def named(connection: sqlite3.Connection, name: str, run: str = "r") -> SeriesRow:
    return next(row for row in Points(connection, "local").catalog([run]) if row.name == name)


def sampled(connection: sqlite3.Connection, samples: int, name: str = "loss", **window: int | None) -> Curve:
    return Points(connection, "local").sampled([named(connection, name)], samples, **window)[0]


def whole(connection: sqlite3.Connection, name: str = "loss", **window: float | None) -> Curve:
    return Points(connection, "local").history([named(connection, name)], **window)[0][0]  # type: ignore[arg-type]


def noisy(count: int, start: int = 0, stride: int = 1) -> list[Row]:
    values = np.random.default_rng(count + start).normal(size=count).tolist()
    return [(start + stride * i, 1e9 + i / 10, {"loss": value}) for i, value in enumerate(values)]


@settings(max_examples=40)
@given(
    first=st.one_of(st.none(), st.integers(-10, 21_000)),
    last=st.one_of(st.none(), st.integers(-10, 21_000)),
    times=st.tuples(st.one_of(st.none(), st.integers(0, 2100)), st.one_of(st.none(), st.integers(0, 2100))),
    compact=st.integers(0, 3),
)
def test_windows_by_step_and_time_are_exact(
    first: int | None,
    last: int | None,
    times: tuple[int | None, int | None],
    compact: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    connection = database(tmp_path_factory.mktemp("window") / "p.db")
    parts = [noisy(10_000), noisy(6000, 10_000), noisy(4000, 15_900)]
    logged: dict[int, tuple[float, float]] = {}
    position = 0
    for number, rows in enumerate(parts):
        store(connection, batch(rows, first=position + 1))
        position += len(rows)
        logged.update({step: (at, numbers["loss"]) for step, at, numbers in rows})
        if number < compact:
            compacted(connection)
    since, until = (None if bound is None else 1e9 + bound / 2 for bound in times)
    curve = whole(connection, first_step=first, last_step=last, since=since, until=until)
    expected = [
        (step, at, value)
        for step, (at, value) in sorted(logged.items())
        if (first is None or step >= first)
        and (last is None or step <= last)
        and (since is None or at >= since - 1e-7)
        and (until is None or at <= until + 1e-7)
    ]
    assert [(point.step, point.value) for point in curve] == [(step, value) for step, _, value in expected]
    if times == (None, None):
        drawn = sampled(connection, 50, first_step=first, last_step=last)
        assert drawn.total == len(expected)
        agrees(drawn, curve, 50)
    connection.close()


def agrees(drawn: Curve, exact: Curve, samples: int) -> None:
    """Few points are points that were logged, and the first, the last and the extremes are among them."""
    assert len(drawn) <= samples
    assert drawn.total == len(exact)
    at = np.searchsorted(exact.steps, drawn.steps)
    assert np.array_equal(exact.steps[at], drawn.steps)
    assert np.array_equal(exact.times[at], drawn.times)
    assert exact.values[at].tobytes() == drawn.values.tobytes()
    if len(exact) <= samples:
        assert len(drawn) == len(exact)
    elif len(exact):
        assert [drawn.steps[0], drawn.steps[-1]] == [exact.steps[0], exact.steps[-1]]
        finite = exact.values[np.isfinite(exact.values)]
        if len(finite) and samples > 3:
            assert np.nanmin(np.where(np.isfinite(drawn.values), drawn.values, np.nan)) == finite.min()
            assert np.nanmax(np.where(np.isfinite(drawn.values), drawn.values, np.nan)) == finite.max()


def test_few_points_of_a_long_series_are_real_ones_with_the_extremes_of_every_bucket(
    connection: sqlite3.Connection,
) -> None:
    rows = noisy(200_000)
    store(connection, batch(rows))
    compacted(connection)
    exact = whole(connection)
    for samples in (2, 3, 4, 5, 10, 50, 500, 5000):
        agrees(sampled(connection, samples), exact, samples)
    drawn = sampled(connection, 500)
    # Buckets of equal size, that end where the 64 points of a pyramid's bucket do.
    bucket = np.arange(200_000) // 64 * 64 * 249 // 200_000
    parts = [exact.values[bucket == place] for place in range(249)]
    expected = {
        exact.values[0],
        exact.values[-1],
        *(part.min() for part in parts),
        *(part.max() for part in parts),
    }
    assert set(drawn.values.tolist()) == expected


def test_an_outlier_anywhere_is_drawn(connection: sqlite3.Connection) -> None:
    for place in (1, 4095, 4096, 77_777, 99_998):
        rows = noisy(100_000)
        rows[place] = (place, rows[place][1], {"loss": 1e6})
        run = f"run{place}"
        store(connection, batch(rows, run=run, writer=run))
        points = Points(connection, "local")
        drawn = points.sampled([named(connection, "loss", run)], 100)[0]
        assert drawn.steps[drawn.values.argmax()] == place
        assert drawn.values.max() == 1e6


def test_buckets_without_a_finite_value_give_one_point_that_is_not_finite(
    connection: sqlite3.Connection,
) -> None:
    values = np.full(100_000, math.nan)
    values[40_000:60_000] = 1.0
    values[70_000:80_000] = math.inf
    rows = [(i, 1e9 + i, {"loss": value}) for i, value in enumerate(values.tolist())]
    store(connection, batch(rows))
    compacted(connection)
    for samples in (10, 20, 200, 2000):
        drawn = sampled(connection, samples)
        agrees(drawn, whole(connection), samples)
        assert np.isnan(drawn.values[[0, -1]]).all()
    drawn = sampled(connection, 202)
    assert 68 <= np.isnan(drawn.values).sum() <= 73
    assert 8 <= np.isinf(drawn.values).sum() <= 12
    row = named(connection, "loss")
    assert (row.nans, row.infinities, row.min, row.max, row.last) == (70_000, 10_000, 1.0, 1.0, None)


@pytest.mark.parametrize("stride", [-1, 3])
def test_irregular_steps_and_slow_clocks_are_drawn_exactly(
    connection: sqlite3.Connection, stride: int
) -> None:
    random = np.random.default_rng(5)
    steps = (np.cumsum(random.integers(1, 5, 100_000)) * stride).tolist()
    rows = [(step, 1e9 + i * 7.0, {"loss": math.sin(i)}) for i, step in enumerate(steps)]
    store(connection, batch(rows))
    compacted(connection)
    agrees(sampled(connection, 500), whole(connection), 500)
    agrees(sampled(connection, 20), whole(connection), 20)


def test_a_live_tail_is_drawn_with_the_chunks_before_and_below_it(connection: sqlite3.Connection) -> None:
    store(connection, batch(noisy(100_000)))
    compacted(connection)
    store(connection, batch(noisy(1000, 100_000), first=100_001), batch(noisy(500, 50_000), first=101_001))
    assert connection.execute("SELECT count(*) FROM frames").fetchone()[0] == 2
    for samples in (10, 100, 500):
        agrees(sampled(connection, samples), whole(connection), samples)
        agrees(sampled(connection, samples, first_step=50_100), whole(connection, first_step=50_100), samples)


def test_pages_of_several_series_end_at_one_step_and_leave_nothing_out(
    connection: sqlite3.Connection,
) -> None:
    rows: list[Row] = []
    for i in range(12_000):
        numbers = {"loss": float(i)} if i % 3 else {"loss": float(i), "acc": float(-i)}
        rows.append((i, 1e9 + i, numbers))
    store(connection, batch(rows))
    compacted(connection)
    store(connection, batch([(i, 1e9, {"loss": 0.5}) for i in range(11_000, 13_000)], first=12_001))
    points = Points(connection, "local")
    series = [named(connection, "loss"), named(connection, "acc")]
    seen: dict[str, list[int]] = {"loss": [], "acc": []}
    after: int | None = None
    while True:
        curves, after = points.history(series, limit=700, after_step=after)
        for curve in curves:
            assert len(curve) <= 700
            assert after is None or not len(curve) or curve.steps[-1] <= after
            seen[curve.name] += curve.steps.tolist()
        if after is None:
            break
    assert seen == {"loss": list(range(13_000)), "acc": list(range(0, 12_000, 3))}


def test_fewer_than_two_samples_are_refused(connection: sqlite3.Connection) -> None:
    store(connection, batch(noisy(10)))
    with pytest.raises(Invalid, match="1 samples"):
        sampled(connection, 1)


def test_labels_tell_series_of_one_name_apart(connection: sqlite3.Connection) -> None:
    store(connection, batch([(1, 1.0, {"loss": 1.0})], labels=(("split", "train"),)))
    store(connection, batch([(1, 1.0, {"loss": 2.0})], labels=(("split", "ö,\"='"),), first=2))
    store(connection, batch([(1, 1.0, {"loss": 3.0})], first=3))
    found = Points(connection, "local").catalog(["r"])
    assert [(row.labels, row.last) for row in found] == [
        ({"split": "ö,\"='"}, 2.0),
        ({"split": "train"}, 1.0),
        ({}, 3.0),
    ]


def test_statistics_are_those_of_everything_that_was_logged(connection: sqlite3.Connection) -> None:
    rows: list[Row] = [
        (5, 10.0, {"a": 3.0, "b": 1.0}),
        (9, 11.0, {"a": math.nan}),
        (2, 12.0, {"a": -1.0, "b": math.inf}),
    ]
    store(connection, batch(rows), batch([(2, 13.0, {"a": 8.0})], first=4))
    row = named(connection, "a")
    assert (row.points, row.nans, row.infinities, row.min, row.max) == (4, 1, 0, -1.0, 8.0)
    assert (row.first_step, row.last_step, row.most_step, row.last_time, row.last) == (2, 2, 9, 13.0, 8.0)
    assert named(connection, "b").infinities == 1
    values = Points(connection, "local").last_values(["r", "none"])
    assert sorted(values["r"]) == [("a", "{}", 8.0), ("b", "{}", math.inf)]
    assert values["none"] == []
    compacted(connection)
    assert named(connection, "a").duplicates == 1


def test_lines_are_read_by_number_and_from_the_end(connection: sqlite3.Connection) -> None:
    said = [f"line {i} \udc80 \0 é" for i in range(9000)]
    entries = [Text("stdout", (), i + 1, i, 1e9 + i, text) for i, text in enumerate(said)]
    store(connection, batch(texts=entries[:5000]), batch(texts=entries[5000:], first=5001))
    points, row = Points(connection, "local"), named(connection, "stdout")
    assert (row.kind, row.points) == ("text", 9000)
    for first, limit in ((0, 10), (4090, 20), (4999, 2), (8990, 100), (9000, 5)):
        found = points.lines(row, first=first, limit=limit)
        assert [(line.number, line.text) for line in found] == list(enumerate(said))[first : first + limit]
    assert [line.step for line in points.lines(row, tail=True, limit=3)] == [8997, 8998, 8999]
    assert points.lines(row, tail=True, limit=20_000)[0].text == said[0]


def test_a_batch_that_is_sent_again_is_stored_once(connection: sqlite3.Connection) -> None:
    again = batch(noisy(10))
    store(connection, again)
    with writing(connection) as points:
        assert points.take(again) == [10]
        assert points.position("w") == 10
        assert points.position("nobody") == 0
    assert len(whole(connection)) == 10


def test_a_batch_of_which_a_part_is_stored_is_refused_with_the_position(
    connection: sqlite3.Connection,
) -> None:
    store(connection, batch(noisy(10)))
    with writing(connection) as points:
        partly, other, fine = points.take(
            batch(noisy(10), first=5), batch(noisy(10), first=11, run="s"), batch(noisy(10, 20), first=11)
        )
    assert isinstance(partly, Conflict)
    assert partly.details == {"sequence": 10}
    assert isinstance(other, Conflict)
    assert "another run" in other.message
    assert fine == 20
    assert len(whole(connection)) == 20


def test_records_that_never_came_count_as_lost(connection: sqlite3.Connection) -> None:
    store(
        connection,
        batch(noisy(10)),
        batch(noisy(5, 20), first=16),
        batch(noisy(5, 30), first=21, lost=(2, 4)),
    )
    receipt = Points(connection, "local").receipt("r")
    assert (receipt.lost_records, receipt.lost_points) == (7, 4)
    assert "Records 11 to 15 of the writer w never came." in receipt.faults


def test_an_empty_batch_renews_the_sign_of_life_and_adds_each_fault_once(
    connection: sqlite3.Connection,
) -> None:
    with writing(connection) as points:
        for _ in range(3):
            assert points.take(Batch("r", "w", 1, 0, faults=["The disk was full."])) == [0]
    connection.execute("UPDATE writers SET updated_at = 0")
    with writing(connection) as points:
        assert points.take(Batch("r", "w", 1, 0)) == [0]
    assert connection.execute("SELECT sequence, faults, updated_at > 0 FROM writers").fetchall() == [
        (0, '["The disk was full."]', 1)
    ]


def test_a_thousand_faults_are_bounded(connection: sqlite3.Connection) -> None:
    store(connection, batch(noisy(1), faults=[f"fault {i}" for i in range(1000)]))
    assert len(Points(connection, "local").receipt("r").faults) <= 32


def test_columns_that_do_not_belong_together_are_refused_and_nothing_is_stored(
    connection: sqlite3.Connection,
) -> None:
    good = columns(noisy(4), 1)[0]
    for change in ("sequences", "times", "steps"):
        rows = columns(noisy(4), 1)[0]
        setattr(rows, change, getattr(rows, change)[:-8])
        with pytest.raises(Invalid, match="differ in length"):
            store(connection, Batch("r", "w", 1, 4, rows=[rows]))
    good.names = ("loss", "loss")
    good.values = [*good.values, *good.values]
    with pytest.raises(Invalid, match="twice"):
        store(connection, Batch("r", "w", 1, 4, rows=[good]))
    good.names = ("a\0", "a\ufffd")
    with pytest.raises(Invalid, match="same once"):
        store(connection, Batch("r", "w", 1, 4, rows=[good]))
    assert connection.execute("SELECT count(*) FROM writers").fetchone() == (0,)


def test_a_thousand_keys_a_step_are_stored_and_share_one_axis(connection: sqlite3.Connection) -> None:
    names = [f"layer{i}/norm" for i in range(1000)]
    rows: list[Row] = [
        (i, 1e9 + i, {name: float(i + place) for place, name in enumerate(names)}) for i in range(70)
    ]
    store(connection, batch(rows))
    assert connection.execute("SELECT max(length(series)) FROM frames").fetchone() == (6,)
    compacted(connection)
    assert connection.execute("SELECT count(*), sum(uses) FROM axes").fetchone() == (1, 1000)
    assert whole(connection, "layer7/norm").values.tolist() == [float(i + 7) for i in range(70)]


def test_two_organizations_see_nothing_of_each_other(connection: sqlite3.Connection) -> None:
    store(connection, batch(noisy(10)))
    other = Points(connection, "other")
    assert other.catalog(["r"]) == []
    assert other.position("w") == 0
    assert other.receipt("r").committed == 0
