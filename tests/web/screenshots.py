"""Photograph the dashboard for the README and its page: python -m tests.web.screenshots"""

from __future__ import annotations

import tempfile
from pathlib import Path

from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.experiment import Actor
from autoresearch.server.door import Door
from tests.house.source import ROOT
from tests.serving import listening
from tests.web import seeding
from tests.web.browser import browser

IMAGES = ROOT / "docs" / "images"
PICTURES = {
    "dashboard-overview": ("/?project=char-lm", "light", 1180),
    "dashboard-experiment": ("/?project=char-lm&page=experiment&id=61", "dark", 900),
}


def photograph() -> None:
    """Write the pictures into docs/images."""
    with tempfile.TemporaryDirectory() as folder, listening(Path(folder)) as served, browser() as chromium:
        state = served.state
        ledger = LocalLedger(state.database, state.objects, actor=Actor(kind="agent", name="claude-code"))
        seeding.busy(ledger, seeding.seeded(ledger, hostile=""), hostile="")
        state.door = Door(Actor(kind="human", name="ada"))
        for name, (path, scheme, height) in PICTURES.items():
            context = chromium.new_context(
                viewport={"width": 1440, "height": height},
                color_scheme="dark" if scheme == "dark" else "light",
                reduced_motion="reduce",
            )
            page = context.new_page()
            page.goto(f"{served.url}{path}#{state.door.link}")
            page.get_by_role("heading", name="Lineage" if "experiment" in name else "Campaign 1").wait_for()
            page.get_by_text("#61").first.wait_for()
            page.evaluate("document.fonts.ready")
            page.screenshot(path=IMAGES / f"{name}.png")
            context.close()


if __name__ == "__main__":
    photograph()
