"""``ar.init(…)``, ``ar.log(…)``, ``ar.finish()`` and their fellows: the run of this process."""

from __future__ import annotations

import os

from autoresearch.errors import UsageError
from autoresearch.track.live.run import Run
from autoresearch.track.live.starting import begin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from autoresearch.records.run import Synced

__all__ = ["active_run", "alert", "define_metric", "finish", "flush_active", "init", "log", "sync"]

_active: Run | None = None


def init(
    project: str | None = None,
    name: str | None = None,
    config: Any = None,
    *,
    tags: Sequence[str] = (),
    note: str = "",
    group: str | None = None,
    job_type: str | None = None,
    folder: str | None = None,
    experiment: Any = None,
    parent: Any = None,
    id: str | None = None,  # noqa: A002  the field's word
    resume: str | bool | None = None,
    writer_id: str | None = None,
    system_metrics: bool | None = None,
    system_interval: float | None = None,
    flush_interval: float | None = None,
    capture_console: bool = True,
    capture_code: bool = True,
    mode: str | None = None,
    read_only: bool = False,
    home: str | os.PathLike[str] | None = None,
) -> Run:
    """Begin a run; one that is going on in this process is finished first.

    Args:
        project: Its project; else AUTORESEARCH_PROJECT, ``autoresearch.toml``, the repository's folder name.
        name: For people; a random one when left out.
        config: A dict, an ``argparse.Namespace``, a dataclass or a pydantic model.
        tags: Words to find it by.
        note: What it is about.
        group: Runs of one group belong together, as the seeds of one setting do.
        job_type: Such as ``train`` or ``eval``.
        folder: Path of the folder that it is put into, such as ``sweeps/lr``; made when it is missing.
        experiment: The experiment it executes: an id, or what ``experiment()`` answered; else AUTORESEARCH_EXPERIMENT.
        parent: Run that it goes on from.
        id: UUID of the run; several processes that give the same one write one run. Else AUTORESEARCH_RUN_ID.
        resume: Number, name or id of a run to go on with; steps go on behind its last. With ``id``, True goes on with that
            run where it is there, and begins it where it is not.
        writer_id: Name of this process among the writers of the run, such as ``rank-0``; a random ending is added.
        system_metrics: Whether to measure the machine; else AUTORESEARCH_SYSTEM_METRICS, else yes.
        system_interval: Seconds between two measurements, at least 1; 15 when left out.
        flush_interval: Seconds between two drains into the store; 2 when left out.
        capture_console: Whether to keep what the script prints.
        capture_code: Whether to keep commit and uncommitted change.
        mode: ``online``, ``offline`` (journals alone, until ``sync``), ``local`` or ``disabled``; else AUTORESEARCH_MODE, else
            online where a server and a key are set.
        read_only: Open the run that ``resume`` names to be read; whatever would change it is refused.
        home: Folder of the embedded store; else AUTORESEARCH_HOME, else ``~/.autoresearch``.

    Raises:
        Invalid: A value was refused.
        NotFound: The run to resume is not there.
    """
    wanted = locals()
    global _active  # noqa: PLW0603  a process has one run that the calls below mean
    if _active is not None and _active.state == "running":
        _active.finish()
    _active = begin(**wanted)
    return _active


def active_run() -> Run:
    """The run of this process.

    Raises:
        UsageError: None was begun.
    """
    if _active is None:
        raise UsageError("No run was begun in this process.", hint="Call autoresearch.init() first.")
    return _active


def flush_active() -> None:
    """Bring what the run of this process has logged so far into the store, so that a reader finds it."""
    if _active is not None:
        _active.flush()


def log(
    values: Mapping[str, Any], step: int | None = None, *, labels: Mapping[str, str] | None = None
) -> None:
    """Log numbers, text or media to the run of this process; see :meth:`Run.log`.

    Raises:
        UsageError: None was begun.
    """
    if _active is None:
        active_run()
    elif labels is None:
        _active.log(values, step)
    else:
        _active.log(values, step, labels=labels)


def finish(status: str = "finished", *, exit_code: int | None = None, error: str | None = None) -> None:
    """End the run of this process, if there is one; see :meth:`Run.finish`."""
    if _active is not None:
        _active.finish(status, exit_code=exit_code, error=error)


def alert(title: str, text: str = "", level: str = "info") -> None:
    """Record something that people should see; see :meth:`Run.alert`."""
    active_run().alert(title, text, level)


def define_metric(
    name: str, *, step_metric: str | None = None, summary: str = "last", goal: str | None = None
) -> None:
    """Say how a metric is to be read; see :meth:`Run.define_metric`."""
    active_run().define_metric(name, step_metric=step_metric, summary=summary, goal=goal)


def sync(path: str | os.PathLike[str] | None = None, *, home: str | os.PathLike[str] | None = None) -> Synced:
    """Bring to the server, or without one into the store, what journals hold: of offline runs, and of processes that died.

    Each point is counted once, however often it is called.

    Args:
        path: A folder of journals that came from elsewhere; those of the store's own home when left out.
        home: Folder of the embedded store; else AUTORESEARCH_HOME, else ``~/.autoresearch``.

    Raises:
        NotFound: There is no such folder.
        StoreError: The store cannot be used; the journals keep everything.
    """
    from autoresearch.track.live.syncing import synchronize

    return synchronize(path, home, _active)
