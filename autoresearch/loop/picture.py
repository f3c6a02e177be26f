"""The staircase of a campaign, on the terminal and as a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from autoresearch.records.experiment import State
from autoresearch.records.frontier import Progress
from autoresearch.render.staircase import Point, svg, terminal

__all__ = ["as_text", "write_svg"]

_VERDICTS: Mapping[State, Literal["keep", "drop", "crash", "recorded"]] = {
    "kept": "keep",
    "dropped": "drop",
    "crashed": "crash",
    "recorded": "recorded",
}


def as_text(progress: Progress, *, width: int, height: int, color: bool, plain: bool) -> str:
    """The picture as lines of text; ``plain`` uses ASCII alone."""
    goal = progress.goal
    return terminal(
        _points(progress),
        width=width,
        height=height,
        color=color,
        metric=goal.metric,
        direction=goal.direction,
        target=goal.target,
        plain=plain,
    )


def write_svg(progress: Progress, path: Path) -> None:
    """Write the picture to a file, whole or not at all."""
    goal = progress.goal
    noise = progress.noise.sd if progress.noise else None
    picture = svg(
        _points(progress),
        metric=goal.metric,
        direction=goal.direction,
        target=goal.target,
        noise=noise,
        title=f"{progress.project}: {goal.metric}",
    )
    part = path.with_name(f".{path.name}.part")
    part.write_text(picture, encoding="utf-8")
    part.replace(path)


def _points(progress: Progress) -> list[Point]:
    return [
        Point(a.number, a.score, _VERDICTS[a.state], a.note.partition(": ")[0], a.on_frontier)
        for a in progress.attempts
    ]
