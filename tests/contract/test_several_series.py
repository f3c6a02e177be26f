"""Several series at once: merged into one order, side by side in few points, and the values of their labels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest

from autoresearch.errors import Invalid, NotFound
from autoresearch.ledger.base import Ledger
from autoresearch.records.comparing import CompareQuery, SeriesQuery
from autoresearch.records.ids import new_id
from autoresearch.series.several import Compared
from tests.contract_helpers import decide, experiment, goal, kept, session
from tests.run_batches import PROJECT, START, Writer

_Row = tuple[int, int, float, float]


def logged(ledger: Ledger, **values: Any) -> Writer:
    writer = Writer(ledger).open(**values)
    writer.log({"loss": [3.0, 2.0, 1.0]}, labels=(("split", "train"),))
    writer.log(
        {"loss": [4.0, math.nan]}, labels=(("split", "val"), ("fold", "1")), steps=[1, 2], start=START + 0.5
    )
    return writer


def compare(ledger: Ledger, *asked: tuple[str, str, Mapping[str, str | None]], **values: Any) -> Compared:
    series = tuple(
        SeriesQuery.make(run_id=run, name=name, labels=dict(labels)) for run, name, labels in asked
    )
    return ledger.runs.compare(CompareQuery.make(series=series, **values))


def rows(found: Compared) -> list[_Row]:
    return [(point.series, point.step, point.time - START, point.value) for point in found]


def test_series_are_merged_in_order_of_steps(ledger: Ledger) -> None:
    one, two = logged(ledger), Writer(ledger).open()
    two.log({"acc": [0.5, 0.75]}, steps=[1, 5])
    found = compare(ledger, (one.run, "loss", {}), (two.run, "acc", {}))
    assert [(each.asked, each.run_id, each.name) for each in found.series] == [
        (0, one.run, "loss"),
        (0, one.run, "loss"),
        (1, two.run, "acc"),
    ]
    labels = [dict(each.labels) for each in found.series]
    assert labels == [{"fold": "1", "split": "val"}, {"split": "train"}, {}]
    assert [(series, step) for series, step, _, _ in rows(found)] == [
        *[(1, 0), (0, 1), (1, 1), (2, 1), (0, 2), (1, 2), (2, 5)]
    ]
    assert math.isnan(rows(found)[4][3])
    assert (len(found), found.complete) == (7, True)


@pytest.mark.parametrize(
    ("labels", "values"),
    [
        ({"split": "train"}, [3.0, 2.0, 1.0]),
        ({"split": None, "fold": None}, [4.0, None]),
        ({"fold": "2"}, []),
        ({"colour": None}, []),
    ],
)
def test_a_series_is_chosen_by_labels_that_it_has(
    ledger: Ledger, labels: dict[str, str | None], values: list[float | None]
) -> None:
    run = logged(ledger).run
    found = compare(ledger, (run, "loss", labels))
    assert [None if math.isnan(value) else value for *_, value in rows(found)] == values


def test_points_are_sorted_as_asked_and_cut_after_sorting(ledger: Ledger) -> None:
    run = logged(ledger).run
    val, train = (run, "loss", {"split": "val"}), (run, "loss", {"split": "train"})

    def order(**values: Any) -> list[tuple[int, int]]:
        return [(series, step) for series, step, *_ in rows(compare(ledger, train, val, **values))]

    assert order(descending=True, limit=3) == [(0, 2), (1, 2), (0, 1)]
    assert order(sort=["time"]) == [(0, 0), (1, 1), (0, 1), (1, 2), (0, 2)]
    assert order(sort=["time"], descending=True, limit=2) == [(0, 2), (1, 2)]
    assert order(sort=["series", "step"]) == [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2)]
    assert order(sort=["series", "time"], descending=True, limit=2) == [(1, 2), (1, 1)]
    assert order(sort=[]) == [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2)]
    assert order(limit=2) == [(0, 0), (0, 1)]
    assert not compare(ledger, train, val, limit=4).complete
    assert compare(ledger, train, val, limit=5).complete


def test_bounds_of_steps_and_times_are_included(ledger: Ledger) -> None:
    run = logged(ledger).run
    train = (run, "loss", {"split": "train"})
    assert [step for _, step, *_ in rows(compare(ledger, train, first_step=1, last_step=1))] == [1]
    found = compare(ledger, train, since=START + 1, until=START + 2, sort=["time"])
    assert [step for _, step, *_ in rows(found)] == [1, 2]
    with pytest.raises(NotFound):
        compare(ledger, (new_id(), "loss", {}))
    for wrong in ({"limit": 0}, {"sort": ["name"]}, {"limit": 10_001}, {"since": float("nan")}):
        with pytest.raises(Invalid):
            compare(ledger, train, **wrong)
    with pytest.raises(Invalid):
        compare(ledger)


def test_labels_of_a_metric_are_told_with_their_values(ledger: Ledger) -> None:
    run = logged(ledger).run
    found = ledger.runs.label_values(run, "loss")
    assert (found.run_id, found.name, found.points) == (run, "loss", 5)
    told = [
        (key.key, [(one.value, one.points) for one in key.values], key.value_count) for key in found.labels
    ]
    assert told == [("fold", [("1", 2)], 1), ("split", [("train", 3), ("val", 2)], 2)]
    (split,) = ledger.runs.label_values(run, "loss", keys=["split"], limit=1).labels
    assert ([one.value for one in split.values], split.value_count) == (["train"], 2)
    assert ledger.runs.label_values(run, "nothing").labels == ()
    with pytest.raises(NotFound):
        ledger.runs.label_values(new_id(), "loss")


def test_the_charts_of_a_project_show_every_run_with_its_metrics_in_few_points(ledger: Ledger) -> None:
    values = [math.sin(step / 50) for step in range(3000)]
    writers = [Writer(ledger).open(name=f"run {number}") for number in range(3)]
    for writer in writers:
        writer.log({"loss": values, "lr": values, "system/cpu": values})
    found = ledger.runs.charts(PROJECT, samples=20)
    assert [run.name for run in found.runs] == ["run 2", "run 1", "run 0"]
    assert [(curve.run_id, curve.name) for curve in found.curves] == [
        (run.id, name) for run in found.runs for name in ("loss", "lr")
    ]
    assert found.runs[0].latest["loss"] == values[-1]
    assert all(len(curve) <= 20 and curve.total == 3000 for curve in found.curves)
    assert {max(curve.values) for curve in found.curves} == {max(values)}
    same = ledger.runs.charts(PROJECT, samples=20)
    assert [curve.document() for curve in same.curves] == [curve.document() for curve in found.curves]
    writers[0].log({"loss": [99.0]}, steps=[3000])
    later = {curve.run_id: curve for curve in ledger.runs.charts(PROJECT, ["loss"], samples=20).curves}
    assert (later[writers[0].run][-1].value, later[writers[1].run].total) == (99.0, 3000)
    few = ledger.runs.charts(PROJECT, ["loss"], first_step=100, last_step=104).curves
    assert [curve.steps.tolist() for curve in few] == [[100, 101, 102, 103, 104]] * 3


def test_charts_come_in_pages_of_runs(ledger: Ledger) -> None:
    for number in range(3):
        Writer(ledger).open(name=f"run {number}").log({"loss": [1.0]})
    first = ledger.runs.charts(PROJECT, limit=2)
    second = ledger.runs.charts(PROJECT, limit=2, cursor=first.next_cursor)
    assert [run.name for run in (*first.runs, *second.runs)] == ["run 2", "run 1", "run 0"]
    assert ([curve.run_id for curve in second.curves], second.next_cursor) == ([second.runs[0].id], None)
    with pytest.raises(NotFound):
        ledger.runs.charts("nothing")
    for samples, limit in ((1, 1), (500, 0), (500, 1001)):
        with pytest.raises(Invalid):
            ledger.runs.charts(PROJECT, samples=samples, limit=limit)


def test_a_dashboard_begins_with_one_answer(ledger: Ledger) -> None:
    empty = ledger.memory.bootstrap()
    assert (empty.projects, empty.project, empty.frontier, empty.runs, empty.seq) == ((), None, None, (), 0)
    Writer(ledger).open(project="other", name="theirs").finish()
    goal(ledger)
    work = session(ledger).id
    kept(ledger, work, [3.0, 2.0])
    decide(ledger, experiment(ledger, work).id, "crash")
    writer = Writer(ledger).open(name="mine")
    writer.log({"loss": [1.0]})
    found = ledger.memory.bootstrap()
    assert [card.project.name for card in found.projects] == [PROJECT, "other"]
    mine, other = found.projects
    assert (mine.runs, mine.running, mine.kept, mine.dropped, mine.crashed) == (1, 1, 2, 0, 1)
    assert (mine.best, mine.best_number, mine.project) == (2.0, 2, ledger.research.project(PROJECT))
    assert (other.runs, other.running, other.best, other.project.goal) == (1, 0, None, None)
    assert (found.project, found.frontier) == (PROJECT, ledger.research.frontier(PROJECT))
    assert found.experiments == ledger.research.experiments(PROJECT, newest_first=True).items
    assert [run.latest for run in found.runs] == [{"loss": 1.0}]
    assert found.seq == ledger.memory.events(limit=1000).items[-1].seq == mine.last_seq
    theirs = ledger.memory.bootstrap("other", limit=1)
    assert ([run.name for run in theirs.runs], theirs.frontier) == (["theirs"], None)
    assert [card.project.name for card in theirs.projects] == [PROJECT]
    with pytest.raises(NotFound):
        ledger.memory.bootstrap("nothing")
