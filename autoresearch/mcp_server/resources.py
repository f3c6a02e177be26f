"""What a client can attach to a conversation: the brief, and the change, the files and the log of an experiment."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Awaitable, Callable
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp_types import CompleteRequestParams, CompleteResult, Completion

from autoresearch.briefs.fence import clean, cut, log_lines, quote
from autoresearch.errors import AutoresearchError, NotFound
from autoresearch.mcp_server.adapting import Server
from autoresearch.mcp_server.answering import MOST_CHARS, fenced, lines_of
from autoresearch.mcp_server.calling import Caller, Ctx
from autoresearch.mcp_server.target import Target
from autoresearch.mcp_server.tools_experiments import diff_of
from autoresearch.mcp_server.tools_runs import printed

__all__ = ["add_completion", "add_resources"]

_LOG = 1000
_SUGGESTED = 50


def add_resources(server: MCPServer[Any], caller: Caller) -> None:
    """Add the resources.

    Args:
        server: Of the SDK.
        caller: Makes the calls.
    """

    @server.resource(
        "autoresearch://context{?project}",
        name="context",
        title="The brief",
        description="Goal, best so far, frontier, remarks, what was tried in vain, crashes, and the budget that is left.",
        mime_type="text/markdown",
    )
    @_said
    async def context(ctx: Ctx, project: str | None = None) -> str:
        return await caller.read(ctx, project, _brief)

    for name, title, about, work in (
        ("diff", "The change of an experiment", "Its patch, each line behind '| '.", _diff),
        ("tree", "The files of an experiment", "Mode, bytes and path of each file of its snapshot.", _tree),
        ("log", "The log of an experiment", "The end of what it printed, each line behind '| '.", _log),
    ):
        _add(server, caller, name=name, title=title, about=about, work=work)


def _add(
    server: MCPServer[Any], caller: Caller, *, name: str, title: str, about: str, work: Callable[..., str]
) -> None:
    @server.resource(
        f"autoresearch://experiments/{{experiment}}/{name}{{?project}}",
        name=f"experiment-{name}",
        title=title,
        description=f"{about} The experiment is a number, best, last, or part of an id.",
        mime_type="text/plain",
    )
    @_said
    async def read(experiment: str, ctx: Ctx, project: str | None = None) -> str:
        return await caller.read(ctx, project, work, experiment=experiment)


def _said(function: Callable[..., Awaitable[str]]) -> Callable[..., Awaitable[str]]:
    """Errors of ours as the SDK hands them on: with their words."""

    @functools.wraps(function)
    async def call(*arguments: Any, **named: Any) -> str:
        try:
            return cut(await function(*arguments, **named), MOST_CHARS)
        except NotFound as error:
            raise ResourceNotFoundError(clean(f"{error.message} {error.hint}", 1000)) from None
        except AutoresearchError as error:
            raise ResourceError(clean(f"{error.message} {error.hint}", 1000)) from None

    return call


def _brief(target: Target) -> str:
    from autoresearch.briefs.brief import build

    target.adopt_goal()
    return build(target.ledger.memory.facts(target.name, limit=10), budget=4000).markdown


def _diff(target: Target, experiment: str) -> str:
    one = target.ledger.research.find(target.name, experiment)
    shown, following, lines = lines_of(diff_of(target, one)[1], start=0, most=MOST_CHARS - 1000)
    more = f"\n{lines} lines in all; get_diff goes on" if following is not None else ""
    return f"experiment {one.number}: {quote(one.note, 300)}\n{shown}{more}"


def _tree(target: Target, experiment: str) -> str:
    one = target.ledger.research.find(target.name, experiment)
    if one.tree is None:
        raise NotFound(f"Experiment {one.number} has no snapshot.", hint="Read its diff.")
    entries = target.ledger.snapshots.tree(one.tree).entries
    shown = [f"{entry.mode} {entry.size:>10} {quote(entry.path, 1000)}" for entry in entries]
    return f"experiment {one.number}: {len(entries)} files\n" + "\n".join(shown)


def _log(target: Target, experiment: str) -> str:
    one = target.ledger.research.find(target.name, experiment)
    tail = log_lines(one.log_tail or printed(target, one.id), lines=_LOG, width=500)
    return (
        f"experiment {one.number}, {one.state}\n{fenced(chr(10).join(tail)) if tail else 'nothing was kept'}"
    )


def add_completion(server: Server, caller: Caller) -> None:
    """Suggest the numbers of experiments where one is asked for, the newest first.

    Args:
        server: Of the SDK.
        caller: Makes the calls.
    """

    async def complete(ctx: Any, params: CompleteRequestParams) -> CompleteResult:
        found: list[str] = []
        if params.argument.name == "experiment":
            given = (params.context and params.context.arguments) or {}
            call = Ctx(request_context=ctx, mcp_server=server)
            with contextlib.suppress(AutoresearchError):
                begun = params.argument.value[:20]
                found = await caller.read(call, given.get("project") or None, _numbers, begun=begun)
        return CompleteResult(completion=Completion(values=found, total=len(found), has_more=False))

    server.add_completion(complete)


def _numbers(target: Target, begun: str) -> list[str]:
    page = target.ledger.research.experiments(target.name, newest_first=True, limit=1000)
    words = ["best", "last", *(str(one.number) for one in page.items)]
    return [word for word in words if word.startswith(begun)][:_SUGGESTED]
