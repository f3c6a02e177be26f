"""Trials that go on by themselves: where each writes how far it is, and how others find and stop it.

A trial is a folder below the library's home. Its process holds a lock in it, so that one that was killed is told from one
that works; whoever wants it to stop leaves a file there. So a trial outlives whoever started it, and is found again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from autoresearch.errors import Conflict, NotFound, TrialError

__all__ = [
    "MARK",
    "Outcome",
    "TrialState",
    "find_trial",
    "folder_of",
    "held",
    "list_trials",
    "read_state",
    "stop_reason",
    "wants_stop",
    "write_state",
]

Outcome = Literal[
    "measured", "crashed", "timed_out", "no_score", "tampered", "refused", "stopped", "abandoned"
]
"""What became of it. Only one that was ``measured`` has a score; ``abandoned``: its process is gone without a word."""

MARK = "AUTORESEARCH_MEASURED"
"""Variable with the trial's id in the environment of its command, by which what a killed process left running is found."""

_ID = re.compile(r"[0-9a-f-]{36}\Z")
_KEPT = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialState:
    """How far a trial is.

    Attributes:
        id: Its id.
        project: Name of the project.
        experiment_id: What is measured; ``number`` is its number in the project.
        command: Program and arguments of a run.
        judge: Whether it is judged by the policy when it has ended.
        stage: ``starting`` until the first run begins, ``running``, then ``ended``.
        outcome: What became of it, once it has ended.
        reason: Why it has no score, in a sentence; empty when it has one.
        samples: Scores of the runs that ended, in units of the metric.
        metrics: The other metrics of the last run.
        wanted: Runs that the policy wants, as far as is known.
        limit: Wall-clock seconds of one run; None for no limit.
        seconds: Wall-clock seconds of all runs that ended.
        log_tail: The end of what the last run printed.
        verdict: The verdict that it was given, when it was to be judged.
        standing: What the verdict means for the frontier, in a sentence.
        started_at: When it was started, in seconds since 1970 UTC; ``updated_at`` when this was written.
    """

    id: str
    project: str
    experiment_id: str
    number: int
    command: tuple[str, ...]
    started_at: float
    updated_at: float
    judge: bool = False
    stage: Literal["starting", "running", "ended"] = "starting"
    outcome: Outcome | None = None
    reason: str = ""
    samples: tuple[float, ...] = ()
    metrics: dict[str, float] = dataclasses.field(default_factory=dict)
    wanted: int | None = None
    limit: float | None = None
    seconds: float = 0.0
    log_tail: str = ""
    verdict: str | None = None
    standing: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing more is coming."""
        return self.stage == "ended"

    @property
    def score(self) -> float | None:
        """Mean of the samples; None unless it was measured to its end."""
        return sum(self.samples) / len(self.samples) if self.outcome == "measured" and self.samples else None


def folder_of(home: Path, trial_id: str) -> Path:
    """Where a trial lies, below the folder of the library."""
    return home / "measured" / trial_id


def write_state(folder: Path, state: TrialState) -> None:
    """Replace what is said of a trial, whole or not at all.

    Raises:
        TrialError: The folder cannot be written.
    """
    fresh = folder / "state.json.new"
    try:
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(dataclasses.asdict(state), file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(folder / "state.json")
    except OSError as error:
        raise TrialError(
            f"The state of the trial cannot be written to {folder}: {error.strerror or error}.",
            hint="Make room.",
        ) from error


def read_state(folder: Path) -> TrialState:
    """How far a trial is; one whose process is gone without a word has ended, ``abandoned``.

    Raises:
        NotFound: There is no trial here.
    """
    # Looked at first: a process writes its last word before it lets go.
    gone = not held(folder)
    try:
        values: dict[str, Any] = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise NotFound(
            f"There is no trial {folder.name!r}.", hint="`autoresearch trial list` shows them."
        ) from None
    known = {field.name for field in dataclasses.fields(TrialState)}
    given = {name: value for name, value in values.items() if name in known}
    state = TrialState(**{**given, "command": tuple(given["command"]), "samples": tuple(given["samples"])})
    # It may have begun since it was looked at.
    if gone and not state.ended and not held(folder):
        said = "its process is gone without a word: the machine went down, or somebody killed it"
        return dataclasses.replace(state, stage="ended", outcome="abandoned", reason=said)
    return state


def held(folder: Path) -> bool:
    """Whether a process works on the trial."""
    try:
        with (folder / "lock").open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
    except OSError:
        pass
    return False


def list_trials(home: Path, project: str) -> list[TrialState]:
    """The trials of a project on this machine, in the order in which they were started."""
    found: list[TrialState] = []
    with contextlib.suppress(OSError):
        for folder in (home / "measured").iterdir():
            if _ID.match(folder.name):
                with contextlib.suppress(NotFound):
                    found.append(read_state(folder))
    return sorted((one for one in found if one.project == project), key=lambda one: (one.started_at, one.id))


def find_trial(home: Path, project: str, text: str) -> TrialState:
    """The trial meant by its id or a part of it, by the number of its experiment (the last one of it), or by ``last``.

    Raises:
        NotFound: Nothing fits.
        Conflict: Several do.
    """
    word = text.strip().removeprefix("#")
    if _ID.match(word) and (state := read_state(folder_of(home, word))).project == project:
        return state
    known = list_trials(home, project)
    fitting = known if word == "last" else [one for one in known if word in {one.id, str(one.number)}]
    if fitting:
        return fitting[-1]
    near = [one for one in known if len(word) >= 4 and (one.id.startswith(word) or one.id.endswith(word))]
    if len(near) > 1:
        raise Conflict(f"Several trials fit {text!r}.", hint="Give more of the id.")
    if near:
        return near[0]
    raise NotFound(
        f"No trial of project {project!r} on this machine fits {text!r}.",
        hint="Start one: `autoresearch trial start`; `autoresearch trial list` shows those that there are.",
    )


def wants_stop(folder: Path, reason: str) -> None:
    """Ask a trial to stop; its process looks several times a second.

    Raises:
        TrialError: The folder cannot be written.
    """
    fresh = folder / "stop.new"
    try:
        fresh.write_text(reason[:_KEPT] or "stopped", encoding="utf-8")
        fresh.replace(folder / "stop")
    except OSError as error:
        raise TrialError(
            f"{folder} cannot be written: {error.strerror or error}.", hint="Make room."
        ) from error


def stop_reason(folder: Path) -> str:
    """Why a trial is to stop; empty when nobody asked."""
    try:
        return (folder / "stop").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
