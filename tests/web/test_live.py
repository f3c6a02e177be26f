"""The page follows what happens, in every browser, and comes back by itself when the server does."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from autoresearch.protocol.forms import ProjectPost
from tests.server_process import Process, command
from tests.web import seeding, seeding_runs
from tests.web.following import seconds_until_all_show
from tests.web.looking import Site, opened, photographed, violations

GOOD = "violet otter plays chess"


def test_what_an_agent_records_is_on_every_open_page_within_two_seconds(site: Site) -> None:
    with site.visit("/?project=char-lm") as one, site.visit("/?project=char-lm") as other:
        for page in (one, other):
            page.get_by_role("heading", name="What worked").wait_for()
        took = []
        for _ in range(3):
            best = site.ledger.research.frontier(seeding.PROJECT).best
            assert best is not None
            score = round(best.score - 0.02, 4)
            made = seeding.recorded(
                site.ledger, site.seeds.session, "The schedule ends too high: decay to zero"
            )
            seeding.judged(site.ledger, made, "keep", score)
            took.append(seconds_until_all_show((one, other), "main dl", f"{score:.6g}"))
        # Once the machine may have had something else to do.
        assert sorted(took)[1] < 2, took


def test_a_run_is_followed_over_a_line_that_is_slower_than_the_page_asks(site: Site) -> None:
    run = seeding_runs.going_on(site.ledger)
    with site.visit(f"/?project=char-lm&page=run&id={run.number}") as page, site.served.http() as http:
        expect(page.get_by_text("running")).to_be_visible()
        slow = {"offline": False, "latency": 2600, "downloadThroughput": -1, "uploadThroughput": -1}
        page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)
        texts = [{"name": "console/stdout", "step": 1, "text": "slow and steady"}]
        assert http.post("/v1/ingest", json={"run_id": run.id, "texts": texts}).status_code == 200
        expect(page.get_by_role("log")).to_contain_text("slow and steady", timeout=20_000)


def test_the_page_recovers_by_itself_when_the_server_was_started_again(chromium: Browser, home: Path) -> None:
    folder = home / "server"
    words = (
        "admin",
        "create-user",
        "--email",
        "ada@example.org",
        "--organization",
        "lab",
        "--password-stdin",
    )
    command(folder, *words, given=GOOD)
    key = command(folder, "keys", "create", "--organization", "lab", "--name", "k", "--scope", "write")["key"]
    server = Process(folder)
    server.start()
    try:
        with opened(chromium, f"{server.url}/?project=demo") as page:
            expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
            photographed(page, "sign-in")
            assert violations(page) == []
            page.get_by_label("E-mail").fill("ada@example.org")
            page.get_by_label("Password").fill("wrong horse entirely")
            page.get_by_role("button", name="Sign in").click()
            expect(page.get_by_role("alert")).to_be_visible()
            page.get_by_label("Password").fill(GOOD)
            page.get_by_role("button", name="Sign in").click()
            expect(page.get_by_role("heading", name="No research here yet")).to_be_visible()
            server.kill()
            expect(page.get_by_role("status")).to_contain_text("Reconnecting")
            server.start()
            with server.client(key) as client:
                client.post_project(ProjectPost.make(name="demo", objective_metric="loss"))
            expect(page.get_by_role("heading", name="Record the first experiment")).to_be_visible()
            expect(page.get_by_role("status")).not_to_contain_text("Reconnecting")
            page.get_by_role("button", name="Account").click()
            page.get_by_role("button", name="Sign out").click()
            expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    finally:
        server.kill()
