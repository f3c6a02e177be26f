"""Campaigns under several workers, several processes, and a store that is cut off at any statement."""

from __future__ import annotations

import contextlib
import datetime
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from autoresearch.errors import Busy, Conflict, Forbidden, NotFound
from autoresearch.ledger.base import Ledger
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.ledger.local.unit import Unit
from autoresearch.records.base import utc_now
from autoresearch.records.campaign import Campaign, Trial, TrialUpdate
from autoresearch.records.ids import new_id
from tests.campaign_requests import begin, begun, claim, judge, note, recorded, trial_request, update
from tests.contract_helpers import PROJECT, Poke, experiment, goal, session
from tests.postgres_server import empty_database
from tests.sync.away import ADA

_WORKERS = 6


def _together(work: Callable[[int], Any]) -> list[Any]:
    """What several workers got at once: an answer each, or the reason of a conflict."""

    def one(number: int) -> Any:
        try:
            return work(number)
        except Conflict as error:
            return error.details.get("reason")

    with ThreadPoolExecutor(_WORKERS) as pool:
        return list(pool.map(one, range(_WORKERS)))


def test_of_workers_that_claim_the_same_at_once_one_has_it(ledger: Ledger) -> None:
    made = begun(ledger)
    answers = _together(lambda n: claim(ledger, made, worker=f"w{n}", idea="half the learning rate"))
    (won,) = [answer for answer in answers if isinstance(answer, Trial)]
    assert [answer for answer in answers if answer is not won] == ["idea"] * (_WORKERS - 1)
    assert ledger.campaigns.trials(made.id).items == (won,)
    assert ledger.campaigns.campaign(made.id).trials == 1


def test_workers_that_claim_at_once_never_share_a_number_nor_exceed_the_goals_budget(ledger: Ledger) -> None:
    goal(ledger, budget={"max_experiments": 4})
    made = begin(ledger, session(ledger).id)
    answers = _together(lambda n: claim(ledger, made, worker=f"w{n}", idea=f"idea {n}"))
    claimed = [answer for answer in answers if isinstance(answer, Trial)]
    assert sorted(trial.number for trial in claimed) == [1, 2, 3, 4]
    assert answers.count("budget") == _WORKERS - 4


def test_of_processes_that_want_to_drive_a_campaign_at_once_one_does(ledger: Ledger) -> None:
    made = begun(ledger)
    answers = _together(lambda n: ledger.campaigns.hold(made.id, f"process {n}", 600))
    (won,) = [answer for answer in answers if isinstance(answer, Campaign)]
    assert answers.count("lease") == _WORKERS - 1
    assert ledger.campaigns.campaign(made.id).holder == won.holder


def test_trials_that_ask_for_remarks_at_once_get_each_of_them_once(ledger: Ledger) -> None:
    made = begun(ledger)
    trials = [claim(ledger, made) for _ in range(_WORKERS)]
    written = {note(ledger, f"remark {n}").id for n in range(8)}
    given = _together(lambda n: ledger.campaigns.deliver(made.id, trials[n].id))
    ids = [each.id for part in given for each in part]
    assert len(ids) == len(written)
    assert set(ids) == written


def test_updates_of_many_trials_at_once_are_all_summed(ledger: Ledger) -> None:
    made = begun(ledger)
    trials = [claim(ledger, made) for _ in range(_WORKERS)]
    _together(lambda n: judge(ledger, trials[n], "crashed", cost=0.5, input_tokens=10, seconds=2))
    now = ledger.campaigns.campaign(made.id)
    assert (now.cost, now.input_tokens, now.seconds) == (0.5 * _WORKERS, 10 * _WORKERS, 2.0 * _WORKERS)
    assert (now.outcomes, now.failures_in_row) == ({"crashed": _WORKERS}, _WORKERS)


def test_a_lease_that_ran_out_is_taken_by_whoever_asks(ledger: Ledger, poke: Poke) -> None:
    made = begun(ledger)
    ledger.campaigns.hold(made.id, "old", 600)
    trial = claim(ledger, made, holder="old")
    poke("UPDATE campaigns SET held_until = ? WHERE id = ?", 1, made.id)
    assert ledger.campaigns.campaign(made.id).holder is None
    update(ledger, trial, "proposing", holder="old")
    assert ledger.campaigns.hold(made.id, "new", 600).holder == "new"
    with pytest.raises(Busy):
        ledger.campaigns.hold(made.id, "old", 600)
    with pytest.raises(Conflict):
        update(ledger, trial, "measuring", holder="old")


def test_machines_that_share_a_database_need_not_agree_on_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalLedger.connect(empty_database(), tmp_path / "objects", actor=ADA) as ledger:
        made = begun(ledger)
        ledger.campaigns.hold(made.id, "here", 60)
        for hours in (1, -1):
            there = utc_now() + datetime.timedelta(hours=hours)
            monkeypatch.setattr("autoresearch.ledger.local.ledger.utc_now", lambda now=there: now)
            assert ledger.campaigns.campaign(made.id).holder == "here"
            with pytest.raises(Busy) as error:
                ledger.campaigns.hold(made.id, "there", 60)
            assert 0 < error.value.details["retry_after"] <= 60
        held = ledger.campaigns.hold(made.id, "here", 60).held_until
        assert held is not None
        assert held > utc_now()


def test_open_trials_of_a_campaign_that_nobody_drives_take_nothing_from_the_budget_of_another(
    ledger: Ledger, poke: Poke
) -> None:
    goal(ledger, budget={"max_experiments": 2})
    opened = session(ledger).id
    dead, alive = begin(ledger, opened), begin(ledger, opened)
    ledger.campaigns.hold(dead.id, "old", 600)
    claim(ledger, dead, holder="old")
    claim(ledger, alive)
    with pytest.raises(Conflict):
        claim(ledger, alive)
    poke("UPDATE campaigns SET held_until = ? WHERE id = ?", 1, dead.id)
    assert claim(ledger, alive).number == 2


_WORKER = """
import json, sys
from pathlib import Path
from autoresearch.errors import Conflict
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.ids import new_id
from tests.campaign_requests import claim, judge, recorded
home, campaign, worker, many = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
numbers, refused = [], 0
with LocalLedger.open(home) as ledger:
    made = ledger.campaigns.campaign(campaign)
    for index in range(many):
        try:
            trial = claim(ledger, made, worker=worker, idea=f"idea {index}")
        except Conflict:
            refused += 1
            continue
        recorded(ledger, made, trial)
        judge(ledger, trial, "dropped", cost=0.25)
        numbers.append(trial.number)
print(json.dumps([numbers, refused]))
"""


def test_processes_that_share_a_campaign_lose_no_trial_and_count_none_twice(tmp_path: Path) -> None:
    with LocalLedger.open(tmp_path) as ledger:
        made = begun(ledger)
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", _WORKER, str(tmp_path), made.id, f"w{n}", "12"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(3)
    ]
    answers = [worker.communicate(timeout=240) for worker in workers]
    assert [(w.returncode, err) for w, (_, err) in zip(workers, answers, strict=True)] == [(0, "")] * 3
    numbers = [number for out, _ in answers for number in json.loads(out)[0]]
    with LocalLedger.open(tmp_path) as ledger:
        now = ledger.campaigns.campaign(made.id)
        assert sorted(numbers) == list(range(1, now.trials + 1))
        assert (now.outcomes, now.cost) == ({"dropped": now.trials}, 0.25 * now.trials)
        assert list(ledger.snapshots.verify()) == []


class _CutError(Exception):
    """The process died here."""


class _Cutting(LocalLedger):
    """A ledger whose write transactions are cut off at their n-th statement."""

    left = 10**9

    @contextlib.contextmanager
    def write(self, **how: Any) -> Iterator[Unit]:
        with super().write(**how) as unit:
            unit.rows.connection = _Connection(self, unit.rows.connection)  # type: ignore[assignment]
            yield unit


class _Connection:
    def __init__(self, ledger: _Cutting, real: Any) -> None:
        self._ledger, self._real = ledger, real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def execute(self, *given: Any) -> Any:
        self._ledger.left -= 1
        if self._ledger.left < 0:
            raise _CutError
        return self._real.execute(*given)


def _everything(ledger: Ledger, made: Campaign) -> Any:
    told = {"updated_at", "started_at", "recorded_at", "ended_at"}
    return (
        ledger.campaigns.campaign(made.id).model_dump(exclude=told),
        [trial.model_dump(exclude=told) for trial in ledger.campaigns.trials(made.id).items],
        [[each.trial_number for each in one.delivered] for one in ledger.memory.notes(PROJECT).items],
        [(event.kind, event.subject) for event in ledger.memory.events(limit=1000).items],
    )


def _work(ledger: LocalLedger, made: Campaign, ids: list[str]) -> list[Callable[[], object]]:
    """The calls of a campaign, each with ids of its own, so that it may be made again."""
    campaigns, trial = ledger.campaigns, trial_request(made, id=ids[0], idea="wider")
    other = trial_request(made, id=ids[1])

    def told(identity: str, trial_id: str, step: str, **values: Any) -> Callable[[], object]:
        request = TrialUpdate.make(id=identity, trial_id=trial_id, step=step, **values)
        return lambda: campaigns.update(request)

    return [
        lambda: campaigns.claim(trial),
        lambda: campaigns.deliver(made.id, ids[0]),
        told(ids[2], ids[0], "proposing", cost=0.5, input_tokens=100),
        told(ids[3], ids[0], "recorded", experiment_id=ids[8]),
        told(ids[4], ids[0], "judged", outcome="kept", seconds=9, samples=[1.0]),
        lambda: campaigns.move(made.id, "pause"),
        lambda: campaigns.move(made.id, "resume"),
        lambda: campaigns.claim(other),
        lambda: campaigns.deliver(made.id, ids[1]),
        told(ids[5], ids[1], "judged", outcome="agent_failed"),
        lambda: campaigns.move(made.id, "end", stop="failures"),
    ]


def test_a_call_that_is_cut_off_at_any_statement_leaves_nothing_and_may_be_made_again(tmp_path: Path) -> None:
    with LocalLedger.open(tmp_path / "store", actor=ADA) as whole:
        cutting = _Cutting(whole.database, whole.store, actor=ADA, trusted=True)
        made = begun(cutting)
        ids = [new_id() for _ in range(8)]
        ids.append(experiment(cutting, made.session_id).id)
        note(cutting, "smaller, please")
        cuts = 0
        for call in _work(cutting, made, ids):
            before, statements = _everything(whole, made), 0
            while True:
                cutting.left = statements
                try:
                    call()
                except _CutError:
                    assert _everything(whole, made) == before
                    statements += 1
                    cuts += 1
                    continue
                finally:
                    cutting.left = 10**9
                break
            after = _everything(whole, made)
            call()
            assert _everything(whole, made) == after, "made twice it acts once"
        now = whole.campaigns.campaign(made.id)
        assert (now.outcomes, now.cost, now.seconds, now.stop) == (
            {"kept": 1, "agent_failed": 1},
            0.5,
            9.0,
            "failures",
        )
        assert cuts > 50


def test_an_organization_sees_and_moves_no_campaign_of_another(tmp_path: Path) -> None:
    with LocalLedger.open(tmp_path / "store", actor=ADA) as mine:
        theirs = LocalLedger(mine.database, mine.store, organization="theirs", actor=ADA)
        made = begun(mine)
        trial = claim(mine, made, idea="secret")
        one = recorded(mine, made, trial)
        remark = note(mine, "for us")
        goal(theirs)
        calls: list[Callable[[], object]] = [
            lambda: theirs.campaigns.campaign(made.id),
            lambda: theirs.campaigns.find(PROJECT, made.id),
            lambda: theirs.campaigns.find(PROJECT, "last"),
            lambda: theirs.campaigns.move(made.id, "stop"),
            lambda: theirs.campaigns.hold(made.id, "thief", 60),
            lambda: theirs.campaigns.release(made.id, "thief"),
            lambda: claim(theirs, made),
            lambda: judge(theirs, trial, "kept"),
            lambda: theirs.campaigns.trial(trial.id),
            lambda: theirs.campaigns.trials(made.id),
            lambda: theirs.campaigns.trial_of(one.id),
            lambda: theirs.campaigns.deliver(made.id, trial.id),
        ]
        for call in calls:
            with pytest.raises(NotFound):
                call()
        own = begin(theirs, session(theirs).id, id=made.id)
        assert own.number == 1
        again = claim(theirs, own, id=trial.id)
        with pytest.raises(NotFound):
            theirs.campaigns.deliver(own.id, again.id, notes=[remark.id])
        with pytest.raises(NotFound):
            update(theirs, again, "proposing", prompt=mine.snapshots.put(b"ours alone"))
        assert mine.campaigns.trial(trial.id).idea == "secret"
        assert mine.campaigns.campaign(made.id).state == "running"


def test_an_id_that_is_used_again_for_something_else_is_refused(ledger: Ledger) -> None:
    made = begun(ledger)
    trial = claim(ledger, made)
    with pytest.raises(Conflict):
        claim(ledger, made, id=trial.id, idea="another")
    once = new_id()
    update(ledger, trial, "proposing", id=once)
    other = claim(ledger, made)
    with pytest.raises(Conflict):
        update(ledger, other, "proposing", id=once)
    with pytest.raises((Conflict, Forbidden)):
        begin(ledger, made.session_id, id=made.id, agent="another")
