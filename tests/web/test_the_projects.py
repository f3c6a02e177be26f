"""All projects at a glance: found by a word of their name, however many there are; and how the first one comes to be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.artifact import VersionRequest
from autoresearch.records.experiment import Actor
from autoresearch.records.goal import GoalRequest, ProjectRequest
from autoresearch.records.ids import new_id
from autoresearch.records.tree import Tree, TreeEntry
from autoresearch.server.door import Door
from tests.serving import listening
from tests.web.looking import Scheme, Width, opened, photographed, violations
from tests.web.signing import ADA, VICTOR, signed_in


def _many(ledger: LocalLedger) -> None:
    for number in range(60):
        ledger.research.make_project(ProjectRequest.make(project=f"sweep-{number:02}"))
    ledger.research.set_goal("vision", GoalRequest.make(metric="accuracy", direction="max"))


def test_one_of_many_projects_is_found_and_opened_by_the_keyboard(chromium: Browser, tmp_path: Path) -> None:
    with listening(tmp_path) as served:
        _many(LocalLedger(served.state.database, served.state.objects))
        door = served.state.door = Door(Actor(kind="human", name="ada"))
        with opened(chromium, f"{served.url}/#{door.link}") as page:
            cards = page.locator("main [data-row]")
            expect(cards).to_have_count(61)
            page.keyboard.press("/")
            expect(page.get_by_label("Search")).to_be_focused()
            page.keyboard.type("EP-0")
            expect(cards).to_have_count(10)
            photographed(page, "projects-many")
            assert violations(page) == []
            page.keyboard.press("Escape")
            page.keyboard.press("j")
            page.keyboard.press("j")
            page.keyboard.press("Enter")
            expect(page).to_have_url(re.compile("project=sweep-0"))
            expect(page.get_by_role("heading", name="Say what is measured")).to_be_visible()
            page.keyboard.type("gh")
            page.get_by_label("Search").fill("nothing is named so")
            expect(page.get_by_text("No project is named like this.")).to_be_visible()


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_machine_and_a_server_without_research_each_say_what_to_do_first(
    chromium: Browser, tmp_path: Path, width: Width, scheme: Scheme
) -> None:
    with listening(tmp_path / "here") as served:
        door = served.state.door = Door(Actor(kind="human", name="ada"))
        with opened(chromium, f"{served.url}/#{door.link}", width=width, scheme=scheme) as page:
            expect(page.get_by_text("autoresearch demo")).to_be_visible()
            expect(page.get_by_text("AUTORESEARCH_BASE_URL")).to_have_count(0)
            photographed(page, f"empty-{width}-{scheme}")
            assert violations(page) == []
    with signed_in(chromium, tmp_path / "team", "/", who=ADA, width=width, scheme=scheme) as (served, page):
        expect(page.get_by_text(f"AUTORESEARCH_BASE_URL={served.url}")).to_be_visible()
        photographed(page, f"empty-server-{width}-{scheme}")
        assert violations(page) == []
        page.get_by_role("link", name="People and keys").click()
        expect(page.get_by_role("button", name="Make a key")).to_be_visible()


def test_a_viewer_is_not_sent_to_make_a_key(chromium: Browser, tmp_path: Path) -> None:
    with signed_in(chromium, tmp_path, "/", who=VICTOR) as (_, page):
        expect(page.get_by_role("heading", name="No research here yet")).to_be_visible()
        expect(page.locator("main").get_by_role("link", name="People and keys")).to_have_count(0)


def test_one_of_many_artifacts_is_found(chromium: Browser, tmp_path: Path) -> None:
    with listening(tmp_path) as served:
        ledger = LocalLedger(served.state.database, served.state.objects)
        ledger.research.make_project(ProjectRequest.make(project="vision"))
        digest = ledger.snapshots.put(b"1")
        tree = ledger.snapshots.put(Tree([TreeEntry("one", "100644", 1, digest)]).manifest)
        for number in range(20):
            given = {"tree": tree, "size": 1, "files": 1, "type": "model" if number % 2 else "table"}
            ledger.artifacts.log(
                VersionRequest.make(id=new_id(), project="vision", artifact=f"thing-{number:02}", **given)
            )
        door = served.state.door = Door(Actor(kind="human", name="ada"))
        with opened(chromium, f"{served.url}/?project=vision&page=artifacts#{door.link}") as page:
            names = page.get_by_role("list", name="Artifacts").get_by_role("listitem")
            expect(names).to_have_count(20)
            page.keyboard.press("/")
            page.keyboard.type("thing-17")
            # The one that is shown stays to be seen.
            expect(names).to_have_count(2)
            names.get_by_role("link", name="thing-17").click()
            expect(page.get_by_role("region", name="Version v1")).to_contain_text("thing-17 v1")
            assert violations(page) == []
