"""Signing in, up and out, and passwords: what people do to prove that they are themselves."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoresearch.errors import Forbidden, NotFound, Unauthorized
from autoresearch.ledger.access import attempts, links, organizations, people, sessions, tokens
from autoresearch.ledger.access.caller import Caller
from autoresearch.ledger.access.tokens import Token
from autoresearch.ledger.access.work import Work
from autoresearch.records.access import (
    OrganizationRequest,
    PasswordChange,
    PasswordReset,
    SetUp,
    SignedIn,
    SignIn,
    SignUp,
    WebSession,
)
from autoresearch.records.emails import clean_email
from autoresearch.records.experiment import Actor
from autoresearch.records.ids import new_id
from autoresearch.store import access_schema as tables
from autoresearch.store.rows import Row

if TYPE_CHECKING:
    from autoresearch.ledger.access.service import Access

__all__ = ["Opened", "Signing", "Visitor"]

_DEVICES = 20
_DEVICE_FOR = datetime.timedelta(days=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Where a request to sign in comes from.

    Attributes:
        address: The peer's network address.
        agent: What the browser says of itself.
        session: The session cookie that came along, which ends.
        device: The device cookie that came along.
    """

    address: str = ""
    agent: str = ""
    session: str | None = None
    device: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that was opened: what the page is told, and what goes into cookies.

    Attributes:
        answer: For the page.
        session: Secret of the session.
        device: Secret of the device, or None when it has one already.
    """

    answer: SignedIn
    session: str
    device: str | None


class Signing:
    """What people do to prove that they are themselves."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def sign_in(self, request: SignIn, visitor: Visitor) -> Opened:
        """Open a session.

        Raises:
            Unauthorized: There is no such account, or the password is not its own; the same is said of both.
            SlowDown: Too many attempts were made.
        """
        user = self._proved(request.email, request.password, visitor)
        with self._access.write(by=_actor(user)) as work:
            return self._open(work, user, visitor)

    def sign_up(self, request: SignUp, visitor: Visitor) -> Opened:
        """Accept an invitation: with a new account, or with the password of the one that has its address.

        Raises:
            Unauthorized: The invitation cannot be used (any more), or the password is not that of the account.
            Invalid: The new password would be guessed.
        """
        given = tokens.read(request.token)
        with self._access.read() as work:
            invitation = links.invitation(work, given)
            known = people.by_email(work, invitation["email"])
            name = organizations.name_of(work, invitation["organization"])
        hashed = None
        if known is None:
            people.check_password(request.password, email=invitation["email"], names=(name,))
            hashed = self._access.passwords.hash(request.password)
        else:
            known = self._proved(invitation["email"], request.password, visitor)
        with self._access.write(by=Actor(name=invitation["email"])) as work:
            invitation = links.invitation(work, given)
            user = known or people.create(
                work, email=invitation["email"], name=request.name, password_hash=hashed
            )
            links.accept(work, invitation, user)
            return self._open(work, user, visitor, active=invitation["organization"])

    def set_up(self, request: SetUp, visitor: Visitor) -> Opened:
        """Make the first account of a server, with the token that its first start printed.

        Raises:
            Unauthorized: The token is not valid, or there is an account already.
            Invalid: The password would be guessed.
        """
        given = tokens.read(request.token)
        with self._access.read() as work:
            links.setup(work, given)
        people.check_password(request.password, email=request.email, names=(request.organization,))
        hashed = self._access.passwords.hash(request.password)
        with self._access.write(by=Actor(name=request.email)) as work:
            links.setup(work, given)
            work.delete(tables.setups)
            user = people.create(work, email=request.email, name=request.name, password_hash=hashed)
            named = OrganizationRequest.make(name=request.organization)
            made = organizations.create(work, named, adopt=True)
            people.join(work, made["id"], user["id"], "owner")
            return self._open(work, user, visitor, active=made["id"])

    def sign_out(self, caller: Caller) -> None:
        """End the session that asks."""
        user_id, session_id = _in_session(caller)
        with self._access.write(by=caller.actor) as work, contextlib.suppress(NotFound):
            sessions.end(work, user_id, session_id)

    def change_password(self, caller: Caller, request: PasswordChange, visitor: Visitor) -> Opened:
        """Change one's own password; every other session ends, and this one gets another secret.

        Raises:
            Unauthorized: The old password is not the one of the account.
            Invalid: The new one would be guessed.
            SlowDown: Too many attempts were made.
        """
        user_id, session_id = _in_session(caller)
        with self._access.read() as work:
            email = people.member(work, user_id)["email"]
        people.check_password(request.new, email=email, names=(caller.organization_name,))
        self._proved(email, request.old, visitor)
        hashed = self._access.passwords.hash(request.new)
        with self._access.write(by=caller.actor) as work:
            self._set(work, user_id, hashed, keep=session_id)
            token = sessions.renewed(work, session_id)
            return Opened(sessions.signed_in(work, token), token.text, _device(work, user_id, None))

    def reset_password(self, request: PasswordReset, visitor: Visitor) -> Opened:
        """Set a new password with a one-time link; every session ends, and one is opened.

        Raises:
            Unauthorized: The link cannot be used (any more).
            Invalid: The new password would be guessed.
        """
        given = tokens.read(request.token)
        with self._access.read() as work:
            user = people.member(work, links.reset(work, given)["user_id"])
        people.check_password(request.password, email=user["email"])
        hashed = self._access.passwords.hash(request.password)
        with self._access.write(by=_actor(user)) as work:
            links.reset(work, given)
            self._set(work, user["id"], hashed, keep=None)
            return self._open(work, user, visitor)

    def sessions(self, caller: Caller) -> Sequence[WebSession]:
        """Where the person who asks is signed in."""
        user_id, session_id = _in_session(caller)
        with self._access.read() as work:
            return sessions.listed(work, user_id, session_id)

    def end_session(self, caller: Caller, session_id: str) -> None:
        """End one of one's own sessions.

        Raises:
            NotFound: It is none of them.
        """
        user_id, _ = _in_session(caller)
        with self._access.write(by=caller.actor) as work:
            sessions.end(work, user_id, session_id)

    def end_sessions(self, caller: Caller) -> int:
        """End all of one's own sessions but the one that asks; answers how many."""
        user_id, session_id = _in_session(caller)
        with self._access.write(by=caller.actor) as work:
            return sessions.end_all(work, user_id, but=session_id)

    def activate(self, caller: Caller, organization: str) -> Opened:
        """Work in another of one's own organizations; the session gets another secret.

        Raises:
            NotFound: The person is not in it.
        """
        user_id, session_id = _in_session(caller)
        with self._access.write(by=caller.actor) as work:
            if people.role_of(work, organization, user_id) is None:
                raise NotFound("There is no such organization.", hint="List those that you are in.")
            token = sessions.renewed(work, session_id, active=organization)
            return Opened(sessions.signed_in(work, token), token.text, None)

    def accept(self, caller: Caller, token: str) -> Opened:
        """Accept an invitation with the account that is signed in; the session goes on in that organization.

        Raises:
            Unauthorized: The invitation cannot be used (any more), or is for another address.
        """
        user_id, session_id = _in_session(caller)
        with self._access.write(by=caller.actor) as work:
            user = people.member(work, user_id)
            invitation = links.invitation(work, tokens.read(token))
            if invitation["email"] != user["email"]:
                raise links.unusable()
            links.accept(work, invitation, user)
            renewed = sessions.renewed(work, session_id, active=invitation["organization"])
            return Opened(sessions.signed_in(work, renewed), renewed.text, None)

    def _proved(self, email: str, password: str, visitor: Visitor) -> Row:
        """The account whose password this is; the same work is done when there is none."""
        address = _stored_form(email)
        with self._access.read() as work:
            user = people.by_email(work, address)
            device = _known_device(work, user, visitor.device)
            names = attempts.buckets(address=visitor.address, account=address, device=device)
            attempts.look(work, names)
        with self._access.write() as work:
            attempts.begin(work, names)
        stored = None if user is None else user["password"]
        with self._uncounted(names):
            right = self._access.passwords.verify(stored, password)
        if not right or user is None or stored is None:
            raise Unauthorized(
                "E-mail and password are not those of an account.",
                hint="Try again; an owner of your organization can make a link to reset the password.",
            )
        fresh = self._access.passwords.hash(password) if self._access.passwords.outdated(stored) else None
        with self._access.write() as work:
            attempts.reset(work, names)
            present = people.member(work, user["id"])
            if present["password"] != stored:
                # Changed while we compared: the old one opens nothing any more.
                raise _changed()
            if fresh is not None:
                work.update(tables.users, {"id": user["id"]}, password=fresh)
        return user

    @contextlib.contextmanager
    def _uncounted(self, names: attempts.Buckets) -> Iterator[None]:
        """An attempt that could not be looked at was none."""
        try:
            yield
        except BaseException:
            with self._access.write() as work:
                attempts.forgive(work, names)
            raise

    def _open(self, work: Work, user: Row, visitor: Visitor, *, active: str | None = None) -> Opened:
        _end_given(work, visitor.session)
        token = sessions.opened(work, user, agent=visitor.agent, address=visitor.address, active=active)
        work.update(tables.users, {"id": user["id"]}, signed_in_at=work.now)
        work.note("signed in", user["id"])
        device = _device(work, user["id"], visitor.device)
        return Opened(sessions.signed_in(work, token), token.text, device)

    def _set(self, work: Work, user_id: str, hashed: str, *, keep: str | None) -> None:
        work.update(tables.users, {"id": user_id}, password=hashed, password_changed_at=work.now)
        work.delete(tables.devices, user_id=user_id)
        links.used(work, user_id)
        sessions.end_all(work, user_id, but=keep)
        work.note("password.changed", user_id)


def _in_session(caller: Caller) -> tuple[str, str]:
    """The person and the session; only people who are signed in have either."""
    if caller.kind != "session" or caller.user_id is None or caller.session_id is None:
        raise Forbidden("A key has no account.", hint="Sign in with e-mail and password.")
    return caller.user_id, caller.session_id


def _stored_form(email: str) -> str:
    try:
        return clean_email(email)
    except ValueError:
        # No account has it; what follows is the same as for an address that nobody has.
        return hashlib.sha256(email.encode("utf-8", "surrogatepass")).hexdigest()


def _known_device(work: Work, user: Row | None, text: str | None) -> str | None:
    """The device, when the owner of the account has signed in on it before."""
    row = _device_row(work, text)
    return row["id"] if row is not None and user is not None and row["user_id"] == user["id"] else None


def _device_row(work: Work, text: str | None) -> Row | None:
    given = _of_kind(text, "ard")
    if given is None:
        return None
    row = work.one(tables.devices, prefix=given.prefix)
    known = tokens.same(None if row is None else row["digest"], given) and row is not None
    return row if known and row is not None and row["used_at"] + _DEVICE_FOR > work.now else None


def _device(work: Work, user_id: str, text: str | None) -> str | None:
    """Remember the device; answers its new secret, or None when it has one. The oldest of many are forgotten."""
    row = _device_row(work, text)
    if row is not None and row["user_id"] == user_id:
        work.update(tables.devices, {"id": row["id"]}, used_at=work.now)
        return None
    token = tokens.make("ard")
    work.insert(
        tables.devices,
        id=new_id(),
        user_id=user_id,
        prefix=token.prefix,
        digest=token.digest,
        created_at=work.now,
        used_at=work.now,
    )
    for old in work.all(tables.devices, order="used_at", user_id=user_id)[:-_DEVICES]:
        work.delete(tables.devices, id=old["id"])
    return token.text


def _end_given(work: Work, text: str | None) -> None:
    """End the session that a browser had when it signed in: whoever planted it has nothing of the new one."""
    given = _of_kind(text, "ars")
    if given is None:
        return
    row = work.one(tables.web_sessions, prefix=given.prefix)
    if row is not None and tokens.same(row["digest"], given):
        work.delete(tables.web_sessions, id=row["id"])


def _of_kind(text: str | None, kind: tokens.Kind) -> Token | None:
    given = tokens.read(text) if text else None
    return given if given is not None and given.kind == kind else None


def _actor(user: Row) -> Actor:
    return Actor(kind="human", name=user["email"])


def _changed() -> Unauthorized:
    return Unauthorized("The password was changed at this moment.", hint="Sign in with the new one.")
