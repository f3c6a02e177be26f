"""The staircase as text for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from autoresearch.render.points import Chart, Direction, Point, chart, clean, score_text
from autoresearch.render.scale import Axis, numbers, score_axis

__all__ = ["terminal"]

_COLORS = {
    "step": "32;1",
    "line": "32",
    "keep": "32",
    "drop": "90",
    "recorded": "90",
    "crash": "31",
    "text": "90",
}
_COLORS |= {"target": "34"}
_UNICODE = {
    "step": "●",
    "keep": "○",
    "drop": "·",
    "recorded": "◌",
    "crash": "\u00d7",
    "far": "^",
    "near": "v",
}
_UNICODE |= {
    "-": "─",
    "|": "│",
    "down1": "╮",
    "down2": "╰",
    "up1": "╯",
    "up2": "╭",
    "axis": "└",
    "target": "┄",
}
_ASCII = {"step": "O", "keep": "o", "drop": ".", "recorded": "?", "crash": "x", "far": "^", "near": "v"}
_ASCII |= {"-": "-", "|": "|", "down1": "+", "down2": "+", "up1": "+", "up2": "+", "axis": "+", "target": "~"}
_MIN_WIDTH, _MIN_HEIGHT = 24, 5


class _Canvas:
    """Cells of one character each, with the kind of thing that stands there."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._cells: dict[tuple[int, int], tuple[str, str]] = {}

    def put(self, column: int, row: int, character: str, kind: str) -> None:
        if 0 <= column < self.width and 0 <= row < self.height:
            self._cells[column, row] = (character, kind)

    def line(self, row: int, *, color: bool) -> str:
        found = [self._cells.get((column, row), (" ", "")) for column in range(self.width)]
        text = "".join(_painted(character, kind, color=color) for character, kind in found)
        return text if color else text.rstrip()


@dataclass(frozen=True, slots=True)
class _Plot:
    """The plot area: what is drawn, where it lies, and with which characters."""

    canvas: _Canvas
    drawn: Chart
    axis: Axis
    marks: dict[str, str]

    def row(self, score: float) -> int:
        return _row(self.axis, score, self.canvas.height)

    def column(self, number: int) -> int:
        return _column(self.drawn, number, self.canvas.width)

    def mark(self, point: Point, score: float) -> None:
        kind = "far" if score > self.axis.high else "near" if score < self.axis.low else point.verdict
        self.canvas.put(self.column(point.number), self.row(score), self.marks[kind], point.verdict)

    def draw(self, target: Sequence[float]) -> None:
        """Target, drops, staircase, other keeps, steps: what matters more is drawn later."""
        for score in target:
            for column in range(self.canvas.width if self.axis.shows(score) else 0):
                self.canvas.put(column, self.row(score), self.marks["target"], "target")
        steps = {id(point) for point, _ in self.drawn.steps}
        others = [(point, score) for point, score in self.drawn.scored if id(point) not in steps]
        for point, score in others:
            if point.verdict != "keep":
                self.mark(point, score)
        self.line()
        for point, score in others:
            if point.verdict == "keep":
                self.mark(point, score)
        for point, score in self.drawn.steps:
            self.canvas.put(self.column(point.number), self.row(score), self.marks["step"], "step")

    def line(self) -> None:
        """The running best: level between steps, upright where one column ends lower or higher than it began."""
        ends = {self.column(point.number): self.row(score) for point, score in self.drawn.steps}
        row: int | None = None
        for column in range(self.canvas.width):
            before, row = row, ends.get(column, row)
            if row is None:
                continue
            if before is None or before == row:
                self.canvas.put(column, row, self.marks["-"], "line")
                continue
            first, last = ("down1", "down2") if row > before else ("up1", "up2")
            for between in range(min(before, row) + 1, max(before, row)):
                self.canvas.put(column, between, self.marks["|"], "line")
            self.canvas.put(column, before, self.marks[first], "line")
            self.canvas.put(column, row, self.marks[last], "line")


def terminal(
    points: Iterable[Point],
    width: int = 80,
    height: int = 18,
    color: bool = False,  # noqa: FBT001, FBT002  the order of a picture's size and colour is plain
    *,
    metric: str = "score",
    direction: Direction = "min",
    target: float | None = None,
    plain: bool = False,
) -> str:
    """The attempts and the running best as lines of text, without a line end at the end.

    Args:
        points: The attempts, in any order and number.
        width: Columns of the whole picture, at least 24.
        height: Lines of the whole picture, at least 5.
        color: Whether to use ANSI colours.
        metric: Name of the score.
        direction: ``"min"`` when lower is better, else ``"max"``.
        target: Score to reach; shown when it is near the range.
        plain: Whether to use ASCII characters only.
    """
    drawn = chart(points, direction)
    width, height = max(_MIN_WIDTH, width), max(_MIN_HEIGHT, height)
    rows = height - 3
    near = [target] if target is not None and math.isfinite(target) else []
    steps, scores = [score for _, score in drawn.steps], [score for _, score in drawn.scored]
    axis = score_axis(steps, scores, near, ticks=max(2, rows // 3))
    marks = _ASCII if plain else _UNICODE
    labels = {_row(axis, mark, rows): text for mark, text in axis.ticks} if drawn.scored else {}
    margin = max((len(text) for text in labels.values()), default=1)
    plot = _Plot(_Canvas(max(8, width - margin - 2), rows), drawn, axis, marks)
    plot.draw(near)
    lines = [_painted(_summary(drawn, metric, direction, width, plain=plain), "step", color=color)]
    for row in range(rows):
        label = _painted(labels.get(row, "").rjust(margin), "text", color=color)
        edge = _painted(marks["|"], "text", color=color)
        lines.append(f"{label} {edge}{plot.canvas.line(row, color=color)}".rstrip())
    lines.append(
        " " * (margin + 1) + _painted(marks["axis"], "text", color=color) + _ground(plot, color=color)
    )
    ruler = (" " * (margin + 2) + _ruler(drawn, plot.canvas.width)).rstrip()
    lines.append(_painted(ruler, "text", color=color))
    return "\n".join(lines)


def _ground(plot: _Plot, *, color: bool) -> str:
    """The horizontal axis, with what has no score on it."""
    ground = _Canvas(plot.canvas.width, 1)
    for column in range(ground.width):
        ground.put(column, 0, plot.marks["-"], "text")
    for point in plot.drawn.scoreless:
        kind = "crash" if point.verdict == "crash" else "recorded"
        ground.put(plot.column(point.number), 0, plot.marks[kind], kind)
    return ground.line(0, color=color)


def _row(axis: Axis, score: float, rows: int) -> int:
    return round((1 - axis.share(score)) * (rows - 1))


def _column(drawn: Chart, number: int, width: int) -> int:
    if drawn.last == drawn.first:
        return width // 2
    return round((number - drawn.first) / (drawn.last - drawn.first) * (width - 1))


def _ruler(drawn: Chart, width: int) -> str:
    line = [" "] * width
    free = 0
    for number in numbers(drawn.first, drawn.last, max(1, width // 10)) if sum(drawn.counts.values()) else ():
        text = str(number)
        at = min(max(0, _column(drawn, number, width) - len(text) // 2), width - len(text))
        if at >= free:
            line[at : at + len(text)] = text
            free = at + len(text) + 1
    return "".join(line).rstrip()


def _summary(drawn: Chart, metric: str, direction: Direction, width: int, *, plain: bool) -> str:
    way = "lower" if direction == "min" else "higher"
    words = {"keep": "kept", "drop": "dropped", "crash": "crashed", "recorded": "not judged"}
    counts = (", " if plain else " · ").join(
        f"{drawn.counts[k]} {word}" for k, word in words.items() if drawn.counts[k]
    )
    best = f"best {score_text(drawn.best[1])} (#{drawn.best[0].number})" if drawn.best else "no result yet"
    name = clean(metric, 40)
    name = name.encode("ascii", "replace").decode() if plain else name
    text = f"{name}, {way} is better  {best}  {counts}".rstrip()
    return text if len(text) <= width else text[: width - 1] + ("~" if plain else "…")


def _painted(text: str, kind: str, *, color: bool) -> str:
    code = _COLORS.get(kind)
    return f"\x1b[{code}m{text}\x1b[0m" if color and code and text.strip() else text
