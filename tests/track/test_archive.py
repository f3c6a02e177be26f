"""Runs found again: listed, read back whole, compared, followed, exported."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autoresearch.errors import Conflict, Invalid, NotFound
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.experiment import ExperimentRequest
from autoresearch.records.ids import new_id
from autoresearch.track.archive import Archive
from autoresearch.track.glancing import Watch
from tests.logged_runs import BEGAN, Logging


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[LocalLedger]:
    with LocalLedger.open(tmp_path / "home") as opened:
        yield opened


@pytest.fixture
def archive(ledger: LocalLedger) -> Archive:
    return Archive(ledger, "tiny")


def _finished(ledger: LocalLedger, n: int = 10, **opening: Any) -> Logging:
    logging = Logging(ledger.runs, **opening)
    return logging.log(range(n), loss=[1.0 / (step + 1) for step in range(n)]).finish()


def test_runs_are_listed_newest_first_and_by_what_they_say(ledger: LocalLedger, archive: Archive) -> None:
    for number, rate in enumerate([0.3, 0.1, 0.2]):
        _finished(ledger, config={"lr": rate}, tags=["even"] if number % 2 == 0 else [], group=f"g{number}")
    Logging(ledger.runs, name="still going").send()
    assert [run.number for run in archive.list()] == [4, 3, 2, 1]
    assert [run.number for run in archive.list(limit=2)] == [4, 3]
    assert [run.number for run in archive.list(order="config.lr", descending=False, limit=2)] == [2, 3]
    assert [run.number for run in archive.list(tags=["even"], where=["config.lr < 0.25"])] == [3]
    assert [run.number for run in archive.list(state="running")] == [4]
    assert [run.number for run in archive.list(group="g1")] == [2]
    with pytest.raises(Invalid):
        archive.list(where=["lr <"])


def test_a_run_is_found_by_record_id_number_name_and_last(ledger: LocalLedger, archive: Archive) -> None:
    first = _finished(ledger, name="one")
    _finished(ledger, name="two")
    run = archive.find(1)
    assert run.id == first.id
    for reference in (run, run.id, "1", "#1", "one", run.id[-8:]):
        assert archive.find(reference) == run
    assert archive.find("last").name == "two"
    with pytest.raises(NotFound):
        archive.find("three")


def test_runs_of_an_experiment_are_found_by_its_number(ledger: LocalLedger, archive: Archive) -> None:
    made = new_id()
    request = ExperimentRequest.make(
        id=made,
        project="tiny",
        session_id=_session(ledger),
        note="try",
        repro_key="0" * 64,
        occurred_at=_now(),
    )
    number = ledger.research.record(request).number
    linked = _finished(ledger, experiment=made)
    _finished(ledger)
    assert [run.id for run in archive.list(experiment=number)] == [linked.id]
    assert archive.edit("last", experiment=number).experiment_number == number


def _session(ledger: LocalLedger) -> str:
    from autoresearch.records.experiment import SessionRequest

    return ledger.research.open_session(SessionRequest.make(id=new_id(), project="tiny", tag="t")).id


def _now() -> object:
    from autoresearch.records.base import utc_now

    return utc_now()


def test_every_look_takes_over_first_what_the_dead_left_behind(ledger: LocalLedger) -> None:
    left: list[Logging] = []
    archive = Archive(ledger, "tiny", refresh=lambda: left.append(_finished(ledger)))
    assert [run.number for run in archive.list()] == [1]
    assert archive.find("last").number == 2
    assert len(archive.history("last", "loss")[0]) == 10
    assert len(left) == 3


def test_a_long_history_is_whole_and_in_order(ledger: LocalLedger, archive: Archive) -> None:
    n = 25_000
    values = np.sin(np.arange(n) / 1000).tolist()
    Logging(ledger.runs).log(range(n), loss=values).finish()
    (curve,) = archive.history(1, "loss")
    assert curve.steps.tolist() == list(range(n))
    assert curve.values.tolist() == values
    (window,) = archive.history(1, "loss", first_step=9_990, last_step=20_010)
    assert (window[0].step, window[-1].step, len(window)) == (9_990, 20_010, 10_021)


def test_metrics_are_chosen_by_name_pattern_and_labels(ledger: LocalLedger, archive: Archive) -> None:
    logging = Logging(ledger.runs).log(range(3), val__loss=[1, 2, 3], val__acc=[3, 2, 1], lr=[1, 1, 1])
    logging.log(range(3), {"split": "test"}, val__loss=[7, 8, 9])
    logging.log_named(range(3), {"a*b": [0, 0, 0], "axb": [1, 1, 1]}).finish()
    assert sorted(curve.title for curve in archive.history(1, "val/*")) == [
        "val/acc",
        "val/loss",
        "val/loss{split=test}",
    ]
    assert [curve.title for curve in archive.history(1, "val/*", labels={"split": "test"})] == [
        "val/loss{split=test}"
    ]
    assert [curve.name for curve in archive.history(1, "a*b")] == ["a*b"], "a name wins over a pattern"
    assert archive.history(1, "no/*") == ()
    assert archive.sampled(1, "no/*") == ()
    assert len(archive.history(1)) == 6


def test_sampling_keeps_the_extremes_of_several_runs(ledger: LocalLedger, archive: Archive) -> None:
    for spike in (777, 4_321):
        values = [math.cos(step / 500) for step in range(5_000)]
        values[spike] = 99.0
        Logging(ledger.runs).log(range(5_000), loss=values).finish()
    curves = archive.sampled([1, 2], "loss", samples=100)
    assert [len(curve) <= 100 for curve in curves] == [True, True]
    assert [max(curve.values.tolist()) for curve in curves] == [99.0, 99.0]
    assert archive.sampled("last", "loss", samples=100)[0].sampled


def test_runs_are_compared_by_what_differs(ledger: LocalLedger, archive: Archive) -> None:
    _finished(ledger, 3, config={"lr": 0.1, "opt": {"name": "adam", "eps": 1}, "seed": 1})
    _finished(ledger, 2, config={"lr": 0.2, "opt": {"name": "adam", "eps": 1.0}, "only": True, "seed": 1})
    found = archive.compare([1, 2], "loss")
    assert [(one.name, one.differs) for one in found.config] == [
        ("lr", True),
        ("only", True),
        ("opt.eps", True),
        ("opt.name", False),
        ("seed", False),
    ]
    first, second = (run.id for run in found.runs)
    assert found["config"][1].values == {second: True}
    (measured,) = found.metrics
    assert (measured.title, measured.runs[first].last, measured.runs[second].max) == ("loss", 1 / 3, 1.0)
    (columns,) = found.curves
    assert columns.steps.tolist() == [0, 1, 2]
    assert columns.values[first].tolist() == [1.0, 0.5, 1 / 3]
    assert np.isnan(columns.values[second]).tolist() == [False, False, True]
    document = json.loads(json.dumps(found.document(), allow_nan=False))
    assert document["curves"][0]["values"][second] == [1.0, 0.5, None]


def test_a_comparison_without_names_has_no_curves_unless_they_are_sampled(
    ledger: LocalLedger, archive: Archive
) -> None:
    _finished(ledger)
    _finished(ledger)
    assert archive.compare([1, 2]).curves == ()
    assert [len(one.steps) <= 8 for one in archive.compare([1, 2], samples=4).curves] == [True]
    with pytest.raises(Invalid, match="each once"):
        archive.compare([1, "#1"])
    with pytest.raises(KeyError, match="no field"):
        _ = archive.compare([1])["score"]


def test_lines_come_in_order_and_the_last_ones_alone(ledger: LocalLedger, archive: Archive) -> None:
    Logging(ledger.runs).print("a", "b").print("c", stream="console/stderr").print("d").finish()
    assert [line.text for line in archive.lines(1)] == ["a", "b", "c", "d"]
    assert [line.text for line in archive.lines(1, tail=2)] == ["c", "d"]
    assert [line.text for line in archive.lines(1, "console/stderr")] == ["c"]
    assert list(archive.lines(1, tail=0)) == []


def test_more_lines_than_a_page_holds_can_be_the_last_ones(ledger: LocalLedger, archive: Archive) -> None:
    Logging(ledger.runs).print(*(f"line {n}" for n in range(12_000))).finish()
    lines = list(archive.lines(1, tail=11_000))
    assert (len(lines), lines[0].text, lines[-1].text) == (11_000, "line 1000", "line 11999")


def test_following_gives_each_line_once_until_the_run_ends(ledger: LocalLedger, archive: Archive) -> None:
    logging = Logging(ledger.runs).print(*(f"old {n}" for n in range(5))).send()
    acts: list[Callable[[], object]] = [
        lambda: logging.print("first").send(),
        lambda: None,
        # A clock that was set back, and a second process that is behind.
        lambda: (
            logging.print("past", at=BEGAN - 100)
            .print("error", stream="console/stderr", at=BEGAN - 50)
            .send()
        ),
        lambda: logging.print(*(f"many {n}" for n in range(300)), at=BEGAN).send(),
        lambda: logging.print("last words").finish(),
    ]
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        acts.pop(0)()

    texts = [line.text for line in archive.follow(1, tail=2, interval=0.25, wait=wait)]
    assert texts[:3] == ["old 3", "old 4", "first"]
    assert sorted(texts[3:5]) == ["error", "past"]
    assert texts[5:-1] == [f"many {n}" for n in range(300)]
    assert texts[-1] == "last words"
    assert waits == [0.25] * 5


def test_following_catches_up_after_more_lines_than_a_page(ledger: LocalLedger, archive: Archive) -> None:
    logging = Logging(ledger.runs).print("begin").send()
    flood = [f"line {n}" for n in range(10_500)]
    texts = [line.text for line in archive.follow(1, wait=lambda _: logging.print(*flood).finish())]
    assert texts == ["begin", *flood]


def test_following_a_run_that_has_ended_gives_what_is_there(ledger: LocalLedger, archive: Archive) -> None:
    Logging(ledger.runs).print("a", "b", "c").finish()
    assert [line.text for line in archive.follow(1, tail=None)] == ["a", "b", "c"]
    assert [line.text for line in archive.follow(1, tail=1)] == ["c"]
    with pytest.raises(NotFound):
        archive.follow("nobody")


def test_media_are_listed_and_written_whole(ledger: LocalLedger, archive: Archive, tmp_path: Path) -> None:
    digest = ledger.snapshots.put(b"picture")
    said = {"kind": "image", "media_type": "image/png", "size": 7, "meta": {}}
    logging = Logging(ledger.runs).say(op="media", key="sample", step=3, digest=digest, **said)
    logging.say(op="media", key="other", step=4, digest=None, **said).finish()
    assert [media.key for media in archive.media(1)] == ["sample", "other"]
    (media,) = archive.media(1, "sample")
    place = archive.media_file(media, tmp_path / "sample.png")
    assert hashlib.sha256(place.read_bytes()).hexdigest() == digest
    with pytest.raises(Conflict, match="already"):
        archive.media_file(media, place)
    with pytest.raises(NotFound, match="not kept"):
        archive.media_file(archive.media(1, "other")[0], tmp_path / "other.png")


def test_what_people_say_about_a_run_can_be_changed(ledger: LocalLedger, archive: Archive) -> None:
    _finished(ledger, tags=["draft"])
    assert archive.tag(1, "best", "tuned", remove=["draft"]).tags == ("best", "tuned")
    edited = archive.edit("last", name="renamed", note="a note", group="g", config={"seed": 3})
    assert (edited.name, edited.note, edited.group, edited.config) == ("renamed", "a note", "g", {"seed": 3})
    with pytest.raises(Invalid):
        archive.edit("last", name="two\nlines")


def test_a_removed_run_is_gone_and_a_running_one_stays(ledger: LocalLedger, archive: Archive) -> None:
    _finished(ledger)
    Logging(ledger.runs, name="going").send()
    assert archive.remove(1).name == "quiet-otter"
    with pytest.raises(NotFound):
        archive.find(1)
    with pytest.raises(Conflict):
        archive.remove("going")
    assert [run.name for run in archive.list()] == ["going"]


def test_the_receipt_is_passed_on(ledger: LocalLedger, archive: Archive) -> None:
    _finished(ledger, 10)
    receipt = archive.receipt("last", verify=True)
    assert (receipt.intact, receipt.points_committed, receipt.points_stored, receipt.lost) == (
        True,
        10,
        10,
        0,
    )


def test_an_export_has_every_point_of_every_page(
    ledger: LocalLedger, archive: Archive, tmp_path: Path
) -> None:
    n = 12_345
    values = [math.sin(step) for step in range(n)]
    Logging(ledger.runs).log(range(n), loss=values).log(range(0, n, 100), val=values[::100]).finish()
    done = archive.export(tmp_path / "points.csv", 1)
    with (tmp_path / "points.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert (done.format, done.rows, done.metrics, len(rows)) == ("csv", n, ("loss", "val"), n)
    assert [float(row["loss"]) for row in rows] == values
    assert [int(row["step"]) for row in rows if row["val"]] == list(range(0, n, 100))
    assert float(rows[7]["time"]) == BEGAN + 3.5


def test_metrics_of_the_system_have_rows_of_their_own_when_they_are_named(
    ledger: LocalLedger, archive: Archive
) -> None:
    Logging(ledger.runs).log(range(2), loss=[1, 2]).log(range(3), system__cpu__percent=[7, 8, 9]).finish()
    alone, both = io.BytesIO(), io.BytesIO()
    assert archive.export(alone, 1, format="csv").metrics == ("loss",)
    done = archive.export(both, [1], "system/*", "loss", format="jsonl")
    rows = [json.loads(line) for line in both.getvalue().splitlines()]
    assert (done.path, done.metrics, len(rows)) == (None, ("loss", "system/cpu/percent"), 5)
    assert [sorted(row) for row in rows] == [["loss", "step", "time"]] * 2 + [
        ["step", "system/cpu/percent", "time"]
    ] * 3


def test_an_export_that_cannot_be_is_refused_before_anything_is_written(
    ledger: LocalLedger, archive: Archive, tmp_path: Path
) -> None:
    _finished(ledger)
    (tmp_path / "there.csv").write_text("mine")
    with pytest.raises(Invalid, match="cannot be told"):
        archive.export(tmp_path / "points.dat", 1)
    with pytest.raises(Invalid, match="a stream"):
        archive.export(io.BytesIO(), 1)
    with pytest.raises(NotFound):
        archive.export(tmp_path / "points.csv", 9)
    with pytest.raises(Conflict):
        archive.export(tmp_path / "there.csv", 1)
    assert archive.export(tmp_path / "there.csv", 1, replace=True).rows == 10
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["there.csv"]


def test_several_runs_are_exported_one_after_the_other(ledger: LocalLedger, archive: Archive) -> None:
    _finished(ledger, 2, name="one")
    _finished(ledger, 1, name="two")
    out = io.BytesIO()
    archive.export(out, [1, "two", "#1"], "loss", format="csv")
    rows = list(csv.reader(io.StringIO(out.getvalue().decode())))
    assert [row[:3] for row in rows] == [
        ["run", "name", "step"],
        ["1", "one", "0"],
        ["1", "one", "1"],
        ["2", "two", "0"],
    ]


def test_a_watch_sees_what_goes_on_and_keeps_what_ends(ledger: LocalLedger, archive: Archive) -> None:
    watch = Watch(archive, metric="val", most=2)
    assert watch.look() == ()
    logging = Logging(ledger.runs).log(range(100), loss=[1.0] * 100, val=[2.0] * 100, zeta=[3.0] * 100)
    logging.log_named([0], {"system/cpu/percent": [50.0], "system/gpu/0/utilization_percent": [80.0]})
    logging.log_named([0], {"system/gpu/1/utilization_percent": [100.0]}).send()
    (glance,) = watch.look()
    assert (glance.step, glance.cpu, glance.gpu) == (99, 50.0, 90.0)
    assert [(metric.title, metric.last) for metric in glance.metrics] == [("val", 2.0), ("loss", 1.0)]
    assert glance.rate == pytest.approx(2.0), "a step takes half a second"
    logging.log([299], loss=[math.nan]).send()
    (later,) = watch.look()
    assert later.step == 299
    assert later.rate == pytest.approx(2.0)
    assert math.isnan(later.metrics[1].last)
    assert watch.look()[0].rate == 0.0
    logging.finish("failed", exit_code=1)
    (ended,) = watch.look()
    assert (ended.run.state, ended.rate) == ("failed", None)
    archive.remove(1)
    assert watch.look() == ()
