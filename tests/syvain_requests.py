"""Requests as the Syvain client makes them, without the client."""

from __future__ import annotations

from typing import Any

from autoresearch.records.run import Run
from tests.compat_server import Reply, Server

NOBODY = "0198c0de-0000-7000-8000-000000000000"


def data(reply: Reply) -> Any:
    assert reply.status == 200, reply
    assert reply.body["error"] is None
    return reply.body["data"]


def created(server: Server, slug: str = "exp", **more: Any) -> str:
    body = {"slug": slug, "description": "", "metadata": {}, **more}
    return str(data(server.call("POST", "/api/v1/experiments", body))["experiment"]["id"])


def event(name: str, metric: str, value: float, step: int | None = None, **more: Any) -> dict[str, Any]:
    return {"client_event_id": name, "name": metric, "value": value, "step": step, **more}


def ingest(server: Server, run: str, *events: dict[str, Any], query: str = "?sync=true") -> None:
    said = data(server.call("POST", f"/api/v1/experiments/{run}/ingest{query}", {"data": events}))
    assert said["ok"] is True


def rows(server: Server, run: str, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = data(server.call("GET", f"/api/v1/experiments/{run}/metrics?{query}"))[
        "rows"
    ]
    return found


def run_of(server: Server, run: str) -> Run:
    return server.ledger.runs.run(run)
