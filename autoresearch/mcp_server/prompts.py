"""Prompts that people pick in their client: plan the next change, explain a failure, write the report."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from mcp.server.mcpserver import MCPServer
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS
from pydantic import Field

from autoresearch.briefs.fence import clean
from autoresearch.errors import AutoresearchError
from autoresearch.mcp_server.calling import Caller, Ctx
from autoresearch.mcp_server.target import Target
from autoresearch.mcp_server.tools_experiments import diff_of

__all__ = ["add_prompts"]

_ATTEMPTS = 10
_Focus = Annotated[str, Field(max_length=2000, description="What to look at in particular; may be left out.")]
_Project = Annotated[str, Field(max_length=1000, description="Another project than the present one.")]
_Experiment = Annotated[
    str, Field(max_length=200, description="Number, best, last, or an id or part of one; else the last.")
]


def add_prompts(server: MCPServer[Any], caller: Caller) -> None:
    """Add the prompts.

    Args:
        server: Of the SDK.
        caller: Makes the calls.
    """

    async def said(ctx: Ctx, project: str, work: Callable[..., str], **arguments: Any) -> str:
        return await _refusing(caller.read(ctx, project or None, work, **arguments))

    @server.prompt(title="Plan the next change")
    async def plan_next_change(ctx: Ctx, focus: _Focus = "", project: _Project = "") -> str:
        """Choose one change from what is known, and say what is expected of it, before anything is edited."""
        return await said(ctx, project, _plan, focus=focus)

    @server.prompt(title="Explain a failure")
    async def explain_failure(ctx: Ctx, experiment: _Experiment = "last", project: _Project = "") -> str:
        """Find out why an experiment ended as it did, from its change and its log."""
        return await said(ctx, project, _explain, experiment=experiment)

    @server.prompt(title="Write the report")
    async def write_report(ctx: Ctx, focus: _Focus = "", project: _Project = "") -> str:
        """Write one page on what the project set out to do, what it found, and how sure that is."""
        return await said(ctx, project, _report, focus=focus)


async def _refusing(answer: Awaitable[str]) -> str:
    try:
        return await answer
    except AutoresearchError as error:
        message = clean(f"{error.message} {error.hint}", 1000)
        raise MCPError(code=INVALID_PARAMS, message=message, data={"code": error.code}) from None


def _context(target: Target) -> Any:
    from autoresearch.briefs.brief import build

    target.adopt_goal()
    return build(target.ledger.memory.facts(target.name, limit=_ATTEMPTS), budget=5000)


def _plan(target: Target, focus: str) -> str:
    from autoresearch.loop.prompting import plan_prompt

    return plan_prompt(_context(target), focus=focus).text


def _report(target: Target, focus: str) -> str:
    from autoresearch.loop.prompting import report_prompt

    return report_prompt(_context(target), focus=focus).text


def _explain(target: Target, experiment: str) -> str:
    from autoresearch.loop.prompting import explain_prompt

    one = target.ledger.research.find(target.name, experiment)
    _, change = diff_of(target, one)
    return explain_prompt(_context(target), one, change=change).text
