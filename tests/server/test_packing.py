"""Large answers of JSON are packed for whoever takes that, and are the same."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from autoresearch.ledger.local.ledger import LocalLedger
from tests.serving import in_process
from tests.web import seeding


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with in_process(tmp_path_factory.mktemp("served")) as served:
        seeding.seeded(LocalLedger(served.state.database, served.state.objects), 120)
        yield served.http()


def _asked(http: httpx.Client, accepted: str, path: str = "/v1/projects/char-lm/progress") -> httpx.Response:
    answer = http.get(path, headers={"Accept-Encoding": accepted})
    assert answer.status_code == 200
    return answer


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [("gzip, deflate, br, zstd", "zstd"), ("GZIP;q=0.8", "gzip"), ("zstd;q=0, gzip", "gzip")],
)
def test_a_large_answer_is_packed_as_the_caller_takes_it_and_is_the_same(
    http: httpx.Client, accepted: str, coding: str
) -> None:
    plain, packed = _asked(http, "identity"), _asked(http, accepted)
    assert packed.headers["content-encoding"] == coding
    assert int(packed.headers["content-length"]) * 2 < int(plain.headers["content-length"])
    assert packed.headers["vary"] == "Accept-Encoding"
    assert json.loads(packed.content) == plain.json()


@pytest.mark.parametrize("accepted", ["identity", "br", "gzip;q=0", ""])
def test_whoever_takes_none_of_it_gets_the_answer_as_it_is(http: httpx.Client, accepted: str) -> None:
    assert "content-encoding" not in _asked(http, accepted).headers


def test_small_answers_in_which_a_new_secret_may_stand_are_never_packed(http: httpx.Client) -> None:
    assert "content-encoding" not in _asked(http, "gzip, zstd", "/v1/projects").headers
    made = http.post("/v1/keys", json={"name": "k", "scope": "read"}, headers={"Accept-Encoding": "gzip"})
    assert made.status_code in {200, 201}
    assert "content-encoding" not in made.headers
