"""What a client says of itself with every request: its key, its version, and the coding agent that it works for."""

from __future__ import annotations

from autoresearch._version import __version__
from autoresearch.settings import detect_agent

__all__ = ["AGENT_HEADER", "bearing", "headers_of"]

AGENT_HEADER = "X-Autoresearch-Agent"
"""Names the agent that acts with somebody's key: its verdicts are then an agent's, which a person may overturn."""


def headers_of(key: str) -> dict[str, str]:
    """The headers of every request."""
    headers = {"Authorization": f"Bearer {key}", "User-Agent": f"autoresearch/{__version__}"}
    agent = detect_agent()
    if agent is not None and agent.isascii() and agent.isprintable() and agent.strip():
        headers[AGENT_HEADER] = agent.strip()[:100]
    return headers


def bearing(token: str | None) -> dict[str, str]:
    """The header of a request that is sent with another key than the client's own; none without one."""
    return {} if token is None else {"Authorization": f"Bearer {token}"}
