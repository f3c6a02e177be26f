"""From what became of a trial to the verdict on its experiment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from autoresearch.execution.runner import Ending
from autoresearch.records.campaign import Outcome
from autoresearch.records.experiment import State, Verdict

__all__ = ["AGAIN", "ENDINGS", "VERDICTS", "intended", "noted", "outcome_of"]

VERDICTS: Mapping[Outcome, Verdict] = {
    "kept": "keep",
    "dropped": "drop",
    "crashed": "crash",
    "timed_out": "crash",
    "no_score": "crash",
    "hopeless": "drop",
    "tampered": "drop",
    "refused": "drop",
    "no_change": "drop",
}
"""The verdict that goes with each outcome; a trial without an experiment, or cut off, has none."""

ENDINGS: Mapping[Ending, Outcome] = {
    "exited": "crashed",
    "timed_out": "timed_out",
    "memory": "crashed",
    "processes": "crashed",
    "stopped": "hopeless",
}
"""What a run that gave no score comes to, by how it ended."""

AGAIN = "again"
"""Stands in place of an outcome while a change that was better is measured once more, on top of one kept meanwhile."""


def noted(outcome: str, reason: str) -> str:
    """The reason of a trial whose verdict is about to be given: after a kill between the two it says what was meant."""
    return f"{outcome}: {reason}"


def intended(reason: str) -> tuple[str, str] | None:
    """Outcome and reason that ``noted`` wrote; None when it did not."""
    outcome, found, rest = reason.partition(": ")
    return (outcome, rest) if found and outcome in {*get_args(Outcome), AGAIN} else None


def outcome_of(state: State, score: float | None) -> Outcome:
    """The outcome of a trial whose experiment somebody else has judged."""
    if state == "kept":
        return "kept"
    return "crashed" if state == "crashed" or score is None else "dropped"
