"""What was tried: the table, and one experiment with its change, verdicts, trial and lineage."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from autoresearch.records.experiment import Diff
from tests.web import seeding
from tests.web.looking import Site, violations
from tests.web.seeding import HOSTILE

TABLE = "/?project=char-lm&page=experiments"


def _numbers(page: Page) -> list[int]:
    return [int(text.removeprefix("#")) for text in page.locator("tbody td.number").all_inner_texts()]


def test_the_table_is_sorted_and_filtered_and_the_url_says_how(site: Site) -> None:
    with site.visit(TABLE) as page:
        page.locator("tbody td.number").first.wait_for()
        newest = _numbers(page)
        assert newest == sorted(newest, reverse=True)
        page.get_by_role("button", name=re.compile("^Kept")).click()
        header = page.get_by_role("columnheader", name="Score")
        for order in ("descending", "ascending"):
            header.get_by_role("button").click()
            expect(header).to_have_attribute("aria-sort", order)
        expect(page).to_have_url(re.compile("state=kept&sort=score&order=up"))
        scores = [float(text) for text in page.locator("tbody td.score").all_inner_texts()]
        assert scores == sorted(scores)
        best = site.ledger.research.frontier(seeding.PROJECT).best
        assert best is not None
        assert scores[0] == best.score
        page.reload()
        expect(page.locator("tbody td.score").first).to_have_text(f"{best.score:.6g}")


def test_words_are_found_in_notes_and_in_changes(site: Site) -> None:
    with site.visit(TABLE) as page:
        page.locator("tbody td.number").first.wait_for()
        page.keyboard.press("/")
        page.keyboard.type("embedding is learnt")
        expect(page.locator("tbody td.note").first).to_have_text(re.compile("embedding is learnt"))
        page.get_by_label("Search").fill("weight_decay")
        # These words are in the change alone; the note speaks of weight decay on matrices.
        expect(page.locator("tbody td.note").first).to_have_text(re.compile("Weights grow without bound"))
        page.get_by_label("Search").fill("nothing has these words")
        expect(page.get_by_text("Nothing matches.")).to_be_visible()


def test_the_experiments_of_a_session_are_chosen(site: Site) -> None:
    with site.visit(TABLE) as page:
        page.get_by_label("Session").select_option("1")
        expect(page.get_by_text("12 experiments")).to_be_visible()


def test_the_keyboard_goes_through_the_table_and_opens_one(site: Site) -> None:
    with site.visit(TABLE) as page:
        page.locator("tbody td.number").first.wait_for()
        first, second = _numbers(page)[:2]
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(f"id={second}$"))
        page.get_by_role("link", name=f"The next one, #{first}").wait_for()
        page.keyboard.press("k")
        expect(page).to_have_url(re.compile(f"id={first}$"))
        page.go_back()
        page.go_back()
        expect(page.get_by_role("heading", name="Experiments")).to_be_visible()


def test_an_experiment_shows_its_trial_and_the_exact_prompt_as_text(site: Site) -> None:
    with site.visit("/?project=char-lm&page=experiment&id=61") as page:
        facts = page.locator("section", has=page.get_by_role("heading", name="Trial", exact=True))
        for said in ("claude-code", "opus-5", "48.2k in, 1,900 out", "$0.21", "trial 1"):
            expect(facts).to_contain_text(said)
        page.get_by_text("The exact prompt").click()
        expect(page.get_by_role("region", name="The exact prompt")).to_contain_text("onerror=")
        expect(page.get_by_text("autoresearch reproduce 61")).to_be_visible()


def test_a_change_is_shown_in_one_column_or_side_by_side(site: Site) -> None:
    with site.visit("/?project=char-lm&page=experiment&id=61") as page:
        change = page.get_by_role("region", name="Change of train.py")
        expect(change.locator(".marked").first).to_have_text("1")
        added = change.locator("tr.added").first
        expect(added).to_contain_text("warmup = 400")
        page.get_by_role("button", name="Side by side").click()
        expect(change.locator("td.removed code")).to_have_text("    warmup = 100")
        expect(change.locator("td.added code").first).to_have_text("    warmup = 400")
        page.get_by_role("button", name="train.py").click()
        expect(change).to_be_hidden()


def test_a_change_of_five_thousand_lines_is_folded_and_unfolds_a_part_at_a_time(site: Site) -> None:
    lines = "".join(f"-width = {line}  # was\n+width = {line + 1}  # is\n" for line in range(2500))
    patch = (
        f"diff --git a/big.py b/big.py\n--- a/big.py\n+++ b/big.py\n@@ -1,2500 +1,2500 @@\n{lines}".encode()
    )
    diff = Diff(digest=site.ledger.snapshots.put(patch), size=len(patch))
    session = seeding.opened(site.ledger, "large", "large")
    seeding.recorded(site.ledger, session, "A large change", diff=diff)
    with site.visit("/?project=large&page=experiment&id=1") as page:
        name = page.get_by_role("button", name="big.py")
        expect(name).to_have_attribute("aria-expanded", "false")
        name.click()
        rows = page.get_by_role("region", name="Change of big.py").locator("tr")
        expect(rows).to_have_count(1001)
        for shown in (2001, 4001, 5001):
            page.get_by_role("button", name="More: these are").click()
            expect(rows).to_have_count(shown)
        expect(page.get_by_role("button", name="More: these are")).to_have_count(0)
        expect(rows.last).to_contain_text("width = 2500")
        page.get_by_role("button", name="Side by side").click()
        expect(rows).to_have_count(501)
        assert violations(page) == []


def test_hostile_notes_changes_and_logs_are_text_alone(site: Site) -> None:
    plain = HOSTILE.replace("\u202e", "⟨U+202E⟩")
    with site.visit("/?project=char-lm&page=experiment&id=10") as page:
        expect(page.get_by_role("heading", level=1)).to_have_text(plain)
        expect(page.get_by_role("region", name="Change of train.py")).to_contain_text("onerror=")
        assert page.locator("main img, main script, main iframe").count() == 0


def test_a_verdict_given_elsewhere_appears_on_the_open_page(site: Site) -> None:
    waiting = seeding.recorded(site.ledger, site.seeds.session, "Waits for a verdict")
    with site.visit(f"/?project=char-lm&page=experiment&id={waiting.number}") as page:
        expect(page.get_by_text("Not judged yet.")).to_be_visible()
        seeding.judged(site.ledger, waiting, "drop", 1.9, reason="Far too high.")
        expect(page.get_by_text("Far too high.")).to_be_visible()
        expect(page.locator("header .verdict")).to_have_text("Dropped")


def test_thousands_of_experiments_are_scrolled_through_without_a_gap(site: Site) -> None:
    session = seeding.opened(site.ledger, "many", "many")
    for number in range(120):
        seeding.recorded(site.ledger, session, f"change {number + 1}")
    with site.visit("/?project=many&page=experiments") as page:
        expect(page.get_by_text("120 experiments")).to_be_visible()
        assert page.locator("tbody tr").count() < 60
        listed = page.get_by_role("region", name="Experiments")
        listed.evaluate("it => it.scrollTop = it.scrollHeight")
        expect(page.get_by_role("link", name="#1", exact=True)).to_be_visible()
        # Whoever hears the page hears how many there are, and where the keys have brought them.
        expect(page.get_by_role("table")).to_have_attribute("aria-rowcount", "121")
        for _ in range(70):
            page.keyboard.press("j")
        expect(page.get_by_role("link", name="#51", exact=True)).to_be_focused()
        expect(page.get_by_role("row", name="#51")).to_have_attribute("aria-rowindex", "71")
        page.get_by_label("Search").fill("change 7")
        expect(page.get_by_text("11 experiments", exact=True)).to_be_visible()


def test_every_file_can_be_read_as_it_was(site: Site) -> None:
    with site.visit("/?project=char-lm&page=experiment&id=61") as page:
        page.get_by_role("button", name="Browse the files").click()
        files = page.get_by_role("list", name="Files")
        files.get_by_role("link", name=re.compile("train.py")).click()
        expect(page.get_by_role("region", name="File train.py")).to_contain_text("warmup = 400")
        expect(page).to_have_url(re.compile("file=train.py"))
        files.get_by_role("link", name=re.compile("tiny.bin")).click()
        expect(page.get_by_text("Not text.")).to_be_visible()


def test_two_experiments_are_compared_by_what_differs(site: Site) -> None:
    first, second = (site.ledger.research.find(seeding.PROJECT, text) for text in ("60", "61"))
    assert first.score is not None
    assert second.score is not None
    with site.visit("/?project=char-lm&page=experiment&id=61") as page:
        page.get_by_label("Another experiment").fill("#60")
        page.get_by_role("button", name="Compare").click()
        expect(page.locator("header.head")).to_contain_text(f"+{first.score - second.score:.3g}")
        names = page.locator("tbody td.mono")
        expect(names.filter(has_text="lr")).to_have_count(1)
        change = page.get_by_role("region", name="Change of train.py")
        expect(change.locator("tr.added")).to_contain_text("warmup = 400")
        page.get_by_role("link", name="Swap").click()
        expect(page.locator("header.head")).to_contain_text(f"−{first.score - second.score:.3g}")


def test_what_was_made_from_what_stands_below_it(site: Site) -> None:
    with site.visit(f"{TABLE}&view=tree") as page:
        expect(page.locator(".foot")).not_to_contain_text("reading on")
        steps = [step.number for step in site.ledger.research.frontier(seeding.PROJECT).steps]
        shown = _numbers(page)
        assert shown[0] == steps[0]
        # Between two steps of the frontier stands what was tried on top of the first of them.
        assert shown.index(steps[1]) == steps[1] - steps[0]
        indented = page.locator("tbody tr", has_text="#3").first.locator("td.note div")
        assert indented.evaluate("it => getComputedStyle(it).marginLeft") == "18px"
