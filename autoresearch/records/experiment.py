"""Sessions, experiments, decisions: what was tried and what became of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from autoresearch.errors import Invalid
from autoresearch.records.base import (
    Count,
    Digest,
    Finite,
    Id,
    JsonObject,
    Line,
    Metrics,
    Name,
    Record,
    Request,
    Text,
    Time,
)

__all__ = [
    "Actor",
    "Decision",
    "DecisionRequest",
    "Delivery",
    "Diff",
    "Experiment",
    "ExperimentRequest",
    "Note",
    "NoteRequest",
    "Session",
    "SessionRequest",
    "State",
    "Verdict",
    "verdict",
]

Verdict = Literal["keep", "drop", "crash"]
State = Literal["recorded", "kept", "dropped", "crashed"]

_SPELLINGS: dict[str, Verdict] = {
    "keep": "keep",
    "kept": "keep",
    "drop": "drop",
    "dropped": "drop",
    "discard": "drop",
    "discarded": "drop",
    "revert": "drop",
    "reverted": "drop",
    "reject": "drop",
    "rejected": "drop",
    "crash": "crash",
    "crashed": "crash",
}


def verdict(text: str) -> Verdict:
    """The verdict meant by an accepted spelling.

    Raises:
        Invalid: The word is none of them.
    """
    found = _SPELLINGS.get(text.strip().lower()) if isinstance(text, str) else None
    if found is None:
        raise Invalid(
            f"{text!r} is not a verdict.",
            hint="Use keep, drop (also discard, revert, reject) or crash.",
        )
    return found


def _verdict(value: object) -> object:
    return verdict(value) if isinstance(value, str) else value


class Actor(Record):
    """Who acts: a person, an agent, or the library itself."""

    kind: Literal["human", "agent", "system"] = "human"
    name: Line = "unknown"

    def __str__(self) -> str:
        return self.name if self.kind == "human" else f"{self.name} ({self.kind})"


class SessionRequest(Request):
    """Open a session: a stretch of work with a tag, perhaps on a branch.

    ``activate`` makes it the one in which the next experiments are recorded.
    """

    id: Id
    project: Name
    tag: Name
    branch: Line | None = None
    note: Text = ""
    activate: bool = True


class Session(Record):
    """A session; ``number`` counts per project from 1."""

    id: Id
    project: Name
    number: int
    tag: Name
    branch: Line | None
    note: Text
    state: Literal["open", "closed"]
    actor: Actor
    recorded_at: Time


class Diff(Record):
    """A stored patch: the sha256 of its full bytes; when truncated only a marker with digest and size is kept."""

    digest: Digest
    size: Count
    truncated: bool = False


class ExperimentRequest(Request):
    """A tried change, as captured. Blobs (patch, tree) are stored before this is sent.

    Attributes:
        note: The flaw that was seen and the fix that was tried.
        commit: Commit the code stood on, with ``parent_commit`` and ``branch``.
        parent_id: Experiment this one was made from; None takes the incumbent.
        segment: Segment it is compared in; None takes the present one.
        diff: The uncommitted change, or None when there was none.
        change: Text of the patch for search (may be cut); the exact bytes are the object ``diff.digest``.
        tree: Digest of the snapshot's manifest.
        repro_key: Digest of commit, diff and config; equal keys mean the same code and configuration.
        uses: Artifact versions that went in, as ``name:v3``.
        source: Where an imported experiment comes from.
    """

    id: Id
    project: Name
    session_id: Id
    note: Text = ""
    commit: Line | None = None
    parent_commit: Line | None = None
    branch: Line | None = None
    parent_id: Id | None = None
    segment: Count | None = None
    diff: Diff | None = None
    change: str = ""
    files: Annotated[tuple[Text, ...], Field(max_length=10_000)] = ()
    config: JsonObject = Field(default_factory=dict)
    command: Annotated[tuple[Text, ...], Field(max_length=1000)] = ()
    tree: Digest | None = None
    repro_key: Digest
    uses: Annotated[tuple[Line, ...], Field(max_length=100)] = ()
    notices: Annotated[tuple[Text, ...], Field(max_length=200)] = ()
    source: JsonObject | None = None
    occurred_at: Time


class Experiment(Record):
    """An experiment and its present verdict.

    ``gain`` is the improvement over the best at the time of the verdict, positive when better, in units of the
    metric; ``on_frontier`` says whether it is a step of the frontier now.
    """

    id: Id
    project: Name
    number: int
    session_id: Id
    segment: int
    note: Text
    commit: Line | None
    parent_commit: Line | None
    branch: Line | None
    parent_id: Id | None
    diff: Diff | None
    files: tuple[Text, ...]
    config: dict[str, Any]
    command: tuple[Text, ...]
    tree: Digest | None
    repro_key: Digest
    uses: tuple[Line, ...]
    notices: tuple[Text, ...]
    source: dict[str, Any] | None
    state: State
    score: float | None
    metrics: dict[str, float | None]
    reason: Text
    gain: float | None
    seconds: float | None
    log_tail: Text
    on_frontier: bool
    decided_by: Actor | None
    actor: Actor
    occurred_at: Time
    recorded_at: Time


class DecisionRequest(Request):
    """A verdict on an experiment.

    Attributes:
        status: keep, drop or crash, in any accepted spelling.
        score: Value of the goal's metric; with samples and no score, their mean. A crash has none.
        samples: Repeated measurements of the same code; they feed the noise estimate.
        metric: Name of the scored metric; must be the goal's.
        metrics: Secondary metrics, by which constraints are checked.
        seconds: Wall-clock seconds the experiment took.
        log_tail: Last lines of its output.
    """

    id: Id
    experiment_id: Id
    status: Annotated[Verdict, BeforeValidator(_verdict)]
    score: Finite | None = None
    samples: Annotated[tuple[Finite, ...], Field(max_length=10_000)] = ()
    metric: Line | None = None
    metrics: Metrics = Field(default_factory=dict)
    reason: Text = ""
    seconds: Annotated[Finite, Field(ge=0)] | None = None
    log_tail: Text = ""

    @model_validator(mode="before")
    @classmethod
    def _a_crash_has_no_score(cls, values: Any) -> Any:
        # Logs give a crash some sentinel number, or NaN; it must not be read as a score or refuse the verdict.
        if not isinstance(values, dict):
            return values
        if str(values.get("status", "")).strip().lower() in {"crash", "crashed"}:
            return {**values, "score": None, "samples": ()}
        # What came as JSON is plain Python after a validator such as this, where a strict tuple takes no list.
        samples = values.get("samples")
        return {**values, "samples": tuple(samples)} if isinstance(samples, list) else values

    @model_validator(mode="after")
    def _a_keep_has_a_score(self) -> Self:
        if self.status == "keep" and self.score is None and not self.samples:
            raise ValueError("a keep needs a finite score")
        return self


class Decision(Record):
    """A verdict as it was given; later ones on the same experiment supersede it, the history stays.

    Attributes:
        advanced: Whether it became the best of its segment when given.
        gain: Improvement over the best before it, positive when better; None for the first or without a score.
        within_noise: Whether that gain is below two standard deviations of the noise known then.
        violations: Constraints it breaks; a violating experiment is not on the frontier.
        standing: One sentence on what the verdict means for the frontier.
    """

    id: Id
    experiment_id: Id
    project: Name
    number: int
    segment: int
    status: Verdict
    score: float | None
    samples: tuple[float, ...]
    metric: Line
    metrics: dict[str, float | None]
    reason: Text
    seconds: float | None
    advanced: bool
    gain: float | None
    within_noise: bool
    violations: tuple[Text, ...]
    standing: Text
    superseded: bool
    actor: Actor
    recorded_at: Time


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    return value


class NoteRequest(Request):
    """A person's or agent's remark on a project, perhaps on one experiment."""

    id: Id
    project: Name
    text: Annotated[Text, AfterValidator(_not_blank)]
    experiment_id: Id | None = None


class Delivery(Record):
    """A trial's agent was given a remark: which trial of which campaign of the project, and when."""

    campaign_number: int
    trial_number: int
    at: Time


class Note(Record):
    """A remark, with who made it.

    Attributes:
        delivered: Trials whose agents were given it, at most one of each campaign.
    """

    id: Id
    project: Name
    text: Text
    experiment_id: Id | None
    experiment_number: int | None
    actor: Actor
    recorded_at: Time
    delivered: tuple[Delivery, ...] = ()
