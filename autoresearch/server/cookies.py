"""Cookies of people's browsers, and whether a change comes from a page of this server.

Behind TLS the cookies carry the prefix ``__Host-``, so that no neighbouring host can plant one; whether a request came over TLS
is the scheme that the socket, or a proxy that is trusted, says it has.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from autoresearch.errors import Forbidden, Invalid
from autoresearch.ledger.access.sessions import LONGEST
from autoresearch.ledger.access.signing import Opened, Visitor

__all__ = [
    "CSRF_HEADER",
    "forget_session",
    "keep",
    "require_json",
    "require_own_page",
    "session_of",
    "visitor_of",
]

CSRF_HEADER = "x-csrf-token"
_SESSION = "autoresearch-session"
_DEVICE = "autoresearch-device"
_DEVICE_SECONDS = 365 * 24 * 3600


def session_of(request: Request) -> str | None:
    """The session cookie, or None."""
    return request.cookies.get(_named(request, _SESSION)) or None


def visitor_of(request: Request) -> Visitor:
    """Where a request to sign in comes from."""
    return Visitor(
        address=request.client.host if request.client else "",
        agent=request.headers.get("user-agent", ""),
        session=session_of(request),
        device=request.cookies.get(_named(request, _DEVICE)) or None,
    )


def keep(request: Request, response: Response, opened: Opened) -> None:
    """Put a session that was opened into cookies that only this server gets and no script reads."""
    _set(request, response, _SESSION, opened.session, round(LONGEST.total_seconds()))
    if opened.device is not None:
        _set(request, response, _DEVICE, opened.device, _DEVICE_SECONDS)


def forget_session(request: Request, response: Response) -> None:
    """Have the browser drop the cookie of a session that has ended."""
    _set(request, response, _SESSION, "", 0)


def require_own_page(request: Request, *, surely: bool) -> None:
    """Refuse a change that a page of somebody else sends with a person's cookies.

    Args:
        request: The request.
        surely: Refuse as well when nothing says where it comes from, as no browser does.

    Raises:
        Forbidden: It is, or may be, of another page.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        own = site == "same-origin"
    elif origin is not None:
        own = origin.lower() == f"{request.url.scheme}://{request.headers.get('host', '')}".lower()
    else:
        own = not surely
    if not own:
        raise Forbidden(
            "This did not come from a page of this server.",
            hint="Open the server's own page; a program sends a key in place of cookies.",
        )


def require_json(request: Request) -> None:
    """Refuse a body of another kind: a page of somebody else can send those without asking.

    Raises:
        Invalid: It is not declared as JSON.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Invalid("The body is not JSON.", hint="Send `Content-Type: application/json`.")


def _named(request: Request, name: str) -> str:
    return f"__Host-{name}" if request.url.scheme == "https" else name


def _set(request: Request, response: Response, name: str, value: str, seconds: int) -> None:
    response.set_cookie(
        _named(request, name),
        value,
        max_age=seconds,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
