"""Calls of the API; written by tools/client_source.py from the table of operations."""

from __future__ import annotations

from autoresearch.client.caller import AsyncCaller
from autoresearch.records.access import (
    Acceptance,
    ApiKey,
    AuditEntry,
    AuthStatus,
    IngestionKey,
    IngestionKeyRequest,
    Invitation,
    InvitationRequest,
    KeyRequest,
    LocalKey,
    LocalLink,
    Member,
    NewApiKey,
    NewIngestionKey,
    NewInvitation,
    NewLink,
    Organization,
    OrganizationRequest,
    PasswordChange,
    PasswordReset,
    RoleRequest,
    SetUp,
    SignedIn,
    SignIn,
    SignUp,
    Ways,
    WebSession,
)
from autoresearch.records.base import Page

__all__ = ["AsyncPeopleCalls"]


class AsyncPeopleCalls(AsyncCaller):
    """One method for each row of this group; each raises what ``call`` does."""

    async def set_up(self, body: SetUp) -> SignedIn:
        """Make the first account of a server, with the token that its first start printed."""
        answer: SignedIn = await self.call("set_up", {"body": body})
        return answer

    async def sign_up(self, body: SignUp) -> SignedIn:
        """Accept an invitation with a new account, or with the password of the one that is there."""
        answer: SignedIn = await self.call("sign_up", {"body": body})
        return answer

    async def sign_in(self, body: SignIn) -> SignedIn:
        """Sign in; the session is in a cookie that no script can read."""
        answer: SignedIn = await self.call("sign_in", {"body": body})
        return answer

    async def ways_in(self) -> Ways:
        """How one comes in: by signing in, by a link of `autoresearch ui`, or by making the first account."""
        answer: Ways = await self.call("ways_in", {})
        return answer

    async def use_local_link(self, body: LocalLink) -> LocalKey:
        """Exchange a link of `autoresearch ui`, once, for the key of the page that it opened."""
        answer: LocalKey = await self.call("use_local_link", {"body": body})
        return answer

    async def sign_out(self) -> None:
        """End the session that asks."""
        await self.call("sign_out", {})

    async def current_sign_in(self) -> SignedIn:
        """Who is signed in, with the CSRF token."""
        answer: SignedIn = await self.call("current_sign_in", {})
        return answer

    async def auth_status(self) -> AuthStatus:
        """Who asks, for whom, and what it may do."""
        answer: AuthStatus = await self.call("auth_status", {})
        return answer

    async def change_password(self, body: PasswordChange) -> SignedIn:
        """Change one's own password; every other session ends."""
        answer: SignedIn = await self.call("change_password", {"body": body})
        return answer

    async def reset_password(self, body: PasswordReset) -> SignedIn:
        """Set a new password with a one-time link; every session ends."""
        answer: SignedIn = await self.call("reset_password", {"body": body})
        return answer

    async def list_own_sessions(self, *, limit: int = 100, cursor: str | None = None) -> Page[WebSession]:
        """Where the person is signed in."""
        answer: Page[WebSession] = await self.call("list_own_sessions", {"limit": limit, "cursor": cursor})
        return answer

    async def end_own_session(self, session_id: str) -> None:
        """End one of one's own sessions."""
        await self.call("end_own_session", {"session_id": session_id})

    async def end_other_sessions(self) -> None:
        """End all of one's own sessions but this."""
        await self.call("end_other_sessions", {})

    async def list_organizations(self, *, limit: int = 100, cursor: str | None = None) -> Page[Organization]:
        """The organizations of the person who asks, or the one of a key."""
        answer: Page[Organization] = await self.call("list_organizations", {"limit": limit, "cursor": cursor})
        return answer

    async def create_organization(self, body: OrganizationRequest) -> Organization:
        """Make an organization; the person who asks owns it."""
        answer: Organization = await self.call("create_organization", {"body": body})
        return answer

    async def rename_organization(self, organization_id: str, body: OrganizationRequest) -> Organization:
        """Give the organization that one works in another name."""
        answer: Organization = await self.call(
            "rename_organization", {"organization_id": organization_id, "body": body}
        )
        return answer

    async def activate_organization(self, organization_id: str) -> SignedIn:
        """Work in another of one's own organizations."""
        answer: SignedIn = await self.call("activate_organization", {"organization_id": organization_id})
        return answer

    async def list_members(self, *, limit: int = 100, cursor: str | None = None) -> Page[Member]:
        """Everybody of the organization."""
        answer: Page[Member] = await self.call("list_members", {"limit": limit, "cursor": cursor})
        return answer

    async def set_member_role(self, user_id: str, body: RoleRequest) -> Member:
        """Give a member another role."""
        answer: Member = await self.call("set_member_role", {"user_id": user_id, "body": body})
        return answer

    async def remove_member(self, user_id: str) -> None:
        """End a membership, or leave."""
        await self.call("remove_member", {"user_id": user_id})

    async def make_reset_link(self, user_id: str) -> NewLink:
        """A one-time link with which a member sets a new password."""
        answer: NewLink = await self.call("make_reset_link", {"user_id": user_id})
        return answer

    async def list_invitations(self, *, limit: int = 100, cursor: str | None = None) -> Page[Invitation]:
        """Every invitation."""
        answer: Page[Invitation] = await self.call("list_invitations", {"limit": limit, "cursor": cursor})
        return answer

    async def invite_member(self, body: InvitationRequest) -> NewInvitation:
        """Invite an address; the token is in this answer alone, and nothing is sent."""
        answer: NewInvitation = await self.call("invite_member", {"body": body})
        return answer

    async def accept_invitation(self, body: Acceptance) -> SignedIn:
        """Accept an invitation with the account that is signed in."""
        answer: SignedIn = await self.call("accept_invitation", {"body": body})
        return answer

    async def revoke_invitation(self, invitation_id: str) -> Invitation:
        """End an invitation."""
        answer: Invitation = await self.call("revoke_invitation", {"invitation_id": invitation_id})
        return answer

    async def list_keys(self, *, limit: int = 100, cursor: str | None = None) -> Page[ApiKey]:
        """API keys, without their secrets."""
        answer: Page[ApiKey] = await self.call("list_keys", {"limit": limit, "cursor": cursor})
        return answer

    async def create_key(self, body: KeyRequest) -> NewApiKey:
        """Make an API key; it is in this answer alone."""
        answer: NewApiKey = await self.call("create_key", {"body": body})
        return answer

    async def revoke_key(self, key_id: str) -> ApiKey:
        """End an API key at once."""
        answer: ApiKey = await self.call("revoke_key", {"key_id": key_id})
        return answer

    async def list_ingestion_keys(
        self, run_id: str, *, limit: int = 100, cursor: str | None = None
    ) -> Page[IngestionKey]:
        """The keys of a run, without their secrets."""
        answer: Page[IngestionKey] = await self.call(
            "list_ingestion_keys", {"run_id": run_id, "limit": limit, "cursor": cursor}
        )
        return answer

    async def create_ingestion_key(self, run_id: str, body: IngestionKeyRequest) -> NewIngestionKey:
        """Make a key that can only append to this run; it is in this answer alone."""
        answer: NewIngestionKey = await self.call("create_ingestion_key", {"run_id": run_id, "body": body})
        return answer

    async def revoke_ingestion_key(self, run_id: str, key_id: str) -> IngestionKey:
        """End an ingestion key at once."""
        answer: IngestionKey = await self.call("revoke_ingestion_key", {"run_id": run_id, "key_id": key_id})
        return answer

    async def list_audit(self, *, limit: int = 100, cursor: str | None = None) -> Page[AuditEntry]:
        """Who did what to people and keys, first to last."""
        answer: Page[AuditEntry] = await self.call("list_audit", {"limit": limit, "cursor": cursor})
        return answer
