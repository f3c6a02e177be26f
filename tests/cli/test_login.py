"""A key is stored for a server, used, and forgotten; and never where others can read it."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autoresearch.client.synchronous import Client
from autoresearch.errors import AutoresearchError
from tests.serving import Served, listening


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with listening(tmp_path / "served") as made:
        yield made


def login(cli: Any, served: Served, key: str | None = None) -> Any:
    stdin = f"{key or served.key}\n".encode()
    return cli("login", "--url", served.url, "--key-stdin", "--json", stdin=stdin)


def test_a_key_is_stored_once_the_server_has_taken_it(cli: Any, served: Served, home: Path) -> None:
    said = login(cli, served)
    assert said.code == 0, said.err
    file = home / ".config" / "autoresearch" / "credentials.json"
    assert said.json["path"] == str(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert served.key not in said.out
    me = cli("whoami", "--json").json
    assert (me["status"]["organization"]["name"], me["base_url"]) == ("local", served.url)
    assert "admin" in cli("whoami").out
    with Client("local") as client:
        assert client.auth_status().organization_id == "local"
    assert cli("logout", "-q").out.strip() == served.url
    assert served.key not in file.read_text()
    assert cli("whoami", "--json").code != 0
    assert cli("logout").out == "no key was stored\n"


def test_a_key_that_the_server_refuses_is_not_stored(cli: Any, served: Served, home: Path) -> None:
    other = "b" if served.key.endswith("a") else "a"
    for key in (served.key[:-1] + other, "x"):
        said = login(cli, served, key)
        assert (said.code, said.error["code"]) == (4, "unauthorized")
    for key in ("", "two words", "caf\u00e9"):
        assert login(cli, served, key or "\n").error["code"] == "usage"
    assert not (home / ".config").exists()


def test_a_server_that_is_not_there_is_said_to_be_not_there(cli: Any, home: Path) -> None:
    said = cli("login", "--url", "http://127.0.0.1:9", "--key-stdin", "--json", stdin=b"ar_x\n")
    assert (said.code, said.error["code"]) == (6, "unavailable")
    assert not (home / ".config").exists()


@pytest.mark.parametrize("url", ["ftp://x", "http://ada:secret@x", "x", "http://x?key=ar_1", "http://"])
def test_what_is_no_address_of_a_server_is_refused_without_repeating_it(cli: Any, url: str) -> None:
    for words in (["login", "--key-stdin"], ["whoami"], ["logout"]):
        said = cli(*words, "--url", url, "--json", stdin=b"ar_x\n")
        assert said.error["code"] == "usage"
        assert "secret" not in said.err


def test_a_file_that_others_can_read_is_not_used(cli: Any, served: Served, home: Path) -> None:
    login(cli, served)
    file = home / ".config" / "autoresearch" / "credentials.json"
    file.chmod(0o644)
    for said in (cli("whoami", "--json"), login(cli, served), cli("logout", "--json")):
        assert said.code != 0
        assert "can be read by others" in said.error["message"]
        assert served.key not in said.err
    with pytest.raises(AutoresearchError, match="read by others"):
        Client("local")


def test_a_damaged_file_says_what_to_do(cli: Any, served: Served, home: Path) -> None:
    login(cli, served)
    file = home / ".config" / "autoresearch" / "credentials.json"
    for text in ("", "{", "[]", json.dumps({"servers": 1}), "\udcff"):
        file.write_text(text, errors="surrogateescape")
        said = cli("whoami", "--json")
        assert "autoresearch login" in said.error["hint"]


def test_the_key_of_the_environment_goes_to_the_server_of_the_environment_alone(
    cli: Any, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTORESEARCH_API_KEY", served.key)
    monkeypatch.setenv("AUTORESEARCH_BASE_URL", served.url)
    assert cli("whoami", "--json").json["status"]["kind"] == "api_key"
    said = cli("whoami", "--url", "http://127.0.0.1:9", "--json")
    assert (said.code, said.error["code"]) == (3, "not_found")
