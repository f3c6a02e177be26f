"""Points into the ledger."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from autoresearch.protocol.forms import Ingested, Position, WriterPosition
from autoresearch.protocol.points_wire import unpack
from autoresearch.server.auth import caller_of, state_of
from autoresearch.server.bodies import read_body
from autoresearch.server.documented import by_hand
from autoresearch.server.handling import answer_json, asked

__all__ = ["routes"]


def routes() -> Sequence[BaseRoute]:
    """The routes of this module."""
    return by_hand(ingest=_ingest, ingest_position=_position)


async def _ingest(request: Request) -> Response:
    state = state_of(request)
    caller = await caller_of(request, "write")
    batches = unpack(await read_body(request, state.limits.body))

    def work() -> Ingested:
        runs = state.ledger(caller).runs
        reached = [(batch, runs.ingest(batch)) for batch in batches]
        return Ingested(
            results=[
                WriterPosition(run_id=batch.run, writer_id=batch.writer, sequence=sequence)
                for batch, sequence in reached
            ]
        )

    return answer_json(await state.run(work), Ingested)


async def _position(request: Request) -> Response:
    answer: Response = await asked(
        request,
        lambda ledger, given: Position(sequence=ledger.runs.position(given["writer_id"])),
        kind=Position,
    )
    return answer
