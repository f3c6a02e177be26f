"""API keys: recognized or not, and nothing in between."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
import sqlalchemy as sa

from autoresearch.errors import Forbidden, Invalid, NotFound, Unauthorized
from autoresearch.ledger.access import tokens
from autoresearch.ledger.access.caller import Caller
from autoresearch.ledger.access.service import Access
from autoresearch.records.access import KeyRequest
from autoresearch.records.experiment import Actor
from autoresearch.research import roles
from autoresearch.store import access_schema as tables
from autoresearch.store import every_table


def make(access: Access, organization: str = "lab", **values: Any) -> Any:
    request = KeyRequest.make(**{"name": "cluster", **values})
    return access.keys.create(access.operator(organization), request)


@pytest.fixture
def lab(access: Access) -> str:
    return access.create_organization("lab").id


def test_a_key_says_whose_it_is_and_what_it_may_do(access: Access, lab: str) -> None:
    made = make(access, scope="write")
    caller = access.authenticate(made.key)
    assert (caller.kind, caller.organization, caller.organization_name) == ("api_key", lab, "lab")
    assert (caller.key_id, caller.actor) == (made.id, Actor(kind="human", name="cluster"))
    assert caller.scopes == {"read", "write"}
    assert made.key.startswith(f"{made.prefix}_")


@pytest.mark.parametrize(
    ("scope", "scopes"),
    [("read", {"read"}), ("write", {"read", "write"}), ("admin", {"read", "write", "admin"})],
)
def test_a_scope_implies_those_before_it(access: Access, lab: str, scope: str, scopes: set[str]) -> None:
    caller = access.authenticate(make(access, scope=scope).key)
    assert caller.scopes == scopes
    assert caller.may("write") == ("write" in scopes)
    assert caller.may("keys") == ("admin" in scopes)


def test_the_store_holds_a_digest_and_not_the_key(access: Access, lab: str) -> None:
    made = make(access)
    with access.read() as work:
        stored = "".join(
            str(work.connection.execute(sa.select(table)).all())
            for table in every_table.metadata.sorted_tables
        )
    assert made.key.rpartition("_")[2] not in stored
    assert hashlib.sha256(made.key.encode()).hexdigest() in stored


def altered(key: str) -> list[str]:
    other = "a" if key[-1] != "a" else "b"
    prefix, _, secret = key.rpartition("_")
    return [
        "",
        key[:-1],
        key[:-1] + other,
        key + "a",
        key.upper(),
        f" {key}",
        f"{key}\n",
        f"{key}\0",
        prefix,
        f"ar_aaaaaaaa_{secret}",
        key.replace("ar_", "ari_"),
        key.replace("ar_", "ars_"),
        f"{prefix}_{'a' * 32}",
        f"{prefix}_{'a' * 56}",
        key.replace(key[-1], "\uff41"),
        "x" * 1_000_000,
        "' OR 1=1 --",
    ]


def test_an_altered_key_is_refused_with_one_text(access: Access, lab: str) -> None:
    key = make(access).key
    said = set()
    for text in altered(key):
        with pytest.raises(Unauthorized) as caught:
            access.authenticate(text)
        said.add((caught.value.message, caught.value.hint, str(caught.value.details)))
        assert key not in str(caught.value.envelope())
    assert len(said) == 1


def test_an_expired_a_revoked_and_an_unknown_key_are_refused_alike(
    access: Access, lab: str, clock: Any
) -> None:
    short, gone = make(access, expires_in=60), make(access)
    assert access.authenticate(short.key)
    clock.forward(seconds=60)
    access.keys.revoke(access.operator("lab"), gone.id)
    unknown = tokens.make("ar").text
    said = set()
    for key in (short.key, gone.key, unknown):
        with pytest.raises(Unauthorized) as caught:
            access.authenticate(key)
        said.add(str(caught.value.envelope()))
    assert len(said) == 1


def test_revoking_twice_changes_nothing_and_the_key_stays_listed(
    access: Access, lab: str, clock: Any
) -> None:
    made = make(access)
    operator = access.operator("lab")
    first = access.keys.revoke(operator, made.id)
    clock.forward(hours=1)
    assert access.keys.revoke(operator, made.id) == first
    assert [(key.id, key.state) for key in access.keys.list(operator).items] == [(made.id, "revoked")]


def test_the_use_of_a_key_is_written_once_a_minute(access: Access, lab: str, clock: Any) -> None:
    made, begun = make(access), clock.now
    written = []
    for seconds in (0, 10, 40, 20, 70):
        clock.forward(seconds=seconds)
        access.authenticate(made.key)
        (key,) = access.keys.list(access.operator("lab")).items
        assert key.used_at is not None
        written.append((key.used_at - begun).total_seconds())
    assert written == [0, 0, 0, 70, 140]


def test_a_key_of_another_organization_is_not_there(access: Access, lab: str) -> None:
    access.create_organization("rivals")
    mine, theirs = make(access), make(access, "rivals")
    assert [key.id for key in access.keys.list(access.operator("lab")).items] == [mine.id]
    with pytest.raises(NotFound) as caught:
        access.keys.revoke(access.operator("lab"), theirs.id)
    with pytest.raises(NotFound) as unknown:
        access.keys.revoke(access.operator("lab"), "0" * 36)
    assert caught.value.envelope() == unknown.value.envelope()
    assert access.authenticate(theirs.key).organization_name == "rivals"


def test_a_key_makes_other_keys_only_with_the_scope_admin(access: Access, lab: str) -> None:
    writer = access.authenticate(make(access, scope="write").key)
    admin = access.authenticate(make(access, scope="admin").key)
    with pytest.raises(Forbidden, match="does not allow"):
        access.keys.create(writer, KeyRequest.make(name="more", scope="read"))
    made = access.keys.create(admin, KeyRequest.make(name="more", scope="admin"))
    assert access.authenticate(made.key).actor.name == "more"


@pytest.mark.parametrize(
    "values",
    [{"name": ""}, {"name": "a\nb"}, {"name": "x" * 101}, {"scope": "all"}, {"expires_in": 0}, {"id": "x"}],
)
def test_a_request_for_a_key_that_makes_no_sense_is_refused(
    access: Access, lab: str, values: dict[str, Any]
) -> None:
    with pytest.raises(Invalid):
        make(access, **values)


def test_whatever_the_table_of_roles_does_not_name_is_refused() -> None:
    for role in (*roles.MAY, None, "", "root", "OWNER"):
        for action in ("", "delete", "Read", "admin"):
            assert not roles.may(role, action)
    assert {role for role in roles.MAY if roles.may(role, "people")} == {"owner", "admin"}
    nobody = Caller(kind="api_key", organization="o", organization_name="o", actor=Actor())
    assert not nobody.may("read")


def test_an_ingestion_key_appends_to_its_own_run_and_does_nothing_else() -> None:
    caller = Caller(
        kind="ingestion_key", organization="o", organization_name="o", actor=Actor(), run_id="r", role="owner"
    )
    assert caller.may("ingest", run="r")
    for action in ("read", "write", "own keys", "keys", "people", "audit"):
        assert not caller.may(action, run="r")
    with pytest.raises(NotFound, match="no run"):
        caller.require("ingest", run="other")
    with pytest.raises(Forbidden):
        caller.require("read", run="r")


def test_the_first_organization_holds_what_was_recorded_before(access: Access) -> None:
    first, second = access.create_organization("lab"), access.create_organization("rivals")
    assert first.id == "local"
    assert second.id not in {"local", "lab", "rivals"}


def test_who_did_what_to_keys_is_remembered(access: Access, lab: str) -> None:
    made = make(access)
    access.keys.revoke(access.operator("lab"), made.id)
    with access.read() as work:
        log = work.all(tables.audit, order="id", organization=lab)
    assert [(row["kind"], row["subject"]) for row in log] == [
        ("organization.created", lab),
        ("key.created", made.id),
        ("key.revoked", made.id),
    ]
    assert made.key not in str(log)
