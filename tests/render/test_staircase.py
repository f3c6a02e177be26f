from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoresearch.render.points import Direction, chart, clean
from autoresearch.render.scale import numbers, score_axis
from autoresearch.render.staircase import Point, svg, terminal

NS = {"s": "http://www.w3.org/2000/svg"}
HISTORY = [
    Point(1, 1.0, "keep", "baseline"),
    Point(2, 0.9, "keep", "lr 0.1 to 0.2"),
    Point(3, 0.95, "drop", "depth"),
    Point(4, None, "crash", "OOM"),
    Point(5, 0.95, "keep", "simpler"),
    Point(6, 30.0, "drop", "diverged"),
    Point(7, 0.8, "keep", "wd"),
    Point(8, None, "recorded", "running"),
]


def parsed(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)


def marks(root: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    return [one for one in root.iter() if one.get("class") == kind and one.find("s:title", NS) is not None]


def titles(root: ElementTree.Element, kind: str) -> list[str]:
    return sorted(one.findtext("s:title", "", NS) for one in marks(root, kind))


def test_every_attempt_is_drawn_as_what_it_was() -> None:
    root = parsed(svg(HISTORY, metric="val_bpb", direction="min", noise=0.01, target=0.75))
    assert titles(root, "ars-k") == [
        "#1 kept, 1: baseline",
        "#2 kept, 0.9: lr 0.1 to 0.2",
        "#7 kept, 0.8: wd",
    ]
    assert titles(root, "ars-o") == ["#5 kept, 0.95: simpler"]
    assert titles(root, "ars-d") == ["#3 dropped, 0.95: depth", "#6 dropped, 30: diverged"]
    assert titles(root, "ars-c") == ["#4 crashed, no score: OOM"]
    assert titles(root, "ars-r") == ["#8 not judged, no score: running"]
    assert "two standard deviations" in titles(root, "ars-n")[0]


def test_better_is_further_down_when_minimized_and_further_up_when_maximized() -> None:
    ways: list[tuple[Direction, tuple[float, ...]]] = [("min", (3.0, 2.0, 1.0)), ("max", (1.0, 2.0, 3.0))]
    for direction, scores in ways:
        points = [Point(n, score, "keep") for n, score in enumerate(scores, start=1)]
        root = parsed(svg(points, metric="m", direction=direction))
        places = sorted((float(m.get("cx", "")), float(m.get("cy", ""))) for m in marks(root, "ars-k"))
        heights = [y for _, y in places]
        assert heights == sorted(heights, reverse=direction == "max")
        assert len(heights) == 3


def test_a_far_score_is_a_triangle_at_the_edge_and_flattens_nothing() -> None:
    root = parsed(svg(HISTORY, metric="m", direction="min"))
    far = next(m for m in marks(root, "ars-d") if "diverged" in m.findtext("s:title", "", NS))
    assert far.tag.endswith("path")
    ys = [float(m.get("cy", "")) for m in marks(root, "ars-k")]
    assert max(ys) - min(ys) > 100


def test_a_crash_with_a_score_is_never_on_the_staircase() -> None:
    root = parsed(svg([Point(1, 1.0, "keep"), Point(2, 0.0, "crash")], metric="m", direction="min"))
    assert [title[:2] for title in titles(root, "ars-k")] == ["#1"]
    assert (
        chart([Point(1, -5.0, "crash"), Point(2, math.nan, "keep"), Point(3, math.inf, "keep")], "min").best
        is None
    )


def test_the_caller_may_say_which_attempts_are_steps() -> None:
    points = [
        Point(1, 1.0, "keep", step=True),
        Point(2, 0.999, "keep", step=False),
        Point(3, 0.9, "keep", step=True),
    ]
    assert [point.number for point, _ in chart(points, "min").steps] == [1, 3]


def test_the_same_points_in_any_order_give_the_same_bytes() -> None:
    assert svg(HISTORY, metric="m", direction="min") == svg(HISTORY[::-1], metric="m", direction="min")
    assert terminal(HISTORY) == terminal(HISTORY[::-1])


def test_the_picture_says_what_it_shows_to_those_who_cannot_see_it() -> None:
    root = parsed(svg(HISTORY, metric="val_bpb", direction="min"))
    assert root.get("role") == "img"
    ids = {one.get("id"): one.text for one in root.iter() if one.get("id")}
    said = [ids[name] for name in root.get("aria-labelledby", "").split()]
    assert said == [
        "val_bpb: running best",
        "val_bpb, lower is better: from 1 to 0.8 in 3 steps. 4 kept, 2 dropped, 1 crashed, 1 not judged.",
    ]


@pytest.mark.parametrize("points", [[], [Point(7, 2.5, "keep")], [Point(1, None, "crash")] * 3], ids=len)
def test_few_points_make_a_whole_picture(points: list[Point]) -> None:
    root = parsed(svg(points, metric="m", direction="min", noise=0.1, target=2.0))
    assert len(marks(root, "ars-k")) == sum(point.verdict == "keep" for point in points)
    assert len(terminal(points, 60, 10).split("\n")) == 10


def test_equal_scores_make_a_level_line() -> None:
    points = [Point(n, 2.5, "keep" if n == 1 else "drop") for n in range(1, 9)]
    (line,) = [
        one.get("d", "")
        for one in parsed(svg(points, metric="m", direction="min")).iter()
        if one.get("class") == "ars-l"
    ]
    assert "V" not in line


def test_ten_thousand_points_stay_a_small_picture_with_its_best() -> None:
    points = [
        Point(n, 10.0 - n / 2000 + (n % 7), "keep" if n % 7 == 0 else "drop", f"c{n}") for n in range(10_000)
    ]
    text = svg(points, metric="m", direction="min")
    assert len(text) < 1_500_000
    assert any(title.startswith("#9996 ") for title in titles(parsed(text), "ars-k"))
    assert len(terminal(points, 100, 20).split("\n")) == 20


def test_hostile_text_stays_text() -> None:
    bad = "</title><script>alert(1)</script>&\"'\x1b[31m\u202e\ud800]]>"
    text = svg(
        [Point(1, 1.0, "keep", bad), Point(9, 0.5, "keep", bad)], metric=bad, direction="min", title=bad
    )
    root = parsed(text)
    assert not [one for one in root.iter() if one.tag.endswith("script")]
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e\ud800]", text)
    shown = terminal([Point(1, 1.0, "keep", bad)], metric=bad)
    assert "\x1b" not in shown
    text.encode()
    shown.encode()


TEXT = st.text(alphabet=st.characters(), max_size=20)
POINTS = st.lists(
    st.builds(
        Point,
        number=st.integers(0, 10**6),
        score=st.none() | st.floats() | st.floats(0.9, 1.1) | st.sampled_from([0.0, 1e308, -1e308, 5e-324]),
        verdict=st.sampled_from(["keep", "drop", "crash", "recorded"]),
        label=TEXT,
        step=st.none() | st.booleans(),
    ),
    max_size=30,
)


SCORES = st.floats(-1e300, 1e300).map(lambda score: score if abs(score) > 1e-300 else 0.0)
WAYS: st.SearchStrategy[Direction] = st.sampled_from(["min", "max"])


@settings(max_examples=150, deadline=None)
@given(
    POINTS,
    TEXT,
    WAYS,
    st.none() | st.floats(),
    st.none() | st.floats(),
    st.integers(-10, 2000),
)
def test_anything_gives_a_well_formed_picture_within_its_frame(
    points: list[Point],
    metric: str,
    direction: Direction,
    target: float | None,
    noise: float | None,
    width: int,
) -> None:
    root = parsed(
        svg(points, metric=metric, direction=direction, target=target, noise=noise, title=metric, width=width)
    )
    frame = float(root.get("width", "")), float(root.get("height", ""))
    for one in root.iter():
        for name, side in (("x", 0), ("cx", 0), ("y", 1), ("cy", 1)):
            assert -1 <= float(one.get(name, "0")) <= frame[side] + 1
        assert "nan" not in (one.get("d") or "")
    lines = terminal(points, width, 12, metric=metric, direction=direction, target=target).split("\n")
    assert len(lines) == 12
    wide = max(24, width)
    assert all(len(line) <= wide for line in lines)


def test_the_terminal_picture_is_the_one_drawn_here() -> None:
    points = [
        Point(1, 4.0, "keep"),
        Point(3, 3.5, "drop"),
        Point(5, 2.0, "keep"),
        Point(7, None, "crash"),
        Point(9, 3.0, "drop"),
    ]
    assert terminal(points, 60, 9, plain=True, metric="loss").split("\n") == [
        "loss, lower is better  best 2 (#5)  2 kept, 2 dropped, 1 cr~",
        "4 |O---------------------------+",
        "  |              .             |",
        "  |                            |                           .",
        "  |                            |",
        "  |                            |",
        "2 |                            O----------------------------",
        "  +------------------------------------------x--------------",
        "   1                    4             6             8",
    ]


def test_colour_only_adds_escape_codes() -> None:
    plain, coloured = terminal(HISTORY), terminal(HISTORY, color=True)
    assert "\x1b[32" in coloured
    stripped = re.sub("\x1b\\[[0-9;]*m", "", coloured)
    assert [line.rstrip() for line in stripped.split("\n")] == plain.split("\n")


def test_a_plain_picture_is_ascii_alone() -> None:
    assert terminal(HISTORY, plain=True, metric="größe").isascii()


def test_ticks_are_round_and_inside_the_axis() -> None:
    axis = score_axis([1.0, 0.97], [0.98, 3.2])
    assert [text for _, text in axis.ticks] == ["0.97", "0.98", "0.99", "1.00"]
    assert not axis.shows(3.2)
    assert not score_axis([1.0, 0.97], [0.98, -50.0]).shows(-50.0)
    assert all(axis.shows(mark) for mark, _ in axis.ticks)
    assert score_axis([1000.0, 0.1], []).log
    assert not score_axis([1000.0, -0.1], []).log


@settings(max_examples=200, deadline=None)
@given(
    st.lists(SCORES, max_size=6),
    st.lists(SCORES, max_size=6),
    st.lists(SCORES, max_size=2),
)
def test_an_axis_shows_every_step_whatever_the_scores(
    steps: list[float], others: list[float], near: list[float]
) -> None:
    axis = score_axis(steps, others, near)
    assert axis.low < axis.high
    assert all(axis.shows(step) for step in steps)
    assert len(axis.ticks) <= 60
    assert all(0.0 <= axis.share(score) <= 1.0 for score in (*steps, *others, *near))


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 20))
def test_number_ticks_are_few_and_inside(first: int, more: int, ticks: int) -> None:
    found = numbers(first, first + more, ticks)
    assert found == sorted(set(found))
    assert 1 <= len(found) <= ticks + 2
    assert found[0] == first
    assert found[-1] <= first + more


def test_cleaned_text_is_one_bounded_line() -> None:
    assert clean("a\n\tb\x00c\u202ed") == "a b c d"
    assert clean("x" * 300, 10) == "x" * 9 + "…"
