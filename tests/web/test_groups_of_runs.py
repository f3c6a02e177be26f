"""Runs in groups: a mean and a band for each, that say what the numbers say, also where runs have other steps and end early."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.web import seeding_runs
from tests.web.looking import Site, violations

CHARTS = f"/?project={seeding_runs.MEANS}&page=runs&view=charts"
_INKED = """(over) => {
    const canvas = over.parentElement.querySelector('canvas');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let found = 0;
    for (let at = 3; at < data.length; at += 4) found += data[at];
    return found;
}"""
Row = tuple[str | float | None, ...]


@pytest.fixture(autouse=True, scope="module")
def known(site: Site) -> None:
    """Runs whose means can be said by heart."""
    seeding_runs.means(site.served.home)


def _saved(page: Page, metric: str = "loss") -> tuple[list[str], list[Row]]:
    page.locator("figure").first.hover()
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Save {metric} as CSV").click()
    head, *rows = csv.reader(io.StringIO(download.value.path().read_text()))
    return head, [(row[0], *(float(each) if each else None for each in row[1:])) for row in rows]


def _of(rows: Sequence[Row], group: str) -> Iterator[list[Any]]:
    return ([*row[1:]] for row in rows if row[0] == group)


def test_the_mean_of_a_group_is_taken_between_steps_and_over_those_runs_that_still_go_on(site: Site) -> None:
    with site.visit(f"{CHARTS}&by=config.lr&metric=loss") as page:
        expect(page.get_by_role("list", name="Groups").get_by_role("button")).to_have_count(3)
        head, rows = _saved(page)
    assert head == ["group", "step", "mean", "min", "max", "runs"]
    # One run has 0, 10, 20 and 30 at these steps; the other 2 at 0 and 6 at 20, and then it ended.
    assert [*_of(rows, "lr=1")] == [
        [0, 1, 0, 2, 2],
        [10, 7, 4, 10, 2],
        [20, 13, 6, 20, 2],
        [30, 30, None, None, 1],
    ]
    # Before the first step of a run, and where its value is not a number, it does not count.
    assert [*_of(rows, "lr=3")] == [
        [0, 1, None, None, 1],
        [1, 2, None, None, 1],
        [2, 4, 3, 5, 2],
        [3, 6, 5, 7, 2],
    ]


def test_the_band_is_one_standard_deviation_when_asked_and_ends_where_one_run_is_left(site: Site) -> None:
    with site.visit(f"{CHARTS}&by=config.lr&metric=loss") as page:
        page.get_by_label("Band").select_option("± 1 standard deviation")
        page.wait_for_url(re.compile("band=sd"))
        head, rows = _saved(page)
    assert head[3:5] == ["minus_sd", "plus_sd"]
    *both, last = _of(rows, "lr=1")
    for (_, mean, low, high, runs), spread in zip(
        both, (math.sqrt(2), math.sqrt(18), math.sqrt(98)), strict=True
    ):
        assert (low, high) == pytest.approx((mean - spread, mean + spread))
        assert runs == 2
    assert last == [30, 30, None, None, 1]


def test_groups_follow_smoothing_and_the_axis(site: Site) -> None:
    with site.visit(f"{CHARTS}&by=config.lr&metric=loss&smooth=0.5") as page:
        _, rows = _saved(page)
        # Smoothed first, then put together: 0, 20/3, … of one run and 2, 14/3 of the other, half way between at step 10.
        assert [row[1] for row in _of(rows, "lr=1")][:2] == pytest.approx([1, (20 / 3 + 10 / 3) / 2])
        page.get_by_label("Log x").check()
        page.wait_for_url(re.compile("logx=1"))
        _, rows = _saved(page)
        assert [row[0] for row in _of(rows, "lr=1")] == [10, 20, 30]
        page.get_by_label("Over", exact=True).select_option("relative")
        page.get_by_label("Log x").uncheck()
        head, _ = _saved(page)
        assert head[1] == "relative"


def test_runs_are_grouped_by_several_things_at_once_and_the_address_says_so(site: Site) -> None:
    with site.visit(CHARTS) as page:
        page.get_by_text("Group by").click()
        page.get_by_label("config.lr").check()
        page.get_by_label("tags", exact=True).check()
        groups = page.get_by_role("list", name="Groups").get_by_role("button")
        expect(groups).to_have_text(["lr=1, tags=–1", "lr=1, tags=first1", "lr=2, tags=–1", "lr=3, tags=–2"])
        page.reload()
        expect(groups).to_have_count(4)
        groups.nth(3).click()
        page.wait_for_url(re.compile("mark=lr%3D3"))
        expect(groups.nth(3)).to_have_attribute("aria-pressed", "true")


def test_pointing_at_a_mean_says_its_band_and_how_many_runs_it_is_of(site: Site) -> None:
    with site.visit(f"{CHARTS}&by=config.lr&metric=loss") as page:
        over = page.locator(".u-over").first
        box = over.bounding_box()
        assert box is not None
        over.hover(position={"x": box["width"] - 4, "y": 20})
        expect(page.locator(".tip")).to_contain_text("lr=1")
        expect(page.locator(".tip")).to_contain_text("301 of 2")
        over.hover(position={"x": box["width"] / 3, "y": 60})
        expect(page.locator(".tip")).to_contain_text("4 – 10, 2 of 2")


def test_a_row_of_the_table_has_the_colour_of_its_group_and_shows_it_before_the_others(site: Site) -> None:
    with site.visit(f"{CHARTS.replace('charts', 'both')}&by=config.lr&metric=loss") as page:
        expect(page.locator(".u-over")).to_have_count(1)
        marks = page.locator("tbody .name > i")
        expect(marks).to_have_count(5)
        colours = marks.evaluate_all("all => all.map((each) => each.style.background)")
        # The newest first: two of lr=3, one of lr=2, two of lr=1.
        assert colours == [f"var(--run-{group})" for group in (2, 2, 1, 0, 0)]
        whole = page.locator(".u-over").evaluate(_INKED)
        page.get_by_role("row", name="run-2").hover()
        page.wait_for_function(
            f"(all) => ({_INKED})(document.querySelector('.u-over')) < all * 0.8", arg=whole
        )


def test_the_choice_of_groups_fits_a_phone_and_folds_up_by_itself(site: Site) -> None:
    with site.visit(CHARTS, width=390, scheme="dark") as page:
        menu = page.get_by_text("Group by")
        elsewhere = page.get_by_role("heading", level=1)
        folds: tuple[Callable[[], object], ...] = (lambda: page.keyboard.press("Escape"), elsewhere.click)
        for fold in folds:
            menu.click()
            expect(page.get_by_label("config.lr")).to_be_visible()
            assert violations(page) == []
            fold()
            expect(page.get_by_label("config.lr")).to_be_hidden()
