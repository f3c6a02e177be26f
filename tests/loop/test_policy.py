from __future__ import annotations

import random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch.loop.policy import Incumbent, Policy

BEST = Incumbent(2.410, 2, lower_is_better=True, noise=0.002)


def verdict_of(
    candidate: float, incumbent: Incumbent, noise: float, chance: random.Random
) -> tuple[str, int]:
    """What becomes of a change whose true score is ``candidate``, and how many runs it took."""
    policy = Policy()
    samples = [chance.gauss(candidate, noise)]
    while len(samples) < policy.runs_wanted(samples, incumbent):
        samples.append(chance.gauss(candidate, noise))
    return policy.judge(samples, incumbent).verdict, len(samples)


def test_a_worse_change_is_dropped_after_one_run_with_its_numbers() -> None:
    assert Policy().runs_wanted([2.422], BEST) == 1
    judged = Policy().judge([2.422], BEST)
    assert (judged.verdict, judged.reason) == ("drop", "0.012 worse than 2.4100")


def test_a_gain_below_the_noise_is_dropped_and_said_to_be_within_it() -> None:
    judged = Policy().judge([2.407], BEST)
    assert judged.verdict == "drop"
    assert judged.reason == "better by 0.003, within the noise: 2 sd of the difference are 0.004899"


def test_a_gain_near_the_bar_is_measured_three_times() -> None:
    assert Policy().runs_wanted([2.407], BEST) == 3
    assert Policy().runs_wanted([2.407, 2.404], BEST) == 3
    assert Policy().runs_wanted([2.407, 2.404, 2.405], BEST) == 3


def test_a_clear_gain_is_still_confirmed_by_a_second_run() -> None:
    assert Policy().runs_wanted([2.30], BEST) == 2
    judged = Policy().judge([2.30, 2.31], BEST)
    assert judged.verdict == "keep"
    assert judged.reason.startswith("better by 0.105 (mean of 2 runs), more than the 0.004")


def test_a_tie_is_dropped() -> None:
    assert Policy().judge([2.410], BEST).reason == "the same score as the best, 2.4100"


def test_without_noise_the_least_gain_of_the_goal_decides() -> None:
    exact = Incumbent(10.0, 1, lower_is_better=False, noise=0.0, min_delta=0.5)
    assert Policy().runs_wanted([10.6], exact) == 1
    assert Policy().judge([10.6], exact).verdict == "keep"
    judged = Policy().judge([10.4], exact)
    assert (judged.verdict, judged.reason) == (
        "drop",
        "better by 0.4, less than the 0.5 that the goal asks for",
    )


def test_changes_that_change_nothing_are_seldom_kept() -> None:
    """500 campaigns against an incumbent measured twice: a policy without a bar keeps half of them."""
    chance = random.Random(7)
    kept = runs = 0
    for _ in range(500):
        measured = fmean([chance.gauss(1.0, 0.1), chance.gauss(1.0, 0.1)])
        verdict, used = verdict_of(1.0, Incumbent(measured, 2, lower_is_better=True, noise=0.1), 0.1, chance)
        kept += verdict == "keep"
        runs += used
    assert kept / 500 < 0.05
    assert runs / 500 < 2.5


def test_changes_of_four_standard_deviations_are_seldom_missed() -> None:
    chance = random.Random(8)
    incumbent = Incumbent(1.0, 3, lower_is_better=True, noise=0.1)
    kept = sum(verdict_of(0.6, incumbent, 0.1, chance)[0] == "keep" for _ in range(300))
    assert kept / 300 > 0.9


@given(
    samples=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5),
    score=st.floats(-1e6, 1e6),
    noise=st.floats(0, 1e3),
    least=st.floats(0, 10),
    lower=st.booleans(),
)
def test_nothing_is_kept_that_is_not_better_by_the_least_gain(
    samples: list[float], score: float, noise: float, least: float, *, lower: bool
) -> None:
    incumbent = Incumbent(score, 2, lower_is_better=lower, noise=noise, min_delta=least)
    judged = Policy().judge(samples, incumbent)
    if judged.verdict == "keep":
        assert incumbent.gain(fmean(samples)) > least
    assert Policy().runs_wanted(samples, incumbent) <= max(3, len(samples))


@pytest.mark.parametrize("lower", [True, False])
def test_better_means_the_same_in_both_directions(*, lower: bool) -> None:
    sign = 1 if lower else -1
    incumbent = Incumbent(sign * 5.0, 2, lower_is_better=lower, noise=0.1)
    assert Policy().judge([sign * 4.0, sign * 4.1], incumbent).verdict == "keep"
    assert Policy().judge([sign * 6.0], incumbent).verdict == "drop"
