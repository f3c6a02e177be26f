"""What the loop asks of an agent, and what an agent answers: a change and the reason for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

__all__ = ["Agent", "Assignment", "Proposal", "Usage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One trial, as an agent is asked for it.

    Attributes:
        brief: ``context().data``: what is known.
        folder: A fresh working tree of the incumbent; the agent may edit in it.
        scratch: A folder outside of the working tree, for transcripts and whatever else the agent's program needs.
        prompt: The question in words, for agents that read; empty for those that only search.
        trial: Number of the trial in its campaign, from 1.
        seconds: Wall-clock seconds the agent may take; None for no limit.
        environment: Variables by which a program the agent starts finds the same project and ledger.
    """

    brief: Mapping[str, Any]
    folder: Path
    scratch: Path
    prompt: str = ""
    trial: int = 1
    seconds: float | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one proposal cost, as the agent itself reported it; None where it said nothing.

    Attributes:
        input_tokens: Tokens read, those from a cache included.
        output_tokens: Tokens written, those of its thinking included.
        cost: US dollars.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change to try.

    Attributes:
        note: The flaw that was seen and the fix, in a line or two.
        edits: Files to write: path to whole new text. Empty when the agent edited the folder itself.
        config: The values it chose, by name.
        usage: Tokens and money.
        model: The model that answered, where that is known.
        session: Id of the conversation, by which the agent's own program goes on with it.
        transcript: File with everything the agent's program said, below the assignment's scratch folder.
        give_up: It knows nothing more to try, and says what it took to find that out; the note may then be empty.
    """

    note: str
    edits: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    usage: Usage = Usage()
    model: str | None = None
    session: str | None = None
    transcript: Path | None = None
    give_up: bool = False


class Agent(Protocol):
    """Proposes changes. It knows what the assignment and the folder tell it."""

    @property
    def name(self) -> str:
        """Who it is, for the record."""
        ...

    def propose(self, assignment: Assignment) -> Proposal | None:
        """The next change, or None when it knows nothing more to try and spent nothing on that.

        It is called in a thread of its own for each trial, several of them at once when a campaign has several workers.
        Commands that it runs with ``execution.runner.run_command`` are ended when the campaign is; what else takes long
        should ask ``execution.runner.stop_wanted`` now and then.

        Raises:
            AgentError: It gave no proposal: its program failed, ran out of time, or was refused by its model; the
                details carry ``usage`` when something was spent all the same, and ``fatal`` when asking again is useless.
        """
        ...
