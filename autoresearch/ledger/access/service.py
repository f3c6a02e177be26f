"""Organizations, people and keys of one store, and the question every request begins with: who is this?"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable, Iterator, Sequence

import sqlalchemy as sa

from autoresearch.errors import Busy, NotFound, StoreError, Unavailable
from autoresearch.ledger.access import ingestion, keys, links, organizations, people, sessions, status, tokens
from autoresearch.ledger.access.caller import Caller, unauthorized
from autoresearch.ledger.access.ingestion import IngestionKeys
from autoresearch.ledger.access.keys import Keys
from autoresearch.ledger.access.membership import Membership
from autoresearch.ledger.access.passwords import Passwords
from autoresearch.ledger.access.signing import Signing
from autoresearch.ledger.access.work import OPERATOR, Work
from autoresearch.records.access import (
    AuthStatus,
    InvitationRequest,
    NewLink,
    Organization,
    OrganizationRequest,
    Person,
    Role,
    SignedIn,
)
from autoresearch.records.base import utc_now
from autoresearch.records.experiment import Actor
from autoresearch.research import roles
from autoresearch.store import access_schema as tables
from autoresearch.store.databases import Database
from autoresearch.store.rows import Row

__all__ = ["Access", "Caller"]

_TOUCH_AFTER = datetime.timedelta(minutes=1)


class Access:
    """Who may do what in a store.

    Args:
        database: The opened store.
        passwords: How passwords are hashed.
        clock: What time it is.
    """

    def __init__(
        self,
        database: Database,
        *,
        passwords: Passwords | None = None,
        clock: Callable[[], datetime.datetime] = utc_now,
    ) -> None:
        self.database = database
        self.passwords = passwords or Passwords()
        self.clock = clock
        self.keys = Keys(self)
        self.ingestion_keys = IngestionKeys(self)
        self.membership = Membership(self)
        self.signing = Signing(self)

    @contextlib.contextmanager
    def read(self, organization: str | None = None) -> Iterator[Work]:
        """One read transaction, on one organization or the whole store."""
        with self.database.read(organization) as connection:
            yield Work(connection, self.clock())

    @contextlib.contextmanager
    def write(self, organization: str | None = None, *, by: Actor = OPERATOR) -> Iterator[Work]:
        """One write transaction, on one organization or the whole store."""
        with self.database.write(organization) as connection:
            yield Work(connection, self.clock(), by)

    def authenticate(self, token: str) -> Caller:
        """Whom the text behind ``Authorization: Bearer`` stands for.

        Raises:
            Unauthorized: Nobody: it is unknown, altered, expired or revoked. The error is the same for all of them.
        """
        given = tokens.read(token)
        if given is None or given.kind not in {"ar", "ari"}:
            raise unauthorized()
        with self.read() as work:
            found = keys.recognized(work, given) if given.kind == "ar" else ingestion.recognized(work, given)
        table = tables.api_keys if given.kind == "ar" else tables.ingestion_keys
        self._touch(table, found[1], "used_at")
        return found[0]

    def caller_of_session(self, cookie: str) -> Caller:
        """Whom a session cookie stands for.

        Raises:
            Unauthorized: Nobody, for whatever reason.
        """
        given = tokens.read(cookie)
        if given is None or given.kind != "ars":
            raise unauthorized()
        with self.read() as work:
            caller, row = sessions.recognized(work, given)
        self._touch(tables.web_sessions, row, "seen_at")
        return caller

    def signed_in(self, cookie: str) -> SignedIn:
        """What a page needs to know about the session of a cookie.

        Raises:
            Unauthorized: It is nobody's.
        """
        given = tokens.read(cookie)
        if given is None or given.kind != "ars":
            raise unauthorized()
        with self.read() as work:
            return sessions.signed_in(work, given)

    def csrf_matches(self, cookie: str, said: str) -> bool:
        """Whether a text is the one that the page of a session was given."""
        given = tokens.read(cookie)
        return given is not None and tokens.same_text(tokens.csrf_token(given), said)

    def status(self, caller: Caller) -> AuthStatus:
        """Who is asking, and what it may do."""
        with self.read() as work:
            return status.of(work, caller)

    def bootstrap_needed(self) -> bool:
        """Whether nobody has an account yet."""
        with self.read() as work:
            return not work.connection.execute(tables.users.select().limit(1)).first()

    def setup_token(self) -> str | None:
        """A token with which the first account is made over HTTP, valid for a day; None when somebody has an account."""
        with self.write() as work:
            if work.connection.execute(tables.users.select().limit(1)).first():
                return None
            work.connection.execute(sa.delete(tables.setups).where(tables.setups.c.expires_at <= work.now))
            return links.make_setup(work).token

    def reset_link(self, email: str) -> NewLink:
        """A link with which the person who has an address sets a new password, made by the server's operator.

        Raises:
            NotFound: Nobody has it.
        """
        with self.write() as work:
            user = people.by_email(work, _address(email))
            if user is None:
                raise NotFound(
                    f"There is no account for {email}.", hint="`autoresearch admin users` lists all."
                )
            return links.make_reset(work, user["id"])

    def users(self) -> Sequence[tuple[Person, Sequence[tuple[Organization, Role]]]]:
        """Everybody who has an account, with their places, for the server's operator."""
        with self.read() as work:
            return [
                (
                    sessions.person(user),
                    [
                        (organizations.shown(row, role, active=False), role)
                        for row, role in organizations.of_user(work, user["id"])
                    ],
                )
                for user in work.all(tables.users, order="email")
            ]

    def operator(self, organization: str) -> Caller:
        """The command line on the server's own machine, at work on an organization given by id or name.

        Raises:
            NotFound: There is none.
            Conflict: Several have this name.
        """
        with self.read() as work:
            row = organizations.find(work, organization)
        if row is None:
            raise NotFound(
                f"There is no organization {organization!r}.",
                hint="`autoresearch admin create-user --organization NAME` makes one.",
            )
        return Caller(
            kind="operator",
            organization=row["id"],
            organization_name=row["name"],
            actor=OPERATOR,
            scopes=roles.SCOPES_OF_ROLE["owner"],
            role="owner",
        )

    def create_organization(self, name: str) -> Organization:
        """Make an organization; the first one of a store takes over what was recorded there without a server."""
        with self.write() as work:
            row = organizations.create(work, OrganizationRequest.make(name=name), adopt=True)
        return organizations.shown(row, None, active=False)

    def create_user(
        self, email: str, password: str, organization: str, *, role: Role = "owner", name: str = ""
    ) -> tuple[Person, Organization]:
        """Make a person and their place in an organization, which is made when there is none of this name or id.

        Raises:
            Invalid: The address or the password cannot be taken.
            Conflict: There is an account with this address, or several organizations have this name.
        """
        address = _address(email)
        people.check_password(password, email=address, names=(organization,))
        hashed = self.passwords.hash(password)
        with self.write() as work:
            found = organizations.find(work, organization)
            if found is None:
                request = OrganizationRequest.make(name=organization)
                found = organizations.create(work, request, adopt=True)
            user = people.create(work, email=address, name=name, password_hash=hashed)
            people.join(work, found["id"], user["id"], role)
        return (
            Person(id=user["id"], email=user["email"], name=user["name"]),
            organizations.shown(found, role, active=False),
        )

    def _touch(self, table: sa.Table, row: Row, column: str) -> None:
        """Remember that something was used: at most once a minute, and never at the price of the request."""
        now = self.clock()
        if row[column] is not None and abs(now - row[column]) < _TOUCH_AFTER:
            return
        organization = row.get("organization")
        with contextlib.suppress(StoreError, Busy, Unavailable), self.write(organization) as work:
            work.update(table, {"prefix": row["prefix"]}, **{column: now})


def _address(email: str) -> str:
    return InvitationRequest.make(email=email).email
