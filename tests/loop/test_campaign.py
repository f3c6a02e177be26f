from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from autoresearch.drivers.base import Assignment, Proposal
from autoresearch.errors import Conflict, Invalid, TrialError
from autoresearch.loop import events
from autoresearch.loop.budget import Limits
from autoresearch.loop.campaign import Result, run_campaign
from autoresearch.loop.offline import OfflineAgent
from autoresearch.loop.plan import Plan
from autoresearch.track.workspace import Workspace
from tests.command_clock import out_of_time_once

# The loss is lowest at LR = 4; the seed moves it by at most 0.01.
TRAIN = """\
import os
LR = 1.0
if LR > 6:
    raise MemoryError("too fast")
seed = int(os.environ["SEED"])
print(f"memory: {LR * 2}")
print(f"loss: {abs(LR - 4) + 1 + 0.01 * (seed * 7 % 3 - 1)}")
"""


class Scripted:
    """Proposes what it is told, one after the other, and remembers what it was shown."""

    name = "scripted"

    def __init__(self, *changes: str | Callable[[Path], object]) -> None:
        self._changes = iter(changes)
        self.briefs: list[Mapping[str, Any]] = []
        self.starts: list[str] = []

    def propose(self, assignment: Assignment) -> Proposal | None:
        folder = assignment.folder
        self.briefs.append(assignment.brief)
        text = (folder / "train.py").read_text()
        self.starts.append(text.splitlines()[1])
        change = next(self._changes, None)
        if change is None:
            return None
        if isinstance(change, str):
            edited = text.replace(self.starts[-1], f"LR = {change}")
            return Proposal(f"{self.starts[-1]} was a guess; {change}", {"train.py": edited}, {"LR": change})
        change(folder)
        return Proposal("edited by hand", {}, {})


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    folder = tmp_path / "user"
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    (folder / "grader.py").write_text("# honest\n")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "begin")
    with Workspace.open(folder, project="p", home=tmp_path / "store") as opened:
        opened.goal("loss", protected=["grader.py"])
        yield opened


def plan(trials: int, **options: Any) -> Plan:
    chosen = {"artifact": "model", "artifact_paths": ("train.py",), "trial_seconds": 30.0, **options}
    limits = Limits(experiments=trials)
    return Plan(command=[sys.executable, "-S", "train.py"], tag="t", limits=limits, **chosen)


def run(workspace: Workspace, agent: Scripted | OfflineAgent, trials: int = 20, **options: Any) -> Result:
    return run_campaign(workspace, agent, plan(trials, **options))


def branch(workspace: Workspace) -> list[str]:
    return git(workspace.path, "log", "--format=%s", "autoresearch/t").splitlines()


def reasons(workspace: Workspace) -> list[tuple[str, str]]:
    return [(experiment.state, experiment.reason) for experiment in workspace.experiments()]


def test_what_is_better_is_kept_and_all_else_is_dropped_with_its_reason(workspace: Workspace) -> None:
    agent = Scripted("2.0", "0.5", "7.0", "2.01", "4.0")
    outcomes = {"kept": 2, "dropped": 2, "crashed": 1, "abandoned": 1}
    nothing = "the agent knows nothing more to try"
    assert run(workspace, agent) == Result(1, "exhausted", nothing, outcomes, "autoresearch/t")
    baseline, better, worse, crash, noise, best = workspace.experiments()
    assert (baseline.state, baseline.reason) == ("kept", "baseline, 3 runs")
    assert better.score == pytest.approx(2.995)
    assert better.reason.startswith("better by 1.005 (mean of 2 runs), more than the 0.0")
    assert (worse.state, worse.reason) == ("dropped", "1.495 worse than 2.9950")
    assert (crash.state, crash.score) == ("crashed", None)
    assert crash.reason == "ended with exit code 1: MemoryError: too fast"
    assert "too fast" in crash.log_tail
    assert noise.state == "dropped"
    assert "within the noise" in noise.reason
    assert (best.state, best.parent_id, best.config) == ("kept", better.id, {"LR": "4.0"})
    assert branch(workspace) == [best.note, better.note, "begin"]
    assert agent.starts == ["LR = 1.0", "LR = 2.0", "LR = 2.0", "LR = 2.0", "LR = 2.0", "LR = 4.0"]


def test_the_winner_holds_the_files_and_numbers_of_the_best(workspace: Workspace, tmp_path: Path) -> None:
    run(workspace, Scripted("2.0", "0.5"))
    winner = workspace.get_artifact("model", "winner", tmp_path / "out")
    assert (winner.version, winner.produced_by) == ("v2", workspace.find("2").id)
    assert "LR = 2.0\n" in (tmp_path / "out" / "train.py").read_text()
    assert '"memory": 4.0' in (tmp_path / "out" / "metrics.json").read_text()


def test_the_code_that_ran_is_what_was_recorded(workspace: Workspace) -> None:
    run(workspace, Scripted("2.0", "0.5"))
    head = git(workspace.path, "rev-parse", "main")
    kept, dropped = workspace.find("2"), workspace.find("3")
    assert (kept.commit, dropped.commit) == (head, git(workspace.path, "rev-parse", "autoresearch/t"))
    assert b"+LR = 0.5\n" in workspace.ledger.snapshots.patch(dropped.id)
    assert kept.command == (sys.executable, "-S", "train.py")
    assert {entry.path for entry in workspace.ledger.snapshots.tree(str(kept.tree)).entries} == {
        "grader.py",
        "train.py",
    }


def test_a_gain_near_the_noise_is_measured_with_more_seeds(workspace: Workspace) -> None:
    run(workspace, Scripted("1.015"))
    (decision,) = workspace.ledger.research.decisions(workspace.find("2").id)
    assert len(decision.samples) == 3


def test_the_agent_is_shown_what_was_tried_before(workspace: Workspace) -> None:
    agent = Scripted("2.0", "0.5")
    run(workspace, agent)
    shown = [row["note"] for row in agent.briefs[-1]["recent"]]
    assert shown == ["baseline: the code as it is", "LR = 1.0 was a guess; 2.0", "LR = 2.0 was a guess; 0.5"]


def tamper(folder: Path) -> None:
    (folder / "grader.py").write_text("# bribed\n")


def smuggle(folder: Path) -> None:
    (folder / "other.py").write_text("x")


def test_a_change_out_of_bounds_is_recorded_with_its_reason_and_never_run(workspace: Workspace) -> None:
    result = run(workspace, Scripted(tamper, smuggle, lambda folder: None), editable=("train.py",))
    assert result.outcomes == {"refused": 2, "no_change": 1, "abandoned": 1}
    assert reasons(workspace)[1:] == [
        ("dropped", "refused, and not run: grader.py is protected"),
        ("dropped", "refused, and not run: other.py is outside of what may be edited (train.py)"),
        ("dropped", "refused, and not run: nothing was changed"),
    ]
    assert all(experiment.seconds in {None, 0.0} for experiment in workspace.experiments()[1:])


def test_a_run_that_changes_the_grader_has_no_score(workspace: Workspace) -> None:
    def bribe(folder: Path) -> None:
        text = (folder / "train.py").read_text()
        (folder / "train.py").write_text(text + "open('grader.py', 'w').write('')\nprint('loss: 0.0')\n")

    run(workspace, Scripted(bribe))
    assert reasons(workspace)[1] == ("dropped", "grader.py is protected, and the run changed it")
    assert workspace.find("2").score is None
    assert branch(workspace) == ["begin"]


def test_what_a_run_leaves_behind_is_not_committed(workspace: Workspace) -> None:
    def litter(folder: Path) -> None:
        text = (folder / "train.py").read_text().replace("LR = 1.0", "LR = 4.0")
        (folder / "train.py").write_text(
            text + "assert not os.path.exists('state')\nopen('state', 'w').close()\n"
        )

    assert run(workspace, Scripted(litter)).outcomes["kept"] == 1
    assert git(workspace.path, "ls-tree", "--name-only", "autoresearch/t").splitlines() == [
        "grader.py",
        "train.py",
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("print('loss: nan')", "loss was 'nan', not a finite number"),
        ("import sys; sys.exit(0)", "printed no line 'loss: number'"),
        ("while True: pass", "ran out of time"),
    ],
)
def test_a_run_without_a_score_is_a_crash(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, reason: str
) -> None:
    far = tmp_path / "far"
    out_of_time_once(far, monkeypatch)

    def spoil(folder: Path) -> None:
        text = (folder / "train.py").read_text()
        if "while" in line:
            text = f"open({str(far)!r}, 'w').close()\n{line}\n"
        (folder / "train.py").write_text(f"{line}\n" if "exit" in line else text + line)

    run(workspace, Scripted(spoil))
    state, said = reasons(workspace)[1]
    assert state == "crashed"
    assert said.startswith(reason)


def test_a_broken_constraint_drops_what_would_be_better(workspace: Workspace) -> None:
    workspace.goal("loss", constraints=["memory <= 5"])
    run(workspace, Scripted("4.0"))
    assert reasons(workspace)[1] == ("dropped", "memory is 8, and memory <= 5 is required")


def test_a_baseline_without_a_score_ends_the_campaign_with_one_clear_error(workspace: Workspace) -> None:
    (workspace.path / "train.py").write_text("print('hello')\n")
    git(workspace.path, "commit", "-q", "-a", "-m", "broken")
    with pytest.raises(TrialError, match="printed no line 'loss: number'"):
        run(workspace, Scripted("2.0"))
    assert [state for state, _ in reasons(workspace)] == ["crashed"]


def test_a_campaign_ends_when_the_budget_of_the_goal_is_spent(workspace: Workspace) -> None:
    workspace.goal("loss", budget={"max_experiments": 3})
    assert run(workspace, Scripted("2.0", "3.0", "4.0")).stop == "experiments"
    assert len(workspace.experiments()) == 3


class Stop:
    """A listener that interrupts at the nth event of a kind."""

    def __init__(self, kind: type[events.Event], number: int) -> None:
        self._kind, self._left = kind, number
        self.seen: list[events.Event] = []

    def __call__(self, event: events.Event) -> None:
        self.seen.append(event)
        if isinstance(event, self._kind):
            self._left -= 1
            if self._left == 0:
                raise KeyboardInterrupt


def test_ctrl_c_leaves_the_trial_to_be_gone_on_with_and_no_folder(workspace: Workspace) -> None:
    stop = Stop(events.Running, 4)
    with pytest.raises(KeyboardInterrupt):
        run_campaign(workspace, Scripted("2.0"), plan(5), stop)
    assert [state for state, _ in reasons(workspace)] == ["kept", "recorded"]
    assert git(workspace.path, "worktree", "list").count("\n") == 0
    assert isinstance(stop.seen[-1], events.Ended)
    assert stop.seen[-1].stop == "interrupted"
    result = run(workspace, Scripted("3.0"))
    assert (result.campaign, result.outcomes) == (1, {"kept": 2, "abandoned": 1})
    assert branch(workspace) == ["LR = 2.0 was a guess; 3.0", "LR = 1.0 was a guess; 2.0", "begin"]


def test_a_campaign_killed_after_a_verdict_goes_on_from_the_best(workspace: Workspace) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_campaign(workspace, Scripted("2.0"), plan(5), Stop(events.Judged, 2))
    assert workspace.find("2").state == "kept"
    git(workspace.path, "update-ref", "refs/heads/autoresearch/t", "main")
    agent = Scripted("3.0")
    run(workspace, agent)
    assert agent.starts[0] == "LR = 2.0"
    assert branch(workspace) == ["LR = 2.0 was a guess; 3.0", "LR = 1.0 was a guess; 2.0", "begin"]


def test_a_verdict_that_a_person_overturned_is_not_built_upon(workspace: Workspace) -> None:
    run(workspace, Scripted("2.0", "3.0"))
    workspace.decision(workspace.find("3").id, "drop", score=2.0, reason="it cheats")
    agent = Scripted("2.5")
    run(workspace, agent)
    assert agent.starts[0] == "LR = 2.0"
    assert branch(workspace)[0] == "LR = 2.0 was a guess; 2.5"
    assert "LR = 2.5\n" in git(workspace.path, "show", "autoresearch/t:train.py")


def test_the_events_tell_the_whole_story_in_order(workspace: Workspace) -> None:
    seen: list[events.Event] = []
    run_campaign(workspace, Scripted("4.0"), plan(1), seen.append)
    assert [type(event).__name__ for event in seen] == [
        "Begun",
        *("Trying", *["Running", "Measured"] * 3, "Judged"),
        *("Asking", "Trying", *["Running", "Measured"] * 2, "Judged"),
        "Ended",
    ]
    judged = seen[-2]
    assert isinstance(judged, events.Judged)
    assert (judged.trial, judged.number, judged.verdict, judged.best) == (1, 2, "keep", judged.score)


def test_the_offline_agent_finds_the_valley_and_crashes_are_recorded(workspace: Workspace) -> None:
    result = run(workspace, OfflineAgent(1), trials=10)
    best = workspace.frontier().best
    assert best is not None
    assert best.score < 2
    assert result.outcomes.pop("abandoned") == 1
    assert sum(result.outcomes.values()) == len(workspace.experiments()) - 1


def test_a_project_without_a_goal_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    with Workspace.open(workspace.path, project="q", home=tmp_path / "store") as other:
        other.session("s")
        with pytest.raises(Conflict, match="no goal"):
            run(other, Scripted())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"baseline_runs": 0}, "0 baseline runs"),
        ({"workers": 0}, "0 workers"),
        ({"workers": 1000}, "1000 workers"),
        ({"patience": 0}, "patience of 0"),
        ({"command": []}, "needs a command"),
        ({"pattern": "loss = .*"}, "has 0 groups"),
        ({"pattern": "loss = (.*"}, "no regular expression"),
    ],
    ids=repr,
)
def test_a_plan_that_cannot_be_run_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(Invalid, match=message):
        Plan(**{"command": ["true"], "tag": "t", **values})


@pytest.mark.parametrize(
    "values", [{"experiments": -1}, {"hours": 0.0}, {"cost": -0.5}, {"failures": 0}], ids=repr
)
def test_a_limit_that_nothing_fits_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="cannot be run"):
        Limits(**values)
