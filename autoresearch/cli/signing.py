"""``login``, ``logout`` and ``whoami``: which key this machine sends to which server."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from autoresearch.cli.answer import Answer, Cell, Facts, Prose, shown
from autoresearch.cli.declaring import command
from autoresearch.cli.face import can_ask, the_face
from autoresearch.errors import Invalid, NotFound, UsageError

if TYPE_CHECKING:
    from autoresearch.client.credentials import Credentials
    from autoresearch.records.access import AuthStatus

__all__ = ["app", "login", "logout", "whoami"]

app = typer.Typer(rich_markup_mode=None)

_LONGEST = 1000


@command(
    app,
    "login",
    "login --url https://research.example.org",
    "pass show autoresearch | autoresearch login --url https://research.example.org --key-stdin",
)
def login(
    context: typer.Context,
    *,
    url: Annotated[
        str | None,
        typer.Option(
            "--url", metavar="URL", help="The server; else AUTORESEARCH_BASE_URL, else this machine's."
        ),
    ] = None,
    key_stdin: Annotated[
        bool, typer.Option("--key-stdin", help="Read the key from the first line of standard input.")
    ] = False,
) -> Answer:
    """Store a key for a server on this machine, once the server has taken it.

    The file is readable by its owner alone. AUTORESEARCH_API_KEY wins over it.
    """
    from autoresearch.client import credentials as kept
    from autoresearch.settings import Settings

    base = _origin(url) or Settings().base_url or kept.DEFAULT_URL
    given = kept.Credentials(base, _key(context, from_stdin=key_stdin))
    status = _status(given)
    path = kept.store(given)
    return Answer(
        document={"base_url": base, "path": path, "status": shown(status)},
        ids=[base],
        blocks=[Facts([("server", base), *_said(status), ("stored in", path)])],
        following="autoresearch whoami",
    )


@command(app, "logout", "logout", "logout --url https://research.example.org")
def logout(
    url: Annotated[
        str | None,
        typer.Option("--url", metavar="URL", help="The server; else the one that was logged in to last."),
    ] = None,
) -> Answer:
    """Forget the key that is stored for a server; the key itself stays valid until it is revoked."""
    from autoresearch.client import credentials as kept

    found = kept.stored(_origin(url))
    gone = found is not None and kept.forget(found.base_url)
    return Answer(
        document={"forgotten": gone, "base_url": found.base_url if found else None},
        ids=[found.base_url] if found else [],
        blocks=[Prose(f"forgot the key for {found.base_url}" if found else "no key was stored")],
    )


@command(app, "whoami", "whoami", "whoami --json")
def whoami(
    url: Annotated[
        str | None,
        typer.Option("--url", metavar="URL", help="The server; else that of the environment or of `login`."),
    ] = None,
) -> Answer:
    """Ask the server who the key of this machine is, and what it may do."""
    from autoresearch.client import credentials as kept

    base = _origin(url)
    # The key of the environment is for the server of the environment, and goes to no other.
    found = kept.credentials_of("local") if base is None else kept.stored(base)
    if found is None:
        raise NotFound(f"No key is stored for {base}.", hint=f"`autoresearch login --url {base}` stores one.")
    status = _status(found)
    return Answer(
        document={"base_url": found.base_url, "status": shown(status)},
        ids=[status.actor.name],
        blocks=[Facts([("server", found.base_url), *_said(status)])],
    )


def _status(found: Credentials) -> AuthStatus:
    from autoresearch.client.errors import RequestError
    from autoresearch.client.synchronous import Client

    try:
        with Client(found) as client:
            return client.auth_status()
    except RequestError as error:
        # What the server said, with the exit code that it has everywhere.
        raise error.error from None


def _said(status: AuthStatus) -> list[tuple[str, Cell]]:
    organization = status.organization
    return [
        ("who", str(status.actor)),
        ("kind", status.kind.replace("_", " ")),
        ("organization", organization.name if organization else None),
        ("scopes", ", ".join(status.scopes) or "append to one run"),
        ("run", status.run_id),
        ("until", status.expires_at.isoformat(timespec="minutes") if status.expires_at else None),
    ]


def _origin(url: str | None) -> str | None:
    from autoresearch.settings import Settings

    try:
        return Settings({"AUTORESEARCH_BASE_URL": url or ""}).base_url
    except Invalid as error:
        raise UsageError("--url is not the address of a server.", hint=error.hint) from None


def _key(context: typer.Context, *, from_stdin: bool) -> str:
    if from_stdin:
        text = sys.stdin.buffer.readline(_LONGEST).decode("utf-8", "replace").strip()
    elif can_ask(the_face(context)):
        import getpass

        text = getpass.getpass("Key: ").strip()
    else:
        raise UsageError(
            "There is nobody here to ask for a key.", hint="Give it on standard input with --key-stdin."
        )
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise UsageError(
            "That is no key.", hint="A key looks like ar_… and is printed by `autoresearch keys create`."
        )
    return text
