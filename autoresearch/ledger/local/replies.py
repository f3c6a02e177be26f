"""What was answered to a request that carries an idempotency key: the same request again is answered the same."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from autoresearch.errors import Busy, Conflict
from autoresearch.store.server_schema import replies

if TYPE_CHECKING:
    from autoresearch.ledger.local.ledger import LocalLedger

__all__ = ["IN_PROGRESS", "Replies", "Reply"]

IN_PROGRESS = "idempotency_key_in_progress"
"""``details["reason"]`` of the error that a repeated request gets while the first is at work."""

_LEASE = datetime.timedelta(minutes=5)
_KEPT = datetime.timedelta(hours=24)
_OLD = sa.delete(replies).where(
    replies.c.organization == sa.bindparam("organization"), replies.c.recorded_at < sa.bindparam("limit")
)


class Reply(NamedTuple):
    """An answer as it was given."""

    status: int
    media_type: str
    body: bytes


class Replies:
    """Answers of one organization's server.

    Args:
        ledger: The ledger whose store keeps them.
    """

    def __init__(self, ledger: LocalLedger) -> None:
        self._ledger = ledger

    def begin(self, name: str, fingerprint: str) -> Reply | None:
        """Claim a key for a request; None when the request is to be done now.

        Args:
            name: Digest of who calls, verb, path and key.
            fingerprint: Digest of the body.

        Raises:
            Conflict: The key was used for another body.
            Busy: The first request with this key is still at work.
        """
        with self._ledger.write() as unit:
            row = unit.rows.one(replies, name=name)
            age = unit.now - row["recorded_at"] if row else _KEPT
            # What was begun long ago and never ended was cut off: its process is gone.
            if row is None or age >= (_KEPT if row["status"] else _LEASE):
                unit.rows.delete(replies, name=name)
                unit.rows.insert(
                    replies,
                    name=name,
                    fingerprint=fingerprint,
                    status=0,
                    media_type="",
                    body=b"",
                    recorded_at=unit.now,
                )
                unit.rows.connection.execute(
                    _OLD, {"organization": unit.rows.organization, "limit": unit.now - _KEPT}
                )
                return None
            if row["fingerprint"] != fingerprint:
                raise Conflict(
                    "This Idempotency-Key was used for another request.",
                    hint="Make a new key for each request; only a retry of the same one repeats it.",
                )
            if not row["status"]:
                raise Busy(
                    "The first request with this Idempotency-Key is still at work.",
                    hint="Send it again in a moment.",
                    details={"reason": IN_PROGRESS, "retry_after": 1},
                )
            return Reply(row["status"], row["media_type"], row["body"])

    def keep(self, name: str, reply: Reply) -> None:
        """Remember the answer."""
        with self._ledger.write() as unit:
            unit.rows.update(
                replies,
                {"name": name},
                status=reply.status,
                media_type=reply.media_type,
                body=reply.body,
            )

    def forget(self, name: str) -> None:
        """Let the key be used again: the request failed in a way that a retry may mend."""
        with self._ledger.write() as unit:
            unit.rows.delete(replies, name=name)
