"""Requests as goodseed makes them, without its client, and the runs that they make."""

from __future__ import annotations

from typing import Any

from autoresearch.records.run import Run, RunQuery
from tests.compat_server import Server


def runs(server: Server, project: str = "tiny") -> list[Run]:
    return list(server.ledger.runs.runs(RunQuery(project=project, descending=False)).items)


def only(server: Server) -> Run:
    (run,) = runs(server)
    return run


def opened(server: Server, run_id: str = "bold-otter", **more: Any) -> str:
    body = {"workspace": "acme", "project": "tiny", "run_id": run_id, "experiment_name": None, **more}
    answer = server.call("POST", "/api/v1/runs", body)
    assert answer.status == 200, answer
    return str(answer.body["id"])


def ingest(server: Server, run: str, *points: dict[str, Any]) -> None:
    answer = server.call("POST", f"/api/v1/runs/{run}/ingest", {"points": points}, packed=True)
    assert answer.status == 200, answer


def number(path: str, step: int, value: float, at: int = 1_760_000_000_000) -> dict[str, Any]:
    return {"path": path, "step": step, "timestampMs": at, "number": value}


def text(path: str, step: int, value: str, at: int = 1_760_000_000_000) -> dict[str, Any]:
    return {"path": path, "step": step, "timestampMs": at, "text": value}


def configured(server: Server, run: str, **values: tuple[str, str]) -> None:
    said = [{"path": path, "type_tag": tag, "value": value} for path, (tag, value) in values.items()]
    answer = server.call("POST", f"/api/v1/runs/{run}/configs", {"configs": said}, packed=True)
    assert answer.status == 204, answer


def configs(server: Server, run: str) -> dict[str, tuple[str, str]]:
    found = server.call("GET", f"/api/v1/runs/{run}").body["configs"]
    return {each["path"]: (each["type_tag"], each["value"]) for each in found}
