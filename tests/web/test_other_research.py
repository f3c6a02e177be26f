"""Every page on research that was not made for its tests: a campaign of the demo, a public log, and a project as large as they come."""

from __future__ import annotations

import re
import time
from typing import get_args

import pytest
from playwright.sync_api import Page, expect

from tests.web import heavy, seeding
from tests.web.following import Writer, gone_through, held, seconds_until_all_show
from tests.web.looking import PHONE, WIDE, Dashboard, Scheme, Width, photographed, violations
from tests.web.other_research import DEMO, PUBLIC, imported, machine, research

__all__ = ["machine", "research"]  # fixtures

# Pages by name: their words in the URL, and a selector of what they are opened for.
COMMON = {
    "overview": ("", ".chart path.line"),
    "experiments": ("&page=experiments", "tbody td.number"),
    "tree": ("&page=experiments&view=tree", "tbody td.number"),
    "experiment": ("&page=experiment&id=2", "main h1"),
    "compare": ("&page=compare&id=1&other=2", "main h1"),
    "context": ("&page=context", "main pre, main article"),
}
RUNS = {
    "runs": ("&page=runs", "tbody td.name"),
    "charts": ("&page=runs&view=charts", ".u-over"),
    "run": ("&page=run&id=1", "main h1"),
    "comparison": ("&page=comparison&runs=1,2", "main table"),
}
PAGES = {
    DEMO: {**COMMON, **RUNS, "artifacts": ("&page=artifacts", "main h1")},
    PUBLIC: COMMON,
    heavy.PROJECT: {**COMMON, **RUNS, "run": ("&page=run&id=last", ".u-over")},
}
LIST = ".list tbody"


@pytest.mark.parametrize("width", [WIDE, PHONE])
@pytest.mark.parametrize("project", PAGES)
def test_every_page_is_whole_and_accessible_in_light_and_in_dark(
    machine: Dashboard, project: str, width: Width
) -> None:
    if project == PUBLIC:
        imported(machine)
    with machine.visit("/", width=width) as page:
        for name, (words, shown) in PAGES[project].items():
            page.goto(f"{machine.served.url}/?project={project}{words}")
            page.locator(shown).first.wait_for()
            expect(page.locator("[aria-busy]")).to_have_count(0)
            page.evaluate("document.fonts.ready")
            for scheme in get_args(Scheme):
                page.emulate_media(color_scheme=scheme)
                photographed(page, f"{project}-{name}-{width}-{scheme}")
                assert violations(page) == [], (name, scheme)


def test_the_demo_is_followed_from_its_staircase_down_to_the_change_its_run_and_the_winner(
    machine: Dashboard,
) -> None:
    with machine.visit(f"/?project={DEMO}") as page:
        page.get_by_role("link", name=re.compile(r"^#\d+$")).first.click()
        expect(page.get_by_role("heading", name="Change", exact=True)).to_be_visible()
        expect(page.locator("main")).to_contain_text("train.py")
        expect(page.locator("main")).to_contain_text("autoresearch reproduce")
        page.get_by_role("link", name="Artifacts").click()
        expect(page.locator("main")).to_contain_text("winner")
        page.get_by_role("link", name="Runs").click()
        expect(page.locator("tbody td.name").first).to_be_visible()
        page.get_by_role("link", name="Charts").click()
        expect(page.get_by_role("heading", name="val_bpb")).to_be_visible()


def test_rows_of_a_public_log_are_found_sorted_and_opened(machine: Dashboard) -> None:
    imported(machine)
    with machine.visit(f"/?project={PUBLIC}&page=experiments") as page:
        page.get_by_role("button", name="Score").click()
        expect(page.locator("th[aria-sort=descending]")).to_contain_text("Score")
        page.get_by_role("button", name=re.compile("^Kept")).click()
        expect(page.locator(f"{LIST} td.verdict").first).to_contain_text("Kept")
        page.locator(f"{LIST} td.number a").first.click()
        expect(page.get_by_role("heading", name="Verdict")).to_be_visible()


def test_no_frame_shows_a_gap_while_thousands_of_rows_are_scrolled_through(machine: Dashboard) -> None:
    with machine.visit(f"/?project={heavy.PROJECT}&page=experiments") as page:
        expect(page.locator(".foot")).to_contain_text(f"{heavy.SMALL.experiments:,} experiments")
        frames, gaps = scrolled(page, 80)
        assert frames > 20
        assert gaps == []


SCROLL = """async (pixels) => {
  const list = document.querySelector('.list');
  const box = list.getBoundingClientRect();
  const top = box.top + list.querySelector('thead').offsetHeight + 4;
  let frames = 0;
  const gaps = [];
  while (list.scrollTop + list.clientHeight < Math.min(list.scrollHeight - 1, 24000)) {
    list.scrollTop += pixels;
    await new Promise(requestAnimationFrame);
    frames += 1;
    for (const at of [top, (top + box.bottom) / 2, box.bottom - 4]) {
      const row = document.elementFromPoint(box.left + 40, at)?.closest('tr');
      if (!row?.querySelector('td.number')) gaps.push([frames, list.scrollTop, at]);
    }
  }
  return [frames, gaps];
}"""


def scrolled(page: Page, pixels: int) -> tuple[int, list[object]]:
    """Go through the list so many pixels a frame; how many frames that were, and where one had no row in a place."""
    frames, gaps = page.evaluate(SCROLL, pixels)
    return frames, gaps


def test_what_an_agent_does_in_a_large_project_is_in_both_browsers_within_two_seconds(
    machine: Dashboard,
) -> None:
    path = f"/?project={heavy.PROJECT}"
    with machine.visit(path) as one, machine.visit(f"{path}&page=experiments") as other:
        one.locator(".chart path.line").last.wait_for()
        expect(other.locator(".foot")).not_to_contain_text("reading on")
        session = machine.ledger.research.sessions(heavy.PROJECT).items[-1]
        took = []
        for score in (0.5432, 0.4321, 0.3214):
            made = seeding.recorded(machine.ledger, session, "Half the depth: twice the width")
            seeding.judged(machine.ledger, made, "keep", score)
            took.append(
                seconds_until_all_show((one,), "main dl", str(score))
                + seconds_until_all_show((other,), f"{LIST} tr:has(td.number)", f"#{made.number}")
            )
        # Once the machine may have had something else to do.
        assert sorted(took)[1] < 2, took


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_memory_is_steady_while_a_run_and_an_agent_are_followed(machine: Dashboard, soak: bool) -> None:
    """Pages that are looked at for long hold no more than they show. Ten minutes in full; some tens of rounds else."""
    session = machine.ledger.research.sessions(heavy.PROJECT).items[-1]
    with machine.served.http() as http:
        writer = Writer(machine.ledger, http, session)
        path = f"/?project={heavy.PROJECT}&page="
        with (
            machine.visit(f"{path}run&id={writer.run.number}") as run,
            machine.visit(f"{path}experiments") as tried,
        ):
            counted = [page.context.new_cdp_session(page) for page in (run, tried)]
            for _ in range(2):
                writer.seen(run, tried)
            gone_through(tried)
            before = [held(each) for each in counted]
            until = time.monotonic() + (600 if soak else 0)
            begun = writer.rounds
            while (rounds := writer.rounds - begun) < 20 or time.monotonic() < until:
                writer.seen(run, tried)
                if rounds % 20 == 0:
                    gone_through(tried)
            after = [held(each) for each in counted]
    for first, last in zip(before, after, strict=True):
        # A line of the log, a point of a curve and an experiment are new in each round; a page that is left is gone.
        assert last.listeners - first.listeners <= 20
        assert last.nodes - first.nodes <= 6 * rounds + 200
        assert last.heap - first.heap <= 1e6 + 20_000 * rounds
