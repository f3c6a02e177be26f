"""Looking after the store of a server from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from autoresearch.store import revisions
from tests.postgres_server import server


@pytest.fixture
def stored(cli: Any, home: Path) -> Path:
    """A store with a person in it."""
    made = cli(
        *("admin", "create-user", "--email", "ada@example.org", "--organization", "lab", "--password-stdin"),
        stdin=b"violet otter plays chess\n",
    )
    assert made.code == 0, made.err
    return home / ".autoresearch"


def test_a_backup_is_made_verified_and_restored(cli: Any, stored: Path, tmp_path: Path) -> None:
    made = cli("admin", "backup", str(tmp_path / "backup"), "--json")
    assert made.json["revision"] == revisions.NEWEST
    assert cli("admin", "verify", str(tmp_path / "backup")).out == "everything is sound\n"
    again = cli("admin", "backup", str(tmp_path / "backup"), "--json")
    assert (again.code, again.error["code"]) == (5, "conflict")
    other = ("--home", str(tmp_path / "other"))
    assert cli(*other, "admin", "restore", str(tmp_path / "backup")).code == 0
    assert "ada@example.org" in cli(*other, "admin", "users").out
    assert cli(*other, "admin", "restore", str(tmp_path / "backup"), "--json").error["code"] == "conflict"


def test_a_damaged_backup_fails_its_verification(cli: Any, stored: Path, tmp_path: Path) -> None:
    cli("admin", "backup", str(tmp_path / "backup"))
    with (tmp_path / "backup" / "ledger.sqlite").open("r+b") as file:
        file.write(b"x")
    said = cli("admin", "verify", str(tmp_path / "backup"), "--json")
    assert said.code == 1
    assert said.json["faults"] == ["ledger.sqlite does not hold what it was written with"]
    assert said.json["ok"] is False


def test_a_home_moves_to_the_database_that_the_environment_names(
    cli: Any, stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = server().database()
    monkeypatch.setenv("AUTORESEARCH_DATABASE_URL", server().url(name))
    made = cli("admin", "migrate", "--json")
    assert (made.json["before"], made.json["after"]) == (None, revisions.NEWEST)
    assert "ada@example.org" not in cli("admin", "users").out
    assert cli("admin", "move", "--json").json["rows"] > 1
    assert "ada@example.org" in cli("admin", "users").out
    assert cli("admin", "verify").out == "everything is sound\n"
    again = cli("admin", "move", "--json")
    assert (again.code, again.error["code"]) == (5, "conflict")
    server().drop(name)


def test_a_role_that_the_wall_does_not_bind_is_pointed_out(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    name = server().database()
    monkeypatch.setenv("AUTORESEARCH_DATABASE_URL", server().url(name, role="postgres"))
    assert "row-level security" in cli("admin", "migrate").err
    assert "row-level security" in cli("admin", "verify").err
    server().drop(name)


def test_a_move_without_a_target_says_how_to_name_one(cli: Any, stored: Path) -> None:
    said = cli("admin", "move", "--json")
    assert said.error["code"] == "usage"
    assert "AUTORESEARCH_DATABASE_URL" in said.error["hint"]


def test_progress_is_for_people_alone(cli: Any, stored: Path, tmp_path: Path) -> None:
    said = cli("admin", "backup", str(tmp_path / "one"), terminal=True)
    assert said.code == 0
    assert cli("admin", "backup", str(tmp_path / "two"), "--json").err == ""
