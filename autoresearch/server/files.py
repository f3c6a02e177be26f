"""Files on their own: registered where they lie, or sent, each as an artifact version of one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.protocol.calls import query_of
from autoresearch.protocol.forms import FilePost
from autoresearch.records.artifact import Version, VersionRequest
from autoresearch.records.ids import new_id
from autoresearch.records.tree import Tree, TreeEntry
from autoresearch.server.auth import caller_of, state_of
from autoresearch.server.blobs import stored
from autoresearch.server.documented import by_hand, row_of
from autoresearch.server.handling import answer_json, posted
from autoresearch.server.spooling import Spooled, spooled_body

__all__ = ["routes"]

_LONGEST_REASON = 500


def routes() -> Sequence[BaseRoute]:
    """The routes of this module."""
    return by_hand(register_file=_register, upload_file=_upload)


async def _register(request: Request) -> Response:
    return await posted(request, FilePost, lambda ledger, body, _: _registered(ledger, body), kind=Version)


def _registered(ledger: LocalLedger, post: FilePost) -> Version:
    path = post.path or post.uri.rstrip("/").rpartition("/")[2] or "file"
    reason = f"lies at {post.uri}"[:_LONGEST_REASON]
    entry = TreeEntry(path, "100644", post.size, post.digest, None, reason)
    tree = ledger.objects.put(Tree([entry]).manifest)
    request = VersionRequest.make(
        id=post.id or new_id(),
        project=post.project,
        artifact=post.artifact,
        type=post.type,
        tree=tree,
        size=post.size,
        files=1,
        produced_by=post.produced_by,
        metadata={**post.metadata, "uri": post.uri, "digest": post.digest},
        description=post.description,
    )
    return ledger.artifacts.log(request)


async def _upload(request: Request) -> Response:
    state = state_of(request)
    caller = await caller_of(request, "write")
    given = query_of(row_of(request).query, request.query_params.multi_items())
    async with spooled_body(request, state.limits.blob) as body:
        version = await state.run(_uploaded, state.ledger(caller), body, given)
    return answer_json(version, Version)


def _uploaded(ledger: LocalLedger, body: Spooled, given: Mapping[str, Any]) -> Version:
    path = given["path"] or given["artifact"]
    Tree(
        [TreeEntry(path, "100644", body.size, "0" * 64)]
    )  # a name that can do harm is refused before anything is stored
    digest = stored(ledger, body, given["digest"])
    tree = ledger.objects.put(Tree([TreeEntry(path, "100644", body.size, digest)]).manifest)
    request = VersionRequest.make(
        id=new_id(),
        project=given["project"],
        artifact=given["artifact"],
        type=given["type"],
        tree=tree,
        size=body.size,
        files=1,
        produced_by=given["produced_by"],
        description=given["description"],
    )
    return ledger.artifacts.log(request)
