"""A run in a script: begun, logged to, ended, and read back."""

from __future__ import annotations

import argparse
import datetime
import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autoresearch as ar
from autoresearch.errors import Conflict, Invalid, NotFound, UsageError
from autoresearch.records.ids import new_id
from tests.run_scripts import only_run, points, ran, script, stored

QUIET: dict[str, Any] = {
    "project": "p",
    "system_metrics": False,
    "capture_console": False,
    "capture_code": False,
}


def quiet(**more: Any) -> ar.Run:
    return ar.init(**{**QUIET, **more})


def test_a_run_is_begun_logged_to_and_read_back_bit_by_bit() -> None:
    run = quiet(name="first", config={"lr": 3e-4, "layers": 12, "amp": True})
    values = [1 / (step + 3) for step in range(1000)]
    for value in values:
        ar.log({"loss": value, "acc": 1 - value})
    ar.finish()
    with stored() as runs:
        found = runs.run(run.id)
        assert (found.name, found.state, found.exit_code, found.number) == ("first", "finished", None, 1)
        assert found.config == {"lr": 3e-4, "layers": 12, "amp": True}
        assert type(found.config["layers"]) is int
        assert type(found.config["amp"]) is bool
        assert points(runs, run.id, "loss") == list(enumerate(values))
        assert found.latest == {"loss": values[-1], "acc": 1 - values[-1]}
        receipt = runs.receipt(run.id, verify=True)
        assert receipt.intact
        assert receipt.lost == 0
        assert receipt.points_committed == receipt.points_stored == receipt.points_claimed == 2000


def test_steps_count_up_from_the_last_one_that_was_given() -> None:
    run = quiet()
    run.log({"a": 1.0})
    run.log({"a": 2.0}, step=10)
    run.log({"a": 3.0})
    run.finish()
    with stored() as runs:
        assert points(runs, run.id, "a") == [(0, 1.0), (10, 2.0), (11, 3.0)]


def test_series_of_one_name_are_told_apart_by_their_labels() -> None:
    run = quiet()
    run.log({"loss": 1.0}, 0, labels={"split": "train"})
    run.log({"loss": 2.0}, 0, labels={"split": "val"})
    run.finish()
    with stored() as runs:
        assert points(runs, run.id, "loss", split="train") == [(0, 1.0)]
        assert points(runs, run.id, "loss", split="val") == [(0, 2.0)]


def test_values_that_are_not_finite_are_kept_and_counted() -> None:
    run = quiet()
    for value in (1.0, math.nan, math.inf, -math.inf, np.float32(0.5), np.int64(7), True):
        run.log({"x": value})
    run.finish()
    with stored() as runs:
        got = [value for _, value in points(runs, run.id, "x")]
        assert [str(value) for value in got] == ["1.0", "nan", "inf", "-inf", "0.5", "7.0", "1.0"]
        (info,) = runs.catalog(run.id)
        assert (info.nans, info.infinities, info.max) == (1, 2, 7.0)


def test_what_is_no_number_is_left_out_with_one_warning() -> None:
    run = quiet()
    with pytest.warns(RuntimeWarning, match="bad"):
        run.log({"good": 1.0, "bad": [1, 2]})
    for _ in range(2):  # a second warning would be an error here
        run.log({"good": 1.0, "bad": [1, 2]})
    run.finish()
    with stored() as runs:
        assert len(points(runs, run.id, "good")) == 3


def test_text_goes_to_a_text_series() -> None:
    run = quiet()
    run.log({"sample": "once upon a time", "loss": 2.0}, step=5)
    run.finish()
    with stored() as runs:
        (line,) = runs.lines(run.id, ["sample"]).items
        assert (line.step, line.text) == (5, "once upon a time")


def test_a_later_value_at_the_same_step_takes_the_place_of_the_earlier() -> None:
    run = quiet()
    for value in (1.0, 2.0):
        run.log({"x": value}, step=3)
    run.finish()
    with stored() as runs:
        assert points(runs, run.id, "x") == [(3, 2.0)]
        receipt = runs.receipt(run.id)
        assert receipt.intact
        assert receipt.duplicates_collapsed == 1


@dataclass
class Options:
    lr: float = 0.1
    depth: int = 3


@pytest.mark.parametrize(
    "config", [{"lr": 0.1, "depth": 3}, argparse.Namespace(lr=0.1, depth=3), Options()], ids=type
)
def test_a_configuration_is_taken_in_every_usual_form(config: Any) -> None:
    run = quiet(config=config)
    run.finish()
    with stored() as runs:
        assert runs.run(run.id).config == {"lr": 0.1, "depth": 3}


def test_configuration_values_keep_their_types() -> None:
    run = quiet()
    moment = datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.UTC)
    run.config.update(
        {"i": 1, "f": 1.0, "b": True, "n": None, "when": moment, "bad": math.nan, "path": Path("a/b")},
        more=np.float64(0.25),
        shape=(2, 3),
    )
    run.finish()
    with stored() as runs:
        config = runs.run(run.id).config
    expected = {
        "i": 1,
        "f": 1.0,
        "b": True,
        "n": None,
        "when": {"$type": "datetime", "value": moment.isoformat()},
        "bad": {"$type": "float", "value": "nan"},
        "path": "a/b",
        "more": 0.25,
        "shape": [2, 3],
    }
    assert config == expected
    assert [type(config[name]) for name in "ifb"] == [int, float, bool]
    with quiet(resume=run.id, read_only=True) as read:
        given = read.get_configs()
        assert (read.config["when"], given["when"]) == (moment, moment)
        assert math.isnan(given["bad"])


def test_a_script_puts_its_run_into_a_folder() -> None:
    run = quiet(folder="/sweeps/lr/")
    run.finish()
    other = quiet(folder="sweeps")
    other.finish()
    with stored() as runs:
        assert [runs.run(one.id).folder for one in (run, other)] == ["sweeps/lr", "sweeps"]
    for wrong in ("a//b", " a", "a/../b", "x" * 201):
        with pytest.raises(Invalid, match="folder was"):
            quiet(folder=wrong)


def test_the_handle_can_be_used_like_a_dictionary() -> None:
    with quiet() as run:
        run["lr"] = 0.001
        run["train/loss"].log(0.5, step=1)
        run.log_metrics({"acc": 0.9}, step=1)
        run.log_configs({"depth": 2})
        assert run["lr"].value == 0.001
        assert run.config.depth == 2
        assert run.get_metric_paths() == ["acc", "train/loss"]
        data = run.get_metric_data("train/loss")
        assert data == {"path": "train/loss", "downsampled": False, "raw_points": [{"step": 1, "y": 0.5}]}
        assert run.get_configs() == {"lr": 0.001, "depth": 2}
    with stored() as runs:
        assert runs.run(run.id).config == {"lr": 0.001, "depth": 2}


def test_what_people_say_of_a_run_is_recorded() -> None:
    run = quiet(tags=["a"], note="why", group="g", job_type="train")
    run.tag("b", remove=("a",))
    run.rename("other")
    run.note("because")
    run.summary["best"] = 0.5
    run.define_metric("loss", summary="min", goal="min")
    run.log({"loss": 1.0})
    run.log({"loss": 3.0})
    run.finish()
    with stored() as runs:
        found = runs.run(run.id)
    assert (found.tags, found.name, found.note) == (("b",), "other", "because")
    assert (found.group, found.job_type) == ("g", "train")
    assert found.summary == {"best": 0.5, "loss": 1.0}


def test_an_alert_is_among_the_events() -> None:
    run = quiet()
    run.alert("loss is NaN", "at step 10", level="error")
    run.finish()
    with stored() as runs:
        runs.run(run.id)
        with ar.Workspace.open(project="p") as workspace:
            events = workspace.ledger.memory.events(project="p").items
    (event,) = [event for event in events if event.kind == "run.alert"]
    assert event.after is not None
    assert event.after["title"] == "loss is NaN"
    assert event.after["level"] == "error"


def test_images_tables_histograms_and_files_are_stored_with_their_bytes(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    run = quiet()
    run.log(
        {
            "sample": ar.Image(np.zeros((4, 4, 3), np.uint8), caption="black"),
            "rows": ar.Table(["a", "b"], [[1, 2.5], ["x", None]]),
            "weights": ar.Histogram([1.0, 2.0, 2.0, 3.0]),
            "notes": ar.File(tmp_path / "notes.txt"),
            "loss": 1.0,
        },
        step=7,
    )
    run.finish()
    with ar.Workspace.open(project="p") as workspace:
        found = {item.key: item for item in workspace.ledger.runs.media(run.id).items}
        assert sorted(found) == ["notes", "rows", "sample", "weights"]
        assert {item.step for item in found.values()} == {7}
        image, notes = found["sample"].digest, found["notes"].digest
        assert image is not None
        assert notes is not None
        assert workspace.ledger.snapshots.get(image).startswith(b"\x89PNG")
        assert workspace.ledger.snapshots.get(notes) == b"hello"
        assert points(workspace.ledger.runs, run.id, "loss") == [(7, 1.0)]


def test_the_first_run_of_a_process_loads_neither_models_nor_arrays_nor_the_database_library() -> None:
    code = script(
        """
        ar.log({"loss": 1.0})
        heavy = {"numpy", "pydantic", "sqlalchemy", "typing", "dataclasses", "pathlib", "subprocess", "logging"}
        print(sorted(heavy & set(sys.modules)))
        ar.finish()
        """
    )
    done = subprocess.run(
        [sys.executable, "-I", "-X", "frozen_modules=on", "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ},
    )  # fmt: skip
    already = subprocess.run(
        [sys.executable, "-I", "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )  # fmt: skip
    loaded = set(json.loads(done.stdout.splitlines()[1].replace("'", '"')))
    assert loaded - set(already.stdout.split()) == set()


def test_a_disabled_run_takes_everything_and_leaves_nothing(home: Path) -> None:
    with quiet(mode="disabled") as run:
        run.log({"a": 1})
        run["lr"] = 1
        run.alert("x")
    assert not (home / ".autoresearch").exists()


def test_an_offline_run_stays_in_its_journal_until_it_is_synced(home: Path) -> None:
    run = quiet(mode="offline")
    run.log({"a": 1.0})
    run.finish()
    assert not (home / ".autoresearch" / "ledger.sqlite").exists()
    done = ar.sync()
    assert (done.journals, done.points, done.left) == (1, 1, ())
    assert ar.sync().journals == 0
    with stored() as runs:
        assert runs.run(run.id).state == "finished"
        assert points(runs, run.id, "a") == [(0, 1.0)]


def test_journals_from_another_machine_are_synced_from_their_folder(home: Path, tmp_path: Path) -> None:
    run = quiet(mode="offline")
    run.log({"a": 1.0})
    run.finish()
    (home / ".autoresearch" / "offline").rename(tmp_path / "brought")
    assert ar.sync(tmp_path / "brought").points == 1
    with pytest.raises(NotFound, match="no folder"):
        ar.sync(tmp_path / "nowhere")


def test_a_run_is_resumed_by_id_name_or_number_and_its_steps_go_on() -> None:
    run = quiet(name="long")
    run.log({"a": 1.0})
    run.finish()
    for ref in (run.id, "long", "1"):
        again = quiet(resume=ref)
        assert (again.id, again.name) == (run.id, "long")
        again.log({"a": 2.0})
        again.finish("failed" if ref == "1" else "finished")
    with stored() as runs:
        assert [step for step, _ in points(runs, run.id, "a")] == [0, 1, 2, 3]
        assert runs.run(run.id).state == "failed"
    with pytest.raises(NotFound):
        quiet(resume="nothing")


def test_a_run_opened_to_be_read_refuses_to_be_changed() -> None:
    run = quiet(name="done", config={"lr": 1})
    run.log({"a": 1.0, "say": "hello"})
    run.finish()
    reader = quiet(resume="done", read_only=True)
    assert (reader.id, reader.state, reader.config) == (run.id, "finished", {"lr": 1})
    assert reader.get_string_paths() == ["say"]
    assert reader.get_string_data("say") == {
        "path": "say",
        "points": [{"step": 0, "value": "hello"}],
        "total": 1,
    }
    with pytest.raises(Conflict, match="opened to be read"):
        reader.log({"a": 2})
    with pytest.raises(Conflict, match="opened to be read"):
        reader.note("x")
    with pytest.raises(Conflict, match="opened to be read"):
        reader.config.update(a=1)


def test_a_new_run_ends_the_one_before_it() -> None:
    first, second = quiet(), quiet()
    assert first.state == "finished"
    assert second.state == "running"
    ar.finish()
    with stored() as runs:
        assert {runs.run(run.id).state for run in (first, second)} == {"finished"}


def test_a_run_belongs_to_the_experiment_that_it_executes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ar.goal("loss", project="p")
    exp = ar.experiment(note="a change", project="p", snapshot=None)
    given = quiet(experiment=exp)
    given.finish()
    monkeypatch.setenv("AUTORESEARCH_EXPERIMENT", exp.id)
    found = quiet()
    found.finish()
    monkeypatch.delenv("AUTORESEARCH_EXPERIMENT")
    later = quiet()
    later.link(exp)
    later.finish()
    with stored() as runs:
        for run in (given, found, later):
            assert (runs.run(run.id).experiment_id, runs.run(run.id).experiment_number) == (exp.id, 1)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: quiet(project="a/b"), "project was 'a/b'"),
        (lambda: quiet(name="two\nlines"), "name was"),
        (lambda: quiet(mode="cloud"), "mode was 'cloud'"),
        (lambda: quiet(id="x"), "not a UUID"),
        (lambda: quiet(config=5), "config was 5"),
        (lambda: quiet(flush_interval=0.0), "flush_interval was 0.0"),
        (lambda: quiet(read_only=True), "without a run"),
        (lambda: quiet(experiment="best"), "not the id"),
    ],
)
def test_a_bad_argument_is_one_clear_error_before_anything_is_written(
    call: Any, said: str, home: Path
) -> None:
    with pytest.raises(Invalid, match=said):
        call()
    assert not (home / ".autoresearch").exists()


def test_logging_without_a_run_says_what_to_do() -> None:
    done = ran(
        "import autoresearch as ar\ntry:\n    ar.log({'a': 1})\nexcept ar.AutoresearchError as e:\n    print(type(e).__name__, e, e.hint)\nar.finish()"
    )
    assert done.stdout == "UsageError No run was begun in this process. Call autoresearch.init() first.\n"
    assert UsageError.exit_code == 2


def test_logging_after_the_end_warns_once_and_raises_nothing() -> None:
    run = quiet()
    run.finish()
    with pytest.warns(RuntimeWarning):
        run.log({"a": 1.0})
    run.log({"a": 1.0})  # a second warning would be an error here


def test_secrets_on_the_command_line_are_not_recorded() -> None:
    code = script("ar.finish()")
    done = subprocess.run(
        [sys.executable, "-c", code, "--api-key=abc123", "--token", "def456", "--lr=1"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.returncode == 0
    with stored() as runs:
        argv = only_run(runs).environment["argv"]
    assert argv[1:] == ["--api-key=***", "--token", "***", "--lr=1"]


def test_the_home_that_a_run_makes_is_for_its_owner_alone_and_unseen_by_git(home: Path) -> None:
    quiet(mode="offline").finish()
    store = home / ".autoresearch"
    assert store.stat().st_mode & 0o777 == 0o700
    assert (store / ".gitignore").read_text() == "*\n"


def test_a_run_that_is_resumed_whenever_its_script_starts_goes_on_behind_its_last_step() -> None:
    run_id = new_id()
    for _ in range(3):
        run = quiet(id=run_id, resume=True)
        run.log({"a": 1.0})
        run.finish()
    with stored() as runs:
        assert [step for step, _ in points(runs, run_id, "a")] == [0, 1, 2]


def test_a_writer_is_new_each_time_also_under_one_name() -> None:
    run_id = new_id()
    for value in (1.0, 2.0):
        run = quiet(id=run_id, resume=True, writer_id="rank-0")
        run.log({"a": value})
        run.finish()
    with stored() as runs:
        assert points(runs, run_id, "a") == [(0, 1.0), (1, 2.0)]
        assert runs.receipt(run_id).writers == 2
