"""How a run knows the experiment that it executes: three variables, set by whoever starts the command."""

from __future__ import annotations

from autoresearch.track.workspace import Workspace

__all__ = ["run_environment"]


def run_environment(workspace: Workspace, experiment_id: str) -> dict[str, str]:
    """Variables with which ``autoresearch.init()`` in a command writes to this store, project and experiment."""
    return {
        "AUTORESEARCH_HOME": str(workspace.home),
        "AUTORESEARCH_PROJECT": workspace.name,
        "AUTORESEARCH_EXPERIMENT": experiment_id,
    }
