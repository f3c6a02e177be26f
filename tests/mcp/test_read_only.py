"""A server that was started to be read only: for an agent that looks, while something else acts."""

from __future__ import annotations

from pathlib import Path

from autoresearch.mcp_server.catalog import TOOLS
from tests.mcp_clients import Said, over_stdio, run


def test_a_server_that_only_reads_lists_no_other_tool_and_refuses_to_be_asked_for_one(
    researched: Path,
) -> None:
    async def work() -> tuple[set[str], Said, Said]:
        async with over_stdio(researched, options=["--read-only"]) as asking:
            listed = await asking.client.list_tools()
            names = {tool.name for tool in listed.tools}
            return names, await asking("get_context"), await asking("add_note", text="I was here")

    listed, brief, refused = run(work)
    assert listed == {row.name for row in TOOLS.values() if row.effect == "read"}
    assert brief["incumbent"]["number"] == 2
    assert refused.refused
    assert "only reads" in refused.text
