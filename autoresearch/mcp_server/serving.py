"""``autoresearch mcp``: the server over standard input and output, or over HTTP on this machine alone."""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

from autoresearch.errors import Invalid
from autoresearch.mcp_server.target import FolderBackend

if TYPE_CHECKING:
    from autoresearch.records.experiment import Actor
    from autoresearch.track.workspace import Workspace

__all__ = ["serve_http", "serve_stdio"]


def serve_stdio(opening: Callable[[Actor | None], Workspace], *, writing: bool = True) -> None:
    """Serve one client over standard input and output, until its end closes them.

    Args:
        opening: Opens the workspace, for whoever acts.
        writing: Whether there are tools that change something.
    """
    from autoresearch.mcp_server.making import make_server

    with closing(FolderBackend(opening, writing=writing)) as backend:
        make_server(lambda _ctx: backend, folder=True, writing=writing).run("stdio")


def serve_http(
    opening: Callable[[Actor | None], Workspace], host: str, port: int, *, writing: bool = True
) -> None:
    """Serve clients of this machine over HTTP at ``/mcp``, until Ctrl-C.

    Args:
        opening: Opens the workspace, for whoever acts.
        host: An address of this machine that no other one reaches.
        port: Port to listen on.
        writing: Whether there are tools that change something.

    Raises:
        Invalid: Others could reach the address: whoever does could run commands here.
    """
    if host != "localhost" and not _is_loopback(host):
        raise Invalid(
            f"--host was {host!r}, which other machines may reach; whoever reaches this server runs commands as you.",
            hint="Listen on 127.0.0.1, or give a team its own with keys: autoresearch serve.",
        )
    import uvicorn

    from autoresearch.mcp_server.making import make_server

    with closing(FolderBackend(opening, writing=writing)) as backend, _listening(host, port) as place:
        app = make_server(lambda _ctx: backend, folder=True, writing=writing).streamable_http_app(host=host)
        sys.stderr.write(f"autoresearch serves its tools at {_url(place)}\n")
        sys.stderr.flush()
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[place])


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise Invalid(
            f"The server cannot listen on {host}:{port}: {error.strerror or error}.",
            hint="Give another --port; something else may listen there.",
        ) from None


def _url(place: socket.socket) -> str:
    host, port, *_ = place.getsockname()
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/mcp"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
