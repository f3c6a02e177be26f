"""What a client attaches to a conversation, and the prompts that people pick in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import CompletionArgument, ResourceTemplateReference, TextContent, TextResourceContents

from tests.mcp_clients import ERAS, in_process, run

_Answer = TypeVar("_Answer")


def with_client(folder: Path, work: Callable[[Client], Awaitable[_Answer]], mode: str = "auto") -> _Answer:
    async def connected() -> _Answer:
        async with in_process(folder, mode, raising=False) as asking:
            return await work(asking.client)

    return run(connected)


async def _read(client: Client, uri: str) -> str:
    (content,) = (await client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    return content.text


@pytest.mark.parametrize("mode", ERAS)
def test_the_brief_is_a_resource_of_the_folder_or_of_a_named_project(researched: Path, mode: str) -> None:
    async def work(client: Client) -> None:
        own = await _read(client, "autoresearch://context")
        assert own.startswith("# Research brief")
        assert await _read(client, "autoresearch://context?project=char-lm") == own

    with_client(researched, work, mode)


def test_the_change_the_files_and_the_log_of_an_experiment_are_resources(researched: Path) -> None:
    async def work(client: Client) -> None:
        listed = (await client.list_resource_templates()).resource_templates
        assert {one.name for one in listed} == {
            "context",
            "experiment-diff",
            "experiment-tree",
            "experiment-log",
        }
        assert all(one.description and one.title for one in listed)
        assert "| +LR = 0.06" in (await _read(client, "autoresearch://experiments/2/diff")).splitlines()
        assert '"train.py"' in await _read(client, "autoresearch://experiments/best/tree")
        assert (await _read(client, "autoresearch://experiments/last/log")).endswith("| Killed")

    with_client(researched, work)


@pytest.mark.parametrize(
    "uri",
    [
        "autoresearch://experiments/99/diff",
        "autoresearch://experiments/1/nothing",
        "autoresearch://experiments/..%2F..%2Fetc/log",
        "autoresearch://context?project=elsewhere",
        "file:///etc/passwd",
    ],
)
def test_a_resource_that_is_not_there_is_refused_in_words(researched: Path, uri: str) -> None:
    async def work(client: Client) -> None:
        with pytest.raises(MCPError) as refused:
            await client.read_resource(uri)
        assert refused.value.error.message
        assert "Traceback" not in refused.value.error.message

    with_client(researched, work)


@pytest.mark.parametrize("mode", ERAS)
def test_the_prompts_plan_explain_and_report_from_the_brief(researched: Path, mode: str) -> None:
    async def said(client: Client, name: str, **arguments: str) -> str:
        (message,) = (await client.get_prompt(name, arguments)).messages
        assert isinstance(message.content, TextContent)
        return message.content.text

    async def work(client: Client) -> None:
        listed = (await client.list_prompts()).prompts
        assert [one.name for one in listed] == ["plan_next_change", "explain_failure", "write_report"]
        for one in listed:
            assert one.title
            assert one.description
            assert all(argument.description for argument in one.arguments or ())
        assert '"LR is low; 0.04 -> 0.06"' in await said(client, "plan_next_change", focus="the schedule")
        explained = await said(client, "explain_failure", experiment="3")
        assert "+LR = 0.6" in explained
        assert "| loss: nan" in explained
        assert "# Write the report" in await said(client, "write_report")

    with_client(researched, work, mode)


def test_a_prompt_about_what_is_not_there_is_refused_in_words(researched: Path) -> None:
    async def work(client: Client) -> None:
        with pytest.raises(MCPError, match="fits '99'"):
            await client.get_prompt("explain_failure", {"experiment": "99"})

    with_client(researched, work)


def test_experiments_are_suggested_where_one_is_asked_for(researched: Path) -> None:
    async def work(client: Client) -> None:
        reference = ResourceTemplateReference(uri="autoresearch://experiments/{experiment}/diff{?project}")
        for begun, wanted in (("", ["best", "last", "3", "2", "1"]), ("2", ["2"]), ("b", ["best"])):
            argument = {"name": "experiment", "value": begun}
            found = await client.complete(reference, CompletionArgument(**argument).model_dump())
            assert found.completion.values == wanted

    with_client(researched, work)
