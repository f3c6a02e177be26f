from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from syvain_metrics_api_client import SyvainMetricsApiClient
from syvain_metrics_api_client.client import MetricsApiRequestError

from tests.compat_server import Server, serving
from tests.network import Network, answers, lost_answer
from tests.syvain_requests import NOBODY, created, data, event, ingest, run_of


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "store") as made:
        yield made


@pytest.fixture
def client(server: Server, monkeypatch: pytest.MonkeyPatch) -> SyvainMetricsApiClient:
    monkeypatch.setenv("no_proxy", "*")
    return SyvainMetricsApiClient(server.key, host=server.url)


def test_the_client_lives_through_an_experiment(server: Server, client: SyvainMetricsApiClient) -> None:
    assert client.auth_status().organization.name == "acme"
    folder = client.create_folder("sweeps").folder
    made = client.create_experiment(
        "warmup",
        description="why it is tried",
        metadata={"lr": 0.1, "deep": {"n": [1, None]}},
        folder_id=folder.folder_id,
    ).experiment
    assert (made.status, made.started_at_ms, made.done_at_ms) == ("created", None, None)
    assert made.folder is not None
    assert made.folder.path_name == "sweeps"
    running = client.update_experiment_status(made.id, "running", timestamp_ms=1_760_000_000_000).experiment
    assert (running.status, running.started_at_ms) == ("running", 1_760_000_000_000)
    events = [
        event(
            f"e{step}",
            "train/loss",
            1 / (step + 1),
            step,
            metadata={"split": "train"},
            timestamp_ms=1_760_000_000_000 + step,
        )
        for step in range(10)
    ]
    assert client.ingest_metrics(made.id, events, sync=True).mode == "sync"
    assert client.ingest_metrics(made.id, [event("late", "val", 2.5)]).mode == "queued"
    note = client.create_annotation(made.id, "the rate was halved here", metadata={"by": "ada"})
    assert (note.annotation.annotation, note.experiment.id) == ("the rate was halved here", made.id)
    done = client.update_experiment_status(made.id, "done", timestamp_ms=1_760_000_100_000).experiment
    assert (done.status, done.done_at_ms, done.started_at_ms) == (
        "done",
        1_760_000_100_000,
        1_760_000_000_000,
    )
    assert done.last_event_at_ms is not None
    (row, *others) = client.list_metrics(made.id, metric_name="train/loss").rows
    assert (row.metric_value, row.step, row.event_metadata_json) == (1.0, 0, '{"split":"train"}')
    assert (row.client_timestamp_ms, row.experiment_slug, len(others)) == (1_760_000_000_000, "warmup", 9)
    (late,) = client.list_metrics(made.id, metric_name="val").rows
    assert late.step is None
    assert [each.annotation for each in client.list_annotations(made.id).annotations] == [
        "the rate was halved here"
    ]
    assert {each.metric_name: each.metadata_keys for each in client.list_metric_catalog(made.id).metrics} == {
        "train/loss": ["split"],
        "val": [],
    }
    values = client.inspect_metric_catalog_values(made.id, "train/loss", key="split").metadata
    assert (values.scanned_event_count, values.keys[0].values, values.keys[0].value_count) == (
        10,
        ["train"],
        1,
    )
    run = run_of(server, made.id)
    assert (run.name, run.note, run.state, run.folder) == ("warmup", "why it is tried", "finished", "sweeps")
    assert run.config == {"lr": 0.1, "deep": {"n": [1, None]}}
    (curve,) = server.ledger.runs.history(run.id, ["train/loss"], labels={"split": "train"}).curves
    assert curve.values.tolist() == [1 / (step + 1) for step in range(10)]
    assert [each.text for each in server.ledger.runs.annotations(run.id).items] == [
        "the rate was halved here"
    ]
    assert server.ledger.runs.receipt(run.id, verify=True).intact


def test_folders_are_moved_renamed_and_filled(server: Server, client: SyvainMetricsApiClient) -> None:
    top = client.create_folder("top").folder
    inner = client.create_folder("inner", parent_id=top.folder_id).folder
    assert (inner.parent_id_path, inner.path_name) == ([top.folder_id], "top/inner")
    other = client.create_folder("other").folder
    moved = client.move_folder(other.folder_id, inner.folder_id).folder
    assert moved.path_name == "top/inner/other"
    assert client.rename_folder(inner.folder_id, "deep").folder.path_name == "top/deep"
    assert client.move_folder(other.folder_id, None).folder.parent_id_path == []
    with pytest.raises(MetricsApiRequestError, match="HTTP 4"):
        client.move_folder(top.folder_id, inner.folder_id)
    with pytest.raises(MetricsApiRequestError, match="HTTP 404"):
        client.create_folder("lost", parent_id=NOBODY)
    experiment = client.create_experiment("e", folder_id=inner.folder_id).experiment
    contents = client.get_folder(inner.folder_id)
    assert [each.id for each in contents.experiments] == [experiment.id]
    assert [each.name for each in client.get_folder(top.folder_id).folders] == ["deep"]
    assert [each.folder_id for each in client.list_folders(path="top/deep").folders] == [inner.folder_id]
    assert len(client.list_folders().folders) == 3
    assert client.move_experiment(experiment.id, None).experiment.folder is None
    assert client.get_folder(inner.folder_id).experiments == []


def test_experiments_are_listed_and_found(server: Server, client: SyvainMetricsApiClient) -> None:
    first = client.create_experiment("Alpha run", description="warm").experiment
    second = client.create_experiment("beta").experiment
    client.update_experiment_status(first.id, "running")

    def slugs(**query: Any) -> list[str]:
        return [each.slug for each in client.list_experiments(**query).experiments]

    assert slugs() == ["Alpha run", "beta"]
    assert slugs(status="created") == ["beta"]
    assert slugs(slug="beta") == ["beta"]
    assert slugs(search="ALPHA") == slugs(search="warm") == ["Alpha run"]
    assert slugs(limit=1) == ["Alpha run"]
    assert "beta" in slugs(from_ms=second.created_at_ms)
    assert "beta" in slugs(to_ms=second.created_at_ms)
    assert slugs(from_ms=second.created_at_ms + 1) == []
    assert slugs(to_ms=first.created_at_ms - 1) == []
    client.ingest_metrics(second.id, [event("a", "m", 1.0)])
    assert slugs() == ["beta", "Alpha run"]


def test_an_error_keeps_name_and_detail_and_may_run_again(
    server: Server, client: SyvainMetricsApiClient
) -> None:
    made = client.create_experiment("e").experiment
    failed = client.update_experiment_status(
        made.id, "error", error={"name": "Out: of memory", "detail": "3 GB"}
    ).experiment
    assert (failed.status, failed.error_name, failed.error_detail) == ("error", "Out: of memory", "3 GB")
    assert run_of(server, made.id).error == "Out: of memory: 3 GB"
    plain = client.update_experiment_status(made.id, "error", error={}).experiment
    assert (plain.error_name, plain.error_detail) == ("Error", "")
    again = client.update_experiment_status(made.id, "running").experiment
    assert (again.status, again.error_name, again.done_at_ms) == ("running", None, None)
    assert client.update_experiment_status(made.id, "done").experiment.status == "done"
    assert client.update_experiment_status(made.id, "running").experiment.status == "running"
    assert run_of(server, made.id).state == "running"


def test_ingestion_keys_are_minted_used_and_revoked(server: Server, client: SyvainMetricsApiClient) -> None:
    made, other = client.create_experiment("e").experiment, client.create_experiment("other").experiment
    minted = client.create_ingestion_key(made.id, name="mine", ttl_ms=60_000)
    (listed,) = client.list_ingestion_keys(made.id).keys
    assert (listed.id, listed.name, listed.revoked_at_ms) == (minted.key.id, "mine", None)
    assert listed.expires_at_ms - listed.created_at_ms == 60_000
    assert minted.token not in str(client.list_ingestion_keys(made.id))
    body = {"data": [event("a", "m", 1.0)]}
    path = f"/api/v1/experiments/{made.id}"
    assert server.call("POST", f"{path}/ingest", body, key=minted.token).status == 200
    assert server.call("POST", f"{path}/annotations", {"annotation": "x"}, key=minted.token).status == 200
    assert server.call("GET", f"{path}/metrics", key=minted.token).status == 403
    assert server.call("POST", f"/api/v1/experiments/{other.id}/ingest", body, key=minted.token).status == 403
    assert (
        server.call("GET", "/api/v1/auth/status", key=minted.token).body["data"]["auth"]["kind"]
        == "ingestion_key"
    )
    for _ in range(2):
        assert client.revoke_ingestion_key(made.id, minted.key.id).key.revoked_at_ms is not None
    assert server.call("POST", f"{path}/ingest", body, key=minted.token).status == 401
    assert len(client.list_ingestion_keys(made.id).keys) == 1


def test_a_revoked_key_is_replaced_and_no_event_counts_twice(
    server: Server, client: SyvainMetricsApiClient
) -> None:
    made = client.create_experiment("e").experiment
    client.ingest_metrics(made.id, [event("a", "m", 1.0, 0)])
    for key in client.list_ingestion_keys(made.id).keys:
        client.revoke_ingestion_key(made.id, key.id)
    client.ingest_metrics(made.id, [event("a", "m", 1.0, 0), event("b", "m", 2.0, 1)])
    assert [each.metric_value for each in client.list_metrics(made.id).rows] == [1.0, 2.0]
    assert len(client.list_ingestion_keys(made.id).keys) == 2


def test_lost_answers_and_a_failing_proxy_are_survived(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with Network(server.port) as network:
        client = SyvainMetricsApiClient(server.key, host=f"http://127.0.0.1:{network.port}")
        network.meets(lost_answer(), answers(502))
        made = client.create_experiment("once").experiment
        network.meets(lost_answer())
        folder = client.create_folder("once").folder
        client.create_ingestion_key(made.id)
        network.meets(lost_answer())
        client.create_annotation(made.id, "once")
        network.meets(lost_answer())
        client.ingest_metrics(made.id, [event("a", "m", 1.0, 0)])
        assert [each.slug for each in client.list_experiments().experiments] == ["once"]
        assert [each.folder_id for each in client.list_folders().folders] == [folder.folder_id]
        assert len(client.list_annotations(made.id).annotations) == 1
        assert len(client.list_metrics(made.id).rows) == 1


def test_series_of_several_experiments_are_compared(server: Server, client: SyvainMetricsApiClient) -> None:
    one, two = created(server, "one"), created(server, "two")
    ingest(
        server,
        one,
        *(event(f"e{i}", "m", float(i), i, metadata={"split": "a" if i % 2 else "b"}) for i in range(4)),
    )
    ingest(server, two, *(event(f"e{i}", "m", 10.0 + i, i) for i in range(4)))
    series = [
        {"experiment_id": two, "metric_name": "m"},
        {"experiment_id": one, "metric_name": "m", "metadata_key": "split", "metadata_value": "a"},
    ]
    found = client.compare_metrics(series, sort_by=["series", "step"]).rows
    assert [each.metric_value for each in found] == [10.0, 11.0, 12.0, 13.0, 1.0, 3.0]
    by_step = client.compare_metrics(series, sort_by=["step"], from_step=1, limit=3).rows
    assert [each.metric_value for each in by_step] == [11.0, 1.0, 12.0]
    assert client.compare_metrics([]).rows == []
    with pytest.raises(MetricsApiRequestError, match="HTTP 404"):
        client.compare_metrics([{"experiment_id": NOBODY, "metric_name": "m"}])


def test_a_slash_belongs_to_the_name_of_a_metric(server: Server, client: SyvainMetricsApiClient) -> None:
    run = created(server)
    for name in ("a/b", "a%2Fb", "per cent%", "ü ☃", "x?y#z", "..", "/", "a//b"):
        client.ingest_metrics(run, [event(name, name, 1.0, 0, metadata={"k": name})])
        assert client.inspect_metric_catalog_values(run, name).metadata.keys[0].values == [name]
        assert [each.metric_name for each in client.list_metrics(run, metric_name=name).rows] == [name]


def test_an_experiment_without_signs_of_life_does_not_crash(server: Server, tmp_path: Path) -> None:
    run = created(server)
    ledger = server.ledger
    with ledger.write() as unit:
        unit.rows.connection.exec_driver_sql("UPDATE writers SET updated_at = 1")
    data(server.call("POST", f"/api/v1/experiments/{run}", {"status": "running"}))
    ingest(server, run, event("a", "m", 1.0))
    with ledger.write() as unit:
        unit.rows.connection.exec_driver_sql("UPDATE writers SET updated_at = 1")
    assert run_of(server, run).state == "running"
    assert data(server.call("GET", f"/api/v1/experiments/{run}"))["experiment"]["status"] == "running"


def test_an_experiment_goes_to_the_project_that_its_metadata_name(server: Server) -> None:
    assert run_of(server, created(server, "a")).project == "experiments"
    assert run_of(server, created(server, "b", metadata={"project": "char-lm"})).project == "char-lm"
    assert run_of(server, created(server, "c", metadata={"project": "a/b"})).project == "experiments"
