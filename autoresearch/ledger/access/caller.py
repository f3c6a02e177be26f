"""Who a request comes from, and the one place that decides what it may do: whatever is not allowed here is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from autoresearch.errors import Forbidden, NotFound, Unauthorized
from autoresearch.records.access import Role
from autoresearch.records.experiment import Actor
from autoresearch.research import roles
from autoresearch.research.roles import Action

__all__ = ["Caller", "unauthorized"]


def unauthorized() -> Unauthorized:
    """The one refusal of whoever cannot be recognized; it never says why."""
    return Unauthorized(
        "No valid key or session came with this request.",
        hint="Send `Authorization: Bearer KEY` with a key of `autoresearch keys create`, or sign in.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who a request comes from.

    Attributes:
        kind: What it was recognized by; ``operator`` is whoever works on the server's own machine: by the command line, or by the
            page that ``autoresearch ui`` opened.
        organization: Id of the organization whose ledger it works on.
        organization_name: Its name.
        actor: Who it is in the ledger.
        scopes: Of ``read``, ``write``, ``admin``; empty for an ingestion key.
        role: What it may do, as a row of the table of roles; None for an ingestion key, which may append to its run alone.
        key_id: The API key or ingestion key.
        user_id: The person of a session.
        session_id: The session.
        run_id: The only run that an ingestion key knows.
    """

    kind: Literal["api_key", "session", "ingestion_key", "operator"]
    organization: str
    organization_name: str
    actor: Actor
    scopes: frozenset[str] = frozenset()
    role: Role | None = None
    key_id: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    run_id: str | None = None

    def may(self, action: Action, *, run: str | None = None) -> bool:
        """Whether this caller may do something; an ingestion key may only append to its own run."""
        if self.kind == "ingestion_key":
            return action == "ingest" and self.run_id is not None and run in {None, self.run_id}
        return roles.may(self.role, action)

    def require(self, action: Action, *, run: str | None = None) -> None:
        """Go on only when this caller may do something.

        Args:
            action: A word of the table of roles.
            run: The run it is done to, where that is known.

        Raises:
            NotFound: It is an ingestion key, and the run is not its own.
            Forbidden: Its scope or role does not allow it.
        """
        if self.may(action, run=run):
            return
        if self.kind == "ingestion_key" and action == "ingest":
            raise NotFound(f"There is no run {run!r}.", hint="An ingestion key knows one run alone.")
        what = {"api_key": "key", "ingestion_key": "ingestion key"}.get(self.kind, "role")
        raise Forbidden(
            f"This {what} does not allow that: it needs the right to {_SAID.get(action, 'do it')}.",
            hint="Use a key with a wider scope, or ask an owner of the organization.",
            details={"needs": action, "scopes": sorted(self.scopes), "role": self.role},
        )


_SAID: dict[str, str] = {
    "read": "read",
    "ingest": "append to runs",
    "write": "write",
    "own keys": "make keys",
    "keys": "manage all keys",
    "people": "manage people",
    "organization": "change the organization",
    "audit": "read the audit log",
}
