"""Hopeless trials are ended early, and promising ones are not: on curves whose truth is known, and on real runs."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from autoresearch.errors import Invalid
from autoresearch.execution.runner import clean_environment
from autoresearch.loop.early import Rules, Trace, falls_behind
from autoresearch.loop.early_watch import EarlyStop, traces_of
from autoresearch.loop.executors.base import Job
from autoresearch.loop.executors.local import LocalExecutor
from autoresearch.track.joining import bring_runs, run_environment
from autoresearch.track.workspace import Workspace
from tests.served import served_at

STEPS, SECONDS, SD = 1000, 300.0, 0.01


def learning(
    seed: int,
    *,
    floor: float = 2.0,
    height: float = 2.0,
    power: float = 0.8,
    steps: int = STEPS,
    noise: float = 0.05,
) -> tuple[Trace, float]:
    """A curve that falls like a power of its time, and where it ends but for the noise."""
    made = np.random.default_rng(seed)
    share = np.arange(1, steps + 1) / steps
    values = floor + height * (30 * share + 1) ** -power + made.normal(0, noise, steps)
    return Trace(np.arange(steps, dtype=float), share * SECONDS, values), floor + height * 31**-power


def cut(trace: Trace, share: float) -> Trace:
    """The beginning of a curve."""
    upto = int(len(trace.values) * share)
    return Trace(trace.steps[:upto], trace.seconds[:upto], trace.values[:upto])


INCUMBENT = tuple(learning(seed)[0] for seed in (1, 2))


def stopped(trace: Trace, *, lower: bool = True, rules: Rules | None = None) -> float | None:
    """The share of its way at which a curve is stopped; None when it never is."""
    for share in np.linspace(0.1, 0.98, 23):
        said = falls_behind(cut(trace, share), INCUMBENT, noise=SD, rules=rules)
        if said:
            return float(share)
    return None


def test_a_trial_that_is_far_behind_is_stopped_with_the_numbers() -> None:
    trial = cut(learning(3, floor=2.3)[0], 0.5)
    said = falls_behind(trial, INCUMBENT, noise=SD)
    assert said.startswith("0.30")
    assert "behind the best at step 499, 50% of its way: " in said
    assert said.endswith("standard errors")


def test_where_higher_is_better_behind_is_below() -> None:
    def turned(trace: Trace) -> Trace:
        return Trace(trace.steps, trace.seconds, -trace.values)

    trial, incumbent = turned(cut(learning(3, floor=2.3)[0], 0.5)), [turned(trace) for trace in INCUMBENT]
    assert falls_behind(trial, incumbent, lower_is_better=False, noise=SD).startswith("0.30")
    assert not falls_behind(trial, incumbent, lower_is_better=True, noise=SD)


@pytest.mark.parametrize(
    ("name", "trial"),
    [
        ("the same code with another seed", learning(4)[0]),
        ("a better one", learning(4, floor=1.9)[0]),
        ("one that is a little worse, within the noise", learning(4, floor=2.01)[0]),
        ("one that begins slowly and ends well", learning(4, floor=1.7, height=3.2)[0]),
        (
            "a larger model that is slower by the second and better by the step",
            learning(4, floor=1.9, steps=500)[0],
        ),
    ],
)
def test_what_may_still_win_goes_on(name: str, trial: Trace) -> None:
    assert stopped(trial) is None, name


def test_nothing_is_said_before_a_good_part_is_over_or_without_a_curve() -> None:
    bad = learning(3, floor=3.0)[0]
    assert not falls_behind(cut(bad, 0.38), INCUMBENT)
    assert falls_behind(cut(bad, 0.42), INCUMBENT)
    assert not falls_behind(cut(bad, 0.9), [])
    assert not falls_behind(cut(bad, 0.01), INCUMBENT)
    assert not falls_behind(bad, [cut(INCUMBENT[0], 0.01)])


def test_numbers_that_are_not_finite_are_passed_over_by_the_comparison() -> None:
    holes, nothing = INCUMBENT[0].values.copy(), np.full(STEPS, np.nan)
    holes[::3] = np.nan
    known = [Trace(INCUMBENT[0].steps, INCUMBENT[0].seconds, holes)]
    assert falls_behind(cut(learning(3, floor=3.0)[0], 0.5), known)
    assert not falls_behind(Trace(INCUMBENT[0].steps, INCUMBENT[0].seconds, nothing), known)


def test_a_curve_without_any_scatter_is_compared_as_well() -> None:
    incumbent = [learning(0, noise=0.0)[0]]
    assert not falls_behind(incumbent[0], incumbent)
    assert falls_behind(learning(0, floor=2.5, noise=0.0)[0], incumbent)


def test_false_stops_are_rare_where_curves_are_like_each_other() -> None:
    """300 trials around an incumbent: none of those that would have won is stopped, and half of the others are."""
    made = np.random.default_rng(0)
    best = learning(0)[1]
    false = right = hopeless = 0
    for seed in range(300):
        trial, end = learning(
            100 + seed,
            floor=2.0 + made.normal(0, 0.06),
            height=2.0 * made.uniform(0.7, 1.4),
            power=0.8 * made.uniform(0.7, 1.4),
            steps=int(STEPS * made.uniform(0.6, 1.5)),
        )
        ended = stopped(trial) is not None
        hopeless += end > best
        right += ended and end > best
        false += ended and end <= best
    assert false == 0
    assert right > 0.4 * hopeless


def test_a_trial_that_drops_late_needs_a_surer_rule() -> None:
    """What no curve shows beforehand cannot be known: the limit of the rule, as its documentation says."""
    trial, _ = learning(5)
    late = np.where(trial.steps < 0.7 * STEPS, 0.3, 0.3 * (1 - trial.steps / STEPS) / 0.3 - 0.1)
    dropping = Trace(trial.steps, trial.seconds, trial.values + late)
    assert dropping.values[-50:].mean() < INCUMBENT[0].values[-50:].mean()
    assert stopped(dropping) is not None
    assert stopped(dropping, rules=Rules(least=0.9)) is None


@pytest.mark.parametrize(
    "wrong", [{"least": 0.0}, {"least": 1.0}, {"hold": 1.5}, {"lag": -0.1}, {"leap": 0.5}, {"k": 0.0}]
)
def test_rules_that_stop_nothing_or_everything_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(Invalid, match="stop nothing or everything"):
        Rules(**wrong)  # type: ignore[arg-type]


# --- the watch over real processes ----------------------------------------------------------------------------------

SCRIPT = """\
import sys, time
import autoresearch as ar

kind = sys.argv[1]
with ar.init() as run:
    for step in range(100 if kind == "whole" else 60):
        run.log({"loss": 3.0 - step / 100 + (1.5 if kind == "behind" else 0.0)})
        time.sleep(0.002)
    if kind == "nan":
        run.log({"loss": float("nan")})
    if kind == "infinite":
        run.log({"loss": float("inf")})
    if kind == "alert":
        run.alert("the loader is empty", level="error")
    if kind == "warning":
        run.alert("slow", level="warn")
    while kind not in {"whole", "warning"}:
        time.sleep(0.02)
        if kind == "behind":
            run.log({"loss": 4.0})
"""


@pytest.fixture(params=["embedded", "server"])
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workspace]:
    """A workspace of the embedded store, and one of a server, whose runs are sent when their command has ended."""
    folder = tmp_path / "user"
    folder.mkdir()
    (folder / "train.py").write_text(SCRIPT)
    with contextlib.ExitStack() as stack:
        if request.param == "server":
            served = stack.enter_context(served_at(tmp_path / "server"))
            patch = stack.enter_context(pytest.MonkeyPatch.context())
            patch.setenv("AUTORESEARCH_BASE_URL", served.url)
            patch.setenv("AUTORESEARCH_API_KEY", served.key)
        opened = stack.enter_context(Workspace.open(folder, project="p", home=tmp_path / "store"))
        assert (opened.server is not None) == (request.param == "server")
        opened.goal("loss")
        yield opened


def ran(workspace: Workspace, kind: str, incumbent: str = "") -> tuple[str, str]:
    """How a trial of this kind ended, and why."""
    experiment = workspace.experiment(kind)
    known = traces_of(workspace, incumbent, "loss") if incumbent else ()
    watch = EarlyStop(workspace, experiment.id, metric="loss", incumbent=known, every=0.1)
    linked = run_environment(workspace, experiment.id)
    job = Job(
        command=(sys.executable, "train.py", kind),
        folder=workspace.path,
        output=workspace.path.parent / "out.log",
        seconds=60.0,
        environment=clean_environment(linked),
    )
    with LocalExecutor() as executor:
        done = executor.run(job, watch)
    bring_runs(workspace)
    assert done.reason == watch.reason
    return done.ending, done.reason


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("nan", "loss was NaN at step 60"),
        ("infinite", "loss was inf at step 60"),
        ("alert", "it raised an alert: the loader is empty"),
    ],
)
def test_a_trial_that_cannot_end_well_is_ended_with_the_reason(
    workspace: Workspace, kind: str, reason: str
) -> None:
    assert ran(workspace, kind) == ("stopped", reason)


def test_a_trial_behind_the_curve_of_the_best_is_ended(workspace: Workspace) -> None:
    assert ran(workspace, "whole") == ("exited", "")
    best = workspace.find("last").id
    assert [len(trace.values) for trace in traces_of(workspace, best, "loss")] == [100]
    ending, reason = ran(workspace, "behind", incumbent=best)
    assert ending == "stopped"
    assert re.match(r"loss fell behind: [12]\.?\d* behind the best at step \d+, \d+% of its way", reason)


def test_a_warning_ends_nothing(workspace: Workspace) -> None:
    assert ran(workspace, "warning") == ("exited", "")
