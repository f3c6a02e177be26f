"""Runs: what one execution of the code logged, and what became of it."""

from __future__ import annotations

import datetime
from typing import Any, Literal

from pydantic import Field

from autoresearch.records.base import (
    ConfigObject,
    Count,
    Id,
    JsonObject,
    Line,
    Name,
    Record,
    Request,
    Text,
    Time,
)
from autoresearch.records.experiment import Actor, Diff

__all__ = [
    "Code",
    "Definition",
    "FinishRequest",
    "LoggedLine",
    "Media",
    "Receipt",
    "Run",
    "RunEdit",
    "RunQuery",
    "RunRequest",
    "RunState",
    "SeriesInfo",
    "Synced",
    "Uploaded",
]

RunState = Literal["running", "finished", "failed", "crashed", "killed"]
"""failed: an exception or a non-zero exit; killed: ended by a signal; crashed: it vanished without a word."""


class Code(Record):
    """The code that a run executed: the commit, and the change on top of it."""

    commit: str | None = None
    parent_commit: str | None = None
    branch: str | None = None
    diff: Diff | None = None


class Definition(Record):
    """How a metric is to be read.

    Attributes:
        name: The metric, or a pattern such as ``val/*``.
        step_metric: The metric that is its horizontal axis, in place of the step.
        summary: What the run's summary keeps of it.
        goal: Which way is better.
    """

    name: Line
    step_metric: Line | None = None
    summary: Literal["last", "min", "max", "mean", "best", "none"] = "last"
    goal: Literal["min", "max"] | None = None


class Run(Record):
    """A run.

    Attributes:
        number: Counts per project from 1.
        config: What was set before and during the run; ``records.typed`` says how types that JSON has not are kept.
        latest: Last value of each metric that was logged; None stands for NaN.
        summary: What the run says of itself, with the aggregates that ``define_metric`` asked for.
        experiment_id: The experiment that this run executed.
        parent_id: Run that this one goes on from.
        environment: Host, process, interpreter, command line.
        exit_code: Of the process, when it is known.
        error: Traceback or reason, when it did not finish.
        heartbeat_at: When it last gave a sign of life.
        notices: What could not be taken from what it said.
        folder_id: The folder that it lies in; None at the root.
        folder: Path of that folder.
    """

    id: Id
    project: Name
    number: int
    name: Line
    state: RunState
    config: dict[str, Any]
    latest: dict[str, float | None] = Field(default_factory=dict)
    summary: dict[str, Any]
    definitions: tuple[Definition, ...] = ()
    tags: tuple[str, ...]
    note: Text
    group: str | None
    job_type: str | None
    experiment_id: str | None
    experiment_number: int | None = None
    parent_id: str | None
    code: Code | None
    environment: dict[str, Any]
    exit_code: int | None
    error: str | None
    actor: Actor
    started_at: Time
    ended_at: Time | None
    heartbeat_at: Time
    notices: tuple[str, ...] = ()
    folder_id: str | None = None
    folder: str | None = None

    @property
    def seconds(self) -> float:
        """How long it took, or has taken at its last sign of life."""
        return ((self.ended_at or self.heartbeat_at) - self.started_at) / datetime.timedelta(seconds=1)


class RunRequest(Request):
    """Begin a run that has no journal, or go on with one.

    Attributes:
        name: For people; None names it by its number.
        code: The commit, and the change on top of it; bytes of the change are stored first.
        parent_id: Run that this one goes on from.
        started_at: When it began; None means now.
        resume: Go on with the run of this id where there is one: what is given is set beside what is there.
    """

    id: Id
    project: Name
    name: Line | None = None
    config: ConfigObject = Field(default_factory=dict)
    tags: tuple[Name, ...] = ()
    note: Text = ""
    group: Line | None = None
    job_type: Line | None = None
    folder_id: Id | None = None
    experiment_id: Id | None = None
    parent_id: Id | None = None
    code: Code | None = None
    definitions: tuple[Definition, ...] = ()
    environment: JsonObject = Field(default_factory=dict)
    started_at: Time | None = None
    resume: bool = False


class RunEdit(Request):
    """Change what people say about a run; what is None stays.

    Attributes:
        config: Values to set beside those that are there.
        remove_config: Names of values to take away.
        add_tags: Tags to add; ``remove_tags`` to take away.
        experiment_id: The experiment to link it to.
        folder_id: The folder to move it into.
        clear: What to leave empty: ``folder_id`` moves the run to the root.
    """

    run_id: Id
    name: Line | None = None
    note: Text | None = None
    group: Line | None = None
    job_type: Line | None = None
    add_tags: tuple[Name, ...] = ()
    remove_tags: tuple[str, ...] = ()
    config: ConfigObject | None = None
    remove_config: tuple[str, ...] = ()
    experiment_id: Id | None = None
    folder_id: Id | None = None
    clear: tuple[Literal["group", "job_type", "note", "experiment_id", "folder_id"], ...] = ()


class FinishRequest(Request):
    """End a run from outside: its process is gone, or another one speaks for it."""

    run_id: Id
    state: Literal["finished", "failed", "crashed", "killed"]
    exit_code: int | None = None
    error: Text | None = None


class RunQuery(Request):
    """Which runs, in which order.

    Attributes:
        folder_id: Only those that lie immediately in this folder.
        where: Conditions such as ``config.lr > 0.001``, ``loss < 2``, ``name ~ warm``; all must hold.
        order: ``number``, ``name``, ``started``, ``seconds``, or a metric's or ``config.`` name; runs without it come last.
        descending: Last or largest first.
    """

    project: Name
    state: RunState | None = None
    tags: tuple[str, ...] = ()
    group: str | None = None
    experiment_id: Id | None = None
    folder_id: Id | None = None
    where: tuple[str, ...] = ()
    order: str = "number"
    descending: bool = True


class SeriesInfo(Record):
    """What is known of a series without reading it; statistics are of the finite numbers, over all that was logged.

    Attributes:
        points: Numbers that were committed, re-logged steps included.
        duplicates: Those that a later number at the same step replaced, as far as was seen.
        last: Value at the last step that was logged; None stands for NaN.
    """

    name: str
    labels: dict[str, str]
    kind: Literal["metric", "text"]
    points: Count
    duplicates: Count = 0
    nans: Count = 0
    infinities: Count = 0
    first_step: int | None = None
    last_step: int | None = None
    last_time: float | None = None
    last: float | None = None
    min: float | None = None
    max: float | None = None


class LoggedLine(Record):
    """One entry of a text series; ``number`` counts from 0 within the series."""

    name: str
    labels: dict[str, str] = Field(default_factory=dict)
    number: Count
    step: int
    time: float
    text: str


class Media(Record):
    """An image, table, histogram or file that was logged; its bytes are the object ``digest``."""

    key: str
    step: int
    time: float
    kind: str
    media_type: str
    digest: str | None
    size: Count
    meta: dict[str, Any]


class Receipt(Record):
    """Whether everything a run committed is there, from counts that were made apart.

    Attributes:
        points_committed: What the writers' rows say was taken over.
        points_claimed: What the writers said at their end; None when one of them could not.
        points_stored: What the stored points themselves count.
        duplicates_collapsed: Points that a later one at the same step replaced.
        lost: Points that were committed and are not there, and those that a damaged journal lost.
        intact: Nothing is lost, and all counts agree.
        commit: Commit that ran; ``diff_sha`` is the sha256 of the change on top of it.
        faults: One sentence for each thing that is wrong.
    """

    run_id: Id
    points_committed: Count
    points_claimed: Count | None
    points_stored: Count
    duplicates_collapsed: Count
    lost: Count
    intact: bool
    writers: Count
    commit: str | None
    diff_sha: str | None
    faults: tuple[str, ...]


class Synced(Record):
    """What ``sync`` brought to the server, or into the store.

    Attributes:
        journals: Journals that were brought to their end.
        points: Numbers in them that were not stored before.
        changes: Changes of goals, experiments, verdicts, notes and artifacts that the server has now.
        left: One sentence for whatever had to stay, with the reason.
        refused: One sentence for each change that the server refuses; they stay until they are retried or dismissed.
        faults: One sentence for each damage that was met; everything else of these journals is stored.
    """

    journals: Count
    points: Count
    changes: Count = 0
    left: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


class Uploaded(Record):
    """What ``upload`` brought to the server.

    Attributes:
        project: Name of the project.
        changes: Goals, sessions, experiments, verdicts, notes and artifacts that were sent.
        runs: Runs that are on the server with all their points, as the receipts of both sides say.
        points: Numbers that were sent.
        lines: Entries of text that were sent.
        media: Images, tables, histograms and files that were sent.
        left: One sentence for whatever is not there, with the reason.
    """

    project: Name
    changes: Count = 0
    runs: Count = 0
    points: Count = 0
    lines: Count = 0
    media: Count = 0
    left: tuple[str, ...] = ()
