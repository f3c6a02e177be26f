"""A connection that never says what it wants is let go, and one that does is not."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.serving import listening


def test_headers_that_never_end_close_their_connection_alone(tmp_path: Path) -> None:
    with listening(tmp_path, patience=1.0) as served:
        place = ("127.0.0.1", int(served.url.rpartition(":")[2]))
        with (
            socket.create_connection(place, timeout=30) as slow,
            socket.create_connection(place, timeout=30) as silent,
        ):
            slow.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            assert _rest(slow) == b""
            assert _rest(silent) == b""
        with served.http() as http:
            assert http.get("/health").status_code == 200


def test_a_second_request_on_a_connection_has_the_same_time(tmp_path: Path) -> None:
    with listening(tmp_path, patience=1.0) as served:
        place = ("127.0.0.1", int(served.url.rpartition(":")[2]))
        with socket.create_connection(place, timeout=30) as connection:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n")
            assert b"200" not in _rest(connection)


def _rest(connection: socket.socket) -> bytes:
    """What comes until the other side ends."""
    found = b""
    try:
        while part := connection.recv(4096):
            found += part
    except ConnectionResetError:
        pass
    return found
