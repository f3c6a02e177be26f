"""The application: routes of the table, routes by hand, and what stands around all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.routing import BaseRoute

from autoresearch._version import __version__
from autoresearch.server import (
    agent,
    blobs,
    comparing,
    events,
    experiments,
    files,
    health,
    ingest,
    manual,
    page,
    people,
    projects,
    sdk,
)
from autoresearch.server.answers import answer_errors
from autoresearch.server.compat import faces
from autoresearch.server.guard import Guard
from autoresearch.server.mcp_face import McpFace
from autoresearch.server.openapi import describe
from autoresearch.server.packing import Packing
from autoresearch.server.routes import table_routes
from autoresearch.server.state import State

__all__ = ["make_app"]


def make_app(state: State) -> FastAPI:
    """The server as an ASGI application over an opened store; closing the store is the caller's."""
    agents = McpFace(state)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with state.serving(), agents.serving():
            yield

    app = FastAPI(
        title="autoresearch",
        version=__version__,
        summary="Goals, experiments, verdicts, runs and artifacts of research on code.",
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
    )
    app.state.server = state
    answer_errors(app)
    for routes in (*_raw_routes(), agents.routes()):
        app.router.routes.extend(routes)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    app.add_middleware(Packing, state=state)
    app.add_middleware(Guard, state=state)
    return app


def _raw_routes() -> Sequence[Sequence[BaseRoute]]:
    """Routes in the order in which they are tried."""
    # What is called most comes first.
    by_hand: list[Any] = [ingest, health, projects, experiments, blobs, files, events, comparing]
    by_hand += [agent, people, sdk, manual, page, faces]
    return [*(module.routes() for module in by_hand), table_routes()]
