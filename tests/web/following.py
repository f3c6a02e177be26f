"""A page that is looked at for long while a program logs and an agent tries: what the browser holds of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from playwright.sync_api import CDPSession, Page, expect

from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.experiment import Session
from autoresearch.records.ids import new_id
from autoresearch.records.run import Run, RunRequest
from tests.web import seeding

__all__ = ["Held", "Writer", "gone_through", "held", "seconds_until_all_show"]

_HAS = "([selector, text]) => document.querySelector(selector)?.textContent.includes(text)"
_TABS = ("Experiments", "Runs", "Context", "Overview")


@dataclass(frozen=True)
class Held:
    """What a page holds after everything that nobody needs any more was freed."""

    heap: int
    nodes: int
    listeners: int


def held(session: CDPSession) -> Held:
    """Free what is not needed, and count."""
    # What ended in one round is often let go of in the next.
    for _ in range(3):
        session.send("HeapProfiler.collectGarbage")
    counted: Any = session.send("Memory.getDOMCounters")
    used: Any = session.send("Runtime.getHeapUsage")
    return Held(int(used["usedSize"]), int(counted["nodes"]), int(counted["jsEventListeners"]))


class Writer:
    """A run that goes on, and an agent that tries one thing after another.

    Args:
        ledger: Whose store it is, of which the agent is a user.
        http: A way to the server, for the run.
        session: The agent's.
    """

    def __init__(self, ledger: LocalLedger, http: httpx.Client, session: Session) -> None:
        self._ledger = ledger
        self._http = http
        self._session = session
        self.rounds = 0
        request = RunRequest.make(id=new_id(), project=session.project, name="going-on")
        self.run: Run = ledger.runs.create(request)

    def round(self) -> str:
        """Log some points and a line, and try something; gives the line."""
        self.rounds += 1
        first = 100 * self.rounds
        points = [
            {"step": first + step, "metrics": {"train/loss": 1 / (first + step), "train/lr": 1e-3}}
            for step in range(100)
        ]
        line = f"round {self.rounds} is over"
        texts = [{"name": "console/stdout", "step": first, "text": line}]
        sent = {"run_id": self.run.id, "points": points, "texts": texts}
        assert self._http.post("/v1/ingest", json=sent).status_code == 200
        made = seeding.recorded(self._ledger, self._session, f"Round {self.rounds}: a little more of it")
        seeding.judged(self._ledger, made, "drop", 9.0)
        self.newest = made.number
        return line

    def seen(self, run: Page, tried: Page) -> None:
        """Five rounds, each of which the page of the experiments shows, and in the end that of the run."""
        for _ in range(5):
            line = self.round()
            expect(tried.locator("tbody td.number").first).to_have_text(f"#{self.newest}")
        expect(run.get_by_role("log")).to_contain_text(line, timeout=20_000)


def gone_through(page: Page) -> None:
    """Go to other pages of the project and come back to where the page was."""
    there = page.url
    for name in _TABS:
        page.get_by_role("navigation").get_by_role("link", name=name, exact=True).click()
        page.locator("main h1").first.wait_for()
    for _ in _TABS:
        page.go_back()
    page.wait_for_url(there)
    page.locator("tbody td.number").first.wait_for()


def seconds_until_all_show(pages: Sequence[Page], selector: str, text: str) -> float:
    """How long it takes from now until an element of each page has a text."""
    begun = time.monotonic()
    for page in pages:
        # Looked at in every frame: what waits for an expectation looks once a second in the end.
        page.wait_for_function(_HAS, arg=[selector, text])
    return time.monotonic() - begun
