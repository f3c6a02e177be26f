"""``serve``: one server for a team."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autoresearch.cli.answer import Answer
from autoresearch.cli.declaring import command
from autoresearch.cli.face import the_face
from autoresearch.cli.storekeeping import NO_WALL

if TYPE_CHECKING:
    from autoresearch.server.state import State

__all__ = ["app", "serve"]

app = typer.Typer(rich_markup_mode=None)

_FIRST = """\
Nobody has an account here yet. In another terminal, make the first one:
  autoresearch {home}admin create-user --email you@example.org --organization "Your lab"
and a key for programs:
  autoresearch {home}keys create --organization "Your lab" --name laptop --scope write
Or open this in a browser; it works once, within a day:
  {url}/#{token}
"""


@command(
    app, "serve", "serve", "serve --host 0.0.0.0 --behind-proxy 10.0.0.5", "serve --home /srv/autoresearch"
)
def serve(
    context: typer.Context,
    *,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65535, help="Port; 0 takes a free one.")
    ] = 8090,
    proxies: Annotated[
        str | None,
        typer.Option(
            "--behind-proxy",
            metavar="ADDRESSES",
            help="Proxies whose X-Forwarded-For and -Proto are believed, with commas between.",
        ),
    ] = None,
) -> Answer:
    """Serve the store to a team, until Ctrl-C or SIGTERM.

    Requests in flight are finished first; what was acknowledged is stored.
    """
    from autoresearch.server.opening import opened
    from autoresearch.server.serving import listen, serve
    from autoresearch.settings import Settings

    face = the_face(context)
    folder = Path(face.home or Settings().home).expanduser().absolute()
    # The store that these commands mean has to be this one.
    home = f"--home {shlex.quote(str(folder))} " if face.home else ""
    with listen(host, port) as listening, opened(folder) as state:
        shown = listening.getsockname()
        url = f"http://{f'[{shown[0]}]' if ':' in shown[0] else shown[0]}:{shown[1]}"
        code = serve(state, listening, ready=lambda: _greet(state, url, home), **_proxies(proxies))
    return Answer(document={"url": url, "stopped": True}, ids=[], blocks=[], exit_code=code)


def _proxies(addresses: str | None) -> dict[str, Any]:
    if addresses is None:
        return {"proxy_headers": False}
    return {"proxy_headers": True, "forwarded_allow_ips": addresses}


def _greet(state: State, url: str, home: str) -> None:
    token = state.access.setup_token()
    if token is not None:
        sys.stderr.write(_FIRST.format(url=url, token=token, home=home))
    sys.stderr.write(f"autoresearch serves {state.database.where} at {url}\n")
    if not getattr(state.database, "walled", True):
        sys.stderr.write(f"warning: {NO_WALL}\n")
    sys.stderr.flush()
