"""Trees written back: whole or not at all, and nothing outside the folder."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from autoresearch.capture.checkout import tree_diff, write_tree
from autoresearch.capture.snapshot import take_snapshot
from autoresearch.errors import CaptureError, Conflict, NotFound, StoreCorrupt
from autoresearch.records.tree import Tree, TreeEntry, path_text
from autoresearch.store.objects import Objects
from tests.capture.repositories import contents, write


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects(tmp_path / "objects")


def tree(objects: Objects, **files: bytes) -> Tree:
    entries = []
    for name, data in files.items():
        entries.append(
            TreeEntry(name.replace("__", "/").replace("_", "."), "100644", len(data), objects.put(data))
        )
    return Tree(entries)


def link(path: str, target: str) -> TreeEntry:
    raw = target.encode()
    return TreeEntry(path, "120000", len(raw), hashlib.sha256(raw).hexdigest(), path_text(raw))


def test_the_exact_tree_comes_back(tmp_path: Path, objects: Objects) -> None:
    write(tmp_path / "code", "a b/c.py", b"\r\n\x00")
    write(tmp_path / "code", "run", b"#!/bin/sh\n", executable=True)
    (tmp_path / "code" / "link").symlink_to("/nowhere")
    (tmp_path / "code" / os.fsdecode(b"\xff\n")).write_bytes(b"1")
    snapshot = take_snapshot(tmp_path / "code", objects)

    assert write_tree(snapshot.tree, objects, tmp_path / "deep" / "again") == ()

    assert contents(tmp_path / "deep" / "again") == contents(tmp_path / "code")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["again"]


def test_an_empty_folder_may_be_the_destination_and_nothing_else(tmp_path: Path, objects: Objects) -> None:
    small = tree(objects, a=b"1")
    (tmp_path / "empty").mkdir()
    write(tmp_path, "full/mine", b"mine")
    write(tmp_path, "file", b"mine")
    (tmp_path / "link").symlink_to(tmp_path / "empty2")
    (tmp_path / "empty2").mkdir()

    write_tree(small, objects, tmp_path / "empty")
    for name in ("full", "file", "link", "empty"):
        with pytest.raises(Conflict, match="not an empty folder"):
            write_tree(small, objects, tmp_path / name)

    assert contents(tmp_path / "full") == {b"mine": ("file", b"mine")}
    assert contents(tmp_path / "empty2") == {}


def test_a_tree_that_cannot_be_finished_leaves_nothing(tmp_path: Path, objects: Objects) -> None:
    whole = tree(objects, a=b"1", b=b"2")
    lost = hashlib.sha256(b"2").hexdigest()
    place = objects.root / lost[:2] / lost[2:]
    place.chmod(0o644)
    place.write_bytes(b"3")
    (tmp_path / "out").mkdir()

    with pytest.raises(StoreCorrupt, match=lost):
        write_tree(whole, objects, tmp_path / "out" / "again")
    place.unlink()
    with pytest.raises(NotFound, match=lost):
        write_tree(whole, objects, tmp_path / "out" / "again")

    assert list((tmp_path / "out").iterdir()) == []


def test_a_destination_that_cannot_be_written_is_one_error(objects: Objects, tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="cannot be written"):
        write_tree(tree(objects, a=b"1"), objects, Path("/sys/kernel/again"))
    write(tmp_path, "file", b"")
    with pytest.raises((CaptureError, Conflict)):
        write_tree(tree(objects, a=b"1"), objects, tmp_path / "file" / "again")


def test_links_lead_where_they_led_but_nothing_is_written_through_them(
    tmp_path: Path, objects: Objects
) -> None:
    (tmp_path / "outside").mkdir()
    entries = [
        link("a", str(tmp_path / "outside")),
        TreeEntry("b/c", "100644", 1, objects.put(b"1")),
        link("b/up", "../../outside"),
    ]

    write_tree(Tree(entries), objects, tmp_path / "again")

    assert (tmp_path / "again" / "a").readlink() == tmp_path / "outside"
    assert list((tmp_path / "outside").iterdir()) == []


def test_omitted_files_are_answered(tmp_path: Path, objects: Objects) -> None:
    small = Tree(
        [
            TreeEntry("w.pt", "100644", 9, None, None, "weights"),
            TreeEntry("a", "100644", 1, objects.put(b"1")),
        ]
    )

    assert write_tree(small, objects, tmp_path / "again") == ("w.pt",)
    assert contents(tmp_path / "again") == {b"a": ("file", b"1")}


def test_a_difference_names_files_and_shows_lines(objects: Objects) -> None:
    before = tree(objects, a_py=b"one\ntwo\n", gone=b"x\n", same=b"s")
    after = tree(objects, a_py=b"one\nthree", new=b"n\n", same=b"s")

    diff = tree_diff(before, after, objects)

    assert (diff.added, diff.removed, diff.changed) == (("new",), ("gone",), ("a.py",))
    assert diff.text == (
        "diff a.py\n--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n\\ No newline at end of file\n"
        "diff gone\ndeleted file mode 100644\n--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
        "diff new\nnew file mode 100644\n--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+n\n"
    )
    assert tree_diff(before, before, objects).text == ""


def test_binary_large_and_omitted_files_are_folded(objects: Objects) -> None:
    before = tree(objects, bin=b"\0", big=b"x\n" * 200_000, long=b"x\n" * 6000)
    after = tree(objects, bin=b"\0\0", big=b"y\n" * 200_000, long=b"y\n" * 6000)
    omitted = Tree([*after.files(), TreeEntry("w", "100644", 9, None, None, "weights")])

    text = tree_diff(before, omitted, objects).text

    assert "Binary file differs (1 bytes to 2 bytes)" in text
    assert "Large file differs (390.6 KiB to 390.6 KiB)" in text
    assert "Large file differs (6000 to 6000 lines)" in text
    assert "Omitted file differs (9 bytes)" in text
    assert len(text) < 500


def test_modes_and_links_are_part_of_a_difference(objects: Objects) -> None:
    plain = tree(objects, run=b"1\n")
    executable = Tree([plain.entries[0]._replace(mode="100755")])
    linked = Tree([link("run", "elsewhere")])

    assert tree_diff(plain, executable, objects).text == "diff run\nold mode 100644\nnew mode 100755\n"
    assert "+elsewhere" in tree_diff(plain, linked, objects).text


def test_hostile_names_cannot_forge_lines_or_terminal_codes(objects: Objects) -> None:
    name = "x\n+++ b/innocent\x1b[2J\u202e"
    evil = Tree([TreeEntry(name, "100644", 1, objects.put(b"1"))])

    text = tree_diff(Tree([]), evil, objects).text

    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\n+++ b/innocent" not in text
