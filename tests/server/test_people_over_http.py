"""People sign in, invite, and make keys over HTTP; and what pages of others try in their name."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from autoresearch.client.errors import RequestError
from autoresearch.ledger.access.passwords import Passwords
from autoresearch.records.access import IngestionKeyRequest, KeyRequest
from autoresearch.records.base import utc_now
from tests.server.browsers import GOOD, Browser, person
from tests.serving import Served

BETTER = "nine quiet lamps above"
ADA, GRACE = "ada@example.org", "grace@example.org"


@pytest.fixture(autouse=True)
def _quick(served: Served) -> None:
    served.state.access.passwords = Passwords(memory_kib=8, passes=1)


@pytest.fixture
def ada(served: Served) -> Iterator[Browser]:
    browser = person(served, ADA, "local")
    yield browser
    browser.http.close()


def cookies_of(answer: httpx.Response) -> dict[str, str]:
    """The cookies of an answer: name to everything that is said of it."""
    lines = answer.headers.get_list("set-cookie")
    return {line.partition("=")[0]: line for line in lines}


def test_the_first_account_is_made_over_http_with_the_token_of_the_first_start(served: Served) -> None:
    browser, token = Browser(served), served.state.access.setup_token()
    body = {"token": token, "email": ADA, "password": GOOD, "organization": "lab"}
    made = browser.send("POST", "/v1/auth/set-up", body)
    assert made.status_code == 200, made.text
    assert made.json()["user"]["email"] == ADA
    assert browser.send("GET", "/v1/members").json()["items"][0]["role"] == "owner"
    assert Browser(served).send("POST", "/v1/auth/set-up", body).status_code == 401


def test_cookies_are_for_this_server_alone_and_no_script_reads_them(served: Served, ada: Browser) -> None:
    plain = cookies_of(ada.sign_in(ADA))
    assert set(plain) == {"autoresearch-session"}
    assert "HttpOnly" in plain["autoresearch-session"]
    assert "SameSite=lax" in plain["autoresearch-session"]
    behind_tls = Browser(served, origin="https://server.test")
    given = cookies_of(behind_tls.sign_in(ADA))
    assert set(given) == {"__Host-autoresearch-session", "__Host-autoresearch-device"}
    for line in given.values():
        assert {"Secure", "HttpOnly", "Path=/"} <= set(line.split("; "))
        assert "Domain" not in line
    assert behind_tls.send("GET", "/v1/auth/status").status_code == 200


def test_a_cookie_that_a_neighbour_could_have_planted_is_not_looked_at_behind_tls(
    served: Served, ada: Browser
) -> None:
    session = ada.http.cookies["autoresearch-session"]
    answer = httpx.Client(
        base_url="https://server.test", transport=served.transport, cookies={"autoresearch-session": session}
    ).get("/v1/auth/status")
    assert answer.status_code == 401


def test_a_header_that_claims_tls_is_not_believed(served: Served) -> None:
    browser = person(served, ADA, "local")
    answer = browser.send(
        "POST", "/v1/auth/sign-in", {"email": ADA, "password": GOOD}, X_Forwarded_Proto="https"
    )
    assert "Secure" not in str(cookies_of(answer))


def test_a_planted_session_is_never_the_one_that_a_person_signs_in_to(served: Served, ada: Browser) -> None:
    served.state.access.create_user("eve@example.org", GOOD, "rivals")
    victim = Browser(served)
    planted = ada.http.cookies["autoresearch-session"]
    victim.http.cookies.set("autoresearch-session", planted, domain="server.test")
    victim.sign_in("eve@example.org")
    assert planted not in str(victim.http.cookies)
    assert ada.send("GET", "/v1/auth/status").status_code == 401


STRANGERS: list[dict[str, Any]] = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://server.test.evil.example"},
    {"Origin": "http://server.test:81"},
    {"Origin": "https://server.test"},
    {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site"},
    {"Sec_Fetch_Site": "none"},
    {"Origin": ""},
    {"X_CSRF_Token": ""},
    {"X_CSRF_Token": "0" * 64},
    {"X_CSRF_Token": b"\xe9"},
]
CHANGES: list[tuple[str, str, Any]] = [
    ("POST", "/v1/keys", {"name": "stolen"}),
    ("POST", "/v1/auth/sign-out", None),
    ("DELETE", "/v1/auth/sessions", None),
    ("POST", "/v1/organizations", {"name": "x"}),
    ("POST", "/v1/invitations", {"email": "eve@example.org", "role": "owner"}),
    ("POST", "/v1/projects", {"name": "p", "objective_metric": "loss"}),
    ("POST", "/v1/blobs/missing", {"digests": []}),
]


@pytest.mark.parametrize("said", STRANGERS, ids=str)
def test_a_page_of_a_stranger_changes_nothing_with_a_persons_cookies(
    served: Served, ada: Browser, said: dict[str, Any]
) -> None:
    for method, path, body in CHANGES:
        answer = ada.send(method, path, body, **said)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden"), path
    assert ada.send("GET", "/v1/auth/status").status_code == 200
    assert [key["name"] for key in ada.send("GET", "/v1/keys").json()["items"]] == ["ada"]


def test_the_token_of_another_session_does_not_help(served: Served, ada: Browser) -> None:
    eve = person(served, "eve@example.org", "rivals")
    said = ada.send("POST", "/v1/keys", {"name": "x"}, X_CSRF_Token=eve.csrf)
    assert said.status_code == 403
    assert ada.send("POST", "/v1/keys", {"name": "x"}, Sec_Fetch_Site="same-origin").status_code == 200


@pytest.mark.parametrize(
    "said", [STRANGERS[0], {"Content_Type": "text/plain"}, {"Sec_Fetch_Site": "cross-site"}]
)
def test_nobody_is_signed_in_by_a_page_of_a_stranger(
    served: Served, ada: Browser, said: dict[str, Any]
) -> None:
    victim = Browser(served)
    answer = victim.send("POST", "/v1/auth/sign-in", {"email": ADA, "password": GOOD}, **said)
    assert answer.status_code in {403, 422}
    assert "set-cookie" not in answer.headers


def test_a_page_of_a_stranger_may_not_read_anything(served: Served, ada: Browser) -> None:
    for method in ("GET", "OPTIONS", "HEAD"):
        answer = ada.send(method, "/v1/auth/status", Origin="https://evil.example")
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_key_in_the_header_counts_alone(served: Served, ada: Browser) -> None:
    wrong = ada.send("GET", "/v1/auth/status", Authorization="Bearer ar_aaaaaaaa_" + "a" * 32)
    assert wrong.status_code == 401
    right = ada.send("GET", "/v1/auth/status", Authorization=f"Bearer {served.key}")
    assert right.json()["kind"] == "api_key"
    two = served.http("").get(
        "/v1/auth/status",
        headers=[("Authorization", f"Bearer {served.key}"), ("Authorization", f"Bearer {served.key}")],
    )
    assert two.status_code == 401


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic {key}", "{key}", "Bearer {key} {key}", "Bearer\t{key}x", "Token {key}"],
)
def test_every_header_that_holds_no_valid_key_is_refused_alike(served: Served, header: str) -> None:
    sent = {"Authorization": header.format(key=served.key)} if header else {}
    answer = served.http("").get("/v1/auth/status", headers=sent)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json() == served.http("").get("/v1/projects").json()


@pytest.mark.parametrize(
    "where",
    [
        "/v1/projects?key={key}",
        "/v1/projects?api_key=x",
        "/v1/projects?TOKEN=x",
        "/v1/projects?limit={key}",
        "/v1/projects?x=%61r_{rest}",
        "/v1/projects?a=1;token=x",
        "/v1/keys/{key}",
        "/v1/no-such-path/{key}",
    ],
)
def test_a_key_in_the_url_is_refused_and_not_logged(served: Served, where: str, caplog: Any) -> None:
    path = where.format(key=served.key, rest=served.key[3:])
    with caplog.at_level(logging.DEBUG):
        answer = served.http().get(path)
    assert answer.status_code == 422
    assert served.key[12:] not in answer.text
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("autoresearch")]
    assert ours
    assert served.key[12:] not in str(ours)


def test_no_password_and_no_token_is_logged_or_repeated(served: Served, ada: Browser, caplog: Any) -> None:
    secret = "x7fj2kqp93mz-secret"
    with caplog.at_level(logging.DEBUG):
        answers = [
            ada.send("POST", "/v1/auth/sign-in", {"email": ADA, "password": secret}),
            ada.send("POST", "/v1/auth/sign-in", {"email": ADA, "password": [secret]}),
            ada.send("POST", "/v1/auth/sign-in", {"email": ADA, "password": secret * 999}),
            ada.send("POST", "/v1/auth/sign-up", {"token": secret * 99, "password": secret}),
            ada.send("POST", "/v1/auth/password", {"old": secret, "new": secret, "more": secret}),
            ada.send("POST", "/v1/auth/password", {"old": GOOD, "new": f"ada {secret}"}),
        ]
    assert [answer.status_code for answer in answers] == [401, 422, 422, 422, 422, 422]
    assert secret not in str([answer.text for answer in answers])
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("autoresearch")]
    assert secret not in str(ours)
    assert GOOD not in str(ours)


def test_an_unknown_address_and_a_wrong_password_give_the_same_answer(served: Served, ada: Browser) -> None:
    answers = [
        Browser(served).sign_in(email, "wrong horse entirely") for email in (ADA, "x@y.example", "none")
    ]
    first = answers[0]
    assert first.status_code == 401
    for answer in answers[1:]:
        assert answer.content == first.content
        assert {*answer.headers} == {*first.headers}


def test_guessing_is_slowed_down_with_a_time_to_come_again(
    served: Served, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = utc_now()  # all of them come within a second, however long it takes to send them
    monkeypatch.setattr(served.state.access, "clock", lambda: now)
    answers = [Browser(served).sign_in(ADA, "wrong horse entirely") for _ in range(8)]
    assert [answer.status_code for answer in answers] == [401] * 6 + [429] * 2
    assert int(answers[-1].headers["retry-after"]) >= 1
    again = Browser(served)
    for name, value in ada.http.cookies.items():
        again.http.cookies.set(name, value, domain="server.test")
    assert again.sign_in(ADA).status_code == 200


def test_somebody_is_invited_changes_their_password_and_leaves(served: Served, ada: Browser) -> None:
    token = ada.send("POST", "/v1/invitations", {"email": GRACE, "role": "viewer"}).json()["token"]
    grace = Browser(served)
    joined = grace.send("POST", "/v1/auth/sign-up", {"token": token, "password": BETTER, "name": "Grace"})
    assert joined.json()["organization"]["role"] == "viewer"
    assert grace.send("POST", "/v1/projects", {"name": "p", "objective_metric": "loss"}).status_code == 403
    other = Browser(served)
    other.sign_in(GRACE, BETTER)
    changed = grace.send("POST", "/v1/auth/password", {"old": BETTER, "new": "seven slow trains east"})
    assert changed.status_code == 200
    assert other.send("GET", "/v1/auth/session").status_code == 401
    me = grace.send("GET", "/v1/auth/session").json()["user"]["id"]
    assert ada.send("PATCH", f"/v1/members/{me}", {"role": "member"}).json()["role"] == "member"
    assert grace.send("POST", "/v1/projects", {"name": "p", "objective_metric": "loss"}).status_code == 200
    link = ada.send("POST", f"/v1/members/{me}/reset-link").json()["token"]
    reset = Browser(served)
    assert (
        reset.send("POST", "/v1/auth/password/reset", {"token": link, "password": BETTER}).status_code == 200
    )
    assert grace.send("GET", "/v1/auth/session").status_code == 401
    assert reset.send("DELETE", f"/v1/members/{me}").status_code == 204
    assert reset.send("GET", "/v1/projects").status_code == 403
    assert reset.send("GET", "/v1/organizations").json()["items"] == []
    assert reset.send("POST", "/v1/organizations", {"name": "own"}).status_code == 200
    assert reset.send("GET", "/v1/projects").json()["items"] == []
    assert reset.send("POST", "/v1/auth/sign-out").status_code == 204
    assert reset.send("GET", "/v1/auth/session").status_code == 401
    kinds = [entry["kind"] for entry in ada.send("GET", "/v1/audit").json()["items"]]
    assert kinds[-6:] == [
        "invitation.created",
        "member.joined",
        "invitation.accepted",
        "role.changed",
        "reset.created",
        "member.left",
    ]


def test_a_session_moves_between_organizations_and_sees_one_at_a_time(served: Served, ada: Browser) -> None:
    ada.send("POST", "/v1/projects", {"name": "first", "objective_metric": "loss"})
    made = ada.send("POST", "/v1/organizations", {"name": "second"}).json()
    before = ada.http.cookies["autoresearch-session"]
    assert ada.send("POST", f"/v1/organizations/{made['id']}/activate").status_code == 200
    assert ada.http.cookies["autoresearch-session"] != before
    assert ada.send("GET", "/v1/projects").json()["items"] == []
    names = {one["name"]: one["active"] for one in ada.send("GET", "/v1/organizations").json()["items"]}
    assert names == {"local": False, "second": True}


def test_the_typed_client_makes_lists_and_revokes_keys(served: Served) -> None:
    with served.client() as client:
        made = client.create_key(KeyRequest.make(name="ci", scope="read", expires_in=3600))
        assert {key.name for key in client.list_keys().items} == {"ada", "ci"}
        with served.client(made.key) as reader:
            status = reader.auth_status()
            assert (status.kind, status.organization_id, status.scopes) == ("api_key", "local", ("read",))
            assert status.key is not None
            assert status.key.id == made.id
            with pytest.raises(RequestError, match="does not allow"):
                reader.list_keys()
            assert client.revoke_key(made.id).state == "revoked"
            with pytest.raises(RequestError) as caught:
                reader.auth_status()
        assert caught.value.status == 401


def test_an_ingestion_key_is_made_for_a_run_and_opens_nothing_else(served: Served) -> None:
    with served.client() as client:
        run = client.create_run(_run_request())
        made = client.create_ingestion_key(run.id, IngestionKeyRequest.make())
        with served.client(made.key, tries=1) as ingesting:
            status = ingesting.auth_status()
            assert (status.kind, status.run_id, status.scopes) == ("ingestion_key", run.id, ())
            for call in (ingesting.list_keys, ingesting.list_projects, lambda: ingesting.get_run(run.id)):
                with pytest.raises(RequestError) as caught:
                    call()
                assert caught.value.status == 403
        gone = client.revoke_ingestion_key(run.id, made.ingestion_key.id)
        assert gone.state == "revoked"
        assert [key.state for key in client.list_ingestion_keys(run.id).items] == ["revoked"]
        with pytest.raises(RequestError) as missing:
            client.create_ingestion_key("0" * 36, IngestionKeyRequest.make())
        assert missing.value.status == 404


def _run_request() -> Any:
    from autoresearch.records.ids import new_id
    from autoresearch.records.run import RunRequest

    return RunRequest.make(id=new_id(), project="p")


def test_a_line_break_in_what_a_browser_says_adds_no_header(served: Served) -> None:
    browser = person(served, ADA, "local")
    body = {"email": ADA, "password": GOOD, "name": "x\r\nSet-Cookie: a=b"}
    answer = browser.send("POST", "/v1/auth/sign-in", body)
    assert answer.status_code == 422
    assert "set-cookie" not in answer.headers
    named = browser.send("POST", "/v1/organizations", {"name": "x\r\nSet-Cookie: a=b"})
    assert named.status_code == 422
