"""The code that trials start from: that of the best experiment, wherever the ledger says it is.

The ledger decides what is best, not the branch: a campaign may have been killed between a verdict and its commit,
and a person may have overturned a verdict since.
"""

from __future__ import annotations

from autoresearch.errors import CaptureError, Conflict
from autoresearch.loop.policy import Incumbent
from autoresearch.loop.workdir import Workdirs
from autoresearch.records.experiment import Experiment
from autoresearch.track.workspace import Workspace

__all__ = ["message", "present", "stand_on"]

_TRAILER = "Experiment: "


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


def message(experiment: Experiment) -> str:
    """Message of the commit that holds an experiment's change; by it the commit is found again."""
    return f"{experiment.note}\n\n{_TRAILER}{experiment.id}\n"


def stand_on(workspace: Workspace, workdirs: Workdirs, experiment_id: str) -> None:
    """Make the trial folders start from an experiment's code.

    Raises:
        Conflict: Its code is not in the branch and was not stored whole.
    """
    commit = workdirs.find(f"{_TRAILER}{experiment_id}")
    if commit is not None:
        workdirs.incumbent = commit
        return
    experiment = workspace.find(experiment_id)
    if experiment.commit is None or (experiment.diff is not None and experiment.diff.truncated):
        raise Conflict(
            f"The code of experiment {experiment.number}, the best, was not stored whole.",
            hint="Commit it and record it again, or begin another project.",
        )
    workdirs.incumbent = experiment.commit
    if experiment.diff is not None:
        patch = workspace.ledger.snapshots.get(experiment.diff.digest)
        with workdirs.open() as workdir:
            try:
                workdir.patch(patch)
            except CaptureError as error:
                raise Conflict(
                    f"The change of experiment {experiment.number}, the best, does not apply: {error.message}",
                    hint="Check that its commit is still in the repository.",
                ) from error
            workdirs.advance(workdir.seal(message(experiment)))
