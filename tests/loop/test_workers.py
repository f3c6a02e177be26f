"""Several workers at once on landscapes whose truth is known."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from autoresearch.drivers.base import Assignment, Proposal
from autoresearch.ledger.base import every
from autoresearch.loop import events
from autoresearch.loop.budget import Limits
from autoresearch.loop.campaign import run_campaign
from autoresearch.loop.plan import Plan
from autoresearch.records.campaign import Trial
from autoresearch.track.workspace import Workspace
from tests.loop.landscapes import (
    COMMAND,
    Independent,
    best_of,
    fingerprint,
    git,
    make_repository,
    score_of,
)

TRIALS, WORKERS = 200, 4


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    make_repository(tmp_path / "user", TRIALS)
    with Workspace.open(tmp_path / "user", project="p", home=tmp_path / "store") as opened:
        opened.goal("loss", protected=["score.sh"])
        yield opened


def plan(trials: int, workers: int = WORKERS, **options: Any) -> Plan:
    limits = Limits(experiments=trials, failures=options.pop("failures", None))
    chosen = {"prompt_tokens": 0, "baseline_runs": 1, **options}
    return Plan(**{"command": COMMAND, "tag": "t", "limits": limits, "workers": workers, **chosen})


def trials_of(workspace: Workspace, number: int = 1) -> list[Trial]:
    campaigns = workspace.ledger.campaigns
    found = campaigns.find(workspace.name, str(number))
    return list(every(lambda cursor: campaigns.trials(found.id, limit=500, cursor=cursor)))


class Meter:
    """Weighs this process after each verdict."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self.memory: list[int] = []
        self.files: list[int] = []
        self.workers: set[str] = set()

    def __call__(self, event: events.Event) -> None:
        if isinstance(event, events.Judged):
            self.memory.append(self._process.memory_info().rss)
            self.files.append(self._process.num_fds())
            self.workers.add(event.worker)


@pytest.mark.timeout(900)
def test_two_hundred_trials_by_four_workers_find_the_truth_and_leave_nothing_behind(
    workspace: Workspace,
) -> None:
    before, process, meter = fingerprint(workspace.path), psutil.Process(), Meter()
    # Servers of other tests may run beside this one.
    threads, children = threading.active_count(), set(process.children())
    result = run_campaign(workspace, Independent(), plan(TRIALS), meter)
    assert (result.stop, sum(result.outcomes.values())) == ("experiments", TRIALS)
    best = workspace.frontier().best
    assert best is not None
    assert best.score == best_of(TRIALS) == score_of(workspace, best.experiment_id)
    # Each change once, and the score of each step is that of its code.
    trials = trials_of(workspace)
    assert sorted(trial.number for trial in trials) == [*range(TRIALS + 1)]
    assert all(trial.step == "judged" for trial in trials)
    assert Counter(trial.idea for trial in trials).most_common(1)[0][1] == 1
    for step in workspace.frontier().steps[::10]:
        assert step.score == score_of(workspace, step.experiment_id)
    assert meter.workers == {f"worker-{number}" for number in range(1, WORKERS + 1)}
    kept = git(workspace.path, "rev-list", "--count", "main..autoresearch/t")
    assert int(kept) == result.outcomes["kept"]
    # Nothing is left of it but its branch and what the ledger holds.
    assert fingerprint(workspace.path) == before
    assert git(workspace.path, "worktree", "list").count("\n") == 0
    assert [path.name for path in (workspace.home.parent / "store" / "trials").rglob("tree")] == []
    assert [child for child in process.children() if child not in children] == []
    assert threading.active_count() <= threads + 1
    # Each moment has its own number of open pipes; what leaks is open ever after.
    quarter = len(meter.files) // 4
    assert min(meter.files[-quarter:]) <= max(meter.files[:quarter])
    assert meter.memory[-1] - meter.memory[quarter] < 30_000_000


class Same:
    """Proposes the same few changes again and again, whoever asks."""

    name = "same"

    def __init__(self, changes: int) -> None:
        self._changes = changes
        self._asked = 0
        self._lock = threading.Lock()
        self.running: list[list[str]] = []

    def propose(self, assignment: Assignment) -> Proposal | None:
        with self._lock:
            number = self._asked % self._changes + 1
            self._asked += 1
            self.running.append(list(assignment.brief.get("running", ())))
        return Proposal(f"file {number}", {f"p/{number:03}": f"{number}\n"})


def test_what_is_being_tried_or_was_tried_is_not_run_again(workspace: Workspace) -> None:
    agent = Same(3)
    runs: list[events.Event] = []
    run_campaign(
        workspace,
        agent,
        plan(8),
        lambda event: runs.append(event) if isinstance(event, events.Running) else None,
    )
    refused = [trial for trial in trials_of(workspace) if trial.outcome == "refused"]
    assert len(refused) == 8 - 3
    assert len(runs) == 1 + 3
    for trial in refused:
        assert trial.reason.startswith("not run: the same code as ")
        assert "experiment " in trial.reason or "is being tried now" in trial.reason


def test_a_gain_that_was_overtaken_is_measured_on_top_of_what_was_kept(workspace: Workspace) -> None:
    both = threading.Barrier(2, timeout=60)

    class Meeting:
        name = "meeting"

        def propose(self, assignment: Assignment) -> Proposal | None:
            both.wait()
            number = assignment.trial
            return Proposal(f"file {number}", {f"p/{number:03}": "-10\n"})

    result = run_campaign(workspace, Meeting(), plan(2, workers=2))
    assert result.outcomes == {"kept": 2}
    experiments = workspace.experiments()
    baseline, *both_at_once, again = experiments
    # Whichever of the two is judged first is kept, and the other one is overtaken.
    overtaken, first = sorted(both_at_once, key=lambda one: one.state)
    states = [(one.state, one.score) for one in (baseline, first, overtaken, again)]
    assert states == [("kept", 1000.0), ("kept", 990.0), ("dropped", 990.0), ("kept", 980.0)]
    assert "was kept meanwhile, so that it is measured again on top of that" in overtaken.reason
    assert (again.note, again.parent_id) == (overtaken.note, first.id)
    found = workspace.ledger.campaigns.trial_of(overtaken.id)
    assert found is not None
    assert found.experiment_id == again.id
    assert git(workspace.path, "show", "autoresearch/t:p/001") == "-10"
    assert git(workspace.path, "show", "autoresearch/t:p/002") == "-10"


@pytest.mark.parametrize(("second", "best"), [("-20", 980.0), ("-5", 990.0)], ids=["better", "worse"])
def test_of_two_gains_that_conflict_the_better_one_stands(
    workspace: Workspace, second: str, best: float
) -> None:
    first_judged, both = threading.Event(), threading.Barrier(2, timeout=60)

    class Conflicting:
        name = "conflicting"

        def propose(self, assignment: Assignment) -> Proposal | None:
            both.wait()
            value = "-10" if assignment.trial == 1 else second
            return Proposal(f"the same file: {value}", {"p/001": f"{value}\n"})

    def listener(event: events.Event) -> None:
        if isinstance(event, events.Judged) and event.trial == 1:
            first_judged.set()

    class Later(Conflicting):
        def propose(self, assignment: Assignment) -> Proposal | None:
            proposal = super().propose(assignment)
            if assignment.trial == 2:
                assert first_judged.wait(60)
            return proposal

    run_campaign(workspace, Later(), plan(2, workers=2), listener)
    frontier = workspace.frontier()
    assert frontier.best is not None
    assert frontier.best.score == best == score_of(workspace, frontier.best.experiment_id)
    assert git(workspace.path, "show", "autoresearch/t:p/001") == str(int(best) - 1000)
    last = workspace.experiments()[-1]
    assert last.reason.endswith("it conflicts with experiment 2, which was kept meanwhile")


def test_agents_are_told_what_the_others_try(workspace: Workspace, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "go")
    command = ("/bin/sh", "-c", f'[ "$(cat p/001)" = 0 ] || read -r line < {tmp_path}/go; sh score.sh')
    running = threading.Event()

    class Curious:
        name = "curious"

        def __init__(self) -> None:
            self.told: list[str] = []

        def propose(self, assignment: Assignment) -> Proposal | None:
            if assignment.trial == 2:
                assert running.wait(60)
            if assignment.trial == 3:
                self.told = list(assignment.brief["running"])
                (tmp_path / "go").write_text("go\n")
            return Proposal(f"file {assignment.trial}", {f"p/{assignment.trial:03}": "1\n"})

    def listener(event: events.Event) -> None:
        if isinstance(event, events.Running) and event.number == 2:
            running.set()

    agent = Curious()
    run_campaign(workspace, agent, plan(3, workers=2, command=command), listener)
    assert agent.told == ["file 1"]


def test_a_budget_of_the_goal_is_exact_with_many_workers(workspace: Workspace) -> None:
    workspace.goal("loss", protected=["score.sh"], budget={"max_experiments": 10})

    class Worse:
        name = "worse"

        def propose(self, assignment: Assignment) -> Proposal | None:
            return Proposal(f"file {assignment.trial}", {f"p/{assignment.trial:03}": "1\n"})

    result = run_campaign(workspace, Worse(), plan(50))
    assert (result.stop, len(workspace.experiments())) == ("experiments", 10)
