"""What one does while answers are on their way, and while news comes in, is not lost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, Route, expect

from autoresearch.records.run import RunEdit
from tests.web import seeding
from tests.web.looking import Site
from tests.web.seeding import PROJECT
from tests.web.seeding_segments import MOVED

_BUSY = """addEventListener("keydown", ({ key }) => {
    const until = performance.now() + 1200;
    while (key === "g" && performance.now() < until);
}, { capture: true })"""


@contextmanager
def _held(page: Page, pattern: str) -> Iterator[None]:
    """Within the block nothing that is asked for at such an address is answered; at its end all of it is."""
    waiting: list[Route] = []
    over = False

    def take(route: Route) -> None:
        if over:
            route.continue_()
        else:
            waiting.append(route)

    page.route(re.compile(pattern), take)
    yield
    over = True
    for route in waiting:
        route.continue_()


def test_keys_for_the_next_experiment_count_before_it_is_known_which_there_are(site: Site) -> None:
    with site.visit("/") as page:
        with _held(page, r"/experiments\?"):
            page.goto(f"{site.served.url}/?project={PROJECT}&page=experiment&id=12")
            expect(page.get_by_role("navigation", name="Experiments")).to_contain_text("#12")
            page.keyboard.type("kk")
        expect(page.get_by_role("navigation", name="Experiments")).to_contain_text("#14")
        with _held(page, r"/experiments\?"):
            page.goto(f"{site.served.url}/?project={PROJECT}&page=compare&id=12&other=20")
            expect(page.get_by_role("heading", level=1)).to_have_text("#12 and #20")
            page.keyboard.type("kjk")
        expect(page.get_by_role("heading", level=1)).to_have_text("#12 and #21")


def test_the_next_of_an_old_experiment_is_right_before_all_of_them_were_read(site: Site) -> None:
    with site.visit("/") as page, _held(page, r"/experiments\?.*cursor="):
        page.goto(f"{site.served.url}/?project={PROJECT}&page=experiment&id=2")
        expect(page.get_by_role("link", name="The next one, #3", exact=True)).to_be_visible()


def test_a_verdict_that_overtakes_the_list_of_what_was_tried_stands(site: Site) -> None:
    (found,) = [one for one in site.seeds.experiments if one.number == 4]
    with site.visit("/") as page:
        row = page.locator("tbody tr", has=page.get_by_role("link", name="#4", exact=True))

        def overtaken(route: Route) -> None:
            answer = route.fetch()
            seeding.judged(site.ledger, found, "crash", reason="It does not run any more.")
            expect(row).to_contain_text("Crashed")
            route.fulfill(response=answer)

        page.route(re.compile(r"/experiments\?.*cursor="), overtaken, times=1)
        page.goto(f"{site.served.url}/?project={PROJECT}&page=experiments&order=up")
        expect(page.locator("tbody td.number").first).to_have_text("#1")
        expect(row).to_contain_text("Crashed")


def test_a_note_that_is_typed_while_one_is_sent_is_kept(site: Site) -> None:
    with site.visit(f"/?project={PROJECT}") as page:
        note = page.get_by_label("A note")
        note.fill("try it wider")
        with _held(page, r"/notes$"):
            page.get_by_role("button", name="Leave the note").click()
            note.press("End")
            note.press_sequentially(", and longer")
        expect(note).to_have_value(", and longer")
        expect(page.get_by_text("try it wider", exact=True)).to_be_visible()


def test_an_experiment_is_not_called_unjudged_before_its_verdicts_are_read(site: Site) -> None:
    with site.visit("/") as page:
        with _held(page, r"/decisions(\?|$)"):
            page.goto(f"{site.served.url}/?project={PROJECT}&page=experiment&id=12")
            expect(page.get_by_role("heading", name="Verdict", exact=True)).to_be_visible()
            expect(page.locator("main")).to_contain_text("train.py")
            assert "Not judged yet" not in page.locator("main").inner_text()
        expect(page.get_by_role("listitem").filter(has_text="Kept").first).to_be_visible()


def test_a_key_pressed_twice_goes_on_by_two_runs(site: Site) -> None:
    with site.visit(f"/?project={PROJECT}&page=run&id=5") as page:
        expect(page.get_by_role("link", name="The one before, #4")).to_be_visible()
        with _held(page, r"/run\?"):
            page.keyboard.type("jj")
        expect(page.get_by_role("heading", level=1)).to_contain_text("#3")


def test_the_second_letter_counts_on_a_page_that_was_busy_with_the_first(site: Site) -> None:
    with site.visit(f"/?project={PROJECT}") as page:
        page.get_by_role("heading", name="What worked").wait_for()
        page.evaluate(_BUSY)
        page.keyboard.type("ge")
        expect(page.get_by_role("heading", name="Experiments", exact=True)).to_be_visible()


def test_a_list_of_files_keeps_the_focus_while_a_verdict_is_given(site: Site) -> None:
    with site.visit(f"/?project={PROJECT}&page=experiment&id=20&file=README.md") as page:
        files = page.get_by_role("list", name="Files")
        files.focus()
        (found,) = [one for one in site.seeds.experiments if one.number == 20]
        seeding.judged(site.ledger, found, "crash", reason="It does not run any more.")
        expect(page.locator("header .verdict")).to_have_text("Crashed")
        expect(files).to_be_focused()
        page.keyboard.press("j")
        expect(page).to_have_url(re.compile("id=20.*file=data"))


def test_a_question_stays_open_while_something_is_tried(site: Site) -> None:
    with site.visit(f"/?project={MOVED}") as page:
        page.get_by_role("button", name="Promote deep-model v1").click()
        page.get_by_label("Ref", exact=True).fill("half-typed")
        count = page.locator("main dl").first.locator(".card").nth(3).locator(".big")
        before = int(count.inner_text())
        session = site.ledger.research.session(site.ledger.research.find(MOVED, text="last").session_id)
        seeding.judged(site.ledger, seeding.recorded(site.ledger, session, "One more"), "drop", 9.0)
        expect(count).to_have_text(str(before + 1))
        expect(page.get_by_role("dialog").get_by_label("Ref", exact=True)).to_have_value("half-typed")


def test_the_trials_of_a_campaign_stand_while_they_are_read_again(site: Site) -> None:
    with site.visit(f"/?project={PROJECT}") as page:
        panel = page.get_by_role("region", name="Campaign 1")
        expect(panel).to_contain_text("worker-3")
        with _held(page, r"/trials\?"):
            panel.get_by_role("button", name="Pause").click()
            expect(panel).to_contain_text("paused")
            assert "worker-3" in panel.inner_text()
        panel.get_by_role("button", name="Resume").click()
        expect(panel).to_contain_text("running")


def test_points_that_were_decoded_stay_so_while_the_run_is_tagged(site: Site) -> None:
    run = site.ledger.runs.find(PROJECT, "sweep-0.002")
    with site.visit(f"/?project={PROJECT}&page=run&id={run.number}") as page:
        page.get_by_text("Intact").click()
        page.get_by_role("button", name="Decode every point").click()
        decoded = page.get_by_role("button", name="Every point was decoded")
        expect(decoded).to_be_visible()
        with _held(page, r"/integrity\?"):
            site.ledger.runs.edit(RunEdit.make(run_id=run.id, add_tags=("late",)))
            expect(page.get_by_role("link", name="late", exact=True)).to_be_visible()
            expect(decoded).to_be_enabled()
        expect(decoded).to_be_visible()
