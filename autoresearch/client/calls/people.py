"""Calls of the API; written by tools/client_source.py from the table of operations."""

from __future__ import annotations

from autoresearch.client.caller import Caller
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

__all__ = ["PeopleCalls"]


class PeopleCalls(Caller):
    """One method for each row of this group; each raises what ``call`` does."""

    def set_up(self, body: SetUp) -> SignedIn:
        """Make the first account of a server, with the token that its first start printed."""
        answer: SignedIn = self.call("set_up", {"body": body})
        return answer

    def sign_up(self, body: SignUp) -> SignedIn:
        """Accept an invitation with a new account, or with the password of the one that is there."""
        answer: SignedIn = self.call("sign_up", {"body": body})
        return answer

    def sign_in(self, body: SignIn) -> SignedIn:
        """Sign in; the session is in a cookie that no script can read."""
        answer: SignedIn = self.call("sign_in", {"body": body})
        return answer

    def ways_in(self) -> Ways:
        """How one comes in: by signing in, by a link of `autoresearch ui`, or by making the first account."""
        answer: Ways = self.call("ways_in", {})
        return answer

    def use_local_link(self, body: LocalLink) -> LocalKey:
        """Exchange a link of `autoresearch ui`, once, for the key of the page that it opened."""
        answer: LocalKey = self.call("use_local_link", {"body": body})
        return answer

    def sign_out(self) -> None:
        """End the session that asks."""
        self.call("sign_out", {})

    def current_sign_in(self) -> SignedIn:
        """Who is signed in, with the CSRF token."""
        answer: SignedIn = self.call("current_sign_in", {})
        return answer

    def auth_status(self) -> AuthStatus:
        """Who asks, for whom, and what it may do."""
        answer: AuthStatus = self.call("auth_status", {})
        return answer

    def change_password(self, body: PasswordChange) -> SignedIn:
        """Change one's own password; every other session ends."""
        answer: SignedIn = self.call("change_password", {"body": body})
        return answer

    def reset_password(self, body: PasswordReset) -> SignedIn:
        """Set a new password with a one-time link; every session ends."""
        answer: SignedIn = self.call("reset_password", {"body": body})
        return answer

    def list_own_sessions(self, *, limit: int = 100, cursor: str | None = None) -> Page[WebSession]:
        """Where the person is signed in."""
        answer: Page[WebSession] = self.call("list_own_sessions", {"limit": limit, "cursor": cursor})
        return answer

    def end_own_session(self, session_id: str) -> None:
        """End one of one's own sessions."""
        self.call("end_own_session", {"session_id": session_id})

    def end_other_sessions(self) -> None:
        """End all of one's own sessions but this."""
        self.call("end_other_sessions", {})

    def list_organizations(self, *, limit: int = 100, cursor: str | None = None) -> Page[Organization]:
        """The organizations of the person who asks, or the one of a key."""
        answer: Page[Organization] = self.call("list_organizations", {"limit": limit, "cursor": cursor})
        return answer

    def create_organization(self, body: OrganizationRequest) -> Organization:
        """Make an organization; the person who asks owns it."""
        answer: Organization = self.call("create_organization", {"body": body})
        return answer

    def rename_organization(self, organization_id: str, body: OrganizationRequest) -> Organization:
        """Give the organization that one works in another name."""
        answer: Organization = self.call(
            "rename_organization", {"organization_id": organization_id, "body": body}
        )
        return answer

    def activate_organization(self, organization_id: str) -> SignedIn:
        """Work in another of one's own organizations."""
        answer: SignedIn = self.call("activate_organization", {"organization_id": organization_id})
        return answer

    def list_members(self, *, limit: int = 100, cursor: str | None = None) -> Page[Member]:
        """Everybody of the organization."""
        answer: Page[Member] = self.call("list_members", {"limit": limit, "cursor": cursor})
        return answer

    def set_member_role(self, user_id: str, body: RoleRequest) -> Member:
        """Give a member another role."""
        answer: Member = self.call("set_member_role", {"user_id": user_id, "body": body})
        return answer

    def remove_member(self, user_id: str) -> None:
        """End a membership, or leave."""
        self.call("remove_member", {"user_id": user_id})

    def make_reset_link(self, user_id: str) -> NewLink:
        """A one-time link with which a member sets a new password."""
        answer: NewLink = self.call("make_reset_link", {"user_id": user_id})
        return answer

    def list_invitations(self, *, limit: int = 100, cursor: str | None = None) -> Page[Invitation]:
        """Every invitation."""
        answer: Page[Invitation] = self.call("list_invitations", {"limit": limit, "cursor": cursor})
        return answer

    def invite_member(self, body: InvitationRequest) -> NewInvitation:
        """Invite an address; the token is in this answer alone, and nothing is sent."""
        answer: NewInvitation = self.call("invite_member", {"body": body})
        return answer

    def accept_invitation(self, body: Acceptance) -> SignedIn:
        """Accept an invitation with the account that is signed in."""
        answer: SignedIn = self.call("accept_invitation", {"body": body})
        return answer

    def revoke_invitation(self, invitation_id: str) -> Invitation:
        """End an invitation."""
        answer: Invitation = self.call("revoke_invitation", {"invitation_id": invitation_id})
        return answer

    def list_keys(self, *, limit: int = 100, cursor: str | None = None) -> Page[ApiKey]:
        """API keys, without their secrets."""
        answer: Page[ApiKey] = self.call("list_keys", {"limit": limit, "cursor": cursor})
        return answer

    def create_key(self, body: KeyRequest) -> NewApiKey:
        """Make an API key; it is in this answer alone."""
        answer: NewApiKey = self.call("create_key", {"body": body})
        return answer

    def revoke_key(self, key_id: str) -> ApiKey:
        """End an API key at once."""
        answer: ApiKey = self.call("revoke_key", {"key_id": key_id})
        return answer

    def list_ingestion_keys(
        self, run_id: str, *, limit: int = 100, cursor: str | None = None
    ) -> Page[IngestionKey]:
        """The keys of a run, without their secrets."""
        answer: Page[IngestionKey] = self.call(
            "list_ingestion_keys", {"run_id": run_id, "limit": limit, "cursor": cursor}
        )
        return answer

    def create_ingestion_key(self, run_id: str, body: IngestionKeyRequest) -> NewIngestionKey:
        """Make a key that can only append to this run; it is in this answer alone."""
        answer: NewIngestionKey = self.call("create_ingestion_key", {"run_id": run_id, "body": body})
        return answer

    def revoke_ingestion_key(self, run_id: str, key_id: str) -> IngestionKey:
        """End an ingestion key at once."""
        answer: IngestionKey = self.call("revoke_ingestion_key", {"run_id": run_id, "key_id": key_id})
        return answer

    def list_audit(self, *, limit: int = 100, cursor: str | None = None) -> Page[AuditEntry]:
        """Who did what to people and keys, first to last."""
        answer: Page[AuditEntry] = self.call("list_audit", {"limit": limit, "cursor": cursor})
        return answer
