"""Which paths a change may touch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from pathspec import GitIgnoreSpec

__all__ = ["matcher", "touched"]


@lru_cache(maxsize=64)
def matcher(patterns: tuple[str, ...]) -> GitIgnoreSpec:
    """What ``.gitignore`` would match with these lines: ``evaluate.py``, ``data/``, ``**/*.lock``."""
    return GitIgnoreSpec.from_lines(patterns)


def touched(names: Iterable[str], patterns: Sequence[str]) -> tuple[str, ...]:
    """Those of the names that a pattern matches, in their order."""
    if not patterns:
        return ()
    spec = matcher(tuple(patterns))
    return tuple(name for name in names if spec.match_file(name))
