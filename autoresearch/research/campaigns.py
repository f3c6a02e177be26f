"""Rules of campaigns and trials: which moves there are, and what counts as a failure.

Campaigns::

    running ──pause──▶ paused ──resume──▶ running
    running, paused ──stop──▶ stopping                open trials are ended, no other is claimed
    running, paused, stopping ──end──▶ ended
    stopping, ended ──resume──▶ running               after second thoughts, or with more budget

A move to where the campaign is already changes nothing. Trials go through claimed, proposing, recorded, measuring and
judged; a step may be left out, none is taken back, and what is judged stays as it is.
"""

from __future__ import annotations

from typing import get_args

from autoresearch.errors import Conflict
from autoresearch.records.campaign import CampaignMove, CampaignState, Outcome, Step, Stop

__all__ = ["MEASURED", "PASSED_OVER", "UNANSWERED", "failures_after", "idea_key", "move", "require_step"]

_AFTER: dict[CampaignMove, CampaignState] = {
    "pause": "paused",
    "resume": "running",
    "stop": "stopping",
    "end": "ended",
}
_FROM: dict[CampaignMove, tuple[CampaignState, ...]] = {
    "pause": ("running",),
    "resume": ("paused", "stopping", "ended"),
    "stop": ("running", "paused"),
    "end": ("running", "paused", "stopping"),
}
_STEPS: tuple[Step, ...] = get_args(Step)

MEASURED: frozenset[Outcome] = frozenset({"kept", "dropped", "hopeless"})
"""Outcomes of trials that said something about their change; each ends a row of failures."""

UNANSWERED: frozenset[Outcome] = frozenset({"agent_failed", "abandoned"})
"""Outcomes of trials whose agent may not have answered what it was asked."""

PASSED_OVER: frozenset[Outcome] = frozenset({"abandoned"})
"""Outcomes that neither count as failures nor end a row of them: the trial was cut off from outside."""


def move(
    state: CampaignState, said: CampaignMove, *, number: int, stop: Stop | None, was: Stop | None
) -> CampaignState | None:
    """The state after a move; None when the campaign is there already.

    Args:
        state: Present state.
        said: The move.
        number: Number of the campaign, for the message.
        stop: Why it ends.
        was: Why it ended, when it has.

    Raises:
        Conflict: The move is not possible from here, or the campaign has ended for another reason.
    """
    after = _AFTER[said]
    if state == after:
        if after == "ended" and stop != was:
            raise Conflict(
                f"Campaign {number} has ended already: {was}.",
                hint="Resume it to go on with it.",
                details={"reason": "state", "state": state, "stop": was},
            )
        return None
    if state not in _FROM[said]:
        raise Conflict(
            f"Campaign {number} is {state}, and a campaign in this state does not {said}.",
            hint="Resume it first, or begin another.",
            details={"reason": "state", "state": state},
        )
    return after


def require_step(present: Step, wanted: Step, *, number: int) -> None:
    """A trial goes forward.

    Raises:
        Conflict: It is judged, or further than the wanted step.
    """
    if present == "judged":
        raise Conflict(
            f"Trial {number} is judged, and what is judged stays as it is.",
            hint="Claim another trial.",
            details={"reason": "step", "step": present},
        )
    if _STEPS.index(wanted) < _STEPS.index(present):
        raise Conflict(
            f"Trial {number} is at {present!r} and does not go back to {wanted!r}.",
            hint=f"Update it with step {present!r} or a later one.",
            details={"reason": "step", "step": present},
        )


def failures_after(before: int, outcome: Outcome) -> int:
    """How many trials failed in a row, after one more was judged."""
    if outcome in PASSED_OVER:
        return before
    return 0 if outcome in MEASURED else before + 1


def idea_key(idea: str) -> str:
    """What two spellings of one idea have in common: case and white space make no other idea."""
    return " ".join(idea.casefold().split())
