"""The code that trials start from: that of the best experiment, wherever the ledger says it is.

The ledger decides what is best, not the branch: a campaign may have been killed between a verdict and its commit,
and a person may have overturned a verdict since.
"""

from __future__ import annotations

from dataclasses import dataclass

from autoresearch.errors import CaptureError, Conflict
from autoresearch.loop.policy import Incumbent
from autoresearch.loop.workdir import Workdir, Workdirs
from autoresearch.records.experiment import Experiment
from autoresearch.track.workspace import Workspace

__all__ = ["Base", "measured_against", "message", "present", "rebuild", "stand_on"]

_TRAILER = "Experiment: "


@dataclass(frozen=True, slots=True)
class Base:
    """What a change is made from: the incumbent, its experiment's id, and the commit with its code."""

    incumbent: Incumbent
    experiment_id: str
    commit: str


def present(workspace: Workspace) -> tuple[Incumbent, str] | None:
    """What a change must beat, and the id of the experiment that set it; None before the baseline.

    Raises:
        Conflict: The project has no goal.
    """
    frontier = workspace.frontier()
    if frontier.best is None:
        return None
    known = workspace.ledger.memory.facts(workspace.name, limit=1).incumbent
    incumbent = Incumbent(
        score=frontier.best.score,
        n=known.n if known else 1,
        lower_is_better=frontier.goal.lower_is_better,
        noise=frontier.noise.sd if frontier.noise else 0.0,
        min_delta=frontier.goal.min_delta,
    )
    return incumbent, frontier.best.experiment_id


def measured_against(workspace: Workspace, experiment_id: str) -> Incumbent:
    """What a change had to beat that was made from this experiment, also when another is the best by now.

    Raises:
        Conflict: The experiment has no score any more.
    """
    frontier = workspace.frontier()
    experiment = workspace.ledger.research.experiment(experiment_id)
    decisions = workspace.ledger.research.decisions(experiment_id)
    if experiment.score is None:
        raise Conflict(
            f"Experiment {experiment.number} has no score to compare with.", hint="Start the campaign again."
        )
    return Incumbent(
        score=experiment.score,
        n=max(1, len(decisions[-1].samples)),
        lower_is_better=frontier.goal.lower_is_better,
        noise=frontier.noise.sd if frontier.noise else 0.0,
        min_delta=frontier.goal.min_delta,
    )


def message(note: str, experiment_id: str) -> str:
    """Message of the commit that holds an experiment's change; by it the commit is found again."""
    return f"{note}\n\n{_TRAILER}{experiment_id}\n"


def stand_on(workspace: Workspace, workdirs: Workdirs, experiment_id: str) -> str:
    """The commit with an experiment's code, on the branch; the branch is moved there when it is elsewhere.

    Raises:
        Conflict: Its code is not in the branch and was not stored whole.
    """
    commit = workdirs.find(f"{_TRAILER}{experiment_id}")
    if commit is not None:
        return commit
    experiment = workspace.find(experiment_id)
    start = _start(experiment)
    if experiment.diff is None:
        return start
    with workdirs.open(start) as workdir:
        sealed = rebuild(workspace, workdir, experiment)
        workdirs.advance(sealed)
    return sealed


def rebuild(workspace: Workspace, workdir: Workdir, experiment: Experiment) -> str:
    """Bring an experiment's recorded code into a folder of its commit, and seal it; the commit of that.

    Raises:
        Conflict: Its change was not stored whole, or does not apply.
    """
    start = _start(experiment)
    if experiment.diff is None:
        return start
    patch = workspace.ledger.snapshots.get(experiment.diff.digest)
    try:
        workdir.patch(patch)
    except CaptureError as error:
        raise Conflict(
            f"The change of experiment {experiment.number} does not apply: {error.message}",
            hint="Check that its commit is still in the repository.",
        ) from error
    return workdir.seal(message(experiment.note, experiment.id))


def _start(experiment: Experiment) -> str:
    if experiment.commit is None or (experiment.diff is not None and experiment.diff.truncated):
        raise Conflict(
            f"The code of experiment {experiment.number} was not stored whole.",
            hint="Commit it and record it again, or begin another project.",
        )
    return experiment.commit
