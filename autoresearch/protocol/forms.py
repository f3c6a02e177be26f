"""Bodies and answers that belong to the HTTP API alone: requests with fewer fields for those who write them by hand."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from autoresearch.records.base import Count, Digest, Finite, Id, JsonObject, Line, Name, Request, Text, Time
from autoresearch.records.experiment import DecisionRequest, Diff, ExperimentRequest
from autoresearch.records.goal import Budget, Constraint, GoalRequest

__all__ = [
    "About",
    "BeatPost",
    "BlobOut",
    "BlobsOut",
    "Brief",
    "DigestsOut",
    "DigestsPost",
    "ExperimentPost",
    "FilePost",
    "Health",
    "IngestPost",
    "Ingested",
    "JudgedPost",
    "JudgedRequest",
    "PointsByColumn",
    "PointsOfStep",
    "Position",
    "ProjectPost",
    "Streamed",
    "TextOfStep",
    "TreeDifference",
    "TreeEntryOut",
    "TreeOut",
    "TreePost",
    "UploadOut",
    "UploadPost",
    "WriterPosition",
    "as_goal",
]


class ProjectPost(Request):
    """Create a project, or change its goal; fields that are left out keep what they are.

    Attributes:
        objective_metric: Name of the score; without it the project is only made.
        lower_is_better: Whether a smaller score is better.
        constraints: Bounds on secondary metrics: objects, or texts such as ``memory_gb <= 24``.
    """

    name: Name
    objective_metric: Line | None = None
    lower_is_better: bool | None = None
    target: Finite | None = None
    min_delta: Annotated[Finite, Field(ge=0)] | None = None
    constraints: Annotated[tuple[Constraint | str, ...], Field(max_length=50)] | None = None
    noise: Annotated[Finite, Field(ge=0)] | None = None
    budget: Budget | None = None
    protected: Annotated[tuple[Line, ...], Field(max_length=200)] | None = None
    description: Text | None = None


def as_goal(post: ProjectPost, present: GoalRequest | None) -> GoalRequest:
    """The goal that a post asks for, on top of the present one.

    Raises:
        Invalid: There is no objective, or a value was refused.
    """
    from autoresearch.records.goal import parse_constraint

    given: dict[str, Any] = (
        {} if present is None else {name: getattr(present, name) for name in GoalRequest.model_fields}
    )
    said = post.model_dump(exclude={"name", "objective_metric", "lower_is_better", "constraints", "budget"})
    given |= {name: value for name, value in said.items() if name in post.model_fields_set}
    if "constraints" in post.model_fields_set:
        given["constraints"] = tuple(
            parse_constraint(each) if isinstance(each, str) else each for each in post.constraints or ()
        )
    if "budget" in post.model_fields_set:
        given["budget"] = post.budget or Budget()
    if post.objective_metric is not None:
        given["metric"] = post.objective_metric
    if post.lower_is_better is not None or "direction" not in given:
        given["direction"] = "max" if post.lower_is_better is False else "min"
    for name, default in (("min_delta", 0.0), ("protected", ()), ("description", "")):
        if given.get(name) is None:
            given[name] = default
    return GoalRequest.make(**given)


class ExperimentPost(Request):
    """A tried change. What a client of this library captures may be given in full, or as little as project and note.

    Attributes:
        session_id: The session; else the project's active one, which is made when there is none.
        diff: Text of the patch, or a stored one by digest and size.
        parent: Id of the experiment it was made from, or the commit that ``commit`` stands on.
        repro_key: Made from commit, diff and config when it is left out.
        occurred_at: When it was tried; else now.
    """

    id: Id
    project: Name
    session_id: Id | None = None
    note: Text = ""
    commit: Line | None = None
    parent: Line | None = None
    parent_commit: Line | None = None
    branch: Line | None = None
    parent_id: Id | None = None
    segment: Count | None = None
    diff: str | Diff | None = None
    change: str = ""
    files: Annotated[tuple[Text, ...], Field(max_length=10_000)] = ()
    config: JsonObject = Field(default_factory=dict)
    command: Annotated[tuple[Text, ...], Field(max_length=1000)] = ()
    tree: Digest | None = None
    repro_key: Digest | None = None
    uses: Annotated[tuple[Line, ...], Field(max_length=100)] = ()
    notices: Annotated[tuple[Text, ...], Field(max_length=200)] = ()
    source: JsonObject | None = None
    occurred_at: Time | None = None


class JudgedPost(Request):
    """One experiment with its verdict."""

    experiment: ExperimentRequest
    decision: DecisionRequest


class JudgedRequest(Request):
    """Experiments with their verdicts, recorded all or none."""

    batch: Annotated[tuple[JudgedPost, ...], Field(max_length=10_000)]


class TreeEntryOut(BaseModel):
    """One file of a tree: stored, a link, or one that is only named and ``reason`` says why."""

    path: str
    mode: Literal["100644", "100755", "120000"]
    size: int = Field(ge=0)
    sha256: str | None = None
    target: str | None = None
    reason: str | None = None


class TreeOut(BaseModel):
    """The files of an experiment.

    Attributes:
        digest: sha256 of the manifest, which names the tree.
        size: Bytes of the stored files.
    """

    digest: str
    files: int
    size: int
    entries: list[TreeEntryOut]


class TreePost(Request):
    """Set the tree of an experiment: a stored manifest by digest, or its entries, whose blobs are stored."""

    digest: Digest | None = None
    entries: Annotated[tuple[TreeEntryOut, ...], Field(max_length=1_000_000)] | None = None


class TreeDifference(BaseModel):
    """What differs between the trees of two experiments.

    Attributes:
        text: A unified diff for people; binary and large files are one line each.
    """

    added: list[str]
    removed: list[str]
    changed: list[str]
    text: str


class Brief(BaseModel):
    """The brief of a project.

    Attributes:
        tokens: Length of ``markdown``, at most ``budget``.
        omitted: How many of each kind were left out.
        data: The brief as a JSON object, within the same budget.
    """

    project: str
    markdown: str
    tokens: int
    budget: int
    omitted: dict[str, int]
    data: dict[str, Any]


class Health(BaseModel):
    """The process lives, and what was asked for works."""

    status: Literal["ok"] = "ok"


class About(BaseModel):
    """What a server speaks.

    Attributes:
        version: Of the library.
        protocol: Of the API; another number is not understood by this one's clients.
    """

    version: str
    protocol: int


class DigestsPost(Request):
    """Digests to ask about."""

    digests: Annotated[tuple[Digest, ...], Field(max_length=10_000)]


class DigestsOut(BaseModel):
    """Those that are not stored, in order."""

    missing: list[str]


class BlobOut(BaseModel):
    """A stored blob: its sha256 and its size in bytes."""

    digest: str
    size: int


class BlobsOut(BaseModel):
    """Stored blobs, in the order in which they came."""

    blobs: list[BlobOut]


class UploadPost(Request):
    """Begin to send a large blob: its sha256 and its size in bytes."""

    digest: Digest
    size: Count


class UploadOut(BaseModel):
    """An upload; the next part begins at ``received``.

    Attributes:
        id: Empty when the bytes were sent before, and nothing is to be done.
    """

    id: str
    digest: str
    size: int
    received: int


class FilePost(Request):
    """Log a file that lies elsewhere.

    Attributes:
        uri: Where it lies; nobody reads it there.
        path: Its name in the version; the last part of the address when left out.
    """

    id: Id | None = None
    project: Name
    artifact: Name
    uri: Line
    digest: Digest
    size: Count
    path: Line | None = None
    type: Line = "file"
    produced_by: Id | None = None
    metadata: JsonObject = Field(default_factory=dict)
    description: Text = ""


class WriterPosition(BaseModel):
    """How far a writer is stored."""

    run_id: str
    writer_id: str
    sequence: int


class PointsByColumn(Request):
    """Metrics that share their rows: a column of numbers for each name; ``times`` are seconds since 1970 UTC."""

    names: Annotated[tuple[str, ...], Field(min_length=1, max_length=10_000)]
    steps: tuple[int, ...]
    values: tuple[tuple[float | Literal["NaN", "Infinity", "-Infinity"], ...], ...]
    times: tuple[float, ...] | None = None
    labels: dict[str, str] | None = None


class PointsOfStep(Request):
    """What was logged at one step, by name."""

    step: int
    metrics: Annotated[
        dict[str, float | Literal["NaN", "Infinity", "-Infinity"]], Field(min_length=1, max_length=10_000)
    ]
    time: float | None = None
    labels: dict[str, str] | None = None


class TextOfStep(Request):
    """One entry of a text series."""

    name: str
    step: int
    text: str
    time: float | None = None
    labels: dict[str, str] | None = None


class IngestPost(Request):
    """Points as JSON, by the column or by the row.

    Attributes:
        writer_id: Who writes; with ``sequence`` each point is stored once however often it is sent. Left out, the body itself
            tells a repeated request from a new one.
        sequence: Number of the first record, counted from 1.
    """

    run_id: str
    writer_id: str | None = None
    sequence: int | None = None
    columns: tuple[PointsByColumn, ...] = ()
    points: tuple[PointsOfStep, ...] = ()
    texts: tuple[TextOfStep, ...] = ()


class Ingested(BaseModel):
    """How far each writer of a request is stored now."""

    results: list[WriterPosition]


class Streamed(BaseModel):
    """How far a stream of lines is stored: the writer's last sequence number, lines taken, points stored by this request."""

    run_id: str
    writer_id: str
    sequence: int
    lines: int
    points: int


class BeatPost(Request):
    """A sign of life."""

    run_id: Id
    writer_id: str


class Position(BaseModel):
    """The last sequence number that is stored of a writer."""

    sequence: int
