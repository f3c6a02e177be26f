"""A ``results.tsv`` is kept written: in its own columns, with the lines of others as they were."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoresearch.errors import Invalid
from autoresearch.exchange.reading import read_log
from autoresearch.loop.results_file import write_results
from autoresearch.track.exchanging import import_log
from autoresearch.track.workspace import Workspace

THERE = (
    "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
    "a1b2c3d\t0.997900\t44.0\tkeep\tbaseline\n"
    "b2c3d4e\t0.000000\t0.0\tcrash\ttwice the width\n"
)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(tmp_path, project="p", home=tmp_path / "store") as opened:
        opened.goal("val_bpb")
        yield opened


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "results.tsv"


def tried(workspace: Workspace, note: str, verdict: str, score: float | None = None, **metrics: float) -> str:
    experiment = workspace.experiment(note)
    workspace.decision(experiment.id, verdict, score=score, metrics=metrics)
    return experiment.id


def test_a_file_is_made_with_the_usual_columns(workspace: Workspace, place: Path) -> None:
    first = tried(workspace, "baseline", "keep", 1.25, peak_vram_mb=45060.2)
    tried(workspace, "a\ttab and\na line", "drop", 1.5, memory_gb=12.34)
    tried(workspace, "too wide", "crash")
    workspace.experiment("still waiting")
    assert write_results(workspace, place, commits={first: "0123456789"}) == 3
    assert place.read_text().splitlines() == [
        "commit\tval_bpb\tmemory_gb\tstatus\tdescription",
        "0123456\t1.250000\t44.0\tkeep\tbaseline",
        "exp2\t1.500000\t12.3\tdiscard\ta tab and a line",
        "exp3\t0.000000\t0.0\tcrash\ttoo wide",
    ]
    log = read_log(place.read_bytes())
    assert [(row.verdict, row.score) for row in log.rows] == [("keep", 1.25), ("drop", 1.5), ("crash", None)]


def test_what_others_wrote_stays_byte_for_byte_and_ours_is_added_once(
    workspace: Workspace, place: Path
) -> None:
    place.write_text(THERE)
    import_log(workspace, place)
    assert write_results(workspace, place) == 0
    assert place.read_text() == THERE
    tried(workspace, "more rate", "keep", 0.98)
    assert (write_results(workspace, place), write_results(workspace, place)) == (1, 0)
    assert place.read_text() == THERE + "exp3\t0.980000\t0.0\tkeep\tmore rate\n"


def test_a_verdict_that_changed_corrects_its_line(workspace: Workspace, place: Path) -> None:
    made = tried(workspace, "same note", "keep", 2.0)
    tried(workspace, "same note", "drop", 3.0)
    write_results(workspace, place)
    workspace.decision(made, "drop", score=2.0)
    assert write_results(workspace, place) == 1
    assert [row.status for row in read_log(place.read_bytes()).rows] == ["discard", "discard"]


def test_what_the_loop_wrote_is_not_imported_as_somebody_elses(workspace: Workspace, place: Path) -> None:
    place.write_text(THERE)
    tried(workspace, "more rate", "keep", 0.123456789)
    tried(workspace, "too wide", "crash")
    write_results(workspace, place)
    assert import_log(workspace, place)["new"] == 2
    assert import_log(workspace, place)["new"] == 0


def test_the_columns_digits_and_line_ends_are_those_of_the_file(workspace: Workspace, place: Path) -> None:
    place.write_bytes(
        b"date\tcommit\tval_bpb\tpeak_vram_mb\tstatus\tdescription\r\n1\ta1b2c3d\t1.25\t2048\tkeep\tw\r\n1\ta1b2c3d\t1.5\t2048\tkeep\tx\r\n"
    )
    tried(workspace, "baseline", "keep", 1.0, memory_gb=1.5)
    write_results(workspace, place)
    assert place.read_bytes().endswith(b"x\r\nnan\texp1\t1.00\t1536\tkeep\tbaseline\r\n")


def test_a_log_that_names_its_metric_in_each_row_is_kept_too(workspace: Workspace, place: Path) -> None:
    place.write_text("commit\tmetric_name\tmetric_value\tstatus\tdescription\n")
    tried(workspace, "baseline", "keep", 1.0)
    write_results(workspace, place)
    assert place.read_text().splitlines()[1] == "exp1\tval_bpb\t1.000000\tkeep\tbaseline"


def test_a_score_of_zero_is_told_from_a_crash(workspace: Workspace, place: Path) -> None:
    tried(workspace, "perfect", "keep", 0.0)
    tried(workspace, "tiny", "drop", 1e-9)
    write_results(workspace, place)
    assert [row.score for row in read_log(place.read_bytes()).rows] == [0.0, 1e-9]


@pytest.mark.parametrize("content", ["a,b,c\n1,2,3\n", "commit\tother\tstatus\tdescription\n", "\x00\xff\n"])
def test_a_file_that_is_no_such_log_is_left_alone(workspace: Workspace, place: Path, content: str) -> None:
    place.write_text(content)
    tried(workspace, "baseline", "keep", 1.0)
    with pytest.raises(Invalid, match="cannot be kept written"):
        write_results(workspace, place)
    assert place.read_text() == content


def test_a_folder_in_its_place_is_refused(workspace: Workspace, place: Path) -> None:
    place.mkdir()
    tried(workspace, "baseline", "keep", 1.0)
    with pytest.raises(Invalid, match="cannot be read"):
        write_results(workspace, place)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60))
def test_any_note_is_one_line_that_is_found_again(tmp_path_factory: Any, note: str) -> None:
    folder = tmp_path_factory.mktemp("any")
    with Workspace.open(folder, project="p", home=folder / "store") as workspace:
        workspace.goal("val_bpb")
        tried(workspace, note, "keep", 1.0)
        assert (write_results(workspace, folder / "r.tsv"), write_results(workspace, folder / "r.tsv")) == (
            1,
            0,
        )
        assert import_log(workspace, folder / "r.tsv")["new"] == 0
