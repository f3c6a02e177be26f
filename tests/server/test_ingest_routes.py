"""Points over HTTP: every form, once however often it is sent, and only where the caller may."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import zstandard

from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.protocol.points_packing import MEDIA_TYPE, pack
from autoresearch.records.ids import new_id
from autoresearch.series.batch import Batch, Message
from autoresearch.server.state import Limits
from tests.run_batches import START, rows
from tests.serving import Served, in_process, key_of

MSGPACK = {"Content-Type": MEDIA_TYPE}
LINES = {"Content-Type": "application/x-ndjson"}


class Sender:
    """A run and its writer, over plain HTTP."""

    def __init__(self, http: httpx.Client, run: str | None = None, writer: str | None = None) -> None:
        self.http = http
        self.run = run or new_id()
        self.id = writer or new_id()
        self.sequence = 0

    def open(self) -> Sender:
        self.sequence += 1
        opened = Message(self.sequence, START, {"op": "open", "project": "char-lm", "name": None})
        assert (
            self.send(Batch(self.run, self.id, self.sequence, self.sequence, messages=[opened])).status_code
            == 200
        )
        return self

    def batch(self, *values: float) -> Batch:
        first = self.sequence + 1
        self.sequence += len(values)
        made = rows({"loss": values}, first=first, steps=range(first, first + len(values)))
        return Batch(self.run, self.id, first, self.sequence, rows=[made])

    def send(self, *batches: Batch) -> httpx.Response:
        return self.http.post("/v1/ingest", content=pack(batches), headers=MSGPACK)

    def send_lines(self, body: Any, headers: dict[str, str] | None = None, **query: Any) -> httpx.Response:
        place = {"run_id": self.run, "writer_id": self.id, **query}
        place = {name: value for name, value in place.items() if value is not None}
        return self.http.post("/v1/ingest/stream", content=body, params=place, headers=headers or LINES)

    @property
    def position(self) -> int:
        answer = self.http.get("/v1/ingest/position", params={"writer_id": self.id})
        return int(answer.json()["sequence"])


@pytest.fixture
def http(served: Served) -> Iterator[httpx.Client]:
    with served.http() as client:
        yield client


def stored(served: Served, run: str, organization: str = "local") -> dict[int, float]:
    """The numbers of a run by step."""
    ledger = LocalLedger(served.state.database, served.state.objects, organization=organization)
    curves = ledger.runs.history(run).curves
    assert ledger.runs.receipt(run, verify=True).intact
    return {} if not curves else dict(zip(curves[0].steps.tolist(), curves[0].values.tolist(), strict=True))


def refusal(answer: httpx.Response, status: int) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()["error"]


def lines(count: int, first: int = 1) -> bytes:
    made = (
        {"step": step, "time": START, "metrics": {"loss": step / 2}} for step in range(first, first + count)
    )
    return b"".join(json.dumps(line).encode() + b"\n" for line in made)


def test_every_form_of_a_body_stores_the_same_points(served: Served, http: httpx.Client) -> None:
    found = []
    for form in ("msgpack", "columns", "points", "lines"):
        sender = Sender(http).open()
        body: dict[str, Any] = {"run_id": sender.run, "writer_id": sender.id, "sequence": 2}
        if form == "msgpack":
            answer = sender.send(sender.batch(1.0, 1.5))
        elif form == "columns":
            columns = [{"names": ["loss"], "steps": [2, 3], "times": [START, START], "values": [[1.0, 1.5]]}]
            answer = http.post("/v1/ingest", json=body | {"columns": columns})
        elif form == "points":
            points = [{"step": step, "metrics": {"loss": step / 2}} for step in (2, 3)]
            answer = http.post("/v1/ingest", json=body | {"points": points})
        else:
            answer = sender.send_lines(lines(2, 2), sequence=2)
        assert answer.status_code == 200, answer.text
        assert sender.position == 3
        found.append(stored(served, sender.run))
    assert found == [{2: 1.0, 3: 1.5}] * 4


def test_a_batch_that_is_sent_again_is_stored_once(served: Served, http: httpx.Client) -> None:
    sender = Sender(http).open()
    batch = sender.batch(2.0, 1.0)
    for _ in range(3):
        answer = sender.send(batch)
        assert answer.json() == {"results": [{"run_id": sender.run, "writer_id": sender.id, "sequence": 3}]}
    assert stored(served, sender.run) == {2: 2.0, 3: 1.0}


def test_a_body_that_names_no_writer_is_stored_once_too(served: Served, http: httpx.Client) -> None:
    sender = Sender(http).open()
    body = {"run_id": sender.run, "points": [{"step": 1, "metrics": {"loss": 3}}]}
    first, again = (http.post("/v1/ingest", json=body).json() for _ in range(2))
    assert first == again
    assert stored(served, sender.run) == {1: 3.0}


def test_what_is_stored_in_part_is_refused_with_the_place_to_go_on_from(
    served: Served, http: httpx.Client
) -> None:
    sender = Sender(http).open()
    sender.send(sender.batch(2.0, 1.0))
    overlapping = Batch(sender.run, sender.id, 3, 4, rows=[rows({"loss": [9.0, 9.0]}, first=3)])
    assert refusal(sender.send(overlapping), 409)["details"] == {"sequence": 3}
    assert stored(served, sender.run) == {2: 2.0, 3: 1.0}


def test_a_batch_that_overtook_another_waits_for_it(served: Served, http: httpx.Client) -> None:
    sender = Sender(http).open()
    late, early = sender.batch(2.0), sender.batch(1.0)
    error = refusal(sender.send(early), 409)
    assert error["details"] == {"sequence": 1}
    assert "Records 2 to 2" in error["message"]
    assert [sender.send(batch).status_code for batch in (late, early)] == [200, 200]
    assert stored(served, sender.run) == {2: 2.0, 3: 1.0}


def test_of_several_batches_one_that_is_refused_spoils_no_other(served: Served, http: httpx.Client) -> None:
    one, other = Sender(http).open(), Sender(http).open()
    broken = one.batch(1.0)
    broken.first, broken.last, broken.rows = 8, 8, [rows({"loss": [1.0]}, first=8)]
    error = refusal(one.send(broken, other.batch(5.0)), 409)
    refused, taken = error["details"]["results"]
    assert refused["error"]["code"] == "conflict"
    assert taken == {"run_id": other.run, "writer_id": other.id, "sequence": 2}
    assert (stored(served, one.run), stored(served, other.run)) == ({}, {2: 5.0})
    assert http.post("/v1/ingest", content=pack([]), headers=MSGPACK).json() == {"results": []}


def test_points_of_a_run_that_nobody_opened_yet_are_kept_for_it(served: Served, http: httpx.Client) -> None:
    sender = Sender(http)
    assert sender.send(sender.batch(1.0)).status_code == 200
    Sender(http, sender.run).open()
    assert stored(served, sender.run) == {1: 1.0}


def test_the_ids_of_another_organization_are_just_other_ids(served: Served) -> None:
    mine, theirs = served.http(), served.http(key_of(served.state.access, "Other"))
    here = Sender(mine).open()
    here.send(here.batch(1.0, 2.0))
    there = Sender(theirs, here.run, here.id)
    assert there.position == 0
    there.open()
    assert there.send(there.batch(7.0)).json()["results"][0]["sequence"] == 2
    assert here.position == 3
    assert stored(served, here.run) == {2: 1.0, 3: 2.0}
    other = served.state.access.operator("Other").organization
    assert stored(served, here.run, other) == {2: 7.0}
    assert theirs.post("/v1/ingest/beat", json={"run_id": here.run, "writer_id": here.id}).status_code == 200


def test_a_key_that_may_only_read_hands_over_nothing(served: Served) -> None:
    reading = served.http(key_of(served.state.access, "local", "read"))
    sender = Sender(reading)
    refusal(sender.send(sender.batch(1.0)), 403)
    refusal(sender.send_lines(lines(1)), 403)
    refusal(reading.post("/v1/ingest/beat", json={"run_id": sender.run, "writer_id": sender.id}), 403)
    assert sender.position == 0


def test_a_sign_of_life_moves_nothing_else(served: Served, http: httpx.Client) -> None:
    sender = Sender(http).open()
    ledger = LocalLedger(served.state.database, served.state.objects)
    before = ledger.runs.run(sender.run)
    answer = http.post("/v1/ingest/beat", json={"run_id": sender.run, "writer_id": sender.id})
    assert answer.json()["results"] == [{"run_id": sender.run, "writer_id": sender.id, "sequence": 1}]
    after = ledger.runs.run(sender.run)
    assert after.heartbeat_at > before.heartbeat_at
    assert after.model_copy(update={"heartbeat_at": before.heartbeat_at}) == before
    refusal(http.post("/v1/ingest/beat", json={"run_id": "x", "writer_id": sender.id}), 422)
    refusal(http.post("/v1/ingest/beat", json={"run_id": new_id(), "writer_id": sender.id}), 409)


@pytest.mark.parametrize("coding", ["gzip", "zstd", "several members"])
def test_compressed_bodies_are_expanded(served: Served, http: httpx.Client, coding: str) -> None:
    sender = Sender(http).open()
    squeeze = zstandard.ZstdCompressor().compress if coding == "zstd" else gzip.compress
    body = lines(3000, 2)
    cut = body.index(b"\n", 5000) + 1
    packed = squeeze(body) if coding != "several members" else squeeze(body[:cut]) + squeeze(body[cut:])
    headers = {**LINES, "Content-Encoding": "zstd" if coding == "zstd" else "gzip"}
    assert sender.send_lines(packed, headers, sequence=2).json()["points"] == 3000
    packed = squeeze(pack([Batch(sender.run, sender.id, 1, 0)]))
    assert http.post("/v1/ingest", content=packed, headers=headers | MSGPACK).status_code == 200
    assert len(stored(served, sender.run)) == 3000


def test_a_kind_of_body_that_is_not_known_is_named(http: httpx.Client) -> None:
    for headers, said in (
        ({"Content-Type": "text/plain"}, "text/plain"),
        ({"Content-Type": "application/x-ndjson"}, "ndjson"),
        ({"Content-Type": "application/json", "Content-Encoding": "br"}, "br"),
    ):
        assert said in refusal(http.post("/v1/ingest", content=b"{}", headers=headers), 422)["message"]


# Streams


def test_a_stream_that_is_sent_again_goes_on_where_it_broke(served: Served, http: httpx.Client) -> None:
    sender = Sender(http)
    broken = lines(50) + b'{"step": 51\n' + lines(10, 52)
    error = refusal(sender.send_lines(broken), 422)
    reached = {
        "line": 51,
        "sequence": 50,
        "lines": 50,
        "points": 50,
        "writer_id": sender.id,
        "run_id": sender.run,
    }
    assert reached.items() <= error["details"].items()
    assert error["message"].startswith("Line 51: ")
    answer = sender.send_lines(lines(61)).json()
    assert answer == {"run_id": sender.run, "writer_id": sender.id, "sequence": 61, "lines": 61, "points": 11}
    rest = sender.send_lines(lines(9, 62), sequence=62).json()
    assert (rest["sequence"], rest["lines"], rest["points"]) == (70, 9, 9)
    Sender(http, sender.run).open()
    assert stored(served, sender.run) == {step: step / 2 for step in range(1, 71)}


def test_a_stream_that_begins_behind_what_is_stored_is_refused(http: httpx.Client) -> None:
    sender = Sender(http)
    error = refusal(sender.send_lines(lines(2), sequence=5), 409)
    assert error["details"]["sequence"] == 0


def test_a_stream_without_a_writer_gets_one_of_its_own(served: Served, http: httpx.Client) -> None:
    sender = Sender(http).open()
    one, other = (sender.send_lines(lines(1), writer_id=None).json()["writer_id"] for _ in range(2))
    assert one != other
    keyed = {**LINES, "Idempotency-Key": "epoch 7"}
    same = {sender.send_lines(lines(3), keyed, writer_id=None).json()["writer_id"] for _ in range(2)}
    assert len(same) == 1
    ledger = LocalLedger(served.state.database, served.state.objects)
    assert ledger.runs.receipt(sender.run).points_committed == 1 + 1 + 3


def test_lines_end_as_people_end_them(served: Served, http: httpx.Client) -> None:
    sender = Sender(http).open()
    body = b'\n\r\n{"step":1,"metrics":{"loss":1}}\r\n\n  {"step":2,"metrics":{"loss":NaN,"acc":2}}  \n{"step":3,"metrics":{"loss":3}}'
    answer = sender.send_lines(body, writer_id=None).json()
    assert (answer["lines"], answer["points"]) == (3, 4)
    nothing = sender.send_lines(b"", writer_id=None).json()
    assert (nothing["lines"], nothing["sequence"]) == (0, 0)


@pytest.mark.parametrize(
    "query",
    [
        {"run_id": "x"},
        {"run_id": None},
        {"sequence": 0},
        {"sequence": "a"},
        {"sequence": "9" * 30},
        {"writer_id": ""},
        {"writer_id": None, "sequence": 3},
        {"more": 1},
    ],
    ids=str,
)
def test_a_place_that_makes_no_sense_is_refused(http: httpx.Client, query: dict[str, Any]) -> None:
    error = refusal(Sender(http).send_lines(lines(1), **query), 422)
    assert error["details"]["field"] in {"run_id", "writer_id", "sequence", "more"}


def test_a_stream_takes_more_than_any_body_may_have_in_the_memory_of_a_part(tmp_path: Path) -> None:
    with in_process(tmp_path, limits=Limits(body=100_000)) as served, served.http() as http:
        sender = Sender(http).open()
        body = lines(30_000)
        assert len(body) > 1_000_000
        refusal(http.post("/v1/ingest", content=body, headers={"Content-Type": "application/json"}), 413)
        assert sender.send_lines(body, writer_id=None).json()["points"] == 30_000
        error = refusal(sender.send_lines(b"x" * 3_000_000, writer_id=None), 413)
        assert "Line 1 " in error["message"]


def test_times_are_the_servers_where_none_are_given(served: Served, http: httpx.Client) -> None:
    sender = Sender(http).open()
    http.post("/v1/ingest", json={"run_id": sender.run, "points": [{"step": 1, "metrics": {"loss": 1}}]})
    ledger = LocalLedger(served.state.database, served.state.objects)
    (curve,) = ledger.runs.history(sender.run).curves
    heard = ledger.runs.run(sender.run).heartbeat_at.timestamp()
    assert abs(curve.times[0] - heard) < 60
    assert struct.pack("<d", curve.values[0]) == struct.pack("<d", 1.0)
