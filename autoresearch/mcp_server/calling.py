"""How a call of any kind reaches its target: who calls, on which thread, and what an error becomes."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import anyio.to_thread
from mcp.server.mcpserver import Context

from autoresearch.errors import AutoresearchError
from autoresearch.mcp_server.target import Backend, Target

__all__ = ["Caller", "Ctx", "Runner", "client_name"]

Ctx = Context[Any, Any]
"""What the SDK knows of a call."""
Runner = Callable[..., Awaitable[Any]]
"""Does blocking work on a thread."""

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Caller:
    """Makes calls on behalf of whoever asked.

    Attributes:
        backend_of: Gives the backend of a call.
        run: Does blocking work on a thread.
    """

    backend_of: Callable[[Ctx], Backend]
    run: Runner = anyio.to_thread.run_sync

    async def target(self, ctx: Ctx, project: str | None, *, writing: bool = False) -> Target:
        """The target of a call.

        Raises:
            Forbidden: The caller may not do this.
            Invalid: It does not say which project.
        """
        backend = self.backend_of(ctx)
        backend.allow(writing=writing)
        found: Target = await self.run(backend.target, project, client_name(ctx))
        return found

    async def read(
        self, ctx: Ctx, project: str | None, work: Callable[..., _Answer], **arguments: Any
    ) -> _Answer:
        """Do blocking work that only reads; errors are as the caller may see them."""
        try:
            target = await self.target(ctx, project)
            answer: _Answer = await self.run(functools.partial(work, target, **arguments))
        except AutoresearchError as error:
            raise self.backend_of(ctx).shown(error) from None
        return answer


def client_name(ctx: Ctx) -> str:
    """What the calling program says it is; nothing when it says nothing."""
    params = getattr(ctx.request_context.session, "client_params", None)
    name = getattr(getattr(params, "client_info", None), "name", "")
    return name.strip()[:100] if isinstance(name, str) and name.isprintable() else ""
