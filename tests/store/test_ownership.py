"""One store of bytes for many organizations: each reads what it has sent, and nothing tells what others have."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from autoresearch.errors import Forbidden, Invalid, NotFound, Unavailable
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.artifact import VersionRequest
from autoresearch.records.experiment import Diff
from autoresearch.records.ids import new_id
from autoresearch.records.tree import Tree, TreeEntry
from autoresearch.store.blobs import Blob
from autoresearch.store.objects import Objects
from autoresearch.store.sqlite import Database
from tests.contract_helpers import PROJECT, experiment, session, stored_tree
from tests.run_batches import Writer
from tests.store.test_database import old_store

SECRET = b"weights that took a month"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _aged(folder: Path) -> None:
    for path in (folder / "objects").rglob("*"):
        if path.is_file():
            os.utime(path, (0, 0))


@pytest.fixture
def mine(tmp_path: Path) -> Iterator[LocalLedger]:
    """The ledger of whoever can read the files."""
    with LocalLedger.open(tmp_path) as made:
        yield made


def _served(ledger: LocalLedger, organization: str) -> LocalLedger:
    return LocalLedger(ledger.database, ledger.store, organization=organization)


def _artifact(tree: str) -> VersionRequest:
    return VersionRequest.make(
        id=new_id(), project=PROJECT, artifact="model", type="model", tree=tree, size=1, files=1
    )


def test_knowing_a_digest_opens_nothing_until_the_bytes_were_sent(mine: LocalLedger, tmp_path: Path) -> None:
    ours, theirs = _served(mine, "ours"), _served(mine, "theirs")
    digest = ours.objects.put(SECRET)
    assert ours.objects.get(digest) == SECRET
    reads: list[Callable[[str], object]] = [
        theirs.objects.get,
        theirs.objects.size,
        theirs.objects.used_at,
        theirs.snapshots.get,
        theirs.snapshots.tree,
        lambda one: list(theirs.objects.part(one, 0, 5)),
        lambda one: theirs.objects.copy_to(one, tmp_path / "copy"),
    ]
    for read in reads:
        said = []
        for one in (digest, _digest(b"nobody has this")):
            with pytest.raises(NotFound) as caught:
                read(one)
            said.append(str(caught.value).replace(one, "?"))
        assert said[0] == said[1], "the error must not tell that it exists"
    assert theirs.objects.missing([digest]) == {digest}
    assert not theirs.objects.has(digest)
    assert not theirs.objects.touch(digest)
    assert list(theirs.objects.listed()) == []
    assert theirs.objects.put_file(io.BytesIO(SECRET)) == digest
    assert theirs.objects.get(digest) == SECRET
    assert [one.size for one in theirs.objects.listed()] == [len(SECRET)]
    assert list(mine.store.digests()) == [digest]


def test_a_record_cannot_name_what_its_organization_has_not_sent(mine: LocalLedger) -> None:
    ours, theirs = _served(mine, "ours"), _served(mine, "theirs")
    tree = stored_tree(ours, SECRET)
    opened = session(theirs).id
    with pytest.raises(NotFound, match="was not stored"):
        experiment(theirs, opened, tree=tree)
    with pytest.raises(NotFound, match="was not stored"):
        experiment(theirs, opened, diff=Diff(digest=_digest(SECRET), size=len(SECRET)))
    with pytest.raises(NotFound, match="was not stored"):
        theirs.artifacts.log(_artifact(tree))
    theirs.objects.put(mine.store.get(tree))  # the manifest alone, guessed from public code
    with pytest.raises(NotFound, match=_digest(SECRET)):
        theirs.artifacts.log(_artifact(tree))
    theirs.objects.put(SECRET)
    assert theirs.artifacts.log(_artifact(tree)).tree == tree


@pytest.mark.parametrize("manifest", [b'{"entries":[', b"no manifest", b'{"entries":[["../x"]]}'])
def test_what_is_no_tree_is_refused_so_that_it_stops_no_collector(mine: LocalLedger, manifest: bytes) -> None:
    theirs = _served(mine, "theirs")
    digest = theirs.objects.put(manifest)
    with pytest.raises(Invalid, match="cannot be a tree"):
        theirs.artifacts.log(_artifact(digest))
    with pytest.raises(Invalid, match="cannot be a tree"):
        experiment(theirs, session(theirs).id, tree=digest)
    assert mine.snapshots.collect() == (0, 0)


def test_an_organization_neither_checks_nor_cleans_the_whole_store(mine: LocalLedger) -> None:
    theirs = _served(mine, "theirs")
    for refused in (
        lambda: list(theirs.snapshots.verify()),
        theirs.snapshots.collect,
        lambda: theirs.objects.remove("0" * 64),
    ):
        with pytest.raises(Forbidden, match="where"):
            refused()


def test_what_is_recorded_where_the_files_lie_is_there_when_they_are_served(mine: LocalLedger) -> None:
    tree = stored_tree(mine, b"weights")
    opened = session(mine).id
    recorded = experiment(mine, opened, tree=tree)
    # A training script has no database: it puts an image and a patch into the folder, and says so in its journal.
    image, patch = mine.store.put(b"an image"), mine.store.put(b"a patch")
    whole = TreeEntry(path="f", mode="100644", size=5, sha256=mine.store.put(b"apart"))
    apart = mine.store.put(Tree([whole]).manifest)
    writer = Writer(mine).open(project=PROJECT)
    writer.say("media", key="i", step=0, kind="image", media_type="image/png", digest=image, size=8, meta={})
    experiment(mine, opened, tree=apart, diff=Diff(digest=patch, size=7))
    assert mine.runs.run(writer.run).id == writer.run
    served = _served(mine, "local")
    assert served.research.experiment(recorded.id).tree == tree
    assert served.snapshots.get(image) == b"an image"
    assert served.snapshots.get(patch) == b"a patch"
    for digest in (tree, apart):
        assert [served.snapshots.get(str(entry.sha256)) for entry in served.snapshots.tree(digest).files()]
    assert _served(mine, "other").objects.missing([image, tree]) == {image, tree}


def test_a_store_from_before_there_were_organizations_owns_what_it_has(tmp_path: Path) -> None:
    old = Objects(tmp_path / "objects")
    digests = old.put_many([b"%d" % n for n in range(300)])
    old_store(tmp_path / "ledger.sqlite", "0003")
    with LocalLedger.open(tmp_path) as ledger:
        served = _served(ledger, "local")
        assert {one.digest for one in served.objects.listed()} == set(digests)
        assert [served.objects.get(digest) for digest in digests] == [b"%d" % n for n in range(300)]
        assert not _served(ledger, "other").objects.has(digests[0])


def test_the_collector_leaves_nobody_an_owner_of_what_it_removed(mine: LocalLedger, tmp_path: Path) -> None:
    ours = _served(mine, "ours")
    kept, orphan = stored_tree(ours, b"kept"), ours.objects.put(b"orphan")
    experiment(ours, session(ours).id, tree=kept)
    _aged(tmp_path)
    young = ours.objects.put(b"young")
    assert mine.snapshots.collect(dry_run=False) == (1, 6)
    assert ours.objects.missing([orphan, young, kept]) == {orphan}
    assert not ours.objects.has(orphan)
    assert ours.objects.put(b"orphan") == orphan
    assert ours.objects.get(orphan) == b"orphan"
    assert list(mine.snapshots.verify()) == []


class _Interrupted(Objects):
    """A store in which something happens between the bytes and the row that owns them."""

    then: Callable[[], object] | None = None

    def put_many(self, blobs: Iterable[Blob]) -> list[str]:
        digests = super().put_many(blobs)
        then, self.then = self.then, None
        if then is not None:
            then()
        return digests


@pytest.mark.parametrize("known", [False, True])
def test_a_collector_between_the_bytes_and_their_owner_is_noticed(tmp_path: Path, known: bool) -> None:
    store = _Interrupted(tmp_path / "objects")
    with LocalLedger(Database(tmp_path / "ledger.sqlite"), store, trusted=True) as operator:
        ours = _served(operator, "ours")
        if known:
            ours.objects.put(b"sent before")

        def collect() -> None:
            _aged(tmp_path)
            assert operator.snapshots.collect(dry_run=False)[0] == 1

        store.then = collect
        with pytest.raises(Unavailable, match="collected"):
            ours.objects.put(b"sent before")
        assert ours.objects.missing([_digest(b"sent before")])
        ours.objects.put(b"sent before")
        assert ours.objects.get(_digest(b"sent before")) == b"sent before"


def test_a_collector_that_is_killed_leaves_no_owner_without_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalLedger.open(tmp_path) as operator:
        ours = _served(operator, "ours")
        digests = [ours.objects.put(b"%d" % n) for n in range(5)]
        _aged(tmp_path)
        removed: list[str] = []

        def remove(digest: str) -> bool:
            if len(removed) == 2:
                raise KeyboardInterrupt
            removed.append(digest)
            return Objects.remove(operator.store, digest)  # type: ignore[arg-type]

        monkeypatch.setattr(operator.store, "remove", remove)
        with pytest.raises(KeyboardInterrupt):
            operator.snapshots.collect(dry_run=False)
        assert ours.objects.missing(digests) == set(digests)
        monkeypatch.undo()
        assert operator.snapshots.collect(dry_run=False)[0] == 3
        assert list(operator.store.digests()) == []


_SENT = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5)), max_size=25)


@given(sent=_SENT)
def test_each_reads_exactly_what_it_has_sent(
    sent: list[tuple[str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with LocalLedger.open(tmp_path_factory.mktemp("store")) as whole:
        ledgers = {name: _served(whole, name) for name in "abc"}
        have: dict[str, set[int]] = {name: set() for name in "abc"}
        for name, number in sent:
            ledgers[name].objects.put(b"%d" % number)
            have[name].add(number)
        for name, ledger in ledgers.items():
            every = {_digest(b"%d" % number): number for number in range(6)}
            missing = {every[digest] for digest in ledger.objects.missing(every)}
            assert missing == set(range(6)) - have[name]
            assert {every[one.digest] for one in ledger.objects.listed()} == have[name]
        with whole.database.read() as connection:
            rows = connection.execute(sa.text("SELECT count(*) FROM blobs")).scalar_one()
        assert rows == sum(map(len, have.values()))


def test_what_was_just_asked_for_is_not_collected_though_it_is_old(mine: LocalLedger, tmp_path: Path) -> None:
    ours, theirs = _served(mine, "ours"), _served(mine, "theirs")
    asked, forgotten = ours.objects.put(b"asked for"), ours.objects.put(b"forgotten")
    touched = theirs.objects.put(b"touched")
    _aged(tmp_path)
    with mine.database.write() as connection:
        connection.execute(sa.text("UPDATE blobs SET recorded_at = 1"))
    assert ours.objects.missing([asked]) == set()
    assert theirs.objects.touch(touched)
    assert not ours.objects.touch(touched)
    assert mine.snapshots.collect(dry_run=False) == (1, len(b"forgotten"))
    assert ours.objects.missing([asked, forgotten]) == {forgotten}
    assert theirs.objects.get(touched) == b"touched"
