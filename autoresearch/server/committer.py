"""Group commit: what many requests hand over at the same time becomes durable by one transaction, and is then acknowledged.

While one group is being stored the next one gathers, so that nothing waits for a timer and a slow disk makes groups larger rather
than queues longer. What may gather is bounded: whoever comes when it is full is told to come again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from autoresearch.errors import AutoresearchError, SlowDown, Unavailable
from autoresearch.ledger.local.gathering import Part
from autoresearch.series.batch import Batch

__all__ = ["Answer", "Committer"]

Answer = int | AutoresearchError
"""The sequence number that is stored, or why a batch was not."""

_MOST_BYTES = 256 * 1024 * 1024
_MOST_PARTS = 4096
_GROUP_BYTES = 8 * 1024 * 1024
_GROUP_PARTS = 256
_log = logging.getLogger("autoresearch.server")


class _Item(NamedTuple):
    part: Part
    size: int
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Answer]

    @property
    def run(self) -> tuple[str, str]:
        """Whose order is kept."""
        return self.part.organization, self.part.batch.run


class Committer:
    """Stores batches on threads of its own; made once for a server process.

    Args:
        store: Stores batches together and answers for each; see :func:`autoresearch.ledger.local.gathering.store_together`.
        lanes: How many groups are stored at the same time. Batches of one run keep their order, as only one of the groups has
            any of it; a database with a single writer has no use for more than one.
        most_bytes: Bytes that may wait.
        most_parts: Batches that may wait.
        stored: Called after every group with the organizations it was of and how many points were stored.
    """

    def __init__(
        self,
        store: Callable[[Sequence[Part]], list[Answer]],
        *,
        lanes: int = 1,
        most_bytes: int = _MOST_BYTES,
        most_parts: int = _MOST_PARTS,
        stored: Callable[[set[str], int], None] | None = None,
    ) -> None:
        self._store = store
        self._stored = stored
        self._most_bytes = most_bytes
        self._most_parts = most_parts
        self._lock = threading.Lock()
        self._bytes = 0
        self._parts = 0
        self._closing = False
        self._lanes = _Lanes(self._settle, lanes)

    def submit(self, organization: str, batch: Batch) -> asyncio.Future[Answer]:
        """Have a batch stored; called on an event loop, which the answer comes to.

        Raises:
            SlowDown: Too much waits to be stored already.
            Unavailable: The server is being stopped.
        """
        loop = asyncio.get_running_loop()
        item = _Item(Part(organization, batch), _size(batch), loop, loop.create_future())
        with self._lock:
            if self._closing:
                raise Unavailable("The server is being stopped.", hint="Call again in a moment.")
            # One batch always fits, however large it is: it was let in as a body.
            full = self._bytes + item.size > self._most_bytes or self._parts >= self._most_parts
            if full and self._parts:
                raise SlowDown(
                    f"{self._parts} batches wait to be stored; the server takes no more at the moment.",
                    hint="Send it again after the time that Retry-After names.",
                    details={"retry_after": 1},
                )
            self._bytes += item.size
            self._parts += 1
            self._lanes.put(item)
        return item.future

    async def commit(self, organization: str, batches: Sequence[Batch]) -> list[Answer]:
        """Store batches; answers for each in order when everything of them is durable, or refused.

        A batch for which there is no room has ``SlowDown`` as its answer, and so has what comes after it.
        """
        waiting: list[asyncio.Future[Answer]] = []
        refusal: AutoresearchError | None = None
        for batch in batches:
            try:
                waiting.append(self.submit(organization, batch))
            except Unavailable as error:
                refusal = error
                break
        answers = [await future for future in waiting]
        return answers if refusal is None else answers + [refusal] * (len(batches) - len(answers))

    @property
    def waiting(self) -> int:
        """How many batches wait to be stored, or are being stored."""
        return self._parts

    @property
    def closing(self) -> bool:
        """Whether nothing is taken in any more."""
        return self._closing

    def close(self) -> None:
        """Store what was taken in, then end the threads; what comes later is refused. Blocks until all of it is stored."""
        with self._lock:
            self._closing = True
        self._lanes.close()

    def _settle(self, items: Sequence[_Item]) -> None:
        """Store a group and hand out the answers."""
        answers = self._answers([item.part for item in items])
        with self._lock:
            self._bytes -= sum(item.size for item in items)
            self._parts -= len(items)
        if self._stored is not None:
            done = [item.part for item, answer in zip(items, answers, strict=True) if isinstance(answer, int)]
            self._stored({part.organization for part in done}, sum(part.batch.points for part in done))
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Answer], Answer]]] = {}
        for item, answer in zip(items, answers, strict=True):
            by_loop.setdefault(item.loop, []).append((item.future, answer))
        for loop, pairs in by_loop.items():
            with contextlib.suppress(RuntimeError):  # a loop that has ended meanwhile
                loop.call_soon_threadsafe(_hand_out, pairs)

    def _answers(self, parts: Sequence[Part]) -> list[Answer]:
        try:
            return self._store(parts)
        except Exception:  # noqa: BLE001 - the thread outlives whatever one batch does
            _log.exception("A group of %d batches could not be stored", len(parts))
        if len(parts) == 1:
            return [
                AutoresearchError(
                    "The server met an error that nobody thought of; nothing of the batch was stored.",
                    hint="Its log has the traceback.",
                )
            ]
        # One of them is to blame: the others shall not pay for it.
        return [answer for part in parts for answer in self._answers([part])]


class _Lanes:
    """A queue, and the threads that empty it group by group; no two of them have batches of one run at the same time."""

    def __init__(self, settle: Callable[[Sequence[_Item]], None], number: int) -> None:
        self._settle = settle
        self._items: deque[_Item] = deque()
        self._busy: set[tuple[str, str]] = set()
        self._ready = threading.Condition()
        self._closing = False
        self._threads = [
            threading.Thread(target=self._work, name=f"autoresearch-committer-{each}", daemon=True)
            for each in range(number)
        ]
        for thread in self._threads:
            thread.start()

    def put(self, item: _Item) -> None:
        with self._ready:
            self._items.append(item)
            if item.run not in self._busy:
                self._ready.notify()

    def close(self) -> None:
        with self._ready:
            self._closing = True
            self._ready.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while group := self._group():
            self._settle(group)
            with self._ready:
                self._busy.difference_update(item.run for item in group)
                self._ready.notify_all()

    def _group(self) -> list[_Item]:
        """What waits, up to a size that keeps a transaction short; nothing when the end has come."""
        with self._ready:
            while not (group := self._taken()):
                if self._closing and not self._items:
                    return []
                self._ready.wait()
            self._busy.update(item.run for item in group)
            return group

    def _taken(self) -> list[_Item]:
        """The oldest batches, but those of runs that a thread is at work on, taken out of the queue."""
        group: list[_Item] = []
        left: list[_Item] = []
        size = 0
        while self._items and len(group) < _GROUP_PARTS and size < _GROUP_BYTES:
            item = self._items.popleft()
            if item.run in self._busy:
                left.append(item)
            else:
                group.append(item)
                size += item.size
        self._items.extendleft(reversed(left))
        return group


def _hand_out(pairs: Sequence[tuple[asyncio.Future[Answer], Answer]]) -> None:
    for future, answer in pairs:
        if not future.done():  # whoever asked may have gone away
            future.set_result(answer)


def _size(batch: Batch) -> int:
    """About how many bytes a batch holds in memory."""
    columns = sum(len(rows.steps) * (3 + len(rows.names)) for rows in batch.rows)
    texts = sum(200 + len(text.text) for text in batch.texts)
    return 1000 + columns + texts + 2000 * len(batch.messages)
