"""Campaigns: one agent at work on a goal under a budget, and the trials that it makes, step by step."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from autoresearch.records.base import (
    Count,
    Digest,
    Finite,
    Id,
    JsonObject,
    Line,
    Name,
    Record,
    Request,
    Text,
    Time,
)
from autoresearch.records.experiment import Actor
from autoresearch.records.words import clean_line

__all__ = [
    "LONGEST_HOLD",
    "Campaign",
    "CampaignMove",
    "CampaignRequest",
    "CampaignState",
    "Hold",
    "Idea",
    "Move",
    "Outcome",
    "Step",
    "Stop",
    "Trial",
    "TrialRequest",
    "TrialUpdate",
]

LONGEST_HOLD = 3600.0
"""Seconds for which a campaign is held at most without being held anew."""

CampaignState = Literal["running", "paused", "stopping", "ended"]

CampaignMove = Literal["pause", "resume", "stop", "end"]

Stop = Literal[
    "experiments",
    "hours",
    "tokens",
    "money",
    "failures",
    "target",
    "exhausted",
    "stopped",
    "interrupted",
]
"""Why a campaign ended: a limit that was reached, the target, an agent that knows nothing more, or somebody's word."""

Step = Literal["claimed", "proposing", "recorded", "measuring", "judged"]
"""How far a trial is; it only goes forward."""

Outcome = Literal[
    "kept",
    "dropped",
    "crashed",
    "timed_out",
    "no_score",
    "tampered",
    "refused",
    "no_change",
    "agent_failed",
    "hopeless",
    "abandoned",
]
"""What became of a trial."""

Idea = Annotated[str, Field(max_length=1000), AfterValidator(clean_line)]
"""One line of at most 1,000 characters without control characters; empty where nothing is known yet."""

_Amount = Annotated[Finite, Field(ge=0)]
_Samples = Annotated[tuple[Finite, ...], Field(max_length=10_000)]


class CampaignRequest(Request):
    """Begin a campaign in a session.

    Attributes:
        agent: Who proposes.
        settings: The plan as it runs: budget, policy, command, and whatever else is needed to go on with it.
        occurred_at: When it was begun; else now.
    """

    id: Id
    project: Name
    session_id: Id
    agent: Line
    settings: JsonObject = Field(default_factory=dict)
    occurred_at: Time | None = None


class Campaign(Record):
    """A campaign, with the sums of its trials.

    Attributes:
        number: Counts per project from 1.
        stop: Why it ended; None before.
        reason: Why it is in this state, in words.
        trials: Claimed trials, the baseline not counted.
        outcomes: Judged trials by outcome, the baseline not counted.
        seconds: Wall-clock seconds of all measured runs, those of the baseline included, as are tokens and money.
        cost: US dollars.
        failures_in_row: Failed trials since the last one that was measured to its end.
        holder: Who drives it now; None when nobody does, or whoever did has not been heard of in time.
        held_until: When the holder's lease runs out unless it is held anew.
    """

    id: Id
    project: Name
    number: int
    session_id: Id
    agent: Line
    settings: dict[str, Any]
    state: CampaignState
    stop: Stop | None
    reason: Text
    trials: int
    outcomes: dict[str, int]
    seconds: float
    input_tokens: int
    output_tokens: int
    cost: float
    failures_in_row: int
    holder: Line | None
    held_until: Time | None
    actor: Actor
    occurred_at: Time
    recorded_at: Time
    ended_at: Time | None


class Move(Request):
    """Pause, resume, stop or end a campaign.

    Attributes:
        stop: Why it ends, with ``end`` alone.
        reason: Why, in words.
    """

    campaign_id: Id
    move: CampaignMove
    stop: Stop | None = None
    reason: Text = ""


class Hold(Request):
    """Drive a campaign for some seconds, alone.

    Attributes:
        holder: Name of the process that drives it, another for each process.
        seconds: How long, unless it is held anew before; from 1 to 3,600.
    """

    campaign_id: Id
    holder: Line
    seconds: Annotated[Finite, Field(ge=1, le=LONGEST_HOLD)]


class TrialRequest(Request):
    """Claim a trial, before anything is done for it.

    Attributes:
        worker: Who works on it.
        parent_id: The experiment that it starts from.
        idea: What it means to try; no two open trials of a campaign have the same.
        baseline: Whether it measures the code as it is: number 0, which counts in no budget of the campaign.
        holder: Under whose lease it is claimed; refused when another holds the campaign. None is not checked.
        started_at: When it was begun, where that is told later: what has happened is taken down whatever stands against it
            now, such as a pause or a budget. None claims it now.
    """

    id: Id
    campaign_id: Id
    worker: Line
    parent_id: Id | None = None
    idea: Idea = ""
    baseline: bool = False
    holder: Line | None = None
    started_at: Time | None = None


class TrialUpdate(Request):
    """Move a trial forward, or say more of it; what is None stays.

    Attributes:
        id: Of this update.
        step: How far it is now; the present step or a later one. ``recorded`` needs an experiment, ``judged`` an outcome.
        parent_id: The experiment that it starts from, when that is another than it was.
        idea: What it tries, once that is known.
        experiment_id: The experiment it was recorded as. One that is tried anew on another incumbent is recorded
            again: the last one stands, and ``trial_of`` finds the trial from each.
        prompt: Digest of the exact text that the agent was asked with; its bytes are stored before, as are those
            of ``context`` and ``transcript``.
        agent_seconds: Wall-clock seconds that the agent took.
        seconds: Wall-clock seconds of all its measured runs.
        samples: Scores of its runs, in units of the metric.
        holder: As in ``TrialRequest``.
    """

    id: Id
    trial_id: Id
    step: Step
    parent_id: Id | None = None
    idea: Idea | None = None
    experiment_id: Id | None = None
    outcome: Outcome | None = None
    reason: Text | None = None
    agent: Line | None = None
    model: Line | None = None
    conversation: Line | None = None
    prompt: Digest | None = None
    context: Digest | None = None
    transcript: Digest | None = None
    prompt_version: Line | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cost: _Amount | None = None
    agent_seconds: _Amount | None = None
    seconds: _Amount | None = None
    samples: _Samples | None = None
    holder: Line | None = None


class Trial(Record):
    """A trial of a campaign: who tried what, how far it is, what it cost and what became of it.

    Attributes:
        number: Counts per campaign from 1; a baseline has 0.
        idea: What it tries; empty while that is not known.
        prompt: Digest of the exact text that the agent was asked with, ``context`` that of what is known, ``transcript``
            that of what the agent's program said; the bytes are objects of the ledger.
        conversation: Id by which the agent's own program goes on with it.
        cost: US dollars, as the agent reported it; None where it said nothing, as with tokens.
        agent_seconds: Wall-clock seconds that the agent took.
        seconds: Wall-clock seconds of all its measured runs.
        samples: Scores of its runs, in units of the metric.
    """

    id: Id
    campaign_id: Id
    project: Name
    number: int
    worker: Line
    step: Step
    idea: Idea
    parent_id: Id | None
    experiment_id: Id | None
    outcome: Outcome | None
    reason: Text
    agent: Line
    model: Line | None
    conversation: Line | None
    prompt: Digest | None
    context: Digest | None
    transcript: Digest | None
    prompt_version: Line | None
    input_tokens: int | None
    output_tokens: int | None
    cost: float | None
    agent_seconds: float | None
    seconds: float | None
    samples: tuple[float, ...]
    started_at: Time
    updated_at: Time
