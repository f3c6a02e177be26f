"""Artifacts: their versions and refs, promotion, and the files themselves."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from autoresearch.records.artifact import RefRequest, VersionRequest
from autoresearch.records.ids import new_id
from autoresearch.records.tree import Tree, TreeEntry
from tests.web.looking import Site, photographed, violations
from tests.web.seeding import HOSTILE, PROJECT
from tests.web.seeding_things import CONTENT, descent

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


def test_the_lineage_of_a_version_is_a_graph_to_walk_through(site: Site) -> None:
    number, run = descent(site.ledger, site.seeds)
    step = site.ledger.research.frontier(PROJECT).steps[3]
    with site.visit(f"{MODEL}&version=v4") as page:
        graph = page.get_by_role("region", name="Graph of the lineage")
        shown = graph.get_by_role("listitem")
        expect(shown).to_have_count(5)
        expect(shown.nth(0)).to_contain_text(f"Experiment #{step.number} Kept")
        expect(shown.nth(1)).to_contain_text(re.compile("model v4 ★ latest.* winner"))
        expect(graph.locator("path.edge")).to_have_count(4)
        expect(shown.filter(has_text=f"#{number}")).to_contain_text(f"run {run}")
        photographed(page, "lineage")
        assert violations(page) == []
        graph.get_by_role("link", name=f"#{number}").focus()
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("region", name="Version v1")).to_contain_text("small v1")
        # Its own graph goes back to what made what it was made from.
        expect(graph.locator("[aria-current]")).to_have_text("small v1")
        expect(graph).to_contain_text("corpus v1")
        expect(graph).to_contain_text(f"Experiment #{step.number}")


def test_a_version_that_nothing_made_says_how_one_is_connected(site: Site) -> None:
    with site.visit("/?project=char-lm&page=artifacts&name=eval-table") as page:
        lineage = page.get_by_role("region", name="Lineage", exact=True)
        expect(lineage).to_contain_text("--uses eval-table:v1")


def test_refs_other_than_the_winner_are_shown_and_moved(site: Site) -> None:
    move = site.ledger.artifacts.move_ref
    for ref, version in (("best-on-cpu", "v1"), ("x" * 100, "v1")):
        move(RefRequest.make(artifact="model", ref=ref, version=version))
    with site.visit(MODEL) as page:
        row = page.get_by_role("region", name="Versions").locator("tbody tr").filter(has_text="v1")
        expect(row).to_contain_text("best-on-cpu")
        assert violations(page) == []
        page.get_by_role("button", name="Promote v2").click()
        page.get_by_label("Ref", exact=True).fill("best-on-cpu")
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("best-on-cpu moves from v1 to v2")
        dialog.get_by_role("button", name="Promote").click()
        expect(page.get_by_role("row", name="v2")).to_contain_text("best-on-cpu")
        page.get_by_role("button", name="Promote v3").click()
        page.get_by_label("Ref", exact=True).fill("winner")
        expect(dialog).to_contain_text("The winner follows the frontier by itself.")
    assert site.ledger.artifacts.version("model", "best-on-cpu").version == "v2"


def test_the_keyboard_goes_through_the_versions(site: Site) -> None:
    with site.visit(MODEL) as page:
        expect(page.get_by_role("region", name="Version v4")).to_be_visible()
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press("k")
        expect(page.get_by_role("link", name="v3", exact=True)).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("region", name="Version v3")).to_be_visible()


def test_a_page_among_the_files_is_never_one_of_the_servers_own(site: Site) -> None:
    page_of_others = b"<!doctype html><script>parent.struck = opener.struck = 1</script>"
    name = 'evil" onload="x\u202egpj.html'
    digest = site.ledger.snapshots.put(page_of_others)
    tree = site.ledger.snapshots.put(Tree([TreeEntry(name, "100644", len(page_of_others), digest)]).manifest)
    given = {"tree": tree, "size": len(page_of_others), "files": 1, "type": "page"}
    site.ledger.artifacts.log(VersionRequest.make(id=new_id(), project=PROJECT, artifact="page", **given))
    with site.served.http() as http:
        answer = http.get(f"/v1/blobs/{digest}")
    assert answer.headers["content-disposition"] == "attachment"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["content-type"] == "application/octet-stream"
    with site.visit("/?project=char-lm&page=artifacts&name=page") as page:
        with page.expect_download() as got:
            page.get_by_role("button", name=re.compile("Download")).click()
        assert got.value.path().read_bytes() == page_of_others
        assert re.fullmatch(r"[\w.=-]+", got.value.suggested_filename)
        assert page.url.startswith(site.served.url)


def test_a_project_without_artifacts_says_how_one_is_kept(site: Site) -> None:
    with site.visit("/?project=no-goal&page=artifacts") as page:
        expect(page.get_by_role("heading", name="Keep what an experiment made")).to_be_visible()
