"""Killed at any instruction, the store opens, verifies, and holds what was acknowledged."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
import warnings
from pathlib import Path
from typing import Any

import pytest

from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.research import frontier as rules
from autoresearch.track.workspace import Workspace
from tests.contract_helpers import staircase

PROJECT = "char-lm"


def step(workspace: Workspace, rng: random.Random, acknowledge: int) -> None:
    """Record, log, judge and promote once; each answer is acknowledged as soon as it was given."""

    def say(*what: object) -> None:
        os.write(acknowledge, f"{json.dumps(what)}\n".encode())

    folder = workspace.path
    (folder / "train.py").write_text(f"LR = {rng.random()}\n" * rng.randrange(1, 400))
    (folder / f"new_{rng.randrange(20)}.txt").write_bytes(rng.randbytes(rng.randrange(1, 30_000)))
    made = workspace.experiment("another rate", config={"lr": rng.random()})
    say("experiment", made.id, made.diff and made.diff.digest)
    version = workspace.artifact("model", "train.py", produced_by=made.id)
    say("version", version.version, version.tree)
    given = workspace.decision(made.id, rng.choice(["keep", "keep", "drop", "crash"]), score=rng.random())
    say("decision", given.id, made.id, given.score)
    moved = workspace.promote("model", "production", version.version)
    say("promoted", moved.version)


def work(folder: Path, home: Path, acknowledge: int, seed: int, after: float) -> None:
    """Steps without end, until the alarm."""
    rng = random.Random(seed)
    # The default action of this signal ends the process at once, wherever it is, as a kill does.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    with Workspace.open(folder, project=PROJECT, home=home) as workspace:
        signal.setitimer(signal.ITIMER_REAL, after)
        while True:
            step(workspace, rng, acknowledge)


def usual_seconds(folder: Path, home: Path) -> float:
    """How long a step takes on this machine as it is now, so that kills fall within one or two."""
    with (
        Workspace.open(folder, project=PROJECT, home=home) as workspace,
        Path(os.devnull).open("wb") as nowhere,
    ):
        workspace.goal("val_bpb")
        for _ in range(3):
            begun = time.monotonic()
            step(workspace, random.Random(), nowhere.fileno())
        return time.monotonic() - begun


def killed(folder: Path, home: Path, seed: int, after: float) -> list[list[Any]]:
    """What a worker had acknowledged when it was killed."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the child uses no thread of its parent's
        child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            work(folder, home, writer, seed, after)
        finally:
            os._exit(3)
    os.close(writer)
    with os.fdopen(reader) as lines:
        said = [json.loads(line) for line in lines if line.endswith("\n")]
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGALRM
    return said


def check(home: Path, acknowledged: list[list[Any]]) -> None:
    with LocalLedger.open(home) as ledger:
        assert list(ledger.snapshots.verify()) == []
        goal = ledger.research.project(PROJECT).goal
        assert goal is not None
        recorded = {e.id: e for e in ledger.research.experiments(PROJECT, limit=10_000).items}
        assert sorted(e.number for e in recorded.values()) == list(range(1, len(recorded) + 1))
        for kind, name, *more in acknowledged:
            if kind == "experiment":
                diff = recorded[name].diff
                assert (diff and diff.digest) == more[0]
            elif kind == "version":
                assert ledger.artifacts.version("model", name).tree == more[0]
            elif kind == "decision":
                given = {d.id: d for d in ledger.research.decisions(more[0])}
                assert given[name].score == more[1]
        for made in recorded.values():
            assert made.tree is not None
            ledger.snapshots.tree(made.tree)
            ledger.snapshots.patch(made.id)
        decided = [d for e in recorded for d in ledger.research.decisions(e)]
        kept = [(d.recorded_at, d.score) for d in decided if d.status == "keep" and d.score is not None]
        candidates = [rules.Candidate(n, "", score) for n, (_, score) in enumerate(sorted(kept))]
        assert staircase(ledger) == [c.score for c in rules.staircase(candidates, goal)]
        best = ledger.research.frontier(PROJECT).best
        if best is not None:
            assert best.experiment_id in ledger.artifacts.version("model", "winner").producers
        promoted = [name for kind, name, *_ in acknowledged if kind == "promoted"]
        if promoted:
            assert int(ledger.artifacts.version("model", "production").version[1:]) >= int(promoted[-1][1:])


@pytest.mark.soak
def test_a_store_killed_at_any_instruction_holds_exactly_what_was_acknowledged(
    tmp_path: Path, *, soak: bool
) -> None:
    folder, home = tmp_path / "code", tmp_path / "store"
    folder.mkdir()
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    (folder / "train.py").write_text("LR = 0.1\n")
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "begin"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    usual = usual_seconds(folder, home)
    rng = random.Random(7)
    acknowledged: list[list[Any]] = []
    for seed in range(200 if soak else 25):
        after = rng.uniform(0.001, 4 * usual)
        said = killed(folder, home, seed, after)
        acknowledged += said
        if after > 2 * usual and "promoted" not in {kind for kind, *_ in said}:
            usual *= 1.5  # the machine is busier now than it was then
        if not soak or seed % 10 == 9:
            check(home, acknowledged)
    check(home, acknowledged)
    assert {kind for kind, *_ in acknowledged} == {"experiment", "version", "decision", "promoted"}
