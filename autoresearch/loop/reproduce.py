"""Run an experiment again, from the code that was recorded, and say whether it gives the same score."""

from __future__ import annotations

import contextlib
import shlex
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from autoresearch.errors import Conflict, Invalid
from autoresearch.execution.runner import Run, clean_environment, run_command, stoppable
from autoresearch.loop.scoring import score_run
from autoresearch.records.experiment import Experiment
from autoresearch.records.frontier import Frontier
from autoresearch.track.joining import bring_runs, run_environment
from autoresearch.track.materializing import write_code
from autoresearch.track.workspace import Workspace

__all__ = ["Reproduction", "reproduce"]

_SIGMAS = 2.0


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What running an experiment again gave. Scores, difference and noise are in units of the metric.

    Attributes:
        experiment: Its number.
        metric: What was scored.
        score: The recorded score.
        reproduced: Mean of the new scores; None when a run gave none.
        samples: The new scores.
        difference: ``reproduced - score``.
        noise: Known standard deviation, or None.
        within: Whether the difference is at most two standard deviations; without a known noise, whether the
            scores are equal.
        reason: Why there is no score; empty when there is one.
        timed_out: Whether a run was ended because its time was over.
        seconds: Wall-clock seconds of all runs.
        command: What was run.
        log_tail: Last lines of the last run's output.
        directory: Where code and outputs were kept, or None.
        notices: What could not be brought back as it was.
    """

    experiment: int
    metric: str
    score: float
    reproduced: float | None
    samples: tuple[float, ...]
    difference: float | None
    noise: float | None
    within: bool
    reason: str
    timed_out: bool
    seconds: float
    command: tuple[str, ...]
    log_tail: str
    directory: str | None
    notices: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """The result as one JSON object."""
        return asdict(self)


def reproduce(
    workspace: Workspace,
    experiment: Experiment,
    *,
    repeats: int = 1,
    timeout: float | None = None,
    command: Sequence[str] = (),
    keep_dir: str | Path | None = None,
) -> Reproduction:
    """Run an experiment again in a folder of its own and compare the scores.

    Args:
        workspace: The workspace that knows it.
        experiment: Which one.
        repeats: How many runs, each in a fresh folder, with ``SEED`` counting from 0.
        timeout: Wall-clock seconds of one run; else the goal's ``trial_seconds``, else ``timeout_seconds``.
        command: What to run; else the recorded command, else that of ``autoresearch.toml``.
        keep_dir: New or empty folder in which code and output stay.

    Raises:
        Invalid: ``repeats`` is below 1.
        Conflict: There is no score, no command or no code to go by, or something is in ``keep_dir``.
        CaptureError: The commit is not in this repository, or its change does not apply.
        TrialError: The command cannot be started.
    """
    if repeats < 1:
        raise Invalid(f"An experiment cannot be run {repeats} times.", hint="Give 1 or more.")
    wanted = tuple(command or experiment.command or workspace.file.run.command)
    frontier = workspace.ledger.research.frontier(experiment.project, segment=experiment.segment)
    score = _recorded(experiment, wanted)
    limit = timeout or frontier.goal.budget.trial_seconds or workspace.file.run.timeout_seconds
    runs, linked = _Runs(), run_environment(workspace, experiment.id)
    with stoppable(), _folder(keep_dir) as folder:
        for seed in range(repeats):
            code = folder / f"run-{seed + 1}"
            runs.notices = write_code(workspace, experiment, code)
            done = run_command(
                wanted,
                code,
                output=folder / f"run-{seed + 1}.log",
                seconds=limit,
                environment=clean_environment({**linked, "SEED": str(seed)}),
            )
            bring_runs(workspace)
            if not runs.take(done, frontier.goal.metric):
                break
    return runs.result(experiment, score, frontier, wanted, keep_dir)


class _Runs:
    """What the runs gave so far."""

    def __init__(self) -> None:
        self.samples: list[float] = []
        self.reason = ""
        self.log_tail = ""
        self.timed_out = False
        self.seconds = 0.0
        self.notices: tuple[str, ...] = ()

    def take(self, done: Run, metric: str) -> bool:
        """Add a run; False when it has no score."""
        self.seconds, self.log_tail, self.timed_out = (
            self.seconds + done.seconds,
            done.log_tail,
            done.timed_out,
        )
        outcome = score_run(done, metric)
        if outcome.score is None:
            self.reason = outcome.reason
            return False
        self.samples.append(outcome.score)
        return True

    def result(
        self,
        experiment: Experiment,
        score: float,
        frontier: Frontier,
        command: tuple[str, ...],
        keep_dir: str | Path | None,
    ) -> Reproduction:
        """What it all comes to."""
        noise = frontier.noise.sd if frontier.noise else None
        reproduced = fmean(self.samples) if self.samples and not self.reason else None
        difference = None if reproduced is None else reproduced - score
        return Reproduction(
            experiment=experiment.number,
            metric=frontier.goal.metric,
            score=score,
            reproduced=reproduced,
            samples=tuple(self.samples),
            difference=difference,
            noise=noise,
            within=difference is not None and abs(difference) <= _SIGMAS * (noise or 0.0),
            reason=self.reason,
            timed_out=self.timed_out,
            seconds=round(self.seconds, 3),
            command=command,
            log_tail=self.log_tail,
            directory=None if keep_dir is None else str(Path(keep_dir).resolve()),
            notices=self.notices,
        )


def _recorded(experiment: Experiment, command: Sequence[str]) -> float:
    name = f"Experiment {experiment.number}"
    if not command:
        raise Conflict(
            f"{name} was recorded without a command to run.",
            hint=f"Name it: autoresearch reproduce {experiment.number} -- python train.py",
        )
    if experiment.score is None:
        raise Conflict(
            f"{name} is {experiment.state} and has no score to compare with.",
            hint=f"`autoresearch checkout {experiment.number} DIR` gives its code; run it there: {shlex.join(command)}",
        )
    return experiment.score


@contextlib.contextmanager
def _folder(keep: str | Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="autoresearch-", ignore_cleanup_errors=True) as scratch:
            yield Path(scratch)
        return
    folder = Path(keep)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Conflict(
            f"{str(folder)!r} is not an empty folder.", hint="Name a folder that does not exist yet."
        )
    folder.mkdir(parents=True, exist_ok=True)
    yield folder
