"""The table of tools: what each is called, what it does to the world, and the command that does the same.

Both faces, this one and the command line, are held to it by a test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from autoresearch.mcp_server.answering import MOST_CHARS

__all__ = [
    "LARGEST",
    "ArtifactName",
    "Cursor",
    "Effect",
    "ExperimentRef",
    "Limit",
    "MaxChars",
    "Ref",
    "Row",
    "RunRef",
    "SessionRef",
    "Step",
    "TrialRef",
]

LARGEST = 2**53
"""The largest number of a step."""

Effect = Literal["read", "append", "change", "overwrite", "execute"]
"""What a call does: nothing; adds something; changes what stands, while the ledger keeps what stood; changes what counts
as better; runs a command of the user's."""


@dataclass(frozen=True, slots=True)
class Row:
    """One tool.

    Attributes:
        work: Does it: gets a :class:`Target` and the arguments, answers a :class:`Reply`; its docstring is what a model reads.
        title: What people read.
        effect: What it does to the world.
        command: The command of the command line that does the same.
        folder: Whether it needs the caller's working tree, so that a server of a team does not offer it.
    """

    work: Callable[..., Any]
    title: str
    effect: Effect
    command: str
    folder: bool = False

    @property
    def name(self) -> str:
        """Its name: a verb and a noun."""
        return self.work.__name__


def _text(value: Any) -> Any:
    # Models give a number as a number, whatever the schema says.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


_Word = BeforeValidator(_text)

ExperimentRef = Annotated[
    str, _Word, Field(max_length=200, description="Number (12), best, last, or an id or part of one.")
]
RunRef = Annotated[
    str, _Word, Field(max_length=1000, description="Number (12), name, last, or an id or part of one.")
]
SessionRef = Annotated[str, _Word, Field(max_length=1000, description="Number, tag or id of a session.")]
Step = Annotated[int, Field(ge=-LARGEST, le=LARGEST)]
TrialRef = Annotated[
    str,
    _Word,
    Field(max_length=200, description="Id that start_trial gave, the number of its experiment, or last."),
]
ArtifactName = Annotated[str, Field(max_length=1000, description="Name of the artifact.")]
Ref = Annotated[str, Field(max_length=1000, description="A version (v3) or a ref (latest, winner, …).")]
Limit = Annotated[int, Field(ge=1, le=200, description="At most this many.")]
Cursor = Annotated[str, _Word, Field(max_length=2000, description="next_cursor of the last answer.")] | None
MaxChars = Annotated[
    int,
    Field(
        ge=1000,
        le=MOST_CHARS,
        description="Most characters of the answer; some clients cut at 12000.",
    ),
]
