"""Organizations, people and keys: what is asked for, and what is answered. A secret stands only in the answer that makes it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field

from autoresearch.records.base import Id, Line, Name, Record, Request, Text, Time
from autoresearch.records.emails import clean_email
from autoresearch.records.experiment import Actor
from autoresearch.records.words import clean_line

__all__ = [
    "Acceptance",
    "ApiKey",
    "AuditEntry",
    "AuthStatus",
    "Email",
    "IngestionKey",
    "IngestionKeyRequest",
    "Invitation",
    "InvitationRequest",
    "KeyRequest",
    "KeyState",
    "LocalKey",
    "LocalLink",
    "Member",
    "NewApiKey",
    "NewIngestionKey",
    "NewInvitation",
    "NewLink",
    "Organization",
    "OrganizationRequest",
    "Password",
    "PasswordChange",
    "PasswordReset",
    "Person",
    "Role",
    "RoleRequest",
    "Scope",
    "SetUp",
    "SignIn",
    "SignUp",
    "SignedIn",
    "Ways",
    "WebSession",
]

Role = Literal["owner", "admin", "member", "viewer"]
"""What a person is in an organization."""

Scope = Literal["read", "write", "admin"]
"""What a key may do; each implies those before it."""

KeyState = Literal["active", "expired", "revoked", "suspended"]
"""A key is suspended while the person who made it may not do what it allows."""

Email = Annotated[str, Field(max_length=1000), AfterValidator(clean_email)]
"""An e-mail address in its one stored form."""

Password = Annotated[str, Field(min_length=1, max_length=4096)]
"""A password as typed; how good it must be is decided where it is set."""

_PersonName = Annotated[str, Field(max_length=100), AfterValidator(clean_line)]
_Token = Annotated[str, Field(min_length=1, max_length=200)]
_Short = Annotated[Name, Field(max_length=100)]
_YEARS_10 = 10 * 366 * 24 * 3600


class _Secret(Request):
    """A request that holds a secret: no refusal shows what was sent."""

    model_config = ConfigDict(hide_input_in_errors=True)


class OrganizationRequest(Request):
    """Make an organization, or give it another name."""

    name: _Short


class Organization(Record):
    """An organization, and what the caller is in it."""

    id: Line
    name: Line
    role: Role | None
    active: bool
    created_at: Time


class Person(Record):
    """A person, as they see themselves."""

    id: Id
    email: Line
    name: Line


class Member(Record):
    """A person of an organization."""

    user_id: Id
    email: Line
    name: Line
    role: Role
    created_at: Time


class RoleRequest(Request):
    """Give a member another role."""

    role: Role


class InvitationRequest(Request):
    """Invite a person: whoever has the link and this address may join once, in this role."""

    email: Email
    role: Role = "member"


class Invitation(Record):
    """An invitation, without its secret."""

    id: Id
    email: Line
    role: Role
    state: Literal["open", "accepted", "expired", "revoked"]
    made_by: Line
    created_at: Time
    expires_at: Time


class NewInvitation(Record):
    """An invitation with its token, which is shown this once."""

    invitation: Invitation
    token: str


class NewLink(Record):
    """A one-time token, which is shown this once, and until when it can be used."""

    token: str
    expires_at: Time


class SignUp(_Secret):
    """Accept an invitation with a new account."""

    token: _Token
    name: _PersonName = ""
    password: Password


class SetUp(_Secret):
    """Make the first account and organization of a server, with the token that its first start printed."""

    token: _Token
    email: Email
    name: _PersonName = ""
    password: Password
    organization: _Short


class Ways(Record):
    """How one comes into a server.

    Attributes:
        local: By the link that ``autoresearch ui`` printed; nobody has an account then.
        set_up: Nobody has an account yet: the first one is made with the token that the first start printed.
    """

    local: bool
    set_up: bool


class LocalLink(_Secret):
    """The code in a link of ``autoresearch ui``."""

    link: _Token


class LocalKey(Record):
    """The key of a page that was opened by a link: valid until ``autoresearch ui`` ends, and for that address alone."""

    key: str


class Acceptance(_Secret):
    """Accept an invitation with the account that is signed in."""

    token: _Token


class SignIn(_Secret):
    """Sign in."""

    email: Annotated[str, Field(max_length=1000)]
    password: Password


class PasswordChange(_Secret):
    """Change one's own password."""

    old: Password
    new: Password


class PasswordReset(_Secret):
    """Set a new password with a one-time link."""

    token: _Token
    password: Password


class WebSession(Record):
    """Where a person is signed in; ``current`` marks the session that asks."""

    id: Id
    agent: Text
    address: Text
    created_at: Time
    seen_at: Time
    expires_at: Time
    current: bool


class SignedIn(Record):
    """Who is signed in, in which organization, and the token that every change must carry as ``X-CSRF-Token``."""

    user: Person
    organization: Organization | None
    csrf_token: str
    expires_at: Time


class KeyRequest(Request):
    """Make an API key; without ``expires_in`` (seconds) it is valid until it is revoked."""

    name: _Short
    scope: Scope = "write"
    expires_in: Annotated[int, Field(ge=1, le=_YEARS_10)] | None = None


class ApiKey(Record):
    """An API key, without its secret; ``prefix`` is how it begins."""

    id: Id
    name: Line
    prefix: Line
    scope: Scope
    state: KeyState
    made_by: Line
    created_at: Time
    expires_at: Time | None
    used_at: Time | None
    revoked_at: Time | None


class NewApiKey(Record):
    """An API key with its secret, which is shown this once."""

    id: Id
    key: str
    prefix: Line
    name: Line
    scope: Scope
    expires_at: Time | None


class IngestionKeyRequest(Request):
    """Make a key that can only write to one run, for ``ttl`` seconds: one day when left out, at most seven."""

    name: _Short = "ingestion key"
    ttl: Annotated[int, Field(ge=1, le=7 * 24 * 3600)] = 24 * 3600


class IngestionKey(Record):
    """A run's ingestion key, without its secret."""

    id: Id
    run_id: Id
    name: Line
    prefix: Line
    state: Literal["active", "expired", "revoked"]
    made_by: Line
    created_at: Time
    expires_at: Time
    used_at: Time | None
    revoked_at: Time | None


class NewIngestionKey(Record):
    """An ingestion key with its secret, which is shown this once."""

    ingestion_key: IngestionKey
    key: str


class AuthStatus(Record):
    """Who is asking: the kind of credential, its organization, and what it may do."""

    kind: Literal["api_key", "session", "ingestion_key", "operator"]
    organization_id: Line | None
    organization: Organization | None
    scopes: tuple[str, ...]
    role: Role | None
    actor: Actor
    key: ApiKey | None
    user: Person | None
    run_id: Id | None
    expires_at: Time | None


class AuditEntry(Record):
    """Who did what to people and keys."""

    id: Id
    kind: Line
    subject: Line
    actor: Actor
    after: dict[str, str | None] | None
    recorded_at: Time
