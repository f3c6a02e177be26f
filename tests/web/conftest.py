from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.experiment import Actor
from autoresearch.server.door import Door
from tests.serving import Served, in_process, listening
from tests.web import seeding, seeding_runs, seeding_segments, seeding_things
from tests.web.browser import browser
from tests.web.looking import Site


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A server in process over a new embedded store."""
    with in_process(tmp_path / "served") as made:
        yield made


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for the tests of a module."""
    with browser() as made:
        yield made


@pytest.fixture(scope="module")
def site(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The dashboard of a machine on which research is going on."""
    with listening(tmp_path_factory.mktemp("site")) as served:
        state = served.state
        ledger = LocalLedger(state.database, state.objects, actor=Actor(kind="agent", name="claude-code"))
        seeds = seeding.seeded(ledger)
        seeding_things.things(ledger, seeds)
        campaign = seeding.busy(ledger, seeds)
        seeding.bare(ledger)
        seeding_runs.runs(served.home)
        seeding_segments.moved(ledger, served.home)
        seeding_segments.edges(ledger)
        seeding_runs.media(served.home)
        state.door = Door(Actor(kind="human", name="ada"))
        yield Site(chromium, served, ledger, seeds, campaign)
