"""Keys that append to one run: made on its page, shown once, tried as they are shown, and revoked."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser, expect

from autoresearch.ledger.local.ledger import LocalLedger
from tests.serving import Served
from tests.web import seeding_runs
from tests.web.looking import opened, photographed, violations
from tests.web.signing import GRACE, VICTOR, entered, signed_in

HOSTILE = '"; curl evil.test <img src=x onerror="window.struck=1">'


def _run(served: Served) -> str:
    return seeding_runs.going_on(LocalLedger(served.state.database, served.state.objects)).id


def test_a_key_is_made_tried_as_it_is_shown_and_revoked(chromium: Browser, tmp_path: Path) -> None:
    with signed_in(chromium, tmp_path, who=GRACE) as (served, page):
        run = _run(served)
        page.goto(f"{served.url}/?project=char-lm&page=run&id=last")
        page.get_by_role("button", name="Make or revoke one").click()
        page.get_by_label("Name of the ingestion key").fill(HOSTILE)
        page.get_by_label("How long it works").select_option("an hour")
        keys = page.get_by_role("region", name="Ingestion keys")
        keys.get_by_role("button", name="Make a key").click()
        made = page.get_by_role("group", name="The new ingestion key")
        expect(made.locator("pre")).to_have_count(2)
        curl, python = made.locator("pre").all_inner_texts()
        photographed(page, "ingestion-keys")
        assert violations(page) == []
        # What is shown is what works: each sends one point.
        environment = os.environ | {"no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}
        for command in (["bash", "-c", f"{curl} --fail"], [sys.executable, "-c", python]):
            subprocess.run(command, check=True, timeout=60, env=environment, capture_output=True)
        expect(page.get_by_role("heading", name="loss", exact=True)).to_be_visible()
        page.reload()
        page.get_by_role("button", name="Make or revoke one").click()
        row = keys.get_by_role("listitem").filter(has_text=HOSTILE)
        expect(row).to_contain_text(re.compile(r"active, until .* used (just now|\d+ (s|min) ago)"))
        found = re.search(r"ari_\w+", curl)
        assert found is not None
        assert found[0] not in page.content()
        row.get_by_role("button", name="Revoke").click()
        row.get_by_role("button", name="sure?").click()
        expect(row).to_contain_text("revoked")
        with served.http(found[0]) as http:
            sent = {"run_id": run, "points": [{"step": 3, "metrics": {"loss": 0.3}}]}
            assert http.post("/v1/ingest", json=sent).status_code == 401


def test_a_viewer_is_shown_none(chromium: Browser, tmp_path: Path) -> None:
    with signed_in(chromium, tmp_path, who=GRACE) as (served, page):
        _run(served)
        page.goto(f"{served.url}/?project=char-lm&page=run&id=last")
        expect(page.get_by_role("region", name="Ingestion keys")).to_be_visible()
        with opened(chromium, page.url) as other:
            entered(other, VICTOR)
            expect(other.get_by_role("heading", level=1)).to_be_visible()
            expect(other.get_by_role("region", name="Ingestion keys")).to_have_count(0)
