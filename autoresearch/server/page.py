"""``/``: the dashboard, as it was built into the package. It asks this server alone, through ``/v1``."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

import autoresearch
from autoresearch.errors import NotFound
from autoresearch.server.auth import state_of
from autoresearch.server.documented import by_hand

__all__ = ["POLICY", "built_page", "routes"]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may do: run, load and ask what this server gives, and nothing else."""

_KINDS = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}
_FOR_GOOD = "public, max-age=31536000, immutable"


class _File(NamedTuple):
    data: bytes
    packed: bytes | None
    kind: str
    tag: str


def built_page() -> Path:
    """Where the built dashboard lies."""
    return Path(autoresearch.__file__).parent / "_ui"


def routes() -> Sequence[BaseRoute]:
    """The routes of this module."""
    return by_hand(dashboard=_page, dashboard_file=_file)


@cache
def _read(path: Path) -> _File:
    data, kind = path.read_bytes(), _KINDS[path.suffix]
    packed = None if path.suffix == ".woff2" else gzip.compress(data, mtime=0)
    return _File(data, packed, kind, f'"{hashlib.sha256(data).hexdigest()[:32]}"')


async def _page(request: Request) -> Response:
    path = built_page() / "index.html"
    if not path.is_file():
        raise NotFound(
            "The dashboard was not built.",
            hint="Install the package with pip, or run `make ui` in a checkout; everything below /v1 works without it.",
        )
    return await _answer(request, path, "no-cache")


async def _file(request: Request) -> Response:
    # A name is one part of a path, and so cannot lead out of the folder.
    path = built_page() / "assets" / request.path_params["file"]
    if path.suffix not in _KINDS or not path.is_file():
        raise NotFound("The dashboard has no such file.", hint="Reload the page: it was built anew.")
    return await _answer(request, path, _FOR_GOOD)


async def _answer(request: Request, path: Path, keeping: str) -> Response:
    file = await state_of(request).run(_read, path)
    headers = {
        "Cache-Control": keeping,
        "Content-Security-Policy": POLICY,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "ETag": file.tag,
        "Vary": "Accept-Encoding",
    }
    if request.headers.get("if-none-match") == file.tag:
        return Response(status_code=304, headers=headers)
    data = file.data
    if file.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        data, headers["Content-Encoding"] = file.packed, "gzip"
    return Response(data, headers=headers | {"Content-Type": file.kind})
