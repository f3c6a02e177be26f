"""Runs of a connected machine: what they log reaches the server, through whatever the network does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import autoresearch as ar
from autoresearch.client.credentials import Credentials, store
from autoresearch.errors import Invalid, SlowDown, Unavailable
from autoresearch.journal.reader import Reader
from autoresearch.journal.writer import Writer
from autoresearch.records.ids import new_id
from autoresearch.records.run import RunQuery
from autoresearch.settings import Settings
from autoresearch.store.homes import server_home
from autoresearch.track.live import sending
from autoresearch.track.live.draining import drain
from autoresearch.track.live.keeper import Keeper
from autoresearch.track.live.sending import Sender
from autoresearch.track.live.servers import Server, mode_of
from tests.network import PASSES, Network, answers, lost_answer, lost_request, truncated, twice
from tests.run_scripts import killed_after, points, ran, script
from tests.served import Far, served_at
from tests.waiting import until

KEY = "ar_abcdefgh_0123456789abcdefghijklmnopqrstuv"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Far]:
    with served_at(tmp_path / "server") as server:
        yield server


@pytest.fixture
def online(served: Far, monkeypatch: pytest.MonkeyPatch) -> Far:
    monkeypatch.setenv("AUTORESEARCH_BASE_URL", served.url)
    monkeypatch.setenv("AUTORESEARCH_API_KEY", served.key)
    return served


def quiet(**more: Any) -> ar.Run:
    given = {"project": "p", "system_metrics": False, "capture_console": False, "capture_code": False}
    return ar.init(**{**given, **more})


def journals(home: Path, far: Far) -> Path:
    return Path(server_home(str(home / ".autoresearch"), far.url, far.key)) / "journals"


def test_a_run_reaches_the_server_that_the_environment_names(online: Far, home: Path) -> None:
    with quiet(name="first", config={"lr": 0.1}) as run:
        assert (run.mode, run.url) == ("online", f"{online.url}/runs/{run.id}")
        for step in range(100):
            run.log({"loss": 1 / (step + 1)})
    found = online.ledger.runs.run(run.id)
    assert (found.name, found.state, found.config) == ("first", "finished", {"lr": 0.1})
    assert points(online.ledger.runs, run.id, "loss") == [(step, 1 / (step + 1)) for step in range(100)]
    receipt = online.ledger.runs.receipt(run.id, verify=True)
    assert (receipt.intact, receipt.points_claimed) == (True, 100)
    assert not (home / ".autoresearch" / "ledger.sqlite").exists()
    assert list(journals(home, online).iterdir()) == []


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that a test does not notice."""
    monkeypatch.setattr(sending, "_FIRST_PAUSE", 0.001)
    monkeypatch.setattr(sending, "_LONGEST_PAUSE", 0.002)


FAULTS = {
    "reset before it": [lost_request()],
    "reset within it": [lost_request(2000)],
    "lost answer": [lost_answer(), lost_answer()],
    "cut answer": [truncated(5), truncated(1, ends="reset")],
    "page": [answers(200), answers(502), answers(404)],
    "too much": [answers(429, retry_after="0"), answers(503, b"{}", kind="application/json")],
    "done and refused": [answers(500, b'{"error": 1}', kind="application/json", done=True)],
    "twice": [twice(), twice(), twice()],
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_point_is_there_once_whatever_the_network_does(fault: str, served: Far, tmp_path: Path) -> None:
    writer = Writer(str(tmp_path / "journals"), new_id())
    writer.message({"op": "open", "project": "p", "name": "n", "started": 1.0})
    with Network(served.port) as network:
        sender = Sender(Server(network.url, served.key, str(tmp_path)))
        reader = Reader(writer.folder, writer.id)
        for part in range(3):
            for step in range(part * 100, part * 100 + 100):
                writer.log({"loss": step / 2, "other": -step}, step)
            network.meets(*FAULTS[fault])
            while True:
                try:
                    drain(reader, sender)
                except Unavailable:
                    continue
                break
        sender.close()
    writer.close()
    found = points(served.ledger.runs, writer.run, "loss")
    assert found == [(step, step / 2) for step in range(300)]
    assert served.ledger.runs.receipt(writer.run, verify=True).points_stored == 600


def test_pauses_grow_with_each_failure_and_end_with_the_first_answer(served: Far, tmp_path: Path) -> None:
    now = 0.0
    with Network(served.port) as network:
        sender = Sender(Server(network.url, served.key, str(tmp_path)), clock=lambda: now)
        network.down()
        pauses = []
        for _ in range(20):
            with pytest.raises(Unavailable, match="cannot be reached"):
                sender.position("w")
            pauses.append(sender.pause())
        assert 0.5 <= pauses[0] <= 1.5
        assert all(30 <= pause <= 90 for pause in pauses[8:])
        assert len(set(pauses)) > 10
        now += 100
        assert sender.pause() == 0
        network.up()
        assert sender.position("w") == 0
        assert (sender.pause(), sender.answered()) == (0, now)
        network.meets(answers(429, retry_after="17"))
        with pytest.raises(SlowDown):
            sender.beat(new_id(), "w")
        assert 17.5 <= sender.pause() <= 18.5
        sender.close()


def test_a_proxy_that_takes_only_small_requests_gets_smaller_ones(served: Far, tmp_path: Path) -> None:
    writer = Writer(str(tmp_path / "journals"), new_id())
    for step in range(20_000):
        writer.log({"a": step}, step)
    with Network(served.port) as network:
        network.meets(PASSES, PASSES, answers(413), PASSES, answers(413))
        sender = Sender(Server(network.url, served.key, str(tmp_path)))
        assert drain(Reader(writer.folder, writer.id), sender) == 20_000
        assert network.seen.count("POST /v1/ingest") > 3
        sender.close()
    writer.close()


def test_a_redirect_is_not_followed_with_the_key(served: Far, tmp_path: Path) -> None:
    with Network(served.port) as network:
        network.meets(answers(301, b"", location="https://elsewhere.example/v1/ingest"))
        sender = Sender(Server(network.url, served.key, str(tmp_path)))
        with pytest.raises(Unavailable, match="answered 301") as caught:
            sender.position("w")
        assert "https://elsewhere.example" in caught.value.hint
        assert served.asked == []


def test_bytes_travel_before_the_message_that_names_them(online: Far, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with quiet() as run:
        run.log({"notes": ar.File(tmp_path / "notes.txt")})
        run.flush()
        run.log({"again": ar.File(tmp_path / "notes.txt")})
    for media in online.ledger.runs.media(run.id).items:
        assert media.digest is not None
        assert online.ledger.snapshots.get(media.digest) == b"hello"
    assert online.asked.count("POST /v1/blobs") == 1
    assert online.asked.index("POST /v1/blobs") < len(online.asked) - online.asked[::-1].index(
        "POST /v1/ingest"
    )


@pytest.mark.usefixtures("hasty")
def test_a_run_whose_server_is_away_says_what_waits_and_the_next_process_sends_it(
    served: Far, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    monkeypatch.setenv("AUTORESEARCH_API_KEY", served.key)
    monkeypatch.setenv("AUTORESEARCH_FINISH_TIMEOUT", "0.2")
    with Network(served.port) as network:
        monkeypatch.setenv("AUTORESEARCH_BASE_URL", network.url)
        network.down()
        run = quiet(name="far")
        run.log({"a": 1.0})
        run.finish()
        said = capsys.readouterr().err
        assert "Run 'far' ended, and 3 of its 3 records wait in" in said
        assert "autoresearch sync" in said
        left = ar.sync()
        assert (left.journals, len(left.left)) == (0, 1)
        assert left.left[0].startswith("1 journal waits to be sent: http://127.0.0.1")
        network.up()
        assert (ar.sync().journals, ar.sync().journals) == (1, 0)
    assert served.ledger.runs.run(run.id).latest == {"a": 1.0}


def test_bytes_that_were_damaged_here_are_not_passed_off_as_what_was_logged(
    online: Far, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with quiet(mode="offline") as run:
        run.log({"notes": ar.File(tmp_path / "notes.txt"), "loss": 1.0})
    (kept,) = (path for path in home.rglob("objects/*/*") if path.read_bytes() == b"hello")
    kept.chmod(0o600)
    kept.write_bytes(b"jello")
    with pytest.warns(RuntimeWarning, match="does not take object"):
        ar.sync()
    (media,) = online.ledger.runs.media(run.id).items
    assert (media.key, media.digest) == ("notes", None)
    assert points(online.ledger.runs, run.id, "loss") == [(0, 1.0)]


@pytest.mark.usefixtures("hasty")
@pytest.mark.filterwarnings("error")
def test_a_script_in_which_warnings_are_errors_is_sent_when_its_server_is_back(
    served: Far, tmp_path: Path
) -> None:
    writer = Writer(str(tmp_path / "journals"), new_id())
    writer.message({"op": "open", "project": "p", "name": "n", "started": 1.0})
    with Network(served.port) as network:
        network.down()
        sender = Sender(Server(network.url, served.key, str(tmp_path)))
        keeper = Keeper(writer, writer.folder, sender, interval=0.01)
        keeper.start()
        until(lambda: keeper._said)
        network.up()
        until(lambda: sender.reached(writer.id) == 1)
        keeper.stop()
        sender.close()
    writer.close()
    assert served.ledger.runs.run(writer.run).name == "n"


def test_a_key_that_the_server_refuses_is_named_and_keeps_everything(
    online: Far, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AUTORESEARCH_API_KEY", online.key + "x")
    run = quiet()
    run.log({"a": 1.0})
    run.finish()
    assert "`autoresearch keys create`" in capsys.readouterr().err
    assert ar.sync().left
    monkeypatch.setenv("AUTORESEARCH_API_KEY", online.key)
    assert ar.sync().journals == 1
    assert online.ledger.runs.run(run.id).latest == {"a": 1.0}


def test_a_process_that_was_killed_online_is_brought_to_the_server_by_the_next(online: Far) -> None:
    body = "for step in range(1000):\n    ar.log({'a': step})\nprint('there', flush=True)\ntime.sleep(60)"
    killed_after(script(body), "there")
    assert ar.sync().journals == 1
    (run,) = online.ledger.runs.runs(RunQuery(project="p")).items
    assert (run.state, run.latest) == ("crashed", {"a": 999.0})


def test_an_offline_run_goes_to_the_server_where_there_is_one(online: Far, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    run = quiet(mode="offline")
    run.log({"a": 1.0, "notes": ar.File(tmp_path / "notes.txt")})
    run.finish()
    assert online.asked == []
    assert (ar.sync().journals, ar.sync().journals) == (1, 0)
    assert online.ledger.runs.run(run.id).latest == {"a": 1.0}
    (media,) = online.ledger.runs.media(run.id).items
    assert media.digest is not None
    assert online.ledger.snapshots.get(media.digest) == b"hello"


def test_a_child_process_has_a_connection_of_its_own(online: Far) -> None:
    body = """
        ar.log({"parent": 1.0})
        ar.active_run().flush()
        import warnings
        # From 3.12 on Python warns of a fork beside threads.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
        if not child:
            ar.log({"child": 1.0})
            ar.active_run().flush()
            os._exit(0)
        os.waitpid(child, 0)
        ar.log({"parent": 2.0})
        """
    done = ran(script(body))
    assert (done.returncode, done.stderr) == (0, "")
    (run,) = online.ledger.runs.runs(RunQuery(project="p")).items
    assert (run.state, run.latest) == ("finished", {"child": 1.0, "parent": 2.0})


def test_a_run_that_is_online_loads_nothing_more_before_its_first_upload(online: Far) -> None:
    code = script(
        """
        ar.log({"loss": 1.0})
        print(sorted({"http.client", "ssl", "socket", "email", "urllib.parse", "json"} & set(sys.modules)))
        """,
        more="flush_interval=1000.0",
    )
    assert ran(code).stdout.splitlines()[1] == "[]"


def test_settings_say_where_a_run_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:1/")
    assert Settings().base_url == "http://127.0.0.1:1"
    assert mode_of(Settings(), "/x") == "local"
    monkeypatch.setenv("WANDB_API_KEY", "k")
    assert mode_of(Settings(), "/x") == "online"
    monkeypatch.setenv("AUTORESEARCH_MODE", "offline")
    assert (mode_of(Settings(), "/x"), mode_of(Settings(), "/x", "local")) == ("offline", "local")
    with pytest.raises(Invalid, match="mode was 'cloudy'"):
        mode_of(Settings(), "/x", "cloudy")
    assert Settings({"WANDB_BASE_URL": "https://api.wandb.ai/", "WANDB_API_KEY": "k"}).base_url is None
    monkeypatch.delenv("WANDB_API_KEY")
    with pytest.raises(Invalid, match="AUTORESEARCH_API_KEY is not set"):
        quiet(mode="online")


@pytest.mark.parametrize(
    "text",
    [
        "research.example.org",
        "ftp://x",
        "http://",
        "http://a b",
        "http://u:secret@x",
        "http://x:0",
        "http://x:",
    ],
)
def test_an_address_that_is_none_is_refused_without_showing_a_password(text: str) -> None:
    with pytest.raises(Invalid, match="not the address of a server") as caught:
        Settings({"AUTORESEARCH_BASE_URL": text})
    assert "secret" not in str(caught.value)


def test_two_keys_share_a_folder_only_where_their_public_part_is_the_same() -> None:
    url = "https://research.example.org:8443"
    first = server_home("/h", url, KEY)
    assert first.startswith("/h/servers/research.example.org-8443-")
    assert first == server_home("/h", url, KEY[:-3] + "new")
    assert first != server_home("/h", url, "ar_zzzzzzzz_" + KEY[-32:])


def test_an_outage_of_ten_minutes_loses_nothing_and_is_asked_about_seldom(
    served: Far, tmp_path: Path
) -> None:
    now, asked, step = 0.0, 0, 0
    writer = Writer(str(tmp_path / "journals"), new_id())
    writer.message({"op": "open", "project": "p", "name": "n", "started": 1.0})
    with Network(served.port) as network:
        sender = Sender(Server(network.url, served.key, str(tmp_path)), clock=lambda: now)
        reader = Reader(writer.folder, writer.id)
        drain(reader, sender)
        network.down()
        network.cut()
        while now < 600:
            for _ in range(100):
                writer.log({"loss": step / 2}, step)
                step += 1
            with pytest.raises(Unavailable):
                drain(reader, sender)
            asked += 1
            now += max(2.0, sender.pause())
        assert asked < 40
        network.up()
        drain(reader, sender)
        sender.close()
    writer.close()
    assert points(served.ledger.runs, writer.run, "loss") == [(at, at / 2) for at in range(step)]


@pytest.mark.parametrize("days", [-1, 1])
def test_a_clock_that_is_off_by_a_day_changes_nothing_but_the_times(
    days: int, served: Far, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    off = time.time() + days * 86_400
    writer = Writer(str(tmp_path / "journals"), new_id())
    with monkeypatch.context() as patch:
        patch.setattr("time.time", lambda: off)
        writer.message({"op": "open", "project": "p", "name": "n", "started": off})
        writer.log({"loss": 1.0}, 0)
        writer.message({"op": "finish", "state": "finished", "records": 3, "points": 1})
    writer.close()
    sender = Sender(Server(served.url, served.key, str(tmp_path)))
    assert drain(Reader(writer.folder, writer.id), sender, final=True) == 1
    sender.close()
    run = served.ledger.runs.run(writer.run)
    assert (run.state, run.latest) == ("finished", {"loss": 1.0})
    assert served.ledger.runs.receipt(writer.run, verify=True).intact


def test_two_machines_with_one_writer_id_disturb_nothing_that_is_stored(served: Far, tmp_path: Path) -> None:
    run_id, writer_id = new_id(), new_id()
    readers, senders, writers = [], [], []
    for place, count in (("one", 5), ("two", 9)):
        writer = Writer(str(tmp_path / place), run_id, writer=writer_id)
        writer.message({"op": "open", "project": "p", "name": place, "started": 1.0})
        for step in range(count):
            writer.log({"loss": float(count)}, step)
        writers.append(writer)
        readers.append(Reader(writer.folder, writer.id))
        senders.append(Sender(Server(served.url, served.key, str(tmp_path / place))))
    for reader, sender in (*zip(readers, senders, strict=True), *zip(readers, senders, strict=True)):
        drain(reader, sender)
    for writer, sender in zip(writers, senders, strict=True):
        writer.close()
        sender.close()
    # What came first stands; each number of a record was taken once.
    assert points(served.ledger.runs, run_id, "loss") == [
        *((step, 5.0) for step in range(5)),
        *((s, 9.0) for s in range(5, 9)),
    ]
    assert served.ledger.runs.receipt(run_id, verify=True).lost == 0


def test_a_process_that_was_killed_offline_is_brought_to_the_server_when_it_is_back(
    served: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTORESEARCH_API_KEY", served.key)
    with Network(served.port) as network:
        monkeypatch.setenv("AUTORESEARCH_BASE_URL", network.url)
        network.down()
        body = "for step in range(1000):\n    ar.log({'a': step})\nprint('there', flush=True)\ntime.sleep(60)"
        killed_after(script(body), "there")
        assert ar.sync().left
        network.up()
        assert ar.sync().journals == 1
    (run,) = served.ledger.runs.runs(RunQuery(project="p")).items
    assert (run.state, run.latest) == ("crashed", {"a": 999.0})


def test_the_key_that_login_stored_is_used_for_its_server_alone(
    served: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTORESEARCH_BASE_URL", served.url)
    assert mode_of(Settings(), "/x") == "local"
    store(Credentials(served.url, served.key))
    with quiet() as run:
        run.log({"a": 1.0})
    assert run.mode == "online"
    assert served.ledger.runs.run(run.id).state == "finished"
    monkeypatch.setenv("AUTORESEARCH_BASE_URL", "http://127.0.0.1:9")
    assert mode_of(Settings(), "/x") == "local"
