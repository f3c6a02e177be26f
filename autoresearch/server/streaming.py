"""A stream of lines into the ledger: stored part by part as it comes, in the memory of one part."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from starlette.requests import Request

from autoresearch.errors import AutoresearchError, Conflict, Invalid, SlowDown, TooLarge, Unavailable
from autoresearch.protocol.points_json import Line, batch_of, lines_of
from autoresearch.protocol.points_wire import MOST_SEQUENCE, refused
from autoresearch.records.ids import derived_id, new_id
from autoresearch.server.auth import ingesting, state_of
from autoresearch.server.bodies import Held, pieces

__all__ = ["QUIET", "Stream", "StreamPlace"]

QUIET = 0.5
"""Seconds of silence after which what has come is stored."""

_PART = 1 << 20
_LONGEST = 1 << 19
_MOST_REFUSALS = 100


class StreamPlace(NamedTuple):
    """Whose lines come.

    Attributes:
        run: Id of the run.
        writer: Id of the writer.
        sequence: Number of the first line.
    """

    run: str
    writer: str
    sequence: int

    @classmethod
    def anew(cls, run: str, key: str | None) -> StreamPlace:
        """The place of a stream that names no writer: its own, or that of all streams of one ``Idempotency-Key``."""
        return cls(run, new_id() if key is None else derived_id("stream", run, key), 1)


class Stream:
    """One request.

    Lines that are stored already are passed over, so that sending all of a stream again continues where it broke.

    Args:
        request: Whose body brings the lines.
        place: Whose lines they are.
        stored: How far the writer is stored already.
    """

    def __init__(self, request: Request, place: StreamPlace, *, stored: int) -> None:
        self._request = request
        self._state = state_of(request)
        self._place = place
        self._next = place.sequence
        self._stored = max(stored, place.sequence - 1)
        self._physical = 0
        self._points = 0
        self._refusals = 0

    async def take(self) -> Mapping[str, Any]:
        """Store the body to its end; answers how far it is stored.

        Raises:
            Invalid: A line is broken; the details name it, and how far everything before it is stored.
            Unavailable: The server is being stopped.
            AutoresearchError: It could not be read or stored to its end; the details say how far.
        """
        try:
            with self._state.budget.held() as held:
                await self._take_all(held)
        except AutoresearchError as error:
            details = {**self._reached(), **error.details}
            raise type(error)(error.message, hint=error.hint, details=details) from error
        return self._reached()

    async def _take_all(self, held: Held) -> None:
        waiting: list[bytes] = []
        try:
            async for piece in pieces(self._request, patience=self._state.limits.silence, quiet=QUIET):
                waiting.append(piece)
                held.add(len(piece))
                if self._state.stopping.is_set():
                    raise Unavailable("The server is being stopped.", hint="Send what is left in a moment.")
                if not piece or held.size >= _PART:
                    data, waiting = b"".join(waiting), []
                    waiting = [await self._take_lines(data)]
                    held.keep(len(waiting[0]))
        except AutoresearchError:
            # Where the connection broke, what came whole is stored; nothing waits when storing it is what failed.
            await self._take_lines(b"".join(waiting))
            raise
        if held.size:
            await self._take_lines(b"".join([*waiting, b"\n"]))

    def _reached(self) -> dict[str, Any]:
        return {
            "run_id": self._place.run,
            "writer_id": self._place.writer,
            "sequence": self._stored,
            "lines": self._next - self._place.sequence,
            "points": self._points,
        }

    async def _take_lines(self, data: bytes) -> bytes:
        """Store the whole lines of some bytes; answers what is behind them."""
        end = data.rfind(b"\n") + 1
        rest = data[end:]
        if end:
            await self._take_part(data[:end])
        if len(rest) > _LONGEST:
            raise TooLarge(
                f"Line {self._physical + 1} is longer than {_LONGEST:,} bytes.",
                hint="Send its metrics in several lines.",
                details={"line": self._physical + 1},
            )
        return rest

    async def _take_part(self, data: bytes) -> None:
        broken: Invalid | None = None
        try:
            lines = lines_of(data)
        except Invalid as error:
            # What stands before the broken line is sound, and is stored.
            at = error.details.pop("line")
            broken = self._named(error, self._physical + at + 1)
            lines = lines_of(b"\n".join(data.split(b"\n")[:at]))
        await self._store(lines)
        if broken is not None:
            raise broken
        self._physical += data.count(b"\n")

    def _named(self, error: Invalid, line: int) -> Invalid:
        said = error.message.removeprefix("The body: ")
        hint = "Correct it, then send what follows the sequence number in the details, or all of it again."
        return Invalid(f"Line {line}: {said}", hint=hint, details={**error.details, "line": line})

    async def _store(self, lines: list[Line]) -> None:
        first = self._next
        if first + len(lines) > MOST_SEQUENCE:
            raise refused("sequence", f"must end at {MOST_SEQUENCE} at most")
        while first + len(lines) - 1 > self._stored:
            passed = max(0, self._stored - first + 1)
            line = first + passed - self._place.sequence + 1
            batch = batch_of(
                lines[passed:],
                self._place.run,
                self._place.writer,
                first + passed,
                now=time.time(),
                path=lambda place, line=line: f"line {line + place}",  # type: ignore[misc]
            )
            # A stream may last for days, and a key may be revoked meanwhile.
            caller = await ingesting(self._request, self._place.run)
            (answer,) = await self._state.committer.commit(caller.organization, [batch])
            if isinstance(answer, AutoresearchError):
                await self._meet(answer)
            else:
                self._points += batch.points
                self._stored = max(self._stored, answer)
        self._next = first + len(lines)

    async def _meet(self, refusal: AutoresearchError) -> None:
        """Go on after a refusal that can be met: a moment without room, or lines that another stream has stored."""
        if isinstance(refusal, SlowDown) and self._refusals < _MOST_REFUSALS:
            self._refusals += 1
            await asyncio.sleep(0.1)
            return
        reached = refusal.details.get("sequence")
        if not isinstance(refusal, Conflict) or not isinstance(reached, int) or reached <= self._stored:
            raise refusal
        self._stored = reached
