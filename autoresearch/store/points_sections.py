"""Which chunks a tail makes anew, and how the points are cut into new ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autoresearch.series.coding import CHUNK

__all__ = ["Head", "Section", "pieces", "sections"]

_HALF = CHUNK // 2
_MOST_ROWS = 16 * CHUNK


class Head(NamedTuple):
    """What is known of a chunk without its blob."""

    first_step: int
    last_step: int
    axis: int
    n: int

    def met(self, least: int, most: int) -> bool:
        """Whether a tail between these steps makes the chunk anew, as far as can be told without the tail."""
        return (self.first_step <= most and self.last_step >= least) or (
            self.last_step < least and self.n < CHUNK
        )


class Section(NamedTuple):
    """Chunks that become new ones together with a stretch of the tail.

    Attributes:
        heads: Which of the chunks.
        tail: Which points of the tail.
        last: It ends the series: full chunks are made, and the rest is the one that grows.
    """

    heads: slice
    tail: slice
    last: bool


def sections(heads: Sequence[Head], steps: NDArray[np.int64], last: int | None) -> list[Section]:
    """What is to be made anew.

    Args:
        heads: The chunks around the tail, in order of step.
        steps: Steps of the tail, rising.
        last: First step of the last chunk of the series, which may lie beyond ``heads``; None when there are no chunks.
    """
    ends = not heads or heads[-1].first_step == last
    firsts = np.searchsorted(steps, np.array([head.first_step for head in heads], "<i8")).tolist()
    begins, stops = [0, *firsts], [*firsts, len(steps)]
    found: list[Section] = []
    for place, (begin, stop) in enumerate(zip(begins, stops, strict=True), -1):
        if begin < stop:
            final = ends and place == len(heads) - 1
            chunk = _joined(heads, place, int(steps[begin]), final=final)
            _extend(found, heads, Section(chunk, slice(begin, stop), final))
    return found


def pieces(count: int, *, full: bool) -> Iterator[tuple[int, int]]:
    """Where points are cut into chunks: full ones and a rest, or all of about one size so that each has room to grow."""
    number = -(-count // CHUNK)
    if full:
        yield from ((start, min(start + CHUNK, count)) for start in range(0, count, CHUNK))
    else:
        yield from ((place * count // number, (place + 1) * count // number) for place in range(number))


def _joined(heads: Sequence[Head], place: int, step: int, *, final: bool) -> slice:
    """The chunk that points from ``step`` on, which lie at or behind chunk ``place``, are made new chunks with."""
    if place < 0:
        small = bool(heads) and heads[0].n <= _HALF
        return slice(0, 1 if small else 0)
    head = heads[place]
    room = CHUNK - 1 if final else _HALF
    if step <= head.last_step or head.n <= room:
        return slice(place, place + 1)
    return slice(place + 1, place + 1)


def _extend(found: list[Section], heads: Sequence[Head], new: Section) -> None:
    """Add a section, to the one before it where the two touch and stay small: else small chunks would remain."""
    if found:
        before = found[-1]
        rows = sum(head.n for head in heads[before.heads.start : new.heads.stop])
        small = rows + new.tail.stop - before.tail.start <= _MOST_ROWS
        shared, touching = before.heads.stop > new.heads.start, before.heads.stop == new.heads.start
        if shared or (touching and small):
            chunks = slice(before.heads.start, max(before.heads.stop, new.heads.stop))
            found[-1] = Section(chunks, slice(before.tail.start, new.tail.stop), new.last)
            return
    found.append(new)
