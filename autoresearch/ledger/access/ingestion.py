"""Ingestion keys: each can append to one run, for a time, and do nothing else."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from autoresearch.errors import NotFound
from autoresearch.ledger.access import tokens
from autoresearch.ledger.access.caller import Caller, unauthorized
from autoresearch.ledger.access.pages import of_rows
from autoresearch.ledger.access.tokens import Token
from autoresearch.ledger.access.work import Work, ordered_id
from autoresearch.records.access import IngestionKey, IngestionKeyRequest, NewIngestionKey
from autoresearch.records.base import Page
from autoresearch.records.experiment import Actor
from autoresearch.store import access_schema as tables
from autoresearch.store import run_schema
from autoresearch.store.rows import Row

if TYPE_CHECKING:
    from autoresearch.ledger.access.service import Access

__all__ = ["IngestionKeys", "recognized"]

_r = run_schema.runs.c


class IngestionKeys:
    """The ingestion keys of an organization's runs."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def create(self, caller: Caller, run_id: str, request: IngestionKeyRequest) -> NewIngestionKey:
        """Make a key for one run; its secret is in this answer alone.

        Raises:
            NotFound: The organization has no such run.
            Forbidden: The caller may not write.
        """
        caller.require("write")
        made, token = ordered_id(), tokens.make("ari")
        with self._access.write(caller.organization, by=caller.actor) as work:
            _require_run(work, caller.organization, run_id)
            work.of(caller.organization).insert(
                tables.ingestion_keys,
                id=made,
                run_id=run_id,
                name=request.name,
                prefix=token.prefix,
                digest=token.digest,
                made_by=caller.actor.name,
                user_id=caller.user_id,
                key_id=caller.key_id,
                created_at=work.now,
                expires_at=work.now + datetime.timedelta(seconds=request.ttl),
                used_at=None,
                revoked_at=None,
            )
            row = work.of(caller.organization).must(tables.ingestion_keys, id=made)
            return NewIngestionKey(ingestion_key=_shown(work, row), key=token.text)

    def list(
        self, caller: Caller, run_id: str, *, limit: int = 100, cursor: str | None = None
    ) -> Page[IngestionKey]:
        """Every key that a run had, in the order in which they were made.

        Raises:
            NotFound: The organization has no such run.
        """
        caller.require("read")
        with self._access.read(caller.organization) as work:
            _require_run(work, caller.organization, run_id)
            rows = work.of(caller.organization)
            return of_rows(
                rows,
                tables.ingestion_keys,
                lambda row: _shown(work, row),
                limit=limit,
                cursor=cursor,
                run_id=run_id,
            )

    def revoke(self, caller: Caller, run_id: str, key_id: str) -> IngestionKey:
        """End a key at once; one that is revoked stays so.

        Raises:
            NotFound: The run has no such key.
            Forbidden: The caller may not write.
        """
        caller.require("write")
        with self._access.write(caller.organization, by=caller.actor) as work:
            rows = work.of(caller.organization)
            if rows.one(tables.ingestion_keys, id=key_id, run_id=run_id) is None:
                raise NotFound("The run has no such ingestion key.", hint="List the keys of the run.")
            work.revoke(tables.ingestion_keys, organization=caller.organization, id=key_id)
            return _shown(work, rows.must(tables.ingestion_keys, id=key_id))


def recognized(work: Work, given: Token) -> tuple[Caller, Row]:
    """Whom an ingestion key stands for, and its row.

    Raises:
        Unauthorized: It is unknown, expired or revoked, or its run is gone.
    """
    row = work.one(tables.ingestion_keys, prefix=given.prefix)
    if not tokens.same(None if row is None else row["digest"], given) or row is None:
        raise unauthorized()
    organization = work.one(tables.organizations, id=row["organization"])
    if organization is None or _state(work, row) != "active":
        raise unauthorized()
    if not _has_run(work, row["organization"], row["run_id"]):
        raise unauthorized()
    caller = Caller(
        kind="ingestion_key",
        organization=row["organization"],
        organization_name=organization["name"],
        actor=Actor(kind="agent", name=row["name"]),
        key_id=row["id"],
        run_id=row["run_id"],
    )
    return caller, row


def _has_run(work: Work, organization: str, run_id: str) -> bool:
    asked = sa.select(_r.id).where(_r.organization == organization, _r.id == run_id)
    return work.connection.execute(asked).first() is not None


def _require_run(work: Work, organization: str, run_id: str) -> None:
    if not _has_run(work, organization, run_id):
        raise NotFound(f"There is no run {run_id!r}.", hint="`autoresearch runs ls` lists the runs.")


def _state(work: Work, row: Row) -> Literal["active", "expired", "revoked"]:
    if row["revoked_at"] is not None:
        return "revoked"
    return "expired" if row["expires_at"] <= work.now else "active"


def _shown(work: Work, row: Row) -> IngestionKey:
    return IngestionKey(
        id=row["id"],
        run_id=row["run_id"],
        name=row["name"],
        prefix=row["prefix"],
        state=_state(work, row),
        made_by=row["made_by"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        used_at=row["used_at"],
        revoked_at=row["revoked_at"],
    )
