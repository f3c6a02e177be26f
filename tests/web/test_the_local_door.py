"""The way in of ``autoresearch ui``: a link that works once, for whoever started it and nobody else."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

import autoresearch as ar
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.experiment import Actor
from autoresearch.server.door import Door
from tests.serving import Served
from tests.web import seeding

ADA = Actor(kind="human", name="ada")


@pytest.fixture
def links(served: Served) -> list[str]:
    """The links that are given out, in order; the last one is valid."""
    given: list[str] = []
    served.state.door = Door(ADA, given.append)
    given.append(served.state.door.link)
    return given


def _exchange(served: Served, link: str, **headers: str) -> httpx.Response:
    return served.http("").post("/v1/auth/local", json={"link": link}, headers=headers)


def test_a_link_works_once_and_the_next_one_is_given_out(served: Served, links: list[str]) -> None:
    key = _exchange(served, links[0]).json()["key"]
    assert _exchange(served, links[0]).status_code == 401
    assert len(links) == 2
    # Another browser of the same person gets the same way in.
    assert _exchange(served, links[1]).json()["key"] == key


def test_its_key_acts_as_the_person_who_started_it_in_the_store_of_this_machine(
    served: Served, links: list[str]
) -> None:
    http = served.http(_exchange(served, links[0]).json()["key"])
    said = http.get("/v1/auth/status").json()
    assert said["actor"] == {"kind": "human", "name": "ada"}
    assert said["scopes"] == ["read", "write", "admin"]
    with LocalLedger.open(served.home) as ledger:
        seeding.opened(ledger, "mine", "by-hand")
    assert [one["name"] for one in http.get("/v1/projects").json()["items"]] == ["by-hand"]


def test_what_a_script_logs_beside_it_is_kept_though_the_page_reads_of_it_first(
    served: Served, links: list[str]
) -> None:
    http = served.http(_exchange(served, links[0]).json()["key"])
    options = {"system_metrics": False, "capture_console": False, "capture_code": False}
    with ar.init("lab", "pictures", home=served.home, **options) as run:  # type: ignore[arg-type]
        run.log({"weights": ar.Histogram([1, 2, 2])})
    (found,) = http.get("/v1/projects/lab/runs").json()["items"]
    (media,) = http.get(f"/v1/runs/{found['id']}/media").json()["items"]
    assert found["notices"] == []
    assert http.get(f"/v1/blobs/{media['digest']}").json()["counts"][-1] == 2


@pytest.mark.parametrize("said", ["", "x", "arb_" + "a" * 60, "ü"])
def test_another_word_opens_nothing(served: Served, links: list[str], said: str) -> None:
    assert _exchange(served, said).status_code in {401, 422}
    assert served.http("x" * 43).get("/v1/projects").status_code == 401
    assert len(links) == 1


def test_a_page_of_somebody_else_cannot_use_a_link(served: Served, links: list[str]) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.test"}):
        assert _exchange(served, links[0], **headers).status_code == 403
    assert len(links) == 1


def test_the_key_of_one_start_is_worth_nothing_at_the_next(served: Served, links: list[str]) -> None:
    key = _exchange(served, links[0]).json()["key"]
    served.state.door = Door(ADA)
    assert served.http(key).get("/v1/projects").status_code == 401


def test_a_server_for_a_team_has_no_such_door(served: Served) -> None:
    assert _exchange(served, "x").status_code == 404
    assert served.http("").get("/v1/auth/ways").json() == {"local": False, "set_up": True}


@contextmanager
def _ui(home: Path, *words: str) -> Iterator[Any]:
    command = [sys.executable, "-m", "autoresearch", "--home", str(home), "-p", seeding.PROJECT, "ui", *words]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=30)


def test_the_command_prints_a_link_into_this_machines_store_and_ends_when_told(home: Path) -> None:
    with LocalLedger.open(home / "here") as ledger:
        seeding.seeded(ledger, 3)
    with _ui(home / "here", "--no-open", "--port", "0") as process:
        found = re.search(r"(http://127\.0\.0\.1:\d+)/\?project=char-lm#(\S+)$", process.stderr.readline())
        assert found is not None
        with httpx.Client(base_url=found[1], headers={"Origin": found[1]}) as http:
            assert http.get("/v1/projects").status_code == 401
            key = http.post("/v1/auth/local", json={"link": found[2]}).json()["key"]
            assert "another one" in process.stderr.readline()
            shown = http.get("/v1/projects/char-lm", headers={"Authorization": f"Bearer {key}"}).json()
            assert shown["experiments"] == 3
            # What another process records is there at once.
            with LocalLedger.open(home / "here") as ledger:
                seeding.recorded(ledger, seeding.opened(ledger, "more"), "one more")
            assert (
                http.get("/v1/projects/char-lm", headers={"Authorization": f"Bearer {key}"}).json()[
                    "experiments"
                ]
                == 4
            )
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
