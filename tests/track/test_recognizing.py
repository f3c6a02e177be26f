"""What is understood of a ``program.md``: only what is there, and never more than a proposal."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoresearch.track.beginning import look_around
from autoresearch.track.recognizing import Program, read_program

TRAINER = """\
# tiny research

Read these first:
- `README.md`: what this is.
- `prepare.py`: the data and the evaluation. Do not modify it.
- `train.py`: the file you edit.

A run trains for a **fixed time budget of 5 minutes**. Start it with `uv run train.py`; the data comes from `uv run prepare.py`.

**What you CAN do:**
- Change `train.py`: it is the only file you edit.

**What you CANNOT do:**
- Modify `prepare.py`, or anything in `data/`.
- Add packages beyond those in `pyproject.toml`.

Get the lowest val_bpb. The summary looks so:

```
val_bpb:      1.234
peak_vram_mb: 100.0
```

1. Run `uv run train.py > run.log 2>&1`
2. `grep "^val_bpb:\\|^peak_vram_mb:" run.log`

If a run exceeds 10 minutes, end it.
"""
TRADER = """\
1. **Modify `strategy.py`**: this is the only mutable file.
2. Run `uv run backtest.py`.
3. **Budget**: 120 seconds.

**What you CANNOT do:**

- Modify `prepare.py`, `backtest.py`, or anything in `benchmarks/`.

Get the highest `score`. Higher is better.

    grep "^score:" run.log
"""
WORLDS = """\
Lower is better. Make the data with:

```bash
python3 setup.py
```

and run one trial with:

```bash
python3 train.py
```

`train.py` is the editable genome. `setup.py` is fixed infrastructure.
"""


def folder(root: Path, program: str, *files: str) -> Path:
    (root / "program.md").write_text(program, encoding="utf-8")
    for name in files:
        place = root / name
        if name.endswith("/"):
            place.mkdir()
        else:
            place.write_text("")
    return root


def test_a_trainer_with_its_own_time_budget_is_understood(tmp_path: Path) -> None:
    root = folder(tmp_path, TRAINER, "train.py", "prepare.py", "README.md", "pyproject.toml", "data/")
    assert read_program(root) == Program(
        command=("uv", "run", "train.py"),
        editable=("train.py",),
        protected=("prepare.py", "data/**"),
        metric="val_bpb",
        direction="min",
        budget=300.0,
        limit=600.0,
    )


def test_what_runs_and_is_not_edited_is_part_of_the_measure(tmp_path: Path) -> None:
    root = folder(tmp_path, TRADER, "strategy.py", "backtest.py", "prepare.py", "benchmarks/")
    found = read_program(root)
    assert found is not None
    assert (found.command, found.editable) == (("uv", "run", "backtest.py"), ("strategy.py",))
    assert found.protected == ("prepare.py", "backtest.py", "benchmarks/**")
    assert (found.metric, found.direction, found.budget, found.limit) == ("score", "max", 120.0, 240.0)


def test_a_line_that_allows_one_file_and_forbids_another_is_read_by_the_clause(tmp_path: Path) -> None:
    found = read_program(folder(tmp_path, WORLDS, "train.py", "setup.py"))
    assert found is not None
    assert (found.command, found.editable, found.protected) == (
        ("python3", "train.py"),
        ("train.py",),
        ("setup.py",),
    )
    assert (found.metric, found.direction) == (None, "min")


def test_the_scripts_own_constant_tells_the_time_that_the_text_does_not(tmp_path: Path) -> None:
    root = folder(tmp_path, WORLDS, "train.py", "setup.py")
    (root / "train.py").write_text("TIME_BUDGET: int = 5 * 60  # seconds\n")
    found = read_program(root)
    assert found is not None
    assert (found.budget, found.limit) == (300.0, 600.0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# Program of the workshop\n- 9:00 talks\n",
        "Edit `gone.py`: the only file you edit. Run `python gone.py`.",
    ],
)
def test_a_program_about_nothing_that_is_there_is_none(tmp_path: Path, text: str) -> None:
    assert read_program(folder(tmp_path, text)) is None


def test_a_folder_without_a_program_has_none(tmp_path: Path) -> None:
    assert read_program(tmp_path) is None
    assert look_around(tmp_path).program is None


def test_paths_outside_of_the_folder_are_never_taken(tmp_path: Path) -> None:
    inside = tmp_path / "repository"
    inside.mkdir()
    (tmp_path / "secret.py").write_text("")
    text = (
        f"`../secret.py` is the only file you edit. `{tmp_path}/secret.py` is mutable. `train.py` is mutable."
    )
    found = read_program(folder(inside, text, "train.py"))
    assert found is not None
    assert found.editable == ("train.py",)


def test_a_log_tells_the_metric_and_the_program_which_way_is_better(tmp_path: Path) -> None:
    root = folder(tmp_path, TRADER, "strategy.py", "backtest.py")
    (root / "results.tsv").write_text(
        "commit\tsharpe\tscore\tstatus\tdescription\na1b2c3d\t1.5\t0.5\tkeep\tx\n"
    )
    found = look_around(root)
    assert (found.metric, found.direction, found.rows, found.log) == ("score", "max", 1, "results.tsv")


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    [
        "can : " * 40_000,
        "budget" + "!" * 200_000,
        "budget\n" + "*\n" * 90_000,
        "`" * 200_000,
        "grep ^" + "a" * 200_000,
        "`python train.py " + "'" * 199_000,
        "exceeds " * 25_000,
        "\x00\ud7ff\x1b[2J`train.py` is the only file you edit" * 4000,
    ],
)
def test_no_text_takes_longer_than_its_length(tmp_path: Path, text: str) -> None:
    root = folder(tmp_path, text, "train.py")
    found = read_program(root)
    assert found is None or found.editable == ("train.py",)
