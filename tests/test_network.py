"""The misbehaving network of the tests does to a request what its name says, and nothing to the others."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from tests.network import (
    HTML,
    PASSES,
    Network,
    Wire,
    answers,
    gently,
    held,
    lost_answer,
    lost_request,
    stalls,
    truncated,
    twice,
)

BODY = bytes(range(256)) * 1000


class _Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) == length:
            self.server.got.append((self.path, body))  # type: ignore[attr-defined]
            self.send_response(200)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002  the name it has above


class _Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Echo)
        self.got: list[tuple[str, bytes]] = []

    def handle_error(self, *_: object) -> None: ...  # a reset is what these tests are about


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def network(server: _Server) -> Iterator[Network]:
    with Network(server.server_port) as made:
        yield made


@pytest.fixture
def client(network: Network) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=network.url, timeout=20) as made:
        yield made


def _expect_echo(client: httpx.Client, path: str = "/") -> None:
    assert client.post(path, content=BODY).content == BODY


def test_what_meets_nothing_passes_unchanged_over_one_connection(
    network: Network, client: httpx.Client, server: _Server
) -> None:
    for _ in range(3):
        _expect_echo(client, "/a?b=c")
    assert server.got == [("/a?b=c", BODY)] * 3
    assert network.seen == ["POST /a?b=c"] * 3
    assert network.connections == 1


@pytest.mark.parametrize("after", [-1, 0, 1, 100_000])
def test_a_lost_request_never_reaches_the_server_whole(
    after: int, network: Network, client: httpx.Client, server: _Server
) -> None:
    network.meets(lost_request(after))
    with pytest.raises(httpx.TransportError):
        client.post("/", content=BODY)
    _expect_echo(client)
    assert len(server.got) == 1


def test_a_lost_answer_leaves_the_work_done(network: Network, client: httpx.Client, server: _Server) -> None:
    network.meets(lost_answer())
    with pytest.raises(httpx.TransportError):
        client.post("/", content=BODY)
    _expect_echo(client)
    assert len(server.got) == 2


def test_a_truncated_answer_has_as_many_bytes_as_were_asked_for(
    network: Network, client: httpx.Client
) -> None:
    network.meets(truncated(1000), truncated(70_000, ends="reset"))
    for allowed in (1000, 70_000):
        with client.stream("POST", "/", content=BODY) as answer:
            pieces: list[bytes] = []
            with pytest.raises(httpx.TransportError):
                pieces.extend(answer.iter_raw())
        got = b"".join(pieces)
        assert got == BODY[: len(got)]
        assert len(got) <= allowed
    _expect_echo(client)


@pytest.mark.parametrize("fault", [stalls(), stalls(returns=10), stalls(sends=10)])
def test_silence_is_met_by_the_clients_own_time_out(
    fault: object, network: Network, client: httpx.Client
) -> None:
    network.meets(fault)  # type: ignore[arg-type]
    with pytest.raises(httpx.TimeoutException):
        client.post("/", content=BODY, timeout=0.3)
    _expect_echo(client)


def test_a_doubled_request_is_done_twice_and_answered_once(
    network: Network, client: httpx.Client, server: _Server
) -> None:
    network.meets(twice())
    _expect_echo(client)
    assert len(server.got) == 2
    _expect_echo(client)


def test_a_strangers_answer_comes_with_or_without_the_work(
    network: Network, client: httpx.Client, server: _Server
) -> None:
    network.meets(answers(502), answers(429, b"{}", kind="application/json", retry_after="7", done=True))
    refused = client.post("/", content=BODY)
    assert (refused.status_code, refused.content, server.got) == (502, HTML, [])
    slowed = client.post("/", content=BODY)
    assert (slowed.status_code, slowed.headers["Retry-After"], len(server.got)) == (429, "7", 1)
    _expect_echo(client)


def test_a_request_that_is_held_back_arrives_after_a_later_one(
    network: Network, client: httpx.Client, server: _Server
) -> None:
    later = threading.Event()
    network.decide = lambda what: held(later) if "early" in what else PASSES
    early = threading.Thread(target=_expect_echo, args=(client, "/early"))
    early.start()
    _expect_echo(client, "/late")
    later.set()
    early.join()
    assert [path for path, _ in server.got] == ["/late", "/early"]


def test_faults_at_random_are_the_same_for_the_same_seed() -> None:
    faults = [lost_answer(), lost_request(), twice()]
    first, second = (gently(faults, every=0.5, seed=7) for _ in range(2))
    met = [first("") for _ in range(100)]
    assert met == [second("") for _ in range(100)]
    assert {*faults, PASSES} == set(met)


def test_a_network_that_is_down_refuses_and_comes_up_at_the_same_port(
    network: Network, client: httpx.Client
) -> None:
    _expect_echo(client)
    network.down()
    network.cut()
    with pytest.raises(httpx.TransportError):
        client.post("/", content=BODY)
    with pytest.raises(httpx.ConnectError):
        client.post("/", content=BODY)
    network.up()
    _expect_echo(client)


def test_a_server_that_is_gone_is_a_reset(network: Network, client: httpx.Client, server: _Server) -> None:
    server.socket.close()
    with pytest.raises(httpx.TransportError):
        client.post("/", content=BODY)
    assert server.got == []


@pytest.mark.parametrize(("sent", "received"), [(100, None), (None, 100), (0, None)])
def test_a_wire_breaks_after_so_many_bytes_of_any_protocol(
    sent: int | None, received: int | None, server: _Server
) -> None:
    with Wire(server.server_port) as wire, httpx.Client(base_url=wire.url) as client:
        wire.breaks(sent=sent, received=received)
        with pytest.raises(httpx.TransportError):
            client.post("/", content=BODY)
        _expect_echo(client)


def test_a_wire_that_is_cut_resets_who_waits() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        Wire(server.getsockname()[1]) as wire,
        socket.create_connection(("127.0.0.1", wire.port)) as client,
        server.accept()[0] as other,
    ):
        wire.cut()
        for end in (client, other):
            with pytest.raises(ConnectionResetError):
                end.recv(1)
