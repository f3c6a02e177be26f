"""Agents that cheat, crash, hang and worse: each ends as an outcome of its own, and none becomes the best."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autoresearch.drivers.base import Assignment, Proposal, Usage
from autoresearch.drivers.registry import make_agent
from autoresearch.errors import AgentError
from autoresearch.ledger.base import every
from autoresearch.loop.budget import Limits
from autoresearch.loop.campaign import Result, run_campaign
from autoresearch.loop.executors.base import Resources
from autoresearch.loop.plan import Plan
from autoresearch.records.campaign import Trial
from autoresearch.track.workspace import Workspace
from tests.command_clock import out_of_time_once
from tests.loop.landscapes import fingerprint, git

TRAIN = "import evaluate\nVALUE = 5.0\nevaluate.report(VALUE)\n"
EVALUATE = "def report(value):\n    print(f'loss: {abs(value) + 1}')\n"
BOMB = """\
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for generation in range(9):
    if os.fork() == 0:
        os.setsid()
time.sleep(600)
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    folder = tmp_path / "user"
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    (folder / "evaluate.py").write_text(EVALUATE)
    (folder / "notes.txt").write_text("mine\n")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "begin")
    with Workspace.open(folder, project="p", home=tmp_path / "store") as opened:
        opened.goal("loss", protected=["evaluate.py"])
        yield opened


def plan(trials: int, **options: object) -> Plan:
    values = {
        "command": (sys.executable, "-S", "train.py"),
        "tag": "t",
        "limits": Limits(experiments=trials, failures=5),
        "editable": ("train.py", "evaluate.py"),
        "baseline_runs": 1,
        "trial_seconds": 60.0,
        "prompt_tokens": 0,
    }
    return Plan(**{**values, **options})  # type: ignore[arg-type]


def trials_of(workspace: Workspace) -> list[Trial]:
    campaigns = workspace.ledger.campaigns
    campaign = campaigns.find(workspace.name, "last")
    return list(every(lambda cursor: campaigns.trials(campaign.id, limit=500, cursor=cursor)))


class Hostile:
    """Makes one change."""

    name = "hostile"

    def __init__(self, change: Callable[[Path], object]) -> None:
        self._change = change

    def propose(self, assignment: Assignment) -> Proposal | None:
        self._change(assignment.folder)
        return Proposal("it is much better, loss: 0.0", {}, {"loss": 0.0})


def train(text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / "train.py").write_text(text)


def unlink(folder: Path) -> None:
    (folder / "evaluate.py").unlink()
    (folder / "evaluate.py").symlink_to("/dev/null")


def outside(folder: Path) -> None:
    (folder / "notes.txt").write_text("theirs\n")


CASES: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "the evaluator edited": (
        lambda folder: (folder / "evaluate.py").write_text("def report(value):\n    print('loss: 0')\n"),
        "refused",
        "evaluate.py is protected",
    ),
    "the evaluator replaced by a link": (unlink, "refused", "evaluate.py is protected"),
    "a file of the user edited": (outside, "refused", "notes.txt is outside of what may be edited"),
    "nothing but words": (lambda folder: None, "no_change", "nothing was changed"),
    "the evaluator overwritten by the run": (
        train(TRAIN + "open('evaluate.py', 'w').write('')\nprint('loss: 0.0')\n"),
        "tampered",
        "evaluate.py is protected, and the run changed it",
    ),
    "an exception": (train("raise ValueError('no')\n"), "crashed", "ended with exit code 1: ValueError: no"),
    "a signal": (train("import os\nos.kill(os.getpid(), 9)\n"), "crashed", "ended with signal 9"),
    "no score": (train("print('the loss is very low')\n"), "no_score", "printed no line 'loss: number'"),
    "NaN as the best": (
        train(TRAIN + "print('loss: nan')\n"),
        "no_score",
        "loss was 'nan', not a finite number",
    ),
    "minus infinity": (
        train("print('loss: -inf')\n"),
        "no_score",
        "loss was '-inf', not a finite number",
    ),
    "a second score": (
        train(TRAIN + "print('loss: 0.0')\n"),
        "no_score",
        "printed loss more than once, with different values: 6, 0",
    ),
    "a score and then a failure": (
        train("print('loss: 0.0')\nraise SystemExit(3)\n"),
        "crashed",
        "ended with exit code 3",
    ),
    "a script that exits early with the score of another": (
        train("import sys\nprint('l\u043ess: 0.0')\nsys.exit(0)\n"),
        "no_score",
        "printed no line",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_ends_as_its_own_outcome_and_none_is_kept(workspace: Workspace, name: str) -> None:
    change, outcome, reason = CASES[name]
    before = fingerprint(workspace.path)
    result = run_campaign(workspace, Hostile(change), plan(1))
    baseline, trial = trials_of(workspace)
    assert (baseline.outcome, trial.outcome, result.outcomes) == ("kept", outcome, {outcome: 1})
    assert reason in trial.reason
    frontier = workspace.frontier()
    assert [step.score for step in frontier.steps] == [6.0]
    assert git(workspace.path, "log", "--format=%s", "autoresearch/t") == "begin"
    assert fingerprint(workspace.path) == before
    if trial.experiment_id is not None:
        experiment = workspace.ledger.research.experiment(trial.experiment_id)
        assert (experiment.state, experiment.score) in {("dropped", None), ("crashed", None)}


def limited(workspace: Workspace, text: str, **options: object) -> Trial:
    run_campaign(workspace, Hostile(train(text)), plan(1, **options))
    assert len(workspace.frontier().steps) == 1
    return trials_of(workspace)[-1]


def test_a_run_that_hangs_is_timed_out(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out_of_time_once(tmp_path / "far", monkeypatch)
    hanging = (
        f"print('loss: 0.0', flush=True)\nopen({str(tmp_path / 'far')!r}, 'w').close()\nwhile True: pass\n"
    )
    trial = limited(workspace, hanging)
    assert trial.outcome == "timed_out"
    said = re.fullmatch(r"ran out of time after (\d+\.\d) s", trial.reason)
    assert said is not None
    assert float(said[1]) >= 60.0


def test_a_fork_bomb_is_ended_with_all_its_processes(workspace: Workspace, tmp_path: Path) -> None:
    trial = limited(workspace, BOMB, resources=Resources(processes=40))
    assert (trial.outcome, trial.reason) == ("crashed", "had more than 40 processes at once")
    home = str(tmp_path / "store")
    assert [path for path in Path("/proc").glob("[0-9]*/cwd") if folder_at(path).startswith(home)] == []


def folder_at(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


def test_a_run_that_takes_all_memory_is_ended(workspace: Workspace) -> None:
    text = "import time\nheld = bytearray(b'x' * 400_000_000)\ntime.sleep(600)\n"
    trial = limited(workspace, text, resources=Resources(memory=200_000_000))
    assert trial.outcome == "crashed"
    assert "GB of memory, more than the 0.2 GB it may" in trial.reason


ENDLESS = """
import time
run = ar.init(name="endless", system_metrics=False)
while True:
    run.log({"loss": float("nan")})
    time.sleep(0.01)
"""
LOGGED = """\
import autoresearch as ar
import evaluate
for value in {values}:
    run = ar.init()
    run.log({{"loss": value}})
    run.finish()
{then}
"""


@pytest.mark.parametrize(
    ("values", "then", "reason"),
    [
        ("(6.0, 0.0)", "", "2 runs of this trial logged loss, with different values: 6, 0"),
        ("(0.0,)", "evaluate.report(5.0)", "the run logged 0 as loss, and printed 6"),
        ("(float('nan'),)", "evaluate.report(0.5)", "the run logged nan as loss, not a finite number"),
    ],
    ids=["twice", "beside what is printed", "not a number"],
)
def test_a_score_that_is_logged_against_what_else_is_said_is_none(
    workspace: Workspace, values: str, then: str, reason: str
) -> None:
    command = (sys.executable, "train.py")
    trial = limited(workspace, LOGGED.format(values=values, then=then), command=command, early="off")
    assert (trial.outcome, trial.reason) == ("no_score", reason)


def test_a_run_that_logs_nan_and_goes_on_is_ended_before_its_time(workspace: Workspace) -> None:
    text = LOGGED.format(values="()", then=ENDLESS)
    trial = limited(workspace, text, command=(sys.executable, "train.py"))
    assert trial.outcome == "hopeless"
    assert "nan" in trial.reason.lower()


def test_the_score_is_what_the_run_logged_itself(workspace: Workspace) -> None:
    text = LOGGED.format(values="(0.5,)", then="")
    agent = Hostile(train(text))
    run_campaign(workspace, agent, plan(1, command=(sys.executable, "train.py")))
    trial = trials_of(workspace)[-1]
    assert (trial.outcome, trial.samples) == ("kept", (0.5,))


def failing(workspace: Workspace, error: AgentError) -> Result:
    class Failing:
        name = "failing"

        def propose(self, assignment: Assignment) -> Proposal | None:
            raise error

    return run_campaign(workspace, Failing(), plan(50, limits=Limits(experiments=50, failures=3)))


def test_an_agent_that_always_fails_ends_the_campaign_with_what_it_has_cost(workspace: Workspace) -> None:
    usage = {"input_tokens": 10, "output_tokens": 5, "cost": 0.25}
    result = failing(workspace, AgentError("The model refused.", details={"usage": usage}))
    assert (result.stop, result.outcomes) == ("failures", {"agent_failed": 3})
    assert [trial.reason for trial in trials_of(workspace)[1:]] == ["The model refused."] * 3
    campaign = workspace.campaigns.find()
    assert (campaign.input_tokens, campaign.output_tokens, campaign.cost) == (30, 15, 0.75)
    assert len(workspace.experiments()) == 1


def test_an_agent_that_cannot_go_on_is_not_asked_again(workspace: Workspace) -> None:
    result = failing(workspace, AgentError("The key is not valid.", details={"fatal": True}))
    assert (result.stop, result.outcomes) == ("failures", {"agent_failed": 1})
    assert result.reason == "the agent cannot go on: The key is not valid."


def test_an_agent_whose_program_hangs_has_failed(workspace: Workspace) -> None:
    agent = make_agent("command:sh -c 'while :; do :; done'")
    limits = Limits(experiments=5, failures=1)
    result = run_campaign(workspace, agent, plan(5, limits=limits, agent_seconds=1.0, prompt_tokens=4000))
    assert (result.stop, result.outcomes) == ("failures", {"agent_failed": 1})


class Spending:
    """Costs something with each proposal, and with finding out that it has no more."""

    name = "spending"

    def __init__(self, most: int | None = None) -> None:
        self._most = most

    def propose(self, assignment: Assignment) -> Proposal:
        text = TRAIN.replace("5.0", str(5 + assignment.trial))
        (assignment.folder / "train.py").write_text(text)
        return Proposal(
            f"value {assignment.trial}",
            usage=Usage(input_tokens=100, output_tokens=20, cost=0.5),
            model="m-1",
            give_up=assignment.trial == self._most,
        )


@pytest.mark.parametrize(
    ("limits", "stop", "trials"),
    [
        (Limits(tokens=300), "tokens", 3),
        (Limits(cost=1.0), "money", 2),
        (Limits(experiments=2, cost=100.0), "experiments", 2),
        (Limits(hours=1e-7), "hours", 0),
        (Limits(experiments=0), "experiments", 0),
    ],
    ids=["tokens", "money", "experiments", "hours", "none"],
)
def test_each_limit_ends_a_campaign_for_a_reason_of_its_own(
    workspace: Workspace, limits: Limits, stop: str, trials: int
) -> None:
    workspace.experiment("by hand")
    workspace.decision("1", "keep", score=6.0)
    result = run_campaign(workspace, Spending(), plan(9, limits=limits))
    assert (result.stop, sum(result.outcomes.values())) == (stop, trials)


def test_what_it_took_an_agent_to_give_up_is_counted(workspace: Workspace) -> None:
    workspace.experiment("by hand")
    workspace.decision("1", "keep", score=6.0)
    result = run_campaign(workspace, Spending(3), plan(9))
    assert (result.stop, result.outcomes["abandoned"]) == ("exhausted", 1)
    campaign, last = workspace.campaigns.find(), trials_of(workspace)[-1]
    assert (campaign.input_tokens, campaign.output_tokens, campaign.cost) == (300, 60, 1.5)
    assert (last.outcome, last.cost, last.model) == ("abandoned", 0.5, "m-1")


def test_a_campaign_ends_when_the_target_is_reached(workspace: Workspace) -> None:
    workspace.goal("loss", protected=["evaluate.py"], target=2.0)
    agent = Hostile(train(TRAIN.replace("5.0", "1.0")))
    result = run_campaign(workspace, agent, plan(9))
    assert (result.stop, result.outcomes) == ("target", {"kept": 1})
    assert result.reason == "loss is 2, which is the target or better"
