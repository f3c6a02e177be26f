"""The staircase as SVG: one file that needs nothing else, readable in light and in dark, the same bytes every time."""

from __future__ import annotations

import hashlib
import html
import math
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from autoresearch.render.points import Chart, Direction, Point, chart, clean, score_text
from autoresearch.render.scale import Axis, numbers, score_axis

__all__ = ["svg"]

_MIN_WIDTH, _MIN_HEIGHT = 320, 200
_MAX_SIDE = 4000
_BAND = 2.0
_CELL = 1.5
_CROWD = 6.5
_MAX_LABELS = 6

_STYLE = """
.ars{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
.ars-bg{fill:#fff}.ars-t{fill:#1c2430;font-size:15px;font-weight:600}.ars-m{fill:#5d6878}
.ars-s{fill:#5d6878;font-size:11px}.ars-g{stroke:#e8ebf0}.ars-x{stroke:#b8c0cc}
.ars-l{fill:none;stroke:#12805c;stroke-width:2.2;stroke-linejoin:round;stroke-linecap:round}
.ars-k{fill:#12805c;stroke:#fff;stroke-width:1.5}.ars-e{fill:#12805c}.ars-o{fill:#fff;stroke:#12805c;stroke-width:1.5}
.ars-d{fill:#8f9bad;fill-opacity:.6}.ars-r{fill:none;stroke:#8f9bad;stroke-width:1.2}
.ars-c{stroke:#cf3f36;stroke-width:1.8;stroke-linecap:round}.ars-n{fill:#12805c;fill-opacity:.1}
.ars-a{stroke:#4664d9;stroke-width:1.4;stroke-dasharray:5 4}.ars-at{fill:#4664d9}
.ars-b{fill:#12805c;font-weight:600;font-size:13px}
@media (prefers-color-scheme:dark){
.ars-bg{fill:#12161d}.ars-t{fill:#e8ecf2}.ars-m,.ars-s{fill:#9aa6b6}.ars-g{stroke:#232a35}.ars-x{stroke:#465163}
.ars-l{stroke:#3ecf98}.ars-k{fill:#3ecf98;stroke:#12161d}.ars-e{fill:#3ecf98}.ars-o{fill:#12161d;stroke:#3ecf98}
.ars-d{fill:#7d899b}.ars-r{stroke:#7d899b}.ars-c{stroke:#ff766c}.ars-n{fill:#3ecf98;fill-opacity:.13}
.ars-a{stroke:#8ea4ff}.ars-at{fill:#8ea4ff}.ars-b{fill:#3ecf98}}
"""


@dataclass(frozen=True, slots=True)
class _Frame:
    """The plot area in pixels, and where values lie in it."""

    left: float
    top: float
    right: float
    bottom: float
    first: int
    last: int
    axis: Axis

    def x(self, number: int) -> float:
        if self.last == self.first:
            return (self.left + self.right) / 2
        return self.left + (number - self.first) / (self.last - self.first) * (self.right - self.left)

    def y(self, score: float) -> float:
        return self.bottom - self.axis.share(score) * (self.bottom - self.top)


def svg(
    points: Iterable[Point],
    *,
    metric: str,
    direction: Direction,
    target: float | None = None,
    noise: float | None = None,
    title: str = "",
    width: int = 860,
    height: int = 420,
) -> str:
    """The attempts and the running best over the experiment number, as one SVG element.

    Steps are filled circles on the staircase, other keeps open circles, drops small dots, crashes ticks on the
    axis; a score far outside the range becomes a triangle at its edge. Hovering names the attempt. The same points
    give the same bytes. Texts may hold anything: they are cleaned and escaped.

    Args:
        points: The attempts, in any order and number; dots that would lie on each other are drawn once.
        metric: Name of the score.
        direction: ``"min"`` when lower is better, else ``"max"``.
        target: Score to reach, drawn as a dashed line when it is near the range.
        noise: Standard deviation of the score; two of them around the best are shaded.
        title: Heading; without it the metric, its best, and the number of experiments.
        width: Pixels, 320 to 4000; the picture scales to its container.
        height: Pixels, 200 to 4000.
    """
    drawn = chart(points, direction)
    width, height = _held(width, _MIN_WIDTH), _held(height, _MIN_HEIGHT)
    band = _band(drawn, noise)
    target = target if target is not None and math.isfinite(target) else None
    axis = score_axis(
        [score for _, score in drawn.steps],
        [score for _, score in drawn.scored],
        [*(band or ()), *([target] if target is not None else [])],
        ticks=max(2, (height - 130) // 46),
    )
    frame = _framed(drawn, axis, width, height)
    body = [
        *_heading(drawn, frame, clean(title, 90) or _title(drawn, clean(metric, 60)), width),
        *_grid(frame, drawn, clean(metric, 60), direction),
        *_band_and_target(frame, band, target, noise),
        *_dots(frame, drawn),
        *_stairs(frame, drawn),
        *_labels(frame, drawn, direction),
    ]
    return _document("\n".join(body), _description(drawn, clean(metric, 60), direction), width, height)


def _framed(drawn: Chart, axis: Axis, width: int, height: int) -> _Frame:
    """Room for the numbers on the left, and for the best one on the right."""
    widest = max((len(text) for _, text in axis.ticks), default=1)
    best = score_text(drawn.best[1]) if drawn.best else ""
    return _Frame(
        left=max(44.0, 20 + 6.8 * widest),
        top=84.0,
        right=width - max(28.0, 18 + 8.0 * len(best)),
        bottom=height - 46.0,
        first=drawn.first,
        last=drawn.last,
        axis=axis,
    )


def _document(body: str, described: tuple[str, str], width: int, height: int) -> str:
    # Several pictures may stand in one page, where equal ids would name the first of them.
    mark = hashlib.sha256((body + described[1]).encode()).hexdigest()[:8]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="ars" role="img" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" style="max-width:100%;height:auto" '
        f'aria-labelledby="ars-{mark}-t ars-{mark}-d">\n'
        f'<title id="ars-{mark}-t">{described[0]}</title>\n<desc id="ars-{mark}-d">{described[1]}</desc>\n'
        f'<style>{_STYLE}</style>\n<rect class="ars-bg" width="{width}" height="{height}" rx="8"/>\n{body}\n</svg>\n'
    )


def _description(drawn: Chart, metric: str, direction: Direction) -> tuple[str, str]:
    name = html.escape(metric)
    way = "lower" if direction == "min" else "higher"
    counts = ", ".join(f"{count} {word}" for count, word in _counts(drawn))
    if not drawn.best:
        return f"{name}: no result yet", f"{name}, {way} is better. {counts or 'Nothing was tried'}."
    first, last = drawn.steps[0], drawn.steps[-1]
    went = f"from {score_text(first[1])} to {score_text(last[1])} in {len(drawn.steps)} steps"
    return f"{name}: running best", f"{name}, {way} is better: {went}. {counts}."


def _title(drawn: Chart, metric: str) -> str:
    total = sum(drawn.counts.values())
    if not drawn.best:
        return metric
    return f"{metric}: best {score_text(drawn.best[1])} of {total:,} experiment{'s' if total != 1 else ''}"


def _counts(drawn: Chart) -> list[tuple[int, str]]:
    words = {"keep": "kept", "drop": "dropped", "crash": "crashed", "recorded": "not judged"}
    return [(drawn.counts[key], word) for key, word in words.items() if drawn.counts[key]]


def _heading(drawn: Chart, frame: _Frame, title: str, width: int) -> Iterator[str]:
    shown = title if _wide(title) * 8.2 < width - 40 else title[: max(8, int((width - 40) / 8.2))] + "…"
    yield f'<text class="ars-t" x="20" y="29">{html.escape(shown)}</text>'
    marks = {
        "kept": '<circle class="ars-k" cx="{x}" cy="46" r="4.5"/>',
        "dropped": '<circle class="ars-d" cx="{x}" cy="46" r="3.5"/>',
        "crashed": '<path class="ars-c" d="M{x} 42v8"/>',
        "not judged": '<circle class="ars-r" cx="{x}" cy="46" r="3.5"/>',
    }
    at = 25.0
    for count, word in _counts(drawn):
        text = f"{count:,} {word}"
        yield marks[word].format(x=_n(at)) + f'<text class="ars-m" x="{_n(at + 9)}" y="50">{text}</text>'
        at += 24 + 6.6 * len(text)
    if not drawn.scored:
        middle = (frame.left + frame.right) / 2
        said = "no scores" if drawn.scoreless else "no experiments yet"
        yield f'<text class="ars-m" x="{_n(middle)}" y="{_n((frame.top + frame.bottom) / 2)}" text-anchor="middle">{said}</text>'


def _grid(frame: _Frame, drawn: Chart, metric: str, direction: Direction) -> Iterator[str]:
    for mark, text in frame.axis.ticks if drawn.scored else ():
        y = _n(frame.y(mark))
        yield f'<path class="ars-g" d="M{_n(frame.left)} {y}H{_n(frame.right)}"/>'
        yield f'<text class="ars-s" x="{_n(frame.left - 8)}" y="{y}" dy=".34em" text-anchor="end">{text}</text>'
    yield f'<path class="ars-x" d="M{_n(frame.left)} {_n(frame.bottom)}H{_n(frame.right)}"/>'
    if drawn.scored or drawn.scoreless:
        for number in numbers(frame.first, frame.last, max(2, int((frame.right - frame.left) / 90))):
            x = _n(frame.x(number))
            yield f'<path class="ars-x" d="M{x} {_n(frame.bottom)}v4"/>'
            yield f'<text class="ars-s" x="{x}" y="{_n(frame.bottom + 17)}" text-anchor="middle">{number}</text>'
    middle = _n((frame.left + frame.right) / 2)
    yield f'<text class="ars-s" x="{middle}" y="{_n(frame.bottom + 35)}" text-anchor="middle">experiment</text>'
    arrow = "↓ lower" if direction == "min" else "↑ higher"
    scale = ", logarithmic" if frame.axis.log else ""
    yield f'<text class="ars-s" x="20" y="{_n(frame.top - 13)}">{html.escape(metric)} ({arrow} is better{scale})</text>'


def _band(drawn: Chart, noise: float | None) -> tuple[float, float] | None:
    if noise is None or not math.isfinite(noise) or noise <= 0 or not drawn.best:
        return None
    reach = min(_BAND * noise, 1e300)
    return drawn.best[1] - reach, drawn.best[1] + reach


def _band_and_target(
    frame: _Frame, band: tuple[float, float] | None, target: float | None, noise: float | None
) -> Iterator[str]:
    if band and noise is not None:
        top, bottom = frame.y(band[1]), frame.y(band[0])
        yield (
            f'<rect class="ars-n" x="{_n(frame.left)}" y="{_n(top)}" width="{_n(frame.right - frame.left)}" '
            f'height="{_n(max(1.0, bottom - top))}"><title>within two standard deviations of the best '
            f"(noise {score_text(noise)})</title></rect>"
        )
    if target is not None:
        y = frame.y(target)
        shown = frame.axis.shows(target)
        where = "" if shown else " ↓" if target < frame.axis.low else " ↑"
        text = f"target {score_text(target)}{where}"
        if shown:
            yield f'<path class="ars-a" d="M{_n(frame.left)} {_n(y)}H{_n(frame.right)}"/>'
        above = y - 6 if y - frame.top > 18 else y + 15
        yield f'<text class="ars-s ars-at" x="{_n(frame.left + 4)}" y="{_n(above)}">{text}</text>'


def _dots(frame: _Frame, drawn: Chart) -> Iterator[str]:
    """Every attempt that is no step; what would lie on an earlier mark of its kind is left out."""
    steps = {id(point) for point, _ in drawn.steps}
    taken: set[tuple[str, int, int]] = set()
    ranks = {"drop": 0, "recorded": 1, "keep": 2}
    for point, score in sorted(drawn.scored, key=lambda pair: ranks[pair[0].verdict]):
        if id(point) in steps:
            continue
        x, y = frame.x(point.number), frame.y(score)
        cell = (point.verdict, int(x / _CELL), int(y / _CELL))
        if cell in taken:
            continue
        taken.add(cell)
        yield _dot(frame, point, score)
    for point in drawn.scoreless:
        x = frame.x(point.number)
        cell = (point.verdict, int(x / _CELL), -1)
        if cell not in taken:
            taken.add(cell)
            kind = "ars-c" if point.verdict == "crash" else "ars-r"
            said = _said(point, "no score")
            yield f'<path class="{kind}" d="M{_n(x)} {_n(frame.bottom - 8)}v8">{said}</path>'


def _dot(frame: _Frame, point: Point, score: float) -> str:
    x, y = _n(frame.x(point.number)), _n(frame.y(score))
    said = _said(point, score_text(score))
    kind, radius = {"keep": ("ars-o", 3.4), "drop": ("ars-d", 2.8)}.get(point.verdict, ("ars-r", 2.8))
    if frame.axis.shows(score):
        return f'<circle class="{kind}" cx="{x}" cy="{y}" r="{radius}">{said}</circle>'
    shape = "l4 7h-8z" if score > frame.axis.high else "l4 -7h-8z"
    return f'<path class="{kind}" d="M{x} {y}{shape}">{said}</path>'


def _said(point: Point, score: str) -> str:
    words = {"keep": "kept", "drop": "dropped", "crash": "crashed", "recorded": "not judged"}
    label = clean(point.label, 160)
    tail = f": {label}" if label else ""
    return f"<title>{html.escape(f'#{point.number} {words[point.verdict]}, {score}{tail}')}</title>"


def _stairs(frame: _Frame, drawn: Chart) -> Iterator[str]:
    if not drawn.steps:
        return
    path: list[str] = []
    at = ("", "")
    for point, score in drawn.steps:
        x, y = _n(frame.x(point.number)), _n(frame.y(score))
        if not path:
            path.append(f"M{x} {y}")
        elif (x, y) != at:
            path.append(f"H{x}V{y}")
        at = (x, y)
    yield f'<path class="ars-l" d="{"".join(path)}H{_n(frame.right)}"/>'
    yield from _step_marks(frame, drawn)
    _, best = drawn.steps[-1]
    y = _n(frame.y(best))
    yield f'<text class="ars-b" x="{_n(frame.right + 7)}" y="{y}" dy=".35em">{score_text(best)}</text>'


def _step_marks(frame: _Frame, drawn: Chart) -> Iterator[str]:
    """A circle on every step; where they crowd, most become dots, and one spot gets one mark."""
    full: list[str] = []
    last: tuple[float, float] | None = None
    taken: set[tuple[str, str]] = set()
    # From the last, so that the best is always a full circle.
    for point, score in reversed(drawn.steps):
        x, y = frame.x(point.number), frame.y(score)
        spot = _n(x), _n(y)
        if spot in taken:
            continue
        taken.add(spot)
        said = _said(point, score_text(score))
        if last is None or math.dist(last, (x, y)) >= _CROWD:
            full.append(f'<circle class="ars-k" cx="{spot[0]}" cy="{spot[1]}" r="4.2">{said}</circle>')
            last = (x, y)
        else:
            yield f'<circle class="ars-e" cx="{spot[0]}" cy="{spot[1]}" r="2.2">{said}</circle>'
    yield from full


def _labels(frame: _Frame, drawn: Chart, direction: Direction) -> Iterator[str]:
    """Names of the largest steps, on the side of the staircase where nothing else is drawn."""
    gains = sorted(
        ((abs(b[1] - a[1]), b) for a, b in zip(drawn.steps, drawn.steps[1:], strict=False)),
        key=lambda pair: (-pair[0], pair[1][0].number),
    )
    placed: list[tuple[float, float, float]] = []
    below = 12.0 if direction == "min" else -5.0
    for _, (point, score) in gains:
        text = clean(point.label, 34)
        x, y = frame.x(point.number) - 7, frame.y(score) + below
        start = x - 6.1 * _wide(text)
        inside = start > frame.left + 4 and frame.top < y < frame.bottom - 10
        crowded = any(abs(y - other) < 13 and start < right and x > left for left, right, other in placed)
        if text and inside and not crowded:
            placed.append((start - 4, x + 4, y))
            yield f'<text class="ars-s" x="{_n(x)}" y="{_n(y)}" text-anchor="end">{html.escape(text)}</text>'
        if len(placed) == _MAX_LABELS:
            return


def _wide(text: str) -> int:
    """Columns a text takes; East Asian characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _held(side: int, least: int) -> int:
    return max(least, min(_MAX_SIDE, int(side)))


def _n(value: float) -> str:
    """A coordinate with one decimal, without a trailing zero."""
    return f"{value:.1f}".removesuffix(".0")
