"""A route of the table: its row says what it is, and its endpoint answers it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from autoresearch.protocol.operations import OPERATIONS
from autoresearch.protocol.rows import Operation

__all__ = ["Documented", "Endpoint", "by_hand", "row_of"]

Endpoint = Callable[[Request], Awaitable[Response]]
"""Answers a request."""


class Documented(Route):
    """A route whose row is known to the OpenAPI page, the client, and its endpoint.

    Args:
        row: What it is.
        endpoint: Answers it.
    """

    def __init__(self, row: Operation, endpoint: Endpoint) -> None:
        super().__init__(row.path, endpoint, methods=[row.method], name=row.name)
        self.row = row

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As every route, and the endpoint finds its route in the scope."""
        match, child = super().matches(scope)
        return match, {**child, "route": self}


def by_hand(**endpoints: Endpoint) -> list[Documented]:
    """Routes written by hand, by the names of their rows."""
    return [Documented(OPERATIONS[name], endpoint) for name, endpoint in endpoints.items()]


def row_of(request: Request) -> Operation:
    """The row of the route that a request came to."""
    route = request.scope["route"]
    assert isinstance(route, Documented)
    return route.row
