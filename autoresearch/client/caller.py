"""What the calls of a client are made with."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any

__all__ = ["AsyncCaller", "Caller"]


class Caller(abc.ABC):
    """Makes calls of the table of operations."""

    @abc.abstractmethod
    def call(self, name: str, given: Mapping[str, Any], *, timeout: float | None = None) -> Any:
        """Make a call.

        Args:
            name: The operation.
            given: Its arguments by name.
            timeout: Seconds, in place of the client's own.

        Raises:
            RequestError: The server refused, or could not be reached.
            ResponseError: Its answer is not what the API promises.
        """


class AsyncCaller(abc.ABC):
    """Makes calls of the table of operations, asynchronously."""

    @abc.abstractmethod
    async def call(self, name: str, given: Mapping[str, Any], *, timeout: float | None = None) -> Any:
        """Make a call; as :meth:`Caller.call`."""
