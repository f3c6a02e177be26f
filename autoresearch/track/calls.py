"""``ar.goal(…)`` and its fellows: the calls of a workspace, on the one of the current folder."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autoresearch.briefs.brief import Context
from autoresearch.records.artifact import Artifact, Version
from autoresearch.records.experiment import Decision, Experiment, Note, Session
from autoresearch.records.frontier import Frontier, Match, Progress
from autoresearch.records.goal import Goal
from autoresearch.records.run import Run
from autoresearch.series.curve import Curve
from autoresearch.track.comparing import Comparison
from autoresearch.track.workspace import Workspace

__all__ = [
    "artifact",
    "artifacts",
    "compare",
    "context",
    "decision",
    "experiment",
    "frontier",
    "get_artifact",
    "get_run",
    "goal",
    "history",
    "note",
    "progress",
    "promote",
    "runs",
    "search",
    "session",
    "tried",
    "workspace",
]

_SETTINGS = tuple(
    f"{prefix}_{name}"
    for prefix in ("AUTORESEARCH", "ARWANDB", "WANDB")
    for name in ("HOME", "PROJECT", "ACTOR", "MODE", "BASE_URL", "API_KEY")
)
_opened: dict[tuple[Any, ...], Workspace] = {}


def workspace(project: str | None = None) -> Workspace:
    """The workspace of the current folder; the same one while folder, project and settings stay.

    Args:
        project: Another project than the folder's own.
    """
    key = (os.getpid(), str(Path.cwd()), project, *map(os.environ.get, _SETTINGS))
    found = _opened.get(key)
    if found is None:
        found = _opened[key] = Workspace.open(project=project)
    return found


def goal(
    metric: str,
    *,
    lower_is_better: bool = True,
    target: float | None = None,
    project: str | None = None,
    **more: Any,
) -> Goal:
    """Set or change the goal; see :meth:`Workspace.goal` for ``more``."""
    return workspace(project).goal(metric, lower_is_better=lower_is_better, target=target, **more)


def session(tag: str, branch: str | None = None, *, project: str | None = None, note: str = "") -> Session:
    """Open a session and make it the active one."""
    return workspace(project).session(tag, branch, note=note)


def experiment(
    commit: str | None = None,
    note: str = "",
    diff: str | bytes | None = None,
    snapshot: str | Path | Sequence[str | Path] | None = ".",
    *,
    project: str | None = None,
    **more: Any,
) -> Experiment:
    """Record a tried change, with the code that runs; see :meth:`Workspace.experiment` for ``more``."""
    return workspace(project).experiment(note, commit=commit, diff=diff, snapshot=snapshot, **more)


def decision(
    experiment_id: str,
    status: str,
    score: float | None = None,
    metric: str | None = None,
    *,
    project: str | None = None,
    **more: Any,
) -> Decision:
    """Give a verdict; see :meth:`Workspace.decision` for ``more``."""
    return workspace(project).decision(experiment_id, status, score=score, metric=metric, **more)


def progress(session_id: str | None = None, *, project: str | None = None) -> Progress:
    """Every experiment of the present segment with the running best."""
    return workspace(project).progress(session_id)


def frontier(session_id: str | None = None, *, project: str | None = None) -> Frontier:
    """The staircase of running bests."""
    return workspace(project).frontier(session_id)


def context(project: str | None = None, limit: int = 5, budget: int = 2000) -> Context:
    """What an agent reads before its next change: at most ``budget`` tokens of Markdown, and the same as data."""
    return workspace(project).context(limit=limit, budget=budget)


def artifact(
    name: str,
    path: str | Path,
    type: str = "artifact",  # noqa: A002  the field's word
    produced_by: str | None = None,
    *,
    metadata: Mapping[str, Any] | None = None,
    project: str | None = None,
) -> Version:
    """Log a file or folder as a version; identical bytes answer the version that has them."""
    return workspace(project).artifact(name, path, type=type, produced_by=produced_by, metadata=metadata)


def promote(
    name: str, ref: str, version: str, *, expected: str | None = None, project: str | None = None
) -> Version:
    """Point a ref at a version."""
    return workspace(project).promote(name, ref, version, expected=expected)


def get_artifact(
    name: str, ref: str = "latest", path: str | Path | None = None, *, project: str | None = None
) -> Version:
    """The version a ref points at; with ``path`` its files are written to that new folder."""
    return workspace(project).get_artifact(name, ref, path)


def artifacts(type: str | None = None, *, project: str | None = None) -> tuple[Artifact, ...]:  # noqa: A002
    """All artifacts, of one type when it is given."""
    return workspace(project).artifacts(type=type)


def note(text: str, experiment: str | None = None, *, project: str | None = None) -> Note:
    """Leave a remark that every later ``context()`` shows."""
    return workspace(project).note(text, experiment)


def search(text: str, limit: int = 10, *, project: str | None = None) -> tuple[Match, ...]:
    """Experiments whose note or diff has these words, best match first."""
    return workspace(project).search(text, limit=limit)


def tried(change: str, limit: int = 10, *, project: str | None = None) -> tuple[Match, ...]:
    """Experiments like a change: a patch, or words such as ``"LR 0.04 -> 0.06"``."""
    return workspace(project).tried(change, limit=limit)


def runs(*, project: str | None = None, **which: Any) -> tuple[Run, ...]:
    """Runs of the project, the newest first; see :meth:`Archive.list` for ``which``."""
    return workspace(project).runs.list(**which)


def get_run(run: Any, *, project: str | None = None) -> Run:
    """The run meant by its number, ``"last"``, its name, its id or part of it, as it stands now."""
    return workspace(project).runs.find(_named(run))


def history(run: Any, *names: str, project: str | None = None, **window: Any) -> tuple[Curve, ...]:
    """Every point of some metrics of a run, of all when no name is given; see :meth:`Archive.history` for ``window``."""
    return workspace(project).runs.history(_named(run), *names, **window)


def compare(
    *several: Any, names: Sequence[str] = (), samples: int | None = None, project: str | None = None
) -> Comparison:
    """Runs side by side; see :meth:`Archive.compare`."""
    return workspace(project).runs.compare([_named(run) for run in several], *names, samples=samples)


def _named(run: Any) -> str:
    # A run that goes on and one that was read back are meant by their id.
    return str(getattr(run, "id", run))
