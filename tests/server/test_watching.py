"""What changed, told to whoever watches."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.experiment import NoteRequest
from autoresearch.records.goal import GoalRequest
from autoresearch.records.ids import new_id
from autoresearch.server import events as events_module
from autoresearch.server import feeds as feeds_module
from tests.run_batches import Writer
from tests.serving import Served, key_of, listening


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Served]:
    with listening(tmp_path) as made:
        yield made


def ledger_of(served: Served, organization: str = "local") -> LocalLedger:
    return LocalLedger(served.state.database, served.state.objects, organization=organization)


class Watcher:
    """Reads events from a connection."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines

    def next(self) -> Mapping[str, Any]:
        """The next event: id, event and data."""
        found: dict[str, Any] = {}
        for line in self._lines:
            name, _, value = line.partition(": ")
            if line and not line.startswith(":"):
                found[name] = value
            elif "data" in found:
                return found | {"data": json.loads(found["data"])}
        raise EOFError

    def comment(self) -> str:
        """The next comment."""
        return next(line for line in self._lines if line.startswith(":"))

    def until(self, kind: str) -> list[str]:
        """Read on to an event of a kind; answers the kinds of those before it."""
        before = []
        while (told := self.next()["event"]) != kind:
            before.append(told)
        return before

    def rest(self) -> list[Mapping[str, Any]]:
        found = []
        try:
            while True:
                found.append(self.next())
        except EOFError:
            return found


@contextmanager
def watching(
    served: Served, after: int | None = None, key: str | None = None, **query: Any
) -> Iterator[Watcher]:
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    with (
        served.http(key) as http,
        http.stream("GET", "/v1/events", headers=headers, params=query, timeout=60) as answer,
    ):
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        assert next(lines) == "retry: 2000"
        yield Watcher(lines)


def note(served: Served, text: str, project: str = "char-lm", organization: str = "local") -> None:
    ledger_of(served, organization).memory.add_note(NoteRequest.make(id=new_id(), project=project, text=text))


def test_a_change_is_told_with_its_number_and_its_kind(live: Served) -> None:
    note(live, "before")
    with watching(live) as watcher:
        note(live, "after")
        told = watcher.next()
    assert told["event"] == "note.added"
    assert told["data"]["after"] == {"text": "after"}
    assert told["id"] == str(told["data"]["seq"])


def test_whoever_comes_back_is_told_everything_in_between_once(live: Served) -> None:
    with watching(live) as watcher:
        note(live, "0")
        first = watcher.next()
        while first["event"] != "note.added":
            first = watcher.next()
    for number in range(1, 1200):
        note(live, str(number))
    with watching(live, int(first["id"])) as watcher:
        told = [watcher.next() for _ in range(1199)]
        note(live, "1200")
        told.append(watcher.next())
    assert [each["data"]["after"]["text"] for each in told] == [str(number) for number in range(1, 1201)]
    assert [int(each["id"]) for each in told] == sorted({int(each["id"]) for each in told})


def test_many_watchers_are_told_the_same_by_one_look(live: Served) -> None:
    told: list[list[str]] = [[] for _ in range(8)]
    ready = threading.Barrier(9)

    def watch(place: int) -> None:
        with watching(live) as watcher:
            ready.wait(60)
            told[place] += [watcher.next()["id"] for _ in range(5)]

    threads = [threading.Thread(target=watch, args=(place,)) for place in range(8)]
    for thread in threads:
        thread.start()
    ready.wait(60)
    for number in range(5):
        note(live, str(number))
    for thread in threads:
        thread.join(60)
    assert len(told[0]) == 5
    assert told == [told[0]] * 8


def test_a_project_that_is_asked_for_is_told_alone(live: Served) -> None:
    note(live, "make them", "one")
    note(live, "make them", "two")
    with watching(live, project="one") as watcher:
        note(live, "not this", "two")
        note(live, "this", "one")
        assert watcher.next()["data"]["after"] == {"text": "this"}
    with live.http() as http:
        assert http.get("/v1/events", params={"project": "three"}).status_code == 404


def test_nothing_of_another_organization_is_told(live: Served) -> None:
    key = key_of(live.state.access, "Other")
    other = live.state.access.operator("Other").organization
    with watching(live, key=key) as watcher:
        note(live, "not theirs")
        note(live, "theirs", organization=other)
        while (told := watcher.next())["event"] != "note.added":
            assert told["data"]["project"] == "char-lm"
        assert told["data"]["after"] == {"text": "theirs"}


def test_new_points_of_a_run_are_hinted_at_without_a_number(live: Served) -> None:
    writer = Writer(ledger_of(live)).open()
    assert writer.seen.name
    with watching(live, project="char-lm") as watcher:
        writer.log({"loss": [1.0, 2.0]})
        told = watcher.next()
        while told["event"] != "run.updated":
            told = watcher.next()
        assert told["data"] == {"project": "char-lm", "run_ids": [writer.run]}
        assert "id" not in told
        ledger_of(live).runs.ingest(writer.batch({"loss": [3.0]}))
        while (told := watcher.next())["event"] != "run.updated":
            assert told["event"]


def test_a_sign_of_life_alone_hints_at_nothing(live: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds_module, "INTERVAL", 0.05)
    writer = Writer(ledger_of(live)).open()
    assert writer.seen.name
    with watching(live) as watcher, live.http() as http:
        writer.log({"loss": [1.0]})
        for text in ("one look", "and another"):
            note(live, text)
            watcher.until("note.added")
        beat = {"run_id": writer.run, "writer_id": writer.id}
        assert http.post("/v1/ingest/beat", json=beat).status_code == 200
        note(live, "end")
        assert watcher.until("note.added") == []


def test_whoever_hears_nothing_hears_that_the_server_lives(
    live: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "BEAT", 0.1)
    with watching(live) as watcher:
        assert watcher.comment() == ": the server lives"
        note(live, "something")
        while watcher.next()["event"] != "note.added":
            pass


def test_a_key_that_is_revoked_watches_no_longer(live: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_module, "BEAT", 0.1)
    access = live.state.access
    key = key_of(access, "local", "read")
    with watching(live, key=key) as watcher:
        operator = access.operator("local")
        (found,) = [
            each
            for each in access.keys.list(operator).items
            if key[3:11] == each.prefix or key.startswith(each.prefix)
        ]
        access.keys.revoke(operator, found.id)
        assert watcher.rest() == []


def test_watchers_are_let_go_when_the_server_stops(live: Served) -> None:
    with watching(live) as watcher:
        note(live, "last words")
        assert watcher.next()["event"]
        live.state.stop()
        assert [told["event"] for told in watcher.rest()] in ([], ["note.added"])


def test_a_place_that_is_no_number_is_refused(live: Served) -> None:
    with live.http() as http:
        for said in ("x", "-1", "9" * 40, "1; DROP TABLE events"):
            answer = http.get("/v1/events", headers={"Last-Event-ID": said})
            assert answer.status_code == 422
            assert "Last-Event-ID" in answer.json()["error"]["message"]
        assert http.get("/v1/events", headers={"Authorization": "Bearer nobody"}).status_code == 401


def test_more_watchers_than_there_is_room_for_are_told_to_come_later(
    live: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds_module, "MOST_WATCHERS", 1)
    with watching(live) as watcher, live.http() as http:
        note(live, "one watches")
        assert watcher.next()["event"]
        answer = http.get("/v1/events")
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "10"


def test_changes_of_every_kind_have_plain_names(live: Served) -> None:
    with watching(live) as watcher:
        ledger_of(live).research.set_goal("char-lm", GoalRequest.make(metric="loss", direction="min"))
        kinds = {watcher.next()["event"] for _ in range(2)}
    assert all(kind.replace(".", "").isalpha() for kind in kinds), kinds


def test_of_what_was_found_only_so_much_is_kept_and_where_it_begins_is_known(live: Served) -> None:
    ledger = ledger_of(live)
    for number in range(3):
        note(live, str(number))
    (*_, last) = ledger.memory.events(limit=1000).items

    async def kept() -> tuple[int, int, int, int]:
        feed = feeds_module.Feed(ledger)
        found = [last.model_copy(update={"seq": seq}) for seq in range(1, 1501)]
        assert feed.take(found[:900], None)
        assert feed.floor == 0
        assert feed.take(found[900:], None)
        return feed.floor, feed.events[0].seq, len(feed.events), feed.newest

    assert asyncio.run(kept()) == (500, 501, 1000, 1500)


def test_whoever_watches_from_the_beginning_is_told_what_was_said_in_the_meantime(live: Served) -> None:
    note(live, "long ago")
    with watching(live, 0) as watcher:
        told = watcher.next()
        while told["event"] != "note.added":
            told = watcher.next()
    assert told["data"]["after"] == {"text": "long ago"}
