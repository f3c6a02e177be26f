from __future__ import annotations

import datetime
import json
import math
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autoresearch.records.typed import config_value
from tests.compat_server import Server, serving
from tests.goodseed_requests import configs, configured, ingest, number, only, opened, runs, text
from tests.network import Network, lost_answer
from tests.run_batches import Writer
from tests.run_scripts import ran, started

BEGIN = """
import goodseed
def begin(**more):
    quiet = dict(capture_hardware_metrics=False, capture_stdout=False, capture_stderr=False, capture_traceback=False, git_ref=False)
    return goodseed.Run(**{"project": "acme/tiny", **quiet, **more})
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "store") as made:
        yield made


def environment(server: Server, url: str | None = None) -> dict[str, str]:
    return {"GOODSEED_API_URL": url or server.url, "GOODSEED_API_KEY": server.key, "no_proxy": "*"}


def goodseed(server: Server, folder: Path, body: str, *, url: str | None = None) -> str:
    """What a script with the real client prints."""
    done = ran(BEGIN + textwrap.dedent(body), folder=folder, **environment(server, url))
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_script_of_goodseed_becomes_a_run_of_ours(server: Server, tmp_path: Path) -> None:
    goodseed(
        server,
        tmp_path,
        """
        with begin(run_id="first-run", name="A first run", description="what it is for", tags=["fast", "small"]) as run:
            run["lr"] = 0.001
            run["model"] = {"layers": 4, "tied": True, "name": "gpt", "dropout": None}
            for step in range(20):
                run.log_metrics({"train/loss": 1 / (step + 1), "train/acc": step / 20}, step=step)
            run["note"].log("halfway", step=10)
        """,
    )
    run = only(server)
    assert (run.name, run.state, run.note) == ("A first run", "finished", "what it is for")
    assert sorted(run.tags) == ["fast", "small"]
    assert {
        key: run.config[key] for key in ("lr", "model/layers", "model/tied", "model/name", "model/dropout")
    } == {
        "lr": 0.001,
        "model/layers": 4,
        "model/tied": True,
        "model/name": "gpt",
        "model/dropout": None,
    }
    (curve,) = server.ledger.runs.history(run.id, ["train/loss"]).curves
    assert [(point.step, point.value) for point in curve] == [(step, 1 / (step + 1)) for step in range(20)]
    assert [line.text for line in server.ledger.runs.lines(run.id, ["note"]).items] == ["halfway"]
    assert server.ledger.runs.receipt(run.id, verify=True).intact


def test_what_was_logged_is_read_back_through_a_read_only_run(server: Server, tmp_path: Path) -> None:
    said = goodseed(
        server,
        tmp_path,
        """
        import datetime, json
        with begin(run_id="typed") as run:
            run.log_configs({
                "bool": True, "int": 12345678901234567890, "float": 0.1, "nan": float("nan"), "inf": float("-inf"),
                "text": "ü \\u2028 \\N{SNOWMAN}", "when": datetime.datetime(2025, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc),
                "none": None, "set": {"b", "a"}, "big": 1e300, "one": 1.0, "list": [1, "x"], "long": "y" * 20_000,
            })
            for step in (3, 1, 2, 1):
                run.log_metrics({"m": step + 0.5}, step=step)
                run.log_strings({"s": f"line {step}"}, step=step)
            run.log_metrics({"m": float("inf")}, step=4)
            run.log_metrics({"m": float("-inf")}, step=5)
            run.log_metrics({"m": 2.5}, step=-7)
        back = begin(run_id="typed", read_only=True)
        typed = {c["path"]: [c["type_tag"], c["value"]] for c in back.get_configs() if c["updated_at"]}
        print(json.dumps([
            typed, back.get_metric_paths(), back.get_string_paths(), back.get_metric_data("m"), back.get_string_data("s"),
            back.get_string_data("s", limit=1, offset=1), back.get_string_data("s", offset=9),
            back.get_metric_data("m", step_min=1, step_max=3), back.get_metric_data("nothing"),
        ]))
        """,
    )
    typed, metrics, strings, points, lines, second, beyond, window, nothing = json.loads(
        said.splitlines()[-1]
    )
    assert typed["bool"] == ["bool", "true"]
    assert typed["int"] == ["int", "12345678901234567890"]
    assert typed["float"] == ["float", "0.1"]
    assert typed["nan"] == ["float", "nan"]
    assert typed["inf"] == ["float", "-inf"]
    assert typed["text"] == ["str", "ü \u2028 ☃"]
    assert typed["when"] == ["datetime", "2025-01-02T03:04:05+00:00"]
    assert typed["none"] == ["null", ""]
    assert typed["set"] == ["string_set", '["a", "b"]']
    assert typed["big"] == ["float", "1e+300"]
    assert typed["one"] == ["float", "1.0"]
    assert typed["long"] == ["str", "y" * 9987 + "\n[truncated]"]
    assert typed["sys/state"] == ["str", "finished"]
    assert typed["sys/id"] == ["str", "typed"]
    assert metrics == ["m"]
    assert strings == ["s"]
    assert points["downsampled"] is False
    assert [(each["step"], float(each["y"])) for each in points["raw_points"]] == [
        (-7, 2.5),
        (1, 1.5),
        (2, 2.5),
        (3, 3.5),
        (4, math.inf),
        (5, -math.inf),
    ]
    assert lines == [{"step": step, "value": f"line {step}"} for step in (1, 2, 3)]
    assert second == [{"step": 2, "value": "line 2"}]
    assert beyond == []
    assert [each["step"] for each in window["raw_points"]] == [1, 2, 3]
    assert nothing["raw_points"] == []
    config = only(server).config
    assert (config["text"], config["float"], config["none"]) == ("ü \u2028 ☃", 0.1, None)
    typed_here = {name: config_value(config[name]) for name in ("int", "inf", "set", "when")}
    when = datetime.datetime(2025, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    assert typed_here == {"int": 12345678901234567890, "inf": -math.inf, "set": {"a", "b"}, "when": when}


def test_a_resumed_run_runs_again_and_keeps_its_name(server: Server, tmp_path: Path) -> None:
    goodseed(
        server,
        tmp_path,
        """
        with begin(run_id="again", name="named once") as run:
            run.log_metrics({"m": 1.0}, step=0)
        """,
    )
    said = goodseed(
        server,
        tmp_path,
        """
        run = begin(resume_run_id="again")
        run.log_metrics({"m": 2.0}, step=1)
        run.sync(); run.wait(20)
        back = begin(run_id="again", read_only=True)
        print([c["value"] for c in back.get_configs() if c["path"] == "sys/state"])
        run.close()
        """,
    )
    assert "['running']" in said
    run = only(server)
    assert (run.name, run.state) == ("named once", "finished")
    kinds = [event.kind for event in server.ledger.memory.events(limit=100).items if event.subject == run.id]
    assert kinds == ["run.started", "run.finished", "run.resumed", "run.finished"]


def test_opening_a_run_to_read_changes_neither_its_state_nor_its_name(server: Server) -> None:
    run = opened(server, experiment_name="a name")
    server.call("POST", f"/api/v1/runs/{run}/status", {"status": "finished"})
    assert opened(server) == run
    assert (only(server).state, only(server).name) == ("finished", "a name")
    assert opened(server, experiment_name="another") == run
    assert only(server).name == "another"


def test_projects_workspaces_and_runs_are_listed(server: Server, tmp_path: Path) -> None:
    said = goodseed(
        server,
        tmp_path,
        f"""
        import json
        from goodseed import projects
        key = {server.key!r}
        begin(run_id="one").close()
        begin(project="other", run_id="two").close()
        made = [projects.ensure_project("acme", "a b", storage="remote", api_key=key) for _ in range(2)]
        print(json.dumps([
            projects.me(api_key=key)["name"], projects.list_workspaces(api_key=key),
            [each["name"] for each in projects.list_projects("acme", api_key=key)], made,
            [each["run_id"] for each in projects.list_runs("acme", "tiny", api_key=key)],
            projects.list_runs("acme", "a b", api_key=key),
        ]))
        """,
    )
    me, workspaces, projects, made, listed, empty = json.loads(said.splitlines()[-1])
    assert me == "acme"
    assert [each["id"] for each in workspaces] == ["acme"]
    assert projects == ["a b", "other", "tiny"]
    assert [each["created"] for each in made] == [True, False]
    assert listed == ["one"]
    assert empty == []


def test_a_killed_script_is_uploaded_afterwards(server: Server, tmp_path: Path) -> None:
    code = BEGIN + textwrap.dedent(
        """
        run = begin(run_id="killed", name="it was killed", project="acme/tiny")
        for step in range(12_000):
            run.log_metrics({"m": float(step)}, step=step)
        print("logged", flush=True)
        input()
        """
    )
    with started(code, folder=tmp_path, **environment(server)) as process:
        assert process.stdout is not None
        while process.stdout.readline().strip() != "logged":
            pass
        process.send_signal(signal.SIGKILL)
    command = [sys.executable, "-m", "goodseed.cli", "upload", "-p", "acme/tiny", "-r", "killed"]
    for _ in range(2):
        done = subprocess.run(
            command,
            check=False,
            env={**os.environ, **environment(server)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    run = only(server)
    assert (run.name, run.state) == ("it was killed", "running")
    (curve,) = server.ledger.runs.history(run.id, limit=10_000).curves
    (first, *_), cursor = curve, server.ledger.runs.history(run.id, limit=10_000).next_cursor
    (rest,) = server.ledger.runs.history(run.id, limit=10_000, cursor=cursor).curves
    assert first.value == 0.0
    assert len(curve) + len(rest) == 12_000
    assert server.ledger.runs.receipt(run.id, verify=True).duplicates_collapsed == 0


def test_a_failing_script_fails_inside_of_with(server: Server, tmp_path: Path) -> None:
    done = ran(
        BEGIN + "with begin(capture_traceback=True) as run: raise ValueError('no luck')",
        folder=tmp_path,
        **environment(server),
    )
    assert "no luck" in done.stderr
    run = only(server)
    assert run.state == "failed"
    assert any("no luck" in line.text for line in server.ledger.runs.lines(run.id).items)


def test_monitoring_console_and_git_arrive(server: Server, tmp_path: Path) -> None:
    git = ["git", "-c", "user.name=ada", "-c", "user.email=ada@example.org", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "begin"], check=True)
    commit = subprocess.run(
        [*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    # Its client forgets what was printed in the last second before the end.
    code = """
    import time, goodseed
    with goodseed.Run(project="acme/tiny", monitoring_namespace="monitoring/x") as run:
        print("hello there")
        while not run.exists("monitoring/x/stdout"):
            time.sleep(0.05)
    """
    ran(textwrap.dedent(code), folder=tmp_path, **environment(server))
    run = only(server)
    assert run.code is not None
    assert (run.code.commit, run.code.branch) == (commit, "main")
    lines = {line.name: line.text for line in server.ledger.runs.lines(run.id).items}
    assert "hello there" in lines["monitoring/x/stdout"]
    assert run.config["monitoring/x/pid"]


def test_the_neptune_shims_reach_the_server(server: Server, tmp_path: Path) -> None:
    goodseed(
        server,
        tmp_path,
        """
        import goodseed.neptune as neptune
        run = neptune.init_run(project="acme/tiny", with_id=None, capture_hardware_metrics=False)
        run["parameters"] = {"lr": 0.1}
        for value in (3.0, 2.0, 1.0):
            run["train/loss"].append(value)
        run["sys/tags"].add(["shim"])
        run.stop()
        """,
    )
    run = only(server)
    assert (run.config["parameters/lr"], list(run.tags)) == (0.1, ["shim"])
    (curve,) = server.ledger.runs.history(run.id, ["train/loss"]).curves
    assert curve.values.tolist() == [3.0, 2.0, 1.0]


def test_a_lost_answer_adds_nothing(server: Server, tmp_path: Path) -> None:
    with Network(server.port) as network:
        network.decide = lambda what: lost_answer() if lost(what) else gone
        seen: list[str] = []

        def lost(what: str) -> bool:
            seen.append(what)
            return "/ingest" in what and sum("/ingest" in each for each in seen) < 4

        from tests.network import PASSES as gone  # noqa: N811

        goodseed(
            server,
            tmp_path,
            """
            with begin(run_id="retried") as run:
                for step in range(100):
                    run.log_metrics({"m": float(step)}, step=step)
                    run.log_strings({"s": str(step)}, step=step)
            """,
            url=f"http://127.0.0.1:{network.port}",
        )
    run = only(server)
    receipt = server.ledger.runs.receipt(run.id, verify=True)
    assert (receipt.points_committed, receipt.duplicates_collapsed, receipt.intact) == (100, 0, True)
    assert [line.text for line in server.ledger.runs.lines(run.id, ["s"]).items] == list(map(str, range(100)))


def test_the_last_value_said_of_a_step_stands_also_when_it_was_said_before(server: Server) -> None:
    run = opened(server)
    for value in (1.0, 2.0, 1.0):
        ingest(server, run, number("m", 5, value), text("s", 5, f"it is {value}"))
    found = server.call("GET", f"/api/v1/runs/{run}/data/metrics?path=m").body
    assert found["raw_points"] == [{"step": 5, "y": 1.0}]
    lines = server.call("GET", f"/api/v1/runs/{run}/data/strings?path=s").body
    assert lines == {"points": [{"step": 5, "value": "it is 1.0"}], "total": 1}


def test_a_batch_sent_a_hundred_times_does_not_grow_the_store(server: Server) -> None:
    run = opened(server)
    points = [number("m", step, float(step)) for step in range(50)] + [text("s", 0, "once")]
    for _ in range(100):
        ingest(server, run, *points)
    assert server.ledger.runs.receipt(run).points_committed == 50
    assert len(server.ledger.runs.lines(run).items) == 1


def test_a_metric_a_text_and_a_config_of_one_path_are_three_things(server: Server) -> None:
    run = opened(server)
    ingest(server, run, number("x", 0, 1.5), text("x", 0, "words"))
    configured(server, run, x=("int", "3"))
    paths = server.call("GET", f"/api/v1/runs/{run}/paths").body
    assert sorted((each["path"], each["type"]) for each in paths) == [("x", "metric"), ("x", "string")]
    assert configs(server, run)["x"] == ("int", "3")
    assert only(server).config == {"x": 3}


def test_a_config_may_change_its_type_and_our_own_change_is_seen(server: Server) -> None:
    run = opened(server)
    configured(server, run, lr=("float", "0.1"))
    configured(server, run, lr=("str", "high"), keep=("float", "1.0"))
    assert configs(server, run)["lr"] == ("str", "high")
    Writer(server.ledger, run=run).say("config", values={"lr": 0.25})
    assert configs(server, run)["lr"] == ("float", "0.25")
    assert configs(server, run)["keep"] == ("float", "1.0")


def test_a_run_of_ours_is_listed_and_read_by_goodseed(server: Server, tmp_path: Path) -> None:
    writer = Writer(server.ledger).open(
        project="tiny", name="ours", config={"optimizer": {"lr": 0.5}}, tags=["t"]
    )
    writer.log({"loss": [3.0, 2.0]})
    writer.log({"loss": [9.0]}, labels=(("split", "val"),))
    writer.write("console", "one", "two")
    writer.write("console", "again at the first step")
    writer.finish()
    said = goodseed(
        server,
        tmp_path,
        f"""
        import json
        from goodseed import projects
        (listed,) = projects.list_runs("acme", "tiny", api_key={server.key!r})
        run = begin(run_id=listed["run_id"], read_only=True)
        print(json.dumps([run.get_metric_paths(), run.get_metric_data("loss")["raw_points"], run.get_string_data("console"),
            {{c["path"]: c["value"] for c in run.get_configs()}}, run.get_metric_data("loss{{split=val}}")["raw_points"]]))
        """,
    )
    paths, points, lines, found, labelled = json.loads(said.splitlines()[-1])
    assert paths == ["loss", "loss{split=val}"]
    assert points == [{"step": 0, "y": 3.0}, {"step": 1, "y": 2.0}]
    assert [line["value"] for line in lines] == ["one", "again at the first step", "two"]
    assert found["optimizer/lr"] == "0.5"
    assert (found["sys/name"], found["sys/state"], found["sys/tags"]) == ("ours", "finished", '["t"]')
    assert labelled == [{"step": 0, "y": 9.0}]
    assert len(runs(server)) == 1


def test_a_window_with_more_than_max_points_comes_in_buckets(server: Server) -> None:
    run = opened(server)
    ingest(server, run, *(number("m", step, math.inf if step == 7 else float(step)) for step in range(1000)))
    found = server.call("GET", f"/api/v1/runs/{run}/data/metrics?path=m&max_points=10").body
    assert found["downsampled"] is True
    assert len(found["buckets"]) <= 12
    assert found["buckets"][0]["y"] == 0.0
    assert found["buckets"][-1]["y"] == 999.0
    assert min(each["minY"] for each in found["buckets"]) == 0.0
    assert max(each["maxY"] for each in found["buckets"]) == 999.0
    assert sum(each["count"] for each in found["buckets"][1:-1]) == 1000


def test_nothing_in_a_batch_makes_it_be_refused(server: Server) -> None:
    run = opened(server)
    odd = [
        {"path": "m", "step": 1, "timestampMs": 1, "number": "NaN"},
        {"path": "m", "step": 2.7, "timestampMs": -5, "number": 1},
        {"path": "m", "step": 10**30, "timestampMs": 1, "number": 1},
        {"path": "m", "step": None, "timestampMs": 1, "number": 1},
        {"path": "m", "step": 3, "timestampMs": 10**40, "number": 10**400},
        {"path": "m", "step": 4, "number": None},
        {"path": "", "step": 1, "number": 1},
        {"path": "nul\0\ud800", "step": 1, "number": 1},
        {"path": "nul\ufffd?", "step": 1, "number": 2},
        {"path": "t", "step": 1, "text": "a\0b\ud800"},
        "no point",
        None,
    ]
    ingest(server, run, *odd)  # type: ignore[arg-type]
    raw = b'{"points": [{"path": "i", "step": 0, "timestampMs": 0, "number": -Infinity}]}'
    assert server.call("POST", f"/api/v1/runs/{run}/ingest", raw=raw).status == 200
    configs_body = {
        "configs": [
            {"path": "a\0", "type_tag": "int", "value": "many"},
            {"path": 3},
            "no",
            {"path": "n", "value": 7},
        ]
    }
    assert server.call("POST", f"/api/v1/runs/{run}/configs", configs_body).status == 204
    found = server.call("GET", f"/api/v1/runs/{run}/data/metrics?path=m").body["raw_points"]
    assert found == [{"step": 1, "y": "NaN"}, {"step": 2, "y": 1.0}, {"step": 3, "y": "Infinity"}]
    assert server.call("GET", f"/api/v1/runs/{run}/data/metrics?path=i").body["raw_points"] == [
        {"step": 0, "y": "-Infinity"}
    ]
    faults = server.ledger.runs.receipt(run).faults
    assert any("its step was no 64-bit integer" in fault for fault in faults)
    for _ in range(2):
        ingest(server, run, number("☃" * 900, 0, 1.0))
    long = server.call("GET", f"/api/v1/runs/{run}/data/metrics?path={'☃' * 900}").body
    assert long["raw_points"] == [{"step": 0, "y": 1.0}]
    assert only(server).config == {"a\ufffd": "many", "n": "7"}


def test_every_success_has_the_code_that_its_client_compares_with(server: Server) -> None:
    run = opened(server)
    expected = [
        ("POST", f"runs/{run}/configs", {"configs": []}, 204),
        ("POST", f"runs/{run}/ingest", {"points": []}, 200),
        ("POST", f"runs/{run}/status", {"status": "finished"}, 200),
        ("GET", f"runs/{run}", None, 200),
        ("GET", f"runs/{run}/paths", None, 200),
        ("GET", "auth/me", None, 200),
        ("GET", "workspaces", None, 200),
        ("GET", "workspaces/acme/projects", None, 200),
        ("POST", "workspaces/acme/projects", {"name": "new one"}, 200),
        ("GET", "workspaces/acme/projects/tiny/runs", None, 200),
    ]
    found = [(m, p, b, server.call(m, f"/api/v1/{p}", b).status) for m, p, b, _ in expected]
    assert found == expected
    assert server.call("POST", f"/api/v1/runs/{run}/heartbeat").status == 200
    assert server.call("GET", "//api/v1/auth/me").status == 200
    assert server.call("GET", "/api/v1/workspaces/acme/projects/new%20one/runs").body == []


def test_what_is_not_there_or_not_allowed_is_told_as_the_client_reads_it(server: Server) -> None:
    run = opened(server)
    nobody = "0198c0de-0000-7000-8000-000000000000"
    body = {"workspace": "acme", "project": "tiny", "run_id": "r", "experiment_name": None}
    refusals: list[tuple[str, str, Any, int, str | None]] = [
        ("POST", "runs", {**body, "run_id": ""}, 400, "own"),
        ("POST", "runs", {**body, "workspace": "others"}, 404, "own"),
        ("POST", "runs", {**body, "project": "a/b"}, 422, "own"),
        ("POST", "runs", body, 403, "reading"),
        ("POST", "runs", body, 401, "wrong"),
        ("POST", "runs", body, 401, None),
        ("GET", f"runs/{nobody}", None, 404, "own"),
        ("GET", f"runs/{run}", None, 404, "stranger"),
        ("POST", f"runs/{run}/ingest", {"points": [number("m", 0, 1.0)]}, 404, "stranger"),
        ("POST", f"runs/{run}/configs", {"configs": []}, 404, "stranger"),
        ("POST", f"runs/{run}/heartbeat", None, 404, "stranger"),
        ("POST", f"runs/{run}/status", {"status": "failed"}, 404, "stranger"),
        ("GET", f"runs/{run}/paths", None, 404, "stranger"),
        ("GET", f"runs/{run}/data/metrics?path=m", None, 404, "stranger"),
        ("GET", f"runs/{run}/data/strings?path=m", None, 404, "stranger"),
        ("GET", "workspaces/acme/projects", None, 404, "stranger"),
        ("GET", "workspaces/acme/projects/nothing/runs", None, 404, "own"),
        ("GET", "nothing/at/all", None, 404, "own"),
        ("DELETE", "runs", None, 405, "own"),
        ("POST", f"runs/{run}/status", {"status": "asleep"}, 422, "own"),
        ("GET", f"runs/{run}/data/metrics?path=m&max_points=0", None, 422, "own"),
    ]
    for method, path, said, status, key in refusals:
        answer = server.call(method, f"/api/v1/{path}", said, key=key)
        assert answer.status == status, (method, path, answer)
        assert {"error_code", "title", "detail", "error"} <= answer.body.keys()
        assert answer.body["error"]["message"]
    missing = server.call("POST", "/api/v1/runs", {**body, "workspace": "others"})
    assert missing.body["error_code"] == "Project.NotFound"
    assert [each.name for each in runs(server)] == ["bold-otter"]
    assert only(server).state == "running"


def test_a_key_that_only_reads_opens_a_run_that_is_there(server: Server) -> None:
    run = opened(server)
    body = {"workspace": "acme", "project": "tiny", "run_id": "bold-otter", "experiment_name": None}
    assert server.call("POST", "/api/v1/runs", body, key="reading").body["id"] == run


def test_a_body_that_unpacks_beyond_the_limit_is_refused_early(server: Server) -> None:
    run = opened(server)
    bomb = b"[" + b" " * (200 * 1024 * 1024)
    assert server.call("POST", f"/api/v1/runs/{run}/ingest", raw=bomb, packed=True).status == 413
    assert server.call("POST", f"/api/v1/runs/{run}/ingest", raw=b"[" * 100_000).status == 422
    plain = [("content-encoding", "gzip")]
    assert server.call("POST", f"/api/v1/runs/{run}/ingest", raw=b"not gzip", headers=plain).status == 422


def test_an_uploaded_run_has_the_times_that_its_client_remembers(server: Server) -> None:
    run = opened(server, created_at="2024-05-06T07:08:09+02:00", modified_at="never")
    configured(
        server,
        run,
        **{"sys/state": ("str", "failed"), "sys/closed_time": ("str", "2024-05-06T06:00:00+00:00")},
    )
    found = only(server)
    assert found.started_at.isoformat() == "2024-05-06T05:08:09+00:00"
    assert found.ended_at is not None
    assert (found.state, found.ended_at.isoformat()) == ("failed", "2024-05-06T06:00:00+00:00")
    assert opened(server, "lenient", created_at="yesterday")


def test_tags_that_are_taken_away_there_are_taken_away_here_and_ours_stay(server: Server) -> None:
    run = opened(server)
    configured(server, run, **{"sys/tags": ("string_set", '["a", "b"]')})
    Writer(server.ledger, run=run).say("tags", add=["ours"])
    configured(server, run, **{"sys/tags": ("string_set", '["b", "c"]')})
    assert sorted(only(server).tags) == ["b", "c", "ours"]
    assert configs(server, run)["sys/tags"] == ("string_set", '["b", "c", "ours"]')


def test_many_large_configs_are_all_there(server: Server) -> None:
    run = opened(server)
    values = {f"c/{index}": ("str", f"{index} " + "x" * 9000) for index in range(300)}
    configured(server, run, **values)
    found = configs(server, run)
    assert {path: found[path] for path in values} == values
    assert all(only(server).config[path] == value for path, (_, value) in values.items())
