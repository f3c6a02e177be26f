"""What the routes of a server share: the store, who may do what, and where blocking work is done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import anyio
import anyio.to_thread

from autoresearch.ledger.access.service import Access, Caller
from autoresearch.ledger.local.gathering import store_together
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.server.bodies import Budget
from autoresearch.server.committer import Committer
from autoresearch.server.door import Door
from autoresearch.server.feeds import Feeds
from autoresearch.server.figures import Figures
from autoresearch.server.recognizer import Recognizer
from autoresearch.store.blobs import Depot

__all__ = ["Limits", "State"]

_LANES = 2
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one request may ask for.

    Attributes:
        body: Bytes of an ordinary body, after decompression.
        blob: Bytes of a blob that is sent at once; larger ones come in parts.
        upload: Bytes of a blob that comes in parts.
        threads: Operations on the store at once; more wait.
        patience: Seconds that points may take to arrive before their body must keep up a slowest pace.
        silence: Seconds that a stream of points may be silent.
    """

    body: int = 16 * 1024 * 1024
    blob: int = 1024**3
    upload: int = 64 * 1024**3
    threads: int = 16
    patience: float = 30.0
    silence: float = 120.0


@dataclass(kw_only=True)
class State:
    """One server process.

    Attributes:
        database: The opened store.
        objects: Where blobs lie.
        access: Who may come in.
        limits: What one request may ask for.
        figures: What it counts of itself.
        budget: Memory that the bodies of requests may take.
        door: The way in of whoever started it on their own machine; None where people sign in.
        committer: Stores what requests hand over; there while the server serves.
        recognizer: Whose key it is; there while the server serves.
        feeds: What changed, for those who watch; there while the server serves.
    """

    database: Any
    objects: Depot
    access: Access
    limits: Limits = field(default_factory=Limits)
    figures: Figures = field(default_factory=Figures)
    budget: Budget = field(default_factory=Budget)
    door: Door | None = None
    committer: Committer = field(init=False)
    recognizer: Recognizer = field(init=False)
    feeds: Feeds = field(init=False)
    _threads: anyio.CapacityLimiter | None = None
    _stopping: asyncio.Event | None = None
    _loop: asyncio.AbstractEventLoop | None = None

    def ledger(self, caller: Caller) -> LocalLedger:
        """The ledger of a caller's organization; nothing of another can be reached through it."""
        # Whoever came in by the door could read every file of the store anyway. Scripts of theirs put images and patches there
        # beside this server: the first that reads what they said takes it over, or it would count as never stored.
        trusted = self.door is not None and caller.kind == "operator"
        return LocalLedger(
            self.database,
            self.objects,
            organization=caller.organization,
            actor=caller.actor,
            trusted=trusted,
        )

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """What runs beside the requests, from the first to the last of them."""
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        self.feeds = Feeds(self.run)
        self.recognizer = Recognizer(partial(self.run, self.access.authenticate))
        lanes = 1 if self.database.dialect == "sqlite" else _LANES
        store = partial(store_together, self.database)
        self.committer = Committer(store, lanes=lanes, stored=self._stored)
        try:
            yield
        finally:
            await asyncio.to_thread(self.committer.close)

    def _stored(self, _organizations: set[str], points: int) -> None:
        self.figures.points.inc(points)
        self.changed()

    def changed(self) -> None:
        """Something may be new for those who watch; called from any thread."""
        if self._loop is not None:
            self.feeds.wake()

    def stop(self) -> None:
        """Have streams end; called from a signal handler or another thread."""
        if self._loop is not None and self._stopping is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)

    @property
    def stopping(self) -> asyncio.Event:
        """Set when the server is told to stop; streams end then."""
        assert self._stopping is not None
        return self._stopping

    async def run(self, work: Callable[..., _Answer], *arguments: Any) -> _Answer:
        """Do blocking work on a thread, of which there are only so many."""
        if self._threads is None:
            self._threads = anyio.CapacityLimiter(self.limits.threads)
        return await anyio.to_thread.run_sync(work, *arguments, limiter=self._threads)
