"""Every route is asked for what another organization has, by every kind of caller: nothing is there, and nothing tells that it is.

What belongs to the others carries ``zebra`` in its names and ``quagga`` in its content. Whoever asks sends ids and names of theirs; the
answer has to be the one that is given for ids and names that nobody has.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import pytest

from autoresearch.ledger.access.passwords import Passwords
from autoresearch.ledger.access.signing import Visitor
from autoresearch.protocol.forms import ExperimentPost, ProjectPost, UploadPost
from autoresearch.protocol.operations import OPERATIONS
from autoresearch.protocol.points_packing import pack
from autoresearch.protocol.rows import Operation
from autoresearch.records.access import IngestionKeyRequest, InvitationRequest, SignIn
from autoresearch.records.artifact import VersionRequest
from autoresearch.records.campaign import CampaignRequest, TrialRequest, TrialUpdate
from autoresearch.records.experiment import DecisionRequest, NoteRequest, SessionRequest
from autoresearch.records.folder import AnnotationRequest, FolderRequest
from autoresearch.records.ids import new_id
from autoresearch.records.run import RunQuery, RunRequest
from autoresearch.records.tree import Tree, TreeEntry
from autoresearch.series.batch import Batch
from autoresearch.server.app import make_app
from autoresearch.server.documented import Documented
from tests.postgres_server import empty_database
from tests.run_batches import rows
from tests.server.browsers import GOOD, Browser
from tests.serving import Served, in_process, key_of

Values = Mapping[str, str]
NAMED = {"project", "artifact", "ref", "move", "file"}
PUBLIC = {
    "dashboard",
    "dashboard_file",
    "docs",
    "health",
    "ready",
    "sdk_page",
    "sdk_wheel",
    "set_up",
    "sign_up",
    "sign_in",
    "reset_password",
    "use_local_link",
    "ways_in",
}


def _points(values: Values, name: str) -> bytes:
    """The body of a request to ingest one point."""
    given = [rows({name: [1.0]}, first=1)]
    return pack([Batch(writer=values["writer"], run=values["run_id"], first=1, last=1, rows=given)])


def _experiment(values: Values, **more: Any) -> dict[str, Any]:
    return {"project": "own", "session_id": values["session_id"], "note": "x", **more}


BODIES: Mapping[str, Callable[[Values], Any]] = {
    "post_project": lambda v: {"name": v["project"], "objective_metric": "loss"},
    "post_experiment": lambda v: _experiment(v, parent_id=v["experiment_id"], tree=v["digest"]),
    "record_judged": lambda v: {
        "batch": [[_experiment(v), {"experiment_id": v["experiment_id"], "status": "drop"}]]
    },
    "set_tree": lambda v: {"digest": v["digest"]},
    "missing_blobs": lambda v: {"digests": [v["digest"]]},
    "make_project": lambda _: {},
    "set_goal": lambda _: {"metric": "loss", "direction": "min"},
    "open_segment": lambda _: {"reason": "x"},
    "open_session": lambda v: {"id": v["session_id"], "project": v["project"], "tag": "t"},
    "decide": lambda _: {"status": "keep", "score": 1.0},
    "add_note": lambda v: {"project": v["project"], "text": "x", "experiment_id": v["experiment_id"]},
    "tried": lambda _: {"change": "quick change"},
    "log_artifact": lambda v: {
        "project": v["project"],
        "artifact": v["artifact"],
        "tree": v["digest"],
        "size": 1,
        "files": 1,
        "produced_by": v["experiment_id"],
    },
    "move_ref": lambda _: {"version": "v1"},
    "create_run": lambda v: {"project": v["project"], "parent_id": v["run_id"], "folder_id": v["folder_id"]},
    "list_runs": lambda _: None,
    "edit_run": lambda v: {"name": "stolen", "folder_id": v["folder_id"]},
    "finish_run": lambda _: {"state": "killed"},
    "begin_upload": lambda v: {"digest": v["digest"], "size": 100},
    "register_file": lambda v: {
        "project": v["project"],
        "artifact": v["artifact"],
        "uri": "s3://bucket/key",
        "digest": v["digest"],
        "size": 1,
        "produced_by": v["experiment_id"],
    },
    "ingest_beat": lambda v: {"run_id": v["run_id"], "writer_id": v["writer"]},
    "use_local_link": lambda v: {"link": v["token"]},
    "set_up": lambda v: {"token": v["token"], "email": "e@x.y", "password": GOOD, "organization": "x"},
    "sign_up": lambda v: {"token": v["token"], "password": GOOD},
    "sign_in": lambda v: {"email": v["email"], "password": "wrong horse entirely"},
    "reset_password": lambda v: {"token": v["token"], "password": GOOD},
    "change_password": lambda _: {"old": "wrong horse entirely", "new": "seven slow trains east"},
    "create_organization": lambda v: {"name": v["organization"]},
    "rename_organization": lambda v: {"name": v["organization"]},
    "set_member_role": lambda _: {"role": "viewer"},
    "invite_member": lambda v: {"email": v["email"]},
    "accept_invitation": lambda v: {"token": v["token"]},
    "create_key": lambda _: {"name": "mine"},
    "create_ingestion_key": lambda _: {},
    "create_folder": lambda v: {"name": "f", "parent_id": v["folder_id"]},
    "edit_folder": lambda _: {"name": "stolen"},
    "add_annotation": lambda _: {"text": "x"},
    "begin_campaign": lambda v: {"project": v["project"], "session_id": v["session_id"], "agent": "x"},
    "hold_campaign": lambda _: {"holder": "thief", "seconds": 60},
    "release_campaign": lambda _: {"holder": "thief"},
    "claim_trial": lambda v: {"worker": "thief", "parent_id": v["experiment_id"]},
    "update_trial": lambda v: {"step": "judged", "outcome": "kept", "prompt": v["digest"]},
    "deliver_notes": lambda v: {"notes": [v["note_id"]]},
    "move_campaign": lambda _: {"reason": "theft"},
}
QUERIES: Mapping[str, Callable[[Values], dict[str, str]]] = {
    "ingest_position": lambda v: {"writer_id": v["writer"]},
    "ingest_stream": lambda v: {"run_id": v["run_id"], "writer_id": v["writer"]},
    "get_context": lambda v: {"project": v["project"]},
    "find_experiment": lambda v: {"text": v["experiment_id"]},
    "find_run": lambda v: {"text": v["run_id"]},
    "find_campaign": lambda v: {"text": v["campaign_id"]},
    "search_experiments": lambda _: {"text": "quagga"},
    "get_samples": lambda v: {"run_id": v["run_id"]},
    "make_folder": lambda v: {"path": v["folder"]},
    "compare_metrics": lambda v: {"series": json.dumps({"run_id": v["run_id"], "name": v["name"]})},
    "get_charts": lambda v: {"keys": v["name"]},
    "get_bootstrap": lambda v: {"project": v["project"]},
    "append_upload": lambda _: {"offset": "0"},
    "upload_file": lambda v: {
        "project": v["project"],
        "artifact": v["artifact"],
        "produced_by": v["experiment_id"],
    },
    "find_folder": lambda v: {"path": v["folder"]},
    "get_contents": lambda v: {"folder_id": v["folder_id"]},
    "list_changes": lambda v: {"project": v["project"]},
    "list_artifacts": lambda v: {"project": v["project"]},
}


def _fill(served: Served) -> dict[str, str]:
    """Everything that an organization can have; answers how it is called."""
    access = served.state.access
    key = key_of(access, "zebra lab")
    person, made = access.create_user("zebra@example.org", GOOD, "zebra lab", name="quagga")
    session = access.signing.sign_in(SignIn.make(email="zebra@example.org", password=GOOD), Visitor())
    owner = access.caller_of_session(session.session)
    invited = access.membership.invite(owner, InvitationRequest.make(email="zebra2@example.org"))
    access.membership.revoke_invitation(owner, invited.invitation.id)
    with served.client(key) as client:
        client.post_project(ProjectPost(name="zebra-lm", objective_metric="quagga_loss"))
        opened = client.open_session(SessionRequest.make(id=new_id(), project="zebra-lm", tag="zebra-tag"))
        content = b"quagga bytes"
        digest = client.put_blob(content).digest
        tree = Tree([TreeEntry(path="quagga.py", mode="100644", size=len(content), sha256=digest)])
        manifest = client.put_blob(tree.manifest).digest
        experiment = client.post_experiment(
            ExperimentPost(
                id=new_id(), project="zebra-lm", session_id=opened.id, note="quagga note", tree=manifest
            )
        )
        other = client.post_experiment(
            ExperimentPost(id=new_id(), project="zebra-lm", session_id=opened.id, note="quagga two")
        )
        client.decide(
            DecisionRequest.make(id=new_id(), experiment_id=experiment.id, status="keep", score=2.0)
        )
        campaign = client.begin_campaign(
            CampaignRequest.make(id=new_id(), project="zebra-lm", session_id=opened.id, agent="quagga agent")
        )
        trial = client.claim_trial(
            TrialRequest.make(id=new_id(), campaign_id=campaign.id, worker="zebra", idea="quagga idea")
        )
        client.update_trial(
            TrialUpdate.make(id=new_id(), trial_id=trial.id, step="recorded", experiment_id=other.id)
        )
        note = client.add_note(NoteRequest.make(id=new_id(), project="zebra-lm", text="quagga remark"))
        client.log_artifact(
            VersionRequest.make(
                id=new_id(),
                project="zebra-lm",
                artifact="zebra-model",
                tree=manifest,
                size=len(content),
                files=1,
            )
        )
        folder = client.create_folder(FolderRequest.make(id=new_id(), name="zebra folder"))
        run = client.create_run(
            RunRequest.make(id=new_id(), project="zebra-lm", name="zebra run", folder_id=folder.id)
        )
        client.add_annotation(AnnotationRequest.make(id=new_id(), run_id=run.id, text="quagga mark"))
        client.ingest(_points({"writer": "zebra-writer", "run_id": run.id}, "quagga_loss"))
        ingestion = client.create_ingestion_key(run.id, IngestionKeyRequest.make(name="quagga key"))
        upload = client.begin_upload(UploadPost(digest=hashlib.sha256(b"quagga" * 9).hexdigest(), size=54))
    return {
        "key": key,
        "project": "zebra-lm",
        "session_id": opened.id,
        "own_session": str(owner.session_id),
        "experiment_id": experiment.id,
        "other_id": other.id,
        "campaign_id": campaign.id,
        "trial_id": trial.id,
        "note_id": note.id,
        "digest": digest,
        "run_id": run.id,
        "folder_id": folder.id,
        "folder": "zebra folder",
        "artifact": "zebra-model",
        "ref": "latest",
        "move": "close",
        "file": "zebra.whl",
        "user_id": person.id,
        "organization_id": made.id,
        "organization": "zebra lab",
        "email": "zebra@example.org",
        "invitation_id": invited.invitation.id,
        "token": invited.token,
        "key_id": ingestion.ingestion_key.id,
        "api_key_id": access.keys.list(access.operator("zebra lab")).items[0].id,
        "writer": "zebra-writer",
        "name": "quagga_loss",
        "upload_id": upload.id,
    }


def _unknown(theirs: Values) -> dict[str, str]:
    """As many things that nobody has."""
    fixed = {"ref", "move"}
    made = {
        name: value
        if name in fixed
        else "f" * 64
        if name == "digest"
        else new_id()
        if _is_id(value)
        else f"nobody-{uuid.uuid4().hex[:8]}"
        for name, value in theirs.items()
    }
    return {**made, "email": "nobody@example.org", "token": f"arv_{'a' * 8}_{'a' * 56}"}


def _is_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    database = None if request.param == "sqlite" else empty_database()
    with in_process(tmp_path_factory.mktemp("isolation") / "served", database=database) as made:
        made.state.access.passwords = Passwords(memory_kib=8, passes=1)
        yield made


@pytest.fixture(scope="module")
def theirs(served: Served) -> Values:
    return _fill(served)


def _strangers(served: Served) -> dict[str, Callable[..., httpx.Response]]:
    """A key that may do everything in another organization, an owner who is signed in there, and a run's ingestion key."""
    name = f"rivals {uuid.uuid4().hex[:8]}"
    access = served.state.access
    key = key_of(access, name)
    email = f"{name.replace(' ', '-')}@rivals.example"
    access.create_user(email, GOOD, name)
    browser = Browser(served)
    assert browser.sign_in(email).status_code == 200
    with served.client(key) as client:
        run = client.create_run(RunRequest.make(id=new_id(), project="own"))
        ingestion = client.create_ingestion_key(run.id, IngestionKeyRequest.make()).key

    def with_key(secret: str) -> Callable[..., httpx.Response]:
        def send(method: str, path: str, **how: Any) -> httpx.Response:
            return served.http(secret).request(method, path, **how)

        return send

    def signed_in(method: str, path: str, **how: Any) -> httpx.Response:
        own = {"Origin": served.url, "X-CSRF-Token": browser.csrf}
        return browser.http.request(method, path, **{**how, "headers": {**own, **how.get("headers", {})}})

    return {"key": with_key(key), "session": signed_in, "ingestion key": with_key(ingestion)}


def _request(row: Operation, values: Values) -> dict[str, Any]:
    own = {**values}
    if row.name == "end_own_session":
        own["session_id"] = values["own_session"]
    if row.name == "move_campaign":
        own["move"] = "pause"
    if row.name == "revoke_key":
        own["key_id"] = values["api_key_id"]
    path = row.path.replace(":path}", "}").format(**own)
    how: dict[str, Any] = {"params": QUERIES[row.name](own) if row.name in QUERIES else {}}
    if row.name == "ingest":
        how |= {"content": _points(values, "loss"), "headers": {"Content-Type": "application/msgpack"}}
    elif row.takes:
        how |= {"content": b"bytes of their own", "headers": {"Content-Type": row.takes}}
    elif row.body is not None:
        how |= {"json": BODIES[row.name](own)} if BODIES[row.name](own) is not None else {}
    return {"method": row.method, "path": path, **how}


def _plain(text: str, values: Values) -> str:
    """An answer without what was sent, longest first."""
    for value in sorted(values.values(), key=len, reverse=True):
        text = text.replace(value, "#") if len(value) > 5 else text
    return text


def _everything(served: Served, theirs: Values) -> str:
    """All that the others see of their own."""
    with served.client(theirs["key"]) as client:
        project = theirs["project"]
        return str(
            [
                client.list_projects(),
                client.list_experiments(project),
                client.list_sessions(project),
                client.list_notes(project),
                client.get_campaign(theirs["campaign_id"]),
                client.list_trials(theirs["campaign_id"]),
                client.list_runs(RunQuery.make(project=project)),
                client.list_folders(),
                client.list_annotations(theirs["run_id"]),
                client.list_versions(theirs["artifact"]),
                client.list_segments(project),
                client.list_members(),
                client.list_invitations(),
                client.list_ingestion_keys(theirs["run_id"]),
                [(key.id, key.state) for key in client.list_keys().items],
                client.list_changes(limit=1000).items[-1].seq,
            ]
        )


def test_anybody_may_call_these_and_no_others() -> None:
    assert {row.name for row in OPERATIONS.values() if row.scope is None} == PUBLIC


def test_the_table_of_bodies_is_complete() -> None:
    wanted = {row.name for row in OPERATIONS.values() if row.body is not None and not row.takes}
    assert wanted == set(BODIES)
    required = {row.name for row in OPERATIONS.values() if any(query.default is ... for query in row.query)}
    assert required <= set(QUERIES)


# An answer that does not end is no answer that can be compared; test_watching.py has its own test of this.
ENDING = sorted(name for name, row in OPERATIONS.items() if row.media != "text/event-stream")


@pytest.mark.parametrize("name", ENDING)
def test_what_others_have_is_answered_like_what_nobody_has(served: Served, theirs: Values, name: str) -> None:
    row, unknown = OPERATIONS[name], _unknown(theirs)
    before = _everything(served, theirs)
    first, second = _strangers(served), _strangers(served)
    for who, send in first.items():
        given, other = _request(row, theirs), _request(row, unknown)
        answer = send(given.pop("method"), given.pop("path"), **given)
        same = second[who](other.pop("method"), other.pop("path"), **other)
        assert answer.status_code == same.status_code < 500, (who, answer.text, same.text)
        said, told = _plain(answer.text, theirs), _plain(same.text, unknown)
        assert "zebra" not in said, who
        assert "quagga" not in said.replace("'quagga'", ""), who
        assert not [value for value in theirs.values() if len(value) > 5 and value in said], who
        if answer.status_code >= 400:
            assert said == told, who
        elif set(row.path_names) - NAMED:
            raise AssertionError((who, "an id of others was taken", answer.text))
        if set(row.path_names) - NAMED and who == "key":
            assert answer.status_code in {403, 404}, answer.text
    assert _everything(served, theirs) == before


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - PUBLIC))
def test_without_a_valid_key_every_route_answers_alike(served: Served, theirs: Values, name: str) -> None:
    row, access = OPERATIONS[name], served.state.access
    gone = key_of(access, theirs["organization_id"])
    access.keys.revoke(access.operator(theirs["organization_id"]), access.authenticate(gone).key_id or "")
    said = set()
    for secret in ("", "x", gone, theirs["token"], f"{gone[:-1]}a"):
        given = _request(row, theirs)
        answer = served.http(secret).request(given.pop("method"), given.pop("path"), **given)
        assert answer.status_code == 401, (secret, answer.text)
        said.add(answer.text)
    assert len(said) == 1


@pytest.mark.parametrize(
    "name", sorted(row.name for row in OPERATIONS.values() if row.scope in {"write", "admin"})
)
def test_a_key_that_may_read_changes_nothing(served: Served, theirs: Values, name: str) -> None:
    row, reader = OPERATIONS[name], key_of(served.state.access, theirs["organization_id"], "read")
    given = _request(row, theirs)
    before = _everything(served, theirs)
    answer = served.http(reader).request(given.pop("method"), given.pop("path"), **given)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden"), answer.text
    assert _everything(served, theirs) == before


def test_routes_that_the_table_does_not_name_tell_nothing_either(served: Served, theirs: Values) -> None:
    send = _strangers(served)["key"]
    seen = 0
    for route in make_app(served.state).routes:
        path, methods = getattr(route, "path_format", ""), getattr(route, "methods", None) or ()
        if isinstance(route, Documented) or not path:
            continue
        names = getattr(route, "param_convertors", {})
        for method in methods:
            for value in (theirs["run_id"], theirs["folder_id"], theirs["project"], theirs["key_id"]):
                filled = path.format(**dict.fromkeys(names, value))
                answer = (
                    send(method, filled, json={})
                    if method in {"POST", "PUT", "PATCH"}
                    else send(method, filled)
                )
                said = _plain(answer.text, theirs)
                assert "quagga" not in said, (method, filled)
                assert "zebra" not in said.replace(theirs["project"], ""), (method, filled)
                seen += 1
    assert seen


def test_an_ingestion_key_cannot_tell_another_run_from_none(served: Served, theirs: Values) -> None:
    send = _strangers(served)["ingestion key"]
    said = []
    for values in (theirs, _unknown(theirs)):
        given = _request(OPERATIONS["ingest"], values)
        answer = send(given.pop("method"), given.pop("path"), **given)
        said.append((answer.status_code, _plain(answer.text, values)))
    assert said[0] == said[1]
    assert said[0][0] >= 400
