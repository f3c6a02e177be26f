"""The code of an experiment as files again, and what differs between the code of two."""

from __future__ import annotations

from pathlib import Path

from autoresearch.capture.checkout import TreeDiff, tree_diff
from autoresearch.errors import Conflict
from autoresearch.records.experiment import Experiment
from autoresearch.records.tree import Tree
from autoresearch.track.viewing import ProjectView
from autoresearch.track.workspace import Workspace

__all__ = ["compare_code", "write_code"]


def write_code(workspace: Workspace, experiment: Experiment, destination: Path) -> tuple[str, ...]:
    """Write the code of an experiment to a new folder, from its snapshot, else from its commit and change.

    Args:
        workspace: The workspace that knows it; its repository is read when there is no snapshot.
        experiment: Whose code.
        destination: Folder to make; it must not exist, or be empty.

    Returns:
        A sentence on each thing that could not be brought back.

    Raises:
        Conflict: Something is at the destination, or no code was recorded.
        CaptureError: The commit is not in this repository, or the change does not apply.
        StoreCorrupt: Stored bytes are damaged.
    """
    if experiment.tree is not None:
        tree = workspace.ledger.snapshots.write_tree(experiment.tree, destination)
        omitted = (entry for entry in tree.entries if entry.kind == "omitted")
        return tuple(f"{entry.path} is not in the snapshot: {entry.reason}." for entry in omitted)
    if experiment.commit is None:
        raise Conflict(
            f"No code was recorded with experiment {experiment.number}: it has no snapshot and no commit.",
            hint="Record the next ones in their repository, without --no-snapshot.",
        )
    from autoresearch.capture.workcopy import apply_patch

    patch = workspace.ledger.snapshots.patch(experiment.id)
    return apply_patch(workspace.path, experiment.commit, patch, destination)


def compare_code(workspace: ProjectView, first: Experiment, second: Experiment) -> TreeDiff:
    """What differs between the snapshots of two experiments.

    Raises:
        Conflict: One has no snapshot.
        StoreCorrupt: Stored bytes are damaged.
    """
    return tree_diff(_tree(workspace, first), _tree(workspace, second), workspace.ledger.objects)


def _tree(workspace: ProjectView, experiment: Experiment) -> Tree:
    if experiment.tree is None:
        raise Conflict(
            f"Experiment {experiment.number} has no snapshot to compare.",
            hint=f"`autoresearch diff {experiment.number}` prints its change, if it has one.",
        )
    return workspace.ledger.snapshots.tree(experiment.tree)
