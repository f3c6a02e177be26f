"""Scripts, calls and commands on a connected machine: as without a server, through outages, and back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest

import autoresearch as ar
from autoresearch.cli import main
from autoresearch.errors import Conflict, Unavailable
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.store.homes import server_home
from autoresearch.track.connecting import synced_ledger
from autoresearch.track.live import keeper, sending
from autoresearch.track.live.servers import Server
from autoresearch.track.uploading import upload
from tests.network import Network
from tests.run_scripts import points
from tests.serving import Served


def far(server: Served) -> LocalLedger:
    return server.state.ledger(server.state.access.authenticate(server.key))


class Said(NamedTuple):
    """What a command printed."""

    out: str
    err: str


class Command(Protocol):
    """Runs a command line; answers what it printed."""

    def __call__(self, *words: str, code: int = 0) -> Said: ...


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs command lines in this process, as if each were one of its own."""

    def run(*words: str, code: int = 0) -> Said:
        capsys.readouterr()
        given = main(words)
        said = Said(*capsys.readouterr())
        assert given == code, said.err
        return said

    return run


def quiet(**more: Any) -> ar.Run:
    return ar.init(**{"system_metrics": False, "capture_console": False, "capture_code": False, **more})


def test_a_whole_loop_works_on_the_server_unchanged(network: Network, server: Served, home: Path) -> None:
    ar.goal(metric="loss", lower_is_better=True)
    tried = ar.experiment(note="first", snapshot=".")
    with quiet(experiment=tried, config={"lr": 1}) as run:
        for step in range(10):
            run.log({"loss": 1 / (step + 1)})
        assert run.get_metric_data("loss", step_min=9)["raw_points"] == [{"step": 9, "y": 0.1}]
    ar.decision(experiment_id=tried["id"], status="keep", score=0.1, metric="loss")
    version = ar.artifact("model", "train.py", type="model", produced_by=tried["id"])
    ar.promote("model", "production", version=version["version"])
    assert ar.get_artifact("model", "winner", path="out")["version"] == "v1"
    there = far(server)
    (found,) = there.research.experiments("p").items
    assert (found.state, found.score, found.on_frontier) == ("kept", 0.1, True)
    assert [entry.path for entry in there.snapshots.tree(found.tree or "").files()] == ["train.py"]
    stored = there.runs.run(run.id)
    assert (stored.state, stored.experiment_id, stored.config) == ("finished", tried.id, {"lr": 1})
    assert ar.frontier().best == there.research.frontier("p").best
    assert "first" in str(ar.context())
    assert not (home / ".autoresearch" / "ledger.sqlite").exists()


def test_another_machine_goes_on_with_a_run_and_may_read_it(
    network: Network, server: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with quiet(name="walk", config={"lr": 1}) as run:
        run.log({"a": 1.0, "said": "hello"})
    monkeypatch.setenv("AUTORESEARCH_HOME", str(tmp_path / "another"))
    with quiet(resume="walk") as more:
        more.log({"a": 2.0})
    assert more.id == run.id
    assert points(far(server).runs, run.id, "a") == [(0, 1.0), (1, 2.0)]
    reading = ar.init(resume=run.id, read_only=True)
    assert (reading.mode, reading.state, reading.url) == (
        "read-only",
        "finished",
        f"{network.url}/runs/{run.id}",
    )
    assert reading.get_metric_paths() == ["a"]
    assert reading.get_metric_data("a", max_points=1000)["raw_points"][-1] == {"step": 1, "y": 2.0}
    assert reading.get_string_data("said")["points"] == [{"step": 0, "value": "hello"}]
    assert reading.get_configs() == {"lr": 1}
    with pytest.raises(Conflict):
        reading.log({"a": 3.0})


def test_a_run_to_resume_needs_the_server_but_one_with_an_id_begins_without(network: Network) -> None:
    network.down()
    with pytest.raises(Unavailable, match="cannot be reached"):
        quiet(resume="walk")
    wanted = "01900000-0000-7000-8000-000000000001"
    with pytest.warns(RuntimeWarning, match="count from 0"):
        run = quiet(id=wanted, resume=True, mode=None)
    assert run.id == wanted
    network.up()
    run.finish()


def test_an_outage_is_noted_and_what_was_done_meanwhile_arrives(
    network: Network, command: Command, server: Served
) -> None:
    ar.goal(metric="loss", lower_is_better=True)
    command("experiment", "--note", "before")
    command("decide", "last", "keep", "--score", "2")
    network.down()
    said = command("experiment", "--note", "meanwhile").err
    assert "note: working offline, what is shown may be behind: " in said
    assert "1 change waits to be sent" in said
    command("decide", "last", "keep", "--score", "1")
    status = command("status")
    assert "best         1 (#2)" in status.out
    assert "2 changes wait" in status.err
    waiting = json.loads(command("sync", "--json", code=1).out)
    assert (waiting["changes"], waiting["left"][0][:32]) == (0, "2 changes wait to be sent: The s")
    network.up()
    assert json.loads(command("sync", "--json").out)["changes"] == 2
    assert [step.score for step in far(server).research.frontier("p").steps] == [2.0, 1.0]
    assert command("status").err == ""


def test_what_an_agent_or_a_person_did_offline_is_theirs_whoever_sends_it(
    network: Network, command: Command, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    ar.goal(metric="loss", lower_is_better=True)
    network.down()
    with monkeypatch.context() as agent:
        agent.setenv("AI_AGENT", "codex")
        command("experiment", "--note", "of an agent")
    command("experiment", "--note", "of a person")
    network.up()
    monkeypatch.setenv("AI_AGENT", "gemini")
    command("sync")
    found = far(server).research.experiments("p").items
    assert [(each.note, each.actor.name, each.actor.kind) for each in found] == [
        ("of an agent", "codex for ada", "agent"),
        ("of a person", "ada", "human"),
    ]


def test_a_run_of_an_experiment_that_was_recorded_offline_finds_it_on_the_server(
    network: Network, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_FIRST_PAUSE", 0.001)
    ar.goal(metric="loss", lower_is_better=True)
    network.down()
    tried = ar.experiment(note="offline", snapshot=None)
    run = quiet(experiment=tried)
    run.log({"loss": 1.0})
    network.up()
    run.finish()
    there = far(server).runs.run(run.id)
    assert (there.state, there.experiment_id, there.notices) == ("finished", tried.id, ())


def test_offline_mode_leaves_the_server_alone_until_sync(
    network: Network, command: Command, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTORESEARCH_MODE", "offline")
    ar.goal(metric="loss", lower_is_better=True)
    tried = ar.experiment(note="on a train", snapshot=".")
    with quiet(experiment=tried) as run:
        run.log({"loss": 1.0})
    ar.decision(experiment_id=tried.id, status="keep", score=1.0)
    command("status")
    assert network.seen == []
    done = ar.sync()
    assert (done.journals, done.points, done.changes, done.left) == (1, 1, 4, ())
    assert far(server).runs.run(run.id).experiment_id == tried.id
    assert ar.sync() == ar.sync()
    assert far(server).research.frontier("p").best is not None


def test_what_the_server_refused_is_shown_retried_or_dismissed(
    network: Network, command: Command, server: Served
) -> None:
    ar.goal(metric="loss", lower_is_better=True)
    opened = ar.session("work")
    network.down()
    command("experiment", "--note", "too late")
    far(server).research.move_session(opened.id, "close")
    network.up()
    shown = command("sync", code=1)
    assert "research.record of" in shown.err
    assert "'work' is closed" in shown.err
    assert "--retry sends it once more" in shown.err
    assert "1 change was refused by the server" in command("status").err
    command("sync", "--retry", code=1)
    command("sync", "--retry", "--dismiss", code=2)
    command("sync", "--dismiss")
    assert command("status").err == ""
    assert far(server).research.experiments("p").items == ()


def test_what_was_kept_on_this_machine_is_uploaded_later(
    network: Network, command: Command, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTORESEARCH_MODE", "local")
    ar.goal(metric="loss", lower_is_better=True)
    tried = ar.experiment(note="at home", snapshot=".")
    with quiet(experiment=tried) as run:
        for step in range(1000):
            run.log({"loss": 1 / (step + 1)})
    ar.decision(experiment_id=tried.id, status="keep", score=0.001)
    monkeypatch.delenv("AUTORESEARCH_MODE")
    assert network.seen == []
    heard: list[tuple[str, int, int]] = []
    done = upload("p", told=lambda *what: heard.append(what))
    assert (done.changes, done.runs, done.points, done.left) == (4, 1, 1000, ())
    assert ("runs", 1, 1) in heard
    assert sum(more for what, more, _ in heard if what == "points") == 1000
    there = far(server)
    assert there.runs.run(run.id).experiment_id == tried.id
    assert there.research.frontier("p").best == ar.frontier().best
    second = json.loads(command("upload", "-p", "p", "--json").out)
    assert (second["changes"], second["runs"], second["points"], second["left"]) == (0, 1, 0, [])
    one = command("upload", "-p", "p", "-r", "1").out
    assert "1 run on the server, 0 points" in one
    command("upload", "-p", "nowhere", code=3)


def test_a_key_that_was_replaced_still_sends_what_waited_under_the_old_one(
    network: Network, server: Served, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    from tests.serving import key_of

    run = quiet()
    run.log({"a": 1.0})
    run.flush()
    network.down()
    network.cut()
    monkeypatch.setattr(keeper, "_SILENCE", 0.0)
    run.log({"a": 2.0})
    run.finish()
    network.up()
    monkeypatch.setenv("AUTORESEARCH_API_KEY", key_of(server.state.access, "local"))
    old = Path(server_home(str(home / ".autoresearch"), network.url, server.key))
    quiet(name="with the new key").finish()
    assert (old / "server.json").exists()
    assert ar.sync().journals == 1
    assert far(server).runs.run(run.id).latest == {"a": 2.0}


def test_a_key_of_another_organization_gets_a_folder_of_its_own(
    network: Network, command: Command, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.serving import key_of

    ar.goal(metric="loss", lower_is_better=True)
    network.down()
    command("note", "of the first")
    network.up()
    monkeypatch.setenv("AUTORESEARCH_API_KEY", key_of(server.state.access, "others"))
    assert json.loads(command("sync", "--json").out)["changes"] == 0
    assert command("status", code=3).err.startswith("error: There is no project 'p'")


def test_commands_of_several_processes_at_once_arrive_once_and_in_order(
    network: Network, server: Served
) -> None:
    ar.goal(metric="loss", lower_is_better=True)
    network.down()
    words = [sys.executable, "-m", "autoresearch", "note"]
    several = [subprocess.Popen([*words, f"note {n}"], stderr=subprocess.DEVNULL) for n in range(3)]
    assert [one.wait(120) for one in several] == [0, 0, 0]
    network.up()
    several = [subprocess.Popen([*words, f"note {n}"], stderr=subprocess.DEVNULL) for n in range(3, 6)]
    assert [one.wait(120) for one in several] == [0, 0, 0]
    texts = [note.text for note in far(server).memory.notes("p").items]
    assert sorted(texts) == sorted(f"note {n}" for n in range(6))
    assert set(texts[:3]) == {f"note {n}" for n in range(3)}


def test_a_ledger_of_a_server_is_closed_without_a_trace_of_an_open_file(
    network: Network, server: Served, tmp_path: Path
) -> None:
    place = Server(network.url, server.key, str(tmp_path / "mine"))
    with synced_ledger(place) as ledger:
        assert ledger.research.projects().items == ()
    assert not (tmp_path / "mine" / "outbox.sqlite").exists()
