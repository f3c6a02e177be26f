"""A commit and a patch as files again, in a folder of their own, without touching the repository."""

from __future__ import annotations

import re
from pathlib import Path

from autoresearch.capture.conversion import RAW
from autoresearch.capture.notices import Notices
from autoresearch.capture.placing import fresh_folder
from autoresearch.capture.repository import Scratch, find_repository
from autoresearch.capture.verbatim import verbatim_paths
from autoresearch.errors import CaptureError
from autoresearch.records.tree import path_text

__all__ = ["apply_patch"]

_NAME = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")
_MODULE = b"160000"


def apply_patch(repository: Path, commit: str | None, patch: bytes, destination: Path) -> tuple[str, ...]:
    """Write the files of a commit with a patch applied; answers notices on what could not be brought back.

    Args:
        repository: A folder of the repository; it is only read.
        commit: Full name of a commit there; None for none, as in a repository before its first.
        patch: As ``capture_change`` made it; may be empty.
        destination: Folder to make; it must not exist, or be empty.

    Raises:
        CaptureError: The repository cannot be used, lacks the commit, or the patch does not apply.
        Conflict: Something is at the destination.
    """
    found = find_repository(repository)
    if found is None:
        raise CaptureError(
            f"{str(repository)!r} is not in a git repository.",
            hint="Run this in a clone of the experiment's repository.",
        )
    with fresh_folder(destination) as folder, Scratch.open(found, work_tree=folder) as scratch:
        if commit is not None:
            _read_commit(scratch, commit)
        if b"diff --git " in patch:
            _apply(scratch, patch)
        scratch.override_attributes(verbatim_paths(patch), RAW)
        scratch.run("checkout-index", "--all", "--force", "--quiet")
        return _notices(scratch)


def _read_commit(scratch: Scratch, commit: str) -> None:
    if not _NAME.match(commit) or scratch.start("cat-file", "-e", f"{commit}^{{commit}}").finish().code:
        raise CaptureError(
            f"The repository does not have the commit {commit!r}.",
            hint="Fetch it, or check out the snapshot instead.",
        )
    scratch.run("read-tree", commit)


def _apply(scratch: Scratch, patch: bytes) -> None:
    try:
        scratch.run("apply", "--cached", "--whitespace=nowarn", "-", stdin=patch)
    except CaptureError as error:
        raise CaptureError(
            f"The patch does not apply to the commit: {error.details.get('git', '')[:300]}",
            hint="The stored patch or the commit is not the recorded one; run `autoresearch fsck`.",
            details=error.details,
        ) from None


def _notices(scratch: Scratch) -> tuple[str, ...]:
    notices = Notices()
    listed = scratch.run("ls-files", "-s", "-z").split(b"\0")
    modules = [line.partition(b"\t")[2] for line in listed if line.startswith(_MODULE)]
    notices.add("Submodules are empty here", map(path_text, modules))
    return notices.lines()
