"""Ingestion keys of runs, kept for as long as they are valid."""

from __future__ import annotations

import datetime
import threading

from autoresearch.records.access import NewIngestionKey
from autoresearch.records.base import utc_now

__all__ = ["Tokens"]

_MARGIN = datetime.timedelta(minutes=5)


class Tokens:
    """The ingestion keys that a client has made, by run; threads may share it."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, datetime.datetime]] = {}
        self._lock = threading.Lock()

    def valid(self, run: str) -> str | None:
        """The key of a run; None when there is none, or one that ends within five minutes."""
        with self._lock:
            token, ends = self._kept.get(run, (None, utc_now()))
        return token if token is not None and ends - utc_now() > _MARGIN else None

    def keep(self, run: str, made: NewIngestionKey) -> str:
        """Keep a key that was made; answers its text."""
        with self._lock:
            self._kept[run] = (made.key, made.ingestion_key.expires_at)
        return made.key

    def forget(self, run: str) -> None:
        """Let go of a key that is not taken any more."""
        with self._lock:
            self._kept.pop(run, None)
