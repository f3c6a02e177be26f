"""Experiments as people post them, their patches and their trees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from autoresearch.capture.checkout import tree_diff
from autoresearch.errors import Invalid, NotFound
from autoresearch.ledger.access.service import Caller
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.protocol.forms import (
    ExperimentPost,
    JudgedRequest,
    TreeDifference,
    TreeEntryOut,
    TreeOut,
    TreePost,
)
from autoresearch.records.base import utc_now
from autoresearch.records.experiment import Diff, Experiment, ExperimentRequest, SessionRequest
from autoresearch.records.ids import derived_id, is_id, new_id
from autoresearch.records.tree import Tree, TreeEntry
from autoresearch.research.keys import repro_key
from autoresearch.server.documented import by_hand
from autoresearch.server.handling import answer_json, asked, posted
from autoresearch.track.storing import readable

__all__ = ["routes"]

_AS_IS = frozenset(
    (
        "id",
        "project",
        "note",
        "commit",
        "branch",
        "segment",
        "files",
        "config",
        "command",
        "tree",
        "uses",
        "notices",
    )
)


def routes() -> Sequence[BaseRoute]:
    """The routes of this module."""
    return by_hand(
        post_experiment=_post,
        record_judged=_judged,
        get_diff=_diff,
        get_tree=_tree,
        set_tree=_set_tree,
        compare_trees=_difference,
    )


async def _post(request: Request) -> Response:
    return await posted(request, ExperimentPost, _record, kind=Experiment)


def _record(ledger: LocalLedger, post: ExperimentPost, _caller: Caller) -> Experiment:
    diff, change = _stored(ledger, post)
    given: dict[str, Any] = {name: getattr(post, name) for name in _AS_IS}
    parent, commit = post.parent_id, post.parent_commit
    if post.parent is not None:
        parent, commit = (post.parent, commit) if is_id(post.parent) else (parent, post.parent)
    key = post.repro_key or repro_key(
        post.commit, diff.digest if diff else None, post.config, post.tree, otherwise=post.id
    )
    request = ExperimentRequest.make(
        **given,
        session_id=post.session_id or _session(ledger, post),
        parent_id=parent,
        parent_commit=commit,
        diff=diff,
        change=change,
        repro_key=key,
        source=post.source,
        occurred_at=post.occurred_at or utc_now(),
    )
    return ledger.research.record(request)


def _stored(ledger: LocalLedger, post: ExperimentPost) -> tuple[Diff | None, str]:
    """The patch among the objects, and its text for search."""
    if not isinstance(post.diff, str):
        return post.diff, post.change
    if not post.diff:
        return None, post.change
    try:
        data = post.diff.encode()
    except UnicodeEncodeError:
        raise Invalid(
            "diff has lone surrogates.", hint="Send the patch as UTF-8, or store its bytes."
        ) from None
    return Diff(digest=ledger.snapshots.put(data), size=len(data)), post.change or readable(data)


def _session(ledger: LocalLedger, post: ExperimentPost) -> str:
    try:
        active = ledger.research.project(post.project).active_session
    except NotFound:
        active = None
    if active is not None:
        return active
    tag = (post.branch or "default").replace("/", "-").replace(":", "-").replace("\\", "-")
    # Two that come at once make one session.
    wanted = SessionRequest.make(id=derived_id("session", post.project, tag), project=post.project, tag=tag)
    opened = ledger.research.open_session(wanted)
    if opened.state == "closed":
        opened = ledger.research.open_session(wanted.model_copy(update={"id": new_id()}))
    return opened.id


async def _judged(request: Request) -> Response:
    def work(ledger: LocalLedger, body: JudgedRequest, _caller: Caller) -> int:
        return ledger.research.record_judged([(each.experiment, each.decision) for each in body.batch])

    return await posted(request, JudgedRequest, work, kind=int)


async def _diff(request: Request) -> Response:
    patch: bytes = await asked(request, lambda ledger, given: ledger.snapshots.patch(given["experiment_id"]))
    return Response(patch, media_type="text/x-diff", headers={"Content-Disposition": "attachment"})


def _tree_of(ledger: LocalLedger, experiment_id: str) -> Tree:
    found = ledger.research.experiment(experiment_id)
    if found.tree is None:
        raise NotFound(
            f"Experiment {found.number} has no snapshot.",
            hint="PUT its tree, or record the next one with it.",
        )
    return ledger.snapshots.tree(found.tree)


async def _tree(request: Request) -> Response:
    answer: Response = await asked(
        request, lambda ledger, given: _shown(_tree_of(ledger, given["experiment_id"])), kind=TreeOut
    )
    return answer


def _shown(tree: Tree) -> TreeOut:
    entries = [TreeEntryOut.model_construct(**entry._asdict()) for entry in tree.entries]
    kept = [entry.size for entry in tree.entries if entry.kind != "omitted"]
    return TreeOut(digest=tree.digest, files=len(kept), size=sum(kept), entries=entries)


async def _set_tree(request: Request) -> Response:
    def work(ledger: LocalLedger, body: TreePost, _caller: Caller) -> TreeOut:
        if (body.digest is None) == (body.entries is None):
            raise Invalid("Neither or both of digest and entries were given.", hint="Give one of them.")
        digest = body.digest
        if body.entries is not None:
            tree = Tree([TreeEntry(**each.model_dump()) for each in body.entries])
            missing = sorted(
                ledger.objects.missing(
                    entry.sha256 for entry in tree.entries if entry.kind == "file" and entry.sha256
                )
            )
            if missing:
                raise NotFound(
                    f"{len(missing)} files of the tree were not stored.",
                    hint="POST their bytes to /v1/blobs first.",
                    details={"missing": missing[:1000]},
                )
            digest = ledger.snapshots.put(tree.manifest)
        assert digest is not None
        ledger.research.set_tree(request.path_params["experiment_id"], digest)
        return _shown(ledger.snapshots.tree(digest))

    return await posted(request, TreePost, work, kind=TreeOut)


async def _difference(request: Request) -> Response:
    def work(ledger: LocalLedger, given: Mapping[str, Any]) -> TreeDifference:
        before, after = _tree_of(ledger, given["experiment_id"]), _tree_of(ledger, given["other_id"])
        found = tree_diff(before, after, ledger.objects)
        return TreeDifference(
            added=list(found.added), removed=list(found.removed), changed=list(found.changed), text=found.text
        )

    return answer_json(await asked(request, work), TreeDifference)
