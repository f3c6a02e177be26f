"""``ui``: the dashboard of this machine, in a browser, without an account."""

from __future__ import annotations

import logging
import sys
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode

import typer

from autoresearch.cli.answer import Answer
from autoresearch.cli.declaring import command
from autoresearch.cli.face import the_face
from autoresearch.errors import Invalid
from autoresearch.track.whoami import present_actor

if TYPE_CHECKING:
    import socket

    from autoresearch.records.experiment import Actor

__all__ = ["app", "ui"]

app = typer.Typer(rich_markup_mode=None)

_HOST = "127.0.0.1"
_PORT = 8091
# A browser that holds its caller up has started by then.
_PATIENCE = 10.0


@command(app, "ui", "ui", "-C ~/char-lm ui", "ui --no-open --port 9000")
def ui(
    context: typer.Context,
    *,
    port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT",
            min=0,
            max=65535,
            help=f"Port on this machine; {_PORT} or a free one when left out.",
            show_default=False,
        ),
    ] = None,
    opens: Annotated[bool, typer.Option("--open/--no-open", help="Open it in the browser.")] = True,
) -> Answer:
    """Open the dashboard in a browser, until Ctrl-C.

    It shows the store of this machine, to this machine alone. The link works once; whenever it was used, the next one is printed.
    With a server the server's own dashboard is opened.
    """
    face = the_face(context)
    with face.workspace() as workspace:
        project, home, server = workspace.name, workspace.home, workspace.server
        actor = present_actor(workspace.settings)
    if server is not None:
        url = f"{server.url}/?{urlencode({'project': project})}"
        _show(url, opens=opens, patience=_PATIENCE)
        return Answer(document={"url": url, "served": False}, ids=[url])
    return _serve(home, project, actor, port, opens=opens)


def _serve(home: Path, project: str, actor: Actor, port: int | None, *, opens: bool) -> Answer:
    from autoresearch.server.door import Door
    from autoresearch.server.opening import opened_here
    from autoresearch.server.serving import serve

    with _listening(port) as listening, opened_here(home) as state:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"

        def link(code: str) -> str:
            # Behind the # it is never sent, so that it stands in no log.
            return f"{url}/?{urlencode({'project': project})}#{code}"

        state.door = Door(actor, lambda code: _say(f"The link was used; another one: {link(code)}"))
        first = link(state.door.link)
        # Whoever looks at their own page does not want to read a line for each of its requests.
        logging.getLogger("autoresearch.access").setLevel(logging.WARNING)
        done = serve(state, listening, ready=lambda: _show(first, opens=opens), proxy_headers=False)
    return Answer(document={"url": url, "served": True}, ids=[], exit_code=done)


def _listening(port: int | None) -> socket.socket:
    from autoresearch.server.serving import listen

    if port is not None:
        return listen(_HOST, port)
    try:
        return listen(_HOST, _PORT)
    except Invalid:
        return listen(_HOST, 0)


def _show(url: str, *, opens: bool, patience: float = 0.0) -> None:
    _say(f"The dashboard is at {url}")
    if opens:
        # A browser may hold its caller up, and there may be none.
        opening = threading.Thread(target=_open, args=(url,), daemon=True)
        opening.start()
        opening.join(patience)


def _open(url: str) -> None:
    if not webbrowser.open(url):
        _say("No browser could be started on this machine: open the link above yourself.")


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()
