"""The typed client against a real server, through a network that misbehaves."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from autoresearch.client import AsyncClient, AuthError, Client, RequestError, ResponseError, credentials
from autoresearch.client.credentials import Credentials
from autoresearch.errors import Conflict, NotFound, SlowDown, Unavailable
from autoresearch.ledger.remote.ledger import RemoteLedger
from autoresearch.protocol.forms import ProjectPost
from autoresearch.records.experiment import SessionRequest
from autoresearch.records.ids import new_id
from autoresearch.series.batch import Batch, Message
from tests.network import HTML, Network, answers, lost_answer, lost_request, stalls, truncated
from tests.run_batches import START, Writer, rows
from tests.serving import Served, listening


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with listening(tmp_path_factory.mktemp("served")) as made:
        yield made


@pytest.fixture
def network(served: Served) -> Iterator[Network]:
    with Network(int(served.url.rpartition(":")[2])) as made:
        yield made


def opening(tag: str) -> SessionRequest:
    return SessionRequest.make(id=new_id(), project="char-lm", tag=tag)


FAULTS = {
    "the request is lost": lost_request(),
    "the answer is lost": lost_answer(),
    "the answer is cut": truncated(20),
    "a proxy answers": answers(502, HTML),
    "the server is busy": answers(503, b"{}"),
    "it is too much": answers(429, b""),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_request_that_failed_is_sent_again_and_done_once(
    served: Served, network: Network, fault: object
) -> None:
    with Client(served.key, base_url=network.url) as client:
        before = len(client.list_sessions("char-lm").items) if "char-lm" in _projects(client) else 0
        network.meets(fault)  # type: ignore[arg-type]
        made = client.open_session(opening("once"))
        found = client.list_sessions("char-lm", limit=1000).items
    assert len(found) == before + 1
    assert found[-1].id == made.id
    assert network.seen.count("POST /v1/sessions") == 2


def _projects(client: Client) -> set[str]:
    return {project.name for project in client.list_projects().items}


def test_tries_end_and_say_what_the_last_one_met(served: Served, network: Network) -> None:
    with Client(served.key, base_url=network.url, tries=2) as client:
        network.meets(answers(502, HTML), answers(502, HTML))
        with pytest.raises(RequestError) as met:
            client.list_projects()
        assert (met.value.status, met.value.retryable, met.value.error_code) == (502, True, "unavailable")
        assert "502" in met.value.message
        network.meets(answers(429, HTML), answers(429, HTML))
        with pytest.raises(RequestError) as slow:
            client.list_projects()
        assert isinstance(slow.value.error, SlowDown)
    assert network.seen == ["GET /v1/projects"] * 4


def test_what_cannot_succeed_is_sent_once(served: Served, network: Network) -> None:
    with Client(served.key, base_url=network.url) as client, pytest.raises(RequestError) as met:
        client.get_project("no such project")
    assert (met.value.status, met.value.retryable, met.value.error_code) == (404, False, "not_found")
    assert isinstance(met.value.error, NotFound)
    assert len(network.seen) == 1


def test_a_server_that_is_not_there_is_said_to_be(served: Served, network: Network) -> None:
    network.down()
    with Client(served.key, base_url=network.url, tries=1) as client, pytest.raises(RequestError) as met:
        client.list_projects()
    assert met.value.status is None
    assert isinstance(met.value.error, Unavailable)
    assert network.url in met.value.message


def test_a_stalled_answer_ends_by_the_time_out(served: Served, network: Network) -> None:
    network.meets(stalls())
    client = Client(served.key, base_url=network.url, tries=1, timeout=0.2)
    with client, pytest.raises(RequestError, match="cannot be reached"):
        client.list_projects()


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"items": [1], "next_cursor": null}', b"\xff"])
def test_an_answer_that_the_api_does_not_promise_is_no_answer(
    served: Served, network: Network, body: bytes
) -> None:
    network.meets(answers(200, body))
    with Client(served.key, base_url=network.url) as client, pytest.raises(ResponseError) as met:
        client.list_projects()
    assert "list_projects" in met.value.message


def test_the_ledger_over_http_raises_what_the_ledger_itself_does(served: Served) -> None:
    with RemoteLedger(served.client()) as ledger:
        request = opening("mine")
        ledger.research.open_session(request)
        with pytest.raises(Conflict, match="taken by another session") as met:
            ledger.research.open_session(request.model_copy(update={"tag": "other"}))
        assert met.value.details == {"id": request.id}


def test_the_asynchronous_client_does_the_same(served: Served, network: Network) -> None:
    async def work() -> list[str]:
        async with AsyncClient(served.key, base_url=network.url) as client:
            await client.post_project(ProjectPost(name="async", objective_metric="loss", target=0.5))
            network.meets(lost_answer())
            await client.open_session(SessionRequest.make(id=new_id(), project="async", tag="t"))
            with pytest.raises(RequestError):
                await client.get_project("none")
            return [session.tag for session in (await client.list_sessions("async")).items]

    assert anyio.run(work) == ["t"]


def test_an_agent_that_acts_with_a_key_is_told_from_its_owner(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served.client() as person:
        mine = person.open_session(opening("mine"))
    monkeypatch.setenv("AI_AGENT", "codex")
    with served.client() as agent:
        other = agent.open_session(opening("other"))
    assert (mine.actor.kind, mine.actor.name) == ("human", "ada")
    assert (other.actor.kind, other.actor.name) == ("agent", "codex for ada")


def test_credentials_are_the_owners_alone_and_one_for_each_server(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AuthError, match="No credentials"):
        Client("local")
    path = Path(credentials.store(Credentials("https://one.example/", "ar_one")))
    credentials.store(Credentials("https://two.example", "ar_two"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path == home / ".config" / "autoresearch" / "credentials.json"
    found = credentials.stored()
    assert found is not None
    assert (found.base_url, found.key) == ("https://two.example", "ar_two")
    assert "ar_two" not in repr(found)
    monkeypatch.setenv("AUTORESEARCH_BASE_URL", "https://one.example")
    assert credentials.credentials_of("local").key == "ar_one"
    monkeypatch.setenv("AUTORESEARCH_API_KEY", "ar_three")
    assert credentials.credentials_of("local").key == "ar_three"
    assert credentials.forget("https://one.example")
    assert not credentials.forget("https://one.example")
    path.chmod(0o644)
    with pytest.raises(AuthError, match="can be read by others"):
        credentials.stored()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"servers": 1}', '{"servers": {"x": {}}, "current": "x"}'])
def test_a_damaged_file_of_credentials_gives_no_key(text: str) -> None:
    path = Path(credentials.store(Credentials("https://one.example", "ar_one")))
    path.write_text(text, encoding="utf-8")
    with pytest.raises(AuthError):
        Client("local")


def test_points_are_sent_with_a_key_of_their_run_that_is_made_once(served: Served, network: Network) -> None:
    run = new_id()
    with Client(served.key, base_url=network.url) as client:
        writer = Writer(RemoteLedger(client), run).open()
        network.seen.clear()
        for step in range(3):
            part = rows({"loss": [float(step)]}, first=writer.sequence + 1, steps=[step])
            writer.sequence += 1
            batch = Batch(run, writer.id, writer.sequence, writer.sequence, rows=[part])
            assert client.append(batch) == writer.sequence
        minted = f"POST /v1/runs/{run}/ingestion-keys"
        assert network.seen == [minted, *["POST /v1/ingest"] * 3]
        (key,) = client.list_ingestion_keys(run).items
        client.revoke_ingestion_key(run, key.id)
        network.seen.clear()
        assert client.append(batch) == writer.sequence
        assert network.seen == ["POST /v1/ingest", minted, "POST /v1/ingest"]
        assert client.get_integrity(run).points_committed == 3


def test_a_run_that_is_not_there_yet_begins_with_the_clients_own_key(served: Served) -> None:
    run = new_id()
    begun = {"op": "open", "project": "char-lm", "name": "new", "started": START}
    with served.client() as client:
        client.append(Batch(run, "w", 1, 1, messages=[Message(1, START, begun)]))
        assert client.get_run(run).name == "new"
