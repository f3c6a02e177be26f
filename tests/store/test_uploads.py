"""Uploads in parts, where they are kept: durable part by part, one at a time in the end, and forgotten when nobody goes on."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from autoresearch.errors import Busy, Conflict, NotFound
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.ledger.local.uploads import Uploads
from autoresearch.store.blobs import Blob
from autoresearch.store.objects import Objects
from autoresearch.store.sqlite import Database

DATA = b"0123456789" * 1000
DIGEST = hashlib.sha256(DATA).hexdigest()


class _Watched(Objects):
    """A store that says when it is about to keep something."""

    before: Callable[[], object] | None = None

    def put_many(self, blobs: Iterable[Blob]) -> list[str]:
        if self.before is not None:
            self.before()
        return super().put_many(blobs)

    def stash(self, part: str, data: bytes) -> None:
        super().stash(part, data)
        if self.before is not None:
            self.before()


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[LocalLedger]:
    store = _Watched(tmp_path / "objects")
    with LocalLedger(Database(tmp_path / "ledger.sqlite"), store, trusted=True) as made:
        yield made


def _uploads(operator: LocalLedger) -> Uploads:
    return Uploads(LocalLedger(operator.database, operator.store, organization="ours"), most=10**9)


def _parts(operator: LocalLedger) -> list[Path]:
    return list(Path(operator.store.where, "uploads").iterdir())


def test_a_blob_is_made_of_its_parts_by_one_request_at_a_time(operator: LocalLedger) -> None:
    store = operator.store
    assert isinstance(store, _Watched)
    uploads = _uploads(operator)
    begun = uploads.begin(DIGEST, len(DATA))
    uploads.append(begun.id, 0, DATA)
    reached, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        reached.set()
        assert go_on.wait(60)

    store.before = wait
    first = threading.Thread(target=uploads.finish, args=(begun.id,))
    first.start()
    assert reached.wait(60)
    with pytest.raises(Busy):
        uploads.finish(begun.id)
    go_on.set()
    first.join(60)
    assert uploads.begin(DIGEST, len(DATA)).id == ""
    with pytest.raises(NotFound):
        uploads.finish(begun.id)
    assert _parts(operator) == []


def test_of_two_who_send_the_same_part_one_goes_on(operator: LocalLedger) -> None:
    store = operator.store
    assert isinstance(store, _Watched)
    uploads = _uploads(operator)
    begun = uploads.begin(DIGEST, len(DATA))

    def other() -> None:
        store.before = None
        uploads.append(begun.id, 0, DATA[:5000])

    store.before = other
    with pytest.raises(Conflict) as caught:
        uploads.append(begun.id, 0, DATA[:3000])
    assert caught.value.details["received"] == 5000
    assert len(_parts(operator)) == 1
    uploads.append(begun.id, 5000, DATA[5000:])
    assert uploads.finish(begun.id).digest == DIGEST
    assert b"".join(operator.store.chunks(DIGEST)) == DATA


def test_an_upload_that_nobody_goes_on_with_is_forgotten_after_a_week(operator: LocalLedger) -> None:
    uploads = _uploads(operator)
    old, young = uploads.begin(DIGEST, len(DATA)), uploads.begin("0" * 64, 10)
    uploads.append(old.id, 0, DATA[:10])
    uploads.append(young.id, 0, b"01234")
    operator.snapshots.collect(dry_run=False)
    assert uploads.state(old.id).received == 10
    for part in _parts(operator):
        if part.name.startswith(old.id):
            os.utime(part, (0, 0))
    with operator.database.write() as connection:
        connection.execute(sa.text("UPDATE uploads SET touched_at = 1 WHERE id = :id"), {"id": old.id})
    operator.snapshots.collect(dry_run=False)
    with pytest.raises(NotFound):
        uploads.state(old.id)
    assert uploads.state(young.id).received == 5
    assert [part.name.startswith(young.id) for part in _parts(operator)] == [True]
