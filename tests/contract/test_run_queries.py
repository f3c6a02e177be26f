"""Which runs are listed, in which order, page after page."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from autoresearch.errors import Invalid, NotFound
from autoresearch.ledger.base import Ledger, every
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.ids import new_id
from autoresearch.records.run import RunQuery, RunRequest
from tests.contract_helpers import Poke
from tests.run_batches import PROJECT, START, Writer


def query(**values: Any) -> RunQuery:
    return RunQuery.make(project=PROJECT, **values)


def numbers(ledger: Ledger, **values: Any) -> list[int]:
    return [run.number for run in ledger.runs.runs(query(**values), limit=1000).items]


def filled(ledger: Ledger) -> list[Writer]:
    """Five runs: the fifth logged nothing, the fourth is still running."""
    runs = []
    for n, loss in enumerate([0.5, 0.1, 0.9, float("nan"), None], 1):
        writer = Writer(ledger)
        writer.time = START + 86_400 * n
        config = {"lr": n / 10, "net": {"depth": n}, "kind": "ab"[n % 2], "on": n == 2}
        writer.open(
            name=f"run {n}", config=config, tags=["all", f"tag{n % 2}"], group="gh"[n % 2], job_type="train"
        )
        if loss is not None:
            writer.log({"val/loss": [9.0, loss]})
            writer.log({"loss": [float(n)]}, labels=(("split", "a=b"),))
        if n != 4:
            writer.time += 10 * n
            writer.finish("failed" if n == 5 else "finished")
        runs.append(writer)
    return runs


def test_runs_are_listed_newest_first_in_pages(ledger: Ledger) -> None:
    filled(ledger)
    assert numbers(ledger) == [5, 4, 3, 2, 1]
    assert numbers(ledger, descending=False) == [1, 2, 3, 4, 5]
    pages = every(lambda cursor: ledger.runs.runs(query(), limit=2, cursor=cursor))
    assert [run.number for run in pages] == [5, 4, 3, 2, 1]
    with pytest.raises(NotFound, match="no project"):
        ledger.runs.runs(RunQuery.make(project="nowhere"))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"state": "running"}, [4]),
        ({"group": "h"}, [5, 3, 1]),
        ({"tags": ["all", "tag0"]}, [4, 2]),
        ({"where": ["config.lr > 0.2"]}, [5, 4, 3]),
        ({"where": ["config.lr > 0.2", "config.lr <= 0.4"]}, [4, 3]),
        ({"where": ["config.net.depth = 3"]}, [3]),
        ({"where": ["config.kind = a"]}, [4, 2]),
        ({"where": ["config.on = true"]}, [2]),
        ({"where": ["val/loss < 0.6"]}, [2, 1]),
        ({"where": ["val/loss != 0.5"]}, [5, 4, 3, 2]),
        ({"where": ["loss{split=a=b} >= 3"]}, [4, 3]),
        ({"where": ["name ~ RUN 2"]}, [2]),
        ({"where": ["number >= 4"]}, [5, 4]),
        ({"where": ["state != finished"]}, [5, 4]),
        ({"where": ["tags = tag1"], "state": "finished"}, [3, 1]),
        ({"where": ["tags ~ ag0"]}, [4, 2]),
        ({"where": ["seconds > 25"]}, [5, 4, 3]),
        ({"where": ["started >= 2025-10-12"]}, [5, 4, 3]),
        ({"where": ["job_type = train", "group = g"]}, [4, 2]),
        ({"where": ["config.none = 1"]}, []),
    ],
)
def test_conditions_choose_which_runs_are_listed(
    ledger: Ledger, values: dict[str, Any], expected: list[int]
) -> None:
    filled(ledger)
    assert numbers(ledger, **values) == expected


@pytest.mark.parametrize(
    ("order", "up", "down"),
    [
        ("val/loss", [2, 1, 3, 4, 5], [3, 1, 2, 5, 4]),
        ("config.lr", [1, 2, 3, 4, 5], [5, 4, 3, 2, 1]),
        ("config.kind", [2, 4, 1, 3, 5], [5, 3, 1, 4, 2]),
        ("name", [1, 2, 3, 4, 5], [5, 4, 3, 2, 1]),
        ("started", [1, 2, 3, 4, 5], [5, 4, 3, 2, 1]),
        ("nothing", [1, 2, 3, 4, 5], [5, 4, 3, 2, 1]),
    ],
)
def test_runs_are_ordered_by_anything_and_those_without_it_come_last(
    ledger: Ledger, order: str, up: list[int], down: list[int]
) -> None:
    filled(ledger)
    assert numbers(ledger, order=order, descending=False) == up
    assert numbers(ledger, order=order) == down
    for descending, expected in ((False, up), (True, down)):
        asked = query(order=order, descending=descending)
        pages = every(lambda cursor, asked=asked: ledger.runs.runs(asked, limit=1, cursor=cursor))  # type: ignore[misc]
        assert [run.number for run in pages] == expected


def test_a_page_goes_on_where_the_last_one_ended_although_runs_come_and_go(ledger: Ledger) -> None:
    runs = filled(ledger)
    asked = query(order="config.lr", descending=False)
    first = ledger.runs.runs(asked, limit=2)
    ledger.runs.remove(runs[1].run)
    Writer(ledger).open(config={"lr": 0.05})
    Writer(ledger).open(config={"lr": 0.35})
    second = ledger.runs.runs(asked, limit=10, cursor=first.next_cursor)
    assert [run.number for run in second.items] == [3, 7, 4, 5]


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"where": ["loss"]}, "no operator"),
        ({"where": ["loss <"]}, "no value"),
        ({"order": ""}, "order"),
    ],
)
def test_what_was_not_understood_is_refused(ledger: Ledger, values: dict[str, Any], match: str) -> None:
    filled(ledger)
    with pytest.raises(Invalid, match=match):
        ledger.runs.runs(query(**values))


@pytest.mark.parametrize("cursor", ["x", "e30=", "W10=", "WzEsMl0=", "", "9" * 30])
def test_a_cursor_that_no_list_gave_is_refused(ledger: Ledger, cursor: str) -> None:
    filled(ledger)
    for order in ("number", "name"):
        with pytest.raises(Invalid, match="not a cursor"):
            ledger.runs.runs(query(order=order), cursor=cursor)
    with pytest.raises(Invalid, match="limit"):
        ledger.runs.runs(query(), limit=0)


def test_a_run_of_which_nothing_is_heard_counts_as_crashed_until_it_is_heard_again(
    ledger: Ledger, poke: Poke
) -> None:
    writer, other = Writer(ledger).open(), Writer(ledger).open()
    poke("UPDATE writers SET updated_at = updated_at - 240 WHERE id = ?", writer.id)
    assert numbers(ledger, state="running") == [2, 1]
    poke("UPDATE writers SET updated_at = updated_at - 61 WHERE id = ?", writer.id)
    (gone,) = ledger.runs.runs(query(state="crashed")).items
    assert gone.id == writer.run
    assert gone.ended_at == gone.heartbeat_at
    assert "no sign of life since" in str(gone.error)
    assert other.seen.state == "running"
    writer.log({"loss": [1.0]})
    again = writer.seen
    assert (again.state, again.error, again.ended_at) == ("running", None, None)
    poke("UPDATE writers SET updated_at = updated_at - 400 WHERE id = ?", writer.id)
    events = ledger.memory.events(project=PROJECT).items
    told = [event.kind for event in events if event.subject == writer.run]
    assert told == ["run.started", "run.crashed", "run.resumed", "run.crashed"]
    writer.finish()
    assert writer.seen.state == "finished"
    last = ledger.memory.events(project=PROJECT).items[-1]
    assert (last.kind, last.before) == ("run.finished", {"state": "crashed"})


def test_a_silent_run_that_is_found_dead_stays_crashed_and_tells_no_more(ledger: Ledger, poke: Poke) -> None:
    writer = Writer(ledger).open()
    poke("UPDATE writers SET updated_at = updated_at - 400")
    assert writer.seen.state == "crashed"
    writer.say("vanished", at=START + 60)
    run = writer.seen
    assert (run.state, run.seconds) == ("crashed", 60.0)
    told = [event.kind for event in ledger.memory.events(project=PROJECT).items if event.subject == run.id]
    assert told == ["run.started", "run.crashed"]


def test_a_requested_run_that_nobody_touches_falls_silent_until_somebody_does(
    ledger: Ledger, poke: Poke
) -> None:
    made = ledger.runs.create(RunRequest.make(id=new_id(), project=PROJECT))
    assert ledger.runs.run(made.id).state == "running"
    poke("UPDATE writers SET updated_at = updated_at - 400")
    assert ledger.runs.run(made.id).state == "crashed"
    ledger.runs.touch(made.id)
    touched = ledger.runs.run(made.id)
    assert (touched.state, touched.error) == ("running", None)
    assert touched.heartbeat_at > made.heartbeat_at
    with pytest.raises(NotFound):
        ledger.runs.touch(new_id())
    journal = Writer(ledger).open()
    ledger.runs.touch(journal.run)
    assert journal.seen.state == "running"


def test_two_organizations_see_nothing_of_each_other(tmp_path: Path) -> None:
    with LocalLedger.open(tmp_path) as mine:
        theirs = LocalLedger(mine.database, mine.store, organization="theirs")
        writer = Writer(mine).open(name="mine")
        writer.log({"loss": [1.0, 2.0]})
        writer.write("stdout", "secret")
        other = Writer(theirs, writer.run, writer.id).open(name="theirs", project=PROJECT)
        other.log({"loss": [7.0]})
        assert (writer.seen.name, other.seen.name) == ("mine", "theirs")
        assert (writer.seen.latest, other.seen.latest) == ({"loss": 2.0}, {"loss": 7.0})
        assert theirs.runs.lines(writer.run).items == ()
        assert [run.name for run in theirs.runs.runs(query()).items] == ["theirs"]
        other.finish()
        theirs.runs.remove(other.run)
        assert writer.seen.state == "running"
        assert mine.runs.receipt(writer.run, verify=True).intact
        with pytest.raises(NotFound):
            theirs.runs.run(writer.run)
        assert theirs.runs.position(writer.id) == 0


LOGGER = """
import sys
from pathlib import Path
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.ledger.local.ingest import LocalIngest
from tests.run_batches import Writer
home, shared, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
class Lean:
    runs = LocalIngest(home)
own, ours = Writer(Lean()).open(name=f"own {number}"), Writer(Lean(), shared).open()
for part in range(10):
    steps = range(part * 100, part * 100 + 100)
    own.log({"loss": [float(step) for step in steps]}, steps=steps)
    ours.log({f"loss {number}": [float(step) for step in steps]}, steps=steps)
    if part == 5:
        with LocalLedger.open(Path(home)) as ledger:
            ledger.runs.history(shared)
own.finish(); ours.finish()
print(own.run)
"""


def test_eight_processes_that_log_at_once_lose_nothing(tmp_path: Path) -> None:
    with LocalLedger.open(tmp_path) as ledger:
        shared = Writer(ledger).open(name="shared").run
        command = [sys.executable, "-c", LOGGER, str(tmp_path), shared]
        loggers = [
            subprocess.Popen([*command, str(n)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for n in range(8)
        ]
        answers = [logger.communicate(timeout=240) for logger in loggers]
        assert [error for _, error in answers] == [""] * 8
        runs = [out.strip() for out, _ in answers]
        found = {run.id: run for run in ledger.runs.runs(query()).items}
        assert found.keys() == {*runs, shared}
        assert sorted(run.number for run in found.values()) == list(range(1, 10))
        assert all(found[run].state == "finished" for run in runs)
        assert len(found[shared].latest) == 8
        for run in (*runs, shared):
            receipt = ledger.runs.receipt(run, verify=True)
            assert receipt.intact, receipt.faults
            assert receipt.points_stored == (8000 if run == shared else 1000)
        assert list(ledger.snapshots.verify()) == []
