from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from autoresearch.errors import CaptureError, Conflict, Invalid, TrialError
from autoresearch.loop import workdir
from autoresearch.loop.workdir import Scope, Workdir, Workdirs

SCOPE = Scope(editable=("train.py", "lib/"), protected=("evaluate.py", "data/"))


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "user"
    (folder / "data").mkdir(parents=True)
    (folder / "train.py").write_text("LR = 0.1\n")
    (folder / "evaluate.py").write_text("print('honest')\n")
    (folder / "data" / "text").write_text("words")
    (folder / ".gitignore").write_text("*.cache\n")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "begin")
    return folder


def workdirs(repository: Path, *, tag: str = "t", scope: Scope = SCOPE) -> Workdirs:
    return Workdirs(repository, tag=tag, root=repository.parent / "home" / "trials", scope=scope)


def log(repository: Path, branch: str = "autoresearch/t") -> list[str]:
    return git(repository, "log", "--format=%s", branch).splitlines()


def test_a_keep_becomes_a_commit_and_a_drop_leaves_no_trace(repository: Path) -> None:
    dirs = workdirs(repository)
    with dirs.open() as trial:
        trial.apply({"train.py": "LR = 0.2\n"})
        assert trial.changed() == ["train.py"]
        assert trial.guard() == []
        dirs.advance(trial.seal("LR 0.1 too small; 0.2"))
    with dirs.open() as trial:
        assert (trial.path / "train.py").read_text() == "LR = 0.2\n"
        trial.apply({"train.py": "LR = 0.4\n", "lib/new.py": "x = 1\n"})
        trial.seal("never kept")
    assert log(repository) == ["LR 0.1 too small; 0.2", "begin"]
    assert git(repository, "show", "autoresearch/t:train.py") == "LR = 0.2"


def test_the_users_tree_index_branch_and_config_stay_as_they_are(repository: Path) -> None:
    (repository / "train.py").write_text("LR = 0.7  # mine, half done\n")
    (repository / "scratch.txt").write_text("mine")
    git(repository, "add", "scratch.txt")
    (repository / ".git" / "hooks").mkdir(exist_ok=True)
    for hook in ("post-checkout", "pre-commit", "reference-transaction", "post-index-change"):
        path = repository / ".git" / "hooks" / hook
        path.write_text(f"#!/bin/sh\necho {hook} >> {repository}/../hooks-ran\n")
        path.chmod(0o755)

    def state() -> tuple[bytes, bytes, str, str]:
        index = (repository / ".git" / "index").read_bytes()
        config = (repository / ".git" / "config").read_bytes()
        return index, config, git(repository, "rev-parse", "HEAD"), git(repository, "symbolic-ref", "HEAD")

    before = state()
    dirs = workdirs(repository)
    with dirs.open() as trial:
        trial.apply({"train.py": "LR = 0.2\n"})
        assert trial.guard() == []
        dirs.advance(trial.seal("kept"))
    assert state() == before
    assert (repository / "train.py").read_text() == "LR = 0.7  # mine, half done\n"
    assert not (repository.parent / "hooks-ran").exists()
    assert git(repository, "worktree", "list").count("\n") == 0


def test_a_trial_folder_is_gone_even_when_the_trial_took_permissions_away(repository: Path) -> None:
    dirs = workdirs(repository)
    outside = repository.parent / "outside"
    outside.mkdir(mode=0o755)
    with contextlib.suppress(KeyboardInterrupt), dirs.open() as trial:
        (trial.path / "locked").mkdir()
        (trial.path / "locked" / "file").write_text("x")
        (trial.path / "locked" / "way-out").symlink_to(outside)
        (trial.path / "locked").chmod(0o000)
        raise KeyboardInterrupt
    assert not trial.path.parent.exists()
    assert outside.stat().st_mode & 0o777 == 0o755
    assert git(repository, "worktree", "list").count("\n") == 0


@pytest.mark.parametrize(
    "name",
    ["evaluate.py", "data/text", "data/new", "other.py", "../out", "/etc/x", "lib/../../x", ".git/config",
     "lib/.GIT/hooks/x", "", "a\0b", "link/x"],
)  # fmt: skip
def test_an_edit_out_of_bounds_is_refused_and_nothing_is_written(repository: Path, name: str) -> None:
    with workdirs(repository).open() as trial:
        (trial.path / "link").symlink_to(repository)
        with pytest.raises(TrialError, match="refused"):
            trial.apply({"train.py": "LR = 9\n", name: "bad"})
        assert (trial.path / "train.py").read_text() == "LR = 0.1\n"


def overwrite_grader(trial: Workdir) -> None:
    (trial.path / "evaluate.py").write_text("print('val_bpb: 0')")


def delete_data(trial: Workdir) -> None:
    (trial.path / "data" / "text").unlink()


def make_grader_executable(trial: Workdir) -> None:
    (trial.path / "evaluate.py").chmod(0o755)


def lead_data_elsewhere(trial: Workdir) -> None:
    delete_data(trial)
    (trial.path / "data").rmdir()
    elsewhere = trial.path.parents[3] / "precious"
    elsewhere.mkdir()
    (elsewhere / "text").write_text("words")
    (trial.path / "data").symlink_to(elsewhere)


def hide_from_git(trial: Workdir) -> None:
    git(trial.path, "update-index", "--assume-unchanged", "evaluate.py")
    overwrite_grader(trial)


def replace_the_git_file(trial: Workdir) -> None:
    overwrite_grader(trial)
    (trial.path / ".git").unlink()
    git(trial.path, "init", "-q")
    git(trial.path, "add", "-A")
    git(trial.path, "commit", "-q", "-m", "all is well")


def commit_it(trial: Workdir) -> None:
    overwrite_grader(trial)
    git(trial.path, "commit", "-q", "-a", "-m", "all is well")


def add_protected(trial: Workdir) -> None:
    (trial.path / "data" / "answers").write_text("42")


@pytest.mark.parametrize(
    "tamper",
    [overwrite_grader, delete_data, make_grader_executable, lead_data_elsewhere, hide_from_git,
     replace_the_git_file, commit_it, add_protected],
)  # fmt: skip
def test_a_touched_protected_file_is_said_and_put_back(
    repository: Path, tamper: Callable[[Workdir], None]
) -> None:
    with workdirs(repository).open() as trial:
        tamper(trial)
        refused = trial.guard()
        assert refused
        assert all("protected" in said or "data is outside" in said for said in refused)
        assert (trial.path / "evaluate.py").read_text() == "print('honest')\n"
        assert not (trial.path / "evaluate.py").stat().st_mode & 0o100
        assert (trial.path / "data" / "text").read_text() == "words"
        assert not (trial.path / "data").is_symlink()
        assert trial.changed() == []
    precious = repository.parent / "home" / "precious"
    assert not precious.exists() or (precious / "text").read_text() == "words"


def test_files_outside_the_editable_scope_are_said_by_name(repository: Path) -> None:
    with workdirs(repository).open() as trial:
        (trial.path / "other.py").write_text("x")
        (trial.path / "nested").mkdir()
        git(trial.path / "nested", "init", "-q")
        assert trial.guard() == [
            "nested/ is a repository of its own, which cannot be recorded",
            "other.py is outside of what may be edited (train.py, lib/)",
        ]


def test_what_git_ignores_is_gone_before_the_run(repository: Path) -> None:
    with workdirs(repository).open() as trial:
        (trial.path / "sneaky.cache").write_text("x")
        assert trial.guard() == []
        assert not (trial.path / "sneaky.cache").exists()


def test_a_grader_changed_by_the_run_itself_is_seen_afterwards(repository: Path) -> None:
    with workdirs(repository).open() as trial:
        assert trial.tampered() == []
        overwrite_grader(trial)
        assert trial.tampered() == ["evaluate.py"]


def test_what_a_run_leaves_is_seen_by_no_other_run_and_kept_in_no_commit(repository: Path) -> None:
    dirs = workdirs(repository)
    with dirs.open() as trial:
        trial.apply({"train.py": "LR = 0.2\n"})
        kept = trial.seal("kept")
        (trial.path / "checkpoint").write_text("half a model")
        (trial.path / "model.cache").write_text("x")
        (trial.path / "train.py").write_text("rewritten by itself")
        (trial.path / "evaluate.py").unlink()
        trial.reset()
        assert sorted(path.name for path in trial.path.iterdir()) == [
            ".git", ".gitignore", "data", "evaluate.py", "train.py",
        ]  # fmt: skip
        assert (trial.path / "train.py").read_text() == "LR = 0.2\n"
        dirs.advance(kept)
    assert git(repository, "diff", "--name-only", "main", "autoresearch/t") == "train.py"


def test_a_commit_is_found_by_its_message_in_the_branch_only(repository: Path) -> None:
    dirs = workdirs(repository)
    with dirs.open() as trial:
        trial.apply({"train.py": "LR = 0.2\n"})
        kept = trial.seal("note\n\nExperiment: 1-2\n")
        assert dirs.find("Experiment: 1-2") is None
        dirs.advance(kept)
    assert dirs.find("Experiment: 1-2") == kept
    assert workdirs(repository, tag="u").find("Experiment: 1-2") is None


def test_a_campaign_goes_on_from_its_branch(repository: Path) -> None:
    dirs = workdirs(repository)
    with dirs.open() as trial:
        trial.apply({"train.py": "LR = 0.2\n"})
        kept = trial.seal("kept")
        dirs.advance(kept)
    assert workdirs(repository).tip == kept
    assert workdirs(repository, tag="other").tip == git(repository, "rev-parse", "HEAD")


def test_a_branch_that_is_checked_out_is_not_moved(repository: Path) -> None:
    dirs = workdirs(repository)
    git(repository, "switch", "-q", "autoresearch/t")
    with dirs.open() as trial:
        trial.apply({"train.py": "LR = 0.2\n"})
        with pytest.raises(Conflict, match="checked out"):
            dirs.advance(trial.seal("kept"))
    assert git(repository, "status", "--porcelain") == ""


def test_a_branch_that_someone_else_moved_is_not_overwritten(repository: Path) -> None:
    first, second = workdirs(repository), workdirs(repository)
    with first.open() as one, second.open() as two:
        one.apply({"train.py": "LR = 0.2\n"})
        two.apply({"train.py": "LR = 0.3\n"})
        first.advance(one.seal("first"))
        with pytest.raises(Conflict, match="moved by someone else"):
            second.advance(two.seal("second"))
    assert log(repository) == ["first", "begin"]


def test_folders_of_a_killed_campaign_are_removed_and_running_ones_are_not(repository: Path) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom autoresearch.loop.workdir import Scope, Workdirs\n"
        "dirs = Workdirs(Path(sys.argv[1]), tag='t', root=Path(sys.argv[2]), scope=Scope())\n"
        "with dirs.open() as trial:\n    print(trial.path, flush=True)\n    os.kill(os.getpid(), 9)\n"
    )
    root = repository.parent / "home" / "trials"
    done = subprocess.run(
        [sys.executable, "-c", code, str(repository), str(root)],
        env={**os.environ, "PYTHONPATH": str(Path(workdir.__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    left = Path(done.stdout.strip())
    assert done.returncode == -9
    assert (left / "train.py").exists()
    with contextlib.ExitStack() as stack:
        running = stack.enter_context(workdirs(repository).open())
        assert not left.exists()
        workdirs(repository)
        assert (running.path / "train.py").exists()
        assert git(repository, "worktree", "list").count("\n") == 1


def test_no_repository_or_no_commit_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="not a git repository"):
        workdirs(tmp_path)
    git(tmp_path, "init", "-q", "empty")
    with pytest.raises(CaptureError, match="no commit"):
        workdirs(tmp_path / "empty")


@pytest.mark.parametrize("tag", ["a b", "x..y", "end.lock", "-", "a\nb"], ids=repr)
def test_a_tag_that_is_no_branch_name_is_refused(repository: Path, tag: str) -> None:
    if tag == "-":
        assert workdirs(repository, tag=tag).branch == "autoresearch/-"
    else:
        with pytest.raises(Invalid, match="tag"):
            workdirs(repository, tag=tag)


def test_a_git_that_runs_inside_a_hook_is_not_led_elsewhere(
    repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    with workdirs(repository).open() as trial:
        assert trial.changed() == []
    assert not (tmp_path / "index").exists()


def test_a_home_that_cannot_be_written_is_one_clear_error(repository: Path) -> None:
    (repository.parent / "home").write_text("a file, not a folder")
    with pytest.raises(TrialError, match="cannot be written"):
        workdirs(repository)


def grafted(repository: Path, ours: str, theirs: str) -> str:
    """What becomes of the file of lines a to e when both have changed it."""
    (repository / "lines.txt").write_text("a\nb\nc\nd\ne\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "lines")
    made = workdirs(repository, tag="graft", scope=Scope())
    commits = []
    for text in (ours, theirs):
        with made.open(git(repository, "rev-parse", "HEAD")) as folder:
            folder.apply({"lines.txt": text})
            commits.append(folder.seal("change"))
    with made.open(commits[0]) as folder:
        folder.graft(commits[1])
        return (folder.path / "lines.txt").read_text()


def test_changes_of_distant_lines_are_put_together(repository: Path) -> None:
    assert grafted(repository, "A\nb\nc\nd\ne\n", "a\nb\nc\nd\nE\n") == "A\nb\nc\nd\nE\n"


def test_changes_of_neighbouring_lines_are_put_together(repository: Path) -> None:
    assert grafted(repository, "a\nB\nc\nd\ne\n", "a\nb\nC\nd\ne\n") == "a\nB\nC\nd\ne\n"


def test_changes_of_the_same_line_conflict_and_leave_the_folder_as_it_was(repository: Path) -> None:
    with pytest.raises(CaptureError):
        grafted(repository, "a\nB\nc\nd\ne\n", "a\n!\nc\nd\ne\n")
    assert git(repository, "worktree", "list").count("\n") == 0


def test_lines_that_are_only_added_beside_a_change_conflict(repository: Path) -> None:
    with pytest.raises(CaptureError):
        grafted(repository, "a\nB\nc\nd\ne\n", "a\nb\nnew\nc\nd\ne\n")
