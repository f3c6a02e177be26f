"""Objects of a server as a client has them: whatever the network does, each arrives once and is what it was."""

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autoresearch.client.synchronous import Client
from autoresearch.errors import (
    Forbidden,
    Invalid,
    NotFound,
    StoreCorrupt,
    TooLarge,
    Unavailable,
)
from autoresearch.ledger.pushing import Pushed, push
from autoresearch.ledger.remote import objects as remote_objects
from autoresearch.ledger.remote.objects import RemoteObjects
from autoresearch.store.objects import Objects
from tests.network import (
    HTML,
    PASSES,
    Network,
    answers,
    gently,
    lost_answer,
    lost_request,
    stalls,
    truncated,
    twice,
)
from tests.serving import Served, key_of, listening

LARGE = random.Random(5).randbytes(20 * 1024 * 1024 + 17)
MEDIUM = random.Random(6).randbytes(3 * 1024 * 1024)
EVERY = [b"", b"a", b"b" * 1000, MEDIUM, LARGE]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with listening(tmp_path_factory.mktemp("served")) as made:
        yield made


@pytest.fixture
def network(server: Served) -> Iterator[Network]:
    with Network(int(server.url.rpartition(":")[2])) as made:
        yield made


_numbers = iter(range(10_000))


@pytest.fixture
def remote(server: Served, network: Network) -> Iterator[RemoteObjects]:
    """The objects of an organization of this test's own, through a network that can fail."""
    key = key_of(server.state.access, f"team {next(_numbers)}")
    with Client(key, base_url=network.url, tries=4) as client:
        yield RemoteObjects(client)


def _posts(network: Network, path: str) -> int:
    return len([what for what in network.seen if what.startswith(("POST", "PATCH")) and path in what])


def test_every_size_goes_there_and_back(remote: RemoteObjects, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(LARGE)
    with (tmp_path / "file").open("rb", buffering=0) as opened:
        opened.seek(3)
        sources: list[Any] = [*EVERY, tmp_path / "file", io.BytesIO(LARGE[1:]), opened, io.BytesIO(b"a")]
        digests = remote.put_many(sources)
    expected = [*EVERY, LARGE, LARGE[1:], LARGE[3:], b"a"]
    assert digests == [_digest(data) for data in expected]
    assert [remote.get(digest) for digest in digests] == expected
    assert [remote.size(digest) for digest in digests] == [len(data) for data in expected]
    assert b"".join(remote.part(digests[4], 5, 9_000_000)) == LARGE[5:9_000_000]
    assert b"".join(remote.part(digests[1], 0, 99)) == b"a"
    assert remote.copy_to(digests[4], tmp_path / "copy") == len(LARGE)
    assert (tmp_path / "copy").read_bytes() == LARGE
    assert remote.touch(digests[0])
    assert not remote.touch(_digest(b"unknown"))


def test_only_what_is_missing_travels(remote: RemoteObjects, network: Network) -> None:
    blobs = [b"%d" % n for n in range(1200)]
    remote.put_many([*blobs, *blobs])
    assert _posts(network, "/v1/blobs/batch") == 3
    network.seen.clear()
    remote.put_many([*blobs, b"new", LARGE])
    assert _posts(network, "/v1/blobs/batch") == 1
    network.seen.clear()
    remote.put_many([LARGE, io.BytesIO(LARGE)])
    assert _posts(network, "") == _posts(network, "/v1/blobs/uploads") == 1


def test_what_is_not_there_or_no_digest_is_refused(remote: RemoteObjects) -> None:
    for read in (remote.get, remote.size, lambda one: list(remote.part(one, 0, 1))):
        with pytest.raises(NotFound):
            read("0" * 64)
        with pytest.raises(Invalid):
            read("../../v1/keys")
    with pytest.raises(Invalid):
        remote.missing(["x"])
    for only_there in (remote.listed, lambda: remote.used_at("0" * 64), lambda: remote.remove("0" * 64)):
        with pytest.raises(Forbidden):
            only_there()
    with pytest.raises(NotFound):
        remote.put_file(Path("/no/such/file"))


@pytest.mark.parametrize(
    "fault",
    [
        lost_request(),
        lost_request(100_000),
        lost_answer(),
        truncated(10),
        truncated(10, ends="reset"),
        twice(),
        answers(500),
        answers(502, HTML, done=True),
        answers(429, b"{}", kind="application/json", retry_after="0"),
    ],
    ids=lambda fault: str(fault)[6:60],
)
def test_each_request_may_meet_any_fault_and_everything_arrives(
    fault: object, remote: RemoteObjects, network: Network
) -> None:
    met: set[str] = set()

    def once_each(what: str) -> object:
        kind = what.partition("?")[0]
        if kind in met:
            return PASSES
        met.add(kind)
        return fault

    network.decide = once_each  # type: ignore[assignment]
    digests = remote.put_many(EVERY)
    assert [remote.get(digest) for digest in digests] == EVERY
    assert remote.missing(digests) == set()
    assert len(met) >= 10, "each kind of request was to meet it"


def test_a_bad_network_changes_nothing(remote: RemoteObjects, network: Network) -> None:
    faults = [
        lost_request(),
        lost_request(5000),
        lost_answer(),
        truncated(50),
        twice(),
        answers(502),
        answers(503),
    ]
    network.decide = gently(faults, every=0.15, seed=11)
    contents = [random.Random(n).randbytes(n * 5000) for n in range(80)] + [LARGE]
    digests = remote.put_many(contents)
    assert [remote.get(digest) for digest in digests] == contents


def test_silence_ends_with_the_clients_time_out(server: Served, network: Network) -> None:
    with Client(server.key, base_url=network.url, tries=9, ingest_timeout=0.5) as client:
        remote = RemoteObjects(client)
        network.meets(stalls(), stalls(sends=10))
        digest = remote.put(b"after the silence")
        network.meets(stalls(), stalls(returns=5))
        assert remote.get(digest) == b"after the silence"


def test_an_upload_that_broke_off_goes_on_where_it_was(
    remote: RemoteObjects, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    network.decide = lambda what: lost_request() if "offset=16777216" in what else PASSES
    monkeypatch.setattr(remote_objects, "_FAILURES", 1)
    with pytest.raises(Unavailable):
        remote.put(LARGE)
    network.decide = lambda _: PASSES
    network.seen.clear()
    assert remote.put(LARGE) == _digest(LARGE)
    assert [what.partition("?")[2] for what in network.seen if what.startswith("PATCH")] == [
        "offset=16777216"
    ]
    assert remote.get(_digest(LARGE)) == LARGE


def test_two_who_send_the_same_large_blob_help_one_another(server: Served, remote: RemoteObjects) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(3) as pool:
        digests = {future.result() for future in [pool.submit(remote.put, LARGE) for _ in range(3)]}
    assert digests == {_digest(LARGE)}
    assert remote.get(_digest(LARGE)) == LARGE
    assert list((Path(server.state.objects.where) / "uploads").iterdir()) == []


def test_bytes_that_come_damaged_are_refused(remote: RemoteObjects, network: Network) -> None:
    digest = remote.put(b"right")
    network.meets(answers(200, b"wrong", kind="application/octet-stream"))
    with pytest.raises(StoreCorrupt, match=digest):
        remote.get(digest)
    network.meets(answers(206, b"wrong", kind="application/octet-stream", content_range="bytes 7-11/99"))
    with pytest.raises(Unavailable):
        remote.get(digest)
    assert remote.get(digest) == b"right"


def test_a_file_that_changes_while_it_is_sent_is_not_stored(
    remote: RemoteObjects, network: Network, tmp_path: Path
) -> None:
    file = tmp_path / "growing"
    file.write_bytes(LARGE)

    def change(what: str) -> object:
        if "offset=0" in what:
            file.write_bytes(LARGE[:-1] + b"?")
        return PASSES

    network.decide = change  # type: ignore[assignment]
    with pytest.raises(Invalid, match="digest"):
        remote.put_file(file)
    assert remote.missing([_digest(LARGE)])


def test_what_the_server_does_not_take_is_said(server: Served, remote: RemoteObjects) -> None:
    from dataclasses import replace

    before = server.state.limits
    server.state.limits = replace(before, upload=1000)
    try:
        with pytest.raises(TooLarge, match="1,000"):
            remote.put(LARGE)
    finally:
        server.state.limits = before
    assert remote.put(LARGE)


def test_a_push_brings_what_is_here_and_not_there(
    remote: RemoteObjects, network: Network, tmp_path: Path
) -> None:
    local = Objects(tmp_path / "objects")
    digests = local.put_many([b"%d" % n for n in range(450)] + [LARGE])
    gone = _digest(b"never kept")
    remote.put(b"0")
    said: list[Pushed] = []
    done = push(local, remote, [*digests, gone], progress=said.append)
    assert done == Pushed(
        sent=450, size=sum(len(b"%d" % n) for n in range(1, 450)) + len(LARGE), there=1, lost=(gone,)
    )
    assert [one.sent for one in said] == [200, 400, 450]
    assert remote.missing(digests) == set()
    assert remote.get(digests[-1]) == LARGE
    again = push(local, remote, digests)
    assert (again.sent, again.there) == (0, 451)
    damaged = local.put(b"soon damaged")
    path = local.root / damaged[:2] / damaged[2:]
    path.chmod(0o644)
    path.write_bytes(b"other bytes!")
    with pytest.raises(StoreCorrupt):
        push(local, remote, [damaged])
    assert remote.missing([damaged])
