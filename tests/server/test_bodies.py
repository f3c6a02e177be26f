"""Bodies that would burst memory, never end, or end too soon."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import zstandard

from autoresearch.errors import SlowDown
from autoresearch.protocol.points_packing import MEDIA_TYPE, pack
from autoresearch.records.ids import new_id
from autoresearch.series.batch import Batch, Message
from autoresearch.server.bodies import Budget
from autoresearch.server.state import Limits
from tests.run_batches import START
from tests.serving import Served, in_process, key_of, listening
from tests.waiting import until

RUN = new_id()
GOOD = pack([Batch(RUN, "w", 1, 1, messages=[Message(1, START, {"op": "open", "project": "p"})])])
LINE = b'{"step":1,"metrics":{"a":1}}\n'
ZEROS = bytes(40_000_000)
BOMBS = {
    "gzip": gzip.compress(ZEROS, 9),
    "zstd": zstandard.ZstdCompressor(level=3).compress(ZEROS),
    "zstd without its size": zstandard.ZstdCompressor(write_content_size=False).compress(ZEROS),
    "gzip of many members": gzip.compress(bytes(400_000)) * 100,
    "zstd of many frames": zstandard.ZstdCompressor().compress(bytes(400_000)) * 100,
}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that takes little."""
    with listening(tmp_path_factory.mktemp("small"), limits=Limits(body=1_000_000)) as made:
        yield made


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that waits for nobody: what comes late is not looked at."""
    limits = Limits(patience=0.5, silence=0.5)
    with listening(tmp_path_factory.mktemp("hasty"), limits=limits) as made:
        yield made


def refusal(answer: httpx.Response, status: int) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()["error"]


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_refused_before_it_bursts(small: Served, kind: str) -> None:
    headers = {"Content-Type": MEDIA_TYPE, "Content-Encoding": kind.split(maxsplit=1)[0]}
    with small.http() as http:
        error = refusal(http.post("/v1/ingest", content=BOMBS[kind], headers=headers), 413)
        assert error["details"] == {"most_bytes": 1_000_000}
        place = {"run_id": RUN}
        headers["Content-Type"] = "application/x-ndjson"
        error = refusal(
            http.post("/v1/ingest/stream", content=BOMBS[kind], params=place, headers=headers), 413
        )
        assert "Line 1 is longer" in error["message"]
        assert http.get("/health").status_code == 200


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "foreign", "nothing"])
def test_a_damaged_compressed_body_is_refused(small: Served, coding: str, damage: str) -> None:
    packed = gzip.compress(GOOD) if coding == "gzip" else zstandard.ZstdCompressor().compress(GOOD)
    body = {
        "cut": packed[:-5],
        "flipped": packed[:20] + bytes([packed[20] ^ 0xFF]) + packed[21:-6] + b"abcdef",
        "foreign": zlib.compress(GOOD),
        "nothing": b"",
    }[damage]
    headers = {"Content-Type": MEDIA_TYPE, "Content-Encoding": coding}
    with small.http() as http:
        refusal(http.post("/v1/ingest", content=body, headers=headers), 422)
        assert http.get("/v1/ingest/position", params={"writer_id": "w"}).json() == {"sequence": 0}


def test_a_window_larger_than_a_server_lends_is_refused(small: Served) -> None:
    wide = zstandard.ZstdCompressionParameters(window_log=27, compression_level=1, write_content_size=0)
    body = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    packed = body.compress(bytes(1000)) + body.flush()
    headers = {"Content-Type": MEDIA_TYPE, "Content-Encoding": "zstd"}
    with small.http() as http:
        assert "zstd" in refusal(http.post("/v1/ingest", content=packed, headers=headers), 422)["message"]


@pytest.mark.parametrize("said", [True, False], ids=["with its length", "in chunks"])
def test_a_large_body_is_refused_and_the_answer_arrives(small: Served, *, said: bool) -> None:
    content: Any = ZEROS if said else (ZEROS[:65536] for _ in range(400))
    with small.http() as http:
        answer = http.post("/v1/ingest", content=content, headers={"Content-Type": MEDIA_TYPE})
        refusal(answer, 413)
        assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"[" * 500_000, "application/json"),
        (b'{"a":' * 100_000, "application/json"),
        (b"\x91" * 500_000, MEDIA_TYPE),
        (b"\x81\xa1a" * 100_000, MEDIA_TYPE),
        (b"\xdd\xff\xff\xff\xff", MEDIA_TYPE),
        (b"\xc6\xff\xff\xff\xff", MEDIA_TYPE),
        (b"\xdf\xff\xff\xff\xff", MEDIA_TYPE),
    ],
)
def test_deep_and_boastful_bodies_are_refused(small: Served, body: bytes, kind: str) -> None:
    with small.http() as http:
        refusal(http.post("/v1/ingest", content=body, headers={"Content-Type": kind}), 422)


class Raw:
    """A connection that is spoken to byte by byte."""

    def __init__(
        self,
        served: Served,
        path: str = "/v1/ingest",
        kind: str = MEDIA_TYPE,
        *,
        size: int = 100_000,
        key: str | None = None,
        begins: bytes = b"",
    ) -> None:
        address = urlsplit(served.url)
        assert address.port is not None
        self.socket = socket.create_connection((address.hostname or "", address.port), timeout=30)
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key or served.key}\r\n"
        head = f"{head}Content-Type: {kind}\r\nContent-Length: {size}\r\n\r\n"
        # At once with what the body begins with: nothing can come between them then.
        self.socket.sendall(head.encode() + begins)

    def answer(self) -> tuple[int, Any]:
        data = b""
        # What was still being sent when the server closed is answered with a reset, behind the answer.
        with suppress(ConnectionResetError):
            while chunk := self.socket.recv(65536):
                data += chunk
        head, _, body = data.partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body)["error"]

    def close(self) -> None:
        self.socket.close()


def test_a_body_that_does_not_come_is_not_waited_for(hasty: Served) -> None:
    with closing(Raw(hasty, begins=GOOD[:10])) as raw:
        status, error = raw.answer()
    assert (status, error["code"]) == (408, "too_slow")


def test_a_body_that_drips_is_not_waited_for_either(hasty: Served) -> None:
    with closing(Raw(hasty)) as raw:
        ended = threading.Event()

        def drip() -> None:
            while not ended.wait(0.05):
                try:
                    raw.socket.sendall(b"\x00")
                except OSError:
                    return

        dripping = threading.Thread(target=drip)
        dripping.start()
        status, error = raw.answer()
        ended.set()
        dripping.join()
    assert (status, error["code"]) == (408, "too_slow")


def test_a_stream_that_falls_silent_says_how_far_it_is_stored(hasty: Served) -> None:
    place = f"/v1/ingest/stream?run_id={RUN}&writer_id=silent"
    with closing(Raw(hasty, place, "application/x-ndjson", begins=LINE * 3 + LINE[:5])) as raw:
        status, error = raw.answer()
    assert (status, error["code"]) == (408, "too_slow")
    assert (error["details"]["sequence"], error["details"]["lines"]) == (3, 3)


def test_what_a_slow_stream_brought_is_stored_while_it_is_quiet(tmp_path: Path) -> None:
    place = f"/v1/ingest/stream?run_id={RUN}&writer_id=slow"
    with (
        listening(tmp_path) as served,
        served.http() as http,
        closing(Raw(served, place, "application/x-ndjson")) as raw,
    ):
        raw.socket.sendall(LINE * 3)
        until(lambda: http.get("/v1/ingest/position", params={"writer_id": "slow"}).json() == {"sequence": 3})
        assert http.get("/v1/ingest/position", params={"writer_id": "slow"}).json() == {"sequence": 3}


def test_a_stream_ends_when_the_server_stops_and_says_how_far_it_is_stored(tmp_path: Path) -> None:
    place = f"/v1/ingest/stream?run_id={RUN}&writer_id=stopped"
    with listening(tmp_path) as served, closing(Raw(served, place, "application/x-ndjson")) as raw:
        raw.socket.sendall(LINE * 3)
        with served.http() as http:
            until(
                lambda: (
                    http.get("/v1/ingest/position", params={"writer_id": "stopped"}).json()["sequence"] == 3
                )
            )
        served.state.stop()
        status, error = raw.answer()
    assert (status, error["code"]) == (503, "unavailable")
    assert error["details"]["sequence"] == 3


def test_a_stream_whose_key_was_revoked_stores_nothing_more(tmp_path: Path) -> None:
    place = f"/v1/ingest/stream?run_id={RUN}&writer_id=revoked"
    with listening(tmp_path) as served, served.http() as http:
        key = key_of(served.state.access, "local", "write")
        access, operator = served.state.access, served.state.access.operator("local")
        with closing(Raw(served, place, "application/x-ndjson", key=key)) as raw:
            raw.socket.sendall(LINE * 3)
            until(
                lambda: (
                    http.get("/v1/ingest/position", params={"writer_id": "revoked"}).json()["sequence"] == 3
                )
            )
            for each in access.keys.list(operator).items:
                if each.prefix in key:
                    access.keys.revoke(operator, each.id)
            raw.socket.sendall(LINE * 3)
            status, error = raw.answer()
        assert (status, error["code"], error["details"]["sequence"]) == (401, "unauthorized", 3)


def test_a_body_that_is_cut_off_stores_nothing(small: Served) -> None:
    body = pack([Batch(RUN, "cut", 1, 1, messages=[Message(1, START, {"op": "note", "text": "x"})])])
    for cut in range(0, len(body), 17):
        with closing(Raw(small, size=len(body))) as raw:
            raw.socket.sendall(body[:cut])
            raw.socket.shutdown(socket.SHUT_WR)
            raw.socket.recv(65536)
    with small.http() as http:
        assert http.get("/v1/ingest/position", params={"writer_id": "cut"}).json() == {"sequence": 0}
        assert http.post("/v1/ingest", content=body, headers={"Content-Type": MEDIA_TYPE}).status_code == 200


def test_bodies_share_a_budget_and_one_alone_always_fits() -> None:
    budget = Budget(1000)
    with budget.held() as first:
        first.add(5000)
        with budget.held() as second, pytest.raises(SlowDown) as refusal:
            second.add(1)
        assert refusal.value.details == {"retry_after": 1}
        first.add(10)
        assert budget.used == 5010
    assert budget.used == 0
    with budget.held() as third:
        third.add(900)
        with budget.held() as fourth:
            fourth.add(100)


def test_whoever_finds_no_memory_is_told_when_to_come_again(tmp_path: Path) -> None:
    with in_process(tmp_path, budget=Budget(10)) as served, served.http() as http:
        with served.state.budget.held() as held:
            held.add(10)
            answer = http.post("/v1/ingest", content=GOOD, headers={"Content-Type": MEDIA_TYPE})
            assert refusal(answer, 429)["code"] == "slow_down"
            assert answer.headers["retry-after"] == "1"
        assert http.post("/v1/ingest", content=GOOD, headers={"Content-Type": MEDIA_TYPE}).status_code == 200
        assert served.state.budget.used == 0
