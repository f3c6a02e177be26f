from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch.errors import TrialError
from autoresearch.execution.runner import Run
from autoresearch.loop.scoring import read_metrics, score_run


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
    assert read_metrics(run_with(tmp_path, text).output_path) == {"val_bpb": 2.5}


def test_a_long_line_that_ends_at_the_cut_does_not_hide_the_next(tmp_path: Path) -> None:
    for length in range(396, 404):
        assert read_metrics(run_with(tmp_path, b"z" * length + b"\nloss: 1\n").output_path) == {"loss": 1.0}


def test_thousands_of_names_do_not_fill_memory(tmp_path: Path) -> None:
    text = "".join(f"m{i}: {i}\n" for i in range(5000)) + "m3: 7\n"
    found = read_metrics(run_with(tmp_path, text).output_path)
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
