"""Calls of the API; written by tools/client_source.py from the table of operations."""

from __future__ import annotations

from autoresearch.client.caller import AsyncCaller
from autoresearch.records.artifact import Artifact, RefRequest, Version, VersionRequest
from autoresearch.records.base import Page

__all__ = ["AsyncThingsCalls"]


class AsyncThingsCalls(AsyncCaller):
    """One method for each row of this group; each raises what ``call`` does."""

    async def log_artifact(self, request: VersionRequest) -> Version:
        """Log a version; identical trees answer the version that has them."""
        answer: Version = await self.call("log_artifact", {"request": request})
        return answer

    async def list_artifacts(
        self,
        *,
        project: str | None = None,
        type: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Artifact]:
        """Artifacts in order of name."""
        answer: Page[Artifact] = await self.call(
            "list_artifacts", {"project": project, "type": type, "limit": limit, "cursor": cursor}
        )
        return answer

    async def list_versions(
        self, artifact: str, *, limit: int = 100, cursor: str | None = None
    ) -> Page[Version]:
        """Versions of an artifact in order of number, each with the refs that point at it."""
        answer: Page[Version] = await self.call(
            "list_versions", {"artifact": artifact, "limit": limit, "cursor": cursor}
        )
        return answer

    async def list_made_versions(self, experiment_id: str) -> tuple[Version, ...]:
        """The artifact versions that an experiment made, in order of artifact and number."""
        answer: tuple[Version, ...] = await self.call("list_made_versions", {"experiment_id": experiment_id})
        return answer

    async def get_version(self, artifact: str, ref: str) -> Version:
        """The version that a ref, latest, or a version's own name points at."""
        answer: Version = await self.call("get_version", {"artifact": artifact, "ref": ref})
        return answer

    async def move_ref(self, request: RefRequest) -> Version:
        """Promote: point a ref at a version, compare-and-set when expected is given."""
        answer: Version = await self.call("move_ref", {"request": request})
        return answer
