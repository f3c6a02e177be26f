"""Points into the ledger: whole bodies, streams of lines, and signs of life; answered when they are durable.

These routes know nothing of the models that the others are made of: bodies go from bytes to columns by one decoder.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from autoresearch.errors import AutoresearchError, Invalid
from autoresearch.ledger.local.gathering import position_of
from autoresearch.protocol.points_json import from_json
from autoresearch.protocol.points_wire import decoded, refused, unpack, writer_fits
from autoresearch.records.ids import is_id
from autoresearch.series.batch import Batch
from autoresearch.server.auth import ingesting, state_of, whoever
from autoresearch.server.bodies import read_body
from autoresearch.server.committer import Answer
from autoresearch.server.documented import by_hand
from autoresearch.server.streaming import Stream, StreamPlace

__all__ = ["routes"]

_MSGPACK = frozenset({"application/msgpack", "application/x-msgpack", "application/vnd.msgpack"})
_LINES = frozenset({"application/x-ndjson", "application/jsonl", "application/json-seq"})


class _Beat(msgspec.Struct, forbid_unknown_fields=True):
    run_id: str
    writer_id: str


_MOST_BEAT = 1 << 20
_beat_decoder = msgspec.json.Decoder(_Beat)


def routes() -> Sequence[BaseRoute]:
    """The routes of this module."""
    return by_hand(ingest=_ingest, ingest_stream=_ingest_stream, ingest_position=_position, ingest_beat=_beat)


async def _ingest(request: Request) -> Response:
    state = state_of(request)
    caller = await ingesting(request)
    read = _reader(request)
    with state.budget.held() as held:
        body = await read_body(request, state.limits.body, held=held, patience=state.limits.patience)
        batches = read(body)
        del body
        for batch in batches:
            caller.require("ingest", run=batch.run)
        answers = await state.committer.commit(caller.organization, batches)
    return _answered(batches, answers)


async def _ingest_stream(request: Request) -> Response:
    state = state_of(request)
    caller = await ingesting(request)
    place = _place(request)
    caller.require("ingest", run=place.run)
    stored = await state.run(position_of, state.database, caller.organization, place.writer, place.run)
    return _json(await Stream(request, place, stored=stored).take())


async def _position(request: Request) -> Response:
    state = state_of(request)
    caller = await whoever(request)
    caller.require("ingest" if caller.kind == "ingestion_key" else "read")
    writer = _query(request, "writer_id")
    if not writer_fits(writer):
        raise refused("writer_id", "must be 1 to 200 printable characters")
    sequence = await state.run(position_of, state.database, caller.organization, writer, caller.run_id)
    return _json({"sequence": sequence})


async def _beat(request: Request) -> Response:
    state = state_of(request)
    caller = await ingesting(request)
    said = decoded(_beat_decoder, await read_body(request, _MOST_BEAT, patience=state.limits.patience))
    if not is_id(said.run_id):
        raise refused("run_id", f"{said.run_id[:40]!r} is not a UUID in lower case")
    if not writer_fits(said.writer_id):
        raise refused("writer_id", "must be 1 to 200 printable characters")
    caller.require("ingest", run=said.run_id)
    # A batch with nothing in it only renews when its writer was heard of.
    batch = Batch(said.run_id, said.writer_id, 1, 0)
    return _answered([batch], await state.committer.commit(caller.organization, [batch]))


def _reader(request: Request) -> Callable[[bytes], list[Batch]]:
    """What understands the body, by its Content-Type."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in _MSGPACK:
        return unpack
    if kind == "application/json":
        return lambda body: from_json(body, time.time())
    hint = "Send application/json or application/msgpack."
    if kind in _LINES:
        hint = "Lines go to /v1/ingest/stream."
    raise Invalid(f"A body of the kind {kind[:60]!r} is not understood here.", hint=hint)


def _place(request: Request) -> StreamPlace:
    """Whose lines a stream brings, from its query."""
    unknown = set(request.query_params) - {"run_id", "writer_id", "sequence"}
    if unknown:
        raise refused(min(unknown)[:60], "is not a parameter of this path")
    run = _query(request, "run_id")
    if not is_id(run):
        raise refused("run_id", f"{run[:40]!r} is not a UUID in lower case")
    writer = request.query_params.get("writer_id")
    if writer is None:
        if "sequence" in request.query_params:
            raise refused("writer_id", "is missing; whoever numbers records says who writes them")
        return StreamPlace.anew(run, request.headers.get("idempotency-key"))
    if not writer_fits(writer):
        raise refused("writer_id", "must be 1 to 200 printable characters")
    said = request.query_params.get("sequence", "1")
    if not (said.isascii() and said.isdigit() and len(said) < 15 and int(said)):
        raise refused("sequence", "must be the number of the first line, counted from 1")
    return StreamPlace(run, writer, int(said))


def _query(request: Request, name: str) -> str:
    found = request.query_params.getlist(name)
    if len(found) != 1:
        raise refused(name, "must be given once")
    return found[0]


def _answered(batches: Sequence[Batch], answers: Sequence[Answer]) -> Response:
    """How far each writer is stored, or the first error, with what became of the others among its details."""
    errors = [answer for answer in answers if isinstance(answer, AutoresearchError)]
    if not errors:
        return _json({"results": [_result(*pair) for pair in zip(batches, answers, strict=True)]})
    first = errors[0]
    if len(batches) > 1:
        results = [_result(*pair) for pair in zip(batches, answers, strict=True)]
        # One error may be the answer of several requests, so that it is not changed.
        first = type(first)(first.message, hint=first.hint, details={**first.details, "results": results})
    raise first


def _result(batch: Batch, answer: Answer) -> Mapping[str, Any]:
    who = {"run_id": batch.run, "writer_id": batch.writer}
    if isinstance(answer, AutoresearchError):
        return {**who, **answer.envelope()}
    return {**who, "sequence": answer}


def _json(answer: Mapping[str, Any]) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json")
