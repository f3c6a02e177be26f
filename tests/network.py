"""A network that misbehaves on purpose, between a client and a server of a test.

``Wire`` relays bytes of any protocol: it can be cut, be down, come up again, or break after so many bytes. ``Network`` relays
HTTP and decides anew for every request: resets, stalls, truncates, duplicates, holds back, or answers in the server's place.

    with Network(server.port) as network:
        network.meets(lost_answer(), answers(502, HTML))   # the next two requests; later ones pass
        client = Client(base_url=network.url)
        ...
        assert network.seen == ["POST /v1/blobs", "POST /v1/blobs", "POST /v1/blobs"]
"""

from __future__ import annotations

import contextlib
import random
import select
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Self

import h11

from tests.ports import Port

Target = int | str | tuple[str, int]
"""A port on loopback, the path of a socket file, or a host and a port."""

HTML = b"<!doctype html><html><body><h1>502 Bad Gateway</h1><hr>nginx</body></html>"
NOTHING = -1
_BYTES = 64 * 1024
_LONG = 30.0


class Wire:
    """Relays TCP connections to ``target`` and can be broken.

    Attributes:
        connections: How many were accepted.
    """

    def __init__(self, target: Target) -> None:
        self._target = ("127.0.0.1", target) if isinstance(target, int) else target
        self._listener: socket.socket | None = None
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._breaks: deque[tuple[int | None, int | None]] = deque()
        self._ended = threading.Event()
        # It is this wire's own also while it is down.
        self._port = Port()
        self.port = self._port.number
        self.connections = 0

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.down()
        self.cut()
        for thread in self._threads:
            thread.join(2 * _LONG)
            assert not thread.is_alive(), "a relay thread did not end"
        self._port.give_back()

    @property
    def url(self) -> str:
        """What a client of HTTP is pointed at."""
        return f"http://127.0.0.1:{self.port}"

    def up(self) -> None:
        """Listen, at the same port as before."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(128)
        self._listener = listener
        self._start(self._accept, listener)

    def down(self) -> None:
        """Refuse new connections; open ones go on until they are ``cut``."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in accept
            listener.close()

    def cut(self) -> None:
        """Reset every open connection now."""
        with self._lock:
            for connection in self._open:
                _reset(connection)

    def breaks(self, *, sent: int | None = None, received: int | None = None) -> None:
        """Reset the next connection when so many bytes have gone to the server, or come back from it."""
        self._breaks.append((sent, received))

    def _start(self, what: Callable[[socket.socket], None], argument: socket.socket) -> None:
        thread = threading.Thread(target=what, args=(argument,), daemon=True)
        self._threads = [one for one in self._threads if one.is_alive()]
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(client)
                self.connections += 1
            self._start(self._keep, client)

    def _keep(self, client: socket.socket) -> None:
        try:
            with contextlib.suppress(OSError, h11.RemoteProtocolError, h11.LocalProtocolError):
                client.settimeout(_LONG)
                self._relay(client)
        finally:
            self._release(client)

    def _release(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)
            connection.close()

    def _reach(self) -> socket.socket:
        family = socket.AF_UNIX if isinstance(self._target, str) else socket.AF_INET
        server = socket.socket(family)
        with self._lock:
            self._open.add(server)
        try:
            server.settimeout(_LONG)
            server.connect(self._target)
        except OSError:
            self._release(server)
            raise
        return server

    def _relay(self, client: socket.socket) -> None:
        sent, received = self._breaks.popleft() if self._breaks else (None, None)
        try:
            server = self._reach()
        except OSError:
            _reset(client)
            return
        left = {client: sent, server: received}
        other = {client: server, server: client}
        try:
            while True:
                for source in select.select([client, server], [], [], _LONG)[0]:
                    data, allowed = source.recv(_BYTES), left[source]
                    other[source].sendall(data if allowed is None else data[:allowed])
                    if allowed is not None:
                        left[source] = allowed - len(data)
                    if not data:
                        return
                    if allowed is not None and len(data) >= allowed:
                        _reset(client)
                        return
        finally:
            self._release(server)


@dataclass(frozen=True)
class Answer:
    """An answer that no server of ours gave."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Fault:
    """What one request meets.

    Attributes:
        sends: Bytes of its body that reach the server: None for all, NOTHING for not even the head.
        times: How often the server gets it.
        answer: What comes back in place of the server's answer.
        returns: Bytes of the answer's body that come back: None for all, NOTHING for not even the head.
        ends: How the connection ends where something is cut: with a reset, as if it were complete, or silence.
        until: The request is held back until this is set.
    """

    sends: int | None = None
    times: int = 1
    answer: Answer | None = None
    returns: int | None = None
    ends: Literal["reset", "close", "stall"] = "reset"
    until: threading.Event | None = None


PASSES = Fault()


def lost_request(after: int = NOTHING) -> Fault:
    """A reset before the server has all of it: before its first byte, or after so many bytes of the body."""
    return Fault(sends=after, returns=NOTHING)


def lost_answer() -> Fault:
    """The server does it, and the client sees a reset."""
    return Fault(returns=NOTHING)


def truncated(after: int, *, ends: Literal["reset", "close"] = "close") -> Fault:
    """Of the answer's body only so many bytes come back."""
    return Fault(returns=after, ends=ends)


def stalls(*, sends: int | None = None, returns: int = NOTHING) -> Fault:
    """Silence: before the answer, in its middle, or with only a part of the request taken."""
    return Fault(sends=sends, returns=returns, ends="stall")


def twice() -> Fault:
    """The server gets the request twice; the second answer comes back."""
    return Fault(times=2)


def held(until: threading.Event) -> Fault:
    """The request arrives late: after the event was set, so possibly after later ones."""
    return Fault(until=until)


def answers(
    status: int, body: bytes = HTML, *, kind: str = "text/html", done: bool = False, **headers: str
) -> Fault:
    """Another answer; with ``done`` the server did the work all the same. ``retry_after="1"`` gives a header."""
    named = (("Content-Type", kind), *((name.replace("_", "-"), value) for name, value in headers.items()))
    return Fault(sends=None if done else NOTHING, answer=Answer(status, body, named))


def gently(faults: Sequence[Fault], *, every: float, seed: int) -> Callable[[str], Fault]:
    """One of the faults at random for this share of the requests; for ``Network.decide``."""
    dice = random.Random(seed)
    return lambda _: dice.choice(faults) if dice.random() < every else PASSES


class Network(Wire):
    """Relays HTTP and lets each request meet a fault.

    Attributes:
        seen: Method and target of every request that came, in order.
        decide: Asked with method and target when ``meets`` has nothing left.
    """

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.seen: list[str] = []
        self.decide: Callable[[str], Fault] = lambda _: PASSES
        self._next: deque[Fault] = deque()

    def meets(self, *faults: Fault) -> None:
        """What the next requests meet, in order."""
        self._next.extend(faults)

    def _relay(self, client: socket.socket) -> None:
        inside = h11.Connection(h11.SERVER)
        while isinstance(request := _event(inside, client), h11.Request):
            what = f"{request.method.decode()} {request.target.decode()}"
            with self._lock:
                self.seen.append(what)
                fault = self._next.popleft() if self._next else self.decide(what)
            if not self._exchange(client, inside, request, fault):
                return
            inside.start_next_cycle()

    def _exchange(
        self, client: socket.socket, inside: h11.Connection, request: h11.Request, fault: Fault
    ) -> bool:
        """One request and its answer; whether the connection can go on."""
        if fault.until is not None:
            fault.until.wait(_LONG)
        if fault.sends == NOTHING and fault.answer is None:
            return self._end(client, fault)
        body = [event.data for event in _Body(inside, client)] if fault.times > 1 or fault.answer else None
        if fault.sends != NOTHING:
            for turn in range(fault.times):
                last = turn == fault.times - 1 and fault.answer is None
                if not self._forward(client, inside, request, body, fault, shown=last):
                    return False
        if fault.answer is not None:
            answer = fault.answer
            head = h11.Response(
                status_code=answer.status,
                headers=[*answer.headers, ("Content-Length", str(len(answer.body)))],
            )
            for event in (head, h11.Data(data=answer.body), h11.EndOfMessage()):
                client.sendall(inside.send(event) or b"")
        return inside.our_state is h11.DONE and inside.their_state is h11.DONE

    def _forward(
        self,
        client: socket.socket,
        inside: h11.Connection,
        request: h11.Request,
        body: list[bytes] | None,
        fault: Fault,
        *,
        shown: bool,
    ) -> bool:
        outside = h11.Connection(h11.CLIENT)
        try:
            server = self._reach()
        except OSError:
            return self._end(client, PASSES)
        try:
            server.sendall(outside.send(request) or b"")
            left = fault.sends
            for data in body if body is not None else (event.data for event in _Body(inside, client)):
                if select.select([server], [], [], 0)[0]:
                    break  # it answers before it has all
                server.sendall(outside.send(h11.Data(data=data if left is None else data[:left])) or b"")
                left = None if left is None else left - len(data)
                if left is not None and left <= 0:
                    return self._end(client, fault)
            else:
                server.sendall(outside.send(h11.EndOfMessage()) or b"")
            return self._return(client, server, inside, outside, fault) if shown else _drain(server, outside)
        finally:
            self._release(server)

    def _return(
        self,
        client: socket.socket,
        server: socket.socket,
        inside: h11.Connection,
        outside: h11.Connection,
        fault: Fault,
    ) -> bool:
        left = fault.returns
        while True:
            event = _event(outside, server)
            if left == NOTHING:
                return self._end(client, fault)
            if isinstance(event, h11.Data) and left is not None:
                event, left = h11.Data(data=event.data[:left]), left - len(event.data)
            if left is not None and left <= 0 and not isinstance(event, h11.Response):
                if isinstance(event, h11.Data):
                    client.sendall(inside.send(event) or b"")
                return self._end(client, fault)
            if not isinstance(event, h11.Event) or isinstance(event, h11.ConnectionClosed):
                return self._end(client, PASSES)
            client.sendall(inside.send(event) or b"")
            if isinstance(event, h11.EndOfMessage):
                return inside.our_state is h11.DONE and inside.their_state is h11.DONE

    def _end(self, client: socket.socket, fault: Fault) -> bool:
        if fault.ends == "stall":
            client.settimeout(None)
            with contextlib.suppress(OSError):
                while client.recv(_BYTES):
                    pass  # whatever it still sends is swallowed until it gives up or the test ends
        elif fault.ends == "reset":
            _reset(client)
        return False


def _event(connection: h11.Connection, source: socket.socket) -> object:
    while (event := connection.next_event()) is h11.NEED_DATA:
        if connection.their_state is h11.SEND_BODY and connection.they_are_waiting_for_100_continue:
            go = h11.InformationalResponse(status_code=100, headers=[])
            source.sendall(connection.send(go) or b"")
        connection.receive_data(source.recv(_BYTES))
    return event


class _Body:
    """The pieces of a message's body as they come."""

    def __init__(self, connection: h11.Connection, source: socket.socket) -> None:
        self._connection, self._source = connection, source

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> h11.Data:
        event = _event(self._connection, self._source)
        if isinstance(event, h11.Data):
            return event
        if not isinstance(event, h11.EndOfMessage):
            raise ConnectionResetError
        raise StopIteration


def _drain(server: socket.socket, outside: h11.Connection) -> bool:
    while isinstance(event := _event(outside, server), h11.Event):
        if isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
            break
    return True


def _reset(connection: socket.socket) -> None:
    """Let the thread that relays it close it, which sends a reset: a shutdown for writing would be a polite end."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RD)
