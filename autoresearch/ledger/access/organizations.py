"""Organizations: made, found and renamed. Names are for people and need not be unique; ids are."""

from __future__ import annotations

import unicodedata

import sqlalchemy as sa

from autoresearch.errors import Conflict, NotFound
from autoresearch.ledger.access.work import Work
from autoresearch.records.access import Organization, OrganizationRequest, Role
from autoresearch.records.ids import new_id
from autoresearch.store import access_schema as tables
from autoresearch.store.rows import Row

__all__ = ["EMBEDDED", "create", "find", "must", "name_of", "of_user", "rename", "shown"]

EMBEDDED = "local"
"""Id of the organization in which the embedded store keeps what is recorded without a server."""


def create(work: Work, request: OrganizationRequest, *, adopt: bool = False) -> Row:
    """A new organization.

    Args:
        work: The transaction.
        request: Its name.
        adopt: Take over what was recorded in this store without a server, when no organization has yet.
    """
    taken = work.one(tables.organizations, id=EMBEDDED)
    made = EMBEDDED if adopt and taken is None else new_id()
    work.insert(
        tables.organizations,
        id=made,
        name=request.name,
        name_key=_folded(request.name),
        created_at=work.now,
    )
    work.note("organization.created", made, made, name=request.name)
    return must(work, made)


def find(work: Work, text: str) -> Row | None:
    """The organization with this id or name, or None.

    Raises:
        Conflict: Several have this name.
    """
    row = work.one(tables.organizations, id=text)
    if row is not None:
        return row
    found = work.all(tables.organizations, order="id", name_key=_folded(text))
    if len(found) > 1:
        ids = ", ".join(row["id"] for row in found)
        raise Conflict(f"{len(found)} organizations are called {text!r}.", hint=f"Give the id: {ids}.")
    return found[0] if found else None


def rename(work: Work, organization: str, request: OrganizationRequest) -> Row:
    """Give an organization another name."""
    work.update(tables.organizations, {"id": organization}, name=request.name, name_key=_folded(request.name))
    work.note("organization.renamed", organization, organization, name=request.name)
    return must(work, organization)


def must(work: Work, organization: str) -> Row:
    """An organization, by id.

    Raises:
        NotFound: There is none.
    """
    row = work.one(tables.organizations, id=organization)
    if row is None:
        raise NotFound(
            f"There is no organization {organization!r}.",
            hint="`autoresearch admin create-user --organization NAME` makes one.",
        )
    return row


def name_of(work: Work, organization: str) -> str:
    """The name of an organization, which is there."""
    return str(must(work, organization)["name"])


def shown(row: Row, role: Role | None, *, active: bool) -> Organization:
    """An organization as somebody sees it."""
    return Organization(
        id=row["id"], name=row["name"], role=role, active=active, created_at=row["created_at"]
    )


def of_user(work: Work, user_id: str) -> list[tuple[Row, Role]]:
    """The organizations of a person, with their role, in order of name."""
    o, m = tables.organizations.c, tables.memberships.c
    asked = (
        sa.select(tables.organizations, m.role.label("role"))
        .join(tables.memberships, m.organization == o.id)
        .where(m.user_id == user_id)
        .order_by(o.name_key, o.id)
    )
    return [(row, row["role"]) for row in work.connection.execute(asked).mappings()]


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
