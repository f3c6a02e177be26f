"""Rows of organizations, people and keys. Their routes are written by hand: they ask who calls in their own way."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from autoresearch.protocol.rows import CURSOR, LIMIT, Operation, Scope
from autoresearch.records import access
from autoresearch.records.base import Page

__all__ = ["ROWS"]


def _row(
    name: str,
    place: str,
    answer: Any,
    about: str,
    *,
    scope: Scope | None = "read",
    body: type[BaseModel] | None = None,
) -> Operation:
    method, path = place.split(" ")
    return Operation(name, method, path, "", "", answer, about, scope, body, "body")


def _list(name: str, path: str, answer: Any, about: str, scope: Scope = "read") -> Operation:
    return _row(name, f"GET {path}", answer, about, scope=scope)._replace(query=(LIMIT, CURSOR))


ROWS = (
    _row(
        "set_up",
        "POST /v1/auth/set-up",
        access.SignedIn,
        "Make the first account of a server, with the token that its first start printed.",
        scope=None,
        body=access.SetUp,
    ),
    _row(
        "sign_up",
        "POST /v1/auth/sign-up",
        access.SignedIn,
        "Accept an invitation with a new account, or with the password of the one that is there.",
        scope=None,
        body=access.SignUp,
    ),
    _row(
        "sign_in",
        "POST /v1/auth/sign-in",
        access.SignedIn,
        "Sign in; the session is in a cookie that no script can read.",
        scope=None,
        body=access.SignIn,
    ),
    _row(
        "ways_in",
        "GET /v1/auth/ways",
        access.Ways,
        "How one comes in: by signing in, by a link of `autoresearch ui`, or by making the first account.",
        scope=None,
    ),
    _row(
        "use_local_link",
        "POST /v1/auth/local",
        access.LocalKey,
        "Exchange a link of `autoresearch ui`, once, for the key of the page that it opened.",
        scope=None,
        body=access.LocalLink,
    ),
    _row("sign_out", "POST /v1/auth/sign-out", None, "End the session that asks."),
    _row(
        "current_sign_in", "GET /v1/auth/session", access.SignedIn, "Who is signed in, with the CSRF token."
    ),
    _row("auth_status", "GET /v1/auth/status", access.AuthStatus, "Who asks, for whom, and what it may do."),
    _row(
        "change_password",
        "POST /v1/auth/password",
        access.SignedIn,
        "Change one's own password; every other session ends.",
        body=access.PasswordChange,
    ),
    _row(
        "reset_password",
        "POST /v1/auth/password/reset",
        access.SignedIn,
        "Set a new password with a one-time link; every session ends.",
        scope=None,
        body=access.PasswordReset,
    ),
    _list(
        "list_own_sessions", "/v1/auth/sessions", Page[access.WebSession], "Where the person is signed in."
    ),
    _row("end_own_session", "DELETE /v1/auth/sessions/{session_id}", None, "End one of one's own sessions."),
    _row("end_other_sessions", "DELETE /v1/auth/sessions", None, "End all of one's own sessions but this."),
    _list(
        "list_organizations",
        "/v1/organizations",
        Page[access.Organization],
        "The organizations of the person who asks, or the one of a key.",
    ),
    _row(
        "create_organization",
        "POST /v1/organizations",
        access.Organization,
        "Make an organization; the person who asks owns it.",
        body=access.OrganizationRequest,
    ),
    _row(
        "rename_organization",
        "PATCH /v1/organizations/{organization_id}",
        access.Organization,
        "Give the organization that one works in another name.",
        scope="admin",
        body=access.OrganizationRequest,
    ),
    _row(
        "activate_organization",
        "POST /v1/organizations/{organization_id}/activate",
        access.SignedIn,
        "Work in another of one's own organizations.",
    ),
    _list("list_members", "/v1/members", Page[access.Member], "Everybody of the organization."),
    _row(
        "set_member_role",
        "PATCH /v1/members/{user_id}",
        access.Member,
        "Give a member another role.",
        scope="admin",
        body=access.RoleRequest,
    ),
    _row("remove_member", "DELETE /v1/members/{user_id}", None, "End a membership, or leave.", scope="admin"),
    _row(
        "make_reset_link",
        "POST /v1/members/{user_id}/reset-link",
        access.NewLink,
        "A one-time link with which a member sets a new password.",
        scope="admin",
    ),
    _list("list_invitations", "/v1/invitations", Page[access.Invitation], "Every invitation.", "admin"),
    _row(
        "invite_member",
        "POST /v1/invitations",
        access.NewInvitation,
        "Invite an address; the token is in this answer alone, and nothing is sent.",
        scope="admin",
        body=access.InvitationRequest,
    ),
    _row(
        "accept_invitation",
        "POST /v1/invitations/accept",
        access.SignedIn,
        "Accept an invitation with the account that is signed in.",
        body=access.Acceptance,
    ),
    _row(
        "revoke_invitation",
        "DELETE /v1/invitations/{invitation_id}",
        access.Invitation,
        "End an invitation.",
        scope="admin",
    ),
    _list("list_keys", "/v1/keys", Page[access.ApiKey], "API keys, without their secrets.", "write"),
    _row(
        "create_key",
        "POST /v1/keys",
        access.NewApiKey,
        "Make an API key; it is in this answer alone.",
        scope="write",
        body=access.KeyRequest,
    ),
    _row("revoke_key", "DELETE /v1/keys/{key_id}", access.ApiKey, "End an API key at once.", scope="write"),
    _list(
        "list_ingestion_keys",
        "/v1/runs/{run_id}/ingestion-keys",
        Page[access.IngestionKey],
        "The keys of a run, without their secrets.",
    ),
    _row(
        "create_ingestion_key",
        "POST /v1/runs/{run_id}/ingestion-keys",
        access.NewIngestionKey,
        "Make a key that can only append to this run; it is in this answer alone.",
        scope="write",
        body=access.IngestionKeyRequest,
    ),
    _row(
        "revoke_ingestion_key",
        "DELETE /v1/runs/{run_id}/ingestion-keys/{key_id}",
        access.IngestionKey,
        "End an ingestion key at once.",
        scope="write",
    ),
    _list(
        "list_audit",
        "/v1/audit",
        Page[access.AuditEntry],
        "Who did what to people and keys, first to last.",
        "admin",
    ),
)
