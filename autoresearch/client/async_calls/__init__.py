"""All calls of the API; written by tools/client_source.py from the table of operations."""

from __future__ import annotations

from autoresearch.client.async_calls.blobs import AsyncBlobsCalls
from autoresearch.client.async_calls.campaigns import AsyncCampaignsCalls
from autoresearch.client.async_calls.folders import AsyncFoldersCalls
from autoresearch.client.async_calls.hand import AsyncHandCalls
from autoresearch.client.async_calls.people import AsyncPeopleCalls
from autoresearch.client.async_calls.research import AsyncResearchCalls
from autoresearch.client.async_calls.runs import AsyncRunsCalls
from autoresearch.client.async_calls.things import AsyncThingsCalls

__all__ = ["AsyncCalls"]


class AsyncCalls(
    AsyncHandCalls,
    AsyncBlobsCalls,
    AsyncResearchCalls,
    AsyncThingsCalls,
    AsyncRunsCalls,
    AsyncPeopleCalls,
    AsyncFoldersCalls,
    AsyncCampaignsCalls,
):
    """Every call of the API."""
