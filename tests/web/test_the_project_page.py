"""The overview of a project: where it stands, what each attempt was, and who does what now."""

from __future__ import annotations

import csv
import re

from playwright.sync_api import expect

from autoresearch.records.campaign import CampaignRequest
from autoresearch.records.goal import GoalRequest
from autoresearch.records.ids import new_id
from tests.web import seeding
from tests.web.looking import Site, photographed, violations, zoomed
from tests.web.seeding import HOSTILE

CHART = "[role=slider]"


def test_the_numbers_that_matter_are_those_of_the_ledger(site: Site) -> None:
    frontier = site.ledger.research.frontier(seeding.PROJECT)
    best, baseline = frontier.best, frontier.baseline
    assert best is not None
    assert baseline is not None
    with site.visit("/?project=char-lm") as page:
        numbers = page.locator("main dl").first
        expect(numbers).to_contain_text(f"{best.score:.6g}")
        expect(numbers).to_contain_text(f"+{baseline.score - best.score:.3g}")
        expect(numbers.get_by_role("progressbar")).to_have_attribute("aria-valuenow", re.compile(r"^\d+$"))


def test_the_keyboard_goes_through_the_attempts_and_opens_one(site: Site) -> None:
    with site.visit("/?project=char-lm") as page:
        chart = page.locator(CHART)
        chart.focus()
        page.keyboard.press("Home")
        expect(chart).to_have_attribute("aria-valuetext", re.compile(r"^Experiment 1, kept, 1.7"))
        page.keyboard.press("ArrowRight")
        expect(chart).to_have_attribute("aria-valuenow", "2")
        page.keyboard.press("Enter")
        page.wait_for_url("**page=experiment&id=2")


def test_the_mouse_shows_the_note_and_the_gain_of_what_it_points_at(site: Site) -> None:
    with site.visit("/?project=char-lm") as page:
        step = page.locator(f"{CHART} .step").nth(1)
        step.hover(force=True)
        tip = page.locator(".tip")
        expect(tip).to_contain_text("Kept")
        expect(tip).to_contain_text("+0.0")


def test_a_part_of_the_chart_that_was_drawn_over_is_zoomed_in_and_stands_in_the_url(site: Site) -> None:
    with site.visit("/?project=char-lm") as page:
        zoomed(page, page.locator(CHART), 0.3, 0.6)
        window = re.search(r"zoom=(\d+)-(\d+)", page.url)
        assert window is not None
        assert 10 < int(window[1]) < int(window[2]) < 50
        page.reload()
        expect(page.get_by_role("button", name="show all")).to_be_visible()
        page.get_by_role("button", name="show all").click()
        expect(page.get_by_role("button", name="show all")).to_be_hidden()


def test_a_campaign_is_paused_and_gone_on_with_and_stopping_asks_first(site: Site) -> None:
    with site.visit("/?project=char-lm") as page:
        panel = page.get_by_role("region", name="Campaign 1")
        expect(panel).to_contain_text("worker-3")
        expect(panel).to_contain_text("8 of 40")
        panel.get_by_role("button", name="Pause").click()
        expect(panel).to_contain_text("paused")
        assert site.ledger.campaigns.campaign(site.campaign.id).state == "paused"
        panel.get_by_role("button", name="Resume").click()
        expect(panel).to_contain_text("running")
        panel.get_by_role("button", name="Stop").click()
        expect(panel.get_by_role("button", name="sure?")).to_be_visible()
        assert site.ledger.campaigns.campaign(site.campaign.id).state == "running"


def test_each_campaign_under_way_has_its_panel(site: Site) -> None:
    ledger = site.ledger
    ledger.research.set_goal("twice", GoalRequest.make(metric="loss", direction="min"))
    session = seeding.opened(ledger, "one", "twice")
    seeding.judged(ledger, seeding.recorded(ledger, session, "First"), "keep", 1.0)
    for agent in ("codex", "gemini"):
        request = CampaignRequest.make(id=new_id(), project="twice", session_id=session.id, agent=agent)
        ledger.campaigns.begin(request)
    with site.visit("/?project=twice") as page:
        expect(page.get_by_role("region", name="Campaign 1")).to_contain_text("codex")
        second = page.get_by_role("region", name="Campaign 2")
        second.get_by_role("button", name="Pause").click()
        expect(second).to_contain_text("paused")
        expect(page.get_by_role("region", name="Campaign 1")).not_to_contain_text("paused")


def test_a_note_is_left_for_the_agents_by_the_person_who_looks(site: Site) -> None:
    with site.visit("/?project=char-lm") as page:
        page.get_by_label("A note").fill("Try a wider model before a deeper one.")
        page.get_by_role("button", name="Leave the note").click()
        expect(page.get_by_text("Try a wider model before a deeper one.")).to_be_visible()
        expect(page.get_by_label("A note")).to_have_value("")
    notes = site.ledger.memory.notes(seeding.PROJECT, limit=100).items
    assert (notes[-1].text, str(notes[-1].actor)) == ("Try a wider model before a deeper one.", "ada")


def test_the_chart_is_saved_as_a_picture_and_as_numbers(site: Site) -> None:
    attempts = site.ledger.research.progress(seeding.PROJECT).attempts
    with site.visit("/?project=char-lm") as page:
        saved = {}
        for kind in ("SVG", "PNG", "CSV"):
            with page.expect_download() as download:
                page.get_by_role("button", name=kind).click()
            assert download.value.suggested_filename == f"char-lm-progress.{kind.lower()}"
            saved[kind] = download.value.path().read_bytes()
    assert saved["SVG"].startswith(b"<svg")
    assert b"class=" not in saved["SVG"]
    assert saved["PNG"].startswith(b"\x89PNG")
    rows = list(csv.reader(saved["CSV"].decode().splitlines(keepends=True)))
    assert rows[0] == ["experiment", "state", "val_loss", "best", "note"]
    assert [(int(row[0]), row[1]) for row in rows[1:]] == [(one.number, one.state) for one in attempts]
    assert rows[10][4] == HOSTILE


def test_a_question_mark_shows_the_keys_and_they_work(site: Site) -> None:
    with site.visit("/?project=char-lm") as page:
        page.get_by_role("heading", name="What worked").wait_for()
        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
        assert violations(page) == []
        photographed(page, "keys")
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
        page.keyboard.type("ge")
        expect(page.get_by_role("heading", name="Experiments")).to_be_visible()
        page.go_back()
        # What is typed is text, and no key.
        page.get_by_label("A note").fill("")
        page.get_by_label("A note").press_sequentially("ge?")
        expect(page.get_by_label("A note")).to_have_value("ge?")
        expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
