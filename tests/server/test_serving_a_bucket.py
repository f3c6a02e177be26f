"""A server whose bytes lie in a bucket: the same answers, errors that clients try again, and a collector that spares what it must."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from autoresearch.errors import StoreError
from autoresearch.ledger.local import snapshots
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.ledger.remote.ledger import RemoteLedger
from autoresearch.server.opening import opened
from autoresearch.store.buckets import Bucket
from tests.contract_helpers import experiment, session, stored_tree
from tests.moto_server import CREDENTIALS, Moto
from tests.network import Network
from tests.server_process import command
from tests.serving import Served, in_process

LARGE = random.Random(2).randbytes(18 * 1024 * 1024 + 1)


@pytest.fixture
def network(s3: Moto, monkeypatch: pytest.MonkeyPatch) -> Iterator[Network]:
    """Between the server and its bucket."""
    with Network(s3.port) as made:
        monkeypatch.setenv("AWS_ENDPOINT_URL", made.url)
        monkeypatch.setenv("AUTORESEARCH_OBJECTS_URL", f"s3://{s3.bucket()}/team")
        yield made


@pytest.fixture
def served(network: Network, tmp_path: Path) -> Iterator[Served]:
    with opened(tmp_path / "home") as state, in_process(tmp_path / "home") as made:
        made.state.objects = state.objects
        yield made


def test_bytes_of_every_size_go_through_the_server_into_the_bucket(served: Served, tmp_path: Path) -> None:
    with RemoteLedger(served.client()) as remote:
        digests = remote.objects.put_many([b"", b"small", LARGE])
        assert [remote.objects.get(digest) for digest in digests] == [b"", b"small", LARGE]
        assert b"".join(remote.objects.part(digests[2], 10, 9_000_000)) == LARGE[10:9_000_000]
        tree = stored_tree(remote, b"weights")
        recorded = experiment(remote, session(remote).id, tree=tree)
        assert remote.snapshots.write_tree(tree, tmp_path / "out").digest == tree
        assert remote.research.experiment(recorded.id).tree == tree
    assert set(digests) < set(served.state.objects.digests())
    assert list(served.state.objects.verify()) == []
    assert not (tmp_path / "home" / "objects").exists()


def test_a_bucket_that_cannot_be_reached_is_an_error_to_try_again(served: Served, network: Network) -> None:
    with served.http() as client:
        kept = client.post("/v1/blobs", content=b"kept").json()["digest"]
        patient = served.state.objects
        served.state.objects = Bucket(patient.where, patience=2)
        network.down()
        network.cut()
        for refused in (client.post("/v1/blobs", content=b"x"), client.get(f"/v1/blobs/{kept}")):
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "unavailable")
            assert not any(secret in refused.text for secret in CREDENTIALS.values() if len(secret) > 12)
        assert client.get("/ready").status_code == 503
        network.up()
        served.state.objects = patient
        assert client.get("/ready").status_code == 200
        assert client.get(f"/v1/blobs/{kept}").content == b"kept"
        assert client.post("/v1/blobs", content=b"x").status_code == 200


def test_a_server_does_not_begin_on_a_bucket_that_is_not_there(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTORESEARCH_OBJECTS_URL", "s3://no-such-bucket/team")
    with pytest.raises(StoreError, match="There is no bucket"), opened(tmp_path / "home"):
        pass


def test_the_collector_of_a_bucket_spares_what_is_named_or_was_just_asked_for(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        served.http() as client,
        RemoteLedger(served.client()) as remote,
        LocalLedger(served.state.database, served.state.objects, trusted=True) as operator,
    ):
        tree = stored_tree(remote, b"weights")
        experiment(remote, session(remote).id, tree=tree)
        orphan, asked = remote.objects.put_many([b"orphan", b"asked for again"])
        assert operator.snapshots.collect(dry_run=False) == (0, 0)
        monkeypatch.setattr(snapshots, "GRACE_SECONDS", -10.0)  # so that the bucket holds nothing young
        with served.state.database.write() as connection:
            connection.exec_driver_sql(
                "UPDATE blobs SET used_at = 4000000000000000 WHERE digest = ?", (asked,)
            )
        assert operator.snapshots.collect(dry_run=False) == (1, len(b"orphan"))
        assert remote.objects.missing([orphan, asked, tree]) == {orphan}
        assert list(operator.snapshots.verify()) == []
        assert client.get(f"/v1/blobs/{asked}").content == b"asked for again"


def test_the_operators_command_collects_where_the_settings_say(served: Served, tmp_path: Path) -> None:
    with served.http() as client:
        kept = client.post("/v1/blobs", content=b"young, so it is spared").json()["digest"]
        said = command(tmp_path / "home", "admin", "gc", "--yes")
        assert (said["where"], said["dry_run"]) == (served.state.objects.where, False)
        assert (said["objects"], said["bytes"]) == (0, 0)
        assert client.get(f"/v1/blobs/{kept}").status_code == 200


def test_many_clients_at_once_store_each_blob_once(served: Served) -> None:
    contents = [b"%d" % n for n in range(60)]
    wrong: list[object] = []

    def send() -> None:
        with served.http() as client:
            for data in contents:
                answer = client.post("/v1/blobs", content=data)
                if answer.json().get("digest") != hashlib.sha256(data).hexdigest():
                    wrong.append(answer.text)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(list(served.state.objects.digests())) == 60
