"""API keys: made, recognized, listed and revoked."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from autoresearch.errors import NotFound
from autoresearch.ledger.access import people, tokens
from autoresearch.ledger.access.caller import Caller, unauthorized
from autoresearch.ledger.access.pages import of_rows
from autoresearch.ledger.access.tokens import Token
from autoresearch.ledger.access.work import Work, ordered_id
from autoresearch.records.access import ApiKey, KeyRequest, KeyState, NewApiKey, Role
from autoresearch.records.base import Page
from autoresearch.records.experiment import Actor
from autoresearch.research import roles
from autoresearch.store import access_schema as tables
from autoresearch.store.rows import Row

if TYPE_CHECKING:
    from autoresearch.ledger.access.service import Access

__all__ = ["Keys", "recognized", "shown"]

_k, _o, _m = tables.api_keys, tables.organizations, tables.memberships
# Every request begins with it: one statement, made once.
_GIVEN = (
    sa.select(_k, _o.c.name.label("organization_name"), _m.c.role)
    .join(_o, _o.c.id == _k.c.organization)
    .outerjoin(_m, sa.and_(_m.c.organization == _k.c.organization, _m.c.user_id == _k.c.user_id))
    .where(_k.c.prefix == sa.bindparam("prefix"))
)


class Keys:
    """The API keys of an organization."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def create(self, caller: Caller, request: KeyRequest) -> NewApiKey:
        """Make a key; its secret is in this answer alone.

        Raises:
            Forbidden: The caller may make none, or none with this scope.
        """
        caller.require("own keys")
        # A key makes keys only when it may manage all of them: one that leaked must not outlive its revocation.
        if caller.kind == "api_key" or request.scope not in caller.scopes:
            caller.require("keys")
        made, token = ordered_id(), tokens.make("ar")
        with self._access.write(caller.organization, by=caller.actor) as work:
            expires = (
                work.now + datetime.timedelta(seconds=request.expires_in) if request.expires_in else None
            )
            work.of(caller.organization).insert(
                tables.api_keys,
                id=made,
                name=request.name,
                prefix=token.prefix,
                digest=token.digest,
                scope=request.scope,
                made_by=caller.actor.name,
                user_id=caller.user_id,
                created_at=work.now,
                expires_at=expires,
                used_at=None,
                revoked_at=None,
            )
            work.note("key.created", made, caller.organization, name=request.name, scope=request.scope)
        return NewApiKey(
            id=made,
            key=token.text,
            prefix=token.prefix,
            name=request.name,
            scope=request.scope,
            expires_at=expires,
        )

    def list(self, caller: Caller, *, limit: int = 100, cursor: str | None = None) -> Page[ApiKey]:
        """Every key of the organization, or those of one's own; in the order in which they were made."""
        caller.require("own keys")
        own: dict[str, Any] = {} if caller.may("keys") else {"user_id": caller.user_id}
        with self._access.read(caller.organization) as work:
            return of_rows(
                work.of(caller.organization),
                tables.api_keys,
                lambda row: _shown(work, caller.organization, row),
                limit=limit,
                cursor=cursor,
                **own,
            )

    def revoke(self, caller: Caller, key_id: str) -> ApiKey:
        """End a key at once, with the ingestion keys that it made; one that is revoked stays so.

        Raises:
            NotFound: The organization has no such key.
            Forbidden: It is somebody else's.
        """
        caller.require("own keys")
        with self._access.write(caller.organization, by=caller.actor) as work:
            rows = work.of(caller.organization)
            row = rows.one(tables.api_keys, id=key_id)
            if row is None:
                raise NotFound("There is no such key.", hint="`autoresearch keys list` shows the keys.")
            if row["user_id"] != caller.user_id or caller.user_id is None:
                caller.require("keys")
            if work.revoke(tables.api_keys, organization=caller.organization, id=key_id):
                work.revoke(tables.ingestion_keys, organization=caller.organization, key_id=key_id)
                work.note("key.revoked", key_id, caller.organization, name=row["name"])
            return _shown(work, caller.organization, rows.must(tables.api_keys, id=key_id))


def recognized(work: Work, given: Token) -> tuple[Caller, Row]:
    """Whom an API key stands for, and its row.

    Raises:
        Unauthorized: It is unknown, expired or revoked, or its maker may not do any of it.
    """
    row = work.first(_GIVEN, prefix=given.prefix)
    if not tokens.same(None if row is None else row["digest"], given) or row is None:
        raise unauthorized()
    if _state(row, row["role"], work.now) != "active":
        raise unauthorized()
    caller = Caller(
        kind="api_key",
        organization=row["organization"],
        organization_name=row["organization_name"],
        actor=Actor(kind="human", name=row["name"]),
        scopes=roles.SCOPES_OF_ROLE[roles.ROLE_OF_SCOPE[row["scope"]]],
        role=roles.ROLE_OF_SCOPE[row["scope"]],
        key_id=row["id"],
    )
    return caller, row


def shown(work: Work, organization: str, key_id: str) -> ApiKey:
    """A key that is there."""
    return _shown(work, organization, work.of(organization).must(tables.api_keys, id=key_id))


def _state(row: Row, role: Role | None, now: datetime.datetime) -> KeyState:
    """What a key is good for, given what its maker is in the organization."""
    if row["revoked_at"] is not None:
        return "revoked"
    if row["expires_at"] is not None and row["expires_at"] <= now:
        return "expired"
    able = role is not None and row["scope"] in roles.SCOPES_OF_ROLE[role] and roles.may(role, "own keys")
    if row["user_id"] is not None and not able:
        return "suspended"
    return "active"


def _shown(work: Work, organization: str, row: Row) -> ApiKey:
    role = None if row["user_id"] is None else people.role_of(work, organization, row["user_id"])
    return ApiKey(
        id=row["id"],
        name=row["name"],
        prefix=row["prefix"],
        scope=row["scope"],
        state=_state(row, role, work.now),
        made_by=row["made_by"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        used_at=row["used_at"],
        revoked_at=row["revoked_at"],
    )
