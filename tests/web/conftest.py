from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from autoresearch.records.experiment import Actor
from autoresearch.server.door import Door
from tests.serving import Served, in_process, listening
from tests.web.browser import browser
from tests.web.looking import Site
from tests.web.seeding_all import all_of


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
        ledger, seeds, campaign = all_of(served)
        served.state.door = Door(Actor(kind="human", name="ada"))
        yield Site(chromium, served, ledger, seeds, campaign)
