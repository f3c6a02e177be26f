"""One question to a model over HTTP: tried again while that makes sense, bounded in time and size, and never redirected.

The answer is waited for in a thread of its own, so that the end of a campaign or of its time cuts the line at once, however
long a model thinks.
"""

from __future__ import annotations

import contextlib
import email.utils
import json
import random
import socket
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx

from autoresearch.briefs.fence import quote
from autoresearch.errors import AgentError
from autoresearch.execution.runner import stop_wanted

__all__ = ["ContextTooLongError", "Endpoint", "Line", "Waiting"]

_AGAIN = frozenset({408, 409, 429, *range(500, 600)})
_FATAL = frozenset({401, 402, 403, 404, 405})
_MOST_BYTES, _MOST_SAID = 32 * 1024 * 1024, 300
_FIRST_WAIT, _CONNECT, _LOOK = 0.5, 15.0, 0.1
_SPENT, _SHORTEST_KEY = "insufficient_quota", 12
_TOO_LONG = (
    "context_length_exceeded",
    "context length",
    "context window",
    "context size",
    "prompt is too long",
    "request_too_large",
    "maximum context",
    "exceed_context_size",
)


class ContextTooLongError(AgentError):
    """The conversation does not fit into what the model can read."""


def _pause(seconds: float) -> None:
    """Wait, but no longer than the campaign goes on."""
    until = time.monotonic() + seconds
    while not stop_wanted() and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, _LOOK))


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long and how often a question is tried.

    Attributes:
        attempts: Times that one question is sent, the first included.
        longest: Seconds waited between two at most, also where the server names more.
        pause: Waits so many seconds.
        clock: Seconds on a clock that only goes forward.
        stopped: Why the answer is not wanted any more; empty while it is.
    """

    attempts: int = 6
    longest: float = 60.0
    pause: Callable[[float], None] = _pause
    clock: Callable[[], float] = time.monotonic
    stopped: Callable[[], str] = stop_wanted


class Line:
    """The connections of one conversation, which can be cut while somebody waits at them."""

    def __init__(self) -> None:
        self._client = httpx.Client(follow_redirects=False)
        self._sockets: list[socket.socket] = []
        self._is_cut = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def send(
        self, url: str, headers: Mapping[str, str], data: bytes, timeout: httpx.Timeout
    ) -> Future[tuple[int, httpx.Headers, bytes]]:
        """Post in a thread of its own; the status, headers and body that come back."""
        answer: Future[tuple[int, httpx.Headers, bytes]] = Future()

        def post() -> None:
            try:
                answer.set_result(self._posted(url, headers, data, timeout))
            except (httpx.HTTPError, AgentError, OSError) as error:
                answer.set_exception(error)
            except RuntimeError as error:
                # The client is closed: all was over before this thread had its turn, and nobody waits.
                answer.set_exception(OSError(f"the request was not sent: {error}"))
            finally:
                # Whatever else went wrong, nobody waits for ever.
                if not answer.done():
                    answer.set_exception(OSError("the request ended without an answer"))

        threading.Thread(target=post, name="autoresearch-model", daemon=True).start()
        return answer

    def cut(self) -> None:
        """Break every connection, also one that is only being made, so that whoever waits at one stops."""
        self._is_cut = True
        for one in self._sockets:
            _broken(one)

    def _posted(
        self, url: str, headers: Mapping[str, str], data: bytes, timeout: httpx.Timeout
    ) -> tuple[int, httpx.Headers, bytes]:
        extensions = {"trace": self._noted}
        request = self._client.build_request(
            "POST", url, content=data, headers=headers, timeout=timeout, extensions=extensions
        )
        response = self._client.send(request, stream=True)
        with contextlib.closing(response):
            parts: list[bytes] = []
            size = 0
            for part in response.iter_bytes():
                size += len(part)
                if size > _MOST_BYTES:
                    raise AgentError(
                        f"The answer of {url.partition('?')[0]} has more than {_MOST_BYTES:,} bytes.",
                        hint="Ask for less.",
                    )
                parts.append(part)
            return response.status_code, response.headers, b"".join(parts)

    def _noted(self, event: str, info: Mapping[str, Any]) -> None:
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            found = info["return_value"].get_extra_info("socket")
            if isinstance(found, socket.socket):
                self._sockets.append(found)
                if self._is_cut:
                    _broken(found)


def _broken(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model is asked.

    Args:
        url: Full address of the call.
        headers: Those of every question, the key among them; they are shown nowhere.
        waiting: How long and how often a question is tried.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)
    waiting: Waiting = field(default_factory=Waiting)

    def ask(
        self,
        line: Line,
        body: Mapping[str, Any],
        until: float | None,
        remark: Callable[[str], None],
    ) -> dict[str, Any]:
        """Send one question; answers the JSON object that came back.

        Args:
            line: Holds the connections.
            body: The question.
            until: When to give up, on the clock of ``waiting``; None for never.
            remark: Told of every attempt that failed and is made again.

        Raises:
            ContextTooLongError: The server says that the conversation is too long.
            AgentError: There is no answer in time, or it is none; ``details["fatal"]`` when asking again is useless, else
                perhaps ``details["retry_after"]``, in seconds.
        """
        data = json.dumps(body).encode()
        for attempt in range(1, self.waiting.attempts + 1):
            failure, wait = self._once(line, data, until, attempt)
            if isinstance(failure, dict):
                return failure
            left = None if until is None else until - self.waiting.clock()
            if attempt == self.waiting.attempts or (left is not None and wait >= left):
                raise AgentError(
                    f"The model at {self._where} gave no answer in {attempt} attempt{'s' if attempt > 1 else ''}: "
                    f"{failure}.",
                    hint="Look at the limits of the account and at the server, or give it more seconds.",
                    details={"retry_after": wait},
                )
            remark(f"{failure}; tried again in {wait:.1f} s")
            self.waiting.pause(wait)
            if why := self.waiting.stopped():
                raise AgentError(f"The model was not waited for: {why}.", hint="Resume the campaign.")
        raise AgentError("The model was not asked.", hint="Allow at least one attempt.")

    @property
    def _where(self) -> str:
        return self.url.partition("?")[0]

    def _once(
        self, line: Line, data: bytes, until: float | None, attempt: int
    ) -> tuple[dict[str, Any] | str, float]:
        """The answer; or what failed, and the seconds to wait before it is tried again."""
        wait = min(_FIRST_WAIT * 2 ** (attempt - 1), self.waiting.longest)
        wait *= 1 + random.random() / 4  # noqa: S311  so that workers do not all come back at once
        try:
            status, headers, text = self._sent(line, data, until)
        except (httpx.HTTPError, OSError) as error:
            return f"{type(error).__name__}: {error}".rstrip(": ")[:_MOST_SAID], wait
        if status >= 300:
            said = self._scrubbed(f"status {status}, {_reason(text)}")
            if status in _AGAIN and _SPENT not in said:
                return said, min(_retry_after(headers, wait), self.waiting.longest)
            raise self._refused(status, said)
        try:
            answer = json.loads(text)
        except ValueError:
            return f"the answer is no JSON: {quote(text.decode('utf-8', 'replace'), 80)}", wait
        if not isinstance(answer, dict):
            return f"the answer is no JSON object: {quote(text.decode('utf-8', 'replace'), 80)}", wait
        return answer, 0.0

    def _sent(self, line: Line, data: bytes, until: float | None) -> tuple[int, httpx.Headers, bytes]:
        waiting = self.waiting
        left = None if until is None else max(until - waiting.clock(), 0.001)
        timeout = httpx.Timeout(left, connect=_CONNECT if left is None else min(left, _CONNECT))
        answer = line.send(self.url, self.headers, data, timeout)
        while not wait_for([answer], timeout=_LOOK).done:
            if why := waiting.stopped():
                line.cut()
                raise AgentError(f"The model was not waited for: {why}.", hint="Resume the campaign.")
            # A server that sends a byte now and then never meets the time-out of one read.
            if until is not None and waiting.clock() >= until:
                line.cut()
                raise httpx.ReadTimeout("the answer did not end in time")
        return answer.result()

    def _scrubbed(self, said: str) -> str:
        """Without the key, which some servers repeat when they refuse it."""
        for value in self.headers.values():
            for secret in (value, value.rpartition(" ")[2]):
                said = said.replace(secret, "***") if len(secret) >= _SHORTEST_KEY else said
        return said

    def _refused(self, status: int, said: str) -> AgentError:
        low = said.lower()
        if status in {400, 413, 422} and (status == 413 or any(mark in low for mark in _TOO_LONG)):
            return ContextTooLongError(
                f"The conversation is too long for the model at {self._where}: {said}.",
                hint="Take a model that reads more, or a smaller file.",
            )
        hints = {
            401: "Set the variable that the profile names to a valid key.",
            402: "Look at the account's balance.",
            403: "The key may not use this model.",
            404: "Look at the base URL and the name of the model.",
        }
        return AgentError(
            f"The model at {self._where} refused the question: {said}.",
            hint=hints.get(status, "Look at the options of the model."),
            details={"fatal": status in _FATAL or _SPENT in said},
        )


def _reason(text: bytes) -> str:
    """What an error's body says, in whichever of the usual shapes."""
    shown = text[:4000].decode("utf-8", "replace")
    try:
        body = json.loads(text)
    except ValueError:
        return quote(shown, _MOST_SAID)
    error = body.get("error", body) if isinstance(body, dict) else body
    if isinstance(error, dict):
        words = [str(error[key]) for key in ("code", "type", "message", "detail") if error.get(key)]
        return quote(": ".join(words) or shown, _MOST_SAID)
    return quote(str(error), _MOST_SAID)


def _retry_after(headers: httpx.Headers, otherwise: float) -> float:
    """Seconds that the server asks to wait: ``retry-after-ms``, or ``retry-after`` in seconds or as a date."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        said = headers.get(name, "")
        try:
            seconds = float(said) * unit
        except ValueError:
            seconds = _until_date(said)
        if 0 <= seconds < float("inf"):
            return seconds
    return otherwise


def _until_date(said: str) -> float:
    try:
        return email.utils.parsedate_to_datetime(said).timestamp() - time.time()
    except (TypeError, ValueError):
        return -1.0
