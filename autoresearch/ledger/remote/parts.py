"""Parts of the ledger over HTTP, made from the interface and the table of operations."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from autoresearch.client.errors import RequestError
from autoresearch.protocol.operations import by_call

__all__ = ["Caller", "over_http", "raised_here"]

_Part = TypeVar("_Part")
Caller = Callable[[str, Mapping[str, Any]], Any]
"""Makes a call of the table, such as ``Client.call``."""


def over_http(interface: type[_Part], name: str) -> type[_Part]:
    """A class that has every operation of an interface that is a row of the table; the others are written by hand in a subclass.

    Args:
        interface: Such as :class:`autoresearch.ledger.base.Research`.
        name: What the table calls it.
    """
    rows = by_call(name)
    made = {
        call: _operation(getattr(interface, call), row.name)
        for call, row in rows.items()
        if hasattr(interface, call)
    }

    def begin(self: Any, call: Caller) -> None:
        self._call = call

    return type(f"Remote{interface.__name__}", (interface,), {**made, "__init__": begin})


def _operation(declared: Any, name: str) -> Callable[..., Any]:
    signature = inspect.signature(declared)

    def operation(self: Any, *args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        bound.arguments.pop("self")
        return raised_here(self._call, name, bound.arguments)

    operation.__name__, operation.__doc__ = declared.__name__, declared.__doc__
    return operation


def raised_here(call: Caller, name: str, given: Mapping[str, Any]) -> Any:
    """Make a call; what the server refused is raised as the ledger itself would raise it."""
    try:
        return call(name, given)
    except RequestError as error:
        raise error.error from None
