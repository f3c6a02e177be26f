"""Research whose goal was changed, what an experiment made, and what a person may do about it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.experiment import Actor, Experiment
from autoresearch.records.goal import GoalRequest
from tests.web import seeding, seeding_segments
from tests.web.looking import Site, photographed, violations
from tests.web.seeding_segments import MOVED
from tests.web.signing import VICTOR, signed_in

OVERVIEW = f"/?project={MOVED}"


def _experiment(site: Site, text: str) -> Experiment:
    return site.ledger.research.find(MOVED, text=text)


def _numbers(page: Page) -> list[int]:
    return [int(text.removeprefix("#")) for text in page.locator("tbody td.number").all_inner_texts()]


def test_an_earlier_segment_is_chosen_and_said_not_to_be_the_present_one(site: Site) -> None:
    with site.visit(OVERVIEW) as page:
        expect(page.locator("main dl").first).to_contain_text("Best loss")
        page.get_by_label("Segment").select_option(label="Segment 1: accuracy, higher is better")
        expect(page).to_have_url(re.compile("segment=1"))
        expect(page.get_by_text("not the present one")).to_be_visible()
        expect(page.locator("main")).to_contain_text("the goal changed from accuracy (max) to loss (min)")
        numbers = page.locator("main dl").first
        expect(numbers).to_contain_text("Best accuracy")
        expect(numbers).to_contain_text("0.78")
        expect(page.locator("[role=slider]")).to_have_attribute("aria-valuemax", "5")
        # What is said to agents and what they do now belongs to the present.
        expect(page.get_by_label("A note")).to_have_count(0)
        page.reload()
        expect(numbers).to_contain_text("Best accuracy")
        page.get_by_role("link", name="Show the present one").click()
        expect(numbers).to_contain_text("Best loss")
        expect(page.get_by_text("not the present one")).to_be_hidden()


def test_the_experiments_of_a_segment_are_chosen_and_others_are_marked(site: Site) -> None:
    with site.visit(f"{OVERVIEW}&page=experiments") as page:
        expect(page.get_by_role("row", name="#5")).to_contain_text("segment 1 · Accuracy, round 4")
        expect(page.get_by_role("row", name="#6")).not_to_contain_text("segment")
        page.get_by_label("Segment").select_option("1")
        expect(page.get_by_text("5 experiments", exact=True)).to_be_visible()
        assert _numbers(page) == [5, 4, 3, 2, 1]
        page.get_by_label("Segment").select_option("2")
        expect(page.get_by_role("link", name="#6", exact=True)).to_be_visible()
        assert min(_numbers(page)) == 6
        expect(page.get_by_text("not the present one")).to_be_hidden()


def test_a_goal_that_is_changed_elsewhere_opens_a_segment_on_the_open_page(site: Site) -> None:
    ledger = site.ledger
    ledger.research.set_goal("changing", GoalRequest.make(metric="loss", direction="min"))
    session = seeding.opened(ledger, "one", "changing")
    seeding.judged(ledger, seeding.recorded(ledger, session, "First"), "keep", 1.0)
    with site.visit("/?project=changing") as page:
        numbers = page.locator("main dl").first
        expect(numbers).to_contain_text("Best loss")
        ledger.research.set_goal("changing", GoalRequest.make(metric="accuracy", direction="max"))
        expect(page.get_by_label("Segment")).to_be_visible()
        expect(page.get_by_role("heading", name="Record the first experiment")).to_be_visible()
        page.get_by_label("Segment").select_option("1")
        expect(numbers).to_contain_text("Best loss")


def test_a_project_with_one_segment_says_nothing_of_segments(site: Site) -> None:
    with site.visit(f"/?project={seeding.PROJECT}") as page:
        page.get_by_role("heading", name="What worked").wait_for()
        expect(page.get_by_label("Segment")).to_have_count(0)


@pytest.mark.parametrize("segment", [1, None])
def test_the_numbers_are_those_of_the_ledger(site: Site, segment: int | None) -> None:
    research = site.ledger.research
    number = segment or research.project(MOVED).segment
    tried = [one for one in research.experiments(MOVED, limit=100).items if one.segment == number]
    scores = [(one.number, one.score) for one in tried if one.state == "kept" and one.score is not None]
    lower, target = (False, 0.95) if segment == 1 else (True, 1.0)
    steps: list[float] = []
    for _, score in sorted(scores):
        if not steps or (score < steps[-1]) == lower:
            steps.append(score)
    seconds = sum(one.seconds or 0 for one in tried)
    tally = {state: sum(one.state == state for one in tried) for state in ("kept", "dropped", "crashed")}
    with site.visit(OVERVIEW + (f"&segment={segment}" if segment else "")) as page:
        cards = page.locator("main dl").first.locator(".card")
        expect(cards.nth(0)).to_contain_text(f"{steps[-1]:.6g}")
        expect(cards.nth(1)).to_contain_text(f"+{abs(steps[-1] - steps[0]):.3g}")
        expect(cards.nth(2)).to_contain_text(f"{abs(target - steps[-1]):.3g}")
        way = 100 * (steps[0] - steps[-1]) / (steps[0] - target)
        expect(cards.nth(2)).to_contain_text(f"{way:.0f}% of the way")
        expect(cards.nth(3)).to_contain_text(
            f"{tally['kept']} kept, {tally['dropped']} dropped, {tally['crashed']} crashed"
        )
        per = seconds / (len(steps) - 1)
        minutes, rest = divmod(int(per), 60)
        expect(cards.nth(4)).to_contain_text(f"{minutes} min{f' {rest} s' if rest else ''}")


def test_tokens_and_money_are_those_of_the_campaigns_of_the_segment(site: Site) -> None:
    frontier = site.ledger.research.frontier(seeding.PROJECT)
    cost = site.ledger.campaigns.campaign(site.campaign.id).cost
    with site.visit(f"/?project={seeding.PROJECT}") as page:
        last = page.locator("main dl").first.locator(".card").nth(4)
        expect(last).to_contain_text(f"${cost:.2f} in all")
        expect(last).to_contain_text(f"${cost / (len(frontier.steps) - 1):.2f} a gain")


def test_what_the_best_made_is_promoted_from_the_overview_and_from_the_experiment(site: Site) -> None:
    best = _experiment(site, "best")
    for path, ref in ((OVERVIEW, "production"), (f"{OVERVIEW}&page=experiment&id={best.number}", "staging")):
        with site.visit(path) as page:
            page.get_by_role("button", name="Promote deep-model v1").click()
            dialog = page.get_by_role("dialog", name="Promote deep-model v1")
            dialog.get_by_label("Ref").fill(ref)
            expect(dialog).to_contain_text(f"{ref} is new and points at v1.")
            assert violations(page) == []
            # What is behind a question has no keys.
            dialog.get_by_role("button", name="Cancel").focus()
            page.keyboard.press("j")
            dialog.get_by_role("button", name="Promote").click()
            expect(dialog).to_be_hidden()
            expect(page.locator(".ref", has_text=ref)).to_be_visible()
        assert site.ledger.artifacts.version("deep-model", ref).version == "v1"


def test_a_person_judges_what_waits_and_may_judge_again(site: Site) -> None:
    session = site.ledger.research.session(_experiment(site, "last").session_id)
    waiting = seeding.recorded(site.ledger, session, "By hand, to be judged by hand")
    before = len(site.ledger.research.frontier(MOVED).steps)
    with site.visit(f"{OVERVIEW}&page=experiment&id={waiting.number}") as page:
        form = page.get_by_role("form", name="Give a verdict")
        give = form.get_by_role("button", name="Give the verdict")
        expect(give).to_be_disabled()
        form.get_by_label("loss").fill("1.2 1.21, nonsense")
        expect(give).to_be_disabled()
        form.get_by_label("loss").fill("1.2 1.21 1.22")
        form.get_by_label("Why").fill("Better in all three.")
        photographed(page, "judging")
        give.click()
        expect(page.locator("header .verdict")).to_have_text("Kept")
        expect(page.get_by_text("mean of 3: 1.2, 1.21, 1.22")).to_be_visible()
        page.get_by_text("Judge it again").click()
        form.get_by_label("Drop").check()
        form.get_by_label("Why").fill("The seeds were the same.")
        give.click()
        expect(page.locator("header .verdict")).to_have_text("Dropped")
        expect(page.get_by_text("superseded")).to_be_visible()
    decided = site.ledger.research.decisions(waiting.id)
    assert [(one.status, one.reason, str(one.actor)) for one in decided] == [
        ("keep", "Better in all three.", "ada"),
        ("drop", "The seeds were the same.", "ada"),
    ]
    assert len(site.ledger.research.frontier(MOVED).steps) == before


def test_what_the_ledger_refuses_to_take_as_a_verdict_is_said(site: Site) -> None:
    waiting = _experiment(site, "9")
    with site.visit(f"{OVERVIEW}&page=experiment&id={waiting.number}") as page:
        form = page.get_by_role("form", name="Give a verdict")
        form.get_by_label("loss").fill("1.3")
        form.get_by_label("Why").fill("x" * 10_000)
        page.route("**/decision", lambda route: route.abort())
        form.get_by_role("button", name="Give the verdict").click()
        expect(form.get_by_role("alert")).to_contain_text("does not answer")
        page.unroute("**/decision")
        form.get_by_label("Drop").check()
        form.get_by_label("Why").fill("Once.")
        form.get_by_role("button", name="Give the verdict").click()
        expect(page.locator("header .verdict")).to_have_text("Dropped")
    assert len(site.ledger.research.decisions(waiting.id)) == 1


def test_what_a_campaign_is_at_is_left_to_it(site: Site) -> None:
    trial = next(
        one
        for one in site.ledger.campaigns.trials(site.campaign.id, open_only=True, limit=10).items
        if one.experiment_id
    )
    with site.visit(f"/?project={seeding.PROJECT}&page=experiment&id={trial.experiment_id}") as page:
        expect(page.get_by_text("its campaign is at it")).to_be_visible()
        expect(page.get_by_role("form", name="Give a verdict")).to_have_count(0)


def test_the_progress_is_embedded_by_a_file_that_a_command_writes(site: Site) -> None:
    with site.visit(f"{OVERVIEW}&segment=1") as page:
        page.get_by_role("button", name="Embed").click()
        dialog = page.get_by_role("dialog", name="The progress as a picture")
        expect(dialog).to_contain_text("autoresearch progress --segment 1 --svg progress.svg")
        expect(dialog).to_contain_text(f"![Progress of {MOVED}](progress.svg)")
        assert dialog.get_by_role("img").evaluate("it => it.decode().then(() => it.naturalWidth)") > 300
        assert violations(page) == []
        photographed(page, "embed")
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
    with site.visit(f"/?project={seeding.PROJECT}") as page:
        page.get_by_role("button", name="Embed").click()
        page.get_by_label("Of what").select_option(label="Session oct-12")
        expect(page.get_by_role("dialog")).to_contain_text(
            "autoresearch progress --session 1 --svg progress.svg"
        )


def test_keys_go_on_to_other_experiments_and_files(site: Site) -> None:
    with site.visit(f"/?project={seeding.PROJECT}&page=compare&id=60&other=61") as page:
        head = page.get_by_role("heading", level=1)
        expect(head).to_have_text("#60 and #61")
        page.get_by_role("heading", name="Code").wait_for()
        page.keyboard.press("j")
        page.keyboard.press("j")
        expect(head).to_have_text("#60 and #59")
        page.keyboard.press("k")
        expect(head).to_have_text("#60 and #60")
        page.keyboard.press("s")
        expect(head).to_have_text("#60 and #60")
    with site.visit(f"/?project={seeding.PROJECT}&page=experiment&id=61&file=README.md") as page:
        page.get_by_role("list", name="Files").focus()
        page.keyboard.press("j")
        expect(page.get_by_text("Not text.")).to_be_visible()
        page.keyboard.press("j")
        expect(page.get_by_role("region", name="File src/model.py")).to_contain_text("def layers")
        page.keyboard.press("k")
        expect(page).to_have_url(re.compile("id=61.*file=data"))


def test_who_may_only_read_sees_all_of_it_and_no_button_that_changes_anything(
    chromium: Browser, tmp_path: Path
) -> None:
    with signed_in(chromium, tmp_path, "/", who=VICTOR) as (served, page):
        ledger = LocalLedger(served.state.database, served.state.objects, actor=Actor(kind="agent", name="a"))
        best = seeding_segments.moved(ledger, served.home)
        changing = re.compile("Promote|verdict|Judge|note|Pause|Stop|Resume", re.IGNORECASE)
        for path, said in {
            OVERVIEW: "Made by the best",
            f"{OVERVIEW}&page=experiment&id={best.number}": "Artifacts it made",
            f"{OVERVIEW}&page=experiment&id=9": "Verdict",
        }.items():
            page.goto(f"{served.url}{path}")
            page.get_by_role("heading", name=said).first.wait_for()
            expect(page.locator("main").get_by_role("button", name=changing)).to_have_count(0)
            expect(page.get_by_text("Judge it again")).to_have_count(0)
        page.goto(f"{served.url}{OVERVIEW}")
        page.get_by_role("button", name="Embed").click()
        dialog = page.get_by_role("dialog")
        address = f"{served.url}/v1/projects/{MOVED}/progress.svg"
        expect(dialog).to_contain_text("curl")
        expect(dialog.get_by_text(address, exact=True)).to_be_visible()
        # Whoever is signed in sees it at its address.
        assert page.context.request.get(address).headers["content-type"] == "image/svg+xml"
