from __future__ import annotations

import datetime
from typing import Any

import pytest

from autoresearch.loop.budget import EXIT_CODES, Limits, active_seconds, counted, left, reached, spent
from autoresearch.records.campaign import Campaign, Trial
from autoresearch.records.experiment import Actor
from autoresearch.records.goal import GoalRequest
from autoresearch.records.ids import new_id

BEGUN = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def campaign(**values: Any) -> Campaign:
    nothing: dict[str, Any] = {
        "id": new_id(), "project": "p", "number": 1, "session_id": new_id(), "agent": "a", "settings": {}, "state": "running",
        "stop": None, "reason": "", "trials": 0, "outcomes": {}, "seconds": 0.0, "input_tokens": 0, "output_tokens": 0,
        "cost": 0.0, "failures_in_row": 0, "holder": None, "held_until": None, "actor": Actor(), "occurred_at": BEGUN,
        "recorded_at": BEGUN, "ended_at": None,
    }  # fmt: skip
    return Campaign(**{**nothing, **values})


def trial(begun: float, ended: float, *, agent: float | None = None, runs: float | None = None) -> Trial:
    at = [BEGUN + datetime.timedelta(seconds=seconds) for seconds in (begun, ended)]
    nothing: dict[str, Any] = dict.fromkeys(Trial.model_fields)
    return Trial(
        **{
            **nothing, "id": new_id(), "campaign_id": new_id(), "project": "p", "number": 1, "worker": "w", "step": "judged",
            "idea": "", "reason": "", "agent": "a", "samples": (), "started_at": at[0], "updated_at": at[1],
            "agent_seconds": agent, "seconds": runs,
        }
    )  # fmt: skip


def test_trials_at_the_same_time_count_their_time_once() -> None:
    together = [trial(0, 100, agent=20.0, runs=80.0), trial(50, 150, agent=20.0, runs=80.0)]
    apart = [*together, trial(1000, 1010, agent=5.0)]
    assert active_seconds([]) == 0
    assert active_seconds(together) == 150
    assert active_seconds(apart) == 160


def test_a_night_between_two_steps_of_a_trial_is_no_work() -> None:
    assert active_seconds([trial(0, 36_000, agent=60.0, runs=30.0)]) == 100


def test_trials_that_tried_nothing_use_up_no_experiments() -> None:
    one = campaign(trials=7, outcomes={"kept": 2, "agent_failed": 3, "abandoned": 1})
    assert counted(one) == 3
    assert spent(Limits(experiments=4), one, seconds=0) is None
    assert spent(Limits(experiments=3), one, seconds=0) == ("experiments", "all 3 experiments are done")


@pytest.mark.parametrize(
    ("limits", "values", "stop"),
    [
        (Limits(failures=3), {"failures_in_row": 3}, "failures"),
        (Limits(tokens=100), {"input_tokens": 60, "output_tokens": 40}, "tokens"),
        (Limits(cost=0.5), {"cost": 0.5}, "money"),
        (Limits(hours=1.0), {}, "hours"),
    ],
    ids=["failures", "tokens", "money", "hours"],
)
def test_a_limit_is_reached_when_as_much_was_spent(limits: Limits, values: dict[str, Any], stop: str) -> None:
    found = spent(limits, campaign(**values), seconds=3600)
    assert found is not None
    assert found[0] == stop
    assert spent(Limits(), campaign(**values), seconds=3600) is None


def test_what_is_left_counts_the_trial_that_asks_as_not_yet_spent() -> None:
    limits = Limits(experiments=10, hours=1.0, tokens=1000, cost=2.0)
    one = campaign(trials=4, input_tokens=300, output_tokens=100, cost=2.5)
    assert left(limits, one, seconds=600).words() == [
        "7 experiments",
        "3000 s",
        "600 tokens",
        "0.00 US dollars",
    ]
    assert left(Limits(), one, seconds=600).words() == []


@pytest.mark.parametrize(
    ("direction", "best", "expected"),
    [("min", 2.0, True), ("min", 2.1, False), ("max", 2.0, True), ("max", 1.9, False)],
)
def test_a_target_is_reached_from_the_side_that_is_better(
    direction: str, best: float, *, expected: bool
) -> None:
    goal = GoalRequest.make(metric="m", direction=direction, target=2.0)
    assert reached(goal, best) is expected
    assert not reached(goal, None)


def test_each_reason_to_end_has_an_exit_code_of_its_own() -> None:
    assert len(set(EXIT_CODES.values())) == len(EXIT_CODES) == 9
