"""The lines of a run as they come."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator, Sequence

from autoresearch.ledger.base import Runs, every
from autoresearch.records.run import LoggedLine

__all__ = ["following", "last_lines"]

_PAGE = 10_000


def last_lines(runs: Runs, run_id: str, names: Sequence[str], most: int) -> tuple[LoggedLine, ...]:
    """The last entries of text series in order of time, of all when no name is given."""
    if most <= _PAGE:
        return runs.lines(run_id, names, limit=most, tail=True).items if most > 0 else ()
    found = every(lambda cursor: runs.lines(run_id, names, limit=_PAGE, cursor=cursor))
    return tuple(collections.deque(found, maxlen=most))


def following(
    runs: Runs,
    run_id: str,
    names: Sequence[str],
    *,
    tail: int | None,
    wait: Callable[[], object],
    refresh: Callable[[], object],
) -> Iterator[LoggedLine]:
    """Entries of text series as they come, until the run has ended.

    Args:
        runs: Where they are.
        run_id: The run.
        names: Text series; all when none is given.
        tail: How many of those that are there come first; None for all.
        wait: Called between two looks.
        refresh: Called before each look but the first.

    Raises:
        NotFound: There is no such run, or no longer.
    """
    seen: dict[str, int] = {}
    shown: Sequence[LoggedLine] = ()
    if tail is not None:
        seen = _ends(runs, run_id, names)
        shown = last_lines(runs, run_id, names, tail)
        _note(seen, shown)
        yield from shown
    while True:
        # Asked before the lines are, so that those of a run that has ended are all there.
        running = runs.run(run_id).state == "running"
        yield from _unseen(runs, run_id, names, seen)
        if not running:
            return
        wait()
        refresh()


def _ends(runs: Runs, run_id: str, names: Sequence[str]) -> dict[str, int]:
    """The number of the last line of each text series."""
    found = (info for info in runs.catalog(run_id) if info.kind == "text")
    return {info.name: info.points - 1 for info in found if not names or info.name in names}


def _note(seen: dict[str, int], lines: Sequence[LoggedLine]) -> None:
    for line in lines:
        seen[line.name] = max(seen.get(line.name, -1), line.number)


def _unseen(runs: Runs, run_id: str, names: Sequence[str], seen: dict[str, int]) -> Sequence[LoggedLine]:
    """Lines that came since the last look; ``seen`` goes on."""
    ends = _ends(runs, run_id, names)
    missing = size = sum(max(0, end - seen.get(name, -1)) for name, end in ends.items())
    fresh: list[LoggedLine] = []
    # The last lines by time need not be the last that came, where several processes or a set-back clock wrote.
    while len(fresh) < missing:
        lines = last_lines(runs, run_id, names, size)
        fresh = [line for line in lines if line.number > seen.get(line.name, -1)]
        if len(lines) < size:
            break
        size *= 2
    _note(seen, fresh)
    for name, end in ends.items():
        seen[name] = max(seen.get(name, -1), end)
    return fresh
