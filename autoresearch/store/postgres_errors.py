"""What a refusal of PostgreSQL means, and where a database is without its password."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import psycopg
import sqlalchemy as sa
from psycopg.conninfo import conninfo_to_dict

from autoresearch.errors import (
    AutoresearchError,
    Busy,
    Invalid,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreReadOnly,
    Unavailable,
)

__all__ = ["WAIT_SECONDS", "parsed", "plainly", "shown"]

WAIT_SECONDS = 60
_WORDS = (
    ("authentication failed", "28"),
    ("no password supplied", "28"),
    ("no pg_hba.conf entry", "28"),
    ('role "', "28"),
    ("does not exist", "3D000"),
    ("connection failed: ", "08001"),
    ("connection is bad: ", "08001"),
    ("connection timeout", "08001"),
)
"""What the driver says of a connection that was never made, for which there is no SQLSTATE."""
_AGAIN = "Call again with the same ids; nothing of this call was stored, or all of it was."

# By SQLSTATE, the longest beginning that fits: kind, sentence, hint.
_MEANINGS: Mapping[str, tuple[type[AutoresearchError], str, str]] = {
    "": (StoreError, "{where} refused: {said}.", "`autoresearch doctor` looks for the cause."),
    "08": (Unavailable, "The connection to {where} broke: {said}.", _AGAIN),
    "08001": (
        Unavailable,
        "{where} cannot be reached: {said}.",
        "Look whether the database server runs, then call again; host and port are in AUTORESEARCH_DATABASE_URL.",
    ),
    "0A000": (Unavailable, "The tables of {where} were changed meanwhile.", _AGAIN),
    "22": (Invalid, "A value cannot be kept by {where}: {said}.", "Change the value."),
    "25006": (
        StoreReadOnly,
        "{where} takes no writes: {said}.",
        "Name the primary; with several hosts add target_session_attrs=read-write to the URL.",
    ),
    "25P03": (Unavailable, "{where} ended a transaction that stood still for too long.", _AGAIN),
    "28": (
        StoreError,
        "{where} does not let us in: {said}.",
        "Look at the user and the password in AUTORESEARCH_DATABASE_URL.",
    ),
    "3D000": (
        StoreError,
        "There is no such database: {where}.",
        "Make it with `createdb`, then start again.",
    ),
    "3F000": (
        StoreError,
        "There is no schema to make tables in at {where}.",
        "Make it, or change search_path.",
    ),
    "40": (Unavailable, "Another transaction was in the way at {where}.", _AGAIN),
    "42501": (
        StoreError,
        "The role may not do this at {where}: {said}.",
        "Let the role own the database, or its schema; see docs/operating.md.",
    ),
    "53": (Unavailable, "{where} has no room for another caller: {said}.", _AGAIN),
    "53100": (
        StoreFull,
        "The disk of {where} is full; nothing of this call was stored.",
        "Give the database server more space and call again.",
    ),
    "54000": (
        Invalid,
        "A text is too long for {where}: {said}.",
        "Names and labels that are looked up may have about 600 characters.",
    ),
    "55P03": (
        Busy,
        f"Somebody else held {{where}} for more than {WAIT_SECONDS} seconds.",
        "Call again; if it stays so, look at pg_stat_activity for a transaction that does not end.",
    ),
    "57": (Unavailable, "{where} stopped what it was doing: {said}.", _AGAIN),
    "58": (
        StoreError,
        "The machine of {where} has a fault: {said}.",
        "Look at the log of the database server.",
    ),
    "XX": (
        StoreCorrupt,
        "{where} is damaged: {said}.",
        "Look at the log of the database server, and restore a backup.",
    ),
}


@contextlib.contextmanager
def plainly(where: str) -> Iterator[None]:
    """Errors of PostgreSQL, of its driver and of the pool within the block, as ours.

    Args:
        where: What the messages call the database.
    """
    try:
        yield
    except (psycopg.Error, sa.exc.DBAPIError) as error:
        # The toolkit wraps what the driver raised.
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        raise _meaning(cause, where) from error
    except sa.exc.TimeoutError as error:
        raise Unavailable(f"Every connection to {where} was in use for too long.", hint=_AGAIN) from error


def _meaning(error: BaseException | None, where: str) -> AutoresearchError:
    said = _said(error)
    spoken = str(error)
    state = getattr(error, "sqlstate", None)
    if state is None:
        state = ""
        if isinstance(error, psycopg.DataError):
            state = "22"
        elif isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            # Without a state the driver itself speaks: the server could not be reached, or hung up.
            state = next((state for words, state in _WORDS if words in spoken), "08")
    code = next(state[:length] for length in (5, 2, 0) if state[:length] in _MEANINGS)
    kind, sentence, hint = _MEANINGS[code]
    return kind(sentence.format(where=where, said=said), hint=hint)


def _said(error: BaseException | None) -> str:
    """The first sentence of an error, without the point at its end."""
    primary = getattr(getattr(error, "diag", None), "message_primary", None)
    lines = str(primary or error or "").strip().splitlines()
    return (
        " ".join(lines[:1])
        .strip()
        .removeprefix("connection failed: ")
        .removeprefix("connection is bad: ")
        .rstrip(".")
        or "no reason was given"
    )


def parsed(url: str) -> dict[str, str]:
    """The parts of a URL as the driver understands them.

    Raises:
        Invalid: It is none that PostgreSQL takes; the text itself, which may hold a password, is not repeated.
    """
    scheme, colon, rest = url.partition(":")
    try:
        found = conninfo_to_dict(f"{scheme.partition('+')[0]}{colon}{rest}")
    except psycopg.Error:
        raise Invalid(
            "The URL of the database was not understood.",
            hint="Write postgresql://user:password@host:5432/name; special characters as %40 and so on.",
        ) from None
    return {name: str(value) for name, value in found.items()}


def shown(parts: Mapping[str, str]) -> str:
    """Where a database is, for people: user, host and name; never the password."""
    user = f"{parts['user']}@" if parts.get("user") else ""
    port = f":{parts['port']}" if parts.get("port") and not parts.get("host", "").startswith("/") else ""
    host = parts.get("host") or parts.get("hostaddr") or parts.get("service", "")
    return f"postgresql://{user}{host}{port}/{parts.get('dbname', '')}"
