from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compat_server import Server, serving
from tests.postgres_server import empty_database


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "store", empty_database()) as made:
        yield made


def test_a_run_of_goodseed_is_the_same_in_postgresql(server: Server) -> None:
    opening = {"workspace": "acme", "project": "tiny", "run_id": "r", "experiment_name": "☃" * 4000}
    run = server.call("POST", "/api/v1/runs", opening).body["id"]
    assert server.call("POST", "/api/v1/runs", opening).body["id"] == run
    configs = [
        {"path": "a\0", "type_tag": "float", "value": "inf"},
        {"path": "sys/tags", "type_tag": "string_set", "value": '["t"]'},
    ]
    configs.append({"path": "☃" * 5000, "type_tag": "str", "value": "long"})
    for _ in range(2):
        answer = server.call("POST", f"/api/v1/runs/{run}/configs", {"configs": configs}, packed=True)
        assert answer.status == 204
    points = [
        {"path": "m\0\ud800", "step": step, "timestampMs": 1000 * step, "number": step / 2}
        for step in range(3)
    ]
    texts = [{"path": "s", "step": step, "timestampMs": 1000, "text": f"line\0{step}"} for step in (2, 1)]
    for _ in range(3):
        assert (
            server.call("POST", f"/api/v1/runs/{run}/ingest", {"points": points + texts}, packed=True).status
            == 200
        )
    assert server.call("POST", f"/api/v1/runs/{run}/heartbeat").status == 200
    assert server.call("POST", f"/api/v1/runs/{run}/status", {"status": "finished"}).status == 200
    shown = server.call("GET", f"/api/v1/runs/{run}").body
    assert (shown["status"], shown["tags"]) == ("finished", ["t"])
    assert ("float", "inf") in {(each["type_tag"], each["value"]) for each in shown["configs"]}
    (metric, text) = server.call("GET", f"/api/v1/runs/{run}/paths").body
    assert (metric["type"], text["path"]) == ("metric", "s")
    assert "long" in {each["value"] for each in shown["configs"]}
    found = server.call("GET", f"/api/v1/runs/{run}/data/strings?path=s").body
    assert found == {
        "points": [{"step": 1, "value": "line\ufffd1"}, {"step": 2, "value": "line\ufffd2"}],
        "total": 2,
    }
    assert server.ledger.runs.receipt(run, verify=True).points_committed == 3


def test_an_experiment_of_syvain_is_the_same_in_postgresql(server: Server) -> None:
    body = {"slug": "s", "description": "d", "metadata": {"n": 10**20, "deep": {"x": None}}}
    made = server.call("POST", "/api/v1/experiments", body).body["data"]["experiment"]
    assert made["metadata"] == body["metadata"]
    one = f"/api/v1/experiments/{made['id']}"
    metadata = {f"k{index}": "é" * 100 for index in range(32)}
    events = [
        {"client_event_id": "a", "name": "ü" * 500, "value": -1.5, "step": None, "metadata": metadata},
        {"client_event_id": "b", "name": "m", "value": 1e300, "step": 2**53 - 1, "timestamp_ms": 2**53 - 1},
        {"client_event_id": "c", "name": "m", "value": 2.0, "step": 3, "metadata": {}},
    ]
    for _ in range(2):
        assert server.call("POST", f"{one}/ingest", {"data": events}).status == 200
    rows = server.call("GET", f"{one}/metrics?sort_by=step,client_timestamp").body["data"]["rows"]
    assert [(row["metric_value"], row["step"]) for row in rows] == [
        (2.0, 3),
        (1e300, 2**53 - 1),
        (-1.5, None),
    ]
    assert json.loads(rows[-1]["event_metadata_json"]) == metadata
    ended = {"status": "error", "error": {"name": "E", "detail": "x"}}
    said = server.call("POST", one, ended).body["data"]["experiment"]
    assert (said["status"], said["error_name"], said["error_detail"]) == ("error", "E", "x")
    listed = server.call("GET", "/api/v1/experiments?search=S").body["data"]["experiments"]
    assert [each["id"] for each in listed] == [made["id"]]
    assert server.call("GET", "/api/v1/experiments", key="stranger").body["data"]["experiments"] == []
    assert server.call("GET", one, key="stranger").status == 404
