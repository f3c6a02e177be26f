from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch.errors import TrialError
from autoresearch.execution.runner import Run
from autoresearch.loop.scoring import Reading, read_metrics, score_run


def run_with(folder: Path, text: str | bytes, *, exit_code: int = 0, timed_out: bool = False) -> Run:
    path = folder / "out.log"
    data = text.encode() if isinstance(text, str) else text
    path.write_bytes(data)
    return Run(
        exit_code,
        "timed_out" if timed_out else "exited",
        1.5,
        data[-4000:].decode("utf-8", "replace"),
        path,
        len(data),
    )


def test_the_summary_lines_of_a_training_are_read(tmp_path: Path) -> None:
    text = "step 1 loss: high\n---\nval_bpb:          0.997900\ntraining_seconds: 300.1\nnum_steps:  953\r\n"
    outcome = score_run(run_with(tmp_path, text), "val_bpb")
    assert outcome.score == 0.9979
    assert outcome.metrics == {"training_seconds": 300.1, "num_steps": 953.0}
    assert not outcome.reason


def test_the_last_line_of_a_name_wins(tmp_path: Path) -> None:
    assert score_run(run_with(tmp_path, "loss: 3\nloss: 2\nloss: 2.5\n"), "loss").score == 2.5


@pytest.mark.parametrize(
    "said", ["nan", "NaN", "inf", "-Infinity", "1e999", "none", "0x10", "1_000", "٣", "1,5"]
)
def test_a_score_that_is_no_finite_number_is_a_crash(tmp_path: Path, said: str) -> None:
    outcome = score_run(run_with(tmp_path, f"val_bpb: 2.0\nval_bpb: {said}\n"), "val_bpb")
    assert outcome.score is None
    assert "not a finite number" in outcome.reason


def test_a_run_without_the_metric_is_a_crash(tmp_path: Path) -> None:
    outcome = score_run(run_with(tmp_path, "other: 1\nthe val_bpb: was good\n"), "val_bpb")
    assert (outcome.score, outcome.reason) == (None, "printed no line 'val_bpb: number'")


def test_a_failed_run_has_no_score_whatever_it_printed(tmp_path: Path) -> None:
    text = "val_bpb: 0.1\nMemoryError: \x1b[31mno room\n"
    outcome = score_run(run_with(tmp_path, text, exit_code=1), "val_bpb")
    assert outcome.score is None
    assert outcome.reason == "ended with exit code 1: MemoryError: [31mno room"
    assert "signal 9" in score_run(run_with(tmp_path, "", exit_code=137), "val_bpb").reason


def test_a_run_out_of_time_has_no_score_whatever_it_printed(tmp_path: Path) -> None:
    outcome = score_run(run_with(tmp_path, "val_bpb: 0.1\n", exit_code=143, timed_out=True), "val_bpb")
    assert (outcome.score, outcome.reason) == (None, "ran out of time after 1.5 s")


def test_absurdly_long_lines_are_passed_over(tmp_path: Path) -> None:
    text = b"a" * 300_000 + b": 1\nval_bpb: " + b"9" * 5000 + b"\n" + b"val_bpb: 2.5\n" + b"x: " * 100_000
    assert read_metrics(run_with(tmp_path, text).output_path).metrics == {"val_bpb": 2.5}


def test_a_long_line_that_ends_at_the_cut_does_not_hide_the_next(tmp_path: Path) -> None:
    for length in range(396, 404):
        assert read_metrics(run_with(tmp_path, b"z" * length + b"\nloss: 1\n").output_path).metrics == {
            "loss": 1.0
        }


def test_thousands_of_names_do_not_fill_memory(tmp_path: Path) -> None:
    text = "".join(f"m{i}: {i}\n" for i in range(5000)) + "m3: 7\n"
    found = read_metrics(run_with(tmp_path, text).output_path).metrics
    assert len(found) == 1000
    assert found["m3"] == 7.0


def test_output_that_is_gone_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(TrialError, match="cannot be read"):
        read_metrics(tmp_path / "missing")


@given(noise=st.binary(max_size=300), value=st.floats(allow_nan=False, allow_infinity=False))
def test_a_summary_line_is_found_after_any_output(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, value: float
) -> None:
    folder = tmp_path_factory.mktemp("scores")
    outcome = score_run(run_with(folder, noise + f"\nval_bpb: {value!r}\n".encode()), "val_bpb")
    assert outcome.score == value
    assert all(math.isfinite(number) for number in outcome.metrics.values())


def once(tmp_path: Path, text: str, *logged: float | None, **values: str) -> tuple[float | None, str]:
    reading = Reading(metric="loss", **values)  # type: ignore[arg-type]
    found = score_run(run_with(tmp_path, text), reading, [{"loss": value} for value in logged])
    assert found.outcome == (None if found.score is not None else "no_score")
    return found.score, found.reason


def test_a_score_that_is_printed_twice_is_none_unless_the_last_one_counts(tmp_path: Path) -> None:
    twice = "loss: 3.2\nloss: 0.1\n"
    assert once(tmp_path, twice) == (None, "printed loss more than once, with different values: 3.2, 0.1")
    assert once(tmp_path, twice, often="last") == (0.1, "")
    assert once(tmp_path, "loss: 3.2\nloss: 3.20\n") == (3.2, "")
    many = "".join(f"loss: {i}\n" for i in range(10_000))
    assert once(tmp_path, many)[1].endswith("different values: 0, 1, 2, 3, 9999")


def test_what_a_run_logged_itself_is_its_score(tmp_path: Path) -> None:
    assert once(tmp_path, "", 2.5) == (2.5, "")
    assert once(tmp_path, "loss: 2.50\n", 2.5004) == (2.5004, "")
    assert once(tmp_path, "loss: 0.1\n", 2.5) == (None, "the run logged 2.5 as loss, and printed 0.1")
    assert once(tmp_path, "loss: 0.1\n", None) == (None, "the run logged nan as loss, not a finite number")
    said = "2 runs of this trial logged loss, with different values: 2.5, 0.1"
    assert once(tmp_path, "", 2.5, 0.1) == (None, said)


def test_where_a_score_is_read_can_be_chosen(tmp_path: Path) -> None:
    assert once(tmp_path, "loss: 0.1\n", 2.5, source="run") == (2.5, "")
    assert once(tmp_path, "loss: 0.1\n", 2.5, source="output") == (0.1, "")
    assert once(tmp_path, "loss: 0.1\n", source="run") == (None, "logged no loss")


def test_a_pattern_reads_the_score_from_lines_of_another_form(tmp_path: Path) -> None:
    pattern = r"final loss = (\S+)"
    assert once(tmp_path, "loss: 9\n12:00 final loss = 2.5 (best)\n", pattern=pattern) == (2.5, "")
    said = f"printed no line that matches {pattern!r}"
    assert once(tmp_path, "loss: 9\n", pattern=pattern) == (None, said)
    assert once(tmp_path, "final loss = nan\n", pattern=pattern)[1] == "loss was 'nan', not a finite number"


def test_how_a_run_was_ended_is_its_outcome(tmp_path: Path) -> None:
    path = tmp_path / "out.log"
    path.write_text("loss: 1\n")
    endings = {"timed_out": "timed_out", "memory": "crashed", "processes": "crashed", "stopped": "hopeless"}
    for ending, outcome in endings.items():
        run = Run(137, ending, 1.0, "", path, 8, "it was too much")  # type: ignore[arg-type]
        found = score_run(run, "loss")
        assert (found.score, found.outcome) == (None, outcome)
