"""``/mcp`` of a server: tools by key, each key its own organization, readers read."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.mcp_server.catalog import TOOLS
from autoresearch.records.access import IngestionKeyRequest
from autoresearch.records.experiment import DecisionRequest, ExperimentRequest, NoteRequest, SessionRequest
from autoresearch.records.goal import GoalRequest
from autoresearch.records.ids import new_id
from autoresearch.research.keys import repro_key
from tests.mcp_clients import ERAS, Asking, Said, over_http, run
from tests.serving import Served, key_of, listening

TAKEN = {"Accept": "application/json, text/event-stream"}


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with two organizations; what the other one has carries ``zebra`` and ``quagga``."""
    with listening(tmp_path_factory.mktemp("team")) as made:
        other = made.state.access.authenticate(key_of(made.state.access, "zebras"))
        _research(made.state.ledger(other), "zebra", "quagga")
        own = made.state.access.authenticate(made.key)
        _research(made.state.ledger(own), "char-lm", "a wider head")
        yield made


def _research(ledger: LocalLedger, project: str, note: str) -> None:
    research = ledger.research
    research.set_goal(project, GoalRequest.make(metric="loss", direction="min"))
    session = research.open_session(SessionRequest.make(id=new_id(), project=project, tag=project))
    made = new_id()
    request = ExperimentRequest.make(
        id=made,
        project=project,
        session_id=session.id,
        note=note,
        repro_key=repro_key(None, None, {}, None, otherwise=made),
        occurred_at=session.recorded_at,
    )
    research.record(request)
    research.decide(
        DecisionRequest.make(id=new_id(), experiment_id=made, status="keep", score=2.0, log_tail=note)
    )
    ledger.memory.add_note(NoteRequest.make(id=new_id(), project=project, text=note))


def ask(served: Served, tool: str, key: str | None = None, mode: str = "auto", **arguments: Any) -> Said:
    async def work() -> Said:
        async with over_http(f"{served.url}/mcp", mode, key or served.key) as asking:
            return await asking(tool, **arguments)

    return run(work)


@pytest.mark.parametrize("mode", ERAS)
def test_a_key_reads_the_research_of_its_organization(team: Served, mode: str) -> None:
    said = ask(team, "list_experiments", mode=mode, project="char-lm")
    assert [one["note"] for one in said["experiments"]] == ["a wider head"]


def test_tools_that_need_a_working_tree_are_not_there(team: Served) -> None:
    async def work() -> set[str]:
        async with over_http(f"{team.url}/mcp", key=team.key) as asking:
            return {tool.name for tool in (await asking.client.list_tools()).tools}

    assert run(work) == {name for name, row in TOOLS.items() if not row.folder}


def test_a_key_that_reads_sees_reading_tools_and_is_refused_writes_in_words(team: Served) -> None:
    reader = key_of(team.state.access, "local", "read")

    async def work() -> Said:
        async with over_http(f"{team.url}/mcp", key=reader) as asking:
            names = {tool.name for tool in (await asking.client.list_tools()).tools}
            assert names == {name for name, row in TOOLS.items() if not row.folder and row.effect == "read"}
            assert not (await asking("get_context", project="char-lm")).refused
            return await asking("add_note", project="char-lm", text="I was here")

    said = run(work)
    assert said.refused
    assert said.data["error"]["code"] == "forbidden"
    assert "--scope write" in said.text
    assert "I was here" not in ask(team, "list_notes", project="char-lm").text


def test_an_agent_writes_goals_experiments_verdicts_and_notes_without_a_folder(team: Served) -> None:
    async def work() -> None:
        async with over_http(f"{team.url}/mcp", key=team.key) as asking:
            await asking("set_goal", project="fresh", metric="loss", direction="min")
            made = await asking(
                "record_experiment", project="fresh", note="lr", diff="-a\n+b\n", commit="c" * 40
            )
            assert made["experiment"]["number"] == 1
            assert (await asking("get_diff", project="fresh", experiment=1))["diff"] == "| -a\n| +b"
            judged = await asking(
                "decide_experiment", project="fresh", experiment=1, verdict="keep", score=1.5
            )
            assert judged["decision"]["advanced"]
            await asking("add_note", project="fresh", text="well done")
            (note,) = (await asking("list_notes", project="fresh"))["notes"]
            assert note["by"] == "ada (agent)"

    run(work)


def _every_call(project: str) -> list[tuple[str, dict[str, Any]]]:
    """Each tool, asked for what the other organization has."""
    given: dict[str, Any] = {
        "experiment": "1", "run": "1", "name": "zebra", "text": "quagga", "change": "quagga", "note": "x", "tag": "t",
        "runs": ["1", "2"], "ref": "r", "version": "v1", "verdict": "drop", "session": "zebra",
    }  # fmt: skip
    needed = {
        "add_note": ("text",), "get_experiment": ("experiment",), "get_diff": ("experiment",), "search_experiments": ("text",),
        "check_tried": ("change",), "decide_experiment": ("experiment", "verdict"), "get_run": ("run",), "get_metrics": ("run",),
        "compare_runs": ("runs",), "get_logs": ("experiment",), "get_artifact": ("name",), "close_session": ("session",),
        "promote_artifact": ("name", "ref", "version"), "get_frontier": (), "list_experiments": (),
    }  # fmt: skip
    making = {"set_goal", "open_session", "record_experiment", "add_note"}
    return [
        (name, {"project": project, **{key: given[key] for key in needed.get(name, ())}})
        for name, row in TOOLS.items()
        if not row.folder and name not in making and name != "list_projects"
    ]


@pytest.mark.parametrize(
    ("tool", "arguments"), _every_call("zebra"), ids=lambda value: value if isinstance(value, str) else ""
)
def test_another_organization_is_not_there_and_nothing_tells_that_it_is(
    team: Served, tool: str, arguments: dict[str, Any]
) -> None:
    theirs, nobodys = ask(team, tool, **arguments), ask(team, tool, **{**arguments, "project": "nobody"})
    assert theirs.text.replace("zebra", "nobody") == nobodys.text.replace("zebra", "nobody")
    assert "quagga" not in theirs.text.replace("'quagga'", "")


def test_ids_of_another_organization_are_not_there_either(team: Served) -> None:
    other = team.state.ledger(team.state.access.authenticate(key_of(team.state.access, "zebras")))
    theirs = other.research.find("zebra", "1").id
    for tool in ("get_experiment", "get_diff", "get_logs"):
        said = ask(team, tool, project="char-lm", experiment=theirs)
        assert said.refused
        assert "quagga" not in said.text

    async def resource() -> None:
        async with over_http(f"{team.url}/mcp", key=team.key) as asking:
            for uri in (
                f"autoresearch://experiments/{theirs}/log?project=char-lm",
                "autoresearch://context?project=zebra",
            ):
                with pytest.raises(Exception, match=r"fits|no project"):
                    await asking.client.read_resource(uri)

    run(resource)
    assert [
        one["name"] for one in ask(team, "list_projects", project="any")["projects"] if "zebra" in one["name"]
    ] == []


def test_an_organization_with_one_project_need_not_name_it_and_others_are_told_which(team: Served) -> None:
    key = key_of(team.state.access, "zebras")
    assert ask(team, "get_goal", key)["project"] == "zebra"
    _research(team.state.ledger(team.state.access.authenticate(key_of(team.state.access, "two"))), "a", "x")
    _research(team.state.ledger(team.state.access.authenticate(key_of(team.state.access, "two"))), "b", "x")
    said = ask(team, "get_goal", key_of(team.state.access, "two"))
    assert said.refused
    assert "'a', 'b'" in said.text


@pytest.mark.parametrize("key", ["", "ar_aaaaaaaa_aaaaaaaaaaaaaaaa", "nonsense"])
def test_no_valid_key_is_answered_as_everywhere(team: Served, key: str) -> None:
    with team.http(key) as http:
        answer = http.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "ping"}, headers=TAKEN)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["error"]["code"] == "unauthorized"


def test_an_ingestion_key_a_foreign_page_another_method_and_a_large_body_are_refused(team: Served) -> None:
    operator = team.state.access.operator("local")
    run_id = _run_of(team)
    ingesting = team.state.access.ingestion_keys.create(operator, run_id, IngestionKeyRequest.make()).key
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    with team.http(ingesting) as http:
        assert http.post("/mcp", json=body, headers=TAKEN).status_code == 403
    with team.http() as http:
        foreign = http.post("/mcp", json=body, headers={**TAKEN, "Origin": "https://evil.example"})
        assert (foreign.status_code, foreign.json()["error"]["code"]) == (403, "forbidden")
        assert http.get("/mcp", headers=TAKEN).json()["error"]["code"] == "invalid"
        large = http.post(
            "/mcp", content=b" " * (5 * 1024 * 1024), headers={**TAKEN, "Content-Type": "application/json"}
        )
        assert (large.status_code, large.json()["error"]["code"]) == (413, "too_large")
        burst = gzip.compress(b" " * (64 * 1024 * 1024))
        sent = {**TAKEN, "Content-Type": "application/json", "Content-Encoding": "gzip"}
        assert http.post("/mcp", content=burst, headers=sent).status_code == 413
        small = http.post("/mcp", content=gzip.compress(json.dumps(body).encode()), headers=sent)
        assert small.json()["result"]["tools"]


def _run_of(team: Served) -> str:
    from autoresearch.records.run import RunRequest

    made = new_id()
    ledger = team.state.ledger(team.state.access.authenticate(team.key))
    ledger.runs.create(RunRequest.make(id=made, project="char-lm"))
    return made


def test_a_key_that_is_revoked_is_refused_at_the_next_call(team: Served) -> None:
    access = team.state.access
    key = key_of(access, "local", "read")
    caller = access.authenticate(key)

    async def work() -> None:
        async with over_http(f"{team.url}/mcp", key=key) as asking:
            assert not (await asking("get_goal", project="char-lm")).refused
            assert caller.key_id is not None
            access.keys.revoke(access.operator("local"), caller.key_id)
            with pytest.raises(Exception, match="error response"):
                await _again(asking)

    run(work)


async def _again(asking: Asking) -> None:
    await asking("get_goal", project="char-lm")


def test_a_store_that_fails_says_nothing_of_the_servers_own_machine(tmp_path: Path) -> None:
    with listening(tmp_path / "broken") as served:
        _research(served.state.ledger(served.state.access.authenticate(served.key)), "char-lm", "x")
        said = ask(served, "record_experiment", project="char-lm", note="n", diff="-a\n+b\n")
        digest = (
            served.state.ledger(served.state.access.authenticate(served.key))
            .research.find("char-lm", "last")
            .diff
        )
        assert digest is not None
        for file in (tmp_path / "broken" / "objects").rglob(f"*{digest.digest[4:]}*"):
            file.chmod(0o644)
            file.write_bytes(b"other")
        said = ask(served, "get_diff", project="char-lm", experiment="last")
        assert said.refused
        assert str(tmp_path) not in said.text


def test_the_endpoint_is_counted_under_its_path(team: Served) -> None:
    ask(team, "get_goal", project="char-lm")
    assert (
        'route="/mcp"'
        in httpx.get(f"{team.url}/metrics", headers={"Authorization": f"Bearer {team.key}"}).text
    )
