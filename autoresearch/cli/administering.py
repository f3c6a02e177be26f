"""``admin`` and ``keys``: people and keys of the store at hand, by whoever may write it."""

from __future__ import annotations

import contextlib
import datetime
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from autoresearch.cli import storekeeping
from autoresearch.cli.answer import Answer, Cell, Column, Facts, Table, shown
from autoresearch.cli.declaring import command, group
from autoresearch.cli.face import can_ask, the_face
from autoresearch.errors import UsageError

if TYPE_CHECKING:
    from autoresearch.ledger.access.service import Access, Caller
    from autoresearch.records.access import ApiKey, Role, Scope

__all__ = [
    "access_of",
    "app",
    "create_key",
    "create_user",
    "invite",
    "list_keys",
    "list_users",
    "reset_link",
    "revoke_key",
]

app = typer.Typer(rich_markup_mode=None)
_admin = group(
    app,
    "admin",
    "admin create-user --email ada@example.org --organization lab",
    about="Manage the people and the data of the store that a server uses.",
)
storekeeping.declare(_admin)
_keys = group(
    app,
    "keys",
    "keys --organization lab",
    "keys create --organization lab --name cluster --scope write",
    "keys revoke ar_k3v7q2xa --organization lab",
    about="List, create and revoke the keys that programs use.",
    without="list",
    optioned="list",
)

_Organization = Annotated[
    str, typer.Option("--organization", metavar="O", help="Name or id of the organization.")
]
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


@contextlib.contextmanager
def access_of(context: typer.Context) -> Iterator[Access]:
    """The people and keys of the store that was asked for, closed at the end of the block."""
    from autoresearch.ledger.access.service import Access
    from autoresearch.settings import Settings
    from autoresearch.store.databases import open_database

    settings = Settings()
    home = Path(the_face(context).home or settings.home)
    database = open_database(settings.database_url or home / "ledger.sqlite")
    try:
        yield Access(database)
    finally:
        database.close()


@command(
    _admin,
    "create-user",
    "admin create-user --email ada@example.org --organization lab",
    "pass show lab | autoresearch admin create-user --email ada@example.org --organization lab --password-stdin",
)
def create_user(
    context: typer.Context,
    *,
    email: Annotated[str, typer.Option(metavar="E", help="E-mail address to sign in with.")],
    organization: Annotated[
        str,
        typer.Option(
            metavar="O", help="Name or id of the organization; made when there is none of this name."
        ),
    ],
    password_stdin: Annotated[
        bool,
        typer.Option("--password-stdin", help="Read the password from the first line of standard input."),
    ] = False,
    role: Annotated[str, typer.Option(metavar="ROLE", help="One of owner, admin, member, viewer.")] = "owner",
    name: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="What the person is called; else from the address.", show_default=False
        ),
    ] = "",
) -> Answer:
    """Make an account, and its organization when there is none of this name.

    The first organization of a store holds what was recorded there before.
    """
    from autoresearch.records.access import Role

    chosen = cast("Role", _one_of(role, get_args(Role), "--role"))
    password = _password(context, from_stdin=password_stdin)
    with access_of(context) as access:
        person, made = access.create_user(email, password, organization, role=chosen, name=name)
    return Answer(
        document={"user": shown(person), "organization": {"id": made.id, "name": made.name}, "role": role},
        ids=[person.id],
        blocks=[Facts([("person", person.email), ("organization", made.name), ("role", role)])],
        following=f"autoresearch keys create --organization {_quoted(made.name)} --name NAME --scope write",
    )


@command(_admin, "users", "admin users", "admin users --json")
def list_users(context: typer.Context) -> Answer:
    """List everybody who has an account, with the organizations they are in."""
    with access_of(context) as access:
        found = access.users()
    rows: list[list[Cell]] = [
        [person.email, ", ".join(f"{made.name} ({role})" for made, role in places), person.id]
        for person, places in found
    ]
    document = [
        {
            **shown(person),
            "organizations": [{"id": made.id, "name": made.name, "role": role} for made, role in places],
        }
        for person, places in found
    ]
    return Answer(
        document={"users": document},
        ids=[person.id for person, _ in found],
        blocks=[
            Table(
                [Column("e-mail"), Column("organizations", "flexible"), Column("id")],
                rows,
                empty="nobody yet",
            )
        ],
        following="autoresearch admin create-user --email E --organization O",
    )


@command(_admin, "invite", "admin invite --email grace@example.org --organization lab --role member")
def invite(
    context: typer.Context,
    *,
    email: Annotated[str, typer.Option(metavar="E", help="Address of whom to invite.")],
    organization: _Organization,
    role: Annotated[
        str, typer.Option(metavar="ROLE", help="One of owner, admin, member, viewer.")
    ] = "member",
) -> Answer:
    """Invite somebody; whoever has the token makes an account with this address, once, within seven days."""
    from autoresearch.records.access import InvitationRequest, Role

    chosen = cast("Role", _one_of(role, get_args(Role), "--role"))
    request = InvitationRequest.make(email=email, role=chosen)
    with access_of(context) as access:
        made = access.membership.invite(access.operator(organization), request)
    return Answer(
        document=shown(made),
        ids=[made.token],
        blocks=[
            Facts(
                [
                    ("token", made.token),
                    ("for", made.invitation.email),
                    ("role", made.invitation.role),
                    ("until", _minute(made.invitation.expires_at)),
                ]
            )
        ],
        notices=["The token is shown this once, and nothing was sent: hand it over yourself."],
        following="autoresearch admin users",
    )


@command(_admin, "reset-link", "admin reset-link --email ada@example.org")
def reset_link(
    context: typer.Context,
    *,
    email: Annotated[str, typer.Option(metavar="E", help="Address of whose password is to be set anew.")],
) -> Answer:
    """Make a token with which a person sets a new password, once, within a day."""
    with access_of(context) as access:
        made = access.reset_link(email)
    return Answer(
        document=shown(made),
        ids=[made.token],
        blocks=[Facts([("token", made.token), ("until", _minute(made.expires_at))])],
        notices=["The token is shown this once, and nothing was sent: hand it over yourself."],
        following="autoresearch admin users",
    )


@command(
    _keys,
    "create",
    "keys create --organization lab --name cluster --scope write --json",
    "keys create --organization lab --name ci --scope read --expires 90d",
)
def create_key(
    context: typer.Context,
    *,
    organization: _Organization,
    name: Annotated[
        str, typer.Option(metavar="N", help="What it is for; its name stands beside what it records.")
    ],
    scope: Annotated[
        str, typer.Option(metavar="SCOPE", help="One of read, write, admin; each implies those before it.")
    ] = "write",
    expires: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Valid for so long, such as 12h, 90d or 8w; else until revoked."),
    ] = None,
) -> Answer:
    """Create a key; it is shown this once."""
    from autoresearch.records.access import KeyRequest, Scope

    chosen = cast("Scope", _one_of(scope, get_args(Scope), "--scope"))
    request = KeyRequest.make(name=name, scope=chosen, expires_in=_seconds(expires, "--expires"))
    with access_of(context) as access:
        caller = access.operator(organization)
        made = access.keys.create(caller, request)
    rows: list[tuple[str, Cell]] = [
        ("key", made.key),
        ("id", made.id),
        ("organization", caller.organization_name),
        ("name", made.name),
        ("scope", made.scope),
        ("expires", None if made.expires_at is None else made.expires_at.isoformat(timespec="seconds")),
    ]
    return Answer(
        document={**shown(made), "organization": caller.organization},
        ids=[made.key],
        blocks=[Facts(rows)],
        notices=["The key is shown this once; only a digest of it is stored."],
        following="export AUTORESEARCH_API_KEY=KEY AUTORESEARCH_BASE_URL=http://SERVER:8090",
    )


@command(_keys, "list", "keys list --organization lab", "keys list --organization lab --json")
def list_keys(context: typer.Context, *, organization: _Organization) -> Answer:
    """List the keys of an organization; a secret is never shown again."""
    with access_of(context) as access:
        found = _all(access, access.operator(organization))
    columns = [
        Column("prefix"),
        Column("name", "flexible"),
        Column("scope"),
        Column("state"),
        Column("made by"),
        Column("last used"),
        Column("expires", optional=True),
    ]
    rows: list[list[Cell]] = [
        [
            key.prefix,
            key.name,
            key.scope,
            key.state,
            key.made_by,
            _minute(key.used_at),
            _minute(key.expires_at),
        ]
        for key in found
    ]
    return Answer(
        document={"keys": [shown(key) for key in found]},
        ids=[key.id for key in found],
        blocks=[Table(columns, rows, empty="no key yet")],
        following=f"autoresearch keys create --organization {_quoted(organization)} --name NAME",
    )


@command(_keys, "revoke", "keys revoke ar_k3v7q2xa --organization lab")
def revoke_key(
    context: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY", help="Id or prefix of the key.")],
    *,
    organization: _Organization,
) -> Answer:
    """Revoke a key: from now on it opens nothing. Doing it again changes nothing."""
    with access_of(context) as access:
        caller = access.operator(organization)
        known = {one.prefix: one.id for one in _all(access, caller)}
        gone = access.keys.revoke(caller, known.get(key, key))
    return Answer(
        document={"key": shown(gone)},
        ids=[gone.id],
        blocks=[Facts([("key", gone.prefix), ("name", gone.name), ("state", gone.state)])],
        following=f"autoresearch keys list --organization {_quoted(organization)}",
    )


def _all(access: Access, caller: Caller) -> list[ApiKey]:
    found: list[ApiKey] = []
    cursor = None
    while True:
        page = access.keys.list(caller, limit=1000, cursor=cursor)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found


def _password(context: typer.Context, *, from_stdin: bool) -> str:
    if from_stdin:
        # One line, as `pass` and `gopass` print it: what follows it is not part of the password.
        line = sys.stdin.buffer.readline(8192).decode("utf-8", "replace")
        return line.removesuffix("\n").removesuffix("\r")
    if not can_ask(the_face(context)):
        raise UsageError(
            "There is nobody here to ask for a password.",
            hint="Give it on standard input with --password-stdin.",
        )
    import getpass

    first = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != first:
        raise UsageError("The two passwords differ.", hint="Call again and type the same twice.")
    return first


def _one_of(word: str, known: tuple[str, ...], option: str) -> str:
    if word not in known:
        raise UsageError(f"{option} was {word!r}.", hint=f"Use one of {', '.join(known)}.")
    return word


def _seconds(text: str | None, option: str) -> int | None:
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]{1,9})([smhdw])", text)
    if found is None:
        raise UsageError(f"{option} was {text!r}.", hint="Write a number and a unit: 30m, 12h, 90d or 8w.")
    return int(found[1]) * _UNITS[found[2]]


def _minute(time: datetime.datetime | None) -> str | None:
    return None if time is None else time.isoformat(timespec="minutes")


def _quoted(word: str) -> str:
    import shlex

    return shlex.quote(word)
