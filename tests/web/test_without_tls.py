"""A server in a lab that is reached by its name and without TLS: what browsers keep from such pages is not missed."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.serving import listening
from tests.web.browser import browser
from tests.web.looking import opened
from tests.web.signing import ADA, entered, peopled


def test_one_signs_in_makes_a_key_and_copies_it(tmp_path: Path) -> None:
    with (
        listening(tmp_path) as served,
        browser("--host-resolver-rules=MAP research.test 127.0.0.1") as chromium,
        opened(chromium, peopled(served).url.replace("127.0.0.1", "research.test") + "/?page=people") as page,
    ):
        assert page.evaluate("[isSecureContext, 'clipboard' in navigator]") == [False, False]
        entered(page, ADA)
        page.get_by_label("Name of the key", exact=True).fill("laptop")
        page.get_by_role("button", name="Make a key").click()
        shown = page.get_by_role("group", name="The new key")
        copy = shown.get_by_role("button", name="Copy").first
        copy.click()
        expect(shown.get_by_role("button", name="Copied")).to_be_focused()
        # It is pasted as a person would.
        page.get_by_label("Name of a new organization").focus()
        page.keyboard.press("Control+V")
        pasted = re.compile("^export AUTORESEARCH_BASE_URL=http://research.test:")
        expect(page.get_by_label("Name of a new organization")).to_have_value(pasted)
        page.reload()
        expect(page.get_by_role("listitem").filter(has_text="laptop")).to_be_visible()
