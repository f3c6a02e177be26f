"""What each role may do, and what a key's scope makes of its caller: one table, and everything else is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from autoresearch.records.access import Role, Scope

__all__ = ["MAY", "RANK", "ROLE_OF_SCOPE", "SCOPES_OF_ROLE", "Action", "may", "outranks"]

Action = Literal[
    "read",  # see what the organization has recorded
    "ingest",  # append to a run
    "write",  # record, decide, log, make ingestion keys
    "own keys",  # make and revoke API keys of one's own, up to one's own scope
    "keys",  # make, list and revoke every API key
    "people",  # invite, change roles and remove: owners everybody, admins those below their own role
    "organization",  # give it another name
    "audit",  # read who did what to people and keys
]

_READ: frozenset[Action] = frozenset({"read"})
_WRITE: frozenset[Action] = _READ | {"ingest", "write", "own keys"}
_ADMIN: frozenset[Action] = _WRITE | {"keys", "people", "organization", "audit"}

MAY: Mapping[Role, frozenset[Action]] = {
    "viewer": _READ,
    "member": _WRITE,
    "admin": _ADMIN,
    "owner": _ADMIN,
}

RANK: Mapping[Role, int] = {"viewer": 0, "member": 1, "admin": 2, "owner": 3}

ROLE_OF_SCOPE: Mapping[Scope, Role] = {"read": "viewer", "write": "member", "admin": "admin"}

SCOPES_OF_ROLE: Mapping[Role, frozenset[Scope]] = {
    "viewer": frozenset({"read"}),
    "member": frozenset({"read", "write"}),
    "admin": frozenset({"read", "write", "admin"}),
    "owner": frozenset({"read", "write", "admin"}),
}


def may(role: str | None, action: str) -> bool:
    """Whether a role may do something; a role or an action that the table does not know may not."""
    allowed = MAY.get(role)  # type: ignore[call-overload]
    return allowed is not None and action in allowed


def outranks(role: Role, other: Role) -> bool:
    """Whether one may give, change or take away the other: owners every role, admins those below theirs."""
    return role == "owner" or (role == "admin" and RANK[other] < RANK[role])
