"""Organizations, people and keys of one store, and the question every request begins with: who is this?"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable, Iterator

from autoresearch.errors import Busy, NotFound, StoreError
from autoresearch.ledger.access import keys, organizations, people, tokens
from autoresearch.ledger.access.caller import Caller, unauthorized
from autoresearch.ledger.access.keys import Keys
from autoresearch.ledger.access.passwords import Passwords
from autoresearch.ledger.access.work import OPERATOR, Work
from autoresearch.records.access import InvitationRequest, Organization, OrganizationRequest, Person, Role
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
        if given is None or given.kind != "ar":
            raise unauthorized()
        with self.read() as work:
            caller, row = keys.recognized(work, given)
        self._touch(caller, row)
        return caller

    def bootstrap_needed(self) -> bool:
        """Whether nobody has an account yet."""
        with self.read() as work:
            return not work.connection.execute(tables.users.select().limit(1)).first()

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

    def _touch(self, caller: Caller, row: Row) -> None:
        """Remember that a key was used: at most once a minute, and never at the price of the request."""
        now = self.clock()
        if row["used_at"] is not None and now - row["used_at"] < _TOUCH_AFTER:
            return
        with contextlib.suppress(StoreError, Busy), self.write(caller.organization) as work:
            work.of(caller.organization).update(tables.api_keys, {"id": row["id"]}, used_at=now)


def _address(email: str) -> str:
    return InvitationRequest.make(email=email).email
