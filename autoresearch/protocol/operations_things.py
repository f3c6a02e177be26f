"""Rows of artifacts and their refs."""

from __future__ import annotations

from autoresearch.protocol.rows import CURSOR, LIMIT, Operation, Query
from autoresearch.records.artifact import Artifact, RefRequest, Version, VersionRequest
from autoresearch.records.base import Page

__all__ = ["ROWS"]

ROWS = (
    Operation(
        "log_artifact",
        "POST",
        "/v1/artifacts/log",
        "artifacts",
        "log",
        Version,
        "Log a version; identical trees answer the version that has them.",
        "write",
        VersionRequest,
    ),
    Operation(
        "list_artifacts",
        "GET",
        "/v1/artifacts",
        "artifacts",
        "artifacts",
        Page[Artifact],
        "Artifacts in order of name.",
        query=(
            Query("project", str | None, None, "Of this project alone."),
            Query("type", str | None, None, "Of this type alone."),
            LIMIT,
            CURSOR,
        ),
    ),
    Operation(
        "list_versions",
        "GET",
        "/v1/artifacts/{artifact}",
        "artifacts",
        "versions",
        Page[Version],
        "Versions of an artifact in order of number, each with the refs that point at it.",
        query=(LIMIT, CURSOR),
    ),
    Operation(
        "list_made_versions",
        "GET",
        "/v1/experiments/{experiment_id}/versions",
        "artifacts",
        "versions_of",
        tuple[Version, ...],
        "The artifact versions that an experiment made, in order of artifact and number.",
    ),
    Operation(
        "get_version",
        "GET",
        "/v1/artifacts/{artifact}/{ref}",
        "artifacts",
        "version",
        Version,
        "The version that a ref, latest, or a version's own name points at.",
    ),
    Operation(
        "move_ref",
        "PUT",
        "/v1/artifacts/{artifact}/refs/{ref}",
        "artifacts",
        "move_ref",
        Version,
        "Promote: point a ref at a version, compare-and-set when expected is given.",
        "write",
        RefRequest,
    ),
)
