"""People and their places in organizations."""

from __future__ import annotations

from autoresearch.errors import Conflict, Invalid, NotFound
from autoresearch.ledger.access.work import Work
from autoresearch.records.access import Role
from autoresearch.records.ids import new_id
from autoresearch.research.passwords import weakness
from autoresearch.store import access_schema as tables
from autoresearch.store.rows import Row

__all__ = ["by_email", "check_password", "create", "join", "member", "role_of"]


def check_password(password: str, *, email: str, names: tuple[str, ...] = ()) -> None:
    """Refuse a password that would be guessed.

    Raises:
        Invalid: It would; the message says why, and never what it was.
    """
    said = weakness(password, email=email, names=names)
    if said is not None:
        raise Invalid(
            f"This password cannot be taken: it {said}.",
            hint="Take at least 12 characters that nobody would guess; four or more random words are easy to keep.",
            details={"fields": [{"field": "password", "message": said}]},
        )


def create(work: Work, *, email: str, name: str, password_hash: str | None) -> Row:
    """A new person, with the hash of a password or none yet.

    Raises:
        Conflict: There is a person with this address.
    """
    if by_email(work, email) is not None:
        raise Conflict(f"There is an account for {email} already.", hint="Sign in, or take another address.")
    made = new_id()
    work.insert(
        tables.users,
        id=made,
        email=email,
        name=name or email.partition("@")[0],
        password=password_hash,
        created_at=work.now,
        password_changed_at=work.now if password_hash else None,
        signed_in_at=None,
    )
    work.note("person.created", made, email=email)
    return member(work, made)


def by_email(work: Work, email: str) -> Row | None:
    """The person with an address in its stored form."""
    return work.one(tables.users, email=email)


def member(work: Work, user_id: str) -> Row:
    """A person, by id.

    Raises:
        NotFound: There is none.
    """
    row = work.one(tables.users, id=user_id)
    if row is None:
        raise NotFound("There is no such person.", hint="`autoresearch admin users` lists people.")
    return row


def role_of(work: Work, organization: str, user_id: str | None) -> Role | None:
    """What a person is in an organization; None for one who is not in it."""
    row = work.of(organization).one(tables.memberships, user_id=user_id)
    return None if row is None else row["role"]


def join(work: Work, organization: str, user_id: str, role: Role) -> None:
    """Make a person a member.

    Raises:
        Conflict: They are one.
    """
    if role_of(work, organization, user_id) is not None:
        raise Conflict("This person is a member already.", hint="Change the role of the member instead.")
    work.of(organization).insert(tables.memberships, user_id=user_id, role=role, created_at=work.now)
    work.note("member.joined", user_id, organization, role=role)
