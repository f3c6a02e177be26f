"""The first account and the first key of a store, from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from autoresearch.errors import Unauthorized
from autoresearch.ledger.access.service import Access
from autoresearch.ledger.access.signing import Visitor
from autoresearch.records.access import PasswordReset, SignUp
from autoresearch.store.sqlite import Database

GOOD = b"violet otter plays chess\n"
ACCOUNT = ("admin", "create-user", "--email", "Ada@Example.org", "--organization", "lab", "--password-stdin")


@pytest.fixture
def access(home: Path) -> Any:
    database = Database(home / ".autoresearch" / "ledger.sqlite")
    yield Access(database)
    database.close()


def test_an_account_and_a_key_are_made_with_two_commands(cli: Any, access: Access) -> None:
    made = cli(*ACCOUNT, "--json", stdin=GOOD)
    assert made.code == 0, made.err
    assert made.json["user"]["email"] == "ada@example.org"
    assert made.json["organization"] == {"id": "local", "name": "lab"}
    key = cli("keys", "create", "--organization", "lab", "--name", "N", "--scope", "write", "--json").json
    assert {"id", "key", "prefix"} <= set(key)
    caller = access.authenticate(key["key"])
    assert (caller.organization, caller.key_id) == ("local", key["id"])
    assert caller.scopes == {"read", "write"}


def test_a_revoked_key_opens_nothing_any_more(cli: Any, access: Access) -> None:
    cli(*ACCOUNT, stdin=GOOD)
    key = cli("keys", "create", "--organization", "lab", "--name", "N", "-q").out.strip()
    assert access.authenticate(key)
    listed = cli("keys", "--organization", "lab")
    assert "N" in listed.out
    assert key not in listed.out
    for name in (key[:11], key[:11]):
        assert (
            cli("keys", "revoke", name, "--organization", "lab", "--json").json["key"]["state"] == "revoked"
        )
    with pytest.raises(Unauthorized):
        access.authenticate(key)


def test_a_key_ends_when_it_was_said_to(cli: Any) -> None:
    cli(*ACCOUNT, stdin=GOOD)
    made = cli("keys", "create", "--organization", "lab", "--name", "N", "--expires", "90d", "--json").json
    assert made["expires_at"]
    for bad in ("90", "d", "-1d", "9e9d", "1y", "9999999999d"):
        said = cli("keys", "create", "--organization", "lab", "--name", "N", f"--expires={bad}", "--json")
        assert (said.code, said.error["code"]) == (2, "usage")


def test_a_password_is_never_shown_nor_taken_from_nobody(cli: Any) -> None:
    weak = cli(*ACCOUNT, "--json", stdin=b"qwertyuiop12\n")
    assert (weak.code, weak.error["code"]) == (2, "invalid")
    assert "qwertyuiop12" not in weak.err
    long = cli(*ACCOUNT, "--json", stdin=b"x7fj2kqp93mz" * 400)
    assert long.code == 2
    assert "x7fj2kqp93mz" not in long.err
    nobody = cli(*ACCOUNT[:-1], "--json")
    assert "--password-stdin" in nobody.error["hint"]


def test_a_second_account_with_one_address_is_refused(cli: Any) -> None:
    cli(*ACCOUNT, stdin=GOOD)
    said = cli(*ACCOUNT, "--json", stdin=GOOD)
    assert (said.code, said.error["code"]) == (5, "conflict")


def test_a_key_for_an_organization_that_is_not_there_says_what_to_do(cli: Any) -> None:
    said = cli("keys", "create", "--organization", "lab", "--name", "N", "--json")
    assert said.code == 3
    assert "admin create-user --organization" in said.error["hint"]


def test_somebody_is_invited_and_a_password_is_set_anew(cli: Any, access: Access) -> None:
    cli(*ACCOUNT, stdin=GOOD)
    invited = cli("admin", "invite", "--email", "g@example.org", "--organization", "lab", "--json").json
    assert invited["invitation"]["role"] == "member"
    request = SignUp.make(token=invited["token"], password="nine quiet lamps above")
    assert access.signing.sign_up(request, Visitor()).answer.user.email == "g@example.org"
    link = cli("admin", "reset-link", "--email", "G@example.org", "-q").out.strip()
    reset = PasswordReset.make(token=link, password="seven slow trains east")
    assert access.signing.reset_password(reset, Visitor()).answer.user.email == "g@example.org"
    users = cli("admin", "users", "--json").json["users"]
    assert [(one["email"], one["organizations"][0]["role"]) for one in users] == [
        ("ada@example.org", "owner"),
        ("g@example.org", "member"),
    ]
    assert cli("admin", "reset-link", "--email", "nobody@example.org").code == 3
    assert cli("admin", "invite", "--email", "x", "--organization", "lab").code == 2
    assert cli("admin", "invite", "--email", "g@example.org", "--organization", "lab").code == 5
