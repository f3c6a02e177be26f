"""Curves as text for a terminal: metrics over steps, and the same in one line."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from autoresearch.render.points import clean, score_text
from autoresearch.render.scale import Axis, numbers, value_axis

__all__ = ["Trace", "plot", "sparkline"]

_INKS = ("36", "33", "35", "32", "34", "31")
_QUIET = "90"
_BAD = "31"
_MARKS = ("●○◆◇■□▲△", "*o+x#@%&")
_EDGES = ("│", "└", "─", "\u00d7"), ("|", "+", "-", "x")
_BLOCKS = "▁▂▃▄▅▆▇█", "_.:-=+*#"
_BRAILLE = 0x2800
# Bits of the dots of a cell, by column and, downwards, row.
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_MIN_WIDTH, _MIN_HEIGHT = 24, 6
_MOST = 1e300


@dataclass(frozen=True, slots=True)
class Trace:
    """One curve.

    Attributes:
        title: What the legend calls it; any text.
        xs: Steps, rising; shape (n,).
        ys: Values; NaN is a gap and is marked on the axis, infinities are marked at the edge. Shape (n,).
    """

    title: str
    xs: Sequence[float]
    ys: Sequence[float]


@dataclass(frozen=True, slots=True)
class _Style:
    """With what is drawn: which characters, in how many dots a cell, and whether in colour."""

    color: bool
    unicode: bool
    dots: bool

    @property
    def edges(self) -> tuple[str, str, str, str]:
        return _EDGES[not self.unicode]

    def mark(self, number: int) -> str:
        marks = _MARKS[not self.unicode]
        return marks[number % len(marks)]

    def ink(self, number: int) -> str:
        return _INKS[number % len(_INKS)]

    def painted(self, text: str, ink: str) -> str:
        return f"\x1b[{ink}m{text}\x1b[0m" if self.color and ink and text.strip() else text

    def joined(self, cells: Iterable[tuple[str, str]]) -> str:
        """Characters with their inks as a line; neighbours in one colour share its codes."""
        runs = itertools.groupby(cells, key=lambda cell: cell[1])
        return "".join(self.painted("".join(one for one, _ in run), ink) for ink, run in runs)


class _Canvas:
    """The plot area; points are put by dot, of which a cell has 2 x 4, or 1 where dots cannot tell curves apart."""

    def __init__(self, columns: int, rows: int, style: _Style) -> None:
        self.columns, self.rows, self.style = columns, rows, style
        self.across, self.down = (2, 4) if style.dots else (1, 1)
        self._cells: dict[tuple[int, int], tuple[int, str, str]] = {}

    @property
    def width(self) -> int:
        return self.columns * self.across

    @property
    def height(self) -> int:
        return self.rows * self.down

    def dot(self, x: int, y: int, number: int) -> None:
        cell = (x // self.across, y // self.down)
        if not self.style.dots:
            self._cells[cell] = (0, self.style.mark(number), self.style.ink(number))
            return
        bits = self._cells.get(cell, (0, "", ""))[0] | _DOTS[x % 2][y % 4]
        self._cells[cell] = (bits, chr(_BRAILLE + bits), self.style.ink(number))

    def sign(self, column: int, row: int, character: str) -> None:
        self._cells[column, row] = (0, character, _BAD)

    def line(self, row: int) -> str:
        found = [self._cells.get((column, row), (0, " ", ""))[1:] for column in range(self.columns)]
        return self.style.joined(found).rstrip()


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where a point of the data lies on the canvas."""

    canvas: _Canvas
    first: float
    last: float
    axis: Axis

    def x(self, step: float) -> int:
        width = self.canvas.width
        return _placed(step, self.first, self.last, width)

    def y(self, value: float) -> int:
        return round((1 - self.axis.share(value)) * (self.canvas.height - 1))

    def drawable(self, value: float) -> bool:
        return math.isfinite(value) and not (self.axis.log and value <= 0)


def plot(
    traces: Iterable[Trace],
    width: int = 80,
    height: int = 18,
    color: bool = False,  # noqa: FBT001, FBT002  the order of a picture's size and colour is plain
    *,
    unicode: bool = True,
    log: bool | None = None,
) -> str:
    """Curves in one picture, as lines of text without a line end at the end.

    Args:
        traces: The curves; one without a finite value is named in the legend alone.
        width: Columns of the whole picture, at least 24.
        height: Lines of the whole picture with its legend, at least 6.
        color: Whether to use ANSI colours; without them several curves are told apart by their marks.
        unicode: Whether to use more than ASCII characters.
        log: Whether the vertical axis is logarithmic; None leaves that to the range. Values that are not positive
            are then gaps.
    """
    given = list(traces)
    drawn = [Trace(trace.title, trace.xs, [_bounded(value) for value in trace.ys]) for trace in given]
    style = _Style(color, unicode, dots=unicode and (color or len(drawn) < 2))
    width, height = max(_MIN_WIDTH, width), max(_MIN_HEIGHT, height)
    legend = list(_legend(given, style, width, max(1, height // 3)))
    rows = height - len(legend) - 2
    values = [value for trace in drawn for value in trace.ys if math.isfinite(value)]
    if log and any(value > 0 for value in values):
        values = [value for value in values if value > 0]
    if not any(len(trace.xs) for trace in drawn):
        return "\n".join([*legend, "no points yet"])
    axis = value_axis(min(values, default=0.0), max(values, default=1.0), log=log, ticks=max(2, rows // 3))
    steps = [step for trace in drawn for step in (*trace.xs[:1], *trace.xs[-1:])]
    labels = {_row(axis, mark, rows): text for mark, text in axis.ticks} if values else {}
    margin = max(map(len, labels.values()), default=1)
    canvas = _Canvas(max(8, width - margin - 2), rows, style)
    frame = _Frame(canvas, min(steps), max(steps), axis)
    for number, trace in enumerate(drawn):
        _draw(frame, trace, number)
    return "\n".join([*legend, *_framed(frame, drawn, labels, margin)])


def sparkline(values: Sequence[float], width: int = 20, *, unicode: bool = True) -> str:
    """Values as a line of blocks, of at most ``width`` characters; NaN is a cross, infinities are highest and lowest.

    More values than fit are taken together; of each group its mean is shown.
    """
    groups = [_bounded(value) for value in _grouped(values, max(1, width))]
    finite = [value for value in groups if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    blocks = _BLOCKS[not unicode]
    top = len(blocks) - 1

    def block(value: float) -> str:
        if math.isnan(value):
            return _EDGES[not unicode][3]
        if math.isinf(value):
            return blocks[top if value > 0 else 0]
        return blocks[top // 2 if high == low else round((value - low) / (high - low) * top)]

    return "".join(map(block, groups))


def _grouped(values: Sequence[float], width: int) -> Iterator[float]:
    if len(values) <= width:
        yield from values
        return
    for place in range(width):
        group = values[place * len(values) // width : (place + 1) * len(values) // width]
        told = [value for value in group if not math.isnan(value)]
        beyond = next((value for value in told if math.isinf(value)), None)
        # Divided one by one, the largest numbers do not overflow.
        mean = math.fsum(value / len(told) for value in told) if told and beyond is None else math.nan
        yield mean if beyond is None else beyond


def _bounded(value: float) -> float:
    # Differences of larger numbers overflow, ratios of smaller ones too; no axis could show them apart.
    if not math.isfinite(value):
        return value
    return max(-_MOST, min(_MOST, value)) if abs(value) > 1 / _MOST else 0.0


def _placed(step: float, first: float, last: float, width: int) -> int:
    if last <= first:
        return width // 2
    return round((step - first) / (last - first) * (width - 1))


def _row(axis: Axis, value: float, rows: int) -> int:
    return round((1 - axis.share(value)) * (rows - 1))


def _draw(frame: _Frame, trace: Trace, number: int) -> None:
    before: tuple[int, int] | None = None
    alone = False
    for step, value in zip(trace.xs, trace.ys, strict=True):
        if math.isinf(value):
            row = 0 if value > 0 else frame.canvas.rows - 1
            frame.canvas.sign(frame.x(step) // frame.canvas.across, row, "^" if value > 0 else "v")
        if not frame.drawable(value):
            _widen(frame, before, number, alone=alone)
            before = None
            continue
        here = frame.x(step), frame.y(value)
        alone = before is None
        for x, y in _between(before or here, here):
            frame.canvas.dot(x, y, number)
        before = here
    _widen(frame, before, number, alone=alone)


def _widen(frame: _Frame, at: tuple[int, int] | None, number: int, *, alone: bool) -> None:
    """A point with gaps on both sides would be one dot, which nobody sees."""
    if at is None or not alone:
        return
    for x in (at[0], at[0] ^ 1) if frame.canvas.style.dots else (at[0],):
        for y in (at[1], at[1] ^ 1) if frame.canvas.style.dots else (at[1],):
            frame.canvas.dot(x, y, number)


def _between(start: tuple[int, int], end: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """The dots of a straight line, both ends included."""
    (x0, y0), (x1, y1) = start, end
    length = max(abs(x1 - x0), abs(y1 - y0))
    for at in range(length + 1):
        share = at / length if length else 0.0
        yield round(x0 + (x1 - x0) * share), round(y0 + (y1 - y0) * share)


def _framed(frame: _Frame, drawn: Sequence[Trace], labels: dict[int, str], margin: int) -> Iterator[str]:
    """The canvas with its axes."""
    canvas, style = frame.canvas, frame.canvas.style
    upright, corner, level, gap = style.edges
    for row in range(canvas.rows):
        label = style.painted(labels.get(row, "").rjust(margin), _QUIET)
        yield f"{label} {style.painted(upright, _QUIET)}{canvas.line(row)}".rstrip()
    ground = [(level, _QUIET)] * canvas.columns
    for trace in drawn:
        for step, value in zip(trace.xs, trace.ys, strict=True):
            if math.isnan(value):
                ground[frame.x(step) // canvas.across] = (gap, _BAD)
    yield " " * (margin + 1) + style.painted(corner, _QUIET) + style.joined(ground)
    yield style.painted((" " * (margin + 2) + _ruler(frame)).rstrip(), _QUIET)


def _ruler(frame: _Frame) -> str:
    columns = frame.canvas.columns
    line = [" "] * columns
    first, last = math.floor(frame.first), math.ceil(frame.last)
    marks = numbers(first, last, max(1, columns // 12))
    free = 0
    for mark in marks:
        text = _count(mark, marks)
        at = _placed(mark, frame.first, frame.last, columns) - len(text) // 2
        at = min(max(0, at), columns - len(text))
        if at >= free:
            line[at : at + len(text)] = text
            free = at + len(text) + 1
    return "".join(line).rstrip()


def _count(mark: int, marks: Sequence[int]) -> str:
    """A number of steps, in thousands or millions where all the ticks but the first one are whole ones."""
    for unit, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if abs(mark) >= unit and len(marks) > 1 and all(other % unit == 0 for other in marks[1:]):
            return f"{mark // unit}{letter}" if mark % unit == 0 else str(mark)
    return str(mark)


def _legend(drawn: Sequence[Trace], style: _Style, width: int, most: int) -> Iterator[str]:
    """One line for each curve, with its last, least and greatest value; the most that fit."""
    shown = drawn if len(drawn) <= most else drawn[: most - 1]
    for number, trace in enumerate(shown):
        finite = [value for value in trace.ys if math.isfinite(value)]
        reach = (
            f"min {score_text(min(finite))}  max {score_text(max(finite))}" if finite else "no finite value"
        )
        said = f"last {score_text(trace.ys[-1])}  {reach}" if len(trace.ys) else "no points"
        room = width - len(said) - 4
        title = _cut(clean(trace.title, 200), max(6, room), style)
        mark = "⣿" if style.dots else style.mark(number)
        yield style.painted(mark, style.ink(number)) + f" {title}  {said}"[: width - 1]
    if len(shown) < len(drawn):
        yield f"and {len(drawn) - len(shown)} more"


def _cut(text: str, room: int, style: _Style) -> str:
    text = text if style.unicode else text.encode("ascii", "replace").decode()
    return text if len(text) <= room else text[: room - 1].rstrip() + ("…" if style.unicode else "~")
