"""``autoresearch mcp``: the server over standard input and output, or over HTTP on this machine alone."""

from __future__ import annotations

import ipaddress
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
    from autoresearch.mcp_server.making import make_server

    with closing(FolderBackend(opening, writing=writing)) as backend:
        server = make_server(lambda _ctx: backend, folder=True, writing=writing)
        server.run("streamable-http", host=host, port=port)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
