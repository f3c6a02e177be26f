"""What an agent gives the loop: a change and the reason for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

__all__ = ["Agent", "Proposal"]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change to try.

    Attributes:
        note: The flaw that was seen and the fix, in a line or two.
        edits: Files to write: path to whole new text. Empty when the agent edited the folder itself.
        config: The values it chose, by name.
    """

    note: str
    edits: Mapping[str, str]
    config: Mapping[str, Any]


class Agent(Protocol):
    """Proposes changes. It knows what the brief and the folder tell it."""

    @property
    def name(self) -> str:
        """Who it is, for the record."""
        ...

    def propose(self, brief: Mapping[str, Any], folder: Path) -> Proposal | None:
        """The next change, or None when it knows nothing more to try.

        Args:
            brief: ``context().data``: what is known.
            folder: A fresh working tree of the incumbent.
        """
        ...
