"""Curves and sparklines as text."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch.render.curves import Trace, plot, sparkline

INK = re.compile(r"\x1b\[[0-9;]*m")
ANY = st.floats(allow_nan=True, allow_infinity=True)


def _falling(n: int = 200) -> Trace:
    return Trace("loss", range(n), [2 + 3 * math.exp(-step / 40) for step in range(n)])


def _dots(picture: str) -> list[str]:
    """The plot area, without legend, axes and labels."""
    return [line.partition("│")[2] for line in picture.split("\n") if "│" in line]


def test_a_falling_curve_begins_at_the_top_and_ends_at_the_bottom() -> None:
    rows = _dots(plot([_falling()], 60, 12))
    first = next(number for number, row in enumerate(rows) if row[:1].strip())
    last = next(number for number, row in enumerate(rows) if len(row) > 50 and row[50:].strip())
    assert first < 2
    assert last > len(rows) - 3


def test_the_legend_says_last_least_and_greatest() -> None:
    head = plot([Trace("loss", [1, 2, 3], [3.0, 1.0, 2.0])], 60, 8).split("\n")[0]
    assert head == "⣿ loss  last 2  min 1  max 3"


def test_the_axes_have_round_numbers_and_count_in_thousands() -> None:
    picture = plot([Trace("loss", [0, 250_000], [1.0, 2.0])], 80, 16)
    assert {"1.0", "1.5", "2.0"} <= {line.split(" ")[0] for line in picture.split("\n")}
    assert picture.split("\n")[-1].split() == ["0", "50k", "100k", "150k", "200k", "250k"]


def test_a_gap_stays_empty_and_is_marked_on_the_axis() -> None:
    values = [1.0] * 40 + [math.nan] * 20 + [1.0] * 40
    picture = plot([Trace("loss", range(100), values)], 104, 8)
    drawn = next(row for row in _dots(picture) if row.strip())
    assert drawn[42:56].strip() == ""
    assert drawn[:38].strip()
    assert drawn[64:].strip()
    ground = picture.split("\n")[-2]
    assert ground.count("\u00d7") in range(18, 23)


def test_infinities_stand_at_the_edges() -> None:
    rows = _dots(plot([Trace("x", range(4), [1.0, math.inf, 2.0, -math.inf])], 40, 10))
    assert "^" in rows[0]
    assert "v" in rows[-1]


def test_one_point_can_be_seen() -> None:
    picture = plot([Trace("x", [7], [2.5])], 40, 8)
    assert sum(bool(row.strip()) for row in _dots(picture)) == 1
    assert picture.split("\n")[-1].strip() == "7"


def test_a_point_between_gaps_is_more_than_one_dot() -> None:
    values = [math.nan, 1.0, math.nan, 2.0, math.nan]
    marks = "".join(_dots(plot([Trace("x", range(5), values)], 40, 8))).replace(" ", "")
    assert [(ord(mark) - 0x2800).bit_count() for mark in marks] == [4, 4]


def test_a_constant_is_a_level_line() -> None:
    rows = _dots(plot([Trace("x", range(50), [3.0] * 50)], 60, 9))
    assert sum(bool(row.strip()) for row in rows) == 1


def test_a_huge_range_of_positive_values_is_logarithmic_and_can_be_asked_for_on_a_small_one() -> None:
    labels = [line.split()[0] for line in plot([Trace("lr", [1, 2], [1e-8, 1.0])], 60, 12).split("\n")]
    assert {"0.1", "1e-05"} <= set(labels)
    small = [Trace("x", [1, 2, 3], [1.0, 5.0, 10.0])]
    assert plot(small, 60, 12, log=True) != plot(small, 60, 12)


def test_a_logarithmic_axis_leaves_out_what_is_not_positive() -> None:
    rows = _dots(plot([Trace("x", [0, 1, 2], [-5.0, 1.0, 10.0])], 60, 12, log=True))
    assert all(row[:20].strip() == "" for row in rows)
    below = plot([Trace("x", [0, 1], [-5.0, -1.0])], 60, 12, log=True)
    assert any(row.strip() for row in _dots(below)), "without a positive value the axis is linear"


def test_several_curves_differ_by_colour_or_else_by_mark() -> None:
    two = [_falling(), Trace("val", range(200), [4.0] * 200)]
    colored = plot(two, 80, 14, True)
    assert {"\x1b[36m", "\x1b[33m"} <= set(INK.findall(colored))
    plain = plot(two, 80, 14)
    assert "\x1b" not in plain
    assert [line[0] for line in plain.split("\n")[:2]] == ["●", "○"]
    assert {"●", "○"} <= set("".join(_dots(plain)))


def test_more_curves_than_the_legend_bears_are_counted() -> None:
    many = [Trace(f"m{n}", [0, 1], [n, n + 1]) for n in range(20)]
    assert "and 17 more" in plot(many, 80, 12)


def test_a_title_by_others_reaches_no_terminal_as_it_is() -> None:
    picture = plot([Trace("a\x1b[31mb\nc\u202e", [1], [1.0])], 60, 8)
    assert "\x1b" not in picture
    assert "\u202e" not in picture
    assert picture.split("\n")[0].startswith("⣿ a [31mb c")


def test_without_a_point_the_picture_says_so() -> None:
    assert plot([]) == "no points yet"
    assert plot([Trace("x", [], [])]).endswith("no points yet")
    assert "no finite value" in plot([Trace("x", [1, 2], [math.nan, math.nan])])


@given(
    st.lists(st.lists(ANY, max_size=30), max_size=4),
    st.integers(0, 120),
    st.integers(0, 30),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, True, False]),
)
def test_whatever_is_drawn_fits_the_size(
    curves: list[list[float]], width: int, height: int, color: bool, unicode: bool, log: bool | None
) -> None:
    traces = [Trace(f"a long name {n}" * 3, range(len(ys)), ys) for n, ys in enumerate(curves)]
    picture = INK.sub("", plot(traces, width, height, color, unicode=unicode, log=log))
    lines = picture.split("\n")
    assert len(lines) <= max(6, height)
    assert max(map(len, lines)) <= max(24, width)
    assert unicode or picture.isascii()


def test_a_sparkline_shows_the_course() -> None:
    assert sparkline([1, 2, 3, 4, 5, 6, 7, 8]) == "▁▂▃▄▅▆▇█"
    assert sparkline([1, 1, 1]) == "▄▄▄"
    assert sparkline([]) == ""
    assert sparkline([1, math.nan, math.inf, 2, -math.inf]) == "▁\u00d7██▁"


@given(st.lists(ANY, max_size=300), st.integers(1, 50), st.booleans())
def test_a_sparkline_has_one_block_for_each_value_or_group(
    values: list[float], width: int, unicode: bool
) -> None:
    line = sparkline(values, width, unicode=unicode)
    assert len(line) == min(len(values), width)
    assert unicode or line.isascii()


def test_a_long_series_is_taken_together_by_its_means() -> None:
    assert sparkline([0, 0, 10, 10, 0, 0], 3) == "▁█▁"
    assert sparkline([math.nan, 1.0, 2.0, 2.0], 2) == "▁█"


@pytest.mark.parametrize("extreme", [1e308, 5e-324, -1e308])
def test_extremes_of_numbers_are_drawn(extreme: float) -> None:
    picture = plot([Trace("x", [0, 1, 2], [0.0, extreme, 1.0])], 60, 10)
    assert any(row.strip() for row in _dots(picture))
