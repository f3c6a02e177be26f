"""``mcp``: the memory of this folder for coding agents, over the Model Context Protocol."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autoresearch.cli.answer import Answer
from autoresearch.cli.declaring import command
from autoresearch.cli.face import the_face

if TYPE_CHECKING:
    from autoresearch.records.experiment import Actor
    from autoresearch.track.workspace import Workspace

__all__ = ["app", "mcp"]

app = typer.Typer(rich_markup_mode=None)


@command(app, "mcp", "mcp", "-C ~/char-lm mcp", "mcp --http --port 8765")
def mcp(
    context: typer.Context,
    *,
    http: Annotated[
        bool, typer.Option("--http", help="Serve HTTP at /mcp, to this machine, in place of standard input.")
    ] = False,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Address of --http; one that only this machine reaches.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="PORT", min=1, max=65535, help="Port of --http.")] = 8765,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Offer only the tools that change nothing.")
    ] = False,
) -> Answer | None:
    """Serve the tools of this folder to a coding agent.

    The agent's program starts it; it reads requests from standard input until that ends.
    """
    from autoresearch.mcp_server.serving import serve_http, serve_stdio

    face = the_face(context)
    folder = Path.cwd()

    def opening(actor: Actor | None) -> Workspace:
        from autoresearch.track.workspace import Workspace

        return Workspace.open(folder, project=face.project, home=face.home, actor=actor)

    if http:
        serve_http(opening, host, port, writing=not read_only)
    else:
        serve_stdio(opening, writing=not read_only)
    return None
