"""Killed at any instruction, a run is found again with every number that was acknowledged, once, bit by bit."""

from __future__ import annotations

import os
import random
import shutil
import signal
import struct
import subprocess
import sys
from pathlib import Path

import pytest

import autoresearch as ar
from autoresearch.ledger.base import Runs
from autoresearch.records.run import Receipt, RunQuery
from tests.run_scripts import only_run, points, stored

# It acknowledges each step through a pipe once log() has returned, and is killed by an alarm whose default action ends the
# process wherever it is. The keeper drains four times as often as it would by itself, so that kills fall into drains as well.
TRAINER = """
import os, signal, sys
import autoresearch as ar
if sys.argv[3] == "numpy":
    import numpy
signal.signal(signal.SIGALRM, signal.SIG_DFL)
begun = sys.argv[4] == "begun"
signal.setitimer(signal.ITIMER_REAL, 0 if begun else float(sys.argv[1]))
run = ar.init(project="p", capture_code=False, flush_interval=0.05)
step, write, out = 0, os.write, int(sys.argv[2])
while True:
    if begun and step == 1:
        signal.setitimer(signal.ITIMER_REAL, float(sys.argv[1]))
    run.log({"loss": 1 / (step + 1), "half": step / 2, "step": step})
    write(out, step.to_bytes(4, "little"))
    step += 1
"""

DRAINER = """
import signal, sys
import autoresearch as ar
signal.signal(signal.SIGALRM, signal.SIG_DFL)
signal.setitimer(signal.ITIMER_REAL, float(sys.argv[1]))
ar.sync()
with ar.Workspace.open(project="p") as workspace:
    for run in workspace.runs.list():
        workspace.ledger.runs.compact(run.id)
"""

WORKER = """
import sys
import autoresearch as ar
run = ar.init(project="p", group="many", system_metrics=False, capture_code=False, config={"rank": int(sys.argv[1])})
for step in range(int(sys.argv[2])):
    run.log({"loss": step / 7, "rank": int(sys.argv[1])})
"""


def acknowledged(seconds: float, kind: str, *, since: str = "loaded") -> int:
    """Let a trainer log until it is killed, so long after it was ``loaded`` or its run has ``begun``; the steps it acknowledged."""
    read, write = os.pipe()
    code = [sys.executable, "-c", TRAINER, str(seconds), str(write), kind, since]
    with subprocess.Popen(code, pass_fds=[write], stdout=subprocess.DEVNULL) as trainer:
        os.close(write)
        with os.fdopen(read, "rb") as pipe:
            said = pipe.read()
    assert trainer.returncode == -signal.SIGALRM
    return len(said) // 4


def check(runs: Runs, run_id: str, steps: int) -> Receipt:
    """Every acknowledged step is there, and at most the one beyond it that was logged and not yet said."""
    got = points(runs, run_id, "half")
    assert steps <= len(got) <= steps + 1
    assert got == [(step, step / 2) for step in range(len(got))]
    exact = [struct.pack("<d", value) for _, value in points(runs, run_id, "loss")]
    assert exact == [struct.pack("<d", 1 / (step + 1)) for step in range(len(got))]
    receipt = runs.receipt(run_id, verify=True)
    assert receipt.intact, receipt.faults
    assert (receipt.lost, receipt.duplicates_collapsed) == (0, 0)
    return receipt


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["plain", "numpy"])
def test_a_killed_trainer_loses_nothing_that_it_acknowledged(kind: str, soak: bool, home: Path) -> None:
    rng = random.Random(7)
    for _ in range(100 if soak else 3):
        steps = acknowledged(rng.uniform(0.25, 0.9), kind)
        with stored() as runs:
            page = runs.runs(RunQuery(project="p")) if steps else None
            for run in page.items if page else ():
                assert run.state == "crashed"
                check(runs, run.id, steps)
        shutil.rmtree(home / ".autoresearch", ignore_errors=True)


@pytest.mark.soak
def test_killed_drainers_and_compactions_store_everything_once(soak: bool, home: Path) -> None:
    rng = random.Random(11)
    steps = acknowledged(1.0, "plain", since="begun")
    store = home / ".autoresearch"
    shutil.copytree(store, home / "as-it-was")
    left = 200 if soak else 6
    while left:
        # From the journal of the dead trainer anew, killed until it is through.
        shutil.rmtree(store)
        shutil.copytree(home / "as-it-was", store)
        for _ in range(min(left, 6)):
            left -= 1
            subprocess.run([sys.executable, "-c", DRAINER, str(rng.uniform(0.05, 0.8))], check=False)
        with stored() as runs:
            check(runs, only_run(runs).id, steps)


def test_two_drainers_at_once_store_everything_once() -> None:
    steps = acknowledged(0.6, "plain", since="begun")
    code = [sys.executable, "-c", DRAINER, "60"]
    both = [subprocess.Popen(code) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    with stored() as runs:
        check(runs, only_run(runs).id, steps)


@pytest.mark.soak
def test_many_processes_write_runs_of_their_own_at_once(soak: bool) -> None:
    many, steps = (64, 2000) if soak else (12, 500)
    code = [sys.executable, "-c", WORKER]
    workers = [subprocess.Popen([*code, str(rank), str(steps)]) for rank in range(many)]
    assert [worker.wait(240) for worker in workers] == [0] * many
    with ar.Workspace.open(project="p") as workspace:
        found = workspace.runs.list(group="many")
        assert sorted(run.config["rank"] for run in found) == list(range(many))
        for run in found:
            assert run.state == "finished"
            assert run.latest == {"loss": (steps - 1) / 7, "rank": float(run.config["rank"])}
            receipt = workspace.ledger.runs.receipt(run.id, verify=True)
            assert receipt.intact
            assert receipt.points_committed == receipt.points_claimed == 2 * steps
