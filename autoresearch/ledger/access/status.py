"""What a caller is told about itself."""

from __future__ import annotations

import datetime

from autoresearch.ledger.access import keys, organizations, sessions
from autoresearch.ledger.access.caller import Caller
from autoresearch.ledger.access.work import Work
from autoresearch.records.access import AuthStatus
from autoresearch.store import access_schema as tables

__all__ = ["of"]


def of(work: Work, caller: Caller) -> AuthStatus:
    """Who is asking, for whom, and what it may do."""
    organization = work.one(tables.organizations, id=caller.organization)
    user = work.one(tables.users, id=caller.user_id) if caller.user_id else None
    return AuthStatus(
        kind=caller.kind,
        organization_id=caller.organization or None,
        organization=(
            None if organization is None else organizations.shown(organization, caller.role, active=True)
        ),
        scopes=tuple(scope for scope in ("read", "write", "admin") if scope in caller.scopes),
        role=caller.role,
        actor=caller.actor,
        key=keys.shown(work, caller.organization, caller.key_id or "") if caller.kind == "api_key" else None,
        user=None if user is None else sessions.person(user),
        run_id=caller.run_id,
        expires_at=_expires(work, caller),
    )


def _expires(work: Work, caller: Caller) -> datetime.datetime | None:
    if caller.kind == "session":
        row = work.one(tables.web_sessions, id=caller.session_id)
    else:
        table = tables.api_keys if caller.kind == "api_key" else tables.ingestion_keys
        row = work.of(caller.organization).one(table, id=caller.key_id)
    return None if row is None else row["expires_at"]
