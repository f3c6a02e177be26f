"""A person before the dashboard: opens pages in a real browser, and notices whatever goes wrong in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.campaign import Campaign
from tests.house.source import ROOT
from tests.serving import Served
from tests.web.browser import AXE
from tests.web.seeding import Seeded

__all__ = [
    "PHONE",
    "SCREENS",
    "WIDE",
    "Dashboard",
    "Scheme",
    "Site",
    "Width",
    "photographed",
    "violations",
    "whole",
    "zoomed",
]

Scheme = Literal["light", "dark"]
Width = Literal[1440, 390]
WIDE: Width = 1440
PHONE: Width = 390
SCREENS = ROOT / "build" / "screens"
_SECONDS = 30_000
# A request that fails while the server is away, or that is refused, is said by the page itself; without TLS a browser says what
# it does not do then.
_KNOWN = ("Failed to load resource", "The Cross-Origin-Opener-Policy header has been ignored")


@dataclass
class Dashboard:
    """A dashboard that is served, and the ledger below it."""

    chromium: Browser
    served: Served
    ledger: LocalLedger

    @contextmanager
    def visit(self, path: str, *, width: Width = WIDE, scheme: Scheme = "light") -> Iterator[Page]:
        """A page that was opened by a new link in a browser that knows nothing; nothing may have failed in it at the end."""
        door = self.served.state.door
        assert door is not None
        url = f"{self.served.url}{path}#{door.link}"
        with opened(self.chromium, url, width=width, scheme=scheme) as page:
            # A link counts once: the next page has to be opened by the next one.
            page.locator("#main").wait_for(state="attached")
            yield page


@dataclass
class Site(Dashboard):
    """The dashboard of the research that was made up for its tests."""

    seeds: Seeded
    campaign: Campaign


@contextmanager
def opened(chromium: Browser, url: str, *, width: Width = WIDE, scheme: Scheme = "light") -> Iterator[Page]:
    """A page in a browser of its own."""
    context: BrowserContext = chromium.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    context.set_default_timeout(_SECONDS)
    try:
        page = context.new_page()
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.goto(url)
        yield page
        assert page.evaluate("window.struck") is None, "what somebody wrote was run"
        assert [said for said in wrong if not said.startswith(_KNOWN)] == []
    finally:
        context.close()


def whole(page: Page) -> None:
    """Until everything that the page asked for is there: finer points of its charts too."""
    expect(page.locator("[aria-busy]")).to_have_count(0)


def zoomed(page: Page, chart: Locator, first: float, last: float) -> None:
    """Choose a part of a chart by drawing over it, from one share of its width to another, until the URL says which."""
    box = chart.bounding_box()
    assert box is not None
    height = box["y"] + box["height"] * 0.3
    page.mouse.move(box["x"] + box["width"] * first, height)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * last, height, steps=4)
    page.mouse.up()
    page.wait_for_url(re.compile("zoom="))


def photographed(page: Page, name: str) -> None:
    """Keep what the page looks like, for people."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=SCREENS / f"{name}.png", full_page=True)


def violations(page: Page) -> list[Any]:
    """What axe finds wrong, in short; and a page that is wider than the screen."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: Any = page.evaluate("axe.run({ resultTypes: ['violations'] })")
    wrong: list[Any] = [
        (each["id"], node["target"], node["failureSummary"])
        for each in found["violations"]
        for node in each["nodes"]
    ]
    too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [*wrong, *([("wider than the screen", too_wide)] if too_wide > 0 else [])]
