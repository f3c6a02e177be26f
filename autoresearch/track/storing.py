"""From files and patches to what the ledger stores: captured, cleaned, and put among the objects first."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoresearch.errors import Invalid
from autoresearch.records.artifact import VersionRequest
from autoresearch.records.base import utc_now
from autoresearch.records.ids import new_id

if TYPE_CHECKING:
    from autoresearch.capture.change import Change
    from autoresearch.capture.snapshot import Snapshot
    from autoresearch.track.workspace import Workspace

__all__ = ["cleaned", "collect", "overridden", "readable", "snapshot", "version_request"]

_SEARCHED = 1024 * 1024
_STATS = "stat-cache"
_STATS_SECONDS = 7 * 24 * 3600.0


def cleaned(text: str) -> str:
    """Text that every store takes: lone surrogates and NUL are shown as U+FFFD."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\0", "\ufffd")


def readable(patch: bytes) -> str:
    """The text of a patch for search, at most 1 MiB of it."""
    return patch[:_SEARCHED].decode("utf-8", "replace").replace("\0", "\ufffd")


def overridden(change: Change, commit: str | None, diff: str | bytes | None, *, max_bytes: int) -> Change:
    """What was captured, with the caller's own commit and patch in its place."""
    if commit is not None and commit != change.commit:
        # The parent and the branch of another commit are not known from the work tree.
        change = replace(change, commit=commit, parent=None, branch=change.branch)
    if diff is None:
        return change
    data = diff if isinstance(diff, bytes) else diff.encode("utf-8", "surrogateescape")
    truncated = len(data) > max_bytes
    return replace(
        change,
        patch=b"" if truncated else data,
        digest=hashlib.sha256(data).hexdigest(),
        size=len(data),
        truncated=truncated,
        files=(),
    )


def snapshot(workspace: Workspace, sources: str | Path | Sequence[str | Path]) -> Snapshot:
    """Keep the files of a folder, or a list of files, as a tree.

    Raises:
        Invalid: A path is not there.
        CaptureError: The files could not be read, or are too many outside a repository.
        StoreError: They could not be stored.
    """
    from autoresearch.capture.snapshot import take_snapshot

    source: Path | list[Path]
    if isinstance(sources, str | Path):
        source = workspace.root if str(sources) == "." else workspace.path / sources
    else:
        source = [workspace.path / path for path in sources]
    return take_snapshot(
        source,
        workspace.ledger.objects,
        max_file=workspace.settings.snapshot_max_file,
        cache=workspace.home / _STATS,
    )


def collect(workspace: Workspace, *, dry_run: bool) -> tuple[int, int]:
    """Remove objects that nothing refers to; answers how many and their bytes.

    Raises:
        StoreCorrupt: A manifest is damaged; nothing was removed.
    """
    found = workspace.ledger.snapshots.collect(dry_run=dry_run)
    if not dry_run:
        # Digests of folders that nobody looked at for long: making them again costs one slow snapshot.
        limit = utc_now().timestamp() - _STATS_SECONDS
        for path in (workspace.home / _STATS).glob("*"):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < limit:
                    path.unlink()
    return found


def version_request(
    workspace: Workspace,
    name: str,
    path: Path,
    *,
    type_: str,
    produced_by: str | None,
    metadata: Mapping[str, Any],
    description: str,
) -> VersionRequest:
    """Store every file of an artifact, whatever its size or name, and the request that logs it."""
    from autoresearch.capture.snapshot import take_snapshot

    if not path.exists():
        raise Invalid(f"There is nothing at {path}.", hint="Give the file or folder to keep.")
    tree = take_snapshot(path, workspace.ledger.objects, max_file=None, everything=True).tree
    return VersionRequest.make(
        id=new_id(),
        project=workspace.name,
        artifact=name,
        type=type_,
        tree=tree.digest,
        size=tree.size,
        files=len(tree.files()),
        produced_by=produced_by,
        metadata=dict(metadata),
        description=description,
    )
