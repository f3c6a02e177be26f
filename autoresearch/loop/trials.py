"""Start a trial of the code in a folder, follow it, and stop it: for agents that edit their own working tree.

The experiment is recorded first, with the code as it is. What is then measured, in a folder and a process of their own, is
exactly that code: what happens in the working tree meanwhile is not part of it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from autoresearch.errors import Conflict, TrialError, UsageError
from autoresearch.execution.family import Family
from autoresearch.loop.trial_states import (
    MARK,
    TrialState,
    find_trial,
    folder_of,
    list_trials,
    read_state,
    wants_stop,
    write_state,
)
from autoresearch.loop.workdir import Scope
from autoresearch.records.experiment import Actor, Experiment
from autoresearch.records.goal import Goal
from autoresearch.records.ids import new_id
from autoresearch.track.project_file import FILE_NAME
from autoresearch.track.workspace import Workspace

__all__ = ["Plan", "editable_of", "started_trial", "stopped_trial", "trial_of", "trials_of"]

_KEPT = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the process of a trial has to know.

    Attributes:
        path: Folder of the workspace.
        home: Folder of the store; None for that of the environment.
        actor: Who started it.
        editable: What the change may touch, as ``.gitignore`` patterns; empty for everything.
        runs: Runs that are wanted; None for as many as the policy wants.
    """

    path: str
    home: str | None
    actor: dict[str, str]
    editable: tuple[str, ...] = ()
    runs: int | None = None


def started_trial(
    workspace: Workspace,
    note: str,
    *,
    command: Sequence[str] = (),
    config: Mapping[str, Any] | None = None,
    parent: str | None = None,
    runs: int | None = None,
    seconds: float | None = None,
    judge: bool = False,
    parallel: bool = False,
) -> TrialState:
    """Record the code of the folder as an experiment, and measure it in a process that outlives this one.

    Args:
        workspace: The folder.
        note: The flaw that was seen and the fix that is tried.
        command: Program and arguments of a run; else that of ``autoresearch.toml``.
        config: Configuration of the run.
        parent: Experiment it was made from; None takes the best.
        runs: How many runs, with ``SEED`` counting from 0; None for as many as the policy wants.
        seconds: Wall-clock seconds of one run, at most those of the goal.
        judge: Whether the policy gives the verdict at the end.
        parallel: Whether it may start while another one of the project runs here.

    Raises:
        UsageError: There is no command.
        Conflict: The project has no goal, its budget is spent, or a trial of it is running here.
        CaptureError: Git did not give the change.
        TrialError: The process cannot be started.
    """
    words = tuple(command or workspace.file.run.command)
    if not words:
        raise UsageError(
            "There is no command to run.", hint="Give command, or set one under [run] in autoresearch.toml."
        )
    # Two that are started at the same moment must not both find that nothing runs.
    with _alone(workspace):
        goal = _ready(workspace, parallel=parallel)
        experiment = workspace.experiment(note, command=words, config=config, parent=parent)
        limits = [value for value in (seconds, goal.budget.trial_seconds) if value]
        limit = min(limits) if limits else workspace.file.run.timeout_seconds
        state = _checked(
            _fresh(experiment, runs, limit, judge=judge), experiment, goal, editable_of(workspace)
        )
        if state.ended and judge:
            from autoresearch.loop.trial_work import judged

            state = judged(workspace, state)
        return _launched(workspace, state, runs, experiment.actor)


def _fresh(experiment: Experiment, runs: int | None, limit: float | None, *, judge: bool) -> TrialState:
    now = time.time()
    return TrialState(
        id=new_id(),
        project=experiment.project,
        experiment_id=experiment.id,
        number=experiment.number,
        command=experiment.command,
        started_at=now,
        updated_at=now,
        judge=judge,
        wanted=runs,
        limit=limit,
    )


@contextlib.contextmanager
def _alone(workspace: Workspace) -> Iterator[None]:
    place = workspace.home / "measured"
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (place / "lock").open("w")
    except OSError as error:
        raise TrialError(
            f"{place} cannot be written: {error.strerror or error}.", hint="Make room."
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def editable_of(workspace: Workspace) -> tuple[str, ...]:
    """What a change in the folder may touch; empty for everything. The project file is no part of the code."""
    editable = workspace.file.run.editable
    return (*editable, f"/{FILE_NAME}") if editable else ()


def _ready(workspace: Workspace, *, parallel: bool) -> Goal:
    workspace.adopt_goal()
    goal = workspace.project.goal
    if goal is None:
        raise Conflict("The project has no goal.", hint="Set one: `autoresearch goal METRIC --min`.")
    left = workspace.ledger.memory.facts(workspace.name, limit=1).left
    if left.experiments == 0 or left.seconds == 0:
        raise Conflict(
            "The budget of the goal is spent.",
            hint="Ask a person whether it may be raised: `autoresearch goal`.",
        )
    known = trials_of(workspace)
    for one in known:
        _end_leftovers(workspace, one)
    running = [one for one in known if not one.ended]
    if running and not parallel:
        raise Conflict(
            f"The trial of experiment {running[-1].number} is running, and two at once disturb each other's measurements.",
            hint="Wait for it: `autoresearch trial wait`; stop it: `autoresearch trial stop`; or say parallel.",
        )
    return goal


def _checked(state: TrialState, experiment: Experiment, goal: Goal, editable: tuple[str, ...]) -> TrialState:
    """Refused at once when what was changed is out of bounds."""
    scope = Scope(editable=editable, protected=goal.protected)
    said = [reason for name in experiment.files if (reason := scope.refusal(name))]
    if not said:
        return state
    return dataclasses.replace(
        state, stage="ended", outcome="refused", reason=f"not run: {'; '.join(said[:3])}"
    )


def _launched(workspace: Workspace, state: TrialState, runs: int | None, actor: Actor) -> TrialState:
    folder = folder_of(workspace.home, state.id)
    plan = Plan(
        path=str(workspace.path),
        home=str(workspace.home) if workspace.server is None else None,
        # Whoever recorded it: the process that goes on alone has no other way to know who acts.
        actor={"kind": actor.kind, "name": actor.name},
        editable=editable_of(workspace),
        runs=runs,
    )
    _tidy(workspace)
    try:
        folder.mkdir(parents=True, mode=0o700)
        (folder / "plan.json").write_text(json.dumps(dataclasses.asdict(plan)), encoding="utf-8")
        with (folder / "lock").open("w") as lock:
            # Before there is a state to read: there is no moment in which nobody seems to work on the trial.
            fcntl.flock(lock, fcntl.LOCK_EX)
            write_state(folder, state)
            if not state.ended:
                _spawn(folder, lock)
    except OSError as error:
        raise TrialError(
            f"The trial could not be started: {error.strerror or error}.", hint="Make room, and call again."
        ) from error
    return state


def _spawn(folder: Path, lock: IO[str]) -> None:
    """Start the process, which inherits the lock."""
    with (folder / "process.log").open("wb") as log:
        started = subprocess.Popen(
            [sys.executable, "-P", "-m", "autoresearch.loop.trial_process", str(folder)],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(lock.fileno(),),
            start_new_session=True,
        )
        # It leaves a child behind that belongs to nobody, and ends at once.
        started.wait()


def _tidy(workspace: Workspace) -> None:
    """Remove the oldest trials that have ended, so that the folder does not grow for ever."""
    import shutil

    ended = [one for one in trials_of(workspace) if one.ended]
    for one in ended[:-_KEPT]:
        shutil.rmtree(folder_of(workspace.home, one.id), ignore_errors=True)


def _end_leftovers(workspace: Workspace, state: TrialState) -> None:
    """End what the process of a trial that was killed has left running, once."""
    done = folder_of(workspace.home, state.id) / "seen-off"
    if state.outcome == "abandoned" and not done.exists():
        Family(f"{MARK}={state.id}").see_off()
        with contextlib.suppress(OSError):
            done.touch()


def trials_of(workspace: Workspace) -> list[TrialState]:
    """The trials of the project on this machine, in the order in which they were started."""
    return list_trials(workspace.home, workspace.name)


def trial_of(workspace: Workspace, text: str) -> TrialState:
    """One trial as it stands: by its id, the number of its experiment, or ``last``; raises as ``find_trial``."""
    return find_trial(workspace.home, workspace.name, text)


def stopped_trial(workspace: Workspace, text: str, reason: str = "", *, patience: float = 20.0) -> TrialState:
    """Stop a trial and wait until nothing of it goes on; one that has ended stays as it is.

    Args:
        workspace: The folder.
        text: Which trial.
        reason: Why.
        patience: Seconds to wait for its end.

    Raises:
        NotFound: There is no such trial.
    """
    state = trial_of(workspace, text)
    folder = folder_of(workspace.home, state.id)
    _end_leftovers(workspace, state)
    if not state.ended:
        wants_stop(folder, reason)
    until = time.monotonic() + patience
    while not state.ended and time.monotonic() < until:
        time.sleep(0.05)
        state = read_state(folder)
    return state
