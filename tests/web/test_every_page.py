"""Every page, light and dark, wide and on a phone: it shows what there is, anybody can use it, and hostile words stay words."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route, expect

from tests.web.looking import Scheme, Site, Width, photographed, violations, whole
from tests.web.seeding import HOSTILE

PAGES = {
    "projects": ("/", "Projects"),
    "project": ("/?project=char-lm", "Campaign 1"),
    "experiments": ("/?project=char-lm&page=experiments", "Experiments"),
    "experiment": ("/?project=char-lm&page=experiment&id=61", "What the agent was given, and what it said"),
    "compare": ("/?project=char-lm&page=compare&id=60&other=61", "Code"),
    "tree": ("/?project=char-lm&page=experiments&view=tree", "Experiments"),
    "files": ("/?project=char-lm&page=experiment&id=61&file=train.py", "Code"),
    "crashed": ("/?project=char-lm&page=experiment&id=3", "End of the output"),
    "hostile": ("/?project=char-lm&page=experiment&id=10", "Change"),
    "no-experiments": ("/?project=nothing-tried&page=experiments", "Nothing was tried yet"),
    "runs": ("/?project=char-lm&page=runs", "Runs"),
    "runs-charts": ("/?project=char-lm&page=runs&view=charts&clip=1&mark=3", "train/loss"),
    "runs-groups": ("/?project=char-lm&page=runs&view=charts&by=config.model.width&clip=1", "train/loss"),
    "run": ("/?project=char-lm&page=run&id=2", "train/loss"),
    "run-media": ("/?project=media&page=run&id=1", "samples/grid"),
    "runs-both": ("/?project=char-lm&page=runs&view=both&pick=2,3", "train/loss"),
    "run-failed": ("/?project=char-lm&page=run&id=6", "How it ended"),
    "comparison": ("/?project=char-lm&page=comparison&runs=1,2,4", "train/loss"),
    "artifacts": ("/?project=char-lm&page=artifacts&name=model", "model v4"),
    "context": ("/?project=char-lm&page=context", "The brief"),
    "measured": ("/?project=two-goals&page=experiment&id=8", "train/loss"),
    "waiting": ("/?project=two-goals&page=experiment&id=9", "Verdict"),
    "past": ("/?project=two-goals&segment=1", "Progress"),
    "past-experiments": ("/?project=two-goals&page=experiments&segment=1", "Experiments"),
    "edges": ("/?project=edges", "Progress"),
    "edges-experiments": ("/?project=edges&page=experiments", "Experiments"),
    "long": ("/?project=edges&page=experiment&id=6", "Note"),
    "no-goal": ("/?project=no-goal", "Say what is measured"),
    "nothing-tried": ("/?project=nothing-tried", "Record the first experiment"),
}


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_whole_and_accessible(site: Site, width: Width, scheme: Scheme) -> None:
    with site.visit("/", width=width, scheme=scheme) as page:
        # The link counts once: whoever leaves before it was exchanged for a key stands before the door.
        page.get_by_role("heading", name="Projects", exact=True).first.wait_for()
        for name, (path, said) in PAGES.items():
            page.goto(f"{site.served.url}{path}")
            page.get_by_role("heading", name=said, exact=name != "project").first.wait_for()
            whole(page)
            page.evaluate("document.fonts.ready")
            photographed(page, f"{name}-{width}-{scheme}")
            assert violations(page) == [], name


def test_hostile_words_are_shown_as_they_are_written(site: Site) -> None:
    with site.visit("/?project=char-lm") as page:
        notes = page.locator("section", has=page.get_by_role("heading", name="Notes to the agents"))
        shown = notes.get_by_text("Look at").inner_text()
        assert shown == f"Look at {HOSTILE}".replace("\u202e", "⟨U+202E⟩")
        assert page.locator("main img, main script, main iframe").count() == 0


def test_a_page_says_that_it_is_busy_until_everything_it_asked_for_is_there(site: Site) -> None:
    with site.visit("/") as page:
        page.get_by_role("heading", name="Projects").wait_for()
        held: list[Route] = []

        def hold(route: Route) -> None:
            held.append(route)

        page.route("**/char-lm/runs?*", hold)
        with page.expect_request("**/char-lm/runs?*"):
            page.goto(f"{site.served.url}/?project=char-lm&page=runs")
        page.get_by_role("heading", name="Runs", exact=True).wait_for()
        expect(page.get_by_role("main")).to_have_attribute("aria-busy", "true")
        (asked,) = held
        asked.continue_()
        whole(page)
        expect(page.get_by_role("row", name="sweep-0.002")).to_be_visible()
