"""A campaign that is killed at any step goes on, and comes to the same end."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from autoresearch.ledger.base import every
from autoresearch.loop.lease import MARK
from autoresearch.track.workspace import Workspace
from tests.house.source import ROOT
from tests.loop.landscapes import best_of, fingerprint, gain_of, git, make_repository

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]


def run(place: Path, trials: int, workers: int, steps: int) -> int:
    """Run the campaign, or go on with it, for so many steps; its exit code."""
    words = [place / "user", place / "store", trials, workers, steps]
    done = subprocess.run(
        [sys.executable, "-m", "tests.loop.killed_campaign", *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "AUTORESEARCH_HOME": str(place / "store")},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr
    return done.returncode


def killed(place: Path, trials: int, workers: int, kills: int, *, within: int, seed: int) -> None:
    """Run the campaign to its end, killed so often on the way, each time after less than ``within`` steps."""
    make_repository(place / "user", trials)
    before = fingerprint(place / "user")
    drawn = random.Random(seed)
    for _ in range(kills):
        assert run(place, trials, workers, drawn.randrange(1, within)) == -signal.SIGKILL
    assert run(place, trials, workers, 0) == 0
    assert fingerprint(place / "user") == before


def state(place: Path) -> dict[str, Any]:
    """All that matters of a campaign that is over, without times and ids."""
    with Workspace.open(place / "user", project="p", home=place / "store") as workspace:
        campaigns = workspace.ledger.campaigns
        campaign = campaigns.find("p", "last")
        trials = list(every(lambda cursor: campaigns.trials(campaign.id, limit=500, cursor=cursor)))
        experiments = workspace.experiments()
        numbers = {experiment.id: experiment.number for experiment in experiments}
        decided = [len(workspace.ledger.research.decisions(one.id)) for one in experiments]
        best = workspace.frontier().best
        assert list(workspace.ledger.snapshots.verify()) == []
        return {
            "campaigns": campaign.number,
            "stop": campaign.stop,
            "sums": (campaign.trials, campaign.outcomes),
            "holder": campaign.holder,
            "trials": {
                one.number: (one.step, one.idea, one.outcome, one.samples, numbers[str(one.experiment_id)])
                for one in trials
            },
            "rows": len(trials),
            "experiments": [(one.number, one.note, one.state, one.score, one.reason) for one in experiments],
            "verdicts": decided,
            "best": best and best.score,
            "files": git(place / "user", "ls-tree", "-r", "autoresearch/t"),
            "log": git(place / "user", "log", "--format=%s", "autoresearch/t").splitlines(),
        }


def nothing_is_left(place: Path) -> None:
    folders = [path for path in (place / "store" / "trials").rglob("*") if path.name == "tree"]
    assert folders == []
    assert git(place / "user", "worktree", "list").count("\n") == 0
    with Workspace.open(place / "user", project="p", home=place / "store") as workspace:
        mark = f"{MARK}={workspace.campaigns.find().id}".encode()
    assert [path for path in Path("/proc").glob("[0-9]*/environ") if mark in environment(path)] == []


def environment(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_a_campaign_of_one_worker_that_is_killed_on_the_way_comes_to_the_same_end(
    tmp_path: Path, *, soak: bool
) -> None:
    trials, kills, within = (60, 50, 120) if soak else (6, 3, 150)
    make_repository(tmp_path / "whole" / "user", trials)
    assert run(tmp_path / "whole", trials, 1, 0) == 0
    killed(tmp_path / "killed", trials, 1, kills, within=within, seed=1)
    whole, after = state(tmp_path / "whole"), state(tmp_path / "killed")
    assert after == whole
    assert whole["rows"] == trials + 1
    assert whole["best"] == best_of(trials)
    nothing_is_left(tmp_path / "killed")


def test_a_campaign_of_four_workers_that_is_killed_on_the_way_loses_and_repeats_nothing(
    tmp_path: Path, *, soak: bool
) -> None:
    trials, kills, within = (200, 50, 500) if soak else (12, 3, 250)
    killed(tmp_path, trials, 4, kills, within=within, seed=2)
    after = state(tmp_path)
    kept = {number for number in range(1, trials + 1) if gain_of(number) < 0}
    assert after["rows"] == trials + 1
    assert {number: outcome for number, (_, _, outcome, *_) in after["trials"].items()} == {
        0: "kept",
        **{number: "kept" if number in kept else "dropped" for number in range(1, trials + 1)},
    }
    assert after["sums"] == (trials, {"kept": len(kept), "dropped": trials - len(kept)})
    assert (
        Counter(note for _, note, one, *_ in after["experiments"] if one == "kept").most_common(1)[0][1] == 1
    )
    assert all(one in {"kept", "dropped"} for _, _, one, *_ in after["experiments"])
    assert (after["campaigns"], after["stop"], after["best"]) == (1, "experiments", best_of(trials))
    assert len(after["log"]) == 1 + len(kept)
    nothing_is_left(tmp_path)
