"""From a folder to what an experiment of it would be recorded as: its bytes are stored, nothing is recorded."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoresearch.capture.change import Change, capture_change
from autoresearch.errors import AutoresearchError
from autoresearch.records.base import utc_now
from autoresearch.records.experiment import Diff, ExperimentRequest
from autoresearch.research.keys import repro_key
from autoresearch.track import storing

if TYPE_CHECKING:
    from autoresearch.track.workspace import Workspace

__all__ = ["experiment_request"]

_Paths = str | Path | Sequence[str | Path]


def experiment_request(
    workspace: Workspace,
    note: str,
    *,
    id: str,  # noqa: A002  the field's word
    session_of: Callable[[str | None], str],
    commit: str | None = None,
    diff: str | bytes | None = None,
    snapshot: _Paths | None = ".",
    config: Mapping[str, Any],
    command: Sequence[str] = (),
    parent: str | None = None,
    uses: Sequence[str] = (),
) -> ExperimentRequest:
    """What ``workspace.experiment`` would record, which ``ledger.research.record`` takes.

    By its ``tree`` one sees whether the same code was tried before anything is recorded. Takes and raises what
    ``workspace.experiment`` does; ``session_of`` gives the id of the session to record it in, by the branch.
    """
    change = _change(workspace, commit, diff)
    stored = _stored_diff(workspace, change)
    tree, said = _snapshot(workspace, snapshot)
    return ExperimentRequest.make(
        id=id,
        project=workspace.name,
        session_id=session_of(change.branch),
        note=note,
        commit=change.commit,
        parent_commit=change.parent,
        branch=change.branch,
        parent_id=parent and workspace.find(parent).id,
        diff=stored,
        change=storing.readable(change.patch),
        files=tuple(storing.cleaned(name) for name in change.files[:10_000]),
        config=dict(config),
        command=tuple(command or workspace.file.run.command),
        tree=tree,
        repro_key=repro_key(change.commit, stored.digest if stored else None, config, tree, otherwise=id),
        uses=tuple(_exact(workspace, name) for name in uses),
        notices=tuple(storing.cleaned(notice) for notice in [*change.notices, *said][:200]),
        occurred_at=utc_now(),
    )


def _change(workspace: Workspace, commit: str | None, diff: str | bytes | None) -> Change:
    most = workspace.settings.max_diff_bytes
    if commit is not None and diff is not None:
        found = Change(root=None, commit=commit)
    else:
        found = capture_change(workspace.path, max_bytes=most)
    change = storing.overridden(found, commit, diff, max_bytes=most)
    return replace(change, notices=(*workspace.file.run.remarks(change.files), *change.notices))


def _stored_diff(workspace: Workspace, change: Change) -> Diff | None:
    if not change.size or change.digest is None:
        return None
    if not change.truncated:
        workspace.ledger.snapshots.put(change.patch)
    return Diff(digest=change.digest, size=change.size, truncated=change.truncated)


def _snapshot(workspace: Workspace, sources: _Paths | None) -> tuple[str | None, list[str]]:
    if sources is None:
        return None, []
    try:
        taken = storing.snapshot(workspace, sources)
    except (AutoresearchError, OSError) as error:
        said = f"The snapshot failed and was left out: {error}"
        warnings.warn(said, stacklevel=4)
        return None, [said]
    return taken.digest, list(taken.notices)


def _exact(workspace: Workspace, name: str) -> str:
    artifact, _, ref = name.partition(":")
    return f"{artifact}:{workspace.ledger.artifacts.version(artifact, ref or 'latest').version}"
