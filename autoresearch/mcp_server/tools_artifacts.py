"""Tools about artifacts: the versions of what was made, and the refs that point at them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from autoresearch.mcp_server.answering import DEFAULT_CHARS, Reply, listed, plain
from autoresearch.mcp_server.rows import ArtifactName, Cursor, Limit, MaxChars, Ref, Row
from autoresearch.mcp_server.target import Target

__all__ = ["ROWS", "get_artifact", "list_artifacts", "promote_artifact"]

_FILES = 100


def list_artifacts(
    target: Target,
    *,
    type: Annotated[str | None, Field(max_length=1000, description="Only those of this type.")] = None,  # noqa: A002  the field's word
    limit: Limit = 20,
    cursor: Cursor = None,
    max_chars: MaxChars = DEFAULT_CHARS,
) -> Reply:
    """List the artifacts of the project: name, type, how many versions, and where latest, winner and other refs point."""
    things = target.ledger.artifacts

    def fetch(most: int) -> tuple[list[dict[str, Any]], str | None]:
        page = things.artifacts(project=target.name, type=type, limit=most, cursor=cursor)
        return [
            {
                "name": a.name,
                "type": a.type,
                "versions": a.versions,
                "refs": a.refs,
                "description": a.description,
            }
            for a in page.items
        ], page.next_cursor

    return listed("artifacts", fetch, limit, max_chars)


def get_artifact(
    target: Target,
    *,
    name: ArtifactName,
    ref: Ref = "latest",
    max_chars: MaxChars = DEFAULT_CHARS,  # noqa: ARG001  the answer is held to it by whoever calls
) -> Reply:
    """Read one version of an artifact: which experiment made it, its files, its metadata, and the refs at it."""
    version = target.ledger.artifacts.version(name, ref)
    said = plain(version)
    research = target.ledger.research
    made = research.experiment(version.produced_by).number if version.produced_by else None
    entries = target.ledger.snapshots.tree(version.tree).entries
    files = [{"path": entry.path, "bytes": entry.size} for entry in entries[:_FILES]]
    for internal in ("producers", "used_by", "produced_by"):
        said.pop(internal, None)
    return Reply(
        {"version": {**said, "experiment": made}, "entries": plain(files), "truncated": len(entries) > _FILES}
    )


def promote_artifact(
    target: Target,
    *,
    name: ArtifactName,
    ref: Annotated[str, Field(max_length=1000, description="The ref to move, such as production.")],
    version: Annotated[str, Field(max_length=1000, description="Where to: a version (v3) or another ref.")],
    expected: Annotated[
        str | None,
        Field(max_length=1000, description="Move it only from this version; '' for a ref that is not there."),
    ] = None,
) -> Reply:
    """Point a ref of an artifact at a version. The ref `winner` follows the verdicts by itself."""
    from autoresearch.records.artifact import RefRequest

    request = RefRequest.make(artifact=name, ref=ref, version=version, expected=expected)
    moved = target.ledger.artifacts.move_ref(request)
    return Reply(
        {
            "artifact": plain(name),
            "ref": plain(ref),
            "version": moved.version,
            "refs": plain(list(moved.refs)),
        }
    )


ROWS = (
    Row(list_artifacts, "List artifacts", "read", "artifacts list"),
    Row(get_artifact, "Read an artifact", "read", "artifacts show"),
    Row(promote_artifact, "Promote an artifact", "change", "promote"),
)
