"""What a server gives at ``/``: one page that runs what this server gives, asks nobody else, and is small."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import hatch_build
from autoresearch.server.page import built_page
from tests.house.source import ROOT, tracked
from tests.serving import Served, in_process
from tools import page_client

WEB = ROOT / "autoresearch" / "web"
MOST = 150_000


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with in_process(tmp_path_factory.mktemp("served")) as served:
        yield served.http("")


def _files() -> list[Path]:
    return [path for path in built_page().rglob("*") if path.is_file()]


def test_the_page_may_run_and_load_what_its_server_gives_and_nothing_else(http: httpx.Client) -> None:
    answer = http.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    rules = dict(
        rule.strip().partition(" ")[::2] for rule in answer.headers["content-security-policy"].split(";")
    )
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert "unsafe" not in str(rules)
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"<style|style=|<script(?![^>]* src=)| on\w+=", answer.text)


def test_the_page_is_asked_for_again_and_its_hashed_files_never(http: httpx.Client) -> None:
    page = http.get("/")
    assert page.headers["cache-control"] == "no-cache"
    assert http.get("/", headers={"If-None-Match": page.headers["etag"]}).status_code == 304
    named = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
    assert len(named) >= 3
    kinds = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
    for path in named:
        answer = http.get(path)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-type"].startswith(kinds[Path(path).suffix])
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_files_travel_compressed_to_whoever_takes_that(http: httpx.Client) -> None:
    path = next(f"/assets/{file.name}" for file in _files() if file.suffix == ".js")
    packed, plain = (http.get(path, headers={"Accept-Encoding": said}) for said in ("gzip, br", "identity"))
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content
    assert packed.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    "path", ["none.js", "..%2Findex.html", "%2e%2e", "sources.sha256", "..%2f..%2f__init__.py"]
)
def test_what_is_no_file_of_the_page_is_refused_in_the_envelope(http: httpx.Client, path: str) -> None:
    answer = http.get(f"/assets/{path}")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


def test_all_of_it_weighs_less_than_150_kilobytes() -> None:
    weights = {
        path.name: path.stat().st_size if path.suffix == ".woff2" else len(gzip.compress(path.read_bytes()))
        for path in _files()
    }
    assert sum(weights.values()) <= MOST, weights


def test_no_file_of_the_page_asks_another_host_for_anything() -> None:
    # Addresses that name a kind of document, or a page of explanation in the text of an error, are never asked for.
    names = re.compile(r"https?://(?!www\.w3\.org/|svelte\.dev/)[\w.-]+")
    found = {
        path.name: names.findall(path.read_text("utf-8"))
        for path in _files()
        if path.suffix in {".js", ".css", ".html"}
    }
    assert {name: hosts for name, hosts in found.items() if hosts} == {}


def test_the_built_page_is_that_of_the_present_sources() -> None:
    assert hatch_build.is_current(WEB, built_page()), "run `make ui`"


def test_the_types_of_the_page_are_those_of_the_api() -> None:
    assert page_client.TARGET.read_text("utf-8") == page_client.source(), "run `python tools/page_client.py`"


def test_lock_files_name_no_place_from_which_packages_come() -> None:
    locks = [path for path in tracked() if path.name == "package-lock.json"]
    assert WEB / "package-lock.json" in locks
    for path in locks:
        packages = json.loads(path.read_text("utf-8"))["packages"].values()
        assert [one for one in packages if "resolved" in one] == []
        assert all("integrity" in one for one in packages if "version" in one)


def test_sources_that_changed_are_built_anew_and_others_are_not(tmp_path: Path) -> None:
    web, out = tmp_path / "web", tmp_path / "_ui"
    (web / "node_modules").mkdir(parents=True)
    out.mkdir()
    (web / "a.ts").write_text("1")
    (out / "index.html").write_text("")
    assert not hatch_build.is_current(web, out)
    (out / "sources.sha256").write_text(hatch_build.digest(web))
    (web / "node_modules" / "b.js").write_text("2")
    assert hatch_build.is_current(web, out)
    (web / "a.ts").rename(web / "c.ts")
    assert not hatch_build.is_current(web, out)


def test_a_server_without_the_page_says_how_it_is_built(
    served: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("autoresearch.server.page.built_page", lambda: tmp_path)
    answer = served.http("").get("/")
    assert answer.status_code == 404
    assert "make ui" in answer.json()["error"]["hint"]
