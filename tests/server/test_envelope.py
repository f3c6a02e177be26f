"""Every failure has one form, whoever noticed it."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest

from autoresearch.protocol.operations import OPERATIONS
from autoresearch.protocol.rows import Operation
from autoresearch.records.ids import new_id
from tests.serving import Served

GUARDED = [row for row in OPERATIONS.values() if row.scope is not None]
# What is taken in more forms than JSON is tested where it is read.
WITH_BODY = [row for row in GUARDED if row.body is not None and not row.in_query and not row.takes]


def path_of(row: Operation) -> str:
    kinds = {"move": "close"}
    return re.sub(r"\{(\w+)(:path)?\}", lambda found: kinds.get(found[1], new_id()), row.path)


def refusal(answer: httpx.Response) -> dict[str, Any]:
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "hint", "details"}
    assert re.fullmatch(r"\S.*[.?!]", body["error"]["message"], re.DOTALL), body
    found: dict[str, Any] = body["error"]
    return found


@pytest.mark.parametrize("key", ["", "ar_abcdefgh_0123456789abcdefghijklmnopqrstuv", "nonsense"])
def test_every_path_refuses_whoever_has_no_key_in_the_same_words(served: Served, key: str) -> None:
    said = set()
    with served.http(key) as http:
        for row in GUARDED:
            answer = http.request(row.method, path_of(row))
            assert answer.status_code == 401, row.name
            assert answer.headers["www-authenticate"] == "Bearer"
            said.add(refusal(answer)["message"])
    assert len(said) == 1


@pytest.mark.parametrize(
    "header", ["Basic YWRhOmFkYQ==", "Bearer", "Bearer ", "bearer\t", "Token x", "Bearer a b", "Bearer é"]
)
def test_a_header_that_is_no_key_is_refused(served: Served, header: str) -> None:
    with served.http("") as http:
        answer = http.get("/v1/projects", headers=[(b"Authorization", header.encode())])
    assert answer.status_code == 401
    refusal(answer)


@pytest.mark.parametrize("row", WITH_BODY, ids=lambda row: row.name)
@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"\xff", b"[" * 100_000, b'{"no_such_field": 1}', b"NaN", b'{"a": NaN}']
)
def test_a_body_that_is_none_is_refused_with_a_sentence(served: Served, row: Operation, body: bytes) -> None:
    with served.http() as http:
        answer = http.request(
            row.method, path_of(row), content=body, headers={"Content-Type": "application/json"}
        )
    assert answer.status_code == 422
    refusal(answer)


def test_unknown_paths_methods_and_parameters_have_the_envelope(served: Served) -> None:
    with served.http() as http:
        assert refusal(http.get("/no/such/path"))["code"] == "not_found"
        wrong = http.put("/health")
        assert (wrong.status_code, set(wrong.headers["allow"].split(", "))) == (405, {"GET", "HEAD"})
        refusal(wrong)
        unknown = http.get("/v1/projects", params={"limt": "3"})
        assert unknown.status_code == 422
        assert "limit" in refusal(unknown)["hint"]
        assert (
            refusal(http.get("/v1/projects", params={"limit": "many"}))["details"]["fields"][0]["field"]
            == "limit"
        )
        assert refusal(http.get("/v1/projects", params={"limit": "0"}))["code"] == "invalid"


def test_an_error_that_nobody_thought_of_keeps_its_traceback_to_itself(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the secret of the machine")

    monkeypatch.setattr("autoresearch.ledger.local.research.LocalResearch.projects", broken)
    with served.http() as http:
        answer = http.get("/v1/projects")
    assert answer.status_code == 500
    assert refusal(answer)["code"] == "error"
    assert "secret" not in answer.text
    assert "the secret of the machine" in caplog.text


@pytest.mark.parametrize("name", ["key", "api_key", "token", "access_token", "password", "API_KEY", "Token"])
def test_a_key_in_a_url_is_refused_and_never_logged(
    served: Served, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with served.http() as http:
        answer = http.get("/v1/projects", params={name: served.key})
    assert answer.status_code == 422
    assert "URL" in refusal(answer)["message"]
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("autoresearch")]
    assert ours
    assert not any(served.key in said for said in ours)


def test_a_key_under_any_other_name_in_a_url_is_refused_too(served: Served) -> None:
    with served.http() as http:
        assert http.get("/v1/projects", params={"x": served.key}).status_code == 422


def test_a_stranger_s_page_gets_no_leave_to_read(served: Served) -> None:
    with served.http() as http:
        asked = http.options(
            "/v1/projects",
            headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"},
        )
        read = http.get("/v1/projects", headers={"Origin": "https://evil.example"})
    for answer in (asked, read):
        assert not [name for name in answer.headers if name.startswith("access-control")]
    assert read.headers["x-content-type-options"] == "nosniff"
    assert read.headers["cache-control"] == "no-store"


def test_a_body_over_the_limit_is_refused(served: Served) -> None:
    with served.http() as http:
        answer = http.post("/v1/notes", content=b" " * (served.state.limits.body + 1))
    assert answer.status_code == 413
    assert refusal(answer)["code"] == "too_large"


def test_hostile_text_comes_back_as_text(served: Served) -> None:
    hostile = "<script>alert(1)</script>{{7*7}}'; DROP TABLE experiments; --\r\nX-Injected: 1"
    with served.http() as http:
        made = http.post("/v1/notes", json={"project": "char-lm", "text": hostile})
        assert made.status_code == 200, made.text
        notes = http.get("/v1/projects/char-lm/notes")
    assert json.loads(notes.content)["items"][0]["text"] == hostile
    assert notes.headers["content-type"] == "application/json"
    assert "x-injected" not in notes.headers


def test_a_false_host_is_not_repeated_anywhere(served: Served) -> None:
    with served.http() as http:
        for row in OPERATIONS.values():
            if row.method == "GET" and row.media != "text/event-stream":
                answer = http.get(path_of(row), headers={"Host": "evil.example"})
                assert "evil.example" not in answer.text + str(answer.headers), row.name
        invited = http.post(
            "/v1/invitations",
            json={"email": "eve@example.org", "role": "viewer"},
            headers={"Host": "evil.example"},
        )
    assert "evil.example" not in invited.text
