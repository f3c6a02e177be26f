"""Repositories whose score is known in advance, and agents that search them: fast commands, exact truth."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from autoresearch.drivers.base import Assignment, Proposal
from autoresearch.track.workspace import Workspace

# The score is what stands in the files: their sum, read by the shell.
COMMAND = ("/bin/sh", "score.sh")
_SCORE = 'total=1000\nfor file in p/*; do read -r value < "$file"; total=$((total + value)); done\necho "loss: $total"\n'


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def make_repository(folder: Path, files: int) -> None:
    """A repository with some files of one number each; none of them is good or bad yet."""
    (folder / "p").mkdir(parents=True)
    for number in range(1, files + 1):
        (folder / "p" / f"{number:03}").write_text("0\n")
    (folder / "score.sh").write_text(_SCORE)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "begin")


def gain_of(number: int) -> int:
    """What trial ``number`` changes the score by: a third of the changes make it better, by less than a hundred."""
    drawn = int(hashlib.sha256(str(number).encode()).hexdigest(), 16)
    return -(drawn % 90 + 10) if drawn % 3 == 0 else drawn % 90 + 10


def best_of(trials: int) -> int:
    """The best score after so many trials: every change that makes it better, and no other."""
    return 1000 + sum(min(0, gain_of(number)) for number in range(1, trials + 1))


class Independent:
    """Trial ``n`` changes the ``n``-th file, whatever the others do: the end is the same in any order."""

    name = "independent"

    def propose(self, assignment: Assignment) -> Proposal | None:
        number = assignment.trial
        gain = gain_of(number)
        path = f"p/{number:03}"
        return Proposal(f"{path} 0 -> {gain}", {path: f"{gain}\n"}, {"value": gain})


def score_of(workspace: Workspace, experiment_id: str) -> int:
    """The true score of the code that was kept of an experiment."""
    tree = workspace.ledger.research.experiment(experiment_id).tree
    assert tree is not None
    blobs = {entry.path: entry.sha256 for entry in workspace.ledger.snapshots.tree(tree).entries}
    values = [
        int(workspace.ledger.snapshots.get(str(digest)))
        for path, digest in blobs.items()
        if path.startswith("p/")
    ]
    return 1000 + sum(values)


def fingerprint(folder: Path) -> dict[str, str]:
    """Digests of all that a user has in a repository: files, index, branches but for those of campaigns, settings."""
    found = {}
    for path in sorted(folder.rglob("*")):
        within = path.relative_to(folder).as_posix()
        ours = within.startswith((".git/objects", ".git/worktrees")) or "autoresearch" in within
        if path.is_file() and not ours:
            found[within] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found
