"""Build the brief: choose by priority what fits a hard token budget, in an order that keeps caches warm.

What rarely changes stands first: how to read, goal, frontier, remarks, what was tried. How much of it is shown
depends on nothing that comes after, so that two briefs begin with the same bytes as long as nothing in that part
changed. Then come the best so far, where the project stands, recent experiments, crashes, and what was left out.

Goal and best always survive. Texts are cut before items are dropped, and old items are dropped before new ones.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeVar

from autoresearch.briefs.document import Document, compact
from autoresearch.briefs.facts import Facts, StepFacts, TriedFacts
from autoresearch.briefs.pieces import Chosen, Face, Markdown, Piece
from autoresearch.errors import Invalid
from autoresearch.tokens import count

__all__ = ["MINIMUM", "Context", "build"]

MINIMUM: Final = 120
"""The smallest budget, in tokens: below it goal and best do not fit for certain."""

_ROOMY, _GOAL = 300, 50
# Longest text in characters, and how many constraints and paths; -1 leaves out even the project's name.
_VOLATILE_SHARE, _VOLATILE_MOST = 0.35, 1200
_GOALS = ((200, 20), (80, 8), (60, 3), (40, 1), (40, 0), (16, 0), (8, 0), (4, -1))
_INCUMBENTS = ((300, 6), (120, 3), (60, 1), (0, 0))
# From the fullest form to the shortest: longest text in characters, values, or text and lines of log.
_LEVELS: dict[str, Sequence[Any]] = {
    "frontier": (160, 80, 40),
    "remarks": (400, 160, 80),
    "tried": (12, 8, 6, 4, 3, 2, 1, 0),
    "recent": (240, 120, 60),
    "crashes": ((160, 5), (100, 3), (60, 1)),
}

_Level = TypeVar("_Level")


@dataclass(frozen=True)
class Context:
    """What an agent reads before its next change.

    Attributes:
        project: Name of the project.
        markdown: The brief; ``str()`` gives it too.
        tokens: Its length by ``autoresearch.tokens.count``, at most ``budget``.
        budget: What it was held to.
        omitted: How many frontier steps, remarks, tried subjects, recent experiments and crashes were left out.
        stable: Leading characters of ``markdown`` that stay the same until the goal, the frontier, a remark or what
            was tried changes: where a prompt cache may be cut.
    """

    project: str
    markdown: str
    tokens: int
    budget: int
    omitted: dict[str, int]
    stable: int
    facts: Facts

    @cached_property
    def data(self) -> dict[str, Any]:
        """The brief as a JSON object, within the same budget in the form that ``json`` has."""
        return _data(self.facts, self.budget)

    @property
    def json(self) -> str:
        """``data`` as compact JSON text: the form that the budget holds for."""
        return compact(self.data)

    def __str__(self) -> str:
        return self.markdown

    def __getitem__(self, key: str) -> Any:
        if key in self.keys():
            return getattr(self, key)
        raise KeyError(f"Context has no field {key!r}; it has {', '.join(self.keys())}")

    def keys(self) -> list[str]:
        """The field names, so that ``context["markdown"]`` and ``dict(context)`` work."""
        return ["project", "markdown", "data", "tokens", "budget", "omitted"]

    def _repr_html_(self) -> str:
        # As text: rendered as Markdown, the quoted texts of others could become links and images.
        return f'<pre style="white-space:pre-wrap">{html.escape(self.markdown)}</pre>'


def build(facts: Facts, *, budget: int = 2000) -> Context:
    """Write the brief of a project.

    Args:
        facts: Where the project stands.
        budget: Hard limit in tokens, at least ``MINIMUM``, for the Markdown and again for the JSON.

    Raises:
        Invalid: The budget is no whole number of at least ``MINIMUM``.
    """
    if isinstance(budget, bool) or not isinstance(budget, int) or budget < MINIMUM:
        raise Invalid(
            f"A budget of {budget!r} tokens is too small for a brief.",
            hint=f"Give a whole number of at least {MINIMUM}; 2000 is the default.",
        )
    face = Markdown(facts)
    for limit in _limits(budget):
        chosen, omitted = _choose(face, facts, limit)
        stable = face.stable(chosen)
        markdown = stable + face.volatile(chosen)
        tokens = count(markdown)
        if tokens <= budget:
            return Context(facts.project, markdown, tokens, budget, omitted, len(stable), facts)
    raise _impossible(budget)


def _data(facts: Facts, budget: int) -> dict[str, Any]:
    face = Document(facts)
    for limit in _limits(budget):
        chosen, _ = _choose(face, facts, limit)
        document = face.whole(chosen)
        if count(compact(document)) <= budget:
            return document
    raise _impossible(budget)


def _limits(budget: int) -> Iterator[int]:
    # Pieces are counted alone; should marks that meet ever cost more together, the next try has more room to spare.
    for spare in (0, 1, 2, 4, 8):
        yield budget - budget * spare // 16


def _impossible(budget: int) -> Invalid:
    return Invalid(
        f"Goal and best do not fit {budget} tokens.", hint="Give a larger budget; 2000 is the default."
    )


def _choose(face: Face, facts: Facts, limit: int) -> tuple[Chosen, dict[str, int]]:
    short = limit < _ROOMY
    ending = face.ending(_omitted(facts, {}), short=short).cost
    reserve = min(int(limit * _VOLATILE_SHARE), _VOLATILE_MOST)
    if short:
        reserve = face.incumbent(0, 0).cost + ending
    chosen = _stable(face, facts, limit - reserve, short=short)
    spent = (
        chosen.header.cost + chosen.goal.cost + sum(_cost(face, name, p) for name, p in chosen.lists.items())
    )
    room = limit - spent - ending
    chosen.incumbent = _first(_INCUMBENTS, lambda level: face.incumbent(*level), room * 35 // 100)
    room -= chosen.incumbent.cost
    standing = face.standing()
    if standing.cost <= room * 2 // 3:
        chosen.standing = standing
        room -= standing.cost
    lists = chosen.lists
    lists["crashes"] = _section(face, facts, "crashes", room * 4 // 10)
    room -= _cost(face, "crashes", lists["crashes"])
    lists["recent"] = _section(face, facts, "recent", room)
    omitted = _omitted(facts, lists)
    chosen.ending = face.ending(omitted, short=short)
    return chosen, omitted


def _stable(face: Face, facts: Facts, cap: int, *, short: bool) -> Chosen:
    header = face.header(short=short)
    room = cap - header.cost
    goal = _first(_GOALS, lambda level: face.goal(*level), min(room, max(room * 45 // 100, _GOAL)))
    lists: dict[str, list[Piece]] = {}
    # A small brief has room for the goal, the best, and what was done last.
    room = 0 if short else room - goal.cost
    # Only what changes more rarely than itself decides how much of a section is shown.
    for name, share in (("frontier", 45), ("remarks", 50), ("tried", 100)):
        lists[name] = _section(face, facts, name, room * share // 100)
        room -= _cost(face, name, lists[name])
    return Chosen(header, goal, lists)


def _omitted(facts: Facts, lists: dict[str, list[Piece]]) -> dict[str, int]:
    left = {
        name: max(getattr(facts.totals, name), len(getattr(facts, name))) - len(lists.get(name, ()))
        for name in ("frontier", "remarks", "tried", "recent", "crashes")
    }
    return {name: number for name, number in left.items() if number}


def _cost(face: Face, name: str, pieces: Sequence[Piece]) -> int:
    return face.heading(name) + sum(piece.cost for piece in pieces) if pieces else 0


def _first(levels: Sequence[_Level], render: Callable[[_Level], Piece], cap: int) -> Piece:
    """The fullest form within the cap, else the shortest."""
    for level in levels:
        piece = render(level)
        if piece.cost <= cap:
            break
    return piece


def _section(face: Face, facts: Facts, name: str, cap: int) -> list[Piece]:
    """The pieces of one list within the cap: all with ever shorter texts, else as many as fit in order of priority."""
    items: Sequence[Any] = getattr(facts, name)
    if not items:
        return []
    render, levels, order = _renderer(face, name), _LEVELS[name], _ORDERS.get(name, _newest)
    cap -= face.heading(name)
    at = 0
    while at < len(levels):
        pieces: list[Piece] = []
        left = cap
        for item in items:
            piece = render(item, levels[at])
            left -= piece.cost
            if left < 0:
                break
            pieces.append(piece)
        else:
            return pieces
        # Where not even half of them fitted, the next level is not worth the attempt.
        at += 1 if 2 * len(pieces) >= len(items) or at + 2 >= len(levels) else 2
    kept: dict[int, Piece] = {}
    for place in order(items):
        piece = render(items[place], levels[-1])
        cap -= piece.cost
        if cap < 0:
            break
        kept[place] = piece
    return [kept[place] for place in sorted(kept)]


def _renderer(face: Face, name: str) -> Callable[[Any, Any], Piece]:
    if name == "crashes":
        return lambda crash, level: face.crash(crash, *level)
    renderers: dict[str, Callable[[Any, Any], Piece]] = {
        "frontier": face.step,
        "remarks": face.remark,
        "tried": face.tried,
        "recent": face.attempt,
    }
    return renderers[name]


def _newest(items: Sequence[Any]) -> Iterator[int]:
    return reversed(range(len(items)))


def _ends(steps: Sequence[StepFacts]) -> Iterator[int]:
    yield 0
    yield from range(len(steps) - 1, 0, -1)


def _most(groups: Sequence[TriedFacts]) -> Iterator[int]:
    return iter(sorted(range(len(groups)), key=lambda place: (-groups[place].attempts, -place)))


_ORDERS: dict[str, Callable[[Sequence[Any]], Iterator[int]]] = {"frontier": _ends, "tried": _most}
