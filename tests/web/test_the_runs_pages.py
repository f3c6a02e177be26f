"""Runs: the table of all, one with its curves and its log, and several side by side."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from playwright.sync_api import Page, expect

from autoresearch.records.run import FinishRequest
from tests.web import seeding_runs
from tests.web.looking import Site, zoomed
from tests.web.seeding import HOSTILE, PROJECT

RUNS = "/?project=char-lm&page=runs"
SHOWN = HOSTILE.replace("\u202e", "⟨U+202E⟩")
_DRAWN = """() => [...document.querySelectorAll('.u-over')].map((over) => {
    const canvas = over.parentElement.querySelector('canvas');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const colours = new Set();
    for (let at = 0; at < data.length; at += 4) if (data[at + 3] === 255) colours.add(data.slice(at, at + 3).join());
    return colours.size;
})"""


def _names(page: Page) -> list[str]:
    expect(page.locator("tbody tr").first).to_be_visible()
    return page.locator("tbody .name > a:first-child").all_inner_texts()


def test_the_table_has_what_differs_and_the_metric_of_the_goal(site: Site) -> None:
    with site.visit(RUNS) as page:
        row = page.get_by_role("row", name="sweep-0.002")
        expect(row).to_contain_text("finished")
        expect(row).to_contain_text("0.002")
        # The metric of the goal comes with the project, and what is shown with the runs.
        expect(page.locator("thead")).to_contain_text("val_loss")
        heads = page.locator("thead th").all_inner_texts()
        assert {"lr", "model.width", "val_loss"} <= set(heads)
        assert SHOWN in _names(page)


def test_a_filter_is_asked_of_the_server_and_stands_in_the_url(site: Site) -> None:
    with site.visit(RUNS) as page:
        box = page.get_by_label("Filter")
        box.fill("config.lr > 0.001 and val_loss < 1.5")
        expect(page.locator("tbody tr")).to_have_count(2)
        assert sorted(_names(page)) == ["sweep-0.002", "sweep-0.004"]
        page.reload()
        expect(box).to_have_value("config.lr > 0.001 and val_loss < 1.5")
        expect(page.locator("tbody tr")).to_have_count(2)
        box.fill("0.03")
        expect(page.locator("tbody tr")).to_have_count(1)
        box.fill("config.lr >")
        expect(page.get_by_role("alert")).to_contain_text("config.lr")
        # What was found before is still there to look at.
        expect(page.locator("tbody tr")).to_have_count(1)


def test_runs_are_sorted_by_any_column_and_found_by_state_and_tag(site: Site) -> None:
    with site.visit(RUNS) as page:
        page.get_by_role("link", name="val_loss", exact=True).click()
        expect(page.locator("th[aria-sort=descending]")).to_contain_text("val_loss")
        page.get_by_role("link", name="val_loss").first.click()
        expect(page.locator("th[aria-sort=ascending]")).to_contain_text("val_loss")
        expect(page.locator("tbody .name > a:first-child").first).to_have_text("sweep-0.002")
        page.get_by_label("State").select_option("failed")
        expect(page.locator("tbody tr")).to_have_count(1)
        page.get_by_label("State").select_option("")
        page.locator("tbody").get_by_role("link", name="wide").first.click()
        expect(page.locator("tbody tr")).to_have_count(2)


def test_columns_are_chosen_and_stay_so(site: Site) -> None:
    with site.visit(RUNS) as page:
        expect(page.locator("thead")).to_contain_text("val_loss")
        page.get_by_text("Columns").click()
        page.get_by_label("train/grad_norm").uncheck()
        expect(page.locator("thead")).not_to_contain_text("grad_norm")
        page.get_by_label("config.batch").uncheck()
        page.reload()
        expect(page.locator("thead")).to_contain_text("val_loss")
        expect(page.locator("thead")).not_to_contain_text("batch")


def test_charts_are_in_groups_and_follow_smoothing_axes_and_zoom(site: Site) -> None:
    with site.visit(RUNS) as page:
        page.get_by_role("link", name="Charts").click()
        expect(page.get_by_role("heading", name="train", exact=True)).to_be_visible()
        charts = page.locator(".u-over")
        expect(charts.nth(1)).to_be_visible()
        # Lines in the colours of their runs, not all in one.
        assert max(page.evaluate(_DRAWN)) > 20
        page.get_by_label("Over", exact=True).select_option("relative")
        page.get_by_label("Smoothing").fill("0.9")
        page.get_by_label("Log y").check()
        page.get_by_label("Clip outliers").check()
        page.wait_for_url(re.compile(r"x=relative.*smooth=0.9.*log=1.*clip=1"))
        page.get_by_label("Over", exact=True).select_option("step")
        zoomed(page, charts.first, 0.3, 0.6)
        page.get_by_role("button", name="Show all").click()
        expect(page).not_to_have_url(re.compile("zoom="))


def test_pointing_at_a_line_says_which_run_it_is_and_the_legend_keeps_one_in_sight(site: Site) -> None:
    with site.visit(f"{RUNS}&view=charts&metric=train/loss") as page:
        over = page.locator(".u-over").first
        over.hover(position={"x": 150, "y": 80})
        expect(page.locator(".tip")).to_contain_text("sweep-0.0005")
        page.get_by_role("button", name="sweep-0.002").click()
        page.wait_for_url(re.compile("mark="))
        expect(page.get_by_role("button", name="sweep-0.002")).to_have_attribute("aria-pressed", "true")


def test_a_chart_is_saved_as_csv_and_as_a_picture(site: Site) -> None:
    with site.visit(f"{RUNS}&view=charts&metric=val_loss") as page:
        page.locator("figure").first.hover()
        with page.expect_download() as csv:
            page.get_by_role("button", name="Save val_loss as CSV").click()
        text = csv.value.path().read_text()
        assert text.startswith('run,name,step,time,"val_loss"\n')
        assert len(re.findall(r'^\d+,"sweep-0.001",\d+,[\d.]+,[\d.]+$', text, re.MULTILINE)) == 20
        with page.expect_download() as png:
            page.get_by_role("button", name="Save val_loss as PNG").click()
        assert png.value.path().read_bytes().startswith(b"\x89PNG")


def test_a_chart_is_saved_as_svg_in_which_the_words_of_others_stay_words(site: Site) -> None:
    svg = "{http://www.w3.org/2000/svg}"
    for words in ("metric=x", "metric=val_loss&by=group&log=1"):
        with site.visit(f"{RUNS}&view=charts&{words}") as page:
            figure = page.locator("figure").first
            figure.hover()
            with page.expect_download() as download:
                figure.get_by_role("button", name="as SVG").click()
            content = download.value.path().read_text()
        drawn = ElementTree.fromstring(content)
        kinds = {each.tag for each in drawn.iter()}
        assert kinds <= {
            f"{svg}{kind}" for kind in ("svg", "rect", "clipPath", "text", "path", "g", "circle")
        }
        assert "NaN" not in content
        texts = [each.text or "" for each in drawn.iter(f"{svg}text")]
        assert len(texts) > 4
        if "by=" in words:
            assert {"val_loss", "group=lr", "group=–"} <= set(texts)
            assert len([each for each in drawn.iter(f"{svg}path") if each.get("fill-opacity")]) == 1
        else:
            assert any(HOSTILE[:20] in text for text in texts)


def test_chosen_runs_are_compared_by_what_differs_alone(site: Site) -> None:
    with site.visit(RUNS) as page:
        for name in ("sweep-0.001", "sweep-0.002"):
            page.get_by_label(f"Choose {name}", exact=True).check()
        page.get_by_role("link", name="Compare 2").click()
        config = page.locator("section", has=page.get_by_role("heading", name="Configuration"))
        expect(config.get_by_role("rowheader")).to_have_text(["lr", "model.width"])
        expect(config).to_contain_text("2 alike, not shown")
        page.get_by_label("Also what is alike").check()
        expect(config.get_by_role("rowheader")).to_have_text(["batch", "lr", "model.depth", "model.width"])
        page.get_by_label("Rows whose name has").fill("^model")
        expect(config.get_by_role("rowheader")).to_have_text(["model.depth", "model.width"])
        expect(page.locator(".u-over").first).to_be_attached()


def test_one_run_shows_its_receipt_and_every_point_is_decoded_when_asked(site: Site) -> None:
    run = site.ledger.runs.find(PROJECT, "sweep-0.001")
    with site.visit(f"/?project=char-lm&page=run&id={run.number}") as page:
        page.get_by_text("Intact").click()
        expect(page.get_by_text("Committed").locator("xpath=following-sibling::dd[1]")).to_have_text("1,228")
        page.get_by_role("button", name="Decode every point").click()
        expect(page.get_by_role("button", name="Every point was decoded")).to_be_visible()
        # What the machine did is there, and out of the way.
        expect(page.get_by_role("heading", name="system/cpu_percent")).to_be_hidden()
        page.get_by_role("heading", name="system", exact=True).click()
        expect(page.get_by_role("heading", name="system/cpu_percent")).to_be_visible()


def test_a_run_that_failed_says_so_and_what_others_wrote_stays_text(site: Site) -> None:
    with site.visit("/?project=char-lm&page=run&id=last") as page:
        expect(page.get_by_role("heading", level=1)).to_contain_text(SHOWN)
        expect(page.get_by_label("Alerts")).to_contain_text(f"loss is NaN {SHOWN}")
        expect(page.get_by_role("log")).to_contain_text(f"warning: {SHOWN}")
        expect(page.get_by_role("region", name="How it ended")).to_contain_text("ValueError")
        assert page.locator("main img, main script, main iframe").count() == 0


def test_the_log_and_the_curves_of_a_run_grow_while_one_looks(site: Site) -> None:
    run = seeding_runs.going_on(site.ledger)
    with site.visit(f"/?project=char-lm&page=run&id={run.number}") as page, site.served.http() as http:
        expect(page.get_by_text("running")).to_be_visible()
        sent = {"run_id": run.id, "points": [{"step": 1, "metrics": {"loss": 0.5}}]}
        texts = [{"name": "console/stdout", "step": 1, "text": f"half way {HOSTILE}"}]
        assert http.post("/v1/ingest", json=sent | {"texts": texts}).status_code == 200
        expect(page.get_by_role("log")).to_contain_text(f"half way {SHOWN}")
        expect(page.get_by_role("heading", name="loss", exact=True)).to_be_visible()
        site.ledger.runs.finish(FinishRequest.make(run_id=run.id, state="finished", exit_code=0))
        expect(page.get_by_text("finished")).to_be_visible()


def test_tags_are_added_to_a_run_and_removed(site: Site) -> None:
    run = site.ledger.runs.find(PROJECT, "sweep-0.004")
    with site.visit(f"/?project=char-lm&page=run&id={run.number}") as page:
        page.get_by_label("Add a tag").fill("to-keep")
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name="to-keep")).to_be_visible()
        assert "to-keep" in site.ledger.runs.run(run.id).tags
        page.get_by_role("button", name="Remove the tag to-keep").click()
        expect(page.get_by_role("link", name="to-keep")).to_be_hidden()


def test_a_project_without_runs_says_how_the_first_one_is_logged(site: Site) -> None:
    with site.visit("/?project=no-goal&page=runs") as page:
        expect(page.get_by_role("heading", name="Log the first run")).to_be_visible()
