"""What a client says of itself with every request: its key, its version, and the coding agent that it works for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

from autoresearch._version import __version__
from autoresearch.settings import detect_agent

__all__ = ["AGENT_HEADER", "acting", "bearing", "headers_of", "made_by"]

AGENT_HEADER = "X-Autoresearch-Agent"
"""Names the agent that acts with somebody's key: its verdicts are then an agent's, which a person may overturn."""


_maker: ContextVar[tuple[str | None] | None] = ContextVar("maker", default=None)


def headers_of(key: str) -> dict[str, str]:
    """The headers of every request."""
    return {"Authorization": f"Bearer {key}", "User-Agent": f"autoresearch/{__version__}"}


@contextlib.contextmanager
def made_by(agent: str | None) -> Iterator[None]:
    """Send the requests of the block for this agent, or with None for a person, whoever runs the process that sends them."""
    token = _maker.set((agent,))
    try:
        yield
    finally:
        _maker.reset(token)


def acting() -> dict[str, str]:
    """The header that names the agent for which a request is sent; none for a person."""
    maker = _maker.get()
    agent = detect_agent() if maker is None else maker[0]
    if agent is None or not agent.isascii() or not agent.isprintable() or not agent.strip():
        return {}
    return {AGENT_HEADER: agent.strip()[:100]}


def bearing(token: str | None) -> dict[str, str]:
    """The header of a request that is sent with another key than the client's own; none without one."""
    return {} if token is None else {"Authorization": f"Bearer {token}"}
