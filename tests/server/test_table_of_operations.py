"""The table is what the ledger is, and everything else is what the table is."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

from autoresearch.client.asynchronous import AsyncClient
from autoresearch.client.synchronous import Client
from autoresearch.ledger import base
from autoresearch.protocol.operations import GROUPS, OPERATIONS, TITLES
from autoresearch.protocol.rows import Operation
from tests.serving import Served
from tools import client_source, http_page

PARTS = {
    "research": base.Research,
    "memory": base.Memory,
    "artifacts": base.Artifacts,
    "runs": base.Runs,
    "folders": base.Folders,
    "campaigns": base.Campaigns,
}
OF_LEDGER = [row for row in OPERATIONS.values() if row.part in PARTS]
# Written by hand on both sides: the request takes another form on the way, or the bytes go another way.
BY_HAND = {
    "research": {"record", "record_judged", "set_tree"},
    "memory": {"facts"},
    "artifacts": set(),
    "runs": {"ingest", "position", "compare", "history"},
    "folders": set(),
    "campaigns": set(),
}


@pytest.mark.parametrize("row", OF_LEDGER, ids=lambda row: row.name)
def test_the_arguments_of_a_row_are_those_of_the_ledgers_method(row: Operation) -> None:
    method = getattr(PARTS[row.part], row.call)
    wanted = set(inspect.signature(method).parameters) - {"self"}
    own = set(row.body.model_fields) if row.body is not None and row.in_query else set()
    given = {query.keyword for query in row.query if query.name not in own}
    given |= set(row.path_names) - (set(row.filled) if row.body_as else set())
    if row.body is not None:
        given |= {row.body_as} if row.body_as else set(row.body.model_fields)
    assert given == wanted


@pytest.mark.parametrize("part", PARTS)
def test_every_method_of_the_ledger_is_a_row_or_written_by_hand(part: str) -> None:
    rows = {row.call for row in OF_LEDGER if row.part == part}
    abstract: set[str] = set(getattr(PARTS[part], "__abstractmethods__", set()))
    assert rows | BY_HAND[part] == abstract
    assert rows & BY_HAND[part] == set()


def test_every_row_has_one_route_and_every_route_of_ours_a_row(served: Served) -> None:
    page = served.http().get("/openapi.json").json()
    described = {
        (entry["operationId"], method.upper(), path)
        for path, methods in page["paths"].items()
        for method, entry in methods.items()
    }
    wanted = {(row.name, row.method, row.path.replace(":path}", "}")) for row in OPERATIONS.values()}
    assert wanted - described == set()


def test_names_and_places_of_rows_are_unique() -> None:
    places = [(row.method, row.path) for row in OPERATIONS.values()]
    assert len(set(places)) == len(places)


def test_the_written_client_is_what_the_table_says() -> None:
    for name, text in client_source.sources().items():
        assert (client_source.CLIENT / name).read_text(encoding="utf-8") == text, (
            f"{name} is not current: run python tools/client_source.py"
        )


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_the_client_has_a_method_for_every_row(kind: Any) -> None:
    called = [name for name, row in OPERATIONS.items() if row.media != "text/event-stream"]
    missing = [name for name in called if not callable(getattr(kind, name, None))]
    assert missing == []


def test_the_reference_lists_every_row() -> None:
    page = http_page.PAGE.read_text(encoding="utf-8")
    assert http_page.renewed(page) == page, "renew it: python tools/http_page.py"
    assert [
        row.name
        for row in OPERATIONS.values()
        if f"{row.method} {row.path.replace(':path}', '}')}`" not in page
    ] == []


def test_the_page_of_a_server_shows_every_row_and_asks_nobody_for_anything(served: Served) -> None:
    answer = served.http("").get("/docs")
    assert [name for name in OPERATIONS if f"<details id='{name}'>" not in answer.text] == []
    assert not re.search(r"(?:src|href)=.?(?:https?:)?//", answer.text)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert set(TITLES) == set(GROUPS)
