"""Whoever has no mouse gets everywhere and sees where they are; whoever wants no motion sees none."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.looking import Site, whole
from tests.web.test_every_page import PAGES

_MOST = 900
# What is focused: its name, whether it is seen, and whether something shows that it has the focus.
_FOCUSED = """() => {
    const it = document.activeElement;
    if (it === null || it === document.body) return null;
    const { left, top, right, bottom, width, height } = it.getBoundingClientRect();
    const [x, y] = [(Math.max(0, left) + Math.min(innerWidth, right)) / 2, (Math.max(0, top) + Math.min(innerHeight, bottom)) / 2];
    const over = document.elementFromPoint(x, y);
    const style = getComputedStyle(it);
    it.dataset.seen = String(Number(it.dataset.seen ?? 0) + 1);
    return {
        name: `${it.tagName} ${(it.getAttribute("aria-label") ?? it.textContent ?? "").trim().slice(0, 60)}`,
        visible: width > 0 && height > 0 && over !== null && (it.contains(over) || over.contains(it)),
        shown: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
        times: Number(it.dataset.seen),
    };
}"""


def _walk(page: Page) -> list[dict[str, Any]]:
    """Every stop of the tab key, until it comes round."""
    stops: list[dict[str, Any]] = []
    for _ in range(_MOST):
        page.keyboard.press("Tab")
        found = page.evaluate(_FOCUSED)
        if found is None or found["times"] > 1:
            return stops
        stops.append(found)
    raise AssertionError(f"the keyboard does not get out of {stops[-3:]}")


@pytest.mark.parametrize("name", PAGES)
def test_the_tab_key_goes_through_everything_and_one_sees_where_it_is(site: Site, name: str) -> None:
    path, said = PAGES[name]
    with site.visit(path) as page:
        page.get_by_role("heading", name=said).first.wait_for()
        whole(page)
        stops = _walk(page)
        assert stops[0]["name"] == "A Skip to the content"
        assert [stop for stop in stops if not stop["visible"]] == []
        assert [stop for stop in stops if not stop["shown"]] == []
        # Whatever can be pressed or filled in was on the way.
        left = page.locator(
            "main :is(a[href], button:enabled, input, select, textarea, summary):visible:not([data-seen])"
        )
        # Of buttons to choose one of, the tab key goes to the chosen one.
        assert [text for text in left.all_inner_texts() if text] == []


def test_the_first_stop_leads_past_the_head(site: Site) -> None:
    with site.visit("/?project=char-lm") as page:
        page.get_by_role("heading", name="What worked").wait_for()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        page.reload()
        expect(page.get_by_role("heading", name="What worked")).to_be_visible()


def test_nothing_moves_for_whoever_wants_no_motion(site: Site) -> None:
    with site.visit("/?project=char-lm") as page:
        page.get_by_role("region", name="Campaign 1").wait_for()
        moving = "document.getAnimations().filter((it) => it.playState === 'running').length"
        # Functions: a bare expression is read anew each time it is looked at, which the page's policy refuses.
        page.wait_for_function(f"() => {moving} === 0")
        page.emulate_media(reduced_motion="no-preference")
        assert page.wait_for_function(f"() => {moving} > 0").json_value()


def test_question_mark_lists_the_keys_on_every_page(site: Site) -> None:
    with site.visit("/") as page:
        page.get_by_role("heading", name="Projects").wait_for()
        for path in (
            "/",
            "/?page=people",
            "/?project=char-lm&page=artifacts",
            "/?project=char-lm&page=context",
        ):
            page.goto(f"{site.served.url}{path}")
            page.get_by_role("heading", level=1).wait_for()
            page.keyboard.press("?")
            keys = page.get_by_role("dialog", name="Keys")
            expect(keys).to_be_visible()
            # No other key does anything meanwhile.
            page.keyboard.press("g")
            page.keyboard.press("e")
            expect(keys).to_be_visible()
            page.keyboard.press("Escape")
            expect(keys).to_be_hidden()


def test_keys_go_from_page_to_page_and_through_the_projects(site: Site, chromium: Browser) -> None:
    with site.visit("/?project=char-lm") as page:
        page.get_by_role("heading", name="What worked").wait_for()
        for key, title in (
            ("a", "Artifacts"),
            ("c", "Context"),
            ("r", "Runs"),
            ("e", "Experiments"),
            ("h", "Projects"),
        ):
            # In one go: the second key counts within a second of the first.
            page.keyboard.type(f"g{key}")
            expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press("k")
        first = page.locator("main [data-row]").first
        expect(first).to_be_focused()
        name = first.get_by_role("heading").inner_text()
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(f"project={re.escape(name)}$"))
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
