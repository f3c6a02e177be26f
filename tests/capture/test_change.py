"""The uncommitted change: what is in the patch, what is named instead, and what is never touched or run."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from autoresearch.capture import survey as survey_module
from autoresearch.capture.change import Change, capture_change
from autoresearch.capture.conversion import Conversion
from autoresearch.capture.repository import find_repository
from autoresearch.capture.workcopy import apply_patch
from autoresearch.errors import CaptureError, Conflict
from tests.capture.repositories import contents, fingerprint, git, repository, write


@pytest.fixture
def code(tmp_path: Path) -> Path:
    return repository(tmp_path / "code")


def comes_back(code: Path, change: Change) -> bool:
    again = code.parent / "again"
    apply_patch(code, change.commit, change.patch, again)
    same = contents(again) == contents(code)
    shutil.rmtree(again)
    return same


def test_a_clean_tree_has_a_commit_and_no_patch(code: Path) -> None:
    write(code, "second.py", b"2\n")
    git(code, "add", "-A")
    git(code, "commit", "-q", "-m", "second")

    change = capture_change(code / "lib")

    assert change.root == code
    assert change.commit == git(code, "rev-parse", "HEAD").decode().strip()
    assert change.parent == git(code, "rev-parse", "HEAD^").decode().strip()
    assert change.branch == "main"
    assert (change.patch, change.size, change.files, change.notices) == (b"", 0, (), ())
    assert change.digest == hashlib.sha256(b"").hexdigest()


def test_every_kind_of_edit_is_in_one_patch(code: Path) -> None:
    for name in ("gone", "moved", "mode", "kind", "staged", "both"):
        write(code, name, f"{name}\n".encode() * 20)
    git(code, "add", "-A")
    git(code, "commit", "-q", "-m", "more")
    write(code, "train.py", b"lr = 0.2")
    write(code, "staged", b"staged\n")
    write(code, "both", b"first\n")
    git(code, "add", "staged", "both")
    write(code, "both", b"second\n")
    (code / "gone").unlink()
    git(code, "mv", "moved", "to here")
    (code / "mode").chmod(0o755)
    (code / "kind").unlink()
    (code / "kind").symlink_to("nowhere")
    write(code, "new/data.bin", bytes(range(256)))
    write(code, "new/empty", b"")
    write(code, os.fsdecode(b"n\xff\n"), b"odd\r\n")

    change = capture_change(code)

    assert change.files == ("both", "gone", "kind", "mode", "moved", "new/data.bin", "new/empty", '"n\\377\\012"', "staged",
                            "to here", "train.py")  # fmt: skip
    assert b"rename from moved\nrename to to here\n" in change.patch
    assert b"+second" in change.patch
    assert b"+first" not in change.patch
    assert change.digest == hashlib.sha256(change.patch).hexdigest()
    assert change.size == len(change.patch)
    assert comes_back(code, change)


def test_ignored_files_stay_out(code: Path) -> None:
    write(code, ".gitignore", b"*.log\n")
    write(code, "run.log", b"secret")
    write(code, ".git/info/exclude", b"private\n")
    write(code, "private", b"secret")

    assert capture_change(code).files == (".gitignore",)


def test_the_patch_is_the_same_every_time(code: Path) -> None:
    write(code, "train.py", b"lr = 0.2\n")
    write(code, "new.py", b"1\n")

    assert capture_change(code) == capture_change(code)


def test_files_that_git_was_told_not_to_look_at_are_looked_at(code: Path) -> None:
    git(code, "update-index", "--assume-unchanged", "train.py")
    git(code, "update-index", "--skip-worktree", "lib/model.py")
    write(code, "train.py", b"lr = 0.3\n")
    write(code, "lib/model.py", b"layers = 9\n")
    before = fingerprint(code / ".git")

    change = capture_change(code)

    assert change.files == ("lib/model.py", "train.py")
    assert comes_back(code, change)
    assert fingerprint(code / ".git") == before


def test_a_sparse_checkout_is_not_taken_for_deletions(code: Path) -> None:
    git(code, "sparse-checkout", "set", "--no-cone", "/train.py")
    write(code, "train.py", b"lr = 0.2\n")

    assert not (code / "lib").exists()
    assert capture_change(code).files == ("train.py",)


def test_a_conflict_is_captured_as_it_stands(code: Path) -> None:
    git(code, "checkout", "-q", "-b", "other")
    write(code, "train.py", b"lr = 0.5\n")
    git(code, "commit", "-q", "-a", "-m", "other")
    git(code, "checkout", "-q", "main")
    write(code, "train.py", b"lr = 0.7\n")
    git(code, "commit", "-q", "-a", "-m", "mine")
    git(code, "merge", "-q", "other", check=False)
    assert b"<<<<<<<" in (code / "train.py").read_bytes()

    assert comes_back(code, capture_change(code))


def test_before_the_first_commit_the_patch_is_against_nothing(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    git(code, "init", "-q")
    assert capture_change(code) == Change(root=code, branch="main")
    write(code, "train.py", b"lr = 0.1\n")
    write(code, "staged.py", b"1\n")
    git(code, "add", "staged.py")

    change = capture_change(code)

    assert (change.commit, change.parent, change.branch, change.files) == (
        None,
        None,
        "main",
        ("staged.py", "train.py"),
    )
    assert comes_back(code, change)
    git(code, "init", "-q", "../fresh")
    git(code.parent / "fresh", "apply", "-", stdin=change.patch)
    assert contents(code.parent / "fresh") == contents(code)


def test_worktrees_detached_heads_and_shallow_clones_work(code: Path, tmp_path: Path) -> None:
    write(code, "train.py", b"lr = 0.2\n")
    git(code, "commit", "-q", "-a", "-m", "second")
    git(code, "worktree", "add", "-q", "-b", "trial", str(tmp_path / "tree"))
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{code}", "shallow")
    git(tmp_path, "clone", "-q", str(code), "detached")
    git(tmp_path / "detached", "checkout", "-q", "--detach")
    head = git(code, "rev-parse", "HEAD").decode().strip()

    for name, branch in (("tree", "trial"), ("shallow", "main"), ("detached", None)):
        write(tmp_path / name, "train.py", b"lr = 0.9\n")
        write(tmp_path / name, "new", b"1")
        change = capture_change(tmp_path / name)
        assert (change.commit, change.branch, change.files) == (head, branch, ("new", "train.py"))
        assert change.parent == git(code, "rev-parse", "HEAD^").decode().strip()
        assert comes_back(tmp_path / name, change)


def test_other_object_formats_and_split_indexes_work(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    git(code, "init", "-q", "--object-format=sha256")
    git(code, "config", "core.splitIndex", "true")
    write(code, "a", b"1\n")
    git(code, "add", "-A")
    git(code, "commit", "-q", "-m", "first")
    write(code, "a", b"2\n")
    write(code, "b", b"2\n")
    git(code, "add", "-A")

    change = capture_change(code)

    assert len(change.commit or "") == 64
    assert change.files == ("a", "b")
    assert comes_back(code, change)


def test_outside_a_repository_nothing_is_known_and_that_is_said(tmp_path: Path) -> None:
    change = capture_change(tmp_path)

    assert (change.root, change.commit, change.patch, change.files) == (None, None, b"", ())
    assert change.notices == ("The folder is not in a git repository, so there is no commit or patch.",)


def test_without_a_git_to_run_nothing_is_known(tmp_path: Path) -> None:
    script = "from pathlib import Path\nfrom autoresearch.capture.change import capture_change\nprint(capture_change(Path('.')).root)"
    environment = {"PATH": "/nonexistent", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )

    assert done.stdout == "None\n"


def test_places_without_a_working_tree_are_refused(code: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "bare")
    for folder, said in (
        (tmp_path / "bare", "is bare"),
        (code / ".git", "inside a git directory"),
        (tmp_path / "no", "no folder"),
    ):
        with pytest.raises(CaptureError, match=said) as caught:
            capture_change(folder)
        assert caught.value.hint


def test_a_repository_of_another_user_is_refused(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")

    with pytest.raises(CaptureError, match="belongs to another user") as caught:
        capture_change(code)

    assert "safe.directory" in caught.value.hint


def test_a_working_tree_set_elsewhere_is_not_followed(code: Path, tmp_path: Path) -> None:
    write(tmp_path / "home", "secret", b"secret")
    shutil.move(code, tmp_path / "home" / "evil")
    git(tmp_path / "home" / "evil", "config", "core.worktree", str(tmp_path / "home"))

    with pytest.raises(CaptureError, match="could not be told"):
        capture_change(tmp_path / "home" / "evil")


def test_a_broken_head_is_not_an_empty_repository(code: Path) -> None:
    (code / ".git" / "refs" / "heads" / "main").write_text("0" * 39 + "1\n")

    with pytest.raises(CaptureError):
        capture_change(code)


def test_variables_of_a_hook_do_not_lead_to_another_repository(
    code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = repository(tmp_path / "other", {"other": b"1"})
    for name, value in (
        ("GIT_DIR", str(other / ".git")),
        ("GIT_WORK_TREE", str(other)),
        ("GIT_INDEX_FILE", str(other / ".git" / "index")),
        ("GIT_OBJECT_DIRECTORY", str(other / ".git" / "objects")),
        ("GIT_EXTERNAL_DIFF", "false"),
        ("GIT_DIFF_OPTS", "--unified=0"),
        ("GIT_GLOB_PATHSPECS", "1"),
    ):
        monkeypatch.setenv(name, value)
    write(code, "train.py", b"lr = 0.2\n")

    change = capture_change(code)

    assert (change.root, change.files) == (code, ("train.py",))


def test_submodules_and_nested_repositories_are_named(code: Path, tmp_path: Path) -> None:
    inner = repository(tmp_path / "inner")
    git(code, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner), "sub")
    git(code, "commit", "-q", "-m", "with submodule")
    assert capture_change(code).notices == ()
    write(code, "sub/train.py", b"lr = 5\n")
    repository(code / "nested")

    dirty = capture_change(code)
    git(code / "sub", "commit", "-q", "-a", "-m", "moved")
    moved = capture_change(code)

    assert dirty.notices == (
        "Nested repositories are not in the patch: nested/.",
        "Submodules have uncommitted changes, which are not in the patch: sub.",
    )
    assert any(
        notice.startswith("Submodules stand on another commit") and "sub (from " in notice
        for notice in moved.notices
    )
    assert dirty.patch == moved.patch == b""


def test_a_submodule_may_not_run_programs_either(code: Path, tmp_path: Path) -> None:
    inner = repository(tmp_path / "inner")
    git(code, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner), "sub")
    program = write(
        tmp_path, "program", f"#!/bin/sh\ntouch '{tmp_path}/trace'\ncat\n".encode(), executable=True
    )
    for key in ("core.fsmonitor", "filter.f.clean", "diff.external"):
        git(code / "sub", "config", key, str(program))
    write(code, "sub/.gitattributes", b"* filter=f diff=f\n")
    write(code, "sub/train.py", b"lr = 5\n")

    capture_change(code)

    assert not (tmp_path / "trace").exists()


def test_a_clone_that_lacks_objects_fetches_nothing(code: Path, tmp_path: Path) -> None:
    program = write(
        tmp_path, "program", f"#!/bin/sh\ntouch '{tmp_path}/trace'\nexit 1\n".encode(), executable=True
    )
    for key, value in (("remote.origin.promisor", "true"), ("remote.origin.url", str(code)), ("remote.origin.uploadpack", str(program)),
                       ("extensions.partialClone", "origin"), ("core.repositoryFormatVersion", "1")):  # fmt: skip
        git(code, "config", key, value)
    blob = git(code, "rev-parse", "HEAD:train.py").decode().strip()
    (code / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    write(code, "train.py", b"lr = 0.2\n")

    with pytest.raises(CaptureError):
        capture_change(code)

    assert not (tmp_path / "trace").exists()


def test_huge_untracked_files_are_named_and_the_rest_is_kept(code: Path) -> None:
    write(code, "weights.bin", b"\0" * 5000)
    write(code, "train.py", b"lr = 0.2\n")

    change = capture_change(code, max_bytes=4000)

    assert change.files == ("train.py",)
    assert not change.truncated
    assert change.notices == ("Above 3.9 KiB, so not in the patch: weights.bin (4.9 KiB).",)


def test_huge_tracked_files_are_named_even_when_staged(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey_module, "_HUGE", 6000)
    write(code, "odd[*] name", b"1")
    git(code, "add", "-A")
    git(code, "commit", "-q", "-m", "more")
    write(code, "odd[*] name", b"\0" * 7000)
    write(code, "lib/model.py", b"x" * 7000)
    write(code, "train.py", b"lr = 0.2\n")
    git(code, "add", "lib/model.py")

    change = capture_change(code, max_bytes=4000)

    assert change.files == ("train.py",)
    assert change.notices == (
        "Above 5.9 KiB, so not in the patch: lib/model.py (6.8 KiB), odd[*] name (6.8 KiB).",
    )


def test_above_the_cap_only_digest_and_size_are_kept(code: Path) -> None:
    write(code, "train.py", b"lr = 0.2\n" * 1000)
    full = capture_change(code)

    change = capture_change(code, max_bytes=1000)

    assert (change.truncated, change.patch) == (True, b"")
    assert (change.digest, change.size, change.files) == (full.digest, full.size, full.files)
    assert change.size > 1000
    assert "Largest: train.py (8.8 KiB)" in change.notices[0]


def test_what_killed_captures_left_behind_is_removed_after_a_day(
    code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "tmp"
    for name in ("autoresearch-scratch-old", "autoresearch-scratch-new", "other-old"):
        write(temporary, f"{name}/index", b"1")
    for name in ("autoresearch-scratch-old", "other-old"):
        os.utime(temporary / name, (5, 5))
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)

    capture_change(code)

    assert sorted(path.name for path in temporary.iterdir()) == ["autoresearch-scratch-new", "other-old"]


def test_a_pipe_in_the_place_of_a_file_is_named_and_not_opened(code: Path) -> None:
    (code / "train.py").unlink()
    os.mkfifo(code / "train.py")
    os.mkfifo(code / "untracked")

    change = capture_change(code)

    assert change.notices == ("Neither files nor links, so not in the patch: train.py.",)
    assert change.files == ("train.py",)


def test_folders_and_links_in_the_place_of_files_are_captured(code: Path, tmp_path: Path) -> None:
    write(tmp_path, "elsewhere/model.py", b"secret\n")
    shutil.rmtree(code / "lib")
    (code / "lib").symlink_to(tmp_path / "elsewhere")
    (code / "train.py").unlink()
    write(code, "train.py/inside", b"1")

    change = capture_change(code)

    assert b"secret" not in change.patch
    assert comes_back(code, change)


def test_names_that_git_refuses_do_not_spoil_the_patch(code: Path) -> None:
    (code / ".gitmodules").symlink_to("train.py")
    write(code, "git~1", b"1")
    write(code, "train.py", b"lr = 0.2\n")

    change = capture_change(code)

    assert "train.py" in change.files
    apply_patch(code, change.commit, change.patch, code.parent / "again")


def test_line_endings_that_git_would_lose_are_kept_byte_for_byte(code: Path) -> None:
    write(code, ".gitattributes", b"*.sh text=auto\n*.bat text eol=crlf\n")
    git(code, "add", "-A")
    git(code, "commit", "-q", "-m", "rules")
    write(code, "unix.sh", b"a\r\nb\n")
    write(code, "dos.bat", b"a\r\nb\n")
    write(code, "right.bat", b"a\r\nb\r\n")

    change = capture_change(code)

    assert change.patch.startswith(b'# verbatim: "dos.bat"\ndiff --git ')
    assert b"+a\n+b\n" in change.patch.partition(b"right.bat")[2]
    assert comes_back(code, change)


def test_new_rules_for_line_endings_change_what_untouched_files_mean(code: Path) -> None:
    write(code, ".gitattributes", b"*.py text eol=crlf\n")

    change = capture_change(code)

    assert comes_back(code, change)
    assert change.files == (".gitattributes", "lib/model.py", "train.py")


@pytest.mark.parametrize(
    ("attributes", "config", "data", "loses", "mangles"),
    [
        ({}, {}, b"a\r\n", False, False),
        ({"text": "auto"}, {}, b"a\n", False, False),
        ({"text": "auto"}, {}, b"a\r\n", True, False),
        ({"text": "auto"}, {}, b"a\r\n\0", False, False),
        ({"text": "set"}, {}, b"a\r\n\0", True, False),
        ({"text": "unset", "eol": "crlf"}, {}, b"a\n", False, False),
        ({"eol": "crlf"}, {}, b"a\r\n", False, False),
        ({"eol": "crlf"}, {}, b"a\n", True, True),
        ({}, {"core.autocrlf": "true"}, b"a\r\n", False, False),
        ({}, {"core.autocrlf": "true"}, b"a\nb\r\n", True, False),
        ({}, {"core.autocrlf": "input"}, b"a\r\n", True, False),
        ({"text": "set"}, {"core.eol": "crlf"}, b"a\r\n", False, False),
        ({"ident": "set"}, {}, b"$Id$\n", True, True),
        ({"ident": "set"}, {}, b"no id\n", False, False),
        ({"working-tree-encoding": "UTF-16"}, {}, "é".encode("utf-16"), False, True),
        ({"working-tree-encoding": "UTF-16"}, {}, b"\xff", True, True),
        ({"working-tree-encoding": "no-such"}, {}, b"a", True, True),
    ],
)
def test_conversions_are_worked_out_as_git_does(
    attributes: dict[str, str], config: dict[str, str], data: bytes, loses: bool, mangles: bool
) -> None:
    conversion = Conversion.of(attributes, config)

    assert (conversion.loses(data), conversion.mangles(data)) == (loses, mangles)
    assert not (conversion.idle and (loses or mangles))


def test_the_repository_is_found_from_a_folder_inside(code: Path, tmp_path: Path) -> None:
    found = find_repository(code / "lib")

    assert found is not None
    assert (found.root, found.git_dir, found.common_dir) == (code, code / ".git", code / ".git")
    assert find_repository(tmp_path) is None


def test_a_work_copy_needs_the_commit_and_a_patch_that_fits(code: Path, tmp_path: Path) -> None:
    head = git(code, "rev-parse", "HEAD").decode().strip()
    before = fingerprint(code / ".git")
    for commit, patch, said in (
        ("0" * 40, b"", "does not have the commit"),
        ("--help", b"", "does not have the commit"),
        (head, b"diff --git a/no b/no\n--- a/no\n+++ b/no\n@@ -1 +1 @@\n-a\n+b\n", "does not apply"),
        (
            head,
            b"diff --git a/../x b/../x\nnew file mode 100644\n--- /dev/null\n+++ b/../x\n@@ -0,0 +1 @@\n+b\n",
            "does not apply",
        ),
    ):
        with pytest.raises(CaptureError, match=said):
            apply_patch(code, commit, patch, tmp_path / "again")
    with pytest.raises(Conflict):
        apply_patch(code, head, b"", code)
    with pytest.raises(CaptureError, match="not in a git repository"):
        apply_patch(tmp_path, head, b"", tmp_path / "again")

    assert not (tmp_path / "again").exists()
    assert not list(tmp_path.glob(".autoresearch-*"))
    assert fingerprint(code / ".git") == before


def test_a_work_copy_names_the_submodules_it_leaves_empty(code: Path, tmp_path: Path) -> None:
    inner = repository(tmp_path / "inner")
    git(code, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner), "sub")
    git(code, "commit", "-q", "-m", "with submodule")

    notices = apply_patch(code, git(code, "rev-parse", "HEAD").decode().strip(), b"", tmp_path / "again")

    assert notices == ("Submodules are empty here: sub.",)
