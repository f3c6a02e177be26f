"""A model on loopback that says what a test has written down, in the wire formats of OpenAI and Anthropic.

It is as strict as the real ones about the conversation that it is sent: every call has its result, in the right place, and
arguments are JSON objects. What breaks that is answered with status 400.

    with ModelServer() as server:
        server.says(chat(calls=[call("read_file", path="train.py")]), Reply(429, headers={"retry-after": "2"}), chat("done"))
        ...
        assert server.asked[1]["messages"][-1]["content"] == "LR = 1\n"
"""

from __future__ import annotations

import itertools
import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

__all__ = ["KEY", "ModelServer", "Reply", "Said", "call", "chat", "final", "message"]

KEY = "sk-test-0123456789abcdef"


@dataclass(frozen=True)
class Reply:
    """What the server sends: a body and its status; ``cut`` sends half of it, ``dropped`` nothing at all."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    dropped: bool = False
    dripping: bool = False

    @property
    def data(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Said:
    """An answer of the model, in either wire format."""

    text: str = ""
    calls: Sequence[tuple[str, Any]] = ()
    stop: str = ""
    refusal: str = ""
    usage: Mapping[str, int] | None = field(default_factory=lambda: {"read": 100, "written": 10})
    extra: Sequence[Mapping[str, Any]] = ()

    def as_chat(self, model: str) -> dict[str, Any]:
        calls = [
            {
                "id": f"call_{number}",
                "type": "function",
                "function": {
                    "name": name,
                    "arguments": given if isinstance(given, str) else json.dumps(given),
                },
            }
            for number, (name, given) in enumerate(self.calls)
        ]
        said: dict[str, Any] = {"role": "assistant", "content": self.text or None}
        said |= {"tool_calls": calls} if calls else {}
        said |= {"refusal": self.refusal} if self.refusal else {}
        stop = self.stop or ("tool_calls" if calls else "stop")
        found = {"id": "c1", "object": "chat.completion", "model": f"{model}-2026"}
        usage = self.usage and {
            "prompt_tokens": self.usage["read"],
            "completion_tokens": self.usage["written"],
        }
        return {**found, "choices": [{"index": 0, "message": said, "finish_reason": stop}], "usage": usage}

    def as_message(self, model: str) -> dict[str, Any]:
        content: list[dict[str, Any]] = [dict(one) for one in self.extra]
        content += [{"type": "text", "text": self.text or self.refusal}] if self.text or self.refusal else []
        content += [
            {"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": given}
            for number, (name, given) in enumerate(self.calls)
        ]
        cut = "max_tokens" if self.stop == "length" else self.stop
        stop = cut or ("refusal" if self.refusal else "tool_use" if self.calls else "end_turn")
        usage: dict[str, int] | None = None
        if self.usage:
            usage = {"input_tokens": self.usage["read"], "output_tokens": self.usage["written"]}
            usage |= {"cache_read_input_tokens": self.usage["cached"]} if "cached" in self.usage else {}
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": f"{model}-2026",
            "content": content,
            "stop_reason": stop,
            "usage": usage,
        }


Step = Said | Reply | Callable[[dict[str, Any]], "Said | Reply"]


def call(name: str, **arguments: Any) -> tuple[str, Any]:
    """One call of a tool."""
    return name, arguments


def final(note: str = "flat start -> warm-up", **config: Any) -> str:
    """A final answer in the form that a prompt asks for."""
    return f"Done.\n```json\n{json.dumps({'note': note, 'config': config})}\n```\n"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    owner: ModelServer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the standard library's name
        pass

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers.get("content-length") or 0))
        self._send(self.server.owner.reply(self.path, dict(self.headers.items()), json.loads(data)))

    def _send(self, reply: Reply) -> None:
        self.close_connection = True
        if reply.dropped:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()
            return
        self.send_response(reply.status)
        for name, value in {"content-type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("connection", "close")
        self.send_header("content-length", str(len(reply.data)))
        self.end_headers()
        if reply.dripping:
            self.wfile.write(reply.data[:1])
            self.server.owner.released.wait(20)
        self.wfile.write(reply.data[: len(reply.data) // 2] if reply.cut else reply.data)


class ModelServer:
    """The model.

    Attributes:
        asked: The bodies of all questions.
        headers: Their headers, names in lower case.
        paths: Their paths.
    """

    def __init__(self) -> None:
        self._steps: deque[Step] = deque()
        self._always: Step | None = None
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.released = threading.Event()
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.owner = self
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._http.shutdown()
        self._thread.join(20)
        self._http.server_close()

    @property
    def url(self) -> str:
        """Its origin."""
        return f"http://127.0.0.1:{self._http.server_port}"

    def says(self, *steps: Step) -> None:
        """What it answers to the next questions, in order."""
        self._steps.extend(steps)

    def always(self, step: Step) -> None:
        """What it answers to all further questions."""
        self._always = step

    def reply(self, path: str, headers: Mapping[str, str], body: dict[str, Any]) -> Reply:
        """What one question is answered with."""
        self.asked.append(body)
        self.paths.append(path)
        self.headers.append({name.lower(): value for name, value in headers.items()})
        is_chat = path.endswith("/chat/completions")
        fault = _chat_fault(body) if is_chat else _message_fault(body)
        if fault:
            return Reply(400, {"error": {"type": "invalid_request_error", "message": fault}})
        step = self._steps.popleft() if self._steps else self._always
        if step is None:
            return Reply(400, {"error": {"message": "the test has written down nothing more to say"}})
        said = step if isinstance(step, Said | Reply) else step(body)
        if isinstance(said, Reply):
            return said
        model = str(body["model"])
        return Reply(200, said.as_chat(model) if is_chat else said.as_message(model))


def _chat_fault(body: Mapping[str, Any]) -> str:
    open_calls: list[str] = []
    for one in body["messages"]:
        if one["role"] == "tool":
            if one["tool_call_id"] not in open_calls:
                return f"no call {one['tool_call_id']} waits for a result"
            open_calls.remove(one["tool_call_id"])
            continue
        if open_calls:
            return f"{open_calls[0]} has no result"
        for made in one.get("tool_calls", ()):
            if not isinstance(json.loads(made["function"]["arguments"]), dict):
                return "arguments are no object"
            open_calls.append(made["id"])
        if one["role"] == "assistant" and not one.get("tool_calls") and one.get("content") is None:
            return "an assistant's message is empty"
    return f"{open_calls[0]} has no result" if open_calls else ""


def _message_fault(body: Mapping[str, Any]) -> str:
    roles = [one["role"] for one in body["messages"]]
    if (
        roles[0] != "user"
        or roles[-1] != "user"
        or any(one == other for one, other in itertools.pairwise(roles))
    ):
        return "roles must alternate, from user to user"
    if not isinstance(body.get("max_tokens"), int):
        return "max_tokens: field required"
    waiting: list[str] = []
    for one in body["messages"]:
        kinds = [block["type"] for block in one["content"]]
        if not kinds:
            return "content is empty"
        if one["role"] == "assistant":
            waiting = [block["id"] for block in one["content"] if block["type"] == "tool_use"]
            if not all(isinstance(b["input"], dict) for b in one["content"] if b["type"] == "tool_use"):
                return "input is no object"
            continue
        given = [block["tool_use_id"] for block in one["content"] if block["type"] == "tool_result"]
        if sorted(given) != sorted(waiting) or kinds[: len(given)] != ["tool_result"] * len(given):
            return "tool_use ids without tool_result blocks immediately after"
        waiting = []
    return ""


def chat(*arguments: Any, **named: Any) -> Reply:
    """An answer in the form of chat completions, whatever was asked."""
    return Reply(200, Said(*arguments, **named).as_chat("model"))


def message(*arguments: Any, **named: Any) -> Reply:
    """An answer in the form of Anthropic's messages, whatever was asked."""
    return Reply(200, Said(*arguments, **named).as_message("model"))
