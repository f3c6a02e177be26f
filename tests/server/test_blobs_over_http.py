"""Blobs over HTTP: as bytes, by digest, to those who sent them."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import msgspec
import pytest

from autoresearch.records.tree import Tree
from tests.serving import Served, key_of

BIG = random.Random(3).randbytes(3 * 1024 * 1024 + 5)
MISSING = "/v1/blobs/missing"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def http(served: Served) -> Iterator[httpx.Client]:
    with served.http() as made:
        yield made


@pytest.fixture
def stranger(served: Served) -> Iterator[httpx.Client]:
    with served.http(key_of(served.state.access, "strangers")) as made:
        yield made


@pytest.mark.parametrize("data", [b"", b"x", BIG], ids=["empty", "small", "large"])
def test_bytes_go_there_and_back(http: httpx.Client, data: bytes) -> None:
    digest = _digest(data)
    assert http.post(MISSING, json={"digests": [digest]}).json() == {"missing": [digest]}
    for _ in range(2):
        answer = http.post("/v1/blobs", content=data, params={"digest": digest})
        assert (answer.status_code, answer.json()) == (200, {"digest": digest, "size": len(data)})
    assert http.post(MISSING, json={"digests": [digest]}).json() == {"missing": []}
    assert http.get(f"/v1/blobs/{digest}").content == data


def test_a_blob_is_never_a_page_and_is_kept_by_caches_for_ever(http: httpx.Client) -> None:
    data = b"<script>alert(document.cookie)</script>"
    http.post("/v1/blobs", content=data, headers={"Content-Type": "text/html"})
    answer = http.get(f"/v1/blobs/{_digest(data)}")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == "attachment"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    tag = answer.headers["ETag"]
    again = http.get(f"/v1/blobs/{_digest(data)}", headers={"If-None-Match": f'"other", W/{tag}'})
    assert (again.status_code, again.content) == (304, b"")
    head = http.head(f"/v1/blobs/{_digest(data)}")
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, str(len(data)), b"")


@pytest.mark.parametrize(
    ("asked", "status", "first", "beyond"),
    [
        ("bytes=0-0", 206, 0, 1),
        ("bytes=5-9", 206, 5, 10),
        ("bytes=1048570-1048580", 206, 1048570, 1048581),
        (f"bytes={len(BIG) - 3}-", 206, len(BIG) - 3, len(BIG)),
        (f"bytes=7-{10**17}", 206, 7, len(BIG)),
        ("bytes=-4", 206, len(BIG) - 4, len(BIG)),
        (f"bytes=-{10**17}", 206, 0, len(BIG)),
        ("bytes=9-5", 200, 0, len(BIG)),
        ("bytes=-", 200, 0, len(BIG)),
        ("bytes=0-1,5-6", 200, 0, len(BIG)),
        ("bytes=a-b", 200, 0, len(BIG)),
        ("pages=1-2", 200, 0, len(BIG)),
    ],
)
def test_a_range_is_answered_with_exactly_its_bytes(
    http: httpx.Client, asked: str, status: int, first: int, beyond: int
) -> None:
    http.post("/v1/blobs", content=BIG)
    answer = http.get(f"/v1/blobs/{_digest(BIG)}", headers={"Range": asked})
    assert answer.status_code == status
    assert answer.content == BIG[first:beyond]
    if status == 206:
        assert answer.headers["Content-Range"] == f"bytes {first}-{beyond - 1}/{len(BIG)}"
    stale = http.get(f"/v1/blobs/{_digest(BIG)}", headers={"Range": asked, "If-Range": '"other"'})
    assert (stale.status_code, len(stale.content)) == (200, len(BIG))


def test_a_range_beyond_the_end_cannot_be_answered(http: httpx.Client) -> None:
    http.post("/v1/blobs", content=b"12345")
    for asked in ("bytes=5-", "bytes=99-100", "bytes=-0"):
        answer = http.get(f"/v1/blobs/{_digest(b'12345')}", headers={"Range": asked})
        assert (answer.status_code, answer.headers["Content-Range"]) == (416, "bytes */5")


def test_other_bytes_than_the_digest_says_are_refused_and_not_stored(
    served: Served, http: httpx.Client
) -> None:
    for data in (b"changed", BIG):
        answer = http.post("/v1/blobs", content=data, params={"digest": _digest(b"original")})
        assert answer.status_code == 422
        assert answer.json()["error"]["details"]["digest"] == _digest(data)
    assert list(served.state.objects.digests()) == []


def test_many_small_ones_go_in_one_request(http: httpx.Client) -> None:
    blobs = [b"", b"a", b"b", b"a", bytes(1000)]
    answer = http.post("/v1/blobs/batch", content=msgspec.msgpack.encode(blobs))
    assert answer.json() == {"blobs": [{"digest": _digest(one), "size": len(one)} for one in blobs]}
    assert http.get(f"/v1/blobs/{_digest(bytes(1000))}").content == bytes(1000)
    for wrong in (
        b"",
        b"\xff",
        msgspec.msgpack.encode(["text"]),
        msgspec.msgpack.encode([b""] * 1001),
        b"\xdd\xff\xff\xff\xff",
    ):
        refused = http.post("/v1/blobs/batch", content=wrong)
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "invalid")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "name", ["..%2f..%2fetc%2fpasswd", "a" * 63, "A" * 64, "0" * 65, "%00", "missing", "uploads"]
)
def test_what_is_no_digest_is_refused(http: httpx.Client, method: str, name: str) -> None:
    assert http.request(method, f"/v1/blobs/{name}").status_code in {404, 422}


def test_a_strangers_digest_is_as_unknown_as_one_that_nobody_has(
    http: httpx.Client, stranger: httpx.Client
) -> None:
    http.post("/v1/blobs", content=BIG)
    nobody = _digest(b"nobody has this")
    asked = [_digest(BIG), nobody]
    assert stranger.post(MISSING, json={"digests": asked}).json() == {"missing": sorted(asked)}
    for headers in ({}, {"Range": "bytes=0-5"}, {"If-None-Match": f'"{_digest(BIG)}"'}):
        said = [stranger.get(f"/v1/blobs/{one}", headers=headers) for one in asked]
        assert [one.status_code for one in said] == [404, 404]
        assert said[0].text.replace(asked[0], "?") == said[1].text.replace(asked[1], "?")
    begun = [
        stranger.post("/v1/blobs/uploads", json={"digest": one, "size": len(BIG)}).json() for one in asked
    ]
    assert [one["received"] for one in begun] == [0, 0]
    assert all(one["id"] for one in begun)


def test_an_upload_of_another_organization_is_not_found(http: httpx.Client, stranger: httpx.Client) -> None:
    begun = http.post("/v1/blobs/uploads", json={"digest": _digest(BIG), "size": len(BIG)}).json()
    place = f"/v1/blobs/uploads/{begun['id']}"
    assert stranger.get(place).status_code == 404
    assert stranger.patch(place, content=b"x", params={"offset": 0}).status_code == 404
    assert stranger.post(f"{place}/finish").status_code == 404
    assert http.get(place).json()["received"] == 0


def test_nothing_is_sent_or_read_without_a_key_or_enough_of_one(served: Served) -> None:
    reader = key_of(served.state.access, "local", "read")
    for key, status in (("", 401), ("ar_wrong", 401), (reader, 403)):
        with served.http(key) as client:
            assert client.post("/v1/blobs", content=b"x").status_code == status
            assert (
                client.post("/v1/blobs/batch", content=msgspec.msgpack.encode([b"x"])).status_code == status
            )
            begun = client.post("/v1/blobs/uploads", json={"digest": _digest(b"x"), "size": 1})
            assert begun.status_code == status
            assert client.post("/v1/files/upload", content=b"x").status_code == status
    assert list(served.state.objects.digests()) == []


def test_more_than_the_limit_is_refused_before_it_is_read(served: Served, http: httpx.Client) -> None:
    served.state.limits = replace(served.state.limits, blob=1000, upload=5000, body=1000)

    def endless() -> Iterator[bytes]:
        for _ in range(100):
            yield bytes(100)

    said = [
        http.post("/v1/blobs", content=bytes(1001)),
        http.post("/v1/blobs", content=endless()),
        http.post("/v1/blobs/batch", content=msgspec.msgpack.encode([bytes(999)])),
        http.post("/v1/files/upload", content=bytes(1001), params={"project": "p", "artifact": "a"}),
        http.post("/v1/blobs/uploads", json={"digest": _digest(b"x"), "size": 5001}),
    ]
    assert [one.status_code for one in said] == [413] * len(said)
    assert {one.json()["error"]["code"] for one in said} == {"too_large"}
    assert http.post("/v1/blobs", content=bytes(1000)).status_code == 200
    compressed = http.post("/v1/blobs", content=b"x", headers={"Content-Encoding": "gzip"})
    assert compressed.status_code == 422


def test_an_upload_goes_on_where_the_server_says(http: httpx.Client) -> None:
    digest = _digest(BIG)
    begun = http.post("/v1/blobs/uploads", json={"digest": digest, "size": len(BIG)}).json()
    place = f"/v1/blobs/uploads/{begun['id']}"

    def send(first: int, beyond: int) -> httpx.Response:
        return http.patch(place, content=BIG[first:beyond], params={"offset": first})

    assert send(0, 1_000_000).json()["received"] == 1_000_000
    for again in (send(0, 1_000_000), send(500_000, 2_000_000), send(1_000_001, 1_000_002)):
        assert again.status_code == 409
        assert again.json()["error"]["details"]["received"] == 1_000_000
    assert http.post(f"{place}/finish").json()["error"]["details"]["received"] == 1_000_000
    assert http.patch(place, content=bytes(len(BIG)), params={"offset": 1_000_000}).status_code == 422
    assert http.patch(place, content=b"", params={"offset": 1_000_000}).status_code == 422
    same = http.post("/v1/blobs/uploads", json={"digest": digest, "size": len(BIG)}).json()
    assert same == {"id": begun["id"], "digest": digest, "size": len(BIG), "received": 1_000_000}
    assert send(1_000_000, len(BIG)).json()["received"] == len(BIG)
    assert http.post(MISSING, json={"digests": [digest]}).json() == {"missing": [digest]}
    assert http.post(f"{place}/finish").json() == {"digest": digest, "size": len(BIG)}
    assert http.post(f"{place}/finish").status_code == 404
    assert http.get(f"/v1/blobs/{digest}").content == BIG
    done = http.post("/v1/blobs/uploads", json={"digest": digest, "size": len(BIG)}).json()
    assert (done["id"], done["received"]) == ("", len(BIG))


def test_an_upload_with_other_bytes_is_refused_and_gone(served: Served, http: httpx.Client) -> None:
    begun = http.post("/v1/blobs/uploads", json={"digest": _digest(b"right"), "size": 5}).json()
    place = f"/v1/blobs/uploads/{begun['id']}"
    http.patch(place, content=b"wrong", params={"offset": 0})
    refused = http.post(f"{place}/finish")
    assert (refused.status_code, refused.json()["error"]["details"]["digest"]) == (422, _digest(b"wrong"))
    assert http.get(place).status_code == 404
    assert http.post(MISSING, json={"digests": [_digest(b"wrong")]}).json()["missing"]
    assert list((Path(served.state.objects.where) / "uploads").iterdir()) == []


def test_parts_that_were_swept_away_are_sent_anew(served: Served, http: httpx.Client) -> None:
    begun = http.post("/v1/blobs/uploads", json={"digest": _digest(b"right"), "size": 5}).json()
    place = f"/v1/blobs/uploads/{begun['id']}"
    http.patch(place, content=b"right", params={"offset": 0})
    for part in (Path(served.state.objects.where) / "uploads").iterdir():
        part.unlink()
    assert http.post(f"{place}/finish").status_code == 404
    again = http.post("/v1/blobs/uploads", json={"digest": _digest(b"right"), "size": 5}).json()
    assert again["received"] == 0


def test_a_damaged_blob_is_an_error_and_never_whole(served: Served, http: httpx.Client) -> None:
    for data in (b"small", BIG):
        digest = http.post("/v1/blobs", content=data).json()["digest"]
        path = Path(served.state.objects.where) / digest[:2] / digest[2:]
        path.chmod(0o644)
        path.write_bytes(data[:-1] + b"?")
        try:
            answer = http.get(f"/v1/blobs/{digest}")
        except httpx.TransportError:
            assert data is BIG
        else:
            assert answer.status_code == 503 or len(answer.content) < len(data)


def test_a_file_is_registered_where_it_lies(http: httpx.Client) -> None:
    post = {
        "project": "char-lm",
        "artifact": "corpus",
        "uri": "s3://data/corpus.txt",
        "digest": _digest(b"corpus"),
        "size": 6,
        "type": "dataset",
        "metadata": {"language": "en"},
    }
    made = http.post("/v1/files", json=post).json()
    assert (made["version"], made["size"], made["files"], made["type"]) == ("v1", 6, 1, "dataset")
    assert made["metadata"] == {"language": "en", "uri": post["uri"], "digest": post["digest"]}
    tree = Tree.parse(http.get(f"/v1/blobs/{made['tree']}").content)
    (entry,) = tree.entries
    assert (entry.path, entry.kind, entry.sha256) == ("corpus.txt", "omitted", post["digest"])
    assert http.post("/v1/files", json=post).json()["version"] == "v1"
    other = http.post("/v1/files", json={**post, "digest": _digest(b"more")}).json()
    assert other["version"] == "v2"
    for hostile in ("../x", "/etc/passwd", ".git/config", "a//b", "", "a\u0000b"):
        assert http.post("/v1/files", json={**post, "path": hostile or "."}).status_code == 422


def test_a_file_is_sent_and_logged_in_one_request(http: httpx.Client, stranger: httpx.Client) -> None:
    wanted = {"project": "char-lm", "artifact": "model", "path": "deep/model.bin", "type": "model"}
    made = http.post("/v1/files/upload", content=BIG, params={**wanted, "digest": _digest(BIG)}).json()
    assert (made["version"], made["size"], made["files"]) == ("v1", len(BIG), 1)
    tree = Tree.parse(http.get(f"/v1/blobs/{made['tree']}").content)
    assert [(entry.path, entry.sha256) for entry in tree.entries] == [("deep/model.bin", _digest(BIG))]
    assert http.get(f"/v1/blobs/{_digest(BIG)}").content == BIG
    assert http.post("/v1/files/upload", content=BIG, params=wanted).json()["version"] == "v1"
    assert http.post("/v1/files/upload", content=b"new", params=wanted).json()["version"] == "v2"
    assert stranger.get(f"/v1/blobs/{made['tree']}").status_code == 404
    wrong = http.post("/v1/files/upload", content=b"x", params={**wanted, "digest": _digest(b"y")})
    assert wrong.status_code == 422
    for hostile in ("../x", "/etc/passwd", ".git/hooks/x", "a/../../b", "a\\u0000"):
        answer = http.post("/v1/files/upload", content=b"x", params={**wanted, "path": hostile})
        assert answer.status_code == 422 or "\\" in hostile
