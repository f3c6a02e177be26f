"""An agent that asks a model on loopback, and what a test wants to know of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from autoresearch.drivers.base import Assignment
from autoresearch.drivers.models.agent import ModelAgent
from autoresearch.errors import AgentError
from tests.model_server import call

__all__ = ["EDIT", "TRAIN", "WIRES", "Agent", "Clock", "failure", "lines", "results"]

TRAIN = "LR = 1\nprint('loss:', LR)\n"
WIRES = ("openai-chat", "anthropic-messages")
EDIT = call("edit_file", path="train.py", old="LR = 1", new="LR = 2")


class Clock:
    """A clock that goes forward by what is waited, and by nothing else."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waited: list[float] = []

    def pause(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now += seconds

    def __call__(self) -> float:
        return self.now


Agent = Callable[..., ModelAgent]


def failure(agent: ModelAgent, assignment: Assignment) -> AgentError:
    with pytest.raises(AgentError) as caught:
        agent.propose(assignment)
    return caught.value


def results(body: dict[str, Any]) -> list[str]:
    """What the calls gave, as the last question tells the model, in either wire format."""
    found = [one["content"] for one in body["messages"] if one["role"] == "tool"]
    for one in body["messages"]:
        if isinstance(one["content"], list):
            found += [block["content"] for block in one["content"] if block["type"] == "tool_result"]
    return found


def lines(assignment: Assignment) -> list[dict[str, Any]]:
    text = (assignment.scratch / "transcript.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]
