"""Sessions of people: opened, recognized, turned over and ended. They live in the store, and a cookie only names one."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import sqlalchemy as sa

from autoresearch.errors import NotFound
from autoresearch.ledger.access import organizations, people, tokens
from autoresearch.ledger.access.caller import Caller, unauthorized
from autoresearch.ledger.access.tokens import Token
from autoresearch.ledger.access.work import Work
from autoresearch.records.access import Person, SignedIn, WebSession
from autoresearch.records.experiment import Actor
from autoresearch.records.ids import new_id
from autoresearch.research import roles
from autoresearch.store import access_schema as tables
from autoresearch.store.rows import Row

__all__ = [
    "IDLE",
    "LONGEST",
    "end",
    "end_all",
    "listed",
    "opened",
    "person",
    "recognized",
    "renewed",
    "signed_in",
]

IDLE = datetime.timedelta(days=7)
"""A session that nobody used for so long has ended."""

LONGEST = datetime.timedelta(days=30)
"""A session ends so long after the sign-in, however much it is used."""


def opened(work: Work, user: Row, *, agent: str, address: str, active: str | None = None) -> Token:
    """A new session of a person; whoever signs in gets one, whatever cookie came along."""
    token = tokens.make("ars")
    work.connection.execute(
        sa.delete(tables.web_sessions).where(tables.web_sessions.c.expires_at <= work.now)
    )
    mine = [row["id"] for row, _ in organizations.of_user(work, user["id"])]
    work.insert(
        tables.web_sessions,
        id=new_id(),
        user_id=user["id"],
        prefix=token.prefix,
        digest=token.digest,
        active=active if active in mine else (mine[0] if mine else None),
        agent=_line(agent),
        address=_line(address),
        created_at=work.now,
        seen_at=work.now,
        expires_at=work.now + LONGEST,
    )
    return token


def renewed(work: Work, session_id: str, *, active: str | None = None) -> Token:
    """Another secret for a session whose rights change, perhaps in another organization; the old secret opens nothing."""
    token = tokens.make("ars")
    changed = {"prefix": token.prefix, "digest": token.digest, "seen_at": work.now}
    if active is not None:
        changed["active"] = active
    work.update(tables.web_sessions, {"id": session_id}, **changed)
    return token


def recognized(work: Work, given: Token) -> tuple[Caller, Row]:
    """Whose session a secret is, and its row.

    Raises:
        Unauthorized: It is unknown, has ended, or has not been used for too long.
    """
    row = work.one(tables.web_sessions, prefix=given.prefix)
    if not tokens.same(None if row is None else row["digest"], given) or row is None:
        raise unauthorized()
    if row["expires_at"] <= work.now or row["seen_at"] + IDLE <= work.now:
        raise unauthorized()
    user = work.one(tables.users, id=row["user_id"])
    if user is None:
        raise unauthorized()
    mine = {one["id"]: (one["name"], role) for one, role in organizations.of_user(work, user["id"])}
    active = row["active"] if row["active"] in mine else next(iter(mine), None)
    # Who belongs to no organization may see to their own account, and nothing else.
    name, role = mine[active] if active is not None else ("", None)
    caller = Caller(
        kind="session",
        organization=active or "",
        organization_name=name,
        actor=Actor(kind="human", name=user["email"]),
        scopes=roles.SCOPES_OF_ROLE[role] if role else frozenset(),
        role=role,
        user_id=user["id"],
        session_id=row["id"],
    )
    return caller, row


def signed_in(work: Work, token: Token) -> SignedIn:
    """What a page needs to know about a session that is there."""
    caller, row = recognized(work, token)
    found = work.one(tables.organizations, id=caller.organization)
    return SignedIn(
        user=person(people.member(work, row["user_id"])),
        organization=organizations.shown(found, caller.role, active=True) if found else None,
        csrf_token=tokens.csrf_token(token),
        expires_at=row["expires_at"],
    )


def listed(work: Work, user_id: str, current: str | None) -> Sequence[WebSession]:
    """Where a person is signed in, in the order of signing in."""
    found = work.all(tables.web_sessions, order="id", user_id=user_id)
    return [
        WebSession(
            id=row["id"],
            agent=row["agent"],
            address=row["address"],
            created_at=row["created_at"],
            seen_at=row["seen_at"],
            expires_at=min(row["expires_at"], row["seen_at"] + IDLE),
            current=row["id"] == current,
        )
        for row in found
        if row["expires_at"] > work.now and row["seen_at"] + IDLE > work.now
    ]


def end(work: Work, user_id: str, session_id: str) -> None:
    """End one session of a person.

    Raises:
        NotFound: They have no such session.
    """
    if not work.delete(tables.web_sessions, id=session_id, user_id=user_id):
        raise NotFound("There is no such session.", hint="It may have ended already.")
    work.note("session.ended", session_id)


def end_all(work: Work, user_id: str, *, but: str | None = None) -> int:
    """End every session of a person, but one; answers how many."""
    s = tables.web_sessions.c
    ended = work.connection.execute(
        sa.delete(tables.web_sessions).where(s.user_id == user_id, s.id != (but or ""))
    )
    work.note("sessions.ended", user_id)
    return int(ended.rowcount)


def person(user: Row) -> Person:
    """A person, as they see themselves."""
    return Person(id=user["id"], email=user["email"], name=user["name"])


def _line(text: str) -> str:
    """What a browser says of itself, as one bounded line."""
    printable = "".join(sign if sign.isprintable() else " " for sign in text)
    return printable.encode("utf-8", "replace").decode().strip()[:200].strip()
