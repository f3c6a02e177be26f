"""The way into a server for a team: signing in, the first account of all, and what whoever is nobody sees."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.server_process import Process
from tests.serving import listening
from tests.web.looking import Scheme, Width, opened, photographed, violations
from tests.web.signing import ADA, GOOD, entered, peopled

EVERY_LOOK = pytest.mark.parametrize(
    ("width", "scheme"), [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")]
)


@EVERY_LOOK
def test_every_way_in_is_whole_and_accessible(
    chromium: Browser, tmp_path: Path, width: Width, scheme: Scheme
) -> None:
    with (
        listening(tmp_path) as served,
        opened(chromium, peopled(served).url, width=width, scheme=scheme) as page,
    ):
        for name, button in {
            "sign-in": None,
            "join": "I have an invitation",
            "forgotten": "I forgot my password",
        }.items():
            if button is not None:
                page.get_by_role("button", name=button).click()
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            photographed(page, f"{name}-{width}-{scheme}")
            assert violations(page) == [], name
            if button is not None:
                page.get_by_role("button", name="Sign in instead").click()


@EVERY_LOOK
def test_the_first_account_is_made_by_the_link_that_the_first_start_prints(
    chromium: Browser, home: Path, width: Width, scheme: Scheme
) -> None:
    server = Process(home / "server")
    server.start()
    try:
        link = re.search(rf"{server.url}/#arb_\w+", server.said)
        assert link is not None, server.said
        with opened(chromium, link[0], width=width, scheme=scheme) as page:
            expect(page.get_by_role("heading", name="Set this server up")).to_be_visible()
            expect(page.get_by_label("Token")).to_have_value(link[0].partition("#")[2])
            assert "#" not in page.url
            page.get_by_label("Organization").fill("Lab")
            page.get_by_label("Your name").fill("Ada")
            page.get_by_label("E-mail").fill(ADA)
            page.get_by_label("Password").fill("password1234")
            page.get_by_role("button", name="Make the account").click()
            expect(page.get_by_role("alert")).to_contain_text("guess")
            photographed(page, f"set-up-{width}-{scheme}")
            assert violations(page) == []
            page.get_by_label("Password").fill(GOOD)
            page.get_by_role("button", name="Make the account").click()
            expect(page.get_by_role("heading", name="No research here yet")).to_be_visible()
            page.get_by_role("button", name="Account: Ada").click()
            expect(page.get_by_text("owner", exact=True)).to_be_visible()
    finally:
        server.kill()


def test_a_link_of_a_stranger_opens_the_sign_in_and_then_the_page(chromium: Browser, tmp_path: Path) -> None:
    with listening(tmp_path) as served:
        peopled(served)
        with opened(chromium, f"{served.url}/?project=none&page=runs#{'x' * 43}") as page:
            expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
            assert page.url == f"{served.url}/?project=none&page=runs"
            entered(page, ADA, "wrong horse entirely")
            expect(page.get_by_role("alert")).to_contain_text("E-mail and password")
            entered(page, ADA)
            expect(page.get_by_role("heading", name="No research here yet")).to_be_visible()


def test_whoever_guesses_has_to_wait_and_is_told_so(chromium: Browser, tmp_path: Path) -> None:
    with listening(tmp_path) as served, opened(chromium, peopled(served).url) as page:
        page.get_by_label("E-mail").fill(ADA)
        said = page.get_by_role("alert")
        for number in range(12):
            page.get_by_label("Password").fill(f"wrong horse {number} entirely")
            with page.expect_response("**/v1/auth/sign-in") as answer:
                page.get_by_role("button", name="Sign in").click()
            if answer.value.status == 429:
                break
        expect(said).to_contain_text(re.compile("wait|again", re.IGNORECASE))
        assert violations(page) == []
