"""When a search stands still, and what to ask for then: something bolder, what nearly helped, less, or a crashed idea again.

A plateau is a stretch of experiments over which the best improved by no more than the noise explains. Many small keeps
are one too, when together they are no more than that. Nothing here is remembered: the same facts give the same
instruction, so that a campaign that was killed goes on as it would have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from typing import Literal

from autoresearch.briefs.facts import AttemptFacts, Facts
from autoresearch.errors import Invalid
from autoresearch.research.notes import edits_of

__all__ = ["STEADY", "Instruction", "Mode", "instruct"]

Mode = Literal["steady", "bolder", "combine", "simplify", "retry"]

_STREAK = 3
_NAMED = 4
_STEPS_TO_SIMPLIFY = 3
_TRIES_OF_AN_IDEA = 2
_ENOUGH = 4


@dataclass(frozen=True, slots=True)
class Instruction:
    """What the next proposal is asked for.

    Attributes:
        mode: ``steady`` asks for nothing beyond the usual.
        reason: Why, in a sentence with its numbers; "" for ``steady``.
        experiments: Numbers of the experiments that it is about, most promising first.
        since: Experiments over which the best has not moved beyond the noise.
    """

    mode: Mode
    reason: str = ""
    experiments: tuple[int, ...] = ()
    since: int = 0


STEADY = Instruction("steady")
"""Nothing beyond the usual."""


def instruct(facts: Facts, *, patience: int = 10, hold: int = 4, turn: int = 0) -> Instruction:
    """What to ask for next, from the frontier, the noise and the recent attempts.

    Below ``patience`` experiments without a real gain it is ``steady``. From there the kinds of instruction that have
    something to go on follow each other, each for ``hold`` experiments, until the best moves: ``combine`` where two or
    more attempts nearly helped, ``retry`` where an idea crashed and was given up, ``bolder``, and ``simplify`` where
    several changes were kept. Three crashes in a row ask for ``retry`` at once.

    Args:
        facts: Where the project stands; what nearly helped and what crashed is looked for among its recent attempts.
        patience: Experiments without a real gain that make a plateau, at least 1.
        hold: Experiments for which one kind of instruction is given, at least 1.
        turn: Number of the worker that asks: those who ask at the same time are not all told the same.

    Raises:
        Invalid: ``patience`` or ``hold`` is below 1.
    """
    if patience < 1 or hold < 1:
        raise Invalid(
            f"A plateau of {patience} experiments, held for {hold}, cannot be told.",
            hint="Give whole numbers of at least 1.",
        )
    judged = [attempt for attempt in facts.recent if attempt.state != "recorded"]
    streak = list(takewhile(lambda attempt: attempt.state == "crashed", reversed(judged)))
    bar = _bar(facts)
    begin = _begin(facts, bar)
    since = judged[-1].number - begin if judged and begin is not None else 0
    if len(streak) >= _STREAK:
        numbers = tuple(attempt.number for attempt in streak[:_NAMED])
        return Instruction("retry", f"the last {len(streak)} experiments crashed", numbers, since)
    if begin is None or since < patience:
        return Instruction("steady", since=since)
    offers = _offers(facts, judged, [attempt for attempt in judged if attempt.number > begin], bar)
    mode, why, numbers = offers[((since - patience) // hold + turn) % len(offers)]
    moved = sum(step.gain or 0.0 for step in facts.frontier if step.number > begin)
    return Instruction(mode, f"{_stretch(since, moved, bar)}; {why}", numbers, since)


def _bar(facts: Facts) -> float:
    """The least improvement that counts: two standard deviations of the noise, or what the goal asks for."""
    least = facts.goal.min_delta if facts.goal else 0.0
    return max(least, 2 * facts.noise.sd if facts.noise else 0.0)


def _begin(facts: Facts, bar: float) -> int | None:
    """Number of the last step after which all steps together moved the best by no more than the bar."""
    moved = 0.0
    for step in reversed(facts.frontier):
        moved += step.gain or 0.0
        if moved > bar or step.gain is None:
            return step.number
    return facts.frontier[0].number if facts.frontier else None


def _offers(
    facts: Facts, judged: Sequence[AttemptFacts], window: Sequence[AttemptFacts], bar: float
) -> list[tuple[Mode, str, tuple[int, ...]]]:
    """What could be asked for, with why and of which experiments, in the order in which it is asked."""
    offers: list[tuple[Mode, str, tuple[int, ...]]] = []
    near = _near(window, bar)
    if len(near) > 1:
        said = ", ".join(f"#{attempt.number} {attempt.gain:+.3g}" for attempt in near)
        offers.append(("combine", f"these came near: {said}", tuple(attempt.number for attempt in near)))
    crashed = _given_up(judged)
    if crashed:
        said = ", ".join(f"#{attempt.number}" for attempt in crashed)
        plural = "ideas" if len(crashed) > 1 else "idea"
        offers.append(
            ("retry", f"crashed {plural} not tried since: {said}", tuple(a.number for a in crashed))
        )
    offers.append(("bolder", "small changes around this point have been tried", ()))
    steps = max(facts.totals.frontier, len(facts.frontier)) - 1
    if steps >= _STEPS_TO_SIMPLIFY:
        offers.append(("simplify", f"{steps} changes were kept on the way, and some may no longer help", ()))
    return offers


def _near(window: Sequence[AttemptFacts], bar: float) -> list[AttemptFacts]:
    """Dropped attempts within the plateau that were better than the best of their time, or worse by less than can be told."""
    scored = [attempt for attempt in window if attempt.gain is not None and attempt.state == "dropped"]
    least = bar / 2 or _typical(scored)
    close = [attempt for attempt in scored if attempt.gain is not None and attempt.gain > -least]
    return sorted(close, key=lambda attempt: -(attempt.gain or 0.0))[:_NAMED]


def _typical(scored: Sequence[AttemptFacts]) -> float:
    """Where no noise is known: the lower quartile of the differences that were seen."""
    sizes = sorted(abs(attempt.gain or 0.0) for attempt in scored)
    return sizes[len(sizes) // 4] if len(sizes) >= _ENOUGH else 0.0


def _given_up(judged: Sequence[AttemptFacts]) -> list[AttemptFacts]:
    """Crashed attempts, newest first, whose subject neither came to a score later nor crashed again."""
    found: list[AttemptFacts] = []
    later: list[frozenset[str]] = []
    crashes: list[frozenset[str]] = []
    for attempt in reversed(judged):
        about = _about(attempt)
        if attempt.state != "crashed":
            later.append(about)
            continue
        again = sum(bool(about & other) for other in crashes) + 1
        crashes.append(about)
        if again < _TRIES_OF_AN_IDEA and not any(about & other for other in later):
            found.append(attempt)
    return found[:_NAMED]


def _about(attempt: AttemptFacts) -> frozenset[str]:
    return _subjects(attempt.note) or frozenset([f"#{attempt.number}"])


@lru_cache(maxsize=1000)
def _subjects(note: str) -> frozenset[str]:
    """What a note says it changed, or the note itself; nothing when it says nothing."""
    found = frozenset(subject for subject, _, _ in edits_of(note))
    return found or frozenset(filter(None, [note.strip().lower()[:80]]))


def _stretch(since: int, moved: float, bar: float) -> str:
    over = f"the last {since} experiments"
    if not moved:
        return f"{over} gave nothing better"
    return f"{over} moved the best by {moved:.3g} in all, no more than the {bar:.3g} that may be noise"
