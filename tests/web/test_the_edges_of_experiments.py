"""Experiments with what is hardly ever there: no score, numbers at the end of what there is, very long words, words that turn the order."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.web.looking import PHONE, WIDE, Site, Width, violations
from tests.web.seeding_segments import EDGES

PAGE = f"/?project={EDGES}"


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_numbers_at_the_end_of_what_there_is_are_drawn(site: Site, width: Width) -> None:
    with site.visit(PAGE, width=width) as page:
        expect(page.locator("main dl").first).to_contain_text("−1.700e308")
        chart = page.locator("[role=slider]")
        chart.focus()
        page.keyboard.press("Home")
        expect(chart).to_have_attribute("aria-valuetext", re.compile("1.700e308. huge"))
        drawn = chart.locator("svg")
        assert "NaN" not in drawn.inner_html()
        assert "Infinity" not in page.locator("main").inner_text()


def test_an_experiment_of_each_kind_is_shown(site: Site) -> None:
    said = {
        "#1": ("1.700e308", "11574 d 1 h"),
        "#2": ("−1.700e308", "+∞"),
        "#3": ("4.941e−324", "0 ms"),
        "#4": ("Experiment 4",),
        "#5": ("not finite", "1.5"),
        "#6": ("All 20,005 letters", "All 20,000 letters"),
        "#7": ("⟨U+202E⟩<img src=x", "⟨U+2066⟩"),
    }
    with site.visit(f"{PAGE}&page=experiment&id=1") as page:
        for number, words in said.items():
            expect(page.get_by_role("navigation", name="Experiments")).to_contain_text(number)
            for each in words:
                expect(page.locator("main")).to_contain_text(each)
            assert "\u202e" not in page.locator("main").inner_text()
            page.keyboard.press("k")


def test_a_very_long_note_is_read_whole_when_it_is_asked_for(site: Site) -> None:
    with site.visit(f"{PAGE}&page=experiment&id=6") as page:
        note = page.locator("section", has=page.get_by_role("heading", name="Note"))
        note.get_by_role("button", name="All 20,005 letters").click()
        expect(note).to_contain_text("n" * 20_000)
        assert violations(page) == []
        note.get_by_role("button", name="Fewer").click()
        expect(note).not_to_contain_text("n" * 2000)


def test_two_experiments_at_the_edge_are_compared(site: Site) -> None:
    with site.visit(f"{PAGE}&page=compare&id=1&other=2") as page:
        expect(page.locator("header.head")).to_contain_text("+∞")
        page.goto(f"{site.served.url}{PAGE}&page=compare&id=5&other=6")
        expect(page.get_by_role("heading", level=1)).to_have_text("#5 and #6")
        # A metric and a setting of the same name, as of one that is both set and measured.
        row = page.get_by_role("row", name=re.compile("^x "))
        expect(row.first).to_contain_text("not finite")
        assert violations(page) == []
