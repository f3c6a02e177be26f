from __future__ import annotations

import hashlib
import json
import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from syvain_metrics_api_client import SyvainMetricsApiClient

from autoresearch.ledger.local.replies import Replies
from tests.compat_server import Server, serving
from tests.run_batches import Writer
from tests.syvain_requests import NOBODY, created, data, event, ingest, rows


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "store") as made:
        yield made


def digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def key_id(server: Server) -> str:
    """The id of the server's own key."""
    (key,) = (
        each
        for each in server.access.keys.list(server.access.operator("acme")).items
        if each.scope == "write"
    )
    return key.id


@pytest.fixture
def client(server: Server, monkeypatch: pytest.MonkeyPatch) -> SyvainMetricsApiClient:
    monkeypatch.setenv("no_proxy", "*")
    return SyvainMetricsApiClient(server.key, host=server.url)


def test_an_event_counts_once_and_the_first_one_stays(server: Server) -> None:
    run, other = created(server), created(server, "other")
    ingest(server, run, event("a", "m", 1.0, 0), event("a", "m", 2.0, 1), event("b", "m", 3.0, 1))
    ingest(server, run, event("a", "n", 9.0, 5, metadata={"x": 1}))
    ingest(server, other, event("a", "m", 7.0, 0))
    assert [(each["metric_value"], each["step"]) for each in rows(server, run)] == [(1.0, 0), (3.0, 1)]
    assert [each["metric_value"] for each in rows(server, other)] == [7.0]


def test_two_events_at_one_step_are_two_rows(server: Server) -> None:
    run = created(server)
    ingest(
        server,
        run,
        event("a", "m", 1.0, 4),
        event("b", "m", 2.0, 4),
        event("c", "m", 3.0),
        event("d", "m", 4.0),
    )
    found = rows(server, run)
    assert [(each["metric_value"], each["step"]) for each in found] == [
        (1.0, 4),
        (2.0, 4),
        (3.0, None),
        (4.0, None),
    ]
    assert len({each["event_id"] for each in found}) == 4
    (curve,) = server.ledger.runs.history(run).curves
    assert [(point.step, point.value) for point in curve] == [(4, 2.0), (5, 3.0), (6, 4.0)]
    assert server.ledger.runs.receipt(run, verify=True).points_committed == 4


def test_metadata_keep_their_types(server: Server) -> None:
    run = created(server)
    values = [
        1,
        "1",
        True,
        "true",
        None,
        "null",
        1.5,
        "train",
        "",
        [1, "a"],
        {"k": [None]},
        " 1",
        "NaN",
        '"q"',
        "ü\u2028",
    ]
    ingest(
        server,
        run,
        *(event(f"e{i}", "m", float(i), i, metadata={"v": value}) for i, value in enumerate(values)),
    )
    assert [json.loads(each["event_metadata_json"])["v"] for each in rows(server, run)] == values

    def found(query: str) -> list[float]:
        return [each["metric_value"] for each in rows(server, run, query)]

    assert found("metadata_key=v&metadata_value=1") == [1.0]
    assert found("metadata_key=v&metadata_value_json=1") == [0.0]
    assert found("metadata_key=v&metadata_value_json=%221%22") == [1.0]
    assert found("metadata_key=v&metadata_value_json=true") == [2.0]
    assert found("metadata_key=v&metadata_value_json=null") == [4.0]
    assert found("metadata_key=v&metadata_value=train") == [7.0]
    assert found("metadata_key=v&metadata_value_json=%7B%22k%22:%5Bnull%5D%7D") == [10.0]
    assert len(found("metadata_key=v")) == len(values)
    assert found("metadata_key=other") == []
    shown = data(server.call("GET", f"/api/v1/experiments/{run}/catalog/m"))["metadata"]["keys"][0]
    assert shown["value_count"] == len(values)
    assert {json.dumps(value) for value in shown["values"]} == {json.dumps(value) for value in values}
    labels = {series.labels["v"] for series in server.ledger.runs.catalog(run)}
    assert {"train", "1", '"1"', "true", '"true"'} <= labels


def test_metadata_too_long_for_labels_come_back_whole(server: Server) -> None:
    run = created(server)
    long = {f"key-{index:02}": "ü" * 120 for index in range(30)}
    name = "☃" * 500
    ingest(
        server,
        run,
        event("a", name, 1.0, 0, metadata=long),
        event("b", name, 2.0, 1, metadata={**long, "other": 1}),
    )
    first, second = rows(server, run)
    assert (json.loads(first["event_metadata_json"]), first["metric_name"]) == (long, name)
    assert json.loads(second["event_metadata_json"]) == {**long, "other": 1}
    assert [each["metric_value"] for each in rows(server, run, "metadata_key=other")] == [2.0]
    assert len(server.ledger.runs.catalog(run)) == 2


def test_rows_are_filtered_sorted_and_cut(server: Server) -> None:
    run = created(server)
    events = [event(f"e{i}", "m", float(i), 9 - i, timestamp_ms=1000 + i) for i in range(10)]
    ingest(server, run, *events, event("x", "other", 5.5, 3, timestamp_ms=7))

    def steps(query: str) -> list[int]:
        return [each["step"] for each in rows(server, run, f"metric_name=m&{query}")]

    assert steps("") == list(range(10))
    assert steps("sort_by=&limit=2") == [0, 1]
    assert steps("sort_direction=desc&limit=3") == [9, 8, 7]
    assert steps("sort_by=client_timestamp&limit=3") == [9, 8, 7]
    assert steps("sort_by=client_timestamp,step&sort_direction=desc&limit=2") == [0, 1]
    assert steps("from_step=2&to_step=4") == [2, 3, 4]
    assert steps("step=5") == [5]
    assert steps("from_time=1002&to_time=1003&sort_by=server_timestamp,client_timestamp") == [7, 6]
    assert steps("limit=0") == []
    (told,) = rows(server, run, "metric_name=other&include_experiment_meta_as_of=true")
    assert (told["experiment_description"], told["experiment_metadata_json"]) == ("", "{}")
    assert rows(server, run, "metric_name=nothing") == []


def test_every_refusal_has_the_envelope(server: Server) -> None:
    run = created(server)
    bad_events: list[Any] = [
        {"data": [event("a", "m", 1.0)] * 1001},
        {"data": [event("a", "m", 1.0), event("", "m", 1.0)]},
        {"data": [event("a", "m" * 501, 1.0)]},
        {"data": [event("a", "m", 1.0, -1)]},
        {"data": [event("a", "m", 1.0, 2**53)]},
        {"data": [{**event("a", "m", 1.0), "value": "1"}]},
        {"data": [{**event("a", "m", 1.0), "value": True}]},
        {"data": [event("a", "m", math.nan)]},
        {"data": [event("a", "m\0", 1.0)]},
        {"data": [event("a", "m", 1.0, metadata={"x": math.inf})]},
        {},
        [],
    ]
    refusals: list[tuple[str, str, Any, set[int]]] = [
        *(("POST", f"experiments/{run}/ingest", body, {400, 422}) for body in bad_events),
        ("POST", "experiments", {"slug": ""}, {400, 422}),
        ("POST", "experiments", {"slug": "x", "description": "y" * 4001}, {400, 422}),
        ("POST", "experiments", {"slug": "x", "folder_id": NOBODY}, {404}),
        ("POST", "folders", {"name": "a/b"}, {400, 422}),
        ("PATCH", f"folders/{NOBODY}", {"name": "x"}, {404}),
        ("GET", "folders/none", None, {404}),
        ("POST", f"experiments/{run}", {"status": "created"}, {400, 422}),
        ("PATCH", f"experiments/{run}", {}, {400, 422}),
        ("PATCH", f"experiments/{run}", {"folder_id": NOBODY}, {404}),
        ("GET", f"experiments/{NOBODY}", None, {404}),
        ("GET", "experiments/no-id", None, {404}),
        ("POST", f"experiments/{NOBODY}/ingest", {"data": [event("a", "m", 1.0)]}, {404}),
        ("GET", f"experiments/{NOBODY}/metrics", None, {404}),
        ("GET", f"experiments/{NOBODY}/catalog", None, {404}),
        ("GET", f"experiments/{run}/catalog/none", None, {404}),
        ("GET", f"experiments/{NOBODY}/annotations", None, {404}),
        ("GET", f"experiments/{NOBODY}/annotations?limit=0", None, {404}),
        ("POST", f"experiments/{run}/annotations", {"annotation": ""}, {400, 422}),
        ("GET", f"experiments/{NOBODY}/ingestion-keys", None, {404}),
        ("POST", f"experiments/{run}/ingestion-keys", {"ttl_ms": 604_800_001}, {400, 422}),
        ("DELETE", f"experiments/{run}/ingestion-keys/{NOBODY}", None, {404}),
        ("GET", f"experiments/{run}/metrics?metadata_value=1", None, {400, 422}),
        (
            "GET",
            f"experiments/{run}/metrics?metadata_key=k&metadata_value=1&metadata_value_json=1",
            None,
            {400, 422},
        ),
        ("GET", f"experiments/{run}/metrics?metadata_key=k&metadata_value_json=%7B", None, {400, 422}),
        ("GET", f"experiments/{run}/metrics?sort_by=series", None, {400, 422}),
        ("GET", f"experiments/{run}/metrics?limit=many", None, {400, 422}),
        ("GET", "metrics?series=%7B", None, {400, 422}),
        ("GET", "experiments?status=asleep", None, {400, 422}),
        ("POST", "query/series", {"series": []}, {400, 422}),
        ("POST", "query/series", {"series": [{"experimentId": NOBODY}], "stream": True}, {404}),
        ("POST", "query/metric-catalog", {"experimentIds": [NOBODY]}, {404}),
        ("PUT", "experiments", {}, {405}),
        ("GET", "unknown", None, {404}),
        ("GET", "experiments/", None, {404}),
    ]
    for method, path, body, expected in refusals:
        answer = server.call(method, f"/api/v1/{path}", body)
        assert answer.status in expected, (method, path, answer)
        assert isinstance(answer.body["error"]["message"], str)
        assert "code=" in answer.body["error"]["details"]
    raw = server.call("POST", "/api/v1/experiments", raw=b'{"slug": "\xff"}')
    assert raw.status == 422
    assert rows(server, run) == []
    for key, status in [("wrong", 401), (None, 401)]:
        answer = server.call("GET", "/api/v1/experiments", key=key)
        assert (answer.status, answer.headers["www-authenticate"]) == (status, "Bearer")
        assert answer.body["error"]["message"]


def test_another_organization_sees_nothing(server: Server) -> None:
    folder = data(server.call("POST", "/api/v1/folders", {"name": "f"}))["folder"]["folder_id"]
    run = created(server, folder_id=folder)
    ingest(server, run, event("a", "m", 1.0))
    one = f"experiments/{run}"
    asked: list[tuple[str, str, Any]] = [
        ("GET", one, None),
        ("POST", one, {"status": "done"}),
        ("PATCH", one, {"folder_id": None}),
        ("POST", f"{one}/ingest", {"data": [event("b", "m", 1.0)]}),
        ("GET", f"{one}/metrics", None),
        ("GET", "metrics?series=" + json.dumps({"experiment_id": run, "metric_name": "m"}), None),
        ("GET", f"{one}/catalog", None),
        ("GET", f"{one}/catalog/m", None),
        ("GET", f"{one}/annotations", None),
        ("POST", f"{one}/annotations", {"annotation": "x"}),
        ("GET", f"{one}/ingestion-keys", None),
        ("POST", f"{one}/ingestion-keys", {}),
        ("DELETE", f"{one}/ingestion-keys/{NOBODY}", None),
        ("GET", f"folders/{folder}", None),
        ("PATCH", f"folders/{folder}", {"name": "mine"}),
        ("POST", "query/series", {"series": [{"experimentId": run}]}),
        ("POST", "query/metric-catalog", {"experimentIds": [run]}),
    ]
    found = [
        (method, path, server.call(method, f"/api/v1/{path}", body, key="stranger").status)
        for method, path, body in asked
    ]
    assert found == [(method, path, 404) for method, path, _ in asked]
    assert data(server.call("GET", "/api/v1/experiments", key="stranger"))["experiments"] == []
    assert data(server.call("GET", "/api/v1/folders", key="stranger"))["folders"] == []
    assert len(rows(server, run)) == 1


def test_a_key_that_only_reads_changes_nothing(server: Server) -> None:
    run = created(server)
    for method, path, body in [
        ("POST", "experiments", {"slug": "x"}),
        ("POST", f"experiments/{run}", {"status": "done"}),
        ("POST", f"experiments/{run}/ingest", {"data": []}),
        ("POST", f"experiments/{run}/ingestion-keys", {}),
        ("POST", "folders", {"name": "x"}),
    ]:
        assert server.call(method, f"/api/v1/{path}", body, key="reading").status == 403
    assert server.call("GET", f"/api/v1/experiments/{run}", key="reading").status == 200
    assert (
        server.call("POST", "/api/v1/query/metric-catalog", {"experimentIds": [run]}, key="reading").status
        == 200
    )


def test_series_come_by_the_column_for_the_newer_client(server: Server) -> None:
    run = created(server)
    ingest(
        server,
        run,
        *(
            event(f"a{i}", "m", float(i), 3 - i, metadata={"split": "a", "n": 1}, timestamp_ms=1000 + i)
            for i in range(3)
        ),
        event("b", "m", 9.0, metadata={"split": "b"}, timestamp_ms=5),
        event("c", "naïve", 1.0, 0),
        event("d", "m" * 300, 1.0, 0),
        query="",
    )
    body = {
        "series": [{"experimentId": run}, {"experimentId": run, "metricName": "m"}],
        "order": {"axis": "step", "direction": "asc"},
    }
    found = data(server.call("POST", "/api/v1/query/series", body))
    assert [(each["metricName"], each["metadata"]) for each in found] == [
        ("m", {"split": "a", "n": "1"}),
        ("m", {"split": "b"}),
    ]
    assert found[0]["data"] == {"steps": [1, 2, 3], "timestamp": [1002, 1001, 1000], "value": [2.0, 1.0, 0.0]}
    assert found[1]["data"] == {"steps": [None], "timestamp": [5], "value": [9.0]}
    assert len({each["metadataHash"] for each in found}) == 2
    wanted = {
        "experimentId": run,
        "metricFilter": [],
        "metadataFilter": [{"key": "n", "value": "1"}, {"key": "split"}],
    }
    order = {"axis": "timestamp", "direction": "desc"}
    (one,) = data(server.call("POST", "/api/v1/query/series", {"series": [wanted], "order": order}))
    assert one["data"]["timestamp"] == [1002, 1001, 1000]
    stream = server.call("POST", "/api/v1/query/series", {**body, "stream": True})
    assert stream.headers["content-type"].startswith("application/vnd.syvain.metric-series+ndjson")
    lines = [json.loads(line) for line in stream.body.splitlines()]
    assert lines[:-1] == found
    assert lines[-1] == {"kind": "complete", "batchCount": 2, "rowCount": 4}
    catalog = data(server.call("POST", "/api/v1/query/metric-catalog", {"experimentIds": [run]}))
    assert catalog == [{"experimentId": run, "metricName": "m", "metadataKeys": ["n", "split"]}]


def test_a_run_of_ours_is_an_experiment(server: Server, client: SyvainMetricsApiClient) -> None:
    writer = Writer(server.ledger).open(project="tiny", name="ours", config={"lr": 0.5}, note="because")
    writer.log({"loss": [3.0, math.nan, 1.0]}, labels=(("split", "train"),))
    found = client.get_experiment(writer.run).experiment
    assert (found.slug, found.status, found.metadata, found.description) == (
        "ours",
        "running",
        {"lr": 0.5},
        "because",
    )
    assert found.last_heartbeat_at_ms is not None
    listed = client.list_metrics(writer.run, metadata_key="split", metadata_value="train").rows
    assert [(each.step, each.metric_value) for each in listed] == [(0, 3.0), (2, 1.0)]
    client.ingest_metrics(writer.run, [event("a", "loss", 7.0, 1, metadata={"split": "train"})], sync=True)
    again = client.list_metrics(writer.run).rows
    assert [(each.step, each.metric_value) for each in again] == [(0, 3.0), (1, 7.0), (2, 1.0)]
    client.create_annotation(writer.run, "from there")
    assert [each.text for each in server.ledger.runs.annotations(writer.run).items] == ["from there"]
    writer.finish("failed", error="ValueError: no luck")
    ended = client.get_experiment(writer.run).experiment
    assert (ended.status, ended.error_name, ended.error_detail) == ("error", "Error", "ValueError: no luck")


def test_what_goodseed_logged_and_what_syvain_logged_stand_in_one_list(
    server: Server, client: SyvainMetricsApiClient
) -> None:
    body = {"workspace": "acme", "project": "tiny", "run_id": "theirs", "experiment_name": "logged there"}
    theirs = server.call("POST", "/api/v1/runs", body).body["id"]
    configs = {"configs": [{"path": "lr", "type_tag": "int", "value": "12345678901234567890"}]}
    server.call("POST", f"/api/v1/runs/{theirs}/configs", configs)
    point = {"path": "m", "step": 3, "timestampMs": 5000, "number": 1.5}
    server.call("POST", f"/api/v1/runs/{theirs}/ingest", {"points": [point]})
    mine = created(server, "made here", metadata={"project": "tiny", "lr": 2})
    ingest(server, mine, event("a", "m", 2.5, 4, metadata={"split": "val"}))
    ours = Writer(server.ledger).open(project="tiny", name="ours").run
    assert {each.slug for each in client.list_experiments().experiments} == {
        "logged there",
        "made here",
        "ours",
    }
    experiment = client.get_experiment(theirs).experiment
    assert experiment.metadata == {"lr": 12345678901234567890}
    (row,) = client.list_metrics(theirs).rows
    assert (row.metric_value, row.step, row.client_timestamp_ms) == (1.5, 3, 5000)
    listed = server.call("GET", "/api/v1/workspaces/acme/projects/tiny/runs").body
    assert {each["run_id"] for each in listed} == {"theirs", mine, ours}
    opened = server.call("POST", "/api/v1/runs", {**body, "run_id": mine, "experiment_name": None}).body["id"]
    assert opened == mine
    shown = {
        each["path"]: each["value"] for each in server.call("GET", f"/api/v1/runs/{mine}").body["configs"]
    }
    assert (shown["lr"], shown["sys/name"]) == ("2", "made here")
    read = server.call("GET", f"/api/v1/runs/{mine}/data/metrics?path=m%7Bsplit=val%7D").body["raw_points"]
    assert read == [{"step": 4, "y": 2.5}]


def test_events_of_two_clients_at_once_are_all_there_once(server: Server) -> None:
    run = created(server)

    def work(who: int) -> None:
        for part in range(5):
            events = [event(f"{part}-{i}", "m", float(i), part * 20 + i) for i in range(20)]
            ingest(server, run, *events, event(f"own-{who}-{part}", "n", 1.0))

    threads = [threading.Thread(target=work, args=(who,)) for who in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rows(server, run, "metric_name=m")) == 100
    assert len(rows(server, run, "metric_name=n")) == 15
    assert server.ledger.runs.receipt(run, verify=True).points_committed == 115


def test_a_removed_experiment_leaves_nothing(server: Server) -> None:
    run = created(server)
    ingest(server, run, event("a", "m", 1.0, 0, metadata={"k": "v" * 3000}))
    data(server.call("POST", f"/api/v1/experiments/{run}", {"status": "done"}))
    server.ledger.runs.remove(run)
    assert server.call("GET", f"/api/v1/experiments/{run}").status == 404
    with server.ledger.read() as unit:
        for table in ("metric_events", "series_metadata"):
            assert unit.rows.connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() == 0


def test_an_idempotency_key_gets_the_answer_that_it_got(server: Server) -> None:
    key = [("idempotency-key", "syvain-metrics-api-client-1")]
    body = {"slug": "once", "description": "", "metadata": {}}
    first = server.call("POST", "/api/v1/experiments", body, headers=key)
    run = data(first)["experiment"]["id"]
    data(server.call("POST", f"/api/v1/experiments/{run}", {"status": "running"}))
    again = server.call("POST", "/api/v1/experiments", body, headers=key)
    assert again.body == first.body
    other = server.call("POST", "/api/v1/experiments", {**body, "slug": "other"}, headers=key)
    assert (other.status, other.body["error"]["details"].partition(";")[0]) == (409, "code=conflict")
    lost = server.call("POST", f"/api/v1/experiments/{NOBODY}", {"status": "done"}, headers=key)
    assert lost.status == 404
    assert len(data(server.call("GET", "/api/v1/experiments"))["experiments"]) == 1
    assert (
        data(server.call("POST", "/api/v1/experiments", body, key="stranger", headers=key))["experiment"][
            "id"
        ]
        != run
    )


def test_a_request_that_is_still_at_work_is_told_so_in_the_words_of_its_client(
    server: Server, client: SyvainMetricsApiClient
) -> None:
    said = json.dumps({"slug": "x"}).encode()
    name = digest(key_id(server), "POST", "/api/v1/experiments", "k")
    Replies(server.ledger).begin(name, digest("", said.hex()))
    answer = server.call("POST", "/api/v1/experiments", raw=said, headers=[("idempotency-key", "k")])
    assert answer.status == 409
    details = answer.body["error"]["details"]
    assert details.startswith("code=idempotency_key_in_progress; retry_after_ms=500")


def test_forty_series_fit_into_a_url(server: Server, client: SyvainMetricsApiClient) -> None:
    run = created(server)
    ingest(server, run, *(event(f"e{i}", f"{'metric' * 10}/{i}", float(i), 0) for i in range(40)))
    series = [{"experiment_id": run, "metric_name": f"{'metric' * 10}/{i}"} for i in reversed(range(40))]
    found = client.compare_metrics(series, sort_by=["series"]).rows
    assert [each.metric_value for each in found] == [float(i) for i in reversed(range(40))]
