"""What runs logged: taken over once, read back exactly, and accounted for."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoresearch.errors import Conflict, Invalid, NotFound
from autoresearch.ledger.base import Ledger, every
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.ids import new_id
from autoresearch.series.batch import Batch, Message
from tests.run_batches import START, Writer, rows

NAN, INF = float("nan"), float("inf")


def curve(ledger: Ledger, run: str, name: str, **values: Any) -> list[tuple[int, float]]:
    (found,) = ledger.runs.history(run, [name], **values).curves
    return [(point.step, point.value) for point in found]


def test_points_come_back_bit_for_bit(ledger: Ledger) -> None:
    writer = Writer(ledger).open()
    values = [0.1, -0.0, NAN, INF, -INF, 5e-324, 1.7976931348623157e308]
    writer.log({"x": values})
    (found,) = ledger.runs.history(writer.run).curves
    assert found.steps.tolist() == list(range(7))
    assert found.times.tolist() == [START + n for n in range(7)]
    assert [v.hex() for v in found.values.tolist()] == [v.hex() for v in values]
    (info,) = ledger.runs.catalog(writer.run)
    assert (info.name, info.kind, info.points, info.nans, info.infinities) == ("x", "metric", 7, 1, 2)
    assert (info.min, info.max) == (-0.0, 1.7976931348623157e308)


def test_a_batch_that_is_sent_again_is_stored_once(ledger: Ledger) -> None:
    writer = Writer(ledger).open()
    batch = writer.batch({"loss": [3.0, 2.0, 1.0]})
    assert ledger.runs.ingest(batch) == ledger.runs.ingest(batch) == 4
    assert ledger.runs.position(writer.id) == 4
    assert curve(ledger, writer.run, "loss") == [(0, 3.0), (1, 2.0), (2, 1.0)]
    assert ledger.runs.receipt(writer.run).points_committed == 3
    assert ledger.runs.position(new_id()) == 0


def test_a_batch_of_which_a_part_is_stored_is_refused_whole(ledger: Ledger) -> None:
    writer = Writer(ledger).open()
    writer.log({"loss": [3.0, 2.0]})
    overlapping = Batch(writer.run, writer.id, 2, 5, rows=[rows({"loss": [9.0] * 4}, first=2)])
    with pytest.raises(Conflict) as caught:
        ledger.runs.ingest(overlapping)
    assert caught.value.details["sequence"] == 3
    assert curve(ledger, writer.run, "loss") == [(0, 3.0), (1, 2.0)]
    assert (
        ledger.runs.ingest(Batch(writer.run, writer.id, 4, 5, rows=[rows({"loss": [7.0, 8.0]}, first=4)]))
        == 5
    )


@pytest.mark.parametrize("run", ["", "12", "../../etc/passwd", "A" * 36, "\0" * 36])
def test_a_run_has_an_id_that_is_one(ledger: Ledger, run: str) -> None:
    with pytest.raises(Invalid, match="not the id of a run"):
        ledger.runs.ingest(Batch(run, new_id(), 1, 0))


@pytest.mark.parametrize("writer", ["", "a\nb", "x" * 201, "\ud800"])
def test_a_writer_has_an_id_that_can_be_kept(ledger: Ledger, writer: str) -> None:
    with pytest.raises(Invalid, match="not the id of a writer"):
        ledger.runs.ingest(Batch(new_id(), writer, 1, 0))


def test_what_has_no_time_is_refused_and_nothing_of_it_is_stored(ledger: Ledger) -> None:
    writer = Writer(ledger).open()
    with pytest.raises(Invalid, match="no time"):
        ledger.runs.ingest(Batch(writer.run, writer.id, 2, 2, messages=[Message(2, NAN, {"op": "note"})]))
    assert ledger.runs.position(writer.id) == 1


def test_a_later_value_of_a_step_stands(ledger: Ledger) -> None:
    writer = Writer(ledger).open()
    writer.log({"loss": [1.0, 2.0, 3.0]}, steps=[10, 11, 12])
    writer.log({"loss": [9.0, 8.0]}, steps=[11, 5])
    expected = [(5, 8.0), (10, 1.0), (11, 9.0), (12, 3.0)]
    assert curve(ledger, writer.run, "loss") == expected
    assert ledger.runs.compact(writer.run) > 0
    assert curve(ledger, writer.run, "loss") == expected
    receipt = ledger.runs.receipt(writer.run, verify=True)
    assert (receipt.points_committed, receipt.points_stored, receipt.duplicates_collapsed) == (5, 4, 1)
    assert receipt.intact, receipt.faults


def test_a_history_is_read_in_pages_and_windows(ledger: Ledger) -> None:
    writer = Writer(ledger).open()
    writer.log(
        {"loss": [float(n) for n in range(100)], "acc": [-float(n) for n in range(100)]}, steps=range(-50, 50)
    )
    writer.log({"other": [1.0]}, steps=[3])
    pages, cursor = [], None
    while True:
        page = ledger.runs.history(writer.run, ["loss", "acc"], limit=30, cursor=cursor)
        pages.append(page)
        cursor = page.next_cursor
        if cursor is None:
            break
    assert [len(page.curves[0]) for page in pages] == [30, 30, 30, 10]
    for place, name in enumerate(("acc", "loss")):
        steps = [step for page in pages for step in page.curves[place].steps.tolist()]
        assert (pages[0].curves[place].name, steps) == (name, list(range(-50, 50)))
    window = curve(ledger, writer.run, "loss", first_step=-3, last_step=2)
    assert [step for step, _ in window] == [-3, -2, -1, 0, 1, 2]
    assert [found.name for found in ledger.runs.history(writer.run).curves] == ["acc", "loss", "other"]
    assert ledger.runs.history(writer.run, ["none"]).curves == []
    for cursor in ("x", "--3", "1.5", ""):
        with pytest.raises(Invalid, match="not a cursor"):
            ledger.runs.history(writer.run, cursor=cursor)


def test_a_long_series_is_drawn_with_few_points_among_them_its_extremes(ledger: Ledger) -> None:
    writer = Writer(ledger).open()
    rng = random.Random(1)
    values = [rng.gauss(0, 1) for _ in range(20_000)]
    values[12_345], values[777] = 99.0, -99.0
    for start in range(0, 20_000, 5000):
        writer.log({"loss": values[start : start + 5000]}, steps=range(start, start + 5000))
    (drawn,) = ledger.runs.sampled([writer.run], ["loss"], samples=200)
    shown = {point.step: point.value for point in drawn}
    assert len(drawn) <= 200 < drawn.total == 20_000
    assert all(values[step] == value for step, value in shown.items())
    assert {0, 777, 12_345, 19_999} <= shown.keys()
    (zoomed,) = ledger.runs.sampled([writer.run], ["loss"], samples=500, first_step=100, last_step=199)
    assert zoomed.values.tolist() == values[100:200]
    for samples in (0, 1, 10**9, True):
        with pytest.raises(Invalid, match="samples"):
            ledger.runs.sampled([writer.run], samples=samples)


def test_curves_of_several_runs_come_in_the_order_in_which_they_were_asked_for(ledger: Ledger) -> None:
    runs = [Writer(ledger).open() for _ in range(3)]
    for n, writer in enumerate(runs):
        writer.log({"loss": [float(n)], "acc": [1.0]})
    wanted = [runs[2].run, runs[0].run]
    found = ledger.runs.sampled(wanted, ["loss"])
    assert [(curve.run_id, curve.values.tolist()) for curve in found] == [
        (wanted[0], [2.0]),
        (wanted[1], [0.0]),
    ]
    with pytest.raises(NotFound):
        ledger.runs.sampled([new_id()])


def test_labels_tell_series_of_one_name_apart(ledger: Ledger) -> None:
    writer = Writer(ledger).open()
    for split, value in (("train", 1.0), ("val", 2.0)):
        writer.log({"loss": [value]}, labels=(("rank", "0"), ("split", split)))
    writer.log({"loss": [3.0]})
    found = ledger.runs.history(writer.run, ["loss"])
    assert [curve.title for curve in found.curves] == [
        "loss{rank=0,split=train}",
        "loss{rank=0,split=val}",
        "loss",
    ]
    (val,) = ledger.runs.history(writer.run, ["loss"], labels={"split": "val"}).curves
    assert (val.labels, val.values.tolist()) == ({"rank": "0", "split": "val"}, [2.0])
    assert writer.seen.latest["loss{rank=0,split=val}"] == 2.0


HOSTILE = [
    "a/b/../c",
    "'; DROP TABLE runs; --",
    '"quoted"',
    "%_*?",
    "ünï 漢字 🙂",
    " lead",
    "\n",
    "x" * 600,
    "{",
    "~",
]


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: name[:12])
def test_any_name_and_label_is_kept_and_found(ledger: Ledger, name: str) -> None:
    writer = Writer(ledger).open(definitions=[{"name": name, "summary": "max"}])
    writer.log({name: [1.0, 2.0], "loss": [0.0, 0.0]}, labels=((name, name),))
    writer.write(name, "line", labels=((name, name),))
    assert curve(ledger, writer.run, name, labels={name: name}) == [(0, 1.0), (1, 2.0)]
    assert ledger.runs.lines(writer.run, [name]).items[0].text == "line"
    assert {info.name for info in ledger.runs.catalog(writer.run)} == {name, "loss"}
    assert writer.seen.latest[f"{name}{{{name}={name}}}"] == 2.0
    assert ledger.runs.compact(writer.run) == 4
    assert ledger.runs.receipt(writer.run, verify=True).intact


def test_names_that_are_too_long_are_shortened_and_stay_apart(ledger: Ledger) -> None:
    first, second = "x" * 10_000, "x" * 10_001
    writer = Writer(ledger).open()
    writer.log({first: [1.0]}, labels=((first, second),))
    writer.log({second: [2.0]}, labels=((second, first),))
    found = [(info.name[:500], info.last) for info in ledger.runs.catalog(writer.run)]
    assert sorted(found, key=lambda one: one[1] or 0) == [("x" * 500, 1.0), ("x" * 500, 2.0)]
    assert all(len(info.name) <= 1000 for info in ledger.runs.catalog(writer.run))


@pytest.mark.parametrize("name", ["a\0b", "a\ud800b"])
def test_what_a_database_cannot_keep_in_a_name_is_replaced(ledger: Ledger, name: str) -> None:
    writer = Writer(ledger).open()
    writer.log({name: [1.0]})
    writer.write("stdout", "text \0 \ud800 end")
    (kept,) = writer.seen.latest
    assert kept[0] + kept[-1] == "ab"
    (line,) = ledger.runs.lines(writer.run).items
    assert line.text.startswith("text ")
    assert line.text.endswith(" end")


def test_lines_are_read_in_order_of_time_from_either_end(ledger: Ledger) -> None:
    writer = Writer(ledger).open()
    writer.write("stdout", *(f"out {n}" for n in range(10)))
    writer.write("stderr", *(f"err {n}" for n in range(10)), start=START + 0.5)
    expected = [f"{kind} {n}" for n in range(10) for kind in ("out", "err")]
    pages = every(lambda cursor: ledger.runs.lines(writer.run, limit=3, cursor=cursor))
    assert [line.text for line in pages] == expected
    assert [line.text for line in ledger.runs.lines(writer.run, limit=5, tail=True).items] == expected[-5:]
    only = ledger.runs.lines(writer.run, ["stderr"], limit=4)
    assert [(line.number, line.text) for line in only.items] == [(n, f"err {n}") for n in range(4)]
    writer.write("stdout", "later")
    assert ledger.runs.lines(writer.run, ["stdout"], limit=1, tail=True).items[0].number == 10
    for cursor in ("x", "W10=", "", "eyJhIjogIngifQ=="):
        with pytest.raises(Invalid, match="not a cursor"):
            ledger.runs.lines(writer.run, cursor=cursor)


def test_media_are_listed_first_to_last_and_by_key(ledger: Ledger) -> None:
    writer = Writer(ledger).open()
    for step in range(5):
        writer.say("media", key=("plot", "table")[step % 2], kind="image", step=step, media_type="image/png")
    found = every(lambda cursor: ledger.runs.media(writer.run, limit=2, cursor=cursor))
    assert [logged.step for logged in found] == [0, 1, 2, 3, 4]
    assert [logged.step for logged in ledger.runs.media(writer.run, key="table").items] == [1, 3]
    assert writer.seen.notices == ()


def test_the_receipt_counts_what_was_claimed_taken_over_and_stored(ledger: Ledger) -> None:
    writer = Writer(ledger).open()
    writer.log({"loss": [1.0, NAN, 3.0], "acc": [1.0, 2.0, 3.0]})
    assert ledger.runs.receipt(writer.run).points_claimed is None
    writer.finish()
    receipt = ledger.runs.receipt(writer.run, verify=True)
    assert (receipt.points_claimed, receipt.points_committed, receipt.points_stored) == (6, 6, 6)
    assert (receipt.lost, receipt.intact, receipt.writers, receipt.faults) == (0, True, 1, ())


@pytest.mark.store
def test_points_that_were_lost_on_the_way_are_said_to_be(ledger: Ledger) -> None:
    writer = Writer(ledger).open()
    writer.sequence = 10
    faults = ["the segment 2 is missing"]
    batch = Batch(
        writer.run,
        writer.id,
        2,
        11,
        rows=[rows({"loss": [1.0]}, first=11)],
        lost_records=9,
        lost_points=9,
        faults=faults,
    )
    ledger.runs.ingest(batch)
    receipt = ledger.runs.receipt(writer.run)
    assert (receipt.intact, receipt.lost) == (False, 9)
    assert any("segment 2" in fault for fault in receipt.faults)
    assert any("segment 2" in said for said in ledger.snapshots.verify())


def test_reading_what_is_not_there_says_so(ledger: Ledger) -> None:
    missing = new_id()
    for ask in (
        ledger.runs.run,
        ledger.runs.catalog,
        ledger.runs.history,
        ledger.runs.lines,
        ledger.runs.media,
        ledger.runs.receipt,
        ledger.runs.compact,
    ):
        with pytest.raises(NotFound, match="no run"):
            ask(missing)


@settings(max_examples=25)
@given(
    batches=st.lists(
        st.tuples(
            st.integers(0, 1),
            st.lists(st.tuples(st.integers(-5, 30), st.floats(width=64)), min_size=1, max_size=8),
            st.booleans(),
        ),
        max_size=8,
    )
)
def test_whatever_is_sent_and_sent_again_is_read_back_once(
    tmp_path_factory: pytest.TempPathFactory, batches: list[tuple[int, list[tuple[int, float]], bool]]
) -> None:
    with LocalLedger.open(tmp_path_factory.mktemp("store")) as ledger:
        first = Writer(ledger).open()
        writers = [first, Writer(ledger, first.run).open()]
        model: dict[int, float] = {}
        for which, points, compacted in batches:
            writer = writers[which]
            batch = writer.batch({"x": [value for _, value in points]}, steps=[step for step, _ in points])
            for _ in range(2):
                assert ledger.runs.ingest(batch) == writer.sequence
            model |= dict(points)
            if compacted:
                ledger.runs.compact(first.run)
        found = dict(curve(ledger, first.run, "x")) if model else {}
        assert found.keys() == model.keys()
        assert all(
            found[step] == value or (math.isnan(value) and math.isnan(found[step]))
            for step, value in model.items()
        )
        receipt = ledger.runs.receipt(first.run, verify=True)
        assert receipt.intact, receipt.faults
        assert receipt.points_committed == sum(len(points) for _, points, _ in batches)
