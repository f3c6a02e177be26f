"""All calls of the API; written by tools/client_source.py from the table of operations."""

from __future__ import annotations

from autoresearch.client.calls.blobs import BlobsCalls
from autoresearch.client.calls.campaigns import CampaignsCalls
from autoresearch.client.calls.folders import FoldersCalls
from autoresearch.client.calls.hand import HandCalls
from autoresearch.client.calls.people import PeopleCalls
from autoresearch.client.calls.research import ResearchCalls
from autoresearch.client.calls.runs import RunsCalls
from autoresearch.client.calls.things import ThingsCalls

__all__ = ["Calls"]


class Calls(
    HandCalls, BlobsCalls, ResearchCalls, ThingsCalls, RunsCalls, PeopleCalls, FoldersCalls, CampaignsCalls
):
    """Every call of the API."""
