from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import autoresearch as ar
from tests.compat_server import Server, serving
from tests.goodseed_requests import configured, ingest, number, opened, text
from tests.run_batches import Writer
from tests.syvain_requests import created, data, event
from tests.syvain_requests import ingest as put


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "store") as made:
        yield made


@pytest.fixture
def three(server: Server) -> dict[str, str]:
    """A run of goodseed, one of Syvain and one of ours, in one project."""
    theirs = opened(server, experiment_name="of goodseed")
    configured(server, theirs, lr=("float", "0.1"), tied=("bool", "true"))
    ingest(
        server, theirs, *(number("loss", step, 3.0 - step) for step in range(3)), text("notes", 0, "a word")
    )
    metadata = {"project": "tiny", "lr": 0.2}
    syvain = created(server, "of syvain", metadata=metadata, description="why")
    put(server, syvain, *(event(f"e{step}", "loss", 2.0 - step, step) for step in range(3)))
    note = {"annotation": "it turned here", "metadata": {"n": 1}}
    data(server.call("POST", f"/api/v1/experiments/{syvain}/annotations", note))
    ours = Writer(server.ledger).open(project="tiny", name="of ours", config={"lr": 0.3})
    ours.log({"loss": [1.0, 0.5, 0.25]})
    return {"goodseed": theirs, "syvain": syvain, "ours": ours.run}


def test_all_stand_in_one_list_over_our_own_api(server: Server, three: dict[str, str]) -> None:
    listed = server.call("GET", "/v1/projects/tiny/runs").body["items"]
    found = {run["name"]: (run["id"], run["config"]["lr"], run["latest"]["loss"]) for run in listed}
    assert found == {
        "of goodseed": (three["goodseed"], 0.1, 1.0),
        "of syvain": (three["syvain"], 0.2, 0.0),
        "of ours": (three["ours"], 0.3, 0.25),
    }
    annotations = server.call("GET", f"/v1/runs/{three['syvain']}/annotations").body["items"]
    assert [(each["text"], each["metadata"]) for each in annotations] == [("it turned here", {"n": 1})]
    lines = server.call("GET", f"/v1/runs/{three['goodseed']}/logs").body["items"]
    assert [(line["name"], line["text"]) for line in lines] == [("notes", "a word")]


def test_the_python_calls_read_what_other_clients_wrote(
    server: Server, three: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first organization of a server is the one that the machine itself works for.
    monkeypatch.setenv("AUTORESEARCH_HOME", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    goodseed = ar.get_run(three["goodseed"], project="tiny")
    assert (goodseed.name, goodseed.config["tied"], goodseed.state) == ("of goodseed", True, "running")
    (curve,) = ar.history(three["goodseed"], "loss", project="tiny")
    assert [(point.step, point.value) for point in curve] == [(0, 3.0), (1, 2.0), (2, 1.0)]
    syvain = ar.get_run("of syvain", project="tiny")
    assert (syvain.note, syvain.config["lr"]) == ("why", 0.2)
    (curve,) = ar.history("of syvain", project="tiny")
    assert curve.values.tolist() == [2.0, 1.0, 0.0]


def test_an_ingestion_key_of_ours_serves_the_other_client(server: Server, three: dict[str, str]) -> None:
    # Nobody has looked at the run since it began.
    early = f"/api/v1/experiments/{three['ours']}/ingest"
    data(server.call("POST", early, {"data": [event("early", "other", 1.0)]}))
    path = f"/v1/runs/{three['ours']}/ingestion-keys"
    made = server.call("POST", path, {"name": "theirs"})
    assert made.status == 200, made
    body = {"data": [event("a", "loss", 9.0, 3)]}
    answer = server.call("POST", f"/api/v1/experiments/{three['ours']}/ingest", body, key=made.body["key"])
    assert answer.status == 200, answer
    (curve,) = server.ledger.runs.history(three["ours"], ["loss"]).curves
    assert curve.values.tolist() == [1.0, 0.5, 0.25, 9.0]
    listed = data(server.call("GET", f"/api/v1/experiments/{three['ours']}/ingestion-keys"))["keys"]
    assert [each["name"] for each in listed] == ["theirs"]


def test_a_folder_of_one_client_holds_runs_of_all(server: Server, three: dict[str, str]) -> None:
    folder = data(server.call("POST", "/api/v1/folders", {"name": "best"}))["folder"]["folder_id"]
    for run in three.values():
        data(server.call("PATCH", f"/api/v1/experiments/{run}", {"folder_id": folder}))
    inside = data(server.call("GET", f"/api/v1/folders/{folder}"))["experiments"]
    assert {each["id"] for each in inside} == set(three.values())
    assert {server.ledger.runs.run(run).folder for run in three.values()} == {"best"}
    shown = server.call("GET", f"/v1/folders/{folder}").body
    assert json.dumps(shown).count("of goodseed") == 1


def test_unknown_paths_have_the_envelope_of_their_side(server: Server) -> None:
    there, here = server.call("GET", "/api/v1/nothing"), server.call("GET", "/v1/nothing")
    assert (there.status, here.status) == (404, 404)
    assert isinstance(there.body["error"]["details"], str)
    assert there.body["error_code"] == "NotFound"
    assert here.body["error"]["code"] == "not_found"
    assert server.call("GET", "/api/v1").status == 404
