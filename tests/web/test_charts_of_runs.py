"""Charts of one page go together: cursor, zoom, the run that is pointed at; and they grow while one looks, without filling the memory."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, expect

from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.ids import new_id
from autoresearch.records.run import RunRequest
from tests.web.looking import Site, whole, zoomed
from tests.web.seeding import PROJECT

CHARTS = f"/?project={PROJECT}&page=runs&view=charts"
_OPAQUE = """(over) => {
    const canvas = over.parentElement.querySelector('canvas');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let found = 0;
    for (let at = 3; at < data.length; at += 4) found += data[at] > 200;
    return found;
}"""
# Where the cursor of every chart stands, from 0 to 1 of its width.
_CURSORS = """() => [...document.querySelectorAll('.u-over')].map((over) => {
    const at = over.querySelector('.u-cursor-x');
    return at.classList.contains('u-off') ? null : new DOMMatrix(getComputedStyle(at).transform).e / over.clientWidth;
})"""
_TICKS = 12


def _drawn(page: Page, count: int) -> None:
    expect(page.locator(".u-over")).to_have_count(count)
    # Finer points move the axis, and what was measured on the screen before is elsewhere then.
    whole(page)


def test_charts_that_are_out_of_sight_are_drawn_too_for_whoever_prints_the_page(site: Site) -> None:
    with site.visit(f"/?project={PROJECT}&page=run&id=2", width=390) as page:
        page.get_by_role("heading", name="train/loss").wait_for()
        expect(page.locator("figure canvas")).to_have_count(4)
        # What is folded is not.
        expect(page.locator("figure")).to_have_count(5)
        assert page.evaluate("scrollY") == 0


def test_the_cursor_stands_at_the_same_step_of_every_chart(site: Site) -> None:
    with site.visit(f"{CHARTS}&metric=train") as page:
        _drawn(page, 2)
        over = page.locator(".u-over").first
        box = over.bounding_box()
        assert box is not None
        over.hover(position={"x": box["width"] / 4, "y": 60})
        first, second = page.evaluate(_CURSORS)
        assert abs(first - 0.25) < 0.01
        assert abs(first - second) < 0.01


def test_a_zoom_is_that_of_every_chart_and_a_double_click_undoes_it(site: Site) -> None:
    with site.visit(f"{CHARTS}&metric=train") as page:
        _drawn(page, 2)
        over = page.locator(".u-over")
        zoomed(page, over.first, 0.25, 0.5)
        whole(page)
        # In the middle of the other chart is the middle of the zoom: step 150 of 400.
        other = over.nth(1).bounding_box()
        assert other is not None
        over.nth(1).hover(position={"x": other["width"] / 2, "y": 60})
        tip = page.locator("figure").nth(1).locator(".tip")
        expect(tip).to_contain_text(re.compile(r"step 1(4[789]|5[0123])\b"))
        over.nth(1).dblclick(position={"x": other["width"] / 2, "y": 60})
        expect(page).not_to_have_url(re.compile("zoom="))


def test_a_chart_that_was_out_of_sight_has_the_zoom_too(site: Site) -> None:
    with site.visit("/") as page:
        page.set_viewport_size({"width": 900, "height": 620})
        page.goto(f"{site.served.url}{CHARTS}")
        over = page.locator(".u-over")
        page.get_by_role("heading", name="train/loss").wait_for()
        whole(page)
        over.first.scroll_into_view_if_needed()
        zoomed(page, over.first, 0.25, 0.5)
        last = page.locator("figure", has=page.get_by_role("heading", name="train/loss"))
        wide = last.locator(".u-over").bounding_box()
        assert wide is not None
        assert wide["y"] > 620, "out of sight"
        last.locator(".u-over").hover(position={"x": wide["width"] / 2, "y": 60})
        # The middle of what was chosen; without the zoom it would be step 200.
        expect(last.locator(".tip")).to_contain_text(re.compile(r"step 1[3-7]\d\b"))


def test_a_run_that_is_pointed_at_in_the_legend_or_the_table_stands_before_the_others(site: Site) -> None:
    with site.visit(f"/?project={PROJECT}&page=runs&view=both&metric=train/grad") as page:
        _drawn(page, 1)
        over = page.locator(".u-over")
        everything = over.evaluate(_OPAQUE)
        for found in (
            page.get_by_role("row", name="sweep-0.002"),
            page.get_by_role("list", name="Runs").get_by_role("button", name="sweep-0.002"),
        ):
            found.hover()
            page.wait_for_function(
                f"([over, all]) => ({_OPAQUE})(over) < all * 0.8", arg=[over.element_handle(), everything]
            )
            page.get_by_role("heading", level=1).hover()
            page.wait_for_function(
                f"([over, all]) => ({_OPAQUE})(over) === all", arg=[over.element_handle(), everything]
            )
        # The same by the keyboard; the first row is of a run that has no such metric.
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.wait_for_function(
            f"([over, all]) => ({_OPAQUE})(over) < all * 0.8", arg=[over.element_handle(), everything]
        )


def test_time_since_the_start_is_that_of_each_run(site: Site) -> None:
    run = _begun(site.ledger, "timed")
    start = run.started_at.timestamp()
    with site.served.http() as http:
        points = [
            {"step": step, "time": start + 30 * step, "metrics": {"seconds/loss": float(step)}}
            for step in range(1, 5)
        ]
        assert http.post("/v1/ingest", json={"run_id": run.id, "points": points}).status_code == 200
    with site.visit(f"/?project={PROJECT}&page=run&id={run.number}&x=relative") as page:
        _drawn(page, 1)
        over = page.locator(".u-over")
        box = over.bounding_box()
        assert box is not None
        over.hover(position={"x": box["width"] - 1, "y": 60})
        expect(page.locator(".tip")).to_contain_text(re.compile("1 min 59 s|2 min"))
        page.get_by_label("Log x").check()
        over.hover(position={"x": 1, "y": 60})
        # There is no zero on a logarithmic axis: it begins with the first point behind it.
        expect(page.locator(".tip")).to_contain_text("30 s")


def _begun(ledger: LocalLedger, name: str) -> Any:
    return ledger.runs.create(RunRequest.make(id=new_id(), project=PROJECT, name=name))


def _sent(site: Site, run_id: str, first: int, count: int) -> None:
    points = [{"step": step, "metrics": {"loss": 1 / (1 + step)}} for step in range(first, first + count)]
    with site.served.http() as http:
        assert http.post("/v1/ingest", json={"run_id": run_id, "points": points}).status_code == 200


def _weight(page: Page) -> tuple[int, int, int]:
    """Bytes in use, elements and listeners, after what nobody holds was collected."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    counted = session.send("Memory.getDOMCounters")
    return session.send("Runtime.getHeapUsage")["usedSize"], counted["nodes"], counted["jsEventListeners"]


def test_points_of_a_run_that_goes_on_reach_open_charts_and_the_memory_stays_as_it_was(site: Site) -> None:
    run = _begun(site.ledger, "long")
    _sent(site, run.id, 0, 800)
    with site.visit(f"/?project={PROJECT}&page=runs&view=both&where=long") as page:
        legend = page.get_by_role("list", name="Runs")
        expect(legend).to_contain_text("long")
        before = (0, 0, 0)
        for tick in range(_TICKS):
            _sent(site, run.id, 800 + tick, 1)
            expect(page.locator("figure .latest")).to_have_text(f"{1 / (801 + tick):.5g}")
            if tick == 3:
                before = _weight(page)
        with page.expect_download() as download:
            page.locator("figure").first.hover()
            page.get_by_role("button", name="Save loss as CSV").click()
        assert f",{800 + _TICKS - 1}," in download.value.path().read_text()
        bytes_used, nodes, listeners = _weight(page)
        assert bytes_used - before[0] < 400_000
        assert nodes - before[1] < 100
        assert listeners - before[2] < 30
