"""How a run knows the experiment that it executes: three variables, set by whoever starts the command."""

from __future__ import annotations

import contextlib

from autoresearch.errors import AutoresearchError
from autoresearch.track.workspace import Workspace

__all__ = ["bring_runs", "run_environment"]


def run_environment(workspace: Workspace, experiment_id: str) -> dict[str, str]:
    """Variables with which ``autoresearch.init()`` in a command writes to this store, project and experiment.

    A command gets no key of a server: its runs stay in journals, which the workspace sends when the command has ended.
    """
    return {
        "AUTORESEARCH_HOME": str(workspace.home),
        "AUTORESEARCH_MODE": "local" if workspace.server is None else "offline",
        "AUTORESEARCH_PROJECT": workspace.name,
        "AUTORESEARCH_EXPERIMENT": experiment_id,
    }


def bring_runs(workspace: Workspace) -> None:
    """Send the runs of a command that has ended, where there is a server; what cannot be sent now waits."""
    if workspace.server is not None:
        with contextlib.suppress(AutoresearchError):
            workspace.recover()
