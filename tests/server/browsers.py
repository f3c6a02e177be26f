"""A person's browser, as far as a server can tell: cookies, the page it is on, and the token of its sign-in."""

from __future__ import annotations

from typing import Any

import httpx

from tests.serving import Served

__all__ = ["GOOD", "Browser", "person"]

GOOD = "violet otter plays chess"


class Browser:
    """Sends what a page of the server would send; ``headers`` replace what the browser says.

    Attributes:
        http: The client with its cookies.
        csrf: The token of the last sign-in.
    """

    def __init__(self, served: Served, *, origin: str = "", agent: str = "Firefox") -> None:
        self.origin = origin or served.url
        self.http = httpx.Client(
            base_url=self.origin, transport=served.transport, headers={"User-Agent": agent}
        )
        self.csrf = ""

    def send(self, method: str, path: str, body: Any = None, **headers: Any) -> httpx.Response:
        own = {"Origin": self.origin, "X-CSRF-Token": self.csrf, "Content-Type": "application/json"}
        sent = {**own, **{name.replace("_", "-"): value for name, value in headers.items()}}
        answer = self.http.request(
            method, path, json=body, headers={name: value for name, value in sent.items() if value}
        )
        if answer.status_code == 200 and "csrf_token" in answer.text:
            self.csrf = answer.json()["csrf_token"]
        return answer

    def sign_in(self, email: str, password: str = GOOD) -> httpx.Response:
        return self.send("POST", "/v1/auth/sign-in", {"email": email, "password": password})


def person(served: Served, email: str, organization: str, role: Any = "owner") -> Browser:
    """Somebody with a new account, signed in."""
    served.state.access.create_user(email, GOOD, organization, role=role)
    browser = Browser(served)
    assert browser.sign_in(email).status_code == 200
    return browser
