from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from autoresearch.errors import Conflict, Invalid, NotFound, StoreCorrupt
from autoresearch.ledger.base import Ledger
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.experiment import Diff
from autoresearch.records.ids import new_id
from tests.campaign_requests import begun, claim, update
from tests.contract_helpers import experiment, session, stored_tree


def aged(home: Path) -> None:
    """As if everything had been stored long ago."""
    for blob in (home / "store" / "objects").rglob("*"):
        if blob.is_file():
            os.utime(blob, (1, 1))


def blob(home: Path, digest: str) -> Path:
    return home / "store" / "objects" / digest[:2] / digest[2:]


def damage(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(b"other bytes")


def test_a_patch_comes_back_byte_for_byte(ledger: Ledger) -> None:
    patch = b"diff --git a/x b/x\n-\xff\r\n+\0\n"
    diff = Diff(digest=ledger.snapshots.put(patch), size=len(patch))
    made = experiment(ledger, session(ledger).id, diff=diff)
    assert ledger.snapshots.patch(made.id) == patch
    assert ledger.snapshots.patch(experiment(ledger, made.session_id).id) == b""


def test_a_record_names_only_what_is_stored(ledger: Ledger) -> None:
    opened = session(ledger).id
    with pytest.raises(NotFound, match="was not stored"):
        experiment(ledger, opened, diff=Diff(digest="a" * 64, size=3))
    with pytest.raises(NotFound, match="was not stored"):
        experiment(ledger, opened, tree="b" * 64)


def test_a_stored_tree_is_written_to_a_new_folder(ledger: Ledger, tmp_path: Path) -> None:
    digest = stored_tree(ledger, b"weights")
    ledger.snapshots.write_tree(digest, tmp_path / "out")
    assert (tmp_path / "out" / "model.bin").read_bytes() == b"weights"
    with pytest.raises(Conflict):
        ledger.snapshots.write_tree(digest, tmp_path / "out")


@pytest.mark.store
def test_damaged_bytes_are_refused_and_named(ledger: Ledger, tmp_path: Path) -> None:
    opened = session(ledger).id
    tree = stored_tree(ledger, b"weights")
    (content,) = (entry.sha256 for entry in ledger.snapshots.tree(tree).entries)
    experiment(ledger, opened, tree=tree)
    assert content is not None
    assert list(ledger.snapshots.verify()) == []
    damage(blob(tmp_path, content))
    with pytest.raises(StoreCorrupt, match=content):
        ledger.snapshots.get(content)
    assert any(content in said for said in ledger.snapshots.verify())
    blob(tmp_path, content).unlink()
    assert any(content in said and "missing" in said for said in ledger.snapshots.verify())


@pytest.mark.store
def test_a_damaged_manifest_is_named_and_stops_the_collector(ledger: Ledger, tmp_path: Path) -> None:
    tree = stored_tree(ledger, b"weights")
    experiment(ledger, session(ledger).id, tree=tree)
    damage(blob(tmp_path, tree))
    aged(tmp_path)
    assert any(tree in said for said in ledger.snapshots.verify())
    with pytest.raises(StoreCorrupt, match="Nothing was removed"):
        ledger.snapshots.collect(dry_run=False)


@pytest.mark.store
def test_the_collector_removes_what_nothing_refers_to_and_only_when_told(
    ledger: Ledger, tmp_path: Path
) -> None:
    patch = ledger.snapshots.put(b"patch")
    tree = stored_tree(ledger, b"weights")
    experiment(ledger, session(ledger).id, tree=tree, diff=Diff(digest=patch, size=5))
    orphan = ledger.snapshots.put(b"orphan")
    assert ledger.snapshots.collect() == (0, 0)
    aged(tmp_path)
    young = ledger.snapshots.put(b"about to be named by a record")
    assert ledger.snapshots.collect() == (1, 6)
    assert ledger.snapshots.get(orphan) == b"orphan"
    assert ledger.snapshots.collect(dry_run=False) == (1, 6)
    with pytest.raises(NotFound):
        ledger.snapshots.get(orphan)
    assert ledger.snapshots.get(young)
    assert ledger.snapshots.get(patch) == b"patch"
    assert list(ledger.snapshots.verify()) == []


@pytest.mark.store
def test_the_texts_of_a_trial_are_kept_and_missed(ledger: Ledger, tmp_path: Path) -> None:
    trial = claim(ledger, begun(ledger))
    texts = {name: ledger.snapshots.put(name.encode()) for name in ("prompt", "context", "transcript")}
    update(ledger, trial, "proposing", **texts)
    aged(tmp_path)
    assert ledger.snapshots.collect(dry_run=False) == (0, 0)
    assert ledger.snapshots.get(texts["prompt"]) == b"prompt"
    blob(tmp_path, texts["transcript"]).unlink()
    assert any(texts["transcript"] in said and "missing" in said for said in ledger.snapshots.verify())


@pytest.mark.store
def test_the_blobs_of_a_manifest_that_may_be_named_again_are_kept(ledger: Ledger, tmp_path: Path) -> None:
    # Several, so that some manifests come before their blob in the order of digests and some behind it.
    trees = [stored_tree(ledger, b"weights %d" % n) for n in range(8)]
    contents = [str(entry.sha256) for tree in trees for entry in ledger.snapshots.tree(tree).entries]
    assert {tree < content for tree, content in zip(trees, contents, strict=True)} == {True, False}
    aged(tmp_path)
    for tree in trees:
        os.utime(blob(tmp_path, tree))
    assert ledger.snapshots.collect(dry_run=False) == (0, 0)
    assert [ledger.snapshots.get(content) for content in contents] == [b"weights %d" % n for n in range(8)]
    aged(tmp_path)
    assert ledger.snapshots.collect(dry_run=False)[0] == 16


def test_a_record_that_waited_for_the_collector_sees_what_it_removed(tmp_path: Path) -> None:
    with LocalLedger.open(tmp_path / "store") as ledger:
        opened = session(ledger).id
        tree = stored_tree(ledger, b"weights")
        answer: list[object] = []

        def record() -> None:
            try:
                answer.append(experiment(ledger, opened, tree=tree))
            except NotFound as error:
                answer.append(error)

        waiting = threading.Thread(target=record)
        with ledger.write():
            waiting.start()
            waiting.join(0.2)
            assert waiting.is_alive()
            ledger.objects.remove(tree)
        waiting.join(30)
        assert [type(found) for found in answer] == [NotFound]
        assert list(ledger.snapshots.verify()) == []


def test_what_is_not_a_digest_is_refused(ledger: Ledger) -> None:
    with pytest.raises(Invalid):
        ledger.snapshots.get("../../etc/passwd")
    with pytest.raises(NotFound, match="no experiment"):
        ledger.snapshots.patch(new_id())
