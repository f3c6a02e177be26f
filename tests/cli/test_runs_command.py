"""``runs``, ``metrics`` and ``logs``: every form, every refusal, and nothing by others on a terminal as it is."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from rich.cells import cell_len

from autoresearch.cli import run_views
from autoresearch.ledger.local.ledger import LocalLedger
from tests.logged_runs import Logging

Cli = Any
HOSTILE = "a\x1b[31mb\x1b]0;owned\x07c\u202ed"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of project ``tiny`` with four runs: finished, failed, killed, running."""
    folder = tmp_path_factory.mktemp("store")
    with LocalLedger.open(folder) as ledger:
        first = Logging(ledger.runs, name="calm-fox", config={"lr": 0.1, "seed": 1}, tags=["baseline"])
        first.log(range(1000), loss=[1 / (step + 1) for step in range(1000)], lr=[0.1] * 1000)
        first.log(range(0, 1000, 100), {"split": "val"}, loss=[2.0] * 10)
        first.log_named(range(3), {"system/cpu/percent": [10, 20, 30]})
        first.print("hello", "50%\r100%", HOSTILE).print("careful", stream="console/stderr").finish()
        second = Logging(ledger.runs, name="bold-elm", config={"lr": 0.2, "seed": 1}, group="sweep")
        second.log(range(10), loss=[3.0] * 9 + [math.nan])
        second.finish("failed", exit_code=1, error=f"Traceback\nValueError: {HOSTILE}")
        third = Logging(
            ledger.runs, name="third", config={HOSTILE: HOSTILE, "deep": {HOSTILE: 1}}, note=HOSTILE
        )
        third.log_named([1], {"=1+1": [5.0], HOSTILE: [1.0]}).finish("killed")
        Logging(ledger.runs, name="still-going").log(range(5), loss=[4, 3, 2, 1, math.inf]).send()
    return folder


@pytest.fixture
def tracked(store: Path, campaign: Path, home: Path) -> Path:
    """The campaign's repository, with the runs in its store."""
    shutil.rmtree(home / ".autoresearch")
    shutil.copytree(store, home / ".autoresearch")
    return campaign


def test_runs_are_listed_newest_first_with_their_last_values(tracked: Path, cli: Cli) -> None:
    said = cli("runs")
    assert said.lines[0].split()[:4] == ["#", "name", "state", "started"]
    assert [line.split()[:3] for line in said.lines[1:]] == [
        ["4", "still-going", "running"],
        ["3", "third", "killed"],
        ["2", "bold-elm", "failed"],
        ["1", "calm-fox", "finished"],
    ]
    assert "loss" in said.lines[0].split()
    assert "inf" in said.lines[1].split()
    assert "nan" in said.lines[3].split()
    assert "0.001" in said.lines[4].split()


def test_the_list_is_narrowed_ordered_and_cut(tracked: Path, cli: Cli) -> None:
    def numbers(*words: str) -> list[int]:
        return [run["number"] for run in cli("runs", "ls", "--json", *words).json["runs"]]

    assert numbers("--state", "failed") == [2]
    assert numbers("--tag", "baseline") == [1]
    assert numbers("--group", "sweep") == [2]
    assert numbers("--where", "config.lr >= 0.1", "--where", "loss < 1") == [1]
    assert numbers("--sort", "config.lr", "--asc")[:2] == [1, 2]
    assert numbers("--limit", "2") == [4, 3]
    assert cli("runs", "ls", "--limit", "2", "--json").json["more"] is True
    assert "--all lists every run" in cli("runs", "--limit", "2").err
    assert cli("runs", "--limit", "2", "--all", "--json").json["more"] is False
    assert len(cli("runs", "-q").lines[0]) == 36
    assert cli("runs", "--where", "lr <", "--json").error["code"] == "invalid"


def test_one_run_is_shown_with_configuration_metrics_error_and_receipt(tracked: Path, cli: Cli) -> None:
    said = cli("runs", "show", "bold-elm")
    facts = dict(line.split("  ", 1) for line in said.lines if "  " in line)
    assert facts["state"].strip() == "failed"
    assert facts["exit code"].strip() == "1"
    assert facts["receipt"].strip() == "intact: 10 points committed, 10 stored, 0 lost"
    assert "| ValueError: " in said.out
    assert cli("runs", "2").out == said.out
    whole = cli("runs", "show", "last", "--json").json
    assert whole["run"]["name"] == "still-going"
    assert whole["receipt"]["intact"] is True
    assert [info["name"] for info in whole["series"]] == ["loss"]
    assert whole["series"][0]["infinities"] == 1


def test_a_damaged_run_fails_the_verification(tracked: Path, home: Path, cli: Cli) -> None:
    import sqlite3

    assert cli("runs", "show", "1", "--verify").code == 0
    with sqlite3.connect(home / ".autoresearch" / "ledger.sqlite") as connection:
        connection.execute("DELETE FROM frames WHERE rowid IN (SELECT min(rowid) FROM frames)")
        connection.execute("DELETE FROM chunks WHERE rowid IN (SELECT min(rowid) FROM chunks)")
    connection.close()
    said = cli("runs", "show", "1", "--verify")
    assert said.code == 1
    assert "NOT INTACT" in said.out
    assert "note: " in said.err
    assert cli("runs", "show", "1").code == 0


def test_runs_are_compared_by_what_differs(tracked: Path, cli: Cli) -> None:
    said = cli("runs", "compare", "1", "2")
    assert ["lr", "0.1", "0.2"] in [line.split() for line in said.lines]
    assert "config (1 the same, not shown)" in said.lines
    assert ["seed", "1", "1"] not in [line.split() for line in said.lines]
    assert ["seed", "1", "1"] in [line.split() for line in cli("runs", "compare", "1", "2", "--same").lines]
    assert ["loss", "last", "0.001", "nan"] in [line.split() for line in said.lines]
    assert "system/" not in said.out
    narrowed = cli("runs", "compare", "1", "2", "--metric", "system/*").out
    assert "system/cpu/percent" in narrowed
    assert "loss" not in narrowed
    document = cli("runs", "compare", "1", "2", "--metric", "loss", "--samples", "8", "--json").json
    assert [curve["title"] for curve in document["curves"]] == ["loss", "loss{split=val}"]
    assert document["curves"][0]["values"][document["runs"][1]["id"]][-1] is None
    assert cli("runs", "compare", "1", "#1", "--json").error["code"] == "invalid"


def test_a_comparison_is_drawn_with_the_metric_of_the_goal(tracked: Path, cli: Cli) -> None:
    said = cli("runs", "compare", "1", "2", "--plot")
    assert said.code == 2, "this store has no goal"
    assert cli("goal", "loss", "--min").code == 0
    drawn = cli("runs", "compare", "1", "2", "--plot")
    assert "● #1 loss  last 0.001  min 0.001  max 1" in drawn.lines
    assert "◆ #2 loss  last nan  min 3  max 3" in drawn.lines


def test_tags_are_added_and_taken_away(tracked: Path, cli: Cli) -> None:
    said = cli("runs", "tag", "1", "best", "tuned", "--remove", "baseline")
    assert said.lines == ["run   1 calm-fox", "tags  best, tuned"]
    assert cli("runs", "ls", "--tag", "best", "--tag", "tuned", "-q").lines == [
        cli("runs", "tag", "1", "best", "-q").out.strip()
    ]
    assert cli("runs", "tag", "1").code == 2


def test_a_run_is_removed_only_when_somebody_says_yes(tracked: Path, cli: Cli) -> None:
    refused = cli("runs", "rm", "1", "2")
    assert refused.code == 2
    assert "Add --yes" in refused.err
    assert len(cli("runs", "-q").lines) == 4
    assert cli("runs", "rm", "1", "nobody", "--yes").code == 3
    assert len(cli("runs", "-q").lines) == 4, "one that is not there removes none"
    assert cli("runs", "rm", "1", "2", "#1", "--yes").lines == ["removed  1 calm-fox, 2 bold-elm"]
    assert cli("runs", "rm", "4", "--yes").code == 5, "it is still running"


@pytest.mark.parametrize(("answer", "left"), [(b"n\n", 4), (b"y\n", 3)])
def test_on_a_terminal_it_asks_before_it_removes(tracked: Path, cli: Cli, answer: bytes, left: int) -> None:
    said = cli("runs", "rm", "1", stdin=answer, terminal=True)
    assert "Remove 1 calm-fox with all that was logged?" in said.err
    assert len(cli("runs", "-q").lines) == left


def test_points_go_to_standard_output_or_whole_to_a_file(tracked: Path, tmp_path: Path, cli: Cli) -> None:
    rows = list(csv.DictReader(io.StringIO(cli("runs", "export", "1").out)))
    assert list(rows[0]) == ["step", "time", "loss", "loss{split=val}", "lr"]
    assert [float(row["loss"]) for row in rows] == [1 / (step + 1) for step in range(1000)]
    place = tmp_path / "points.parquet"
    said = cli("runs", "export", "1", "2", "--output", str(place))
    assert ["rows", "1010"] in [line.split() for line in said.lines]
    table = pq.read_table(place)
    assert (table.num_rows, table.column_names[:2]) == (1010, ["run", "name"])
    assert cli("runs", "export", "1", "--output", str(place)).code == 5
    assert cli("runs", "export", "1", "--output", str(place), "--force", "--json").json["rows"] == 1000
    lines = cli("runs", "export", "2", "--as", "jsonl").lines
    assert json.loads(lines[-1])["loss"] == "NaN"
    assert cli("runs", "export", "1", "--json").error["code"] == "usage"
    assert cli("runs", "export", "1", "--output", "points.dat").code == 2
    assert "'=1+1" in cli("runs", "export", "3").lines[0].split(",")


def test_metrics_without_a_key_are_listed(tracked: Path, cli: Cli) -> None:
    said = cli("metrics", "1")
    assert [line.split()[0] for line in said.lines] == [
        "metric",
        "loss",
        "loss{split=val}",
        "lr",
        "system/cpu/percent",
    ]
    catalog = cli("metrics", "1", "--json").json["metrics"]
    assert [(info["name"], info["points"], info["max"]) for info in catalog][:2] == [
        ("loss", 1000, 1.0),
        ("loss", 10, 2.0),
    ]
    assert cli("metrics", "1", "--plot").code == 2


def test_every_point_of_a_metric_comes_as_json(tracked: Path, cli: Cli) -> None:
    document = cli("metrics", "1", "lr", "--json").json
    assert (document["name"], document["total"], len(document["points"])) == ("lr", 1000, 1000)
    assert document["points"][3].keys() == {"step", "time", "value"}
    values = [point["value"] for point in cli("metrics", "4", "loss", "--json").json["points"]]
    assert values == [4.0, 3.0, 2.0, 1.0, "Infinity"]
    assert cli("metrics", "2", "loss", "--json").json["points"][-1]["value"] == "NaN"
    few = cli("metrics", "1", "lr", "--samples", "20", "--json").json
    assert len(few["points"]) <= 20
    assert few["total"] == 1000


def test_series_of_one_name_are_told_apart_by_labels(tracked: Path, cli: Cli) -> None:
    both = cli("metrics", "1", "loss", "--json").json["series"]
    assert [(one["labels"], one["total"]) for one in both] == [({}, 1000), ({"split": "val"}, 10)]
    one = cli("metrics", "1", "loss", "--label", "split=val", "--json").json
    assert (one["labels"], len(one["points"])) == ({"split": "val"}, 10)
    assert [s["name"] for s in cli("metrics", "1", "l*", "--json").json["series"]] == ["loss", "loss", "lr"]


def test_a_window_of_steps_is_cut_out(tracked: Path, cli: Cli) -> None:
    points = cli("metrics", "1", "lr", "--from", "10", "--to", "12", "--json").json["points"]
    assert [point["step"] for point in points] == [10, 11, 12]


def test_points_are_many_in_a_file_and_few_on_a_terminal(
    tracked: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(cli("metrics", "1", "lr").lines) == 1001
    shown = cli("metrics", "1", "lr", terminal=True)
    assert len(shown.lines) <= 21
    assert "of 1,000 points are shown" in shown.err
    monkeypatch.setenv("AI_AGENT", "some-agent")
    assert len(cli("metrics", "1", "lr").lines) <= 22


def test_metrics_are_drawn_in_the_width_that_is_there(
    tracked: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    for width in (60, 100, 200):
        monkeypatch.setenv("COLUMNS", str(width))
        lines = cli("metrics", "1", "loss", "--label", "split=val", "--plot", terminal=True).lines
        assert lines[0] == "⣿ loss{split=val}  last 2  min 2  max 2"
        assert width - 4 <= max(map(len, lines)) <= width
    assert "^" in cli("metrics", "4", "loss", "--plot").out
    assert cli("metrics", "4", "loss", "--plot", "--log").out != cli("metrics", "4", "loss", "--plot").out


def test_a_metric_that_is_not_there_is_refused_with_what_is_like_it(tracked: Path, cli: Cli) -> None:
    said = cli("metrics", "1", "los")
    assert said.code == 3
    assert "hint: It has loss" in said.err
    assert cli("metrics", "nobody", "loss").code == 3
    assert "no point" in cli("metrics", "1", "lr", "--label", "split=no").err


def test_what_was_printed_is_printed_again_without_what_acts_on_a_terminal(tracked: Path, cli: Cli) -> None:
    said = cli("logs", "1")
    assert said.lines == ["hello", "100%", "abc\ufffdd", "careful"]
    assert cli("logs", "1", "--tail", "1").lines == ["careful"]
    assert cli("logs", "1", "--stream", "stderr").lines == ["careful"]
    assert cli("logs", "1", "--times", "--tail", "1").lines[0].endswith("  careful")
    assert cli("logs", "2").err == "note: nothing was printed\n"
    assert cli("logs", "1", "--stream", "samples").code == 3
    lines = cli("logs", "1", "--json").json["lines"]
    assert lines[2]["text"] == HOSTILE


def test_an_agent_reads_what_was_printed_as_a_quotation(
    tracked: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AI_AGENT", "some-agent")
    assert cli("logs", "1", "--tail", "2").lines[:3] == ["printed by run 1:", "| abc\ufffdd", "| careful"]


def test_following_a_run_that_has_ended_prints_its_last_lines(tracked: Path, cli: Cli) -> None:
    assert cli("logs", "1", "-f", "--tail", "2").lines == ["abc\ufffdd", "careful"]
    lines = [json.loads(line) for line in cli("logs", "1", "-f", "--json").lines]
    assert [line["text"] for line in lines] == ["hello", "50%\r100%", HOSTILE, "careful"]


def test_following_ends_with_the_run_or_with_an_interrupt(repository: Path, home: Path) -> None:
    with LocalLedger.open(home / ".autoresearch") as ledger:
        logging = Logging(ledger.runs).print("begun").send()
        command = [sys.executable, "-m", "autoresearch", "logs", "1", "-f"]
        for end in ("interrupt", "finish"):
            following = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            assert following.stdout is not None
            assert following.stdout.readline() == b"begun\n"
            if end == "interrupt":
                following.send_signal(signal.SIGINT)
            else:
                logging.print("done").finish()
            out, err = following.communicate(timeout=60)
            assert (out, err, following.returncode) == (b"" if end == "interrupt" else b"done\n", b"", 0)


FORMS: list[Callable[[str], list[str]]] = [
    lambda run: ["runs", "show", run],
    lambda run: ["runs", "compare", run, "1", "--same"],
    lambda run: ["runs", "ls"],
    lambda run: ["metrics", run],
    lambda run: ["metrics", run, "a*"],
    lambda run: ["metrics", run, "a*", "--plot"],
    lambda run: ["logs", "1"],
    lambda run: ["top", "--once"],
]


@pytest.mark.parametrize("form", ["human", "agent", "json", "quiet", "auto"])
@pytest.mark.parametrize("words", FORMS, ids=lambda words: "-".join(words("RUN")))
def test_nothing_by_others_reaches_a_terminal_as_it_is(
    tracked: Path, cli: Cli, words: Callable[[str], list[str]], form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    said = cli(*words("3"), "--format", form)
    assert said.code == 0
    assert [c for c in said.out + said.err if not c.isprintable() and c not in "\n\t"] == []


@pytest.mark.parametrize("width", [60, 100, 200])
def test_no_line_is_wider_than_the_terminal(
    tracked: Path, cli: Cli, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(width))
    for words in (
        ["runs"],
        ["metrics", "1"],
        ["runs", "compare", "1", "2", "--plot", "--metric", "loss"],
        ["top", "--once"],
    ):
        lines = cli(*words, terminal=True).lines
        assert max(map(cell_len, lines)) <= width, words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.9, "59s"), (200, "3m 20s"), (3720, "1h 02m"), (183_600, "2d 03h"), (-5, "0s")],
)
def test_a_duration_has_the_two_units_that_say_most(seconds: float, text: str) -> None:
    assert run_views.duration(seconds) == text


def test_a_time_that_no_calendar_has_is_a_number() -> None:
    assert run_views.moment_text(0.25) == "1970-01-01 00:00:00.250"
    assert run_views.moment_text(1e300) == "1e+300"
    assert run_views.moment_text(math.nan) == "nan"


def test_a_reader_that_has_enough_ends_an_export_quietly(tracked: Path) -> None:
    command = f"{sys.executable} -m autoresearch runs export 1 | head -n 1"
    ran = subprocess.run(command, shell=True, capture_output=True, text=True, check=True, env=os.environ)
    assert (ran.stdout.split(",")[0], ran.stderr) == ("step", "")


def test_runs_are_completed_by_number(tracked: Path, cli: Cli) -> None:
    assert cli("runs", "-q").code == 0, "who reads first takes over what the runs said"
    for words, expected in (("runs show ", ["4", "3", "2", "1", "last"]), ("metrics 3", ["3"])):
        asked = {"_AUTORESEARCH_COMPLETE": "complete_bash", "COMP_WORDS": f"autoresearch {words}"}
        asked["COMP_CWORD"] = str(len(words.split(" ")))
        command = [sys.executable, "-m", "autoresearch"]
        ran = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, **asked}
        )
        assert ran.stdout.split() == expected
