"""The SDK's server and tool, where they are to behave as ours: what is listed, how arguments are refused, what is logged."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.tools import Tool
from mcp_types import CompleteRequestParams, CompleteResult
from pydantic import ValidationError

from autoresearch.mcp_server.catalog import TOOLS
from autoresearch.mcp_server.refusing import refused_arguments, refused_text

__all__ = ["CheckedTool", "Server", "logging_as_it_was"]


class Server(MCPServer[Any]):
    """Lists only the tools that its callers may use; a call of another one is refused in words.

    Args:
        listed: Their names.
        settings: Those of the SDK's server.
    """

    def __init__(self, *, listed: Collection[str], **settings: Any) -> None:
        super().__init__(**settings)
        self._listed = listed

    async def list_tools(self) -> list[Any]:
        """The tools that are listed."""
        return [tool for tool in await super().list_tools() if tool.name in self._listed]

    def add_completion(
        self, handler: Callable[[Any, CompleteRequestParams], Awaitable[CompleteResult]]
    ) -> None:
        """Have suggestions made by a handler that gets the context of the request, which the SDK's decorator hides."""
        self._lowlevel_server.add_request_handler("completion/complete", CompleteRequestParams, handler)


class CheckedTool(Tool):
    """Says in a sentence what was wrong with arguments."""

    async def run(self, arguments: dict[str, Any], context: Any, convert_result: bool = False) -> Any:  # noqa: FBT001, FBT002  the SDK's signature
        """Run the tool, or answer what was wrong."""
        if _broken(arguments):
            return refused_text(TOOLS[self.name])
        try:
            self.fn_metadata.validate_arguments(arguments)
        except ValidationError as error:
            return refused_arguments(error, TOOLS[self.name], list(self.parameters["properties"]))
        return await super().run(arguments, context, convert_result)


def _broken(value: Any) -> bool:
    """Whether some text in it is none: half a character that nothing can store or send."""
    if isinstance(value, str):
        return not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, Mapping):
        return any(_broken(key) or _broken(inner) for key, inner in value.items())
    return isinstance(value, list | tuple) and any(map(_broken, value))


@contextlib.contextmanager
def logging_as_it_was() -> Iterator[None]:
    """Within the block the SDK finds that records go somewhere: where they go is not its to say."""
    root, nobody = logging.getLogger(), logging.NullHandler()
    root.addHandler(nobody)
    try:
        yield
    finally:
        root.removeHandler(nobody)
    logging.getLogger("mcp").setLevel(logging.WARNING)
