"""What the brief says about earlier attempts, as moves of named knobs.

The offline agent writes its moves at the beginning of its notes (``LR 0.05 -> 0.2, BATCH 256 -> 128: why``) and
reads them back from the brief: it has no other memory.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Attempt", "History", "Move", "note_of", "read_history"]

_MOVE = re.compile(r"([A-Za-z_][A-Za-z0-9_]{0,60}) ([A-Za-z0-9_.+-]{1,40}) -> ([A-Za-z0-9_.+-]{1,40})")


@dataclass(frozen=True, slots=True)
class Move:
    """One knob from one value to another, as texts."""

    knob: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.knob} {self.before} -> {self.after}"


@dataclass(frozen=True, slots=True)
class Attempt:
    """An earlier experiment. ``gain`` is over the best of its time, positive when better, None for a crash."""

    number: int
    moves: tuple[Move, ...]
    advanced: bool
    gain: float | None


@dataclass(frozen=True, slots=True)
class History:
    """Attempts in order of number, and how many experiments there have been at all."""

    attempts: tuple[Attempt, ...]
    experiments: int

    def of(self, knob: str) -> list[Attempt]:
        """Attempts that moved this knob alone, oldest first."""
        return [attempt for attempt in self.attempts if [move.knob for move in attempt.moves] == [knob]]

    def wins_since(self, number: int) -> int:
        """How often the best was beaten after an experiment."""
        return sum(1 for attempt in self.attempts if attempt.advanced and attempt.number > number)


def note_of(moves: Sequence[Move], why: str) -> str:
    """The note of a proposal, from which ``read_history`` reads the moves."""
    return f"{', '.join(map(str, moves))}: {why}"


def read_history(brief: Mapping[str, Any]) -> History:
    """Read the attempts of a brief: recent ones, and older steps of the frontier."""
    found: dict[int, Attempt] = {}
    for step in brief.get("frontier") or ():
        moves = _moves(step.get("note"))
        found[int(step["number"])] = Attempt(int(step["number"]), moves, advanced=True, gain=step.get("gain"))
    steps = set(found)
    for row in brief.get("recent") or ():
        number = int(row["number"])
        found[number] = Attempt(
            number, _moves(row.get("note")), advanced=number in steps, gain=row.get("gain")
        )
    attempts = tuple(found[number] for number in sorted(found) if found[number].moves)
    return History(attempts, max(found, default=0))


def _moves(note: object) -> tuple[Move, ...]:
    head = str(note or "").partition(": ")[0]
    return tuple(Move(*match.groups()) for match in _MOVE.finditer(head))
