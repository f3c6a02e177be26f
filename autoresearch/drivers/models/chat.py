"""Chat completions, as OpenAI began them and vLLM, llama.cpp, Ollama and many others speak them."""

from __future__ import annotations

import json
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

__all__ = ["ChatConversation"]

_STOPS: Mapping[str, Stop] = {"length": "length", "content_filter": "refused"}


class ChatConversation:
    """A conversation in the form of ``POST /chat/completions``.

    Args:
        asking: What stays the same.
        question: The first thing that is said to the model.
        limit_field: Name of the field that bounds an answer: newer models of OpenAI refuse ``max_tokens``, older servers
            know nothing else.
    """

    path = "/chat/completions"

    def __init__(self, asking: Asking, question: str, *, limit_field: str = "max_tokens") -> None:
        self._asking = asking
        self._limit_field = limit_field
        self._messages: list[dict[str, Any]] = [
            {"role": "system", "content": asking.system},
            {"role": "user", "content": question},
        ]

    @staticmethod
    def headers(key: str | None) -> dict[str, str]:
        """The headers that carry a key."""
        return {"authorization": f"Bearer {key}"} if key else {}

    def body(self, *, last: bool) -> dict[str, Any]:
        """The request for the next turn; in the ``last`` one the model may call nothing more."""
        asking = self._asking
        return {
            **asking.extra,
            "model": asking.model,
            "messages": self._messages,
            "tools": [_declared(tool) for tool in asking.tools],
            "tool_choice": "none" if last else "auto",
            self._limit_field: asking.most_output,
        }

    def take(self, answer: Mapping[str, Any]) -> Turn:
        """Read an answer, and add it to the conversation as it came.

        Raises:
            AgentError: It is not of this wire format.
        """
        choice = _first(answer)
        message = choice.get("message")
        if not isinstance(message, dict):
            raise malformed("its choice has no message")
        cut = choice.get("finish_reason") == "length"
        calls = _calls(message, cut=cut)
        self._messages.append(_sent_back(message, calls))
        refusal = message.get("refusal")
        refused = isinstance(refusal, str) and bool(refusal)
        stop: Stop = "refused" if refused else _STOPS.get(str(choice.get("finish_reason")), "end")
        if stop == "end" and calls:
            stop = "tools"
        text = str(refusal) if refused else _text(message.get("content"))
        return Turn(text, calls, stop, _spent(answer.get("usage")), _named(answer.get("model")))

    def give(self, outcomes: Sequence[Outcome], say: str = "") -> None:
        """Add what the calls of the last turn gave, and perhaps a sentence."""
        for outcome in outcomes:
            text = f"error: {outcome.text}" if outcome.failed else outcome.text
            self._messages.append({"role": "tool", "tool_call_id": outcome.call.id, "content": text})
        if say:
            self._messages.append({"role": "user", "content": say})

    def shorten(self) -> bool:
        """Leave out what all calls but the last gave; False when there is nothing more to leave out."""
        results = [message for message in self._messages if message["role"] == "tool"]
        long = [one for one in results[:-1] if len(one["content"]) > len(LEFT_OUT)]
        for one in long:
            one["content"] = LEFT_OUT
        return bool(long)


def _declared(tool: Tool) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}


def _first(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise malformed("it has no choices")
    return choices[0]


def _calls(message: Mapping[str, Any], *, cut: bool) -> list[Call]:
    said = message.get("tool_calls") or []
    if not isinstance(said, list):
        raise malformed("its tool_calls are no list")
    calls: list[Call] = []
    for number, one in enumerate(said):
        function = one.get("function") if isinstance(one, dict) else None
        if not isinstance(function, dict):
            raise malformed("one of its tool_calls has no function")
        arguments, fault = arguments_of(function.get("arguments"), cut=cut and number == len(said) - 1)
        calls.append(
            Call(str(one.get("id") or f"call_{number}"), str(function.get("name")), arguments, fault)
        )
    return calls


def _sent_back(message: Mapping[str, Any], calls: Sequence[Call]) -> dict[str, Any]:
    """The message for the next request: as it came, but with arguments that can be read.

    Servers put the conversation through a template of the model's, which fails on arguments that are no JSON object.
    """
    kept = {"role": "assistant", **{name: value for name, value in message.items() if value is not None}}
    kept.setdefault("content", None if calls else "")
    if not calls:
        kept.pop("tool_calls", None)
        return kept
    kept["tool_calls"] = [
        {
            **said,
            "id": call.id,
            "type": "function",
            "function": {
                **said["function"],
                "arguments": said["function"]["arguments"]
                if call.arguments and isinstance(said["function"].get("arguments"), str)
                else json.dumps(call.arguments or {}),
            },
        }
        for said, call in zip(message["tool_calls"], calls, strict=True)
    ]
    return kept


def _text(content: Any) -> str:
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _named(model: Any) -> str | None:
    return model if isinstance(model, str) and model else None


def _spent(usage: Any) -> Spent | None:
    if not isinstance(usage, dict):
        return None
    return Spent(
        input=count(usage, "prompt_tokens"),
        output=count(usage, "completion_tokens"),
        cached=count(usage, "prompt_tokens_details", "cached_tokens"),
    )
