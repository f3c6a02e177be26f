"""``init`` in a repository that has a ``program.md``, a training script and a log of what was tried."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from autoresearch.loop.budget import Limits
from autoresearch.loop.campaign import run_campaign
from autoresearch.loop.offline import OfflineAgent
from autoresearch.loop.plan import Plan
from autoresearch.track.workspace import Workspace

PROGRAM = """\
`train.py` is the only file you edit, and `prepare.py` is read-only. A run has a time budget of 5 minutes.
Get the lowest val_bpb: run `uv run train.py > run.log 2>&1`, then `grep "^val_bpb:" run.log`.
"""
LOG = (
    "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
    "a1b2c3d\t0.997900\t44.0\tkeep\tbaseline\n"
    "b2c3d4e\t0.993200\t44.2\tkeep\tmore learning rate\n"
    "c3d4e5f\t0.000000\t0.0\tcrash\ttwice the width\n"
)


@pytest.fixture
def loop(repository: Path) -> Path:
    (repository / "program.md").write_text(PROGRAM)
    (repository / "prepare.py").write_text("TIME_BUDGET = 300\n")
    (repository / "results.tsv").write_text(LOG)
    return repository


def written(root: Path) -> Any:
    return tomllib.loads((root / "autoresearch.toml").read_text())


EXPECTED = {
    "goal": {"metric": "val_bpb", "direction": "min", "protected": ["prepare.py"]},
    "budget": {"trial_seconds": 600.0},
    "run": {"command": ["uv", "run", "train.py"], "editable": ["train.py"]},
}


def test_yes_sets_everything_up_and_imports_the_log(loop: Path, cli: Any) -> None:
    said = cli("init", "--yes")
    assert said.code == 0
    assert {name: written(loop)[name] for name in EXPECTED} == EXPECTED
    assert "3 experiments of results.tsv" in said.out
    assert "segment      2" in cli("status").out
    assert cli("init", "--yes", "--force", "--json").json["imported"] == 0


def test_a_terminal_asks_one_question(loop: Path, cli: Any) -> None:
    said = cli("init", terminal=True, stdin=b"y\n")
    assert said.code == 0
    assert said.err.count("?") == 1
    for line in (
        "  goal       val_bpb, lower is better",
        "  command    uv run train.py",
        "  editable   train.py",
        "  protected  prepare.py",
        "  one run    trains 300 s by itself, and is ended after 600 s",
        "  log        results.tsv, 3 experiments",
        "Set it up so, and import results.tsv? [Y/n]",
    ):
        assert line in said.err
    assert {name: written(loop)[name] for name in EXPECTED} == EXPECTED
    assert "3 experiments of results.tsv" in said.out


def test_a_no_leaves_everything_as_it_was(loop: Path, cli: Any) -> None:
    before = sorted(path.name for path in loop.iterdir())
    said = cli("init", terminal=True, stdin=b"n\n")
    assert said.code == 0
    assert "none was written" in said.out
    assert sorted(path.name for path in loop.iterdir()) == before
    assert cli("goal").code == 3


def test_what_is_given_wins_over_what_is_read(loop: Path, cli: Any) -> None:
    assert cli("init", "--yes", "--command", "python train.py", "--trial-seconds", "5").code == 0
    assert written(loop)["run"]["command"] == ["python", "train.py"]
    assert written(loop)["budget"] == {"trial_seconds": 5.0}


def test_without_a_terminal_the_log_is_imported_only_on_a_yes(loop: Path, cli: Any) -> None:
    said = cli("init", "--json")
    assert said.json["imported"] is None
    assert written(loop)["run"] == EXPECTED["run"]


def test_hostile_words_of_a_program_reach_the_terminal_as_text(loop: Path, cli: Any) -> None:
    (loop / "evil\x1b]0;x\x07.py").write_text("")
    (loop / "program.md").write_text(PROGRAM + "`evil\x1b]0;x\x07.py` is mutable.\n")
    assert "\x1b" not in cli("init", terminal=True, stdin=b"n\n").err


def test_a_campaign_can_start_after_the_yes(loop: Path, cli: Any) -> None:
    (loop / "train.py").write_text("LR = 1.0\nprint(f'val_bpb: {1 + abs(LR - 4) / 10:.6f}')\n")
    (loop / "program.md").write_text(PROGRAM.replace("uv run", "python3"))
    for words in (["add", "train.py", "prepare.py", "program.md"], ["commit", "-q", "-m", "loop"]):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=loop, check=True)
    assert cli("init", "--yes").code == 0
    with Workspace.open(loop) as workspace:
        plan = Plan(
            command=workspace.file.run.command,
            editable=workspace.file.run.editable,
            tag="t",
            limits=Limits(experiments=2),
            baseline_runs=1,
            results="results.tsv",
        )
        run_campaign(workspace, OfflineAgent(), plan)
        baseline, *tried = workspace.experiments()[3:]
        assert (baseline.score, baseline.reason) == (1.3, "baseline, 1 run")
        assert len(tried) == 2
        trial = workspace.ledger.campaigns.trial_of(tried[0].id)
        assert trial is not None
        assert trial.prompt is not None
        asked = workspace.ledger.snapshots.get(trial.prompt).decode()
    assert '"kept 0.9932 (+0.0047): more learning rate"' in asked
    assert (loop / "results.tsv").read_text().startswith(LOG)
