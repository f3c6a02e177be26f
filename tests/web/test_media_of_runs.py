"""Pictures, tables, histograms, texts and files of a run: shown over its steps, given as files, and never run."""

from __future__ import annotations

import json
import re

from playwright.sync_api import Page, expect

from autoresearch.track.media import Histogram
from tests.web import seeding_runs
from tests.web.looking import Site
from tests.web.seeding import HOSTILE

RUN = f"/?project={seeding_runs.MEDIA}&page=run&id=1"
SHOWN = HOSTILE.replace("\u202e", "⟨U+202E⟩")


def _figure(page: Page, name: str):  # type: ignore[no-untyped-def]
    return page.locator("figure", has=page.get_by_role("heading", name=name, exact=True))


def test_pictures_are_shown_with_their_captions_at_the_step_that_is_chosen(site: Site) -> None:
    with site.visit(RUN) as page:
        grid = _figure(page, "samples/grid")
        picture = grid.get_by_role("img")
        expect(picture).to_have_attribute("alt", f"At step 200. {SHOWN}")
        expect(picture).to_have_js_property("naturalWidth", 96)
        expect(grid).to_contain_text(f"At step 200. {SHOWN}")
        page.get_by_label("Step").focus()
        page.keyboard.press("ArrowLeft")
        page.wait_for_url(re.compile("at=100"))
        expect(picture).to_have_attribute("alt", f"At step 100. {SHOWN}")
        expect(_figure(page, "late")).to_contain_text("Nothing was logged up to this step.")
        page.keyboard.press("End")
        expect(page).not_to_have_url(re.compile("at="))
        expect(picture).to_have_attribute("alt", f"At step 200. {SHOWN}")


def test_what_is_no_picture_is_not_shown_as_one_and_nothing_of_it_runs(site: Site) -> None:
    with site.visit(RUN) as page:
        expect(_figure(page, "odd/svg")).to_contain_text("image/svg+xml is not shown here.")
        expect(_figure(page, "odd/page")).to_contain_text("text/html is not shown here.")
        expect(_figure(page, "odd/page")).to_contain_text(SHOWN)
        expect(_figure(page, "odd/picture")).to_contain_text("These bytes are no picture.")
        expect(_figure(page, "odd/table")).to_contain_text("These bytes are no table.")
        expect(_figure(page, "odd/histogram")).to_contain_text("These bytes are no histogram.")
        expect(_figure(page, "odd/bins")).to_contain_text("These bytes are no histogram.")
        expect(_figure(page, "odd/nothing")).to_contain_text("No finite value was counted.")
        # Of all of them only what is a picture came to be one, from bytes of this page.
        expect(page.locator("main img")).to_have_count(2)
        sources = page.locator("main img").evaluate_all("all => all.map((each) => each.src)")
        assert all(source.startswith(f"blob:{site.served.url}/") for source in sources)
        assert page.locator("main script, main iframe, main object, main embed").count() == 0


def test_blobs_are_given_as_files_that_no_browser_takes_for_a_page(site: Site) -> None:
    run = site.ledger.runs.find(seeding_runs.MEDIA, "1")
    with site.served.http() as http:
        for each in site.ledger.runs.media(run.id).items:
            answer = http.get(f"/v1/blobs/{each.digest}")
            assert answer.headers["content-type"] == "application/octet-stream"
            assert answer.headers["content-disposition"] == "attachment"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"


def test_tables_are_tables_of_bounded_length_and_histograms_say_what_they_hold(site: Site) -> None:
    with site.visit(RUN) as page:
        table = _figure(page, "eval/table")
        expect(table.locator("thead th")).to_have_text(["text", "score", HOSTILE[:40]])
        expect(table.locator("tbody tr")).to_have_count(100)
        expect(table.locator("tbody tr").nth(1)).to_contain_text(SHOWN)
        expect(table).to_contain_text("The first of 150 rows and 3 columns")
        expect(
            _figure(page, "weights").get_by_role("img", name=re.compile("2,000 values from"))
        ).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("button", name="Download eval/table").click()
        assert len(json.loads(download.value.path().read_text())["rows"]) == 150


def test_texts_stand_apart_from_the_console_and_files_are_downloaded(site: Site) -> None:
    with site.visit(RUN) as page:
        expect(page.get_by_role("log", name="Text")).to_contain_text(f"Once upon a time at 200: {SHOWN}")
        expect(page.get_by_role("log", name="Console")).not_to_contain_text("Once upon")
        with page.expect_download() as download:
            page.get_by_role("button", name="Download <b>page</b>.html").click()
        assert download.value.suggested_filename == "b_.html"
        assert download.value.path().read_bytes().startswith(b"<!doctype html>")


def test_what_a_run_logs_while_one_looks_appears_by_itself(site: Site) -> None:
    run = seeding_runs.going_on(site.ledger)
    with site.visit(f"/?project={run.project}&page=run&id={run.number}") as page:
        expect(page.get_by_text("running")).to_be_visible()
        seeding_runs.goes_on(site.served.home, run.id, {"weights": Histogram([1, 2, 2, 3])})
        expect(_figure(page, "weights").get_by_role("img", name="4 values from 1 to 3")).to_be_visible(
            timeout=15_000
        )
