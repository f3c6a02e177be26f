"""``GET /v1/events``: what changed, as server-sent events that can be resumed."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from autoresearch.errors import AutoresearchError
from autoresearch.ledger.access.service import Caller
from autoresearch.ledger.local import watching
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.protocol.calls import query_of
from autoresearch.protocol.points_wire import refused
from autoresearch.records.frontier import Event
from autoresearch.server.auth import caller_of, state_of
from autoresearch.server.documented import by_hand, row_of
from autoresearch.server.feeds import Feed, Hint

__all__ = ["BEAT", "STALLED", "routes"]

BEAT = 15.0
"""Seconds of silence after which a watcher is told that the server lives."""
STALLED = 30.0
"""Seconds after which a watcher that takes nothing is let go."""

_PAGE = 500


def routes() -> Sequence[BaseRoute]:
    """The routes of this module."""
    return by_hand(watch_events=_events)


async def _events(request: Request) -> Response:
    state, row = state_of(request), row_of(request)
    caller = await caller_of(request, row.scope)
    given = query_of(row.query, request.query_params.multi_items())
    said = request.headers.get("last-event-id", "").strip()
    if said and not (said.isascii() and said.isdigit() and len(said) < 19):
        raise refused("Last-Event-ID", f"{said[:40]!r} is not the id of an event")
    ledger, project = state.ledger(caller), given["project"]
    after = int(said) if said else await state.run(watching.newest_event, ledger)
    # Whoever asks for a project that is not there learns it now, and not by silence.
    await state.run(lambda: watching.events_after(ledger, after, project=project, limit=1))
    return _Watching(request, caller, ledger, project, after)


class _Watching(Response):
    """The answer that does not end."""

    media_type = "text/event-stream"

    def __init__(
        self, request: Request, caller: Caller, ledger: LocalLedger, project: str | None, after: int
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._request = request
        self._state = state_of(request)
        self._organization = caller.organization
        self._ledger = ledger
        self._project = project
        self._after = after
        self._caught_up = False
        self._begun = False

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send what changes until the watcher goes, its key is revoked, or the server stops."""
        gone = asyncio.create_task(_gone(receive))
        stopping = asyncio.create_task(self._state.stopping.wait())
        telling = asyncio.create_task(self._tell(send))
        try:
            await asyncio.wait([gone, stopping, telling], return_when=asyncio.FIRST_COMPLETED)
            over = telling.exception() if telling.done() else None
            if over is not None and not (
                self._begun and isinstance(over, AutoresearchError | TimeoutError | OSError)
            ):
                raise over
            if not gone.done() and not isinstance(over, TimeoutError):
                await _cancelled(telling)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await _cancelled(gone, stopping, telling)

    async def _tell(self, send: Send) -> None:
        async with self._state.feeds.watched(self._organization, self._ledger) as feed:
            self._begun = True
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await _give(send, b"retry: 2000\n\n")
            hinted = feed.hinted
            while True:
                text, hinted = await self._new(feed, hinted)
                if text:
                    await _give(send, text)
                if self._caught_up and not await _changed(feed, self._after, hinted):
                    # A key that was revoked, or a session that ended, watches no longer.
                    await caller_of(self._request, "read")
                    await _give(send, b": the server lives\n\n")

    async def _new(self, feed: Feed, hinted: int) -> tuple[bytes, int]:
        """What this watcher has not seen, as text, and the last hint in it."""
        newest, hints = feed.newest, [hint for hint in feed.hints if hint.number > hinted]
        hinted = feed.hinted
        if self._caught_up and self._after >= feed.floor:
            events = [event for event in feed.events if event.seq > self._after]
        else:
            events = await self._state.run(
                lambda: watching.events_after(self._ledger, self._after, project=self._project, limit=_PAGE)
            )
            self._caught_up = len(events) < _PAGE
        if self._caught_up:
            self._after = max(self._after, newest)
        if events:
            self._after = max(self._after, events[-1].seq)
        parts = [_of_event(event) for event in events if self._project in {None, event.project}]
        parts += [_of_hint(hint) for hint in hints if self._project in {None, hint.project}]
        return b"".join(parts), hinted


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cancelled(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _give(send: Send, text: bytes) -> None:
    async with asyncio.timeout(STALLED):
        await send({"type": "http.response.body", "body": text, "more_body": True})


async def _changed(feed: Feed, after: int, hinted: int) -> bool:
    """Wait until a look finds something; answers whether it did before it is time to say that the server lives."""
    async with feed.changed:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BEAT):
                await feed.changed.wait_for(lambda: feed.newest > after or feed.hinted > hinted)
                return True
    return False


def _of_event(event: Event) -> bytes:
    kind = "".join(character for character in event.kind if character.isalnum() or character in "._-")
    return f"id: {event.seq}\nevent: {kind}\ndata: {event.model_dump_json()}\n\n".encode()


def _of_hint(hint: Hint) -> bytes:
    # Without an id: it is a hint to look again, not a change that could be missed.
    data = json.dumps({"project": hint.project, "run_ids": hint.runs})
    return f"event: run.updated\ndata: {data}\n\n".encode()
