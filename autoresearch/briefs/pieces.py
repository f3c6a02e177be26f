"""The pieces a brief is put together from, and their Markdown face, written by the shipped template.

Both faces (the other is ``document``) answer the same calls, so that one allocation of the budget serves them; a piece knows what it costs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from autoresearch import shipped
from autoresearch.briefs import facts as f
from autoresearch.briefs.fence import log_lines, quote
from autoresearch.tokens import count

__all__ = ["Chosen", "Face", "Markdown", "Piece", "Standing", "number", "standing"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the brief as it will stand there, and its tokens."""

    content: Any
    cost: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What follows from the facts: target reached or how far off, and what is within noise (below 2 sd)."""

    reached: bool | None
    distance: float
    luck: float

    def noisy(self, gain: float | None) -> bool:
        """Whether a gain may be luck."""
        return gain is not None and abs(gain) < self.luck


def standing(facts: f.Facts) -> Standing:
    """Judge the facts once for both faces."""
    luck = 2 * facts.noise.sd if facts.noise else 0.0
    if facts.goal is None or facts.goal.target is None or facts.incumbent is None:
        return Standing(None, 0.0, luck)
    gap = facts.incumbent.score - facts.goal.target
    short = gap if facts.goal.direction == "min" else -gap
    return Standing(short <= 0, max(short, 0.0), luck)


@dataclass(slots=True)
class Chosen:
    """The pieces that fit: single ones, lists by section, and how many of each list were left out."""

    header: Piece
    goal: Piece
    lists: dict[str, list[Piece]]
    incumbent: Piece | None = None
    standing: Piece | None = None
    ending: Piece | None = None


class Face(Protocol):
    """How facts become pieces. ``width`` bounds each text in characters; 0 leaves texts out."""

    def header(self, *, short: bool) -> Piece:
        """How to read what follows; in a small brief in fewer words."""

    def goal(self, width: int, items: int) -> Piece:
        """Project and goal, with at most ``items`` constraints and protected paths; 0 leaves all terms out."""

    def step(self, step: f.StepFacts, width: int) -> Piece:
        """One step of the frontier."""

    def remark(self, remark: f.RemarkFacts, width: int) -> Piece:
        """One remark, with who made it."""

    def tried(self, group: f.TriedFacts, values: int) -> Piece:
        """One subject that was tried in vain, with the latest values."""

    def incumbent(self, width: int, edits: int) -> Piece:
        """The best so far, with at most this many of the edits that made it."""

    def standing(self) -> Piece:
        """Counts, noise, and what is left of the budget."""

    def attempt(self, attempt: f.AttemptFacts, width: int) -> Piece:
        """One recent experiment."""

    def crash(self, crash: f.CrashFacts, width: int, lines: int) -> Piece:
        """One crash, with the last lines of its log."""

    def ending(self, left_out: Mapping[str, int], *, short: bool) -> Piece:
        """What was left out, and how to ask for it."""

    def heading(self, section: str) -> int:
        """Tokens that a section costs beyond its pieces."""


def number(value: float) -> str:
    """A number in six significant digits."""
    return f"{value:.6g}"


def _gain(value: float) -> str:
    return f"{value:+.3g}"


@cache
def _template() -> Any:
    environment = shipped.templates().overlay()
    environment.filters = {**environment.filters, "quote": quote, "number": number, "gain": _gain}
    return environment.get_template("brief.md.j2").module


def _lines(text: str) -> Piece:
    text = text.strip("\n")
    return Piece(text + "\n", count(text + "\n")) if text else Piece("", 0)


class Markdown:
    """The brief as an agent reads it."""

    def __init__(self, facts: f.Facts) -> None:
        self.facts = facts
        self.judged = standing(facts)
        self.macros = _template()
        self.baseline = facts.baseline
        if facts.frontier and self.baseline is None:
            self.baseline = f.BaselineFacts(number=facts.frontier[0].number, score=facts.frontier[0].score)

    def header(self, *, short: bool) -> Piece:
        """How to read what follows; in a small brief in fewer words."""
        return _lines(self.macros.header(short))

    def goal(self, width: int, items: int) -> Piece:
        """Project and goal, with at most ``items`` constraints and protected paths; 0 leaves all terms out."""
        return _lines(self.macros.goal(self.facts, width, items))

    def step(self, step: f.StepFacts, width: int) -> Piece:
        """One step of the frontier."""
        first = self.baseline if self.baseline and step.number == self.baseline.number else None
        return _lines(self.macros.step(step, width, self.judged.noisy(step.gain), first))

    def remark(self, remark: f.RemarkFacts, width: int) -> Piece:
        """One remark, with who made it."""
        return _lines(self.macros.remark(remark, width))

    def tried(self, group: f.TriedFacts, values: int) -> Piece:
        """One subject that was tried in vain, with the latest values."""
        return _lines(self.macros.tried(group, 60, values))

    def incumbent(self, width: int, edits: int) -> Piece:
        """The best so far, with at most this many of the edits that made it."""
        gain = self.facts.frontier[-1].gain if self.facts.frontier else None
        verdict = {
            "reached": self.judged.reached,
            "distance": self.judged.distance,
            "noisy": self.judged.noisy(gain),
        }
        return _lines(self.macros.incumbent(self.facts, width, edits, verdict))

    def standing(self) -> Piece:
        """Counts, noise, and what is left of the budget."""
        return _lines(self.macros.headings["standing"] + "\n" + self.macros.standing(self.facts))

    def attempt(self, attempt: f.AttemptFacts, width: int) -> Piece:
        """One recent experiment."""
        return _lines(self.macros.attempt(attempt, width, self.judged.noisy(attempt.gain)))

    def crash(self, crash: f.CrashFacts, width: int, lines: int) -> Piece:
        """One crash, with the last lines of its log."""
        log = log_lines(crash.log_tail, lines=lines, width=max(width, 40)) if lines else ()
        return _lines(self.macros.crash(crash, width, log))

    def ending(self, left_out: Mapping[str, int], *, short: bool) -> Piece:
        """What was left out, and how to ask for it."""
        return _lines(self.macros.ending(left_out, short))

    def heading(self, section: str) -> int:
        """Tokens that a section costs beyond its pieces."""
        return count(self.macros.headings[section] + "\n")

    def stable(self, chosen: Chosen) -> str:
        """The part that stays the same while nothing in it changed."""
        return "".join(
            [chosen.header.content, chosen.goal.content]
            + [self._section(name, chosen.lists.get(name, ())) for name in ("frontier", "remarks", "tried")]
        )

    def volatile(self, chosen: Chosen) -> str:
        """The part that changes with every experiment."""
        single = [piece.content for piece in (chosen.incumbent, chosen.standing) if piece]
        lists = [self._section(name, chosen.lists.get(name, ())) for name in ("recent", "crashes")]
        return "".join([*single, *lists, chosen.ending.content if chosen.ending else ""])

    def _section(self, name: str, pieces: Sequence[Piece]) -> str:
        if not pieces:
            return ""
        return "".join([self.macros.headings[name], "\n", *(piece.content for piece in pieces)])
