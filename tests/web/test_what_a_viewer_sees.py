"""Whoever may only read sees everything and changes nothing: no page shows them a button that does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.serving import Served, listening
from tests.web import seeding
from tests.web.looking import opened, photographed, violations
from tests.web.seeding_all import all_of
from tests.web.signing import GRACE, VICTOR, entered, peopled
from tests.web.test_every_page import PAGES

# What a member sees and a viewer does not, of what all pages have.
CHANGING = {
    "Pause",
    "Stop",
    "Leave the note",
    "A note",
    "Promote",
    "Give the verdict",
    "Star",
    "Archive",
    "Add a tag",
    "Make or revoke one",
    "Make a key",
}
_NAMES = """() => [...document.querySelectorAll("button, input, select, textarea, summary")].map(
    (it) => (it.ariaLabel ?? it.labels?.[0]?.innerText ?? it.innerText ?? "").trim())"""
_OF_BOTH = PAGES | {"people": ("/?page=people", "Members")}


@dataclass
class Team:
    served: Served
    viewer: Page
    member: Page
    changes: list[str]


@pytest.fixture(scope="module")
def team(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """The research of the other tests on a server, looked at by one who may write and one who may not."""
    with listening(tmp_path_factory.mktemp("team")) as served:
        all_of(peopled(served))
        with opened(chromium, served.url) as viewer, opened(chromium, served.url) as member:
            entered(viewer, VICTOR)
            entered(member, GRACE)
            changes: list[str] = []

            def noted(request: Request) -> None:
                if request.method != "GET":
                    changes.append(f"{request.method} {request.url}")

            for page in (viewer, member):
                expect(page.get_by_role("heading", name="Projects")).to_be_visible()
            viewer.on("request", noted)
            yield Team(served, viewer, member, changes)


def _seen(page: Page, url: str, heading: str) -> set[str]:
    page.goto(url)
    page.get_by_role("heading", name=heading).first.wait_for()
    expect(page.locator("[aria-busy]")).to_have_count(0)
    return set(page.evaluate(_NAMES))


def _changing(names: set[str]) -> set[str]:
    return {word for word in CHANGING if any(f"{name} ".startswith(f"{word} ") for name in names)}


def test_no_page_shows_a_viewer_what_changes_something(team: Team) -> None:
    of_members: set[str] = set()
    for name, (path, heading) in _OF_BOTH.items():
        url = f"{team.served.url}{path}"
        of_members |= _changing(_seen(team.member, url, heading))
        theirs = _seen(team.viewer, url, heading)
        assert _changing(theirs) == set(), name
    assert of_members == CHANGING
    assert team.changes == []


def test_a_viewer_sees_all_the_same(team: Team) -> None:
    page = team.viewer
    page.goto(f"{team.served.url}/?project={seeding.PROJECT}")
    expect(page.get_by_role("heading", name="What worked")).to_be_visible()
    expect(page.get_by_role("region", name="Campaign 1")).to_contain_text("worker-3")
    expect(page.get_by_text("Leave the tokenizer alone")).to_be_visible()
    photographed(page, "viewer")
    assert violations(page) == []
    page.get_by_role("button", name="Account: victor").click()
    expect(page.get_by_text("viewer", exact=True)).to_be_visible()


def test_what_a_viewer_asks_for_anyhow_is_refused(team: Team) -> None:
    """The page shows no button, and the server would not do it either."""
    status = team.viewer.evaluate(
        """async () => {
            const { csrf_token } = await (await fetch("/v1/auth/session")).json();
            const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf_token };
            const body = JSON.stringify({ project: "char-lm", text: "No." });
            return (await fetch("/v1/notes", { method: "POST", headers, body })).status;
        }"""
    )
    assert status == 403


def test_a_link_to_any_page_shows_a_stranger_the_sign_in_and_nothing_else(
    chromium: Browser, team: Team
) -> None:
    with opened(chromium, team.served.url) as page:
        for path, _ in _OF_BOTH.values():
            page.goto(f"{team.served.url}{path}")
            expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
            assert seeding.PROJECT not in page.locator("body").inner_text()


def test_two_browsers_of_one_person_are_each_told_when_they_are_signed_out(
    chromium: Browser, tmp_path: Path
) -> None:
    with listening(tmp_path) as served, opened(chromium, peopled(served).url) as page:
        entered(page, GRACE)
        expect(page.get_by_role("button", name="Account: grace")).to_be_visible()
        other = page.context.new_page()
        # It hears nothing by itself: what it asks for next tells it.
        other.route("**/v1/events*", lambda _: None)
        other.goto(f"{served.url}/?page=people")
        expect(other.get_by_text("member of local")).to_be_visible()
        page.get_by_role("button", name="Account: grace").click()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        other.get_by_label("Name of the key", exact=True).fill("late")
        other.get_by_role("button", name="Make a key").click()
        expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
