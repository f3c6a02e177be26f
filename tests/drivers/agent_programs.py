"""Small programs in place of coding agents, and what they are asked."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autoresearch.drivers.base import Assignment
from autoresearch.drivers.command import CommandAgent
from autoresearch.drivers.profiles import CommandProfile

ANSWER = '```json\n{"note": "too hot -> LR halved", "config": {"LR": 0.05}}\n```'

EVENTS = {
    "form": "jsonl",
    "text": [{"where": {"type": "result"}, "path": "text"}],
    "session": [{"path": "session"}],
    "model": [{"path": "model"}],
    "input_tokens": [{"where": {"type": "step"}, "path": "read", "take": "sum"}],
    "output_tokens": [{"where": {"type": "step"}, "path": "written", "take": "sum"}],
    "failure": [{"where": {"type": "failed"}, "path": "why"}],
    "trouble": [{"where": {"type": "retry"}, "path": "why"}],
    "hopeless": [{"where": {"type": "retry", "status": 401}, "path": "why"}],
}

HEAD = f"""
import json, os, sys, time, signal, pathlib
ANSWER = {ANSWER!r}
def say(**event): print(json.dumps(event), flush=True)
"""


def assignment(folder: Path, **changes: Any) -> Assignment:
    """An assignment with a working tree and a scratch folder below the folder."""
    for name in ("tree", "scratch"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "tree" / "train.py").write_text("LR = 0.1\n")
    asked: dict[str, Any] = {"brief": {}, "folder": folder / "tree", "scratch": folder / "scratch"}
    return Assignment(**asked | {"prompt": "what next?", "seconds": 30.0} | changes)


def agent(folder: Path, code: str, *, given: Mapping[str, str] | None = None, **profile: Any) -> CommandAgent:
    """An agent whose program is a few lines of Python."""
    script = folder / "agent.py"
    script.write_text(HEAD + textwrap.dedent(code))
    values = {
        "title": "The Agent",
        "program": sys.executable,
        "arguments": ["-S", str(script)],
        "output": EVENTS,
    }
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder / "home"), **(given or {})}
    made = CommandProfile.model_validate(values | profile)
    return CommandAgent(name="agent", profile=made, environment=environment)


def told(folder: Path) -> Any:
    """What the program wrote into ``told.json`` of its working tree."""
    return json.loads((folder / "tree" / "told.json").read_text())
