"""``/health``, ``/ready``, ``/metrics``, ``/v1/about``: what watches a server asks."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from autoresearch._version import __version__
from autoresearch.errors import AutoresearchError, Unavailable
from autoresearch.protocol.forms import About
from autoresearch.server.answers import refused
from autoresearch.server.auth import caller_of, state_of
from autoresearch.server.documented import by_hand

__all__ = ["PROTOCOL", "routes"]

PROTOCOL = 1


def routes() -> Sequence[BaseRoute]:
    """The routes of this module."""
    return by_hand(health=_health, ready=_ready, metrics=_metrics, about=_about)


async def _health(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _ready(request: Request) -> Response:
    state = state_of(request)

    def look() -> None:
        with state.database.read() as connection:
            connection.exec_driver_sql("SELECT 1 FROM alembic_version").all()
        state.objects.check()

    try:
        await state.run(look)
    except AutoresearchError:
        # Why is for the log and for those who may look there; a stranger only learns that it is so.
        return refused(Unavailable("The store cannot be reached.", hint="Look at the server's log."))
    return JSONResponse({"status": "ok"})


async def _metrics(request: Request) -> Response:
    await caller_of(request, "admin")
    return Response(state_of(request).figures.page(), media_type="text/plain; version=0.0.4")


async def _about(request: Request) -> Response:
    await caller_of(request, "read")
    return JSONResponse(About(version=__version__, protocol=PROTOCOL).model_dump())
