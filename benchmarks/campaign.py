"""What the loop costs beyond agent and command, per trial; the command is the shell, and the agent answers at once.

    python benchmarks/campaign.py [--trials 40] [--files 50]

Wall-clock time grows with whatever else the machine does; processor time hardly does.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from autoresearch.drivers.base import Assignment, Proposal
from autoresearch.loop import events
from autoresearch.loop.budget import Limits
from autoresearch.loop.campaign import run_campaign
from autoresearch.loop.plan import Plan
from autoresearch.track.workspace import Workspace

COMMAND = ("/bin/sh", "-c", "echo loss: 1")
IDENTITY = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")


class Immediate:
    """Changes one file, and takes no time for it."""

    name = "immediate"

    def propose(self, assignment: Assignment) -> Proposal | None:
        number = assignment.trial
        return Proposal(f"value {number}", {"train.py": f"VALUE = {number}\n"})


def repository(folder: Path, files: int) -> None:
    folder.mkdir()
    (folder / "train.py").write_text("VALUE = 0\n")
    for number in range(files):
        (folder / f"module{number}.py").write_text(f"value = {number}\n" * 50)
    for words in (["init", "-q"], ["add", "-A"], [*IDENTITY, "commit", "-q", "-m", "begin"]):
        subprocess.run(["git", *words], cwd=folder, check=True)


class Clock:
    """Wall-clock and processor seconds at the end of each trial."""

    def __init__(self) -> None:
        self.walls: list[float] = []
        self.cpus: list[float] = []

    def __call__(self, event: events.Event) -> None:
        if isinstance(event, events.Judged):
            self.walls.append(time.perf_counter())
            self.cpus.append(sum(os.times()[:4]))


def between(moments: Sequence[float]) -> list[float]:
    return [after - before for before, after in itertools.pairwise(moments)]


def measured(trials: int, files: int, workers: int, prompt: int) -> tuple[float, float]:
    """Milliseconds of wall-clock and of processor time per trial, beyond the command by itself."""
    with tempfile.TemporaryDirectory() as name:
        repository(Path(name, "code"), files)
        clock = Clock()
        with Workspace.open(Path(name, "code"), project="p", home=Path(name, "home")) as workspace:
            workspace.goal("loss", noise=0.0)
            plan = Plan(
                command=COMMAND,
                tag="t",
                limits=Limits(experiments=trials),
                workers=workers,
                prompt_tokens=prompt,
                folders=Path(name, "trials"),
            )
            run_campaign(workspace, Immediate(), plan, clock)
    bare = []
    for _ in range(20):
        begun = time.perf_counter()
        subprocess.run(COMMAND, check=True, capture_output=True)
        bare.append(time.perf_counter() - begun)
    # The first trials load what later ones have.
    rest = slice(max(1, trials // 10), None)
    wall = (
        statistics.median(between(clock.walls)[rest])
        if workers == 1
        else statistics.fmean(between(clock.walls)[rest])
    )
    cpu = statistics.fmean(between(clock.cpus)[rest])
    return 1000 * (wall - statistics.median(bare)), 1000 * cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--files", type=int, default=50)
    options = parser.parse_args()
    print(f"{'':32}{'ms':>8}{'cpu ms':>8}")
    for words, workers, prompt in (
        ("one worker, no question", 1, 0),
        ("one worker, 8,000 tokens", 1, 8000),
        ("four workers, no question", 4, 0),
    ):
        wall, cpu = measured(options.trials, options.files, workers, prompt)
        print(f"{words:32}{wall:8.0f}{cpu:8.0f}")


if __name__ == "__main__":
    main()
