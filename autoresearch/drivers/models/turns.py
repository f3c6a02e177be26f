"""What two wire formats have in common: a conversation that is asked, answers a turn, and is told what its calls gave."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from autoresearch.drivers.models.tools import Call, Outcome, Tool
from autoresearch.errors import AgentError

__all__ = [
    "LEFT_OUT",
    "Asking",
    "Conversation",
    "Spent",
    "Stop",
    "Turn",
    "arguments_of",
    "count",
    "malformed",
]

Stop = Literal["end", "tools", "length", "refused", "too_long"]
LEFT_OUT = "[left out to make room; call the tool again if it is needed]"


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens of one answer; ``input`` holds those read from a cache and written to it too."""

    input: int = 0
    output: int = 0
    cached: int = 0
    stored: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.input + other.input,
            self.output + other.output,
            self.cached + other.cached,
            self.stored + other.stored,
        )


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer of a model.

    Attributes:
        text: What it said.
        calls: What it wants called, in order.
        stop: Why it ended: it was done, it waits for calls, it was cut at its limit, it refused, or nothing more fits.
        spent: Tokens; None where the server counts none.
        model: Name of the model that answered, where the server tells.
    """

    text: str
    calls: Sequence[Call]
    stop: Stop
    spent: Spent | None
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What stays the same over a conversation.

    Attributes:
        model: Name of the model.
        system: What it is told before the question.
        tools: What it may call.
        most_output: Tokens of one answer at most.
        extra: Further fields of every request, such as ``temperature``.
    """

    model: str
    system: str
    tools: Sequence[Tool]
    most_output: int
    extra: Mapping[str, Any]


class Conversation(Protocol):
    """A conversation in one wire format."""

    def body(self, *, last: bool) -> dict[str, Any]:
        """The request for the next turn; in the ``last`` one the model may call nothing more."""
        ...

    def take(self, answer: Mapping[str, Any]) -> Turn:
        """Read an answer, and add it to the conversation as it came.

        Raises:
            AgentError: It is not of this wire format.
        """
        ...

    def give(self, outcomes: Sequence[Outcome], say: str = "") -> None:
        """Add what the calls of the last turn gave, and perhaps a sentence."""
        ...

    def shorten(self) -> bool:
        """Leave out what old calls gave; False when there is nothing more to leave out."""
        ...


def arguments_of(said: Any, *, cut: bool) -> tuple[dict[str, Any] | None, str]:
    """The arguments of a call, or None and what is wrong with them.

    Args:
        said: A JSON object, or a text that should be one.
        cut: The answer was cut at its limit, so that the last call may be a half.
    """
    if cut:
        return None, "the answer was cut at its limit before the call was whole, so write less at once"
    if isinstance(said, str):
        try:
            said = json.loads(said) if said.strip() else {}
        except (ValueError, RecursionError) as error:
            return None, f"its arguments are no JSON ({str(error)[:100]})"
    if said is None:
        return {}, ""
    if not isinstance(said, dict):
        return None, "its arguments are no JSON object"
    return said, ""


def count(usage: Mapping[str, Any], *names: str) -> int:
    """A count below these names, one within the other; 0 where there is none."""
    value: Any = usage
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def malformed(what: str) -> AgentError:
    """The error for an answer that is not of the wire format."""
    return AgentError(
        f"The server's answer is not of the form that was expected: {what}.",
        hint="Look at the profile: does the server at this base URL speak this wire format?",
    )
