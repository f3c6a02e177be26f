"""People and keys: who one is, members, invitations, organizations, and keys that are shown once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from autoresearch.ledger.access.passwords import Passwords
from tests.serving import Served, listening
from tests.web.looking import PHONE, WIDE, opened, photographed, violations

GOOD = "violet otter plays chess"
NAMED = '<img src=x onerror="window.struck=1">'


@contextmanager
def _signed_in(chromium: Browser, home: Path, **looks: Any) -> Iterator[tuple[Served, Page]]:
    with listening(home) as served:
        served.state.access.passwords = Passwords(memory_kib=8, passes=1)
        served.state.access.create_user("ada@example.org", GOOD, "local", role="owner")
        served.state.access.create_user("grace@example.org", GOOD, "local", role="member")
        with opened(chromium, f"{served.url}/?page=people", **looks) as page:
            page.get_by_label("E-mail").fill("ada@example.org")
            page.get_by_label("Password").fill(GOOD)
            page.get_by_role("button", name="Sign in").click()
            expect(page.get_by_role("heading", name="API keys")).to_be_visible()
            yield served, page


def _status(served: Served, key: str) -> int:
    with served.http(key) as http:
        return http.get("/v1/projects").status_code


def test_a_key_is_made_shown_once_works_and_is_revoked(chromium: Browser, tmp_path: Path) -> None:
    with _signed_in(chromium, tmp_path) as (served, page):
        page.get_by_label("Name of the key").fill(NAMED)
        page.get_by_role("button", name="Make a key").click()
        shown = page.get_by_role("group", name="The new key")
        found = re.search(r"AUTORESEARCH_API_KEY=(\S+)", shown.inner_text())
        assert found is not None
        assert _status(served, found[1]) == 200
        expect(shown).to_contain_text(f'curl -H "Authorization: Bearer {found[1]}" {served.url}/v1/projects')
        expect(shown).to_contain_text(f'"url": "{served.url}/mcp"')
        photographed(page, "people-1440-light")
        assert violations(page) == []
        page.reload()
        row = page.get_by_role("listitem").filter(has_text=NAMED)
        expect(row).to_contain_text("write, active")
        assert found[1] not in page.content()
        row.get_by_role("button", name=f"Revoke {NAMED}").click()
        row.get_by_role("button", name=f"Revoke {NAMED}: sure?").click()
        expect(row).to_contain_text("revoked")
        assert _status(served, found[1]) == 401


def test_people_are_invited_given_roles_and_removed(chromium: Browser, tmp_path: Path) -> None:
    with _signed_in(chromium, tmp_path, width=PHONE, scheme="dark") as (_, page):
        page.get_by_label("E-mail to invite").fill("alan@example.org")
        page.get_by_role("button", name="Invite").click()
        expect(page.get_by_text("The token for alan@example.org")).to_be_visible()
        photographed(page, "people-390-dark")
        assert violations(page) == []
        page.get_by_role("button", name="Revoke the invitation of alan@example.org").click()
        page.get_by_role("button", name="alan@example.org: sure?").click()
        expect(page.get_by_text("member, revoked")).to_be_visible()
        with page.expect_response(lambda answer: answer.request.method == "PATCH") as changed:
            page.get_by_label("Role of grace@example.org").select_option("admin")
        assert changed.value.ok
        expect(page.get_by_role("status").filter(has_text="Saved")).to_be_visible()
        page.reload()
        expect(page.get_by_label("Role of grace@example.org")).to_have_value("admin")
        page.get_by_role("button", name="Remove grace@example.org").click()
        page.get_by_role("button", name="Remove grace@example.org: sure?").click()
        expect(page.get_by_label("Role of grace@example.org")).to_be_hidden()


def test_one_makes_an_organization_and_works_in_it(chromium: Browser, tmp_path: Path) -> None:
    with _signed_in(chromium, tmp_path, width=WIDE) as (_, page):
        page.get_by_label("Name of a new organization").fill("Second lab")
        page.get_by_role("button", name="Make it").click()
        page.get_by_role("button", name="Work in Second lab").click()
        expect(page.get_by_text("owner of Second lab")).to_be_visible()
        expect(page.get_by_text("grace@example.org")).to_be_hidden()
