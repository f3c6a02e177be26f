"""Every tool by its name."""

from __future__ import annotations

import re
from collections.abc import Mapping

from autoresearch.mcp_server import (
    tools_artifacts,
    tools_experiments,
    tools_project,
    tools_recording,
    tools_runs,
    tools_trials,
)
from autoresearch.mcp_server.rows import Row

__all__ = ["TOOLS", "of_command"]

_MODULES = (tools_project, tools_experiments, tools_recording, tools_trials, tools_runs, tools_artifacts)
TOOLS: Mapping[str, Row] = {row.name: row for module in _MODULES for row in module.ROWS}
"""The tools in the order in which clients list them."""

_COMMAND = re.compile(r"\bautoresearch ((?:[a-z-]+ )?[a-z-]+)")


def of_command(hint: str) -> list[str]:
    """The tools that do what the commands named in a hint do."""
    found: list[str] = []
    for words in _COMMAND.findall(hint):
        first = words.partition(" ")[0]
        exact = [row.name for row in TOOLS.values() if row.command == words]
        found += exact or [row.name for row in TOOLS.values() if row.command == first]
    return list(dict.fromkeys(found))
