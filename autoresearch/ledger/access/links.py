"""One-time links: invitations, resets of a password, and the first account. Each is used once, and ends by itself."""

from __future__ import annotations

import datetime
from typing import Literal

from autoresearch.errors import Unauthorized
from autoresearch.ledger.access import people, tokens
from autoresearch.ledger.access.tokens import Kind, Token
from autoresearch.ledger.access.work import Work, ordered_id
from autoresearch.records.access import Invitation, InvitationRequest, NewInvitation, NewLink
from autoresearch.records.ids import new_id
from autoresearch.store import access_schema as tables
from autoresearch.store.rows import Row

__all__ = [
    "INVITED_FOR",
    "RESET_FOR",
    "accept",
    "invitation",
    "invite",
    "make_reset",
    "make_setup",
    "reset",
    "setup",
    "shown",
    "unusable",
    "used",
]

INVITED_FOR = datetime.timedelta(days=7)
RESET_FOR = datetime.timedelta(hours=24)


def unusable() -> Unauthorized:
    """The one refusal of every link, whatever is wrong with it."""
    return Unauthorized("This link cannot be used (any more).", hint="Ask for a new one.")


def invite(
    work: Work, organization: str, request: InvitationRequest, *, user_id: str | None = None
) -> NewInvitation:
    """Invite an address; what it was sent before ends."""
    made, token = ordered_id(), tokens.make("arv")
    work.revoke(tables.invitations, organization=organization, email=request.email, accepted_at=None)
    work.of(organization).insert(
        tables.invitations,
        id=made,
        email=request.email,
        role=request.role,
        prefix=token.prefix,
        digest=token.digest,
        made_by=work.by.name,
        user_id=user_id,
        created_at=work.now,
        expires_at=work.now + INVITED_FOR,
        accepted_at=None,
        revoked_at=None,
    )
    work.note("invitation.created", made, organization, email=request.email, role=request.role)
    row = work.of(organization).must(tables.invitations, id=made)
    return NewInvitation(invitation=shown(work, row), token=token.text)


def invitation(work: Work, given: Token | None) -> Row:
    """The open invitation that a secret belongs to.

    Raises:
        Unauthorized: There is none, or it was used, revoked or has expired.
    """
    row = _found(work, "arv", given)
    if shown(work, row).state != "open":
        raise unusable()
    return row


def accept(work: Work, row: Row, user: Row) -> None:
    """Let a person in by an open invitation.

    Raises:
        Conflict: They are in already.
    """
    people.join(work, row["organization"], user["id"], row["role"])
    work.of(row["organization"]).update(tables.invitations, {"id": row["id"]}, accepted_at=work.now)
    work.note("invitation.accepted", row["id"], row["organization"], email=row["email"])


def shown(work: Work, row: Row) -> Invitation:
    """An invitation without its secret."""
    state: Literal["open", "accepted", "expired", "revoked"]
    if row["accepted_at"] is not None:
        state = "accepted"
    elif row["revoked_at"] is not None:
        state = "revoked"
    else:
        state = "expired" if row["expires_at"] <= work.now else "open"
    return Invitation(
        id=row["id"],
        email=row["email"],
        role=row["role"],
        state=state,
        made_by=row["made_by"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )


def make_reset(work: Work, user_id: str, organization: str | None = None) -> NewLink:
    """A link with which a person sets a new password; the one before it ends."""
    token, expires = tokens.make("arr"), work.now + RESET_FOR
    used(work, user_id)
    work.insert(
        tables.password_resets,
        id=new_id(),
        user_id=user_id,
        prefix=token.prefix,
        digest=token.digest,
        made_by=work.by.name,
        created_at=work.now,
        expires_at=expires,
        used_at=None,
    )
    work.note("reset.created", user_id, organization)
    return NewLink(token=token.text, expires_at=expires)


def reset(work: Work, given: Token | None) -> Row:
    """The reset that a secret belongs to.

    Raises:
        Unauthorized: There is none, or it was used, replaced, or has expired.
    """
    row = _found(work, "arr", given)
    if row["used_at"] is not None or row["expires_at"] <= work.now:
        raise unusable()
    return row


def used(work: Work, user_id: str) -> None:
    """End every link with which a person could set a new password."""
    work.update(tables.password_resets, {"user_id": user_id, "used_at": None}, used_at=work.now)


def make_setup(work: Work) -> NewLink:
    """A link with which the first account is made; those of earlier starts go on until one is used."""
    token, expires = tokens.make("arb"), work.now + RESET_FOR
    work.insert(
        tables.setups,
        id=new_id(),
        prefix=token.prefix,
        digest=token.digest,
        created_at=work.now,
        expires_at=expires,
    )
    return NewLink(token=token.text, expires_at=expires)


def setup(work: Work, given: Token | None) -> Row:
    """The set-up that a secret belongs to, while there is no account.

    Raises:
        Unauthorized: There is none, it has expired, or somebody has an account.
    """
    row = _found(work, "arb", given)
    if row["expires_at"] <= work.now or work.connection.execute(tables.users.select().limit(1)).first():
        raise unusable()
    return row


_TABLES = {"arv": tables.invitations, "arr": tables.password_resets, "arb": tables.setups}


def _found(work: Work, kind: Kind, given: Token | None) -> Row:
    if given is None or given.kind != kind:
        raise unusable()
    row = work.one(_TABLES[kind], prefix=given.prefix)
    if not tokens.same(None if row is None else row["digest"], given) or row is None:
        raise unusable()
    return row
