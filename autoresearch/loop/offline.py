"""The built-in agent: an honest seeded search over constants and blocks, with no key and no network.

It looks at the file and at the brief, and at nothing else. What was tried without success is not tried again
until the best has changed a few times; a direction that won is followed, one that lost is left or tried with a
shorter step; changes that each helped a little, but less than the noise, are tried together.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from autoresearch.drivers.base import Assignment, Proposal
from autoresearch.errors import TrialError
from autoresearch.loop import edits
from autoresearch.loop.history import Attempt, History, Move, note_of, read_history
from autoresearch.loop.profile import BlockRange, ConstantRange, Profile

__all__ = ["OfflineAgent"]

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?\Z", re.ASCII)
_STALE_AFTER = 4
"""A failure may be tried again after the best has changed this often."""

_FOLLOW, _AFTER_WIN_BACK, _AFTER_LOSS, _COMBINE = 3.0, 0.2, 0.4, 2.0
_SHORTEST = 1.2


@dataclass(frozen=True, slots=True)
class _Option:
    moves: tuple[Move, ...]
    why: str
    weight: float


class OfflineAgent:
    """Proposes one change at a time.

    Args:
        seed: The same seed, brief and file give the same proposal.
        profile: What may be changed; by default every constant of ``train.py``, by factors of two.
    """

    name = "offline"

    def __init__(self, seed: int = 0, profile: Profile | None = None) -> None:
        self._seed = seed
        self._profile = profile or Profile()

    def propose(self, assignment: Assignment) -> Proposal | None:
        """The next change, or None when everything in reach was tried.

        Raises:
            TrialError: The file that it changes cannot be read.
        """
        path = assignment.folder / self._profile.file
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise TrialError(
                f"The file to change, {self._profile.file}, cannot be read: {error}.",
                hint="Name a file of the repository in the search profile.",
            ) from error
        history = read_history(assignment.brief)
        options = sorted(
            self._options(text, history), key=lambda option: [str(move) for move in option.moves]
        )
        if not options:
            return None
        # Seeded by where the search stands, so that going on after a stop gives what would have come anyway.
        chance = random.Random(f"{self._seed}:{history.experiments}")  # noqa: S311  a search, not a secret
        chosen = chance.choices(options, [option.weight for option in options])[0]
        for move in chosen.moves:
            text = self._moved(text, move)
        config = {move.knob: move.after for move in chosen.moves}
        return Proposal(note_of(chosen.moves, chosen.why), {self._profile.file: text}, config)

    def _options(self, text: str, history: History) -> Iterator[_Option]:
        present = edits.constants(text)
        for name, literal in present.items():
            limits = self._profile.constants.get(name) or _default(literal)
            yield from _constant_options(name, literal, limits, history)
        for name, body in edits.blocks(text).items():
            if name in self._profile.blocks:
                block = self._profile.blocks[name]
                present[name] = next((key for key, known in block.bodies.items() if known == body), "custom")
                yield from _block_options(name, present[name], block, history)
        yield from (
            option for option in _combinations(present, history) if all(map(self._known, option.moves))
        )

    def _known(self, move: Move) -> bool:
        """Whether a move that was read from a note leads to a value that we would choose ourselves."""
        block = self._profile.blocks.get(move.knob)
        if block is not None:
            return move.after in block.bodies
        value = _number(move.after)
        limits = self._profile.constants.get(move.knob) or _default(move.before)
        return value is not None and (value == limits.off or limits.low <= value <= limits.high)

    def _moved(self, text: str, move: Move) -> str:
        block = self._profile.blocks.get(move.knob)
        if block is None:
            return edits.with_constant(text, move.knob, move.after)
        return edits.with_block(text, move.knob, block.bodies[move.after])


def _default(literal: str) -> ConstantRange:
    whole = literal.lstrip("-").isdigit()
    return ConstantRange(integer=True, low=1, high=1e9) if whole else ConstantRange()


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.match(text) else None


def _direction(move: Move) -> int:
    """1 for up, -1 for down, 0 when the move is not one of numbers."""
    before, after = _number(move.before), _number(move.after)
    return 0 if before is None or after is None else (after > before) - (after < before)


def _constant_options(name: str, literal: str, limits: ConstantRange, history: History) -> Iterator[_Option]:
    value = float(literal)
    tried = [attempt for attempt in history.of(name) if _direction(attempt.moves[0])]
    spent = _spent(tried, history)
    for sign, why in ((1, limits.up), (-1, limits.down)):
        step, weight = _pace(tried, sign, limits, history)
        after = _literal(_step(value, sign, step, limits), limits)
        if weight > 0 and float(after) != value and after not in spent:
            yield _Option((Move(name, literal, after),), why, weight)


def _pace(
    tried: Sequence[Attempt], sign: int, limits: ConstantRange, history: History
) -> tuple[float, float]:
    """Length of the next step in a direction, and its weight, from what became of the earlier ones."""
    step, weight = limits.step, limits.weight
    for attempt in tried:
        direction = _direction(attempt.moves[0])
        if attempt.advanced:
            weight = limits.weight * (_FOLLOW if direction == sign else _AFTER_WIN_BACK)
            step = limits.step if direction == sign else step
        elif direction == sign and history.wins_since(attempt.number) < _STALE_AFTER:
            step = step**0.5 if limits.scale == "log" else step / 2
            weight *= _AFTER_LOSS
    too_short = step < _SHORTEST if limits.scale == "log" else limits.integer and step < 0.5
    return step, 0.0 if too_short else weight


def _step(value: float, sign: int, step: float, limits: ConstantRange) -> float:
    if limits.off is not None and limits.start is not None:
        if value == limits.off:
            return limits.start if sign > 0 else limits.off
        if sign < 0 and value <= limits.low * step:
            return limits.off
    moved = value * step**sign if limits.scale == "log" else value + sign * step
    if limits.scale == "log" and value <= 0:
        return value
    return min(max(moved, limits.low), limits.high)


def _literal(value: float, limits: ConstantRange) -> str:
    if limits.integer:
        return str(round(value))
    return f"{float(f'{value:.2g}'):g}" if value else "0.0"


def _block_options(name: str, present: str, block: BlockRange, history: History) -> Iterator[_Option]:
    tried = history.of(name)
    spent = _spent(tried, history)
    won = any(attempt.advanced for attempt in tried)
    for option, why in block.options.items():
        if option != present and option not in spent:
            share = block.weight / max(1, len(block.options) - 1)
            # What was left behind for something better comes back only rarely.
            yield _Option((Move(name, present, option),), why, share * (_AFTER_WIN_BACK if won else 1.0))


def _spent(tried: Sequence[Attempt], history: History) -> set[str]:
    """Values that failed, or were left for better ones, and not long ago."""
    recent = [attempt for attempt in tried if history.wins_since(attempt.number) < _STALE_AFTER]
    return {attempt.moves[0].before if attempt.advanced else attempt.moves[0].after for attempt in recent}


def _combinations(present: Mapping[str, str], history: History) -> Iterator[_Option]:
    """Pairs of changes that each gained less than the noise, and whose knobs still stand where they stood."""
    near = [
        attempt
        for attempt in history.attempts
        if not attempt.advanced and attempt.gain is not None and attempt.gain > 0 and len(attempt.moves) == 1
        if present.get(attempt.moves[0].knob) == attempt.moves[0].before
    ][-3:]
    together = {frozenset(attempt.moves) for attempt in history.attempts}
    for index, first in enumerate(near):
        for second in near[index + 1 :]:
            moves = (first.moves[0], second.moves[0])
            if moves[0].knob != moves[1].knob and frozenset(moves) not in together:
                yield _Option(
                    moves, "each helped a little, below the noise; together they may show", _COMBINE
                )
