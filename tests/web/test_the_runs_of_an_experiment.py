"""The runs of an experiment on its page: their curves together, and what each of them printed."""

from __future__ import annotations

import re

from playwright.sync_api import expect

import autoresearch as ar
from autoresearch.records.experiment import Experiment
from tests.web import seeding
from tests.web.looking import Site
from tests.web.seeding_segments import MOVED

OVERVIEW = f"/?project={MOVED}"


def _experiment(site: Site, text: str) -> Experiment:
    return site.ledger.research.find(MOVED, text=text)


def test_an_experiment_shows_the_curves_and_the_output_of_its_runs(site: Site) -> None:
    best = _experiment(site, "best")
    with site.visit(f"{OVERVIEW}&page=experiment&id={best.number}") as page:
        runs = page.locator("section", has=page.get_by_role("heading", name="Runs", exact=True))
        expect(runs.get_by_role("row")).to_have_count(3)
        chart = page.locator("section.card, figure", has=page.get_by_role("heading", name="train/loss")).first
        chart.locator("canvas").wait_for()
        console = page.get_by_role("log", name="Console")
        expect(console).to_contain_text("seed 2, step 150")
        runs.get_by_role("row", name="seed-0").get_by_role("button", name="Output").click()
        expect(console).to_contain_text("seed 0, step 150")
        expect(page).to_have_url(re.compile("run=1"))
        runs.get_by_role("link", name="seed-1").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("seed-1")


def test_a_run_that_begins_and_goes_on_elsewhere_is_followed(site: Site) -> None:
    session = site.ledger.research.session(_experiment(site, "1").session_id)
    one = seeding.recorded(site.ledger, session, "Is about to be run")
    with site.visit(f"{OVERVIEW}&page=experiment&id={one.number}") as page:
        page.get_by_role("heading", name="Change", exact=True).wait_for()
        with ar.init(
            MOVED, "followed", home=site.served.home, experiment=one.id, system_metrics=False,
            capture_console=False, capture_code=False,
        ) as run:  # fmt: skip
            expect(page.get_by_role("link", name="followed")).to_be_visible()
            for step in range(5):
                run.log({"eval/loss": 1 / (1 + step), "console/stdout": f"step {step}"}, step=step)
            expect(page.get_by_role("log", name="Console")).to_contain_text("step 4")
            expect(page.get_by_role("heading", name="eval/loss")).to_be_visible()
        expect(page.get_by_text("finished")).to_be_visible()


def test_an_experiment_without_runs_loads_no_chart(site: Site) -> None:
    with site.visit(f"{OVERVIEW}&page=experiment&id=1") as page:
        page.get_by_role("heading", name="Change", exact=True).wait_for()
        loaded = page.evaluate("performance.getEntriesByType('resource').map(each => each.name)")
        assert not [name for name in loaded if "/charts" in name]
