"""What changed in each organization, looked for once for all who watch it.

Nobody has a queue: a watcher takes what is new from what the last looks found, and one that was gone or is slow reads on from the
store where it was, so that a thousand watchers hold no memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from autoresearch.errors import AutoresearchError, SlowDown
from autoresearch.ledger.local import watching
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.frontier import Event

__all__ = ["INTERVAL", "MOST_WATCHERS", "Feed", "Feeds", "Hint"]

INTERVAL = 1.0
"""Seconds between two looks when nothing says that there is something new."""
MOST_WATCHERS = 1000

_SOONEST = 0.2
_KEPT = 1000
_PAGE = 500


class Hint(NamedTuple):
    """Runs of a project that have new points."""

    number: int
    project: str
    runs: tuple[str, ...]


class Feed:
    """What the looks at one organization found, and who waits for the next."""

    def __init__(self, ledger: LocalLedger) -> None:
        self.ledger = ledger
        self.watchers = 0
        self.floor = 0
        self.newest = 0
        self.events: deque[Event] = deque()
        self.hints: deque[Hint] = deque(maxlen=_KEPT)
        self.hinted = 0
        self.woken = asyncio.Event()
        self.changed = asyncio.Condition()
        self.task: asyncio.Task[None] | None = None
        self._since = time.time()
        self._totals: dict[str, int] = {}

    def look(self, after: int, *, runs: bool) -> tuple[list[Event], list[watching.Moved] | None]:
        """One look at the store, with ``runs`` also at those that have new points; blocking."""
        found = watching.events_after(self.ledger, after, limit=_PAGE)
        # The clocks of two servers may differ by a little: what was seen before is recognized by its count.
        return found, watching.moved_runs(self.ledger, self._since - 2) if runs else None

    def take(self, found: Sequence[Event], moved: Sequence[watching.Moved] | None) -> bool:
        """Take over what a look found; answers whether anything is new."""
        self.events.extend(found)
        if found:
            self.newest = found[-1].seq
        while len(self.events) > _KEPT:
            self.floor = self.events.popleft().seq
        return self._hint(moved) or bool(found) if moved is not None else bool(found)

    def _hint(self, moved: Sequence[watching.Moved]) -> bool:
        fresh: dict[str, list[str]] = {}
        for run in moved:
            if self._totals.get(run.run) != run.total:
                fresh.setdefault(run.project, []).append(run.run)
        self._totals = {run.run: run.total for run in moved}
        self._since = max([self._since, *(run.at for run in moved)])
        for project, runs in fresh.items():
            self.hinted += 1
            self.hints.append(Hint(self.hinted, project, tuple(runs)))
        return bool(fresh)


class Feeds:
    """The feeds of a server process, each there while somebody watches.

    Args:
        run: Does blocking work on a thread.
    """

    def __init__(self, run: Callable[..., Any]) -> None:
        self._run = run
        self._feeds: dict[str, Feed] = {}
        self._loop = asyncio.get_running_loop()

    def wake(self) -> None:
        """Something may be new; called from any thread."""
        if self._feeds:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        for feed in self._feeds.values():
            feed.woken.set()

    @contextlib.asynccontextmanager
    async def watched(self, organization: str, ledger: LocalLedger) -> AsyncIterator[Feed]:
        """The feed of an organization, while the block lasts.

        Raises:
            SlowDown: As many watch as the server takes.
        """
        if sum(feed.watchers for feed in self._feeds.values()) >= MOST_WATCHERS:
            raise SlowDown(
                f"{MOST_WATCHERS} watch already.", hint="Come again later.", details={"retry_after": 10}
            )
        feed = self._feeds.get(organization)
        if feed is None:
            feed = self._feeds[organization] = Feed(ledger)
            feed.task = asyncio.create_task(self._follow(feed))
        feed.watchers += 1
        try:
            yield feed
        finally:
            feed.watchers -= 1
            if not feed.watchers:
                del self._feeds[organization]
                assert feed.task is not None
                feed.task.cancel()

    async def _follow(self, feed: Feed) -> None:
        begun, hinted = False, 0.0
        while True:
            runs = self._loop.time() >= hinted + INTERVAL
            with contextlib.suppress(AutoresearchError):  # the store is away: the next look may find it again
                if not begun:
                    feed.floor = feed.newest = await self._run(watching.newest_event, feed.ledger)
                found, moved = await self._run(partial(feed.look, feed.newest, runs=runs))
                hinted = self._loop.time() if runs else hinted
                if feed.take(found, moved) or not begun:
                    begun = True
                    async with feed.changed:
                        feed.changed.notify_all()
            await asyncio.sleep(_SOONEST)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(INTERVAL):
                    await feed.woken.wait()
            feed.woken.clear()
