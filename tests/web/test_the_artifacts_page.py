"""Artifacts: their versions and refs, promotion, and the files themselves."""

from __future__ import annotations

from playwright.sync_api import expect

from autoresearch.records.artifact import RefRequest
from tests.web.looking import Site
from tests.web.seeding import HOSTILE, PROJECT
from tests.web.seeding_things import CONTENT

MODEL = "/?project=char-lm&page=artifacts&name=model"


def test_versions_have_the_score_of_the_experiment_that_made_them_and_the_winner_its_badge(
    site: Site,
) -> None:
    step = site.ledger.research.frontier(PROJECT).steps[3]
    with site.visit(MODEL) as page:
        rows = page.get_by_role("region", name="Versions").locator("tbody tr")
        expect(rows).to_have_count(4)
        expect(rows.first).to_contain_text("★winner")
        expect(rows.first).to_contain_text(f"{step.score:.6g}")
        rows.first.get_by_role("link", name=f"#{step.number}").click()
        page.wait_for_url(f"**page=experiment&id={step.number}")


def test_a_version_is_promoted_after_it_was_said_what_moves(site: Site) -> None:
    with site.visit(MODEL) as page:
        page.get_by_role("button", name="Promote v2").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("production is new and points at v2")
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        page.get_by_role("button", name="Promote v2").click()
        dialog.get_by_role("button", name="Promote").click()
        expect(dialog).to_be_hidden()
        expect(page.get_by_role("row", name="v2")).to_contain_text("production")
    assert site.ledger.artifacts.version("model", "production").version == "v2"


def test_a_promotion_by_somebody_else_meanwhile_is_not_overwritten(site: Site) -> None:
    move = site.ledger.artifacts.move_ref
    move(RefRequest.make(artifact="model", ref="staging", version="v1"))
    with site.visit(MODEL) as page:
        page.get_by_role("button", name="Promote v3").click()
        page.get_by_label("Ref", exact=True).fill("staging")
        expect(page.get_by_role("dialog")).to_contain_text("moves from v1 to v3")
        page.route(
            "**/refs/staging",
            lambda route: (
                move(RefRequest.make(artifact="model", ref="staging", version="v4")),
                route.continue_(),
            )[1],
        )
        page.get_by_role("dialog").get_by_role("button", name="Promote").click()
        expect(page.get_by_role("dialog").get_by_role("alert")).to_be_visible()
    assert site.ledger.artifacts.version("model", "staging").version == "v4"


def test_a_file_is_downloaded_as_it_was_logged_and_its_name_is_only_text(site: Site) -> None:
    with site.visit(f"{MODEL}&version=v3") as page:
        files = page.get_by_role("region", name="Files")
        expect(files).to_contain_text("<b>model</b>.bin")
        expect(page.get_by_label("Version v3")).to_contain_text(HOSTILE.replace("\u202e", "⟨U+202E⟩"))
        with page.expect_download() as got:
            files.get_by_role("button").click()
        assert got.value.path().read_bytes() == CONTENT % 3


def test_a_project_without_artifacts_says_how_one_is_kept(site: Site) -> None:
    with site.visit("/?project=no-goal&page=artifacts") as page:
        expect(page.get_by_role("heading", name="Keep what an experiment made")).to_be_visible()
