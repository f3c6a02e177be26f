"""Manifests: canonical, reversible, and safe to read from a stranger."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoresearch.errors import Invalid, StoreCorrupt
from autoresearch.records.tree import Tree, TreeEntry, path_bytes, path_text

SHA = hashlib.sha256(b"x").hexdigest()


def file(path: str, **changes: Any) -> TreeEntry:
    return TreeEntry(path, "100644", 1, SHA)._replace(**changes)


def link(path: str, target: bytes) -> TreeEntry:
    return TreeEntry(path, "120000", len(target), hashlib.sha256(target).hexdigest(), path_text(target))


def manifest(*rows: Any, **more: Any) -> bytes:
    document = {"entries": list(rows), "format": "autoresearch-tree-1", **more}
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode()


def test_the_order_in_which_entries_are_given_does_not_matter() -> None:
    entries = [file("b"), file("a/c"), file("a.txt"), link("a/b", b"../b")]

    tree = Tree(entries)

    assert tree == Tree(reversed(entries))
    assert [entry.path for entry in tree.entries] == ["a.txt", "a/b", "a/c", "b"]
    assert tree.digest == hashlib.sha256(tree.manifest).hexdigest()


def test_the_manifest_is_a_fixed_text() -> None:
    tree = Tree([file("a"), link("l", b"a"), TreeEntry("w.pt", "100644", 9, None, None, "too big")])

    assert tree.manifest == manifest(
        ["a", "100644", 1, SHA],
        ["l", "120000", 1, hashlib.sha256(b"a").hexdigest(), "a"],
        ["w.pt", "100644", 9, None, None, "too big"],
    )
    assert [entry.kind for entry in tree.entries] == ["file", "link", "omitted"]
    assert tree.size == 2
    assert [entry.path for entry in tree.files()] == ["a"]


def test_an_empty_tree_is_a_tree() -> None:
    assert Tree.parse(Tree([]).manifest) == Tree([])
    assert len(Tree([])) == 0


def test_names_that_are_not_utf8_have_a_text_form_that_json_can_hold() -> None:
    assert path_text(b"caf\xe9") == '"caf\\351"'
    assert path_text("café".encode()) == "café"
    assert path_text(b'"quoted"') == '"\\"quoted\\""'
    assert path_text(b"back\\slash") == "back\\slash"


@given(st.binary(max_size=30))
def test_every_file_name_has_one_reversible_text_form(name: bytes) -> None:
    text = path_text(name)

    assert path_bytes(text) == name
    text.encode()


@pytest.mark.parametrize(
    "text", ['"plain"', '"\\303\\251"', '"', '"\\8"', '"\\777"', "\udc80", '"a\\n\\351"']
)
def test_text_that_stands_for_no_name_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        path_bytes(text)


names = st.lists(
    st.binary(min_size=1, max_size=6).filter(
        lambda name: not set(name) & set(b"/\0") and name not in {b".", b".."} and name.lower() != b".git"
    ),
    min_size=1,
    max_size=3,
).map(b"/".join)


@settings(deadline=None)
@given(st.lists(names, max_size=12, unique=True))
def test_every_tree_comes_back_from_its_manifest(paths: list[bytes]) -> None:
    folders = {path.rsplit(b"/", count)[0] for path in paths for count in range(1, path.count(b"/") + 1)}
    tree = Tree(file(path_text(path)) for path in paths if path not in folders)

    again = Tree.parse(tree.manifest)

    assert again == tree
    assert again.digest == tree.digest
    assert [path_bytes(entry.path) for entry in again.entries] == sorted(set(paths) - folders)


@pytest.mark.parametrize(
    "path",
    ["", "/etc/passwd", "../up", "a/../b", "a/..", "./a", "a//b", "a/", ".git/config", "a/.GIT/hooks/x", "x\0y", '"../\\377"',
     '"plain"', "\udc80", "a" * 5000],
)  # fmt: skip
def test_paths_that_could_leave_the_tree_are_refused(path: str) -> None:
    with pytest.raises(Invalid):
        Tree([file(path)])
    row = [path, "100644", 1, SHA]
    raw = json.dumps({"entries": [row], "format": "autoresearch-tree-1"}, separators=(",", ":")).encode()
    with pytest.raises(StoreCorrupt):
        Tree.parse(raw)


@pytest.mark.parametrize(
    "paths", [["a", "a"], ["a", "a/b"], ["a", "a/b/c", "ab"], ["a", "a-", "a/b"], ["a", '"a/\\377"']]
)
def test_a_file_is_there_once_and_is_no_folder(paths: list[str]) -> None:
    with pytest.raises(Invalid):
        Tree(map(file, paths))
    with pytest.raises(Invalid):
        Tree([link("a", b"/tmp"), *map(file, paths[1:])])


@pytest.mark.parametrize(
    "row",
    [
        ["a", "100644", 1],
        ["a", "100644", 1, SHA, None, "reason", "more"],
        ["a", "100600", 1, SHA],
        ["a", None, 1, SHA],
        ["a", [], 1, SHA],
        ["a", "100644", -1, SHA],
        ["a", "100644", 2**60, SHA],
        ["a", "100644", True, SHA],
        ["a", "100644", 1.0, SHA],
        ["a", "100644", 1, None],
        ["a", "100644", 1, SHA.upper()],
        ["a", "100644", 1, SHA[:-1]],
        ["a", "100644", 1, SHA[:-1] + "é"],
        ["a", "100644", 1, 7],
        ["a", "120000", 1, SHA],
        ["a", "120000", 1, SHA, ""],
        ["a", "120000", 1, SHA, "y"],
        ["a", "120000", 2, SHA, "x"],
        ["a", "100644", 1, SHA, "x"],
        ["a", "120000", 1, SHA, 7],
        ["a", "120000", 3, SHA, "x\0y"],
        ["a", "100644", 1, SHA, "x", "reason"],
        ["a", "100644", 1, SHA, None, ""],
        ["a", "100644", 1, SHA, None, 7],
        ["a", "100644", 1, SHA, None, None],
        [7, "100644", 1, SHA],
        {"path": "a"},
        "a",
    ],
)
def test_a_malformed_entry_makes_the_manifest_corrupt(row: object) -> None:
    with pytest.raises(StoreCorrupt):
        Tree.parse(manifest(row))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b"[" * 100_000,
        manifest(format="autoresearch-tree-2"),
        b'{"entries":{},"format":"autoresearch-tree-1"}',
        manifest(["b", "100644", 1, SHA], ["a", "100644", 1, SHA]),
        manifest(["a", "100644", 1, SHA]) + b"\n",
        manifest(["a", "100644", 1, SHA]).replace(b",", b", "),
        manifest(["a", "100644", 1, SHA], extra=1),
    ],
)
def test_what_is_not_canonical_is_corrupt(raw: bytes) -> None:
    with pytest.raises(StoreCorrupt):
        Tree.parse(raw)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=4), st.integers(0, 400), st.integers(0, 6))
def test_a_damaged_manifest_is_never_read_as_another_tree(patch: bytes, at: int, cut: int) -> None:
    whole = Tree([file("a/b"), file("c"), link("d", b"c")]).manifest
    damaged = whole[:at] + patch + whole[at + cut :]
    try:
        tree = Tree.parse(damaged)
    except StoreCorrupt:
        return
    assert tree.manifest == damaged
