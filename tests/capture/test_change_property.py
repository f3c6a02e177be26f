"""For any repository and any edit: the stored patch applies to the commit and gives the same bytes."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autoresearch.capture.change import capture_change
from autoresearch.capture.workcopy import apply_patch
from autoresearch.records.tree import path_bytes
from tests.capture.repositories import contents, fingerprint, git

State = Mapping[bytes, tuple[str, bytes]]

NAMES = [
    b"a", b"a/b", b"a/b/c", b"d/e.txt", b"d", b"sp ace.txt", b'quo"te', b"new\nline", b"tab\t", b"\xc3\xbc.txt", b"\xff\xfe.bin",
    b"-dash", b"*?[x]", b"back\\slash.txt", b" lead", b"trail ", b".hidden", b"x.txt", b"y.crlf", b"z.u16", b"i.id", b"w.lfs",
    b"diff --git a", b"long/" + b"n" * 200, b"emoji-\xf0\x9f\x98\x80",
]  # fmt: skip

LINES = st.lists(
    st.sampled_from([b"one", b"two", b"", b"+++ b/x", b"-- ", b"$Id$", b"$Id: 0123 $", b"\xe9", b" "]),
    max_size=5,
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
TEXT = st.builds(
    lambda lines, end, last: end.join(lines) + last, LINES, ENDS, st.sampled_from([b"", b"\n", b"\r\n"])
)
CONTENT = st.one_of(
    TEXT,
    TEXT,
    st.just(b""),
    st.binary(max_size=40),
    st.sampled_from(
        ["x\nü\n".encode("utf-16"), "x\r\n".encode("utf-16-be"), b"\xfe\xff\x00x", b"a\x00b\r\n" * 50]
    ),
)
TARGETS = st.sampled_from([b"a", b"/etc/passwd", b"../../up", b"new\nline", b"\xff", b"dangling"])
ENTRY = st.one_of(
    st.tuples(st.just("file"), CONTENT),
    st.tuples(st.just("file"), CONTENT),
    st.tuples(st.just("executable"), CONTENT),
    st.tuples(st.just("link"), TARGETS),
)
ATTRIBUTES = st.lists(
    st.sampled_from(
        [
            b"* text=auto", b"*.txt text eol=crlf", b"*.txt eol=lf", b"*.crlf text", b"* -text", b"*.u16 working-tree-encoding=UTF-16",
            b"*.u16 text working-tree-encoding=UTF-16LE eol=crlf", b"*.id ident", b"* ident", b"*.lfs filter=lfs diff=lfs -text",
            b"*.txt diff=tool", b"* filter=evil", b"*.bin binary", b"*.txt -diff", b"a text", b"*.txt crlf", b"* text eol=crlf",
        ]
    ),
    max_size=3,
)  # fmt: skip
CONFIG = st.lists(
    st.sampled_from(
        [
            "core.autocrlf=true", "core.autocrlf=input", "core.eol=crlf", "core.safecrlf=true", "diff.noprefix=true",
            "diff.mnemonicPrefix=true", "diff.renames=copies", "color.ui=always", "core.quotePath=false", "i18n.commitEncoding=latin1",
            "diff.context=0", "diff.interHunkContext=9", "core.whitespace=cr-at-eol", "apply.whitespace=fix", "diff.submodule=log",
            "diff.algorithm=patience", "core.symlinks=true", "diff.wordRegex=.", "index.version=4", "status.showUntrackedFiles=no",
        ]
    ),
    max_size=4,
)  # fmt: skip


def free_of_clashes(state: State) -> dict[bytes, tuple[str, bytes]]:
    """Without files that would lie below another file."""
    return {
        name: entry
        for name, entry in state.items()
        if not any(name.rsplit(b"/", cut)[0] in state for cut in range(1, name.count(b"/") + 1))
    }


STATES = st.dictionaries(st.sampled_from(NAMES), ENTRY, max_size=6).map(free_of_clashes)


def put(top: Path, state: State) -> None:
    for name, (kind, data) in state.items():
        path = top / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "link":
            path.symlink_to(os.fsdecode(data))
        else:
            path.write_bytes(data)
            path.chmod(0o755 if kind == "executable" else 0o644)


def become(top: Path, state: State) -> None:
    """Turn the working tree into a state, leaving alone what is as it should be."""
    now = contents(top)
    for name in sorted(now, reverse=True):
        if state.get(name) != now[name]:
            (top / os.fsdecode(name)).unlink()
    for place, _, _ in os.walk(top, topdown=False):
        if ".git" not in Path(place).parts and not os.listdir(place):  # noqa: PTH208  names may be any bytes
            Path(place).rmdir()
    top.mkdir(exist_ok=True)
    put(top, {name: entry for name, entry in state.items() if name not in now or now[name] != entry})


def commit_of(top: Path, state: State, config: list[str]) -> Path:
    """A clone whose working tree is what git writes for the state, so that git's form is all there is of it."""
    origin, clone = top / "origin", top / "clone"
    origin.mkdir()
    git(origin, "init", "-q")
    put(origin, state)
    git(
        origin, "add", "-A", "-f", check=False
    )  # refused where a file is not in the encoding the attributes want
    git(origin, "commit", "-q", "-m", "base", "--allow-empty")
    options = [part for item in config for part in ("-c", item)]
    git(top, "clone", "-q", *options, str(origin), str(clone))
    return clone


def arm(clone: Path) -> Path:
    """Programs that leave a trace when anything runs them."""
    trace = clone.parent / "trace"
    program = clone.parent / "program"
    program.write_text(f"#!/bin/sh\ntouch '{trace}'\nexec cat\n")
    program.chmod(0o755)
    for key in ("diff.external", "core.fsmonitor", "filter.evil.clean", "filter.evil.smudge", "filter.lfs.clean", "filter.lfs.process",
                "filter.evil.process", "diff.tool.textconv", "diff.tool.command", "diff.lfs.textconv", "core.pager", "core.editor"):  # fmt: skip
        git(clone, "config", key, str(program))
    git(clone, "config", "filter.evil.required", "true")
    hooks = clone.parent / "hooks"
    hooks.mkdir()
    for hook in (
        "post-index-change",
        "pre-commit",
        "fsmonitor-watchman",
        "post-checkout",
        "reference-transaction",
    ):
        shutil.copy(program, hooks / hook)
    git(clone, "config", "core.hooksPath", str(hooks))
    return trace


@example(
    base={b"a": ("link", b"same")},
    edited={b"a/b": ("link", b"same")},
    attributes=[],
    later=[],
    config=[],
    staged="",
)
@settings(max_examples=70)
@given(
    base=STATES,
    edited=STATES,
    attributes=ATTRIBUTES,
    later=ATTRIBUTES,
    config=CONFIG,
    staged=st.sampled_from(["", "all", "names"]),
)
def test_the_patch_gives_back_every_byte_of_the_working_tree(
    base: State, edited: State, attributes: list[bytes], later: list[bytes], config: list[str], staged: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    top = tmp_path_factory.mktemp("case")
    rules = {b".gitattributes": ("file", b"\n".join(attributes) + b"\n")} if attributes else {}
    clone = commit_of(top, {**base, **rules}, config)
    kept = {name: entry for name, entry in contents(clone).items() if hashlib.sha256(name).digest()[0] % 2}
    new_rules = {b".gitattributes": ("file", b"\n".join(later) + b"\n")} if later else {}
    become(clone, free_of_clashes({**kept, **edited, **new_rules}))
    if staged:
        git(clone, *(["add", "-A"] if staged == "all" else ["add", "-N", "."]), check=False)
    trace = arm(clone)
    before = fingerprint(clone / ".git")
    trace.unlink(missing_ok=True)

    change = capture_change(clone, max_bytes=10**6)

    assert not trace.exists()
    assert fingerprint(clone / ".git") == before
    assert change.notices == ()
    assert hashlib.sha256(change.patch).hexdigest() == change.digest
    apply_patch(clone, change.commit, change.patch, top / "again")
    there, again = contents(clone), contents(top / "again")
    if staged == "all":
        # What was staged and then equals the commit is unchanged to git, even where its conversions lost something.
        touched = set(map(path_bytes, change.files))
        assert there.keys() == again.keys()
        there, again = ({name: found[name] for name in found.keys() & touched} for found in (there, again))
    assert again == there
    assert not trace.exists()


@settings(max_examples=50)
@given(
    base=STATES,
    edited=STATES,
    config=CONFIG.map(lambda items: [item for item in items if "crlf" not in item]),
)
def test_plain_git_apply_gives_back_every_byte(
    base: State, edited: State, config: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    top = tmp_path_factory.mktemp("case")
    clone = commit_of(top, base, config)
    become(clone, edited)

    change = capture_change(clone, max_bytes=10**6)

    again = top / "again"
    git(top, "clone", "-q", str(top / "origin"), str(again))
    if change.patch:
        git(again, "apply", "--whitespace=nowarn", "-", stdin=change.patch)
    assert contents(again) == contents(clone)
    assert bool(change.files) == bool(change.patch)
