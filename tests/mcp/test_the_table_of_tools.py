"""The table that both faces share: every tool says all that clients ask, and names the command that does the same."""

from __future__ import annotations

import re
from typing import Any

import pytest
from mcp_types import Tool

from autoresearch.mcp_server.catalog import TOOLS
from autoresearch.mcp_server.making import make_server
from autoresearch.mcp_server.target import Backend
from tests.house import cli_facts
from tests.mcp_clients import run
from tools import mcp_page

# Commands that no tool stands for: they set a machine or a server up, look after a store, draw for people, or are shorthand.
_FOR_PEOPLE = {
    "admin", "agent", "campaigns", "checkout", "demo", "doctor", "export", "folders", "fsck", "gc", "import",
    "init", "keys", "login", "logout", "mcp", "progress", "reproduce", "run", "serve", "sync", "top", "ui", "upload",
    "whoami",
}  # fmt: skip
_VERBS_FOR_PEOPLE = {
    "artifacts get", "artifacts log", "experiment show", "runs annotate", "runs annotations", "runs catalog", "runs export",
    "runs move", "runs rm", "runs tag", "session reopen",
}  # fmt: skip


def _nobody(_ctx: Any) -> Backend:
    raise AssertionError("nothing is called")


def _listed() -> list[Tool]:
    tools: list[Tool] = run(make_server(_nobody, folder=True).list_tools)
    return tools


def test_every_tool_has_a_title_and_all_four_hints() -> None:
    for tool in _listed():
        hints = tool.annotations
        assert tool.title
        assert hints is not None
        assert hints.title == tool.title
        said = (hints.read_only_hint, hints.destructive_hint, hints.idempotent_hint, hints.open_world_hint)
        assert None not in said, tool.name


def test_a_tool_that_only_reads_says_so_and_no_other_does() -> None:
    hinted = {tool.name for tool in _listed() if tool.annotations and tool.annotations.read_only_hint}
    assert hinted == {name for name, row in TOOLS.items() if row.effect == "read"}


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_is_named_by_a_verb_and_a_noun_and_says_what_it_does(name: str) -> None:
    (tool,) = (one for one in _listed() if one.name == name)
    assert re.fullmatch(r"[a-z]+(?:_[a-z]+)+", name)
    assert len(f"mcp__autoresearch__{name}") <= 60
    assert tool.description is not None
    assert 20 < len(tool.description) < 2000
    properties: dict[str, Any] = tool.input_schema["properties"]
    assert tool.input_schema["additionalProperties"] is False
    assert [key for key, value in properties.items() if not value.get("description")] == []
    assert [key for key, value in properties.items() if "anyOf" in value or "title" in value] == []


def test_what_a_client_sends_to_its_model_of_all_tools_stays_small() -> None:
    total = sum(len(tool.model_dump_json(exclude_none=True, by_alias=True)) for tool in _listed())
    assert total < 32_000


def test_both_faces_name_the_same_operations() -> None:
    leaves = {
        name.removeprefix("autoresearch ")
        for name, command in cli_facts.commands()
        if name != "autoresearch" and not getattr(command, "commands", {})
    }
    named = {row.command for row in TOOLS.values()}
    assert named - leaves == set(), "a tool names a command that is not there"
    left = {name for name in leaves - named if name.partition(" ")[0] not in _FOR_PEOPLE}
    assert left == _VERBS_FOR_PEOPLE


def test_the_page_lists_every_tool_as_it_is() -> None:
    text = mcp_page.PAGE.read_text(encoding="utf-8")
    assert mcp_page.renewed(text) == text, "renew it: python tools/mcp_page.py"
