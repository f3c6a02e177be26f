"""The same key and body answers what the first answered."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from autoresearch.ledger.local.research import LocalResearch
from tests.serving import Served, key_of

PATH = "/v1/sessions"


def post(
    served: Served, key: str, body: dict[str, Any], *, path: str = PATH, token: str | None = None
) -> Any:
    with served.http(token) as http:
        return http.post(path, json=body, headers={"Idempotency-Key": key})


def test_a_repeated_request_is_answered_as_the_first_was_and_done_once(served: Served) -> None:
    first = post(served, "k", {"project": "p", "tag": "t"})
    again = post(served, "k", {"project": "p", "tag": "t"})
    other = post(served, "other", {"project": "p", "tag": "t"})
    assert first.status_code == again.status_code == 200
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    assert other.json()["id"] != first.json()["id"]
    with served.http() as http:
        assert len(http.get("/v1/projects/p/sessions").json()["items"]) == 2


def test_the_same_key_with_another_body_or_query_is_a_conflict(served: Served) -> None:
    post(served, "k", {"project": "p", "tag": "t"})
    answer = post(served, "k", {"project": "p", "tag": "u"})
    assert answer.status_code == 409
    assert "another request" in answer.json()["error"]["message"]


def test_a_key_belongs_to_its_caller_and_its_path(served: Served) -> None:
    first = post(served, "k", {"project": "p", "tag": "t"})
    mine = post(served, "k", {"project": "p", "text": "x"}, path="/v1/notes")
    other = post(served, "k", {"project": "p", "tag": "t"}, token=key_of(served.state.access, "local"))
    theirs = post(served, "k", {"project": "p", "tag": "t"}, token=key_of(served.state.access, "theirs"))
    assert mine.status_code == other.status_code == theirs.status_code == 200
    assert len({answer.json()["id"] for answer in (first, other, theirs)}) == 3


def test_a_refusal_is_repeated_and_a_failure_is_not(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = "0" * 8 + "-0000-7000-8000-" + "0" * 12
    path = f"/v1/sessions/{missing}/close"
    assert post(served, "k", {}, path=path).status_code == 404
    assert post(served, "k", {}, path=path).headers["idempotency-replayed"] == "true"

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(LocalResearch, "open_session", broken)
        assert post(served, "f", {"project": "p", "tag": "t"}).status_code == 500
    assert post(served, "f", {"project": "p", "tag": "t"}).status_code == 200


def test_a_second_request_while_the_first_is_at_work_is_told_so(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    real = LocalResearch.open_session

    def slow(self: LocalResearch, request: Any) -> Any:
        begun.set()
        assert go_on.wait(30)
        return real(self, request)

    monkeypatch.setattr(LocalResearch, "open_session", slow)
    answers: list[Any] = []
    first = threading.Thread(target=lambda: answers.append(post(served, "k", {"project": "p", "tag": "t"})))
    first.start()
    assert begun.wait(30)
    second = post(served, "k", {"project": "p", "tag": "t"})
    go_on.set()
    first.join(30)
    assert second.status_code == 409
    assert second.json()["error"]["details"]["reason"] == "idempotency_key_in_progress"
    assert post(served, "k", {"project": "p", "tag": "t"}).content == answers[0].content


@pytest.mark.parametrize("key", ["", "x" * 201, "a\tb"])
def test_a_key_that_is_none_is_refused(served: Served, key: str) -> None:
    assert post(served, key, {"project": "p", "tag": "t"}).status_code == 422
