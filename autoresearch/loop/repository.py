"""The git calls of a campaign: nothing of the user's configuration runs a program, and no hook is started."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from autoresearch.errors import CaptureError, Conflict

__all__ = ["IDENTITY", "Repository", "git_init"]

IDENTITY = {
    "GIT_AUTHOR_NAME": "autoresearch",
    "GIT_AUTHOR_EMAIL": "autoresearch@localhost",
    "GIT_COMMITTER_NAME": "autoresearch",
    "GIT_COMMITTER_EMAIL": "autoresearch@localhost",
}
"""Who commits what a campaign keeps; the user's own identity is neither needed nor used."""

_SETTINGS = (
    "core.hooksPath=/dev/null", "core.fsmonitor=false", "core.untrackedCache=false", "core.quotePath=false",
    "commit.gpgSign=false", "gc.auto=0", "maintenance.auto=false",
    "advice.detachedHead=false", "submodule.recurse=false", "checkout.workers=1",
)  # fmt: skip


class Repository:
    """One repository, called through ``git``.

    Args:
        folder: Any folder inside its working tree.

    Raises:
        CaptureError: There is no repository, or git is not installed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.root = Path(self.git("rev-parse", "--show-toplevel").removesuffix("\n"))
        """Top folder of the working tree."""
        self.common = (folder / self.git("rev-parse", "--git-common-dir").removesuffix("\n")).resolve()
        """The folder that all of its worktrees share."""

    def git(
        self,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        within: tuple[Path, Path] | None = None,
    ) -> str:
        """Run git and return what it prints; names of files that are not UTF-8 come back by surrogate escapes.

        Args:
            arguments: The command and its arguments.
            environment: Variables to add.
            within: Git folder and working tree of a trial, instead of the user's.

        Raises:
            CaptureError: Git failed; the message carries what it said.
        """
        folder = self._folder if within is None else within[1]
        where = [] if within is None else [f"--git-dir={within[0]}", f"--work-tree={within[1]}"]
        return _git(folder, [*where, *arguments], arguments[0], environment or {})

    def resolve(self, name: str) -> str | None:
        """The commit a name stands for, or None."""
        try:
            return self.git(
                "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"
            ).strip()
        except CaptureError:
            return None

    def move_branch(self, branch: str, new: str, old: str | None) -> None:
        """Point a branch at a commit, if it is where we think it is and no working tree stands on it.

        Raises:
            Conflict: Another process moved it, or it is checked out somewhere.
        """
        ref = f"refs/heads/{branch}"
        if f"branch {ref}" in self.git("worktree", "list", "--porcelain").splitlines():
            raise Conflict(
                f"The branch {branch} is checked out, and moving it would change that working tree.",
                hint="Switch to another branch there, or use another session tag.",
            )
        try:
            self.git("update-ref", "-m", "autoresearch: keep", ref, new, old or "0" * len(new))
        except CaptureError as error:
            raise Conflict(
                f"The branch {branch} was moved by someone else while the trial ran.",
                hint="Start the campaign again: it goes on from where the branch is now.",
            ) from error


def git_init(folder: Path, message: str) -> None:
    """Make a repository of a folder and commit all that is in it.

    Raises:
        CaptureError: Git failed, or is not installed.
    """
    _git(folder, ["init", "--quiet", "--template=", "--initial-branch=main"], "init", {})
    _git(folder, ["add", "--all"], "add", {})
    _git(folder, ["commit", "--quiet", "--message", message], "commit", IDENTITY)


def _git(folder: Path, arguments: Sequence[str], what: str, environment: Mapping[str, str]) -> str:
    settings = [part for setting in _SETTINGS for part in ("-c", setting)]
    # A variable such as GIT_DIR or GIT_INDEX_FILE, set by a hook that we run under, would lead elsewhere.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    kept = {
        name: os.environ[name] for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM") if name in os.environ
    }
    env = {**clean, **kept, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", **environment}
    try:
        done = subprocess.run(
            ["git", *settings, *arguments], cwd=folder, env=env, capture_output=True, check=False
        )
    except OSError as error:
        raise CaptureError(
            f"git could not be run in {folder}: {error.strerror}.", hint="Install git, and check the folder."
        ) from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise CaptureError(
            f"git {what} failed: {said[-1] if said else f'exit code {done.returncode}'}.",
            hint="Run it by hand in the repository to see the whole message.",
        )
    return done.stdout.decode("utf-8", "surrogateescape")
