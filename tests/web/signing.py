"""A server for a team, with people of each kind, and how they come in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from autoresearch.ledger.access.passwords import Passwords
from tests.serving import Served, listening
from tests.web.looking import opened

__all__ = ["ADA", "GOOD", "GRACE", "VICTOR", "entered", "peopled", "signed_in"]

GOOD = "violet otter plays chess"
ADA, GRACE, VICTOR = "ada@example.org", "grace@example.org", "victor@example.org"


def peopled(served: Served) -> Served:
    """An owner, a member and a viewer in the organization that the store has."""
    access = served.state.access
    # As slow as a real hash is of no use here.
    access.passwords = Passwords(memory_kib=8, passes=1)
    for email, role in ((ADA, "owner"), (GRACE, "member"), (VICTOR, "viewer")):
        access.create_user(email, GOOD, "local", role=role)  # type: ignore[arg-type]
    return served


def entered(page: Page, email: str, password: str = GOOD) -> None:
    """Sign in on the page that asks for it."""
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


@contextmanager
def signed_in(
    chromium: Browser, home: Path, path: str = "/?page=people", *, who: str = ADA, **looks: Any
) -> Iterator[tuple[Served, Page]]:
    """A page of a server for a team, looked at by one of them."""
    with listening(home) as served, opened(chromium, f"{peopled(served).url}{path}", **looks) as page:
        entered(page, who)
        expect(page.get_by_role("button", name="Account")).to_be_visible()
        yield served, page
