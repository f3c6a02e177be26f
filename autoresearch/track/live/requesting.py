"""Requests to a server from a training process: one kept-alive connection, and the standard library alone.

Everything here runs in the background, where waiting and loading cost the script nothing. A request is given up after some
seconds; who asked tries again later, and the server takes each thing once.
"""

from __future__ import annotations

import os
import threading
import time
import weakref

from autoresearch.errors import Unavailable

TYPE_CHECKING = False  # importing typing would cost more than this module
if TYPE_CHECKING:
    from collections.abc import Mapping
    from http.client import HTTPConnection, HTTPResponse
    from typing import Any, BinaryIO

    from autoresearch.errors import AutoresearchError

__all__ = ["Requests"]

_PATIENCE = 20.0
_MOST_ANSWER = 4 << 20
_PIECE = 64 << 10
_live: weakref.WeakSet[Requests] = weakref.WeakSet()


class Requests:
    """A connection to one server. Threads may share it; a forked child gets one of its own.

    Args:
        url: Origin of the server, perhaps with a path.
        key: The key that is sent with every request.
        patience: Seconds without a byte after which a request is given up.

    Every request raises:
        Unavailable: Nothing, or nothing that makes sense, was answered.
        SlowDown: The server has too much to do; ``details["retry_after"]`` says for how long.
        AutoresearchError: What the server answered: that it refuses the key, the content, the size.
    """

    __slots__ = ("__weakref__", "_connection", "_ended", "_key", "_lock", "_path", "_used", "patience", "url")

    def __init__(self, url: str, key: str, *, patience: float = _PATIENCE) -> None:
        self.url = url
        self.patience = patience
        self._key = key
        self._path = ""
        self._connection: HTTPConnection | None = None
        self._used = False
        self._ended = False
        self._lock = threading.Lock()
        _live.add(self)

    def get(self, path: str) -> dict[str, Any]:
        """What a GET of a path below the origin answers."""
        return self._asked("GET", path, None, {})

    def post(self, path: str, body: bytes, media_type: str) -> dict[str, Any]:
        """What a POST of some bytes answers; it may be sent twice."""
        return self._asked("POST", path, body, {"Content-Type": media_type})

    def post_file(self, path: str, file: BinaryIO, size: int) -> dict[str, Any]:
        """What a POST of a file answers; it may be sent twice."""
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        return self._asked("POST", path, file, headers)

    def close(self) -> None:
        """End the connection for good, also under a request that waits: that one fails, and so does every later one."""
        self._ended = True
        self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        self._used = False
        if connection is not None:
            _ended(connection)

    def _asked(
        self, method: str, path: str, body: bytes | BinaryIO | None, headers: Mapping[str, str]
    ) -> dict[str, Any]:
        from http.client import HTTPException

        with self._lock:
            while True:
                kept = self._used
                try:
                    return self._answered(method, path, body, headers)
                except (OSError, HTTPException) as error:
                    self._drop()
                    # A connection that was kept may have been closed meanwhile, which shows when it is used again.
                    if not kept or isinstance(error, TimeoutError):
                        raise self._silent(error) from None
                except BaseException:
                    self._drop()
                    raise

    def _answered(
        self, method: str, path: str, body: bytes | BinaryIO | None, headers: Mapping[str, str]
    ) -> dict[str, Any]:
        from autoresearch._version import __version__

        connection = self._connected()
        if body is not None and not isinstance(body, bytes):
            body.seek(0)
        said = {
            "Authorization": f"Bearer {self._key}",
            "User-Agent": f"autoresearch/{__version__}",
            "Accept": "application/json",
        }
        connection.request(method, self._path + path, body=body, headers={**said, **headers})
        response = connection.getresponse()
        data = self._read(response)
        self._used = not response.will_close
        if response.will_close:
            self._drop()
        return self._understood(response, data)

    def _read(self, response: HTTPResponse) -> bytes:
        """The whole body; one that comes by drops is given up like one that does not come."""
        until, data = time.monotonic() + self.patience, b""
        while piece := response.read(_PIECE):
            data += piece
            if len(data) > _MOST_ANSWER or time.monotonic() > until:
                self._drop()
                raise self._odd(response.status, data)
        if response.length:
            raise ConnectionResetError("the answer was cut off")
        return data

    def _understood(self, response: HTTPResponse, data: bytes) -> dict[str, Any]:
        from autoresearch.protocol.statuses import error_of

        answer: Any = None
        try:
            if data and "json" in response.headers.get("Content-Type", ""):
                answer = _json(data)
        except ValueError:
            answer = None
        if response.status < 300 and isinstance(answer, dict):
            return answer
        error = error_of(answer) if response.status >= 400 else None
        if error is None:
            error = self._odd(response.status, data, to=response.headers.get("Location"))
        wait = response.headers.get("Retry-After", "")
        if wait.isascii() and wait.isdigit():
            error.details.setdefault("retry_after", min(int(wait), 3600))
        raise error

    def _odd(self, status: int, data: bytes, *, to: str | None = None) -> AutoresearchError:
        """For an answer that is none of our server's: of a proxy, of another program, of a page for people."""
        from autoresearch.errors import SlowDown, TooLarge, Unauthorized

        if status == 429:
            return SlowDown(f"{self.url} has too much to do.", hint="It is tried again after a while.")
        if status == 413:
            return TooLarge(
                f"Something before {self.url} takes no request of this size.",
                hint="Raise the limit of the proxy; 8 MiB are enough.",
            )
        if status in {401, 403, 407}:
            return Unauthorized(
                f"Something before {self.url} refuses the request ({status}).", hint="Look at the proxy."
            )
        shown = data[:60].decode("utf-8", "replace").encode("unicode_escape").decode("ascii")
        hint = "Look whether AUTORESEARCH_BASE_URL is the address of an autoresearch server."
        if to:
            hint = f"Set AUTORESEARCH_BASE_URL to where it points: {to.partition('?')[0][:200]}."
        return Unavailable(
            f"{self.url} answered {status}, and not as a server of autoresearch does: {shown!r}.",
            hint=hint,
            details={"status": status},
        )

    def _silent(self, error: Exception) -> Unavailable:
        said = str(error) or type(error).__name__
        return Unavailable(
            f"{self.url} cannot be reached: {said}.",
            hint="Look whether the server runs and the network is there.",
        )

    def _connected(self) -> HTTPConnection:
        if self._ended:
            raise ConnectionAbortedError("the run has ended")
        if self._connection is None:
            self._used = False
            self._connection, self._path = _connection(self.url, self.patience)
        return self._connection

    def _start_anew(self) -> None:
        # In a forked child: the parent goes on with its connection, of which this process has only a copy.
        connection, self._connection = self._connection, None
        self._used = False
        self._lock = threading.Lock()
        if connection is not None and connection.sock is not None:
            os.close(connection.sock.detach())


def _connection(url: str, patience: float) -> tuple[HTTPConnection, str]:
    """A connection, not opened yet, and what stands before every path on it; a proxy of the environment is used."""
    from http.client import HTTPConnection, HTTPSConnection
    from urllib.parse import urlsplit
    from urllib.request import getproxies_environment, proxy_bypass

    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    proxy = "" if proxy_bypass(host) else getproxies_environment().get(parts.scheme, "")
    through = urlsplit(proxy if "://" in proxy else f"//{proxy}") if proxy else None
    if through is None or not through.hostname:
        kind = HTTPSConnection if secure else HTTPConnection
        return kind(host, port, timeout=patience), parts.path
    made = (HTTPSConnection if secure else HTTPConnection)(
        through.hostname, through.port or 80, timeout=patience
    )
    if not secure:
        return made, url
    made.set_tunnel(host, port, headers=_proxy_headers(through.username, through.password))
    return made, parts.path


def _proxy_headers(name: str | None, password: str | None) -> dict[str, str]:
    if not name:
        return {}
    from binascii import b2a_base64
    from urllib.parse import unquote

    said = b2a_base64(f"{unquote(name)}:{unquote(password or '')}".encode(), newline=False)
    return {"Proxy-Authorization": f"Basic {said.decode()}"}


def _ended(connection: HTTPConnection) -> None:
    from socket import SHUT_RDWR

    try:
        if connection.sock is not None:
            connection.sock.shutdown(SHUT_RDWR)  # wakes a thread that waits for an answer
    except OSError:
        pass  # it was over already
    connection.close()


def _json(data: bytes) -> Any:
    from autoresearch.records.jsontext import json_value

    return json_value(data)


def _after_fork() -> None:
    for requests in list(_live):
        requests._start_anew()


os.register_at_fork(after_in_child=_after_fork)
