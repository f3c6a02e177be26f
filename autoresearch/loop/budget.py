"""What a campaign may spend, what it has spent, and why it is over: rules on plain values, without a clock of their own."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from autoresearch.errors import Invalid
from autoresearch.loop.prompting import Left
from autoresearch.records.campaign import Campaign, Outcome, Stop, Trial
from autoresearch.records.goal import GoalRequest

__all__ = [
    "EXIT_CODES",
    "UNCOUNTED",
    "Limits",
    "active_seconds",
    "counted",
    "left",
    "reached",
    "spent",
]

EXIT_CODES: Mapping[Stop, int] = {
    "experiments": 0,
    "target": 10,
    "hours": 11,
    "tokens": 12,
    "money": 13,
    "failures": 14,
    "exhausted": 15,
    "stopped": 16,
    "interrupted": 130,
}
"""What ``autoresearch run`` ends with: 0 when it did all it was asked for, else a number for each reason."""

UNCOUNTED: frozenset[Outcome] = frozenset({"agent_failed", "abandoned"})
"""Outcomes of trials that tried no change: they use up nothing of ``Limits.experiments``."""

_SLACK = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a campaign may spend in all, however often it is interrupted and gone on with; None means without limit.

    Attributes:
        experiments: Changes that are tried; one that is measured again on top of another counts once, and the baseline
            not at all.
        hours: Wall-clock hours in which the campaign was at work.
        tokens: Tokens that the agent read and wrote, as far as it says.
        cost: US dollars, as far as the agent says.
        failures: Trials in a row that gave nothing to judge.

    Raises:
        Invalid: A limit is not above 0; ``experiments`` may be 0.
    """

    experiments: int | None = None
    hours: float | None = None
    tokens: int | None = None
    cost: float | None = None
    failures: int | None = None

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value is not None and (value < 0 or (value == 0 and name != "experiments")):
                raise Invalid(
                    f"A campaign with {value} {name} cannot be run.", hint="Give a positive number."
                )

    def document(self) -> dict[str, Any]:
        """The limits as one JSON object."""
        return asdict(self)


def counted(campaign: Campaign) -> int:
    """Trials that use up ``Limits.experiments``, those that are still open among them."""
    return campaign.trials - sum(campaign.outcomes.get(outcome, 0) for outcome in UNCOUNTED)


def spent(limits: Limits, campaign: Campaign, *, seconds: float) -> tuple[Stop, str] | None:
    """The limit that is reached, and the same in words; None while there is room for one more trial.

    Args:
        limits: What may be spent.
        campaign: What was spent, by the ledger.
        seconds: Wall-clock seconds in which it was at work.
    """
    tokens = campaign.input_tokens + campaign.output_tokens
    found: list[tuple[Stop, float | None, float, str]] = [
        ("failures", limits.failures, campaign.failures_in_row, "{:.0f} trials failed in a row"),
        ("experiments", limits.experiments, counted(campaign), "all {:.0f} experiments are done"),
        ("hours", limits.hours, seconds / 3600, "{:.3g} hours are over"),
        ("tokens", limits.tokens, tokens, "{:,.0f} tokens are used up"),
        ("money", limits.cost, campaign.cost, "{:.2f} US dollars are used up"),
    ]
    for stop, limit, used, words in found:
        if limit is not None and used >= limit:
            return stop, words.format(limit)
    return None


def reached(goal: GoalRequest, best: float | None) -> bool:
    """Whether a score is the goal's target or better."""
    if best is None or goal.target is None:
        return False
    return best <= goal.target if goal.lower_is_better else best >= goal.target


def left(limits: Limits, campaign: Campaign, *, seconds: float) -> Left:
    """What may still be spent, the trial that asks not counted."""

    def of(limit: float | None, used: float) -> float | None:
        return None if limit is None else max(0.0, limit - used)

    experiments = of(limits.experiments, counted(campaign) - 1)
    tokens = of(limits.tokens, campaign.input_tokens + campaign.output_tokens)
    return Left(
        experiments=None if experiments is None else int(experiments),
        seconds=of(None if limits.hours is None else limits.hours * 3600, seconds),
        tokens=None if tokens is None else int(tokens),
        cost=of(limits.cost, campaign.cost),
    )


def active_seconds(trials: Iterable[Trial]) -> float:
    """Wall-clock seconds in which at least one of these trials was worked on, as far as they tell.

    A trial that was interrupted and gone on with later counts from its beginning for as long as its agent and its runs took,
    not for the time in between.
    """
    spans = []
    for trial in trials:
        begun = trial.started_at.timestamp()
        took = (trial.updated_at - trial.started_at) / datetime.timedelta(seconds=1)
        spans.append((begun, begun + min(took, (trial.agent_seconds or 0) + (trial.seconds or 0) + _SLACK)))
    total, until = 0.0, float("-inf")
    for begun, ended in sorted(spans):
        total += max(0.0, ended - max(begun, until))
        until = max(until, ended)
    return total
