"""What the pictures show: attempts, and the staircase of running bests among them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["Chart", "Direction", "Point", "chart", "clean", "score_text"]

Direction = Literal["min", "max"]

_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff\ud800-\udfff]+"
)


@dataclass(frozen=True, slots=True)
class Point:
    """One attempt.

    Attributes:
        number: Its place on the horizontal axis.
        score: The metric, in its own units; None when there is none.
        verdict: keep, drop, crash, or recorded while there is no verdict.
        label: What was tried; any text.
        step: Whether it advanced the best. None leaves that to the picture: a keep better than all before it.
    """

    number: int
    score: float | None
    verdict: Literal["keep", "drop", "crash", "recorded"]
    label: str = ""
    step: bool | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """Points sorted for drawing, in order of number: those with a score, the steps among them, and the rest."""

    scored: tuple[tuple[Point, float], ...]
    steps: tuple[tuple[Point, float], ...]
    scoreless: tuple[Point, ...]
    first: int
    last: int
    counts: dict[str, int]

    @property
    def best(self) -> tuple[Point, float] | None:
        """The last step."""
        return self.steps[-1] if self.steps else None


def chart(points: Iterable[Point], direction: Direction) -> Chart:
    """Sort out what is to be drawn; a score that is not finite, or a crash's, is none."""
    ordered = sorted(points, key=lambda point: point.number)
    scored: list[tuple[Point, float]] = []
    scoreless: list[Point] = []
    counts = {"keep": 0, "drop": 0, "crash": 0, "recorded": 0}
    for point in ordered:
        counts[point.verdict] += 1
        if point.score is None or not math.isfinite(point.score) or point.verdict == "crash":
            scoreless.append(point)
        else:
            scored.append((point, _drawable(point.score)))
    return Chart(
        scored=tuple(scored),
        steps=tuple(_steps(scored, direction)),
        scoreless=tuple(scoreless),
        first=ordered[0].number if ordered else 0,
        last=ordered[-1].number if ordered else 0,
        counts=counts,
    )


def _drawable(score: float) -> float:
    # Differences of larger numbers overflow, ratios of smaller ones too; no axis could show them apart.
    return max(-1e300, min(1e300, score)) if abs(score) > 1e-300 else 0.0


def _steps(scored: Sequence[tuple[Point, float]], direction: Direction) -> Iterable[tuple[Point, float]]:
    best: float | None = None
    for point, score in scored:
        better = best is None or (score < best if direction == "min" else score > best)
        if point.step if point.step is not None else point.verdict == "keep" and better:
            best = score
            yield point, score


def clean(text: str, limit: int = 200) -> str:
    """Text safe to show: no control, invisible or direction-changing characters, on one line, at most ``limit`` long."""
    flat = " ".join(_UNSEEN.sub(" ", text[: 4 * limit]).split())
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"


def score_text(score: float) -> str:
    """A score with at most six significant digits."""
    return f"{score + 0.0:.6g}"
