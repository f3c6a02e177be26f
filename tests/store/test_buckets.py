"""Objects in a bucket, against a real server that speaks S3, and against what the network does on the way there."""

from __future__ import annotations

import datetime
import hashlib
import io
import os
import random
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import obstore
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoresearch.errors import (
    Invalid,
    NotFound,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreReadOnly,
    Unavailable,
    UsageError,
)
from autoresearch.store import buckets
from autoresearch.store.blobs import Blobs, open_objects
from autoresearch.store.buckets import Bucket
from autoresearch.store.objects import Objects
from tests.moto_server import CREDENTIALS, Moto
from tests.network import (
    HTML,
    Network,
    answers,
    gently,
    lost_answer,
    lost_request,
    stalls,
    truncated,
    twice,
)

BIG = random.Random(7).randbytes(20 * 1024 * 1024 + 13)


@pytest.fixture
def bucket(s3: Moto) -> Bucket:
    return Bucket(f"s3://{s3.bucket()}/team/objects", patience=20)


@pytest.fixture(params=["folder", "bucket"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    """Both places: what holds for one holds for the other."""
    if request.param == "folder":
        return Objects(tmp_path / "objects")
    s3: Moto = request.getfixturevalue("s3")
    return Bucket(f"s3://{s3.bucket()}/team/objects", patience=20)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _overwrite(bucket: Bucket, name: str, data: bytes) -> None:
    """Put other bytes where a blob is, as a bug or an operator's hand would."""
    key = f"{name[:2]}/{name[2:]}" if len(name) == 64 else name
    obstore.put(bucket._store, key, data)


def test_bytes_come_back_whatever_their_size_and_wherever_they_came_from(
    blobs: Blobs, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(BIG)
    stored = blobs.put_many([b"", b"a", io.BytesIO(b"stream"), tmp_path / "file", io.BytesIO(BIG[1:]), b"a"])
    expected = [b"", b"a", b"stream", BIG, BIG[1:], b"a"]
    assert stored == [_digest(data) for data in expected]
    assert [blobs.get(digest) for digest in stored] == expected
    assert [blobs.size(digest) for digest in stored] == [len(data) for data in expected]
    assert list(blobs.digests()) == sorted(set(stored))
    assert list(blobs.verify()) == []
    assert blobs.copy_to(stored[3], tmp_path / "copy") == len(BIG)
    assert (tmp_path / "copy").read_bytes() == BIG


def test_a_part_of_a_blob_is_read_without_the_rest(blobs: Blobs) -> None:
    digest = blobs.put(BIG)
    middle = 8 * 1024 * 1024
    for first, beyond in [(0, 1), (5, 9), (middle - 2, middle + 2), (len(BIG) - 3, len(BIG) + 99), (7, 7)]:
        assert b"".join(blobs.part(digest, first, beyond)) == BIG[first:beyond]


def test_what_is_not_stored_is_missing_and_not_found(blobs: Blobs) -> None:
    here, gone = blobs.put(b"here"), _digest(b"gone")
    assert blobs.has(here)
    assert blobs.missing([here, gone, gone]) == {gone}
    assert not blobs.touch(gone)
    assert not blobs.remove(gone)
    for read in (blobs.get, blobs.size, blobs.used_at, lambda digest: list(blobs.part(digest, 0, 1))):
        with pytest.raises(NotFound, match=gone):
            read(gone)
    assert blobs.remove(here)
    assert not blobs.has(here)
    for ask in (blobs.get, blobs.has, blobs.remove, blobs.touch):
        with pytest.raises(Invalid):
            ask("../../etc/passwd")


def test_parts_of_uploads_lie_apart_from_the_blobs(blobs: Blobs) -> None:
    assert isinstance(blobs, Objects | Bucket)
    kept = blobs.put(b"a blob")
    parts = [f"{'0' * 36}-{n}-{n:016x}" for n in range(3)]
    for part in parts:
        blobs.stash(part, part.encode())
    assert [b"".join(blobs.stashed(part)) for part in parts] == [part.encode() for part in parts]
    assert list(blobs.digests()) == [kept]
    assert list(blobs.verify()) == []
    blobs.unstash([parts[0], parts[0]])
    with pytest.raises(NotFound):
        list(blobs.stashed(parts[0]))
    assert blobs.sweep() == 0
    assert blobs.sweep(now=time.time() + 8 * 24 * 3600) == 2
    assert list(blobs.digests()) == [kept]
    for hostile in ("../up", parts[0] + "/..", "a" * 300):
        with pytest.raises(Invalid):
            blobs.stash(hostile, b"")


@settings(max_examples=15)
@given(contents=st.lists(st.binary(max_size=64), max_size=40))
def test_a_bucket_holds_exactly_what_a_folder_would(
    contents: list[bytes], bucket: Bucket, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = Objects(tmp_path_factory.mktemp("objects"))
    assert bucket.put_many(contents) == folder.put_many(contents)
    assert set(folder.digests()) <= set(bucket.digests())
    assert [bucket.get(digest) for digest in folder.digests()] == [
        folder.get(digest) for digest in folder.digests()
    ]


def test_changed_bytes_are_never_given_out_as_the_right_ones(bucket: Bucket) -> None:
    small, large = bucket.put(b"right"), bucket.put(BIG)
    _overwrite(bucket, small, b"wrong")
    _overwrite(bucket, large, BIG[:-1] + b"?")
    for digest in (small, large):
        with pytest.raises(StoreCorrupt, match=digest):
            bucket.get(digest)
    _overwrite(bucket, "notes.txt", b"?")
    assert {problem.name for problem in bucket.verify()} == {small, large, "notes.txt"}


def test_a_damaged_blob_of_another_size_is_healed_by_storing_it_again(bucket: Bucket) -> None:
    for data in (b"right", BIG):
        digest = bucket.put(data)
        _overwrite(bucket, digest, b"cut")
        assert bucket.put(data) == digest
        assert bucket.get(digest) == data


def test_storing_an_old_blob_again_makes_it_young(
    s3: Moto, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    small, large = bucket.put(b"small"), bucket.put(BIG)
    with Network(s3.port) as network:
        monkeypatch.setenv("AWS_ENDPOINT_URL", network.url)
        seen = Bucket(bucket.where)
        seen.put_many([b"small", BIG])
        assert [what.split()[0] for what in network.seen if "PUT" in what or "POST" in what] == ["PUT"]
        network.seen.clear()
        monkeypatch.setattr(buckets, "GRACE_SECONDS", -1.0)  # so that all are old
        seen.put_many([b"small", BIG])
        assert seen.touch(small)
        written = [what for what in network.seen if what.startswith("PUT")]
        assert len([what for what in written if small[2:] in what]) >= 3
        assert [what for what in written if large[2:] in what]
    assert bucket.get(small) == b"small"
    assert bucket.get(large) == BIG


def test_two_writers_of_the_same_blobs_do_not_disturb_one_another(bucket: Bucket) -> None:
    contents = [b"%d" % n for n in range(50)] + [BIG]
    ready = threading.Barrier(4)

    def write() -> list[str]:
        other = Bucket(bucket.where)
        ready.wait()
        return other.put_many(contents)

    with ThreadPoolExecutor(4) as pool:
        answers_ = {tuple(future.result()) for future in [pool.submit(write) for _ in range(4)]}
    assert answers_ == {tuple(map(_digest, contents))}
    assert list(bucket.verify()) == []


def test_a_writer_that_is_killed_leaves_whole_blobs_or_none(bucket: Bucket) -> None:
    code = f"""
        import random
        from autoresearch.store.buckets import Bucket
        bucket = Bucket({bucket.where!r})
        def blobs():
            for n in range(10_000):
                if n == 30: print("some", flush=True)
                yield random.Random(n).randbytes(20_000) if n % 10 else random.Random(n).randbytes(9_000_000)
        bucket.put_many(blobs())
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ.copy()) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"some\n"
        process.kill()
    assert len(list(bucket.digests())) > 3
    assert list(bucket.verify()) == []


@pytest.mark.parametrize(
    ("faults", "patience"),
    [
        ([lost_request(), lost_answer()], 20),
        ([lost_answer(), lost_request(1000), truncated(100)], 20),
        (
            [
                answers(500, b"<Error/>"),
                answers(503, b"<Error><Code>SlowDown</Code></Error>"),
                answers(502, HTML),
            ],
            20,
        ),
        ([twice(), lost_answer(), twice()], 20),
        # Each of them costs all of the patience; the repeat has to be answered within as much.
        ([stalls()], 3),
    ],
    ids=["reset", "broken", "refused", "doubled", "stalled"],
)
def test_what_the_network_loses_is_sent_again(
    faults: list[object], patience: float, s3: Moto, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Network(s3.port) as network:
        monkeypatch.setenv("AWS_ENDPOINT_URL", network.url)
        shaky = Bucket(bucket.where, patience=patience)
        network.meets(*faults)  # type: ignore[arg-type]
        digest = shaky.put(b"small" * 1000)
        network.meets(*faults)  # type: ignore[arg-type]
        assert shaky.get(digest) == b"small" * 1000
        network.meets(*faults)  # type: ignore[arg-type]
        assert shaky.missing([digest]) == set()
    assert list(bucket.verify()) == []


def test_a_network_that_fails_one_request_in_five_loses_and_changes_nothing(
    s3: Moto, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = [random.Random(n).randbytes(1000 * n) for n in range(60)] + [BIG]
    with Network(s3.port) as network:
        monkeypatch.setenv("AWS_ENDPOINT_URL", network.url)
        shaky = Bucket(bucket.where, patience=20)
        faults = [lost_request(), lost_request(500), lost_answer(), truncated(200), twice(), answers(502)]
        network.decide = gently(faults, every=0.2, seed=3)
        digests = shaky.put_many(contents)
        assert [shaky.get(digest) for digest in digests] == contents
        assert network.connections > 1
    assert list(bucket.verify()) == []
    assert set(bucket.digests()) == set(digests)


def test_an_answer_that_ends_early_is_never_taken_for_the_whole(
    s3: Moto, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = bucket.put(BIG)
    with Network(s3.port) as network:
        monkeypatch.setenv("AWS_ENDPOINT_URL", network.url)
        shaky = Bucket(bucket.where, patience=20)
        network.decide = gently([truncated(1_000_000)], every=0.3, seed=1)
        assert shaky.get(digest) == BIG
        network.decide = lambda what: truncated(10) if what.startswith("GET") else twice()
        with pytest.raises((Unavailable, StoreCorrupt)):
            Bucket(bucket.where, patience=1).get(digest)


def _refusals(bucket: Bucket, kind: type[Exception]) -> list[str]:
    said = []
    for call in (lambda: bucket.put(b"x"), bucket.check, lambda: bucket.get("0" * 64)):
        with pytest.raises(kind) as caught:
            call()
        said.append(f"{caught.value} {vars(caught.value)}")
    return said


def test_each_refusal_says_what_is_wrong_and_no_secret(s3: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    said = _refusals(Bucket("s3://no-such-bucket/x", patience=20), StoreError)
    assert all("There is no bucket at s3://no-such-bucket/x" in text for text in said)
    with Network(s3.port) as network:
        monkeypatch.setenv("AWS_ENDPOINT_URL", network.url)
        key = f"<Error><Code>AccessDenied</Code><AWSAccessKeyId>{CREDENTIALS['AWS_ACCESS_KEY_ID']}</AWSAccessKeyId></Error>"
        network.decide = lambda _: answers(403, key.encode(), kind="application/xml")
        denied = Bucket("s3://bucket-1/x", patience=20)
        said += _refusals(denied, StoreError)
        assert "(AccessDenied)" in said[-1]
        with pytest.raises(StoreReadOnly, match="may not be written"):
            denied.put(b"x")
        network.decide = lambda _: answers(507, b"<Error><Code>XMinioStorageFull</Code></Error>")
        with pytest.raises(StoreFull, match="No space left"):
            denied.put(b"x")
        network.decide = lambda _: answers(200, HTML)
        with pytest.raises(Unavailable):
            denied.check()
        network.down()
        network.cut()
        lost = Bucket("s3://bucket-1/x", patience=1)
        said += _refusals(lost, Unavailable)
        assert "cannot be reached" in said[-1]
    assert not any(secret in text for text in said for secret in list(CREDENTIALS.values())[:2])


def test_a_server_without_conditional_writes_is_written_to_without_them(
    s3: Moto, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Network(s3.port) as network:
        monkeypatch.setenv("AWS_ENDPOINT_URL", network.url)
        network.meets(*[answers(501, b"<Error><Code>NotImplemented</Code></Error>")] * 2)
        plain = Bucket(bucket.where, patience=5)
        digest = plain.put(b"x")
        assert plain.put(b"x") == digest
    assert bucket.get(digest) == b"x"


def test_plain_http_is_for_an_endpoint_that_was_named_only(monkeypatch: pytest.MonkeyPatch, s3: Moto) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_ENDPOINT", s3.url)
    with pytest.raises(StoreError, match="plain http"):
        Bucket("s3://bucket-1/x", patience=1).check()


def test_an_address_is_a_folder_or_a_bucket_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "team")
    for folder in (tmp_path, str(tmp_path), tmp_path.as_uri(), f"file://localhost{tmp_path}"):
        found = open_objects(folder)
        assert isinstance(found, Objects)
        assert found.root == tmp_path
    for bucket in ("s3://b-1", "s3://b-1/deep/prefix/", "gs://b-1/x", "az://container/prefix"):
        assert isinstance(open_objects(bucket), Bucket)
    secret = "s3://AKID:verysecret@bucket/x"
    for wrong in (secret, "s3:///x", "http://h/x", "ftp://h/x", "s3://b/x?token=verysecret", "file://host/x"):
        with pytest.raises(Invalid) as caught:
            open_objects(wrong)
        assert "verysecret" not in f"{caught.value}{caught.value.hint}"


def test_without_the_library_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(UsageError) as caught:
        open_objects("s3://bucket/x")
    assert "autoresearch[s3]" in caught.value.hint


def test_a_listing_says_size_and_time_of_every_blob(bucket: Bucket) -> None:
    before = time.time() - 2
    digests = bucket.put_many([b"%d" % n for n in range(30)])
    listed = list(bucket.listed())
    assert {one.digest: one.size for one in listed} == dict(
        zip(digests, [len(b"%d" % n) for n in range(30)], strict=True)
    )
    now = datetime.datetime.now(datetime.UTC).timestamp() + 2
    assert all(before <= one.used_at <= now for one in listed)
    assert bucket.used_at(digests[0]) == next(one.used_at for one in listed if one.digest == digests[0])


def test_a_source_that_fails_leaves_the_others_whole(blobs: Blobs) -> None:
    def sources() -> Iterator[bytes]:
        yield b"first"
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="broke"):
        blobs.put_many(sources())
    assert list(blobs.verify()) == []
    with pytest.raises(NotFound):
        blobs.put_file(Path("/no/such/file"))
