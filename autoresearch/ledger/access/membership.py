"""The people of an organization: who is in it, as what, who is invited, and what was done to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from autoresearch.errors import Conflict, Forbidden, NotFound
from autoresearch.ledger.access import links, organizations, people
from autoresearch.ledger.access.caller import Caller
from autoresearch.ledger.access.pages import of_items, of_rows
from autoresearch.ledger.access.work import Work
from autoresearch.records.access import (
    AuditEntry,
    Invitation,
    InvitationRequest,
    Member,
    NewInvitation,
    NewLink,
    Organization,
    OrganizationRequest,
    Role,
    RoleRequest,
)
from autoresearch.records.base import Page
from autoresearch.records.experiment import Actor
from autoresearch.research import roles
from autoresearch.store import access_schema as tables
from autoresearch.store.rows import Row

if TYPE_CHECKING:
    from autoresearch.ledger.access.service import Access

__all__ = ["Membership"]


class Membership:
    """The people of an organization."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def organizations(
        self, caller: Caller, *, limit: int = 100, cursor: str | None = None
    ) -> Page[Organization]:
        """The organizations of the person who asks, or the one of a key."""
        if caller.user_id is None:
            caller.require("read")
        with self._access.read() as work:
            found = (
                organizations.of_user(work, caller.user_id)
                if caller.user_id is not None
                else [(organizations.must(work, caller.organization), caller.role)]
            )
            shown = [
                organizations.shown(row, role, active=row["id"] == caller.organization) for row, role in found
            ]
        return of_items(shown, lambda one: one.id, limit=limit, cursor=cursor)

    def create(self, caller: Caller, request: OrganizationRequest) -> Organization:
        """Make an organization; the person who asks owns it.

        Raises:
            Conflict: They are in one of this name.
            Forbidden: A key asks.
        """
        user_id = _person(caller)
        with self._access.write(by=caller.actor) as work:
            mine = {row["name_key"] for row, _ in organizations.of_user(work, user_id)}
            row = organizations.create(work, request)
            if row["name_key"] in mine:
                raise Conflict(
                    f"You are in an organization {request.name!r} already.", hint="Take another name."
                )
            people.join(work, row["id"], user_id, "owner")
            return organizations.shown(row, "owner", active=False)

    def rename(self, caller: Caller, organization: str, request: OrganizationRequest) -> Organization:
        """Give the organization that one works in another name.

        Raises:
            NotFound: It is not that one.
            Forbidden: The caller may not.
        """
        if organization != caller.organization or not organization:
            raise NotFound(
                "There is no such organization.", hint="Switch to an organization before changing it."
            )
        caller.require("organization")
        with self._access.write(caller.organization, by=caller.actor) as work:
            row = organizations.rename(work, caller.organization, request)
            return organizations.shown(row, caller.role, active=True)

    def members(self, caller: Caller, *, limit: int = 100, cursor: str | None = None) -> Page[Member]:
        """Everybody of the organization; a key needs the scope admin to see them."""
        caller.require("read" if caller.kind == "session" else "people")
        with self._access.read(caller.organization) as work:
            found = _members(work, caller.organization)
        return of_items(found, lambda one: one.user_id, limit=limit, cursor=cursor)

    def set_role(self, caller: Caller, user_id: str, request: RoleRequest) -> Member:
        """Give a member another role: owners to everybody, admins to those below them.

        Raises:
            NotFound: There is no such member.
            Forbidden: The caller may not.
            Conflict: It would leave the organization without an owner.
        """
        caller.require("people")
        with self._access.write(caller.organization, by=caller.actor) as work:
            present = _role(work, caller.organization, user_id)
            _require_rank(caller, present)
            _require_rank(caller, request.role)
            if request.role != "owner":
                _require_other_owner(work, caller.organization, present)
            if request.role != present:
                rows = work.of(caller.organization)
                rows.update(tables.memberships, {"user_id": user_id}, role=request.role)
                work.note("role.changed", user_id, caller.organization, before=present, role=request.role)
            return _member(work, caller.organization, user_id)

    def remove(self, caller: Caller, user_id: str) -> None:
        """End a membership, and the keys that the person made in the organization; anybody may leave by themselves.

        Raises:
            NotFound: There is no such member.
            Forbidden: The caller may not.
            Conflict: It would leave the organization without an owner.
        """
        leaves = caller.kind == "session" and caller.user_id == user_id
        caller.require("read" if leaves else "people")
        with self._access.write(caller.organization, by=caller.actor) as work:
            present = _role(work, caller.organization, user_id)
            if not leaves:
                _require_rank(caller, present)
            _require_other_owner(work, caller.organization, present)
            work.of(caller.organization).delete(tables.memberships, user_id=user_id)
            for table in (tables.api_keys, tables.ingestion_keys):
                work.revoke(table, organization=caller.organization, user_id=user_id)
            kind = "member.left" if leaves else "member.removed"
            work.note(kind, user_id, caller.organization, role=present)

    def invite(self, caller: Caller, request: InvitationRequest) -> NewInvitation:
        """Invite an address; the token is in this answer alone, and nothing is sent.

        Raises:
            Forbidden: The caller may not, or not in this role.
            Conflict: Whoever has this address is a member.
        """
        caller.require("people")
        _require_rank(caller, request.role)
        with self._access.write(caller.organization, by=caller.actor) as work:
            if any(one.email == request.email for one in _members(work, caller.organization)):
                raise Conflict(f"{request.email} is a member already.", hint="Change their role instead.")
            return links.invite(work, caller.organization, request, user_id=caller.user_id)

    def invitations(self, caller: Caller, *, limit: int = 100, cursor: str | None = None) -> Page[Invitation]:
        """Every invitation, in the order in which they were made; never a token."""
        caller.require("people")
        with self._access.read(caller.organization) as work:
            rows = work.of(caller.organization)
            return of_rows(
                rows, tables.invitations, lambda row: links.shown(work, row), limit=limit, cursor=cursor
            )

    def revoke_invitation(self, caller: Caller, invitation_id: str) -> Invitation:
        """End an invitation; one that ended or was accepted stays as it is.

        Raises:
            NotFound: There is no such invitation.
            Forbidden: The caller may not.
        """
        caller.require("people")
        with self._access.write(caller.organization, by=caller.actor) as work:
            rows = work.of(caller.organization)
            row = rows.one(tables.invitations, id=invitation_id)
            if row is None:
                raise NotFound("There is no such invitation.", hint="List the invitations.")
            if row["accepted_at"] is None and work.revoke(
                tables.invitations, organization=caller.organization, id=invitation_id
            ):
                work.note("invitation.revoked", invitation_id, caller.organization, email=row["email"])
            return links.shown(work, rows.must(tables.invitations, id=invitation_id))

    def reset_link(self, caller: Caller, user_id: str) -> NewLink:
        """A one-time link with which a member sets a new password.

        It opens all that the account opens. It is made by people only, for those below them, and not for anybody who is in another
        organization too.

        Raises:
            NotFound: There is no such member.
            Forbidden: The caller may not.
        """
        caller.require("people")
        _person(caller)
        with self._access.write(by=caller.actor) as work:
            present = _role(work, caller.organization, user_id)
            elsewhere = len(organizations.of_user(work, user_id)) > 1
            if elsewhere or roles.RANK[caller.role or "viewer"] <= roles.RANK[present]:
                raise Forbidden(
                    "This person's password is reset by the operator of the server.",
                    hint="`autoresearch admin reset-link --email ADDRESS` on its machine makes the link.",
                )
            return links.make_reset(work, user_id, caller.organization)

    def audit(self, caller: Caller, *, limit: int = 100, cursor: str | None = None) -> Page[AuditEntry]:
        """Who did what to people and keys of the organization, first to last."""
        caller.require("audit")
        with self._access.read(caller.organization) as work:
            return of_rows(work.of(caller.organization), tables.audit, _entry, limit=limit, cursor=cursor)


def _person(caller: Caller) -> str:
    if caller.kind != "session" or caller.user_id is None:
        raise Forbidden("Only people may do that.", hint="Sign in with e-mail and password.")
    return caller.user_id


def _require_rank(caller: Caller, role: Role) -> None:
    if caller.role is None or not roles.outranks(caller.role, role):
        raise Forbidden(
            f"Whoever is {caller.role or 'nobody'} may not give, change or take away the role {role}.",
            hint="Ask an owner of the organization.",
            details={"needs": "owner"},
        )


def _require_other_owner(work: Work, organization: str, present: Role) -> None:
    owners = work.of(organization).list(tables.memberships, order="user_id", role="owner")
    if present == "owner" and len(owners) < 2:
        raise Conflict(
            "The organization would be left without an owner.", hint="Make somebody else an owner first."
        )


def _role(work: Work, organization: str, user_id: str) -> Role:
    found = people.role_of(work, organization, user_id)
    if found is None:
        raise NotFound("There is no such member.", hint="List the members.")
    return found


def _members(work: Work, organization: str) -> list[Member]:
    m, u = tables.memberships.c, tables.users.c
    asked = (
        sa.select(m.user_id, m.role, m.created_at, u.email, u.name)
        .join(tables.users, u.id == m.user_id)
        .where(m.organization == organization)
        .order_by(m.user_id)
    )
    return [Member(**row) for row in work.connection.execute(asked).mappings()]


def _member(work: Work, organization: str, user_id: str) -> Member:
    return next(one for one in _members(work, organization) if one.user_id == user_id)


def _entry(row: Row) -> AuditEntry:
    return AuditEntry(
        id=row["id"],
        kind=row["kind"],
        subject=row["subject"],
        actor=Actor.model_validate(row["actor"]),
        after=row["after"],
        recorded_at=row["recorded_at"],
    )
