"""What stands in front of every route: no key in a URL, headers that keep a browser safe, counts and one log line."""

from __future__ import annotations

import logging
import re
import time
from typing import Any
from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autoresearch.errors import Invalid
from autoresearch.server.answers import refused
from autoresearch.server.figures import Figures
from autoresearch.server.state import State

__all__ = ["Guard"]

_log = logging.getLogger("autoresearch.access")
_SECRETS = frozenset({"api_key", "apikey", "token", "access_token", "password", "secret"})
# A key, session or link of ours, whatever the parameter is called and wherever it stands.
_SECRET = re.compile(rb"ar[isdvrb]?_[a-z2-7]{8}_[a-z2-7]{16}")
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cache-control", b"no-store"),
)


class Guard:
    """Middleware around the whole application.

    Args:
        app: What it stands around.
        state: The server.
    """

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app = app
        self._figures: Figures = state.figures
        self._changed = state.changed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, unless its URL carries a secret."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                present = {name.lower() for name, _ in message.get("headers", ())}
                message["headers"] = [
                    *message.get("headers", ()),
                    *(pair for pair in _HEADERS if pair[0] not in present),
                ]
            await send(message)

        with self._figures.working():
            try:
                await self._pass(scope, receive, sending)
            finally:
                self._note(scope, status, time.perf_counter() - begun)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        # The path's template and never its query: names of things and secrets stay out of the log.
        method, template, milliseconds = scope["method"], _template(scope), round(1000 * seconds, 1)
        self._figures.answered(method, template, status, seconds)
        if status < 400 and method not in {"GET", "HEAD"}:
            self._changed()
        fields = {"method": method, "route": template, "status": status, "milliseconds": milliseconds}
        _log.info("%s %s %d %s ms", method, template, status, milliseconds, extra=fields)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _has_secret(scope):
            answer = refused(
                Invalid(
                    "A key or password must not be in a URL: URLs are logged by proxies and kept by browsers.",
                    hint="Send it as `Authorization: Bearer <key>`, and make a new key in place of this one.",
                )
            )
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _has_secret(scope: Scope) -> bool:
    query = unquote_to_bytes(scope.get("query_string", b"").replace(b"+", b" "))
    if _SECRET.search(query) or _SECRET.search(scope.get("path", "").encode("utf-8", "replace")):
        return True
    names = {pair.partition(b"=")[0].strip().lower().decode("latin-1") for pair in re.split(b"[&;]", query)}
    return not names.isdisjoint(_SECRETS)


def _template(scope: Scope) -> str:
    route: Any = scope.get("route")
    path = getattr(route, "path_format", None) or getattr(route, "path", None)
    return str(path) if path else "(none)"
