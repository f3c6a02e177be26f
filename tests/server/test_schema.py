"""Every operation of the OpenAPI page, with what its schema allows and what it does not: no 5xx, and no answer that the page denies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from autoresearch.protocol.operations import OPERATIONS
from autoresearch.protocol.rows import Operation
from tests.conftest import SOAK
from tests.serving import Served, listening


@schemathesis.serializer("application/msgpack", "application/x-ndjson")
def _as_they_are(_context: Any, value: Any) -> Any:
    """Bytes of a form that the tool does not know are sent as it made them."""
    return value.data if hasattr(value, "data") else str(value).encode()


CHECKED = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
# A stream that does not end by itself is tested where it is made.
ROWS = [row for row in OPERATIONS.values() if row.media != "text/event-stream"]


@pytest.fixture(scope="module")
def served_for_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with listening(tmp_path_factory.mktemp("served")) as served:
        yield served


@pytest.fixture(scope="module")
def api(served_for_all: Served) -> Any:
    return schemathesis.openapi.from_url(f"{served_for_all.url}/openapi.json")


ASKED = [
    (row, mode)
    for row in ROWS
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    # Where nothing is asked for, nothing can be wrong.
    if mode is GenerationMode.POSITIVE or row.query or row.body is not None
]


@pytest.mark.parametrize(("row", "mode"), ASKED, ids=[f"{row.name}, {mode.value}" for row, mode in ASKED])
def test_every_operation_answers_as_its_page_says(
    row: Operation, mode: GenerationMode, api: Any, served_for_all: Served
) -> None:
    operation = api[row.path.replace(":path}", "}")][row.method]
    headers = {"Authorization": f"Bearer {served_for_all.key}"}
    seen: list[int] = []

    @settings(max_examples=200 if SOAK else 6)
    @given(case=operation.as_strategy(generation_mode=mode))
    def answers(case: Any) -> None:
        # Sent by our own means: what another tracker's client installs breaks the transport that comes with the tool.
        asked = case.as_transport_kwargs(base_url=served_for_all.url)
        body = {name: asked[name] for name in ("json", "data") if asked.get(name) is not None}
        if isinstance(body.get("data"), str | bytes):
            body["content"] = body.pop("data")
        answer = http.request(
            asked["method"],
            asked["url"],
            params=asked.get("params"),
            headers={**dict(asked.get("headers") or {}), **headers},
            **body,
        )
        seen.append(answer.status_code)
        case.validate_response(answer, checks=CHECKED)

    with httpx.Client(timeout=60) as http:
        answers()
    assert seen
    assert max(seen) < 500
