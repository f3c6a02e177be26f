"""Projects as people post them, the pictures of progress, and what lies in a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from autoresearch.errors import NotFound
from autoresearch.ledger.access.service import Caller
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.protocol.forms import ProjectPost, as_goal
from autoresearch.records.folder import FolderContents
from autoresearch.records.frontier import Frontier, Progress
from autoresearch.records.goal import Project, ProjectRequest
from autoresearch.server.documented import by_hand
from autoresearch.server.handling import asked, posted

__all__ = ["routes"]

_SVG = "image/svg+xml"


def routes() -> Sequence[BaseRoute]:
    """The routes of this module."""
    return by_hand(
        post_project=_post,
        draw_progress=_picture,
        draw_session_progress=_session_picture,
        get_session_progress=_session_progress,
        get_session_frontier=_session_frontier,
        get_folder=_folder,
    )


async def _post(request: Request) -> Response:
    return await posted(request, ProjectPost, _make, kind=Project)


def _make(ledger: LocalLedger, post: ProjectPost, _caller: Caller) -> Project:
    try:
        present = ledger.research.project(post.name).goal
    except NotFound:
        present = None
    if post.objective_metric is None and present is None:
        return ledger.research.make_project(ProjectRequest.make(project=post.name))
    if post.model_fields_set - {"name"}:
        ledger.research.set_goal(post.name, as_goal(post, present))
    return ledger.research.project(post.name)


async def _picture(request: Request) -> Response:
    found: Progress = await asked(
        request, lambda ledger, given: ledger.research.progress(given["project"], segment=given["segment"])
    )
    return _svg(found)


async def _session_picture(request: Request) -> Response:
    return _svg(await asked(request, _progress_of))


async def _session_progress(request: Request) -> Response:
    answer: Response = await asked(request, _progress_of, kind=Progress)
    return answer


async def _session_frontier(request: Request) -> Response:
    answer: Response = await asked(request, _frontier_of, kind=Frontier)
    return answer


async def _folder(request: Request) -> Response:
    answer: Response = await asked(
        request, lambda ledger, given: ledger.folders.contents(**given), kind=FolderContents
    )
    return answer


def _progress_of(ledger: LocalLedger, given: Mapping[str, Any]) -> Progress:
    session = ledger.research.session(given["session_id"])
    return ledger.research.progress(session.project, session_id=session.id)


def _frontier_of(ledger: LocalLedger, given: Mapping[str, Any]) -> Frontier:
    session = ledger.research.session(given["session_id"])
    return ledger.research.frontier(session.project, session_id=session.id)


def _svg(progress: Progress) -> Response:
    # A picture that is opened by itself may run nothing and load nothing.
    headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return Response(progress._repr_svg_(), 200, headers, _SVG)
