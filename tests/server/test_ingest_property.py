"""Whatever is sent, in whatever form and order and however often, is stored once as it was sent; anything else is refused."""

from __future__ import annotations

import contextlib
import json
import struct
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.protocol.points_packing import MEDIA_TYPE, pack
from autoresearch.records.ids import new_id
from autoresearch.series.batch import Batch, Message
from tests.run_batches import START, rows
from tests.serving import Served, in_process

MSGPACK = {"Content-Type": MEDIA_TYPE}
JSON = {"Content-Type": "application/json"}
LINES = {"Content-Type": "application/x-ndjson"}
SPELLED = {float("inf"): "Infinity", float("-inf"): "-Infinity"}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for all examples."""
    with in_process(tmp_path_factory.mktemp("kept")) as made:
        yield made


@pytest.fixture(scope="module")
def http(kept: Served) -> Iterator[httpx.Client]:
    with kept.http() as client:
        yield client


def spelled(value: float) -> float | str:
    return "NaN" if value != value else SPELLED.get(value, value)  # noqa: PLR0124  the definition of NaN


def request(form: str, run: str, writer: str, first: int, values: list[tuple[int, float]]) -> dict[str, Any]:
    """What sends some points, numbered from ``first``, in one of the forms."""
    place = {"run_id": run, "writer_id": writer, "sequence": first}
    steps, numbers = [step for step, _ in values], [value for _, value in values]
    if form == "msgpack":
        batch = Batch(
            run, writer, first, first + len(values) - 1, rows=[rows({"a": numbers}, first=first, steps=steps)]
        )
        return {"url": "/v1/ingest", "content": pack([batch]), "headers": MSGPACK}
    if form == "columns":
        columns = [{"names": ["a"], "steps": steps, "values": [[spelled(value) for value in numbers]]}]
        return {"url": "/v1/ingest", "content": json.dumps(place | {"columns": columns}), "headers": JSON}
    points = [
        {"step": step, "metrics": {"a": value}} for step, value in values
    ]  # with Python's own words for NaN
    if form == "points":
        return {"url": "/v1/ingest", "content": json.dumps(place | {"points": points}), "headers": JSON}
    lines = "".join(json.dumps(point) + "\n" for point in points)
    return {"url": "/v1/ingest/stream", "content": lines, "params": place, "headers": LINES}


parts = st.lists(
    st.tuples(
        st.sampled_from(["msgpack", "columns", "points", "lines"]),
        st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.floats(width=64)), min_size=1, max_size=6),
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=60, deadline=None)
@given(parts, st.data())
def test_what_is_sent_in_any_order_and_form_is_stored_once(
    kept: Served, http: httpx.Client, sent: list[tuple[str, list[tuple[int, float]]]], data: st.DataObject
) -> None:
    run, writer, first = new_id(), new_id(), 1
    opened = Batch(
        run, new_id(), 1, 1, messages=[Message(1, START, {"op": "open", "project": "p", "name": None})]
    )
    assert http.post("/v1/ingest", content=pack([opened]), headers=MSGPACK).status_code == 200
    requests = []
    for form, values in sent:
        requests.append(request(form, run, writer, first, values))
        first += len(values)
    waiting = set(range(len(requests)))
    while waiting:
        place = data.draw(st.integers(0, len(requests) - 1))
        answer = http.request(
            "POST", **requests[place if place in waiting or data.draw(st.booleans()) else min(waiting)]
        )
        assert answer.status_code in {200, 409}, answer.text
        if answer.status_code == 200:
            waiting.discard(place)
        elif min(waiting) == place:
            pytest.fail(answer.text)
    ledger = LocalLedger(kept.state.database, kept.state.objects)
    (curve,) = ledger.runs.history(run).curves
    expected = {step: struct.pack("<d", value) for _, values in sent for step, value in values}
    found = zip(curve.steps.tolist(), map(struct.Struct("<d").pack, curve.values.tolist()), strict=True)
    assert {step: _bits(bits) for step, bits in found} == {
        step: _bits(bits) for step, bits in expected.items()
    }
    receipt = ledger.runs.receipt(run, verify=True)
    assert receipt.intact
    assert receipt.points_committed == sum(len(values) for _, values in sent)


def _bits(bits: bytes) -> bytes:
    # JSON has one NaN; which of its bits are set is not told.
    (value,) = struct.unpack("<d", bits)
    return b"NaN" if value != value else bits  # noqa: PLR0124  as above


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_random_and_damaged_bodies_never_break_the_server(http: httpx.Client, data: st.DataObject) -> None:
    form = data.draw(st.sampled_from(["msgpack", "columns", "points", "lines"]))
    good = request(form, new_id(), new_id(), 1, [(1, 0.5), (2, 0.25)])
    content = good["content"] if isinstance(good["content"], bytes) else good["content"].encode()
    noise = data.draw(st.binary(max_size=40))
    at, cut = data.draw(st.integers(0, len(content))), data.draw(st.integers(0, 9))
    damaged = data.draw(st.sampled_from([noise, content[:at] + noise + content[at + cut :]]))
    headers = data.draw(st.sampled_from([MSGPACK, JSON, LINES]))
    coding = data.draw(st.sampled_from([{}, {"Content-Encoding": "gzip"}, {"Content-Encoding": "zstd"}]))
    for url in ("/v1/ingest", "/v1/ingest/stream", "/v1/ingest/beat"):
        answer = http.post(url, content=damaged, headers=headers | coding, params=good.get("params"))
        assert answer.status_code < 500, (url, answer.text)
        if answer.status_code != 200:
            assert set(answer.json()["error"]) == {"code", "message", "hint", "details"}


said = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["\ud800", "\0", "../x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
OPS = [
    "open",
    "config",
    "summary",
    "tags",
    "note",
    "name",
    "group",
    "define",
    "code",
    "link",
    "log",
    "alert",
    "finish",
]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([*OPS, "vanished", "no such"]), said, said), max_size=4))
def test_whatever_a_run_says_of_itself_it_and_all_others_stay_readable(
    kept: Served, http: httpx.Client, messages: list[tuple[str, Any, Any]]
) -> None:
    run = new_id()
    bodies: list[Any] = [{"op": "open", "project": "p", "name": None}]
    for op, one, other in messages:
        rest = one if isinstance(one, dict) else {"values": one, "text": other, "add": one, "state": other}
        bodies.append({"op": op, **rest} if op != "no such" else one)
    batch = Batch(
        run, new_id(), 1, len(bodies), messages=[Message(n, START, body) for n, body in enumerate(bodies, 1)]
    )
    assert http.post("/v1/ingest", content=pack([batch]), headers=MSGPACK).status_code == 200
    answer = http.get(f"/v1/runs/{run}")
    assert answer.status_code == 200, answer.text
    assert http.get("/v1/projects/p/runs", params={"limit": 3}).status_code == 200
    with contextlib.suppress(KeyError):
        assert answer.json()["id"] == run
