"""``/sdk/``: where pip finds the client of the running version, without a public index."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute

from autoresearch.errors import NotFound
from autoresearch.server.auth import state_of
from autoresearch.server.documented import by_hand
from autoresearch.server.wheels import NAME, wheel

__all__ = ["routes"]


def routes() -> Sequence[BaseRoute]:
    """The routes of this module."""
    return by_hand(sdk_page=_page, sdk_wheel=_wheel)


async def _page(request: Request) -> Response:
    data = await state_of(request).run(wheel)
    digest = hashlib.sha256(data).hexdigest()
    link = f'<a href="{NAME}#sha256={digest}">{NAME}</a>'
    return HTMLResponse(f"<!doctype html><title>autoresearch</title>{link}\n")


async def _wheel(request: Request) -> Response:
    if request.path_params["file"] != NAME:
        raise NotFound("There is no such file.", hint=f"This server runs and offers {NAME}.")
    return Response(await state_of(request).run(wheel), media_type="application/zip")
