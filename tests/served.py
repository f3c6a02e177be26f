"""A server of a test's own, in a thread: what a client that sends journals needs of one, over a ledger that is asked directly."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from autoresearch.errors import AutoresearchError, Unauthorized
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.protocol.points_wire import unpack
from autoresearch.protocol.statuses import status_of

KEY = "ar_abcdefgh_0123456789abcdefghijklmnopqrstuv"


class Served:
    """A server on a port of this machine.

    Attributes:
        ledger: What it keeps.
        asked: Method and path of every request, in order.
    """

    def __init__(self, home: Path) -> None:
        self.ledger = LocalLedger.open(home)
        self.asked: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(30)
        self.ledger.close()

    def answer(self, method: str, path: str, body: bytes) -> dict[str, Any]:
        runs, objects = self.ledger.runs, self.ledger.objects
        parts = urlsplit(path)
        self.asked.append(f"{method} {parts.path}")
        match parts.path:
            case "/v1/ingest":
                results = []
                for batch in unpack(body):
                    reached = runs.ingest(batch)
                    results.append({"run_id": batch.run, "writer_id": batch.writer, "sequence": reached})
                return {"results": results}
            case "/v1/ingest/position":
                return {"sequence": runs.position(parse_qs(parts.query)["writer_id"][0])}
            case "/v1/ingest/beat":
                return {}
            case "/v1/blobs/missing":
                return {"missing": sorted(objects.missing(json.loads(body)["digests"]))}
            case "/v1/blobs":
                return {"digest": objects.put(body), "size": len(body)}
            case "/v1/auth/status":
                return {"organization": "local"}
        raise AssertionError(path)


def _handler(served: Served) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._do()

        def do_POST(self) -> None:
            self._do()

        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                if self.headers["Authorization"] != f"Bearer {KEY}":
                    raise Unauthorized("There is no valid key with the request.", hint="Make a new key.")
                self._send(200, served.answer(self.command, self.path, body))
            except AutoresearchError as error:
                self._send(status_of(error), error.envelope())

        def _send(self, status: int, answer: dict[str, Any]) -> None:
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None: ...

    return Handler
