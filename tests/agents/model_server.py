"""A model on loopback that does as it is told, for agents that have no key.

It speaks what the coding agents speak: Messages and their stream (Anthropic), Chat Completions and Responses (OpenAI)
and generateContent (Gemini). A script decides on each turn; what a conversation is, and how far it has come, is read
from the request itself, so that several agents may talk at once.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

__all__ = ["Call", "Fail", "ModelServer", "Refuse", "Say", "Turn", "model_server"]

INPUT_TOKENS, CACHED_TOKENS, OUTPUT_TOKENS = 100, 40, 7
"""What each answer is said to have cost: tokens read in all, those of them from a cache, and tokens written."""


@dataclass(frozen=True)
class Turn:
    """What the model is asked.

    Attributes:
        prompt: All text of the first message that a person, or a program in their place, wrote.
        results: What the tools answered since then, the oldest first.
        tools: Names of the tools it may call, as the agent names them.
        model: The name by which it was asked.
        key: Whether a key came along.
    """

    dialect: str
    prompt: str
    results: tuple[str, ...]
    tools: tuple[str, ...]
    model: str
    key: bool = True


@dataclass(frozen=True)
class Say:
    """End the turn with these words."""

    text: str


@dataclass(frozen=True)
class Call:
    """Call the tool whose name ends so."""

    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Fail:
    """Answer with an HTTP error."""

    status: int
    message: str
    kind: str = "invalid_request_error"


@dataclass(frozen=True)
class Refuse:
    """Decline for reasons of safety, in the way of the dialect."""

    text: str = "I cannot help with that."


Reply = Say | Call | Fail | Refuse
Script = Callable[[Turn], Reply]


def _texts(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        return _texts(content.get("text") or content.get("content") or content.get("output") or "")
    if isinstance(content, Sequence):
        return "\n".join(filter(None, map(_texts, content)))
    return ""


class _Anthropic:
    path = re.compile(r"/v1/messages$")

    @staticmethod
    def turn(body: Mapping[str, Any], _path: str) -> Turn:
        asked, results = "", []
        for message in body["messages"]:
            blocks = message["content"]
            blocks = [{"type": "text", "text": blocks}] if isinstance(blocks, str) else blocks
            if message["role"] == "user":
                asked = asked or _texts([block for block in blocks if block["type"] == "text"])
                results += [_texts(block) for block in blocks if block["type"] == "tool_result"]
        tools = tuple(tool["name"] for tool in body.get("tools", ()) if "name" in tool)
        return Turn("anthropic", asked, tuple(results), tools, body["model"])

    @staticmethod
    def events(turn: Turn, reply: Say | Call | Refuse, number: int) -> Iterator[tuple[str, Any]]:
        usage = {
            "input_tokens": INPUT_TOKENS - CACHED_TOKENS,
            "cache_read_input_tokens": CACHED_TOKENS,
            "cache_creation_input_tokens": 0,
            "output_tokens": OUTPUT_TOKENS,
        }
        begun = {
            "id": f"msg_{number}",
            "type": "message",
            "role": "assistant",
            "model": turn.model,
            "content": [],
        }
        nothing = {"stop_reason": None, "stop_sequence": None}
        yield "message_start", {"type": "message_start", "message": {**begun, **nothing, "usage": usage}}
        if not isinstance(reply, Call):
            block: Any = {"type": "text", "text": ""}
            delta: Any = {"type": "text_delta", "text": reply.text}
        else:
            block = {"type": "tool_use", "id": f"toolu_{number}", "name": reply.tool, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(reply.arguments)}
        yield "content_block_start", {"type": "content_block_start", "index": 0, "content_block": block}
        yield "content_block_delta", {"type": "content_block_delta", "index": 0, "delta": delta}
        yield "content_block_stop", {"type": "content_block_stop", "index": 0}
        reason = {Say: "end_turn", Call: "tool_use", Refuse: "refusal"}[type(reply)]
        ended = {"stop_reason": reason, "stop_sequence": None}
        yield "message_delta", {"type": "message_delta", "delta": ended, "usage": usage}
        yield "message_stop", {"type": "message_stop"}

    @staticmethod
    def failure(fail: Fail) -> Any:
        return {"type": "error", "error": {"type": fail.kind, "message": fail.message}}


class _Chat:
    path = re.compile(r"/chat/completions$")

    @staticmethod
    def turn(body: Mapping[str, Any], _path: str) -> Turn:
        of = [(message["role"], _texts(message.get("content"))) for message in body["messages"]]
        asked = next((text for role, text in of if role == "user"), "")
        results = tuple(text for role, text in of if role == "tool")
        tools = tuple(tool["function"]["name"] for tool in body.get("tools", ()))
        return Turn("chat", asked, results, tools, body["model"])

    @staticmethod
    def events(turn: Turn, reply: Say | Call | Refuse, number: int) -> Iterator[tuple[str, Any]]:
        base = {"id": f"c{number}", "object": "chat.completion.chunk", "created": 0, "model": turn.model}
        usage = {
            "prompt_tokens": INPUT_TOKENS,
            "completion_tokens": OUTPUT_TOKENS,
            "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
            "prompt_tokens_details": {"cached_tokens": CACHED_TOKENS},
        }
        if not isinstance(reply, Call):
            delta: Any = {"role": "assistant", "content": reply.text}
        else:
            function = {"name": reply.tool, "arguments": json.dumps(reply.arguments)}
            call = {"index": 0, "id": f"call_{number}", "type": "function", "function": function}
            delta = {"role": "assistant", "content": None, "tool_calls": [call]}
        reason = {Say: "stop", Call: "tool_calls", Refuse: "content_filter"}[type(reply)]
        yield "", {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        yield "", {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}], "usage": usage}
        yield "", "[DONE]"

    @staticmethod
    def failure(fail: Fail) -> Any:
        return {"error": {"message": fail.message, "type": fail.kind, "code": fail.kind}}


class _Responses:
    path = re.compile(r"/responses$")

    @staticmethod
    def turn(body: Mapping[str, Any], _path: str) -> Turn:
        asked, results = [], []
        for item in body["input"]:
            if item.get("type") in {"function_call_output", "custom_tool_call_output"}:
                results.append(_texts(item))
            elif item.get("role") == "user" and not results:
                asked.append(_texts(item["content"]))
        names = []
        for tool in body.get("tools", ()):
            inner = tool.get("tools", ()) if tool.get("type") == "namespace" else ()
            names += [f"{tool['name']}.{one['name']}" for one in inner]
            names += [tool["name"]] if tool.get("type") in {"function", "custom"} else []
        return Turn("responses", "\n".join(asked), tuple(results), tuple(names), body["model"])

    @staticmethod
    def events(turn: Turn, reply: Say | Call | Refuse, number: int) -> Iterator[tuple[str, Any]]:
        if not isinstance(reply, Call):
            said: dict[str, Any] = {"type": "output_text", "text": reply.text, "annotations": []}
            said = {"type": "refusal", "refusal": reply.text} if isinstance(reply, Refuse) else said
            item: dict[str, Any] = {
                "type": "message",
                "id": f"m_{number}",
                "role": "assistant",
                "content": [said],
            }
        else:
            space, _, name = reply.tool.rpartition(".")
            item = {"type": "function_call", "id": f"fc_{number}", "call_id": f"call_{number}", "name": name}
            item |= {"arguments": json.dumps(reply.arguments)} | ({"namespace": space} if space else {})
        item["status"] = "completed"
        usage = {
            "input_tokens": INPUT_TOKENS,
            "input_tokens_details": {"cached_tokens": CACHED_TOKENS},
            "output_tokens": OUTPUT_TOKENS,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
        }
        whole = {"id": f"resp_{number}", "object": "response", "created_at": 0, "model": turn.model}
        begun = {**whole, "status": "in_progress", "output": []}
        yield "response.created", {"type": "response.created", "response": begun}
        done = {"type": "response.output_item.done", "output_index": 0, "item": item}
        yield "response.output_item.done", done
        ended = {**whole, "status": "completed", "output": [item], "usage": usage}
        yield "response.completed", {"type": "response.completed", "response": ended}

    failure = _Chat.failure


class _Gemini:
    path = re.compile(r"/models/([^/:]+):(?:stream)?[gG]enerateContent$")

    @classmethod
    def turn(cls, body: Mapping[str, Any], path: str) -> Turn:
        asked, results = [], []
        for message in body["contents"]:
            for part in message["parts"]:
                if "functionResponse" in part:
                    results.append(json.dumps(part["functionResponse"]["response"]))
                elif message.get("role") == "user" and "text" in part and not results:
                    asked.append(part["text"])
        declared = [one for tool in body.get("tools", ()) for one in tool.get("functionDeclarations", ())]
        match = cls.path.search(path)
        assert match is not None
        names = tuple(one["name"] for one in declared)
        return Turn("gemini", "\n".join(asked), tuple(results), names, match[1])

    @staticmethod
    def events(turn: Turn, reply: Say | Call | Refuse, _number: int) -> Iterator[tuple[str, Any]]:
        if not isinstance(reply, Call):
            part: Any = {"text": reply.text}
        else:
            part = {"functionCall": {"name": reply.tool, "args": dict(reply.arguments)}}
        usage = {
            "promptTokenCount": INPUT_TOKENS,
            "cachedContentTokenCount": CACHED_TOKENS,
            "candidatesTokenCount": OUTPUT_TOKENS,
            "totalTokenCount": INPUT_TOKENS + OUTPUT_TOKENS,
        }
        content = {"role": "model", "parts": [part]}
        reason = "SAFETY" if isinstance(reply, Refuse) else "STOP"
        candidate = {"content": content, "finishReason": reason, "index": 0}
        yield "", {"candidates": [candidate], "usageMetadata": usage, "modelVersion": turn.model}

    @staticmethod
    def failure(fail: Fail) -> Any:
        return {"error": {"code": fail.status, "message": fail.message, "status": fail.kind}}


_DIALECTS = (_Anthropic, _Chat, _Responses, _Gemini)


@dataclass
class ModelServer:
    """A running server.

    Attributes:
        url: Its address, without a path.
        turns: Every question it was asked, in order.
    """

    url: str
    script: Script
    turns: list[Turn] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def decide(self, turn: Turn) -> tuple[Reply, int]:
        """The answer, with the tool by its full name, and its number."""
        with self._lock:
            self.turns.append(turn)
            number = len(self.turns)
        reply = self.script(turn)
        if isinstance(reply, Call):
            named = next((name for name in turn.tools if name.endswith(reply.tool)), None)
            if named is None:
                return Say(f"There is no tool {reply.tool} among {', '.join(turn.tools)}."), number
            reply = Call(named, reply.arguments)
        return reply, number


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: ClassVar[ModelServer]

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Print nothing."""

    def do_GET(self) -> None:
        self._json(200, {"object": "list", "data": [{"id": "scripted", "object": "model"}], "models": []})

    def do_HEAD(self) -> None:
        self._json(200, None)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
        path = self.path.partition("?")[0]
        for dialect in _DIALECTS:
            if dialect.path.search(path):
                return self._answer(dialect, body, path)
        return self._json(200, {"input_tokens": 10, "totalTokens": 10})

    def _answer(self, dialect: Any, body: Mapping[str, Any], path: str) -> None:
        key = any(self.headers.get(name) for name in ("authorization", "x-api-key", "x-goog-api-key"))
        turn = replace(dialect.turn(body, path), key=key)
        reply, number = self.served.decide(turn)
        if isinstance(reply, Fail):
            return self._json(reply.status, dialect.failure(reply))
        return self._stream(dialect.events(turn, reply, number))

    def _json(self, status: int, body: Any) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, events: Iterator[tuple[str, Any]]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for name, data in events:
            head = f"event: {name}\n" if name else ""
            text = data if isinstance(data, str) else json.dumps(data)
            self.wfile.write(f"{head}data: {text}\n\n".encode())
        self.close_connection = True


@contextmanager
def model_server(script: Script) -> Iterator[ModelServer]:
    """A server for the block, on a free port of loopback."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    served = ModelServer(f"http://127.0.0.1:{server.server_address[1]}", script)
    handler.served = served  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
