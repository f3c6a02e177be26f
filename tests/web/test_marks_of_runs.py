"""Stars and the archive: tags that the page puts on runs and takes off, with the mouse and the keyboard, on one and on several."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from autoresearch.ledger.access.passwords import Passwords
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.experiment import Actor
from autoresearch.records.run import RunEdit
from autoresearch.server.door import Door
from tests.serving import Served, listening
from tests.web import seeding_runs
from tests.web.looking import opened, violations

GOOD = "violet otter plays chess"
PROJECT = seeding_runs.MEANS
RUNS = f"/?project={PROJECT}&page=runs"


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Served]:
    """A store with five runs that nobody has marked."""
    with listening(tmp_path / "served") as served:
        seeding_runs.means(served.home)
        served.state.door = Door(Actor(kind="human", name="ada"))
        yield served


def _url(held: Served, path: str = RUNS) -> str:
    assert held.state.door is not None
    return f"{held.url}{path}#{held.state.door.link}"


def _tags(held: Served, number: int) -> set[str]:
    ledger = LocalLedger(held.state.database, held.state.objects)
    return set(ledger.runs.find(PROJECT, str(number)).tags)


def _names(page: Page) -> list[str]:
    return page.locator("tbody .name > a:first-of-type").all_inner_texts()


def test_a_run_gets_a_star_that_every_client_sees_and_stars_alone_are_shown(
    chromium: Browser, held: Served
) -> None:
    with opened(chromium, _url(held)) as page:
        star = page.get_by_role("button", name="Star run-2")
        star.click()
        expect(star).to_have_attribute("aria-pressed", "true")
        assert "starred" in _tags(held, 3)
        page.get_by_role("button", name="Starred").click()
        expect(page.locator("tbody tr")).to_have_count(1)
        page.wait_for_url(re.compile("starred=1"))
        # The tag that it is stored as is not shown a second time.
        expect(page.locator("tbody .tag")).to_have_count(0)
        star.click()
        expect(page.locator("tbody")).to_contain_text("No run is like this")
        assert "starred" not in _tags(held, 3)


def test_several_runs_are_archived_leave_the_table_and_the_charts_and_come_back(
    chromium: Browser, held: Served
) -> None:
    with opened(chromium, _url(held)) as page:
        for name in ("run-0", "run-3"):
            page.get_by_label(f"Choose {name}").check()
        page.get_by_role("button", name="Archive", exact=True).click()
        expect(page.get_by_role("status").get_by_text("2 runs archived.")).to_be_visible()
        expect(page.locator("tbody tr")).to_have_count(3)
        assert "archived" in _tags(held, 1) & _tags(held, 4)
        page.get_by_role("link", name="Charts").click()
        legend = page.get_by_role("list", name="Runs").get_by_role("button")
        expect(legend).to_have_text(["run-4", "run-2", "run-1"])
        page.get_by_role("button", name="Archived too").click()
        expect(legend).to_have_count(5)
        page.get_by_role("link", name="Table", exact=True).click()
        expect(page.locator("tbody tr")).to_have_count(5)
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_text("archived", exact=True)).to_have_count(0)
        assert "archived" not in _tags(held, 1) | _tags(held, 4)


def test_a_project_whose_runs_are_all_archived_says_so(chromium: Browser, held: Served) -> None:
    ledger = LocalLedger(held.state.database, held.state.objects)
    for number in range(1, 6):
        run = ledger.runs.find(PROJECT, str(number))
        ledger.runs.edit(RunEdit.make(run_id=run.id, add_tags=("archived",)))
    with opened(chromium, _url(held)) as page:
        page.get_by_role("link", name="Show them").click()
        expect(page.locator("tbody tr")).to_have_count(5)


def test_runs_are_gone_through_chosen_starred_archived_and_opened_by_keys(
    chromium: Browser, held: Served
) -> None:
    with opened(chromium, _url(held)) as page:
        expect(page.locator("tbody tr")).to_have_count(5)
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press("s")
        expect(page.get_by_role("button", name="Star run-3")).to_have_attribute("aria-pressed", "true")
        page.keyboard.press("x")
        page.keyboard.press("j")
        page.keyboard.press("x")
        # Keys are for those that were chosen, wherever the focus is.
        page.keyboard.press("a")
        expect(page.locator("tbody tr")).to_have_count(3)
        assert _names(page) == ["run-4", "run-1", "run-0"]
        # The focus goes on to the row that follows the one that went.
        expect(page.get_by_role("link", name="run-1")).to_be_focused()
        page.keyboard.press("/")
        page.keyboard.type("run-1 as")
        assert page.get_by_label("Filter").input_value() == "run-1 as"
        page.get_by_label("Filter").fill("")
        page.keyboard.press("Escape")
        # News of the list does not take the focus back to where it was before.
        ledger = LocalLedger(held.state.database, held.state.objects)
        ledger.runs.edit(RunEdit.make(run_id=ledger.runs.find(PROJECT, "5").id, add_tags=("late",)))
        expect(page.locator("tbody .tag", has_text="late")).to_be_visible()
        expect(page.locator("tbody tr")).to_have_count(3)
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_contain_text("run-4")
        # The letters that go to another page do nothing else.
        page.keyboard.type("ga")
        page.wait_for_url(re.compile("page=artifacts"))
        assert "archived" not in _tags(held, 5)


def test_one_run_is_starred_and_archived_and_keys_go_to_those_beside_it(
    chromium: Browser, held: Served
) -> None:
    with opened(chromium, _url(held, f"/?project={PROJECT}&page=run&id=3")) as page:
        heading = page.get_by_role("heading", level=1)
        expect(page.get_by_role("link", name="The one before, #2")).to_be_visible()
        page.keyboard.press("s")
        expect(page.get_by_role("button", name="Star")).to_have_attribute("aria-pressed", "true")
        page.get_by_role("button", name="Archive").click()
        expect(page.get_by_role("button", name="Bring back")).to_be_visible()
        assert {"starred", "archived"} <= _tags(held, 3)
        page.keyboard.press("j")
        expect(heading).to_contain_text("run-1")
        expect(page.get_by_role("link", name="The one after, #4")).to_be_visible()
        page.keyboard.press("k")
        # What is archived is passed over.
        expect(heading).to_contain_text("run-3")


def test_a_viewer_sees_stars_and_the_archive_and_changes_none_of_them(
    chromium: Browser, tmp_path: Path
) -> None:
    with listening(tmp_path / "served") as held:
        seeding_runs.means(held.home)
        ledger = LocalLedger(held.state.database, held.state.objects)
        for number, mark in ((2, "starred"), (3, "archived")):
            run = ledger.runs.find(PROJECT, str(number))
            ledger.runs.edit(RunEdit.make(run_id=run.id, add_tags=(mark,)))
        held.state.access.passwords = Passwords(memory_kib=8, passes=1)
        held.state.access.create_user("eve@example.org", GOOD, "local", role="viewer")
        with opened(chromium, f"{held.url}{RUNS}&pick=1,2") as page:
            page.get_by_label("E-mail").fill("eve@example.org")
            page.get_by_label("Password").fill(GOOD)
            page.get_by_role("button", name="Sign in").click()
            expect(page.locator("tbody tr")).to_have_count(4)
            expect(page.get_by_role("row", name="run-1")).to_contain_text("Starred")
            expect(page.get_by_role("link", name="Compare 2")).to_be_visible()
            expect(page.get_by_role("button", name=re.compile("^(Star |Star$|Archive$)"))).to_have_count(0)
            page.keyboard.press("j")
            page.keyboard.press("a")
            page.get_by_role("button", name="Archived too").click()
            expect(page.locator("tbody tr")).to_have_count(5)
            page.keyboard.press("j")
            page.keyboard.press("Enter")
            expect(page.get_by_role("heading", level=1)).to_contain_text("run-")
            page.keyboard.press("s")
            expect(page.get_by_role("button", name=re.compile("^(Star|Archive|Bring back)$"))).to_have_count(
                0
            )
            assert violations(page) == []
        assert _tags(held, 1) == {"first"}
        assert _tags(held, 5) == set()
