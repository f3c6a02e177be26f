"""Snapshots: every file by its digest, quick when nothing changed, never fooled by a clock."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autoresearch.capture import listing as listing_module
from autoresearch.capture.checkout import write_tree
from autoresearch.capture.listing import Lister
from autoresearch.capture.snapshot import Snapshot, take_snapshot
from autoresearch.capture.stat_cache import GRANULARITY_NS, StatCache
from autoresearch.errors import CaptureError, Invalid
from autoresearch.records.tree import Tree, path_text
from autoresearch.store.objects import Objects
from tests.capture.repositories import contents, git, repository, write

LATER = 10**19 // 5


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects(tmp_path / "objects")


def paths(snapshot: Snapshot) -> list[str]:
    return [entry.path for entry in snapshot.tree.entries]


def snap(
    folder: Path, objects: Objects, cache: Path | None = None, *, max_file: int | None = 1000
) -> Snapshot:
    """A snapshot long after all files were changed, so that their times can be trusted."""
    return take_snapshot(folder, objects, max_file=max_file, cache=cache, clock=lambda: LATER)


def test_every_file_is_stored_and_the_manifest_too(tmp_path: Path, objects: Objects) -> None:
    write(tmp_path / "code", "train.py", b"lr = 0.1\n")
    write(tmp_path / "code", "bin/run", b"#!/bin/sh\n", executable=True)

    snapshot = snap(tmp_path / "code", objects)

    assert paths(snapshot) == ["bin/run", "train.py"]
    assert [entry.mode for entry in snapshot.tree.entries] == ["100755", "100644"]
    assert Tree.parse(objects.get(snapshot.digest)) == snapshot.tree
    assert objects.get(hashlib.sha256(b"lr = 0.1\n").hexdigest()) == b"lr = 0.1\n"
    assert (snapshot.stored, snapshot.reused, snapshot.bytes) == (2, 0, 19)
    assert snapshot.notices == ()


def test_the_same_files_give_the_same_digest_anywhere(tmp_path: Path, objects: Objects) -> None:
    for name in ("one", "two"):
        write(tmp_path / name, "b", b"2")
        write(tmp_path / name, "a/c", b"1")

    assert snap(tmp_path / "one", objects).digest == snap(tmp_path / "two", objects).digest


def test_unchanged_files_are_not_read_again(tmp_path: Path, objects: Objects) -> None:
    code, cache = tmp_path / "code", tmp_path / "cache"
    for name in ("a", "b", "c/d"):
        write(code, name, name.encode())
    (code / "link").symlink_to("a")
    first = snap(code, objects, cache)

    second = snap(code, objects, cache)
    write(code, "b", b"changed")
    third = snap(code, objects, cache)

    assert (second.stored, second.reused, second.digest, second.bytes) == (0, 3, first.digest, first.bytes)
    assert second.tree == first.tree
    assert (third.stored, third.reused) == (1, 2)
    assert third.digest == snap(code, objects).digest != first.digest


@pytest.mark.parametrize(
    "edit",
    [
        lambda code: (code / "a").unlink(),
        lambda code: write(code, "new", b"n"),
        lambda code: (code / "a").chmod(0o755),
        lambda code: ((code / "link").unlink(), (code / "link").symlink_to("b")),
        lambda code: (code / "a").rename(code / "z"),
        lambda code: ((code / "a").unlink(), (code / "a").symlink_to("b")),
        lambda code: ((code / "d").rename(code.parent / "d"), (code / "d").symlink_to(code.parent / "d")),
        lambda code: write(code, "big", b"x" * 3000),
        lambda code: write(code, "a", b"x" * 3000),
        lambda code: write(code, ".gitignore", b"a\n"),
        lambda code: os.utime(code / "a", (5, 5)),
    ],
    ids=["deleted", "new", "mode", "link", "renamed", "to link", "folder to link", "large", "grown", "ignored", "touched"],
)  # fmt: skip
def test_the_cache_never_changes_the_answer(edit: object, tmp_path: Path, objects: Objects) -> None:
    code, cache = tmp_path / "code", tmp_path / "cache"
    for name in ("a", "b", "d/e"):
        write(code, name, name.encode())
    (code / "link").symlink_to("a")
    snap(code, objects, cache)
    assert callable(edit)

    edit(code)

    assert snap(code, objects, cache).tree == snap(code, objects).tree
    assert snap(code, objects, cache).tree == snap(code, objects).tree


@dataclass
class Stat:
    st_mode: int = 0o100644
    st_mtime_ns: int = 50 * 10**9
    st_ctime_ns: int = 50 * 10**9
    st_size: int = 4
    st_ino: int = 7


def remembered(cache: Path, state: Stat, started_ns: int) -> bool:
    fresh = StatCache(cache)
    fresh.learn(b"a", state, "00" * 32, started_ns)
    fresh.save({}, "", "")
    return b"a" in StatCache(cache).known


def test_a_file_changed_at_the_time_of_hashing_is_not_trusted_later(tmp_path: Path) -> None:
    state = Stat()
    changed = state.st_mtime_ns

    assert not remembered(tmp_path / "cache", state, changed)
    assert not remembered(tmp_path / "cache", state, changed + GRANULARITY_NS)
    assert remembered(tmp_path / "cache", state, changed + GRANULARITY_NS + 1)
    assert not remembered(tmp_path / "cache", Stat(st_mtime_ns=changed * 9), changed + GRANULARITY_NS + 1)
    assert not remembered(tmp_path / "cache", Stat(st_ctime_ns=changed * 9), changed + GRANULARITY_NS + 1)


def test_a_second_change_within_one_tick_of_the_clock_is_seen(tmp_path: Path, objects: Objects) -> None:
    code, cache = tmp_path / "code", tmp_path / "cache"
    path = write(code, "a", b"one")
    tick = path.stat().st_mtime_ns
    take_snapshot(code, objects, cache=cache, clock=lambda: tick)

    assert StatCache(next(cache.iterdir())).known == {}


@pytest.mark.parametrize("field", ["st_mode", "st_mtime_ns", "st_ctime_ns", "st_size", "st_ino"])
def test_any_difference_in_the_stat_means_reading_again(field: str, tmp_path: Path) -> None:
    cache = StatCache(tmp_path / "cache")
    cache.learn(b"a", Stat(), "00" * 32, LATER)
    cache.save({}, "", "")
    entry = StatCache(tmp_path / "cache").known[b"a"]
    other = Stat()
    setattr(other, field, getattr(other, field) + 1)

    assert entry.matches(Stat())
    assert not entry.matches(other)


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_a_damaged_cache_is_an_empty_one(damage: bytes | None, tmp_path: Path, objects: Objects) -> None:
    code, cache = tmp_path / "code", tmp_path / "cache"
    write(code, "a", b"1")
    first = snap(code, objects, cache)
    file = next(cache.iterdir())
    file.write_bytes(file.read_bytes()[:-1] + b"?" if damage is None else damage)

    again = snap(code, objects, cache)

    assert (again.digest, again.reused) == (first.digest, 0)


def test_blobs_that_the_store_lost_are_stored_again(tmp_path: Path, objects: Objects) -> None:
    code, cache = tmp_path / "code", tmp_path / "cache"
    write(code, "a", b"1")
    write(code, "b", b"2")
    first = snap(code, objects, cache)
    objects.remove(first.digest)
    objects.remove(hashlib.sha256(b"1").hexdigest())

    again = snap(code, objects, cache)

    assert (again.digest, again.stored, again.reused) == (first.digest, 1, 1)
    assert objects.missing(entry.sha256 or "" for entry in again.tree.entries) == set()
    other = Objects(tmp_path / "other")
    assert snap(code, other, cache).stored == 2


def test_a_cache_that_cannot_be_written_is_only_slower(tmp_path: Path, objects: Objects) -> None:
    write(tmp_path / "code", "a", b"1")
    (tmp_path / "cache").write_bytes(b"a file where the folder should be")

    assert snap(tmp_path / "code", objects, tmp_path / "cache").stored == 1


def test_links_are_kept_as_links_and_never_followed(tmp_path: Path, objects: Objects) -> None:
    code = tmp_path / "code"
    write(tmp_path, "secret/key", b"secret")
    write(code, "a", b"1")
    for name, target in (
        ("in", "a"),
        ("out", "../secret/key"),
        ("folder", "../secret"),
        ("loop", "."),
        ("gone", "nowhere"),
    ):
        (code / name).symlink_to(target)
    (code / "raw").symlink_to(os.fsdecode(b"\xff"))

    snapshot = snap(code, objects)

    targets = {entry.path: entry.target for entry in snapshot.tree.entries}
    assert targets == {"a": None, "folder": "../secret", "gone": "nowhere", "in": "a", "loop": ".", "out": "../secret/key",
                       "raw": '"\\377"'}  # fmt: skip
    assert not objects.has(hashlib.sha256(b"secret").hexdigest())


def test_a_tracked_file_behind_a_link_is_not_followed(tmp_path: Path, objects: Objects) -> None:
    code, cache = repository(tmp_path / "code", {"lib/a": b"1", "b": b"2"}), tmp_path / "cache"
    snap(code, objects, cache)
    (code / "lib").rename(tmp_path / "elsewhere")
    (code / "lib").symlink_to(tmp_path / "elsewhere")

    assert paths(snap(code, objects)) == paths(snap(code, objects, cache)) == ["b", "lib"]


def test_large_files_are_named_with_their_digest_and_not_stored(tmp_path: Path, objects: Objects) -> None:
    write(tmp_path / "code", "log", b"x" * 1001)
    write(tmp_path / "code", "fits", b"x" * 1000)

    snapshot = snap(tmp_path / "code", objects)

    omitted = {entry.path: entry for entry in snapshot.tree.entries}["log"]
    assert (omitted.kind, omitted.size, omitted.sha256) == (
        "omitted",
        1001,
        hashlib.sha256(b"x" * 1001).hexdigest(),
    )
    assert not objects.has(omitted.sha256 or "")
    assert any("log (larger than 1000 bytes)" in notice for notice in snapshot.notices)
    assert snap(tmp_path / "code", objects, max_file=None).notices == ()


def test_caches_datasets_and_weights_are_left_out_unless_git_tracks_them(
    tmp_path: Path, objects: Objects
) -> None:
    names = [
        "a.py",
        "best.pt",
        "data/train.parquet",
        ".venv/x.py",
        "lib/__pycache__/a.pyc",
        "node_modules/m.js",
        "data/load.py",
    ]
    for name in names:
        write(tmp_path / "plain", name, b"1")
        write(tmp_path / "tracked", name, b"1")
    git(tmp_path / "tracked", "init", "-q")
    untracked = snap(tmp_path / "tracked", objects)
    git(tmp_path / "tracked", "add", "-A")

    plain, tracked = snap(tmp_path / "plain", objects), snap(tmp_path / "tracked", objects)

    kinds = {entry.path: entry.kind for entry in plain.tree.entries}
    assert kinds == {
        "a.py": "file",
        "best.pt": "omitted",
        "data/load.py": "file",
        "data/train.parquet": "omitted",
    }
    assert untracked.tree == plain.tree
    assert paths(tracked) == sorted(names)
    assert {entry.kind for entry in tracked.tree.entries} == {"file"}
    assert paths(take_snapshot(tmp_path / "plain", objects, everything=True)) == sorted(names)


def test_pipes_and_sockets_are_named_and_never_opened(
    tmp_path: Path, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = tmp_path / "code"
    write(code, "a", b"1")
    os.mkfifo(code / "pipe")
    monkeypatch.chdir(code)  # the address of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        snapshot = snap(code, objects)

    assert paths(snapshot) == ["a"]
    assert snapshot.notices == ("Neither files nor links, so not in the snapshot: pipe, socket.",)


class Busy:
    """A store during whose work somebody else writes to the files."""

    def __init__(self, objects: Objects, path: Path, times: int) -> None:
        self.objects = objects
        self.path = path
        self.times = times
        self.touch, self.get, self.missing = objects.touch, objects.get, objects.missing

    def put_many(self, blobs: Iterable[bytes | Path | BinaryIO], /) -> list[str]:
        return self.objects.put_many(self._disturbed(blobs))

    def _disturbed(self, blobs: Iterable[bytes | Path | BinaryIO]) -> Iterable[bytes | Path | BinaryIO]:
        for blob in blobs:
            yield blob
            if self.times > 0:
                self.times -= 1
                with self.path.open("ab") as file:
                    file.write(b"more\n")


@pytest.mark.parametrize(("times", "noticed"), [(1, False), (2, False), (3, True)])
def test_a_file_that_changes_while_it_is_read_is_read_again(
    times: int, noticed: bool, tmp_path: Path, objects: Objects
) -> None:
    path = write(tmp_path / "code", "log", b"start\n")

    snapshot = take_snapshot(tmp_path / "code", Busy(objects, path, times))

    entry = snapshot.tree.entries[0]
    stored = objects.get(entry.sha256 or "")
    assert len(stored) == entry.size
    assert stored == b"start\n" + b"more\n" * min(times, 2)
    assert bool(snapshot.notices) == noticed


def test_a_list_of_files_keeps_their_names_below_the_base(tmp_path: Path, objects: Objects) -> None:
    for name in ("a.py", "conf/b.yaml", "conf/c.yaml", "other"):
        write(tmp_path / "code", name, name.encode())

    snapshot = take_snapshot([Path("a.py"), tmp_path / "code" / "conf"], objects, base=tmp_path / "code")

    assert paths(snapshot) == ["a.py", "conf/b.yaml", "conf/c.yaml"]
    assert paths(take_snapshot(tmp_path / "code" / "a.py", objects)) == ["a.py"]


def test_files_outside_or_absent_are_refused(tmp_path: Path, objects: Objects) -> None:
    write(tmp_path, "outside", b"1")
    (tmp_path / "code").mkdir()
    for file in (tmp_path / "outside", Path("../outside"), Path("..")):
        with pytest.raises(Invalid, match="not below"):
            take_snapshot([file], objects, base=tmp_path / "code")
    for source in ([Path("absent")], tmp_path / "code" / "absent"):
        with pytest.raises(CaptureError, match="no file"):
            take_snapshot(source, objects, base=tmp_path / "code")


def test_an_empty_folder_is_an_empty_tree(tmp_path: Path, objects: Objects) -> None:
    (tmp_path / "code").mkdir()

    assert len(snap(tmp_path / "code", objects).tree) == 0


def test_submodules_and_nested_repositories_are_part_of_the_tree(tmp_path: Path, objects: Objects) -> None:
    inner = repository(tmp_path / "inner", {"m.py": b"m", ".gitignore": b"*.log\n"})
    code = repository(tmp_path / "code")
    git(code, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner), "sub")
    git(code, "commit", "-q", "-m", "with submodule")
    repository(code / "nested", {"n.py": b"n"})
    write(code, "sub/new.py", b"new")
    write(code, "sub/x.log", b"ignored")

    snapshot = snap(code, objects, tmp_path / "cache")

    assert paths(snapshot) == [
        ".gitmodules",
        "lib/model.py",
        "nested/n.py",
        "sub/.gitignore",
        "sub/m.py",
        "sub/new.py",
        "train.py",
    ]
    again = snap(code, objects, tmp_path / "cache")
    assert again.tree == snap(code, objects).tree
    assert again.reused == len(snapshot.tree)


def test_a_folder_that_the_repository_around_it_ignores_is_listed_all_the_same(
    tmp_path: Path, objects: Objects
) -> None:
    code = repository(tmp_path / "code", {".gitignore": b"out/\n"})
    write(code, "out/model.txt", b"1")

    assert paths(snap(code / "out", objects)) == ["model.txt"]
    assert paths(snap(code, objects)) == [".gitignore"]


def test_too_many_files_are_taken_for_a_dataset(
    tmp_path: Path, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        write(tmp_path / "code", str(number), b"")
    monkeypatch.setattr(listing_module, "MAX_FILES", 3)

    with pytest.raises(CaptureError, match="too many"):
        snap(tmp_path / "code", objects)


def test_listing_starts_no_program_that_a_repository_names(tmp_path: Path, objects: Objects) -> None:
    code = repository(tmp_path / "code")
    program = write(tmp_path, "program", f"#!/bin/sh\ntouch '{tmp_path}/trace'\n".encode(), executable=True)
    git(code, "config", "core.fsmonitor", str(program))
    git(code, "config", "filter.f.clean", str(program))
    write(code, ".git/info/attributes", b"* filter=f\n")
    write(code, "train.py", b"lr = 0.2\n")

    snap(code, objects)

    assert not (tmp_path / "trace").exists()


RULES = st.lists(
    st.sampled_from(
        ["*.log", "!keep.log", "out/", "/top", "a/b", "**/deep", "out/**", "!out/keep.log", "# note", "\\#odd", "x?", "[ab]", "*", "!*/",
         "a/", "!a", "keep.log", "/a/*", "!/a/b", "*.LOG", "deep/*.log", " ", "trail\\ "]
    ),
    max_size=4,
)  # fmt: skip
FILES = [
    "a/b",
    "a/c.log",
    "out/keep.log",
    "out/deep/x1",
    "top",
    "sub/top",
    "keep.log",
    "x1",
    "#odd",
    "sub/a/b",
    "sub/deep/z.log",
    "b",
    "trail ",
]


@example(files={"out/keep.log"}, root=["out/**", "!keep.log"], sub=[], a=[])
@settings(max_examples=60)
@given(files=st.sets(st.sampled_from(FILES)), root=RULES, sub=RULES, a=RULES)
def test_ignore_files_mean_the_same_with_and_without_git(
    files: set[str], root: list[str], sub: list[str], a: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    code = tmp_path_factory.mktemp("code")
    for name in files:
        write(code, name, b"")
    for folder, rules in (("", root), ("sub/", sub), ("a/", a)):
        if rules:
            write(code, folder + ".gitignore", "\n".join(rules).encode() + b"\n")
    plain = sorted(Lister(code).finish().names)
    git(code, "init", "-q")
    listed = git(code, "ls-files", "-z", "-o", "--exclude-standard").split(b"\0")[:-1]

    assert plain == sorted(listed)


names = st.binary(min_size=1, max_size=5).filter(
    lambda name: not set(name) & set(b"/\0") and name not in {b".", b".."}
)


@settings(max_examples=40)
@given(
    files=st.dictionaries(
        names, st.tuples(st.sampled_from(["file", "executable", "link"]), st.binary(max_size=30)), max_size=6
    )
)
def test_a_snapshot_gives_every_byte_and_name_back(
    files: dict[bytes, tuple[str, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    top = tmp_path_factory.mktemp("case")
    (top / "code").mkdir()
    for name, (kind, data) in files.items():
        if name.lower() == b".git":
            continue
        path = top / "code" / os.fsdecode(name)
        if kind == "link":
            path.symlink_to(os.fsdecode(data.replace(b"\0", b"") or b"x"))
        else:
            path.write_bytes(data)
            path.chmod(0o755 if kind == "executable" else 0o644)
    objects = Objects(top / "objects")

    snapshot = take_snapshot(top / "code", objects, everything=True)
    write_tree(snapshot.tree, objects, top / "again")

    assert contents(top / "again") == contents(top / "code")
    assert paths(snapshot) == [path_text(name) for name in sorted(contents(top / "code"))]
