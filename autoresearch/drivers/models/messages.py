"""The messages of Anthropic's API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autoresearch.drivers.models.tools import Call, Outcome, Tool
from autoresearch.drivers.models.turns import (
    LEFT_OUT,
    Asking,
    Spent,
    Stop,
    Turn,
    arguments_of,
    count,
    malformed,
)

__all__ = ["MessagesConversation"]

_STOPS: Mapping[str, Stop] = {
    "tool_use": "tools",
    "max_tokens": "length",
    "refusal": "refused",
    "model_context_window_exceeded": "too_long",
}
_VERSION = "2023-06-01"
_CACHED = {"cache_control": {"type": "ephemeral"}}


class MessagesConversation:
    """A conversation in the form of ``POST /v1/messages``.

    Everything up to the end of the last message is marked for the server's cache, so that a long conversation is read again at
    the price of cached tokens.

    Args:
        asking: What stays the same.
        question: The first thing that is said to the model.
    """

    path = "/v1/messages"

    def __init__(self, asking: Asking, question: str) -> None:
        self._asking = asking
        self._messages: list[dict[str, Any]] = [{"role": "user", "content": [_said(question)]}]

    @staticmethod
    def headers(key: str | None) -> dict[str, str]:
        """The headers that carry a key, and the version of the wire format."""
        return {"anthropic-version": _VERSION, **({"x-api-key": key} if key else {})}

    def body(self, *, last: bool) -> dict[str, Any]:
        """The request for the next turn; in the ``last`` one the model may call nothing more."""
        asking = self._asking
        *before, newest = self._messages
        *blocks, final = newest["content"]
        return {
            **asking.extra,
            "model": asking.model,
            "max_tokens": asking.most_output,
            "system": [{**_said(asking.system), **_CACHED}],
            "messages": [*before, {**newest, "content": [*blocks, {**final, **_CACHED}]}],
            "tools": [_declared(tool) for tool in asking.tools],
            "tool_choice": {"type": "none" if last else "auto"},
        }

    def take(self, answer: Mapping[str, Any]) -> Turn:
        """Read an answer, and add it to the conversation as it came, thinking included.

        Raises:
            AgentError: It is not of this wire format.
        """
        content = answer.get("content")
        if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
            raise malformed("it has no list of content blocks")
        reason = answer.get("stop_reason")
        stop = _STOPS.get(str(reason), "end")
        calls = _calls(content, cut=stop == "length")
        if stop == "end" and calls:
            stop = "tools"
        if content:
            self._messages.append({"role": "assistant", "content": _sent_back(content, calls)})
        text = "".join(str(block.get("text", "")) for block in content if block.get("type") == "text")
        model = answer.get("model")
        return Turn(text, calls, stop, _spent(answer.get("usage")), model if isinstance(model, str) else None)

    def give(self, outcomes: Sequence[Outcome], say: str = "") -> None:
        """Add what the calls of the last turn gave, and perhaps a sentence."""
        blocks: list[dict[str, Any]] = [
            {
                "type": "tool_result",
                "tool_use_id": outcome.call.id,
                "content": outcome.text,
                **({"is_error": True} if outcome.failed else {}),
            }
            for outcome in outcomes
        ]
        blocks += [_said(say)] if say else []
        if self._messages[-1]["role"] == "user":
            self._messages[-1]["content"] += blocks
        else:
            self._messages.append({"role": "user", "content": blocks})

    def shorten(self) -> bool:
        """Leave out what all calls but those of the last turn gave; False when there is nothing more to leave out."""
        results = [
            block
            for message in self._messages[:-1]
            if message["role"] == "user"
            for block in message["content"]
            if block["type"] == "tool_result" and len(block["content"]) > len(LEFT_OUT)
        ]
        for block in results:
            block["content"] = LEFT_OUT
        return bool(results)


def _said(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _declared(tool: Tool) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "input_schema": dict(tool.parameters)}


def _calls(content: Sequence[Mapping[str, Any]], *, cut: bool) -> list[Call]:
    blocks = [block for block in content if block.get("type") == "tool_use"]
    calls: list[Call] = []
    for number, block in enumerate(blocks):
        if not isinstance(block.get("id"), str):
            raise malformed("one of its calls has no id")
        arguments, fault = arguments_of(block.get("input"), cut=cut and number == len(blocks) - 1)
        calls.append(Call(block["id"], str(block.get("name")), arguments, fault))
    return calls


def _sent_back(content: Sequence[Mapping[str, Any]], calls: Sequence[Call]) -> list[dict[str, Any]]:
    """The blocks for the next request: as they came, but with an object for the input of each call."""
    inputs = {call.id: call.arguments or {} for call in calls}
    return [
        {**block, "input": inputs[block["id"]]} if block.get("type") == "tool_use" else dict(block)
        for block in content
    ]


def _spent(usage: Any) -> Spent | None:
    if not isinstance(usage, dict):
        return None
    cached, stored = count(usage, "cache_read_input_tokens"), count(usage, "cache_creation_input_tokens")
    fresh = count(usage, "input_tokens")
    return Spent(fresh + cached + stored, count(usage, "output_tokens"), cached, stored)
