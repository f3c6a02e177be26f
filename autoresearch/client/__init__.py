"""The typed client of the HTTP API: ``Client`` and ``AsyncClient``, one method for every endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autoresearch.client.asynchronous import AsyncClient
    from autoresearch.client.errors import AuthError, ClientError, RequestError, ResponseError
    from autoresearch.client.synchronous import Client

__all__ = ["AsyncClient", "AuthError", "Client", "ClientError", "RequestError", "ResponseError"]

_PLACES = {"AsyncClient": "asynchronous", "Client": "synchronous"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'autoresearch.client' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"autoresearch.client.{_PLACES.get(name, 'errors')}"), name)
