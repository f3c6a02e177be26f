"""The context page: what an agent is told now, word for word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from autoresearch.track.workspace import Workspace
from tests.web import seeding
from tests.web.looking import Site

CONTEXT = "/?project=char-lm&page=context"


def test_the_brief_is_shown_as_an_agent_gets_it_with_its_tokens(site: Site) -> None:
    with site.visit(CONTEXT) as page, site.served.http() as http:
        brief = http.get("/v1/agent/context", params={"project": seeding.PROJECT}).json()
        shown = brief["markdown"].replace("\u202e", "⟨U+202E⟩")
        expect(page.get_by_role("region", name="The brief")).to_have_text(shown, use_inner_text=False)
        expect(page.get_by_text(f"{brief['tokens']:,}", exact=True)).to_be_visible()
        assert page.locator("main img, main script, main iframe").count() == 0


def test_a_smaller_budget_leaves_more_out_and_stands_in_the_url(site: Site) -> None:
    with site.visit(CONTEXT) as page:
        meter = page.get_by_role("progressbar", name="Tokens of the brief")
        expect(meter).to_have_attribute("aria-valuemax", "2000")
        page.get_by_label("At most so many tokens").fill("1")
        page.wait_for_url(re.compile("budget=500"))
        expect(meter).to_have_attribute("aria-valuemax", "500")
        left = page.locator("section", has=page.get_by_role("heading", name="Left out"))
        expect(left).to_contain_text(re.compile(r"\d+ recent experiments"))
        page.reload()
        expect(meter).to_have_attribute("aria-valuemax", "500")
        expect(page.get_by_text("context --budget 500")).to_be_visible()


def test_what_is_recorded_is_in_the_brief_at_once_and_as_data_too(site: Site) -> None:
    with site.visit(f"{CONTEXT}&form=json") as page:
        brief = page.get_by_role("region", name="The brief")
        expect(brief).to_contain_text('"project": "char-lm"')
        page.get_by_role("link", name="Markdown").click()
        seeding.said(site.ledger, "Leave the evaluation as it is, please.")
        expect(brief).to_contain_text("Leave the evaluation as it is, please.")


@pytest.mark.parametrize("budget", [300, 750, 2000, 8000])
def test_it_is_what_the_call_gives_byte_for_byte_under_any_budget(
    site: Site, budget: int, tmp_path: Path
) -> None:
    with Workspace.open(tmp_path, seeding.PROJECT, home=site.served.home) as workspace:
        brief = workspace.context(budget=budget)
    with site.visit(f"{CONTEXT}&budget={budget}") as page:
        shown = page.get_by_role("region", name="The brief")
        expect(shown).not_to_be_empty()
        # Alone the letters that would turn the order of what stands around them are named, on the page and nowhere else.
        assert shown.evaluate("it => it.textContent") == brief.markdown.replace("\u202e", "⟨U+202E⟩")
        expect(page.get_by_text(f"{brief.tokens:,} of {budget:,} tokens")).to_be_visible()
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("button", name="Copy it as it is").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == brief.markdown
        left = page.locator("section", has=page.get_by_role("heading", name="Left out"))
        numbers = [int(text) for text in re.findall(r"\d+(?= )", left.inner_text())]
        assert sorted(numbers) == sorted(number for number in brief.omitted.values() if number)


def test_the_budget_is_turned_by_the_keyboard(site: Site) -> None:
    with site.visit(CONTEXT) as page:
        slider = page.get_by_role("slider", name="At most so many tokens")
        slider.focus()
        for key, budget in (("ArrowRight", 3000), ("Home", 300), ("End", 32_000), ("ArrowLeft", 24_000)):
            page.keyboard.press(key)
            expect(page).to_have_url(re.compile(f"budget={budget}"))
            expect(slider).to_have_attribute("aria-valuetext", f"{budget} tokens")
            expect(slider).to_be_focused()
        expect(page.get_by_text(re.compile("of 24,000 tokens"))).to_be_visible()
