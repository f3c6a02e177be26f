"""People and keys: who one is, members, invitations, organizations, and keys that are shown once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.serving import Served, listening
from tests.web.looking import PHONE, Scheme, Site, Width, opened, photographed, violations
from tests.web.signing import ADA, GOOD, GRACE, VICTOR, entered, peopled, signed_in

NAMED = '<img src=x onerror="window.struck=1">'
FRESH = "nine quiet lanterns drift"


def _status(served: Served, key: str) -> int:
    with served.http(key) as http:
        return http.get("/v1/projects").status_code


def _section(page: Page, title: str) -> Locator:
    return page.get_by_role("region", name=title, exact=True)


def _surely(within: Page | Locator, name: str) -> None:
    within.get_by_role("button", name=name, exact=True).click()
    within.get_by_role("button", name=f"{name}: sure?").click()


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_whole_and_accessible(
    chromium: Browser, tmp_path: Path, width: Width, scheme: Scheme
) -> None:
    with signed_in(chromium, tmp_path, width=width, scheme=scheme) as (_, page):
        page.get_by_label("Name of the key", exact=True).fill(NAMED)
        page.get_by_role("button", name="Make a key").click()
        page.get_by_label("E-mail to invite").fill("alan@example.org")
        page.get_by_role("button", name="Invite").click()
        page.get_by_role("button", name="Show the latest").click()
        expect(page.get_by_role("group", name="The new key")).to_be_visible()
        expect(page.get_by_text("The link for alan@example.org")).to_be_visible()
        expect(_section(page, "What was done to people and keys")).to_contain_text("key created")
        photographed(page, f"people-{width}-{scheme}")
        assert violations(page) == []


def test_a_key_is_made_shown_once_works_and_is_revoked(chromium: Browser, tmp_path: Path) -> None:
    with signed_in(chromium, tmp_path) as (served, page):
        page.get_by_label("Name of the key", exact=True).fill(NAMED)
        page.get_by_label("What it may do").select_option("read")
        page.get_by_label("How long", exact=True).select_option("30 days")
        page.get_by_role("button", name="Make a key").click()
        shown = page.get_by_role("group", name="The new key")
        found = re.search(r"AUTORESEARCH_API_KEY=(\S+)", shown.inner_text())
        assert found is not None
        assert _status(served, found[1]) == 200
        with served.http(found[1]) as http:
            assert http.put("/v1/projects/p", json={}).status_code == 403
        expect(shown).to_contain_text(f'curl -H "Authorization: Bearer {found[1]}" {served.url}/v1/projects')
        expect(shown).to_contain_text(f'"url": "{served.url}/mcp"')
        page.reload()
        row = page.get_by_role("listitem").filter(has_text=NAMED)
        expect(row).to_contain_text(
            re.compile(r"read, active, until .* · used (just now|\d+ (s|min) ago) · by ada@example.org")
        )
        assert found[1] not in page.content()
        _surely(row, f"Revoke {NAMED}")
        expect(row).to_contain_text("revoked")
        assert _status(served, found[1]) == 401


def test_a_role_is_given_and_a_member_removed(chromium: Browser, tmp_path: Path) -> None:
    with signed_in(chromium, tmp_path) as (_, page):
        role = page.get_by_label(f"Role of {GRACE}")
        with page.expect_response(lambda answer: answer.request.method == "PATCH") as changed:
            role.select_option("admin")
        assert changed.value.ok
        expect(_section(page, "Members").get_by_role("status")).to_have_text("Saved")
        page.reload()
        expect(role).to_have_value("admin")
        _surely(page, f"Remove {GRACE}")
        expect(role).to_be_hidden()


def test_a_change_arrives_though_the_page_is_left_at_once(chromium: Browser, tmp_path: Path) -> None:
    with signed_in(chromium, tmp_path) as (_, page):
        with page.expect_request(lambda request: request.method == "PATCH"):
            page.get_by_label(f"Role of {GRACE}").select_option("viewer")
        page.goto("about:blank")
        page.go_back()
        # What was asked before may be answered before it: then the page is looked at once more.
        for _ in range(20):
            if page.get_by_label(f"Role of {GRACE}").input_value() == "viewer":
                break
            page.reload()
        expect(page.get_by_label(f"Role of {GRACE}")).to_have_value("viewer")


def test_somebody_is_invited_by_a_link_and_joins(chromium: Browser, tmp_path: Path) -> None:
    with signed_in(chromium, tmp_path) as (served, page):
        page.get_by_label("E-mail to invite").fill("alan@example.org")
        page.get_by_role("button", name="Invite").click()
        link = re.search(rf"{served.url}/#arv_\w+", _section(page, "Invitations").locator("pre").inner_text())
        assert link is not None
        with opened(chromium, link[0]) as other:
            expect(other.get_by_role("heading", name="Accept an invitation")).to_be_visible()
            assert "#" not in other.url
            other.get_by_label("Your name").fill("Alan")
            other.get_by_label("Password").fill(FRESH)
            other.get_by_role("button", name="Join").click()
            expect(other.get_by_role("button", name="Account: Alan")).to_be_visible()
        page.reload()
        expect(_section(page, "Invitations")).to_contain_text("member, accepted")
        expect(page.get_by_label("Role of alan@example.org")).to_have_value("member")


def test_an_invitation_is_revoked_and_opens_nothing_then(chromium: Browser, tmp_path: Path) -> None:
    with signed_in(chromium, tmp_path) as (_, page):
        page.get_by_label("E-mail to invite").fill("alan@example.org")
        page.get_by_role("button", name="Invite").click()
        link = _section(page, "Invitations").locator("pre").inner_text()
        _surely(page, "Revoke the invitation of alan@example.org")
        expect(page.get_by_text("member, revoked")).to_be_visible()
        with opened(chromium, link) as other:
            other.get_by_label("Password").fill(FRESH)
            other.get_by_role("button", name="Join").click()
            expect(other.get_by_role("alert")).to_be_visible()


def test_somebody_who_is_signed_in_joins_another_organization(chromium: Browser, tmp_path: Path) -> None:
    with signed_in(chromium, tmp_path, who=GRACE) as (served, page):
        served.state.access.create_user("bob@example.org", GOOD, "second", role="owner")
        with opened(chromium, f"{served.url}/?page=people") as owner:
            entered(owner, "bob@example.org")
            owner.get_by_label("E-mail to invite").fill(GRACE)
            owner.get_by_role("button", name="Invite").click()
            link = _section(owner, "Invitations").locator("pre").inner_text()
        # A link from a letter opens the page anew.
        page.goto("about:blank")
        page.goto(link)
        expect(page.get_by_label("Token of an invitation")).to_have_value(link.partition("#")[2])
        page.get_by_role("button", name="Join").click()
        expect(page.get_by_text("member of second")).to_be_visible()
        page.get_by_role("button", name="Work in local").click()
        expect(page.get_by_text("member of local")).to_be_visible()


def test_one_makes_an_organization_works_in_it_and_renames_it(chromium: Browser, tmp_path: Path) -> None:
    with signed_in(chromium, tmp_path) as (_, page):
        page.get_by_label("Name of a new organization").fill("Second lab")
        page.get_by_role("button", name="Make it").click()
        page.get_by_role("button", name="Work in Second lab").click()
        expect(page.get_by_text("owner of Second lab")).to_be_visible()
        expect(page.get_by_text(GRACE)).to_be_hidden()
        page.get_by_label("Name of this organization").fill("Third lab")
        page.get_by_role("button", name="Rename it").click()
        expect(page.get_by_text("owner of Third lab")).to_be_visible()


def test_whoever_leaves_their_only_organization_may_make_another(chromium: Browser, tmp_path: Path) -> None:
    with signed_in(chromium, tmp_path, who=GRACE) as (served, page):
        _surely(page, "Leave local")
        expect(page.get_by_text("You are in no organization.")).to_be_visible()
        assert violations(page) == []
        page.goto(served.url)
        page.get_by_label("Name of a new organization").fill("Mine")
        page.get_by_role("button", name="Make it").click()
        expect(page.get_by_text("owner of Mine")).to_be_visible()


def test_a_password_is_changed_and_other_browsers_are_signed_out(chromium: Browser, tmp_path: Path) -> None:
    with signed_in(chromium, tmp_path) as (served, page), opened(chromium, served.url) as other:
        entered(other, ADA)
        expect(other.get_by_role("heading", name="No research here yet")).to_be_visible()
        page.get_by_label("Present password").fill("not this one at all")
        page.get_by_role("textbox", name="New password").fill(FRESH)
        page.get_by_role("button", name="Change the password").click()
        expect(page.get_by_role("alert")).to_contain_text("password")
        page.get_by_label("Present password").fill(GOOD)
        page.get_by_role("button", name="Change the password").click()
        expect(page.get_by_text("Every other browser was signed out.")).to_be_visible()
        # The session goes on under another secret, with which changes are still made.
        page.get_by_label("Name of a new organization").fill("After all")
        page.get_by_role("button", name="Make it").click()
        expect(page.get_by_role("button", name="Work in After all")).to_be_visible()
        other.reload()
        entered(other, ADA, FRESH)
        expect(other.get_by_role("heading", name="No research here yet")).to_be_visible()


def test_sessions_are_listed_and_ended(chromium: Browser, tmp_path: Path) -> None:
    with signed_in(chromium, tmp_path) as (served, page), opened(chromium, served.url) as other:
        entered(other, ADA)
        expect(other.get_by_role("heading", name="No research here yet")).to_be_visible()
        page.reload()
        listed = _section(page, "Where you are signed in")
        expect(listed.get_by_role("listitem")).to_have_count(2)
        expect(listed.get_by_text("this browser")).to_have_count(1)
        _surely(listed, "End all others")
        expect(listed.get_by_role("listitem")).to_have_count(1)
        other.reload()
        expect(other.get_by_role("heading", name="Sign in")).to_be_visible()


def test_an_owner_lets_somebody_set_a_new_password(chromium: Browser, tmp_path: Path) -> None:
    with signed_in(chromium, tmp_path) as (_, page):
        _surely(page, f"Let {GRACE} set a new password")
        link = _section(page, "Members").locator("pre").inner_text()
        with opened(chromium, link) as other:
            expect(other.get_by_role("heading", name="Set a new password")).to_be_visible()
            other.get_by_label("New password").fill(FRESH)
            other.get_by_role("button", name="Set it and sign in").click()
            expect(other.get_by_role("button", name="Account: grace")).to_be_visible()


def test_nobody_sees_buttons_for_what_their_role_may_not(chromium: Browser, tmp_path: Path) -> None:
    with signed_in(chromium, tmp_path, who=VICTOR, width=PHONE) as (served, page):
        expect(page.get_by_text("viewer of local")).to_be_visible()
        expect(_section(page, "Members")).to_contain_text(ADA)
        for name in ("Invite", "Make a key", "Rename it", f"Remove {GRACE}", "Show the latest"):
            expect(page.get_by_role("button", name=name)).to_have_count(0)
        expect(page.get_by_label(re.compile("Role of"))).to_have_count(0)
        assert violations(page) == []
        # An admin has those of members and viewers, and gives no more than that.
        found = served.state.access.create_user("eve@example.org", GOOD, "local", role="admin")
        assert found is not None
        with opened(chromium, f"{served.url}/?page=people") as other:
            entered(other, "eve@example.org")
            expect(other.get_by_label(f"Role of {GRACE}").locator("option")).to_have_text(
                ["viewer", "member"]
            )
            expect(other.get_by_label(f"Role of {ADA}")).to_have_count(0)


def test_a_refused_change_is_said_where_it_was_made(chromium: Browser, tmp_path: Path) -> None:
    with signed_in(chromium, tmp_path) as (_, page):
        page.get_by_label("E-mail to invite").fill(GRACE)
        page.get_by_role("button", name="Invite").click()
        said = _section(page, "Invitations").get_by_role("alert")
        expect(said).to_contain_text("is a member already. Change their role instead.")
        _surely(page, "Leave local")
        expect(_section(page, "Members").get_by_role("alert")).to_contain_text("without an owner")


def test_names_by_others_are_text_and_fit_whatever_they_are(chromium: Browser, tmp_path: Path) -> None:
    with listening(tmp_path) as served:
        access = peopled(served).state.access
        access.create_organization("x" * 99)
        access.create_user(
            f"{'b' * 60}@{'long.' * 30}example.org", GOOD, "local", role="admin", name="y" * 100
        )
        access.create_user("eve@example.org", GOOD, NAMED + "\u202e", role="owner", name=NAMED)
        with opened(chromium, f"{served.url}/?page=people", width=PHONE) as page:
            entered(page, "eve@example.org")
            expect(page.get_by_text(f"owner of {NAMED}⟨U+202E⟩")).to_be_visible()
            page.get_by_role("button", name="Account").click()
            photographed(page, "people-hostile")
            assert violations(page) == []
        with opened(chromium, f"{served.url}/?page=people", width=PHONE) as page:
            entered(page, ADA)
            expect(page.get_by_text("y" * 100)).to_be_visible()
            photographed(page, "people-long")
            assert violations(page) == []


def test_on_ones_own_machine_one_sees_as_whom_one_acts(site: Site) -> None:
    with site.visit("/") as page:
        page.get_by_role("button", name="Account: ada").click()
        page.get_by_role("link", name="Who you are").click()
        expect(page.get_by_text("on this machine")).to_be_visible()
        expect(page.get_by_role("button", name="Make a key")).to_have_count(0)
        assert violations(page) == []
