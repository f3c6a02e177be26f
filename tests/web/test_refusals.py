"""What cannot be shown or done is said where it was wanted, with what to do about it."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.access import RoleRequest
from autoresearch.records.goal import ProjectRequest
from tests.full_disk import full
from tests.web import seeding
from tests.web.looking import PHONE, Site, photographed, violations
from tests.web.signing import GRACE, signed_in

MISSING = {
    "/?project=nope": "All projects",
    "/?project=nope&page=experiments": "All projects",
    "/?project=nope&page=runs": "All projects",
    "/?project=nope&page=artifacts": "All projects",
    "/?project=nope&page=context": "All projects",
    "/?project=char-lm&page=experiment&id=999": "Experiments",
    "/?project=char-lm&page=compare&id=1&other=999": "Experiments",
    "/?project=char-lm&page=run&id=999": "Runs",
    "/?project=char-lm&page=comparison&runs=998,999": "Runs",
}


@pytest.mark.parametrize("path", MISSING)
def test_what_is_not_there_is_said_with_a_way_to_what_is(site: Site, path: str) -> None:
    with site.visit(path, width=PHONE) as page:
        said = page.locator("main").get_by_role("alert")
        expect(said).to_contain_text("nope" if "nope" in path else "99")
        assert violations(page) == []
        said.get_by_role("link", name=MISSING[path]).click()
        expect(page.locator("main").get_by_role("alert")).to_have_count(0)
        expect(
            page.get_by_role("heading", name=MISSING[path].replace("All p", "P"), exact=True)
        ).to_be_visible()


def test_numbers_in_an_address_that_are_off_do_no_harm(site: Site) -> None:
    with site.visit("/?project=char-lm&page=context&budget=5&recent=-3") as page:
        expect(page.get_by_text("of 120 tokens")).to_be_visible()
        page.goto(f"{site.served.url}/?project=char-lm&page=none-such&zoom=x-y")
        expect(page.get_by_role("heading", name="char-lm")).to_be_visible()


def test_a_full_disk_is_said_and_what_was_written_is_not_lost(chromium: Browser, tmp_path: Path) -> None:
    with signed_in(chromium, tmp_path, "/") as (served, page):
        ledger = LocalLedger(served.state.database, served.state.objects)
        seeding.seeded(ledger, 3)
        page.goto(f"{served.url}/?project=char-lm")
        note = "Try a wider model. " * 2000
        page.get_by_label("A note").fill(note)
        with full(served):
            page.get_by_role("button", name="Leave the note").click()
            said = page.get_by_role("alert")
            expect(said).to_contain_text("full")
            photographed(page, "full-disk")
            assert violations(page) == []
            expect(page.get_by_label("A note")).to_have_value(note)
        page.get_by_role("button", name="Leave the note").click()
        expect(page.get_by_label("A note")).to_have_value("")
        expect(page.get_by_role("alert")).to_have_count(0)


def test_a_right_that_was_taken_away_meanwhile_is_said(chromium: Browser, tmp_path: Path) -> None:
    with signed_in(chromium, tmp_path, "/", who=GRACE) as (served, page):
        ledger = LocalLedger(served.state.database, served.state.objects)
        seeding.seeded(ledger, 3)
        page.goto(f"{served.url}/?project=char-lm")
        page.get_by_label("A note").fill("One more thing")
        access = served.state.access
        grace = next(person for person, _ in access.users() if person.email == GRACE)
        access.membership.set_role(access.operator("local"), grace.id, RoleRequest.make(role="viewer"))
        page.get_by_role("button", name="Leave the note").click()
        expect(page.get_by_role("alert")).to_contain_text("write")
        page.reload()
        expect(page.get_by_role("heading", name="Notes to the agents")).to_be_visible()
        expect(page.get_by_role("button", name="Leave the note")).to_have_count(0)


def test_a_project_that_is_made_shows_up_where_it_was_missing(site: Site) -> None:
    with site.visit("/?project=made-later") as page:
        expect(page.get_by_text("There is no project 'made-later'.")).to_be_visible()
        site.ledger.research.make_project(ProjectRequest.make(project="made-later"))
        expect(page.get_by_role("heading", name="Say what is measured")).to_be_visible()
