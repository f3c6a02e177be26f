"""Measured trials of the code in a working tree: they outlive whoever started them, and measure what was recorded."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

import anyio
import pytest

from autoresearch.errors import Conflict, UsageError
from autoresearch.loop import trials
from autoresearch.loop.trial_states import MARK, TrialState, folder_of, held, read_state, write_state
from autoresearch.loop.trials import started_trial, stopped_trial, trial_of, trials_of
from autoresearch.track.workspace import Workspace
from tests.mcp.conftest import TRAIN, git
from tests.mcp_clients import PATIENCE, Asking, Said, in_process, over_stdio, run

SLOW = "import sys\nprint('begun', flush=True)\nsys.stdin = open('gate')\nsys.stdin.read()\nprint('val_loss: 2.0')\n"


async def _ended(asking: Asking, trial: str = "last") -> Said:
    while True:
        said = await asking("wait_trial", trial=trial, seconds=20)
        if said.refused or said["ended"]:
            return said


def _waited(workspace: Workspace, state: TrialState) -> TrialState:
    """The trial at its end; the wait is bounded by the test's own time."""
    while not state.ended:
        os.sched_yield()
        state = trial_of(workspace, state.id)
    return state


def _edit(repository: Path, text: str) -> None:
    (repository / "train.py").write_text(text)


def _gate(repository: Path) -> None:
    """A training script that waits until somebody opens the gate, a pipe outside of the repository."""
    pipe = repository.parent / "gate"
    os.mkfifo(pipe)
    _edit(repository, SLOW.replace("'gate'", repr(str(pipe))))


def test_an_agent_measures_its_change_and_the_rule_judges_it(repository: Path) -> None:
    async def work() -> None:
        async with in_process(repository) as asking:
            begun = await asking("start_trial", note="baseline: the code as it is")
            assert begun["experiment"] == 1
            first = await _ended(asking, begun["trial"])
            assert first["outcome"] == "measured"
            assert first["samples"] == [2.46, 2.46, 2.46]
            assert first["metrics"] == {"memory_gb": 11.0}
            judged = await asking("decide_experiment", experiment=1)
            assert judged["decision"]["verdict"] == "keep"
            assert (await asking("list_trials"))["trials"][0]["verdict"] == "keep"
            _edit(repository, TRAIN.replace("0.04", "0.06"))
            await asking("start_trial", note="LR 0.04 -> 0.06")
            assert (await _ended(asking))["samples"] == [2.44]
            judged = await asking("decide_experiment", experiment="last")
            assert (judged["decision"]["verdict"], judged["decision"]["advanced"]) == ("keep", True)
            assert (await asking("get_frontier"))["best"] == 2.44

    run(work)


def test_a_trial_can_be_judged_by_the_rule_as_it_ends(repository: Path) -> None:
    async def work() -> None:
        async with in_process(repository) as asking:
            await asking("start_trial", note="baseline", runs=2, judge=True)
            assert (await _ended(asking))["verdict"] == "keep"
            _edit(repository, TRAIN.replace("0.04", "0.01"))
            await asking("start_trial", note="LR lower", judge=True)
            last = await _ended(asking)
            assert last["verdict"] == "drop"
            assert "worse" in (await asking("get_experiment", experiment=2))["experiment"]["reason"]

    run(work)


def test_what_is_measured_is_what_was_recorded_whatever_happens_in_the_folder_meanwhile(
    repository: Path,
) -> None:
    _gate(repository)
    with Workspace.open(repository) as workspace:
        state = started_trial(workspace, "slow", runs=1)
        _edit(repository, "print('val_loss: 0.001')\n")
        (repository.parent / "gate").write_text("open")
        ended = _waited(workspace, state)
    assert ended.samples == (2.0,)


def test_a_trial_goes_on_when_its_server_is_killed_and_another_server_finds_it(repository: Path) -> None:
    _gate(repository)
    started = subprocess.run(
        [sys.executable, "-m", "autoresearch", "trial", "start", "--note", "slow", "--runs", "1", "--quiet"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()

    async def wait() -> Said:
        async with over_stdio(repository) as asking:
            assert not (await asking("wait_trial", trial=started, seconds=0))["ended"]
        # That server has ended; a new one finds the trial where it is.
        async with over_stdio(repository) as asking:
            await anyio.to_thread.run_sync((repository.parent / "gate").write_text, "open")
            return await _ended(asking, started)

    assert run(wait)["samples"] == [2.0]


def test_the_command_line_starts_waits_for_stops_and_lists_trials(repository: Path) -> None:
    def cli(*words: str) -> tuple[int, Any]:
        command = [sys.executable, "-m", "autoresearch", "trial", *words, "--json"]
        ran = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
        return ran.returncode, json.loads(ran.stdout or ran.stderr)

    assert cli("start", "--note", "baseline", "--runs", "1")[0] == 0
    code, waited = cli("wait")
    assert (code, waited["trial"]["score"]) == (0, 2.46)
    assert cli("stop", "1")[1]["trial"]["outcome"] == "measured"
    assert [one["number"] for one in cli("list")[1]["trials"]] == [1]
    assert cli("wait", "77")[0] == 3
    assert cli("start", "--note", "x", "--command", "'")[0] == 2


def test_a_wait_that_ends_early_says_how_far_it_is_with_progress(repository: Path) -> None:
    _gate(repository)
    told: list[float] = []

    async def heard(progress: float, total: float | None, message: str | None) -> None:
        told.append(progress)

    async def work() -> None:
        async with in_process(repository) as asking:
            begun = await asking("start_trial", note="slow", runs=1)
            while "| begun" not in (await asking("wait_trial", seconds=0.5))["log_tail"]:
                pass
            result = await asking.client.call_tool("wait_trial", {"seconds": 5}, progress_callback=heard)
            said = Said(result)
            assert not said["ended"]
            assert said["next"] == "wait_trial"
            assert said["log_tail"].splitlines()[-1] == "| begun"
            assert told
            stopped = await asking("stop_trial", trial=begun["trial"], reason="seen enough")
            assert (stopped["outcome"], stopped["reason"]) == ("stopped", "seen enough")

    run(work)


def test_a_stopped_trial_leaves_no_process_and_no_folder(repository: Path, home: Path) -> None:
    _gate(repository)
    with Workspace.open(repository) as workspace:
        state = started_trial(workspace, "slow", runs=1)
        stopped = stopped_trial(workspace, state.id, "enough", patience=PATIENCE)
        assert stopped.outcome == "stopped"
        assert workspace.find("last").state == "recorded"
    left = [path for path in (home / ".autoresearch" / "trials").glob("*/*") if path.is_dir()]
    assert left == []
    assert git(repository, "worktree", "list").count("\n") == 1
    assert git(repository, "branch", "--list", "autoresearch/*") == ""


@pytest.mark.parametrize("name", ["evaluate.py", "notes.txt"])
def test_a_change_out_of_bounds_is_refused_and_not_run(repository: Path, name: str) -> None:
    (repository / name).write_text("print('val_loss: 0.0')\n")

    async def work() -> None:
        async with in_process(repository) as asking:
            said = await asking("start_trial", note="better", command=["python3", name])
            assert (said["ended"], said["outcome"]) == (True, "refused")
            assert name in said["reason"]
            kept = await asking("decide_experiment", experiment="last", verdict="keep")
            assert kept.refused
            assert (await asking("decide_experiment", experiment="last"))["decision"]["verdict"] == "drop"

    run(work)


def test_a_project_file_that_is_not_committed_stops_no_trial(repository: Path) -> None:
    text = (repository / "autoresearch.toml").read_text()
    git(repository, "rm", "--quiet", "--cached", "autoresearch.toml")
    git(repository, "commit", "--quiet", "--message", "without the file, as after autoresearch init")
    (repository / "autoresearch.toml").write_text(text)
    with Workspace.open(repository) as workspace:
        assert _waited(workspace, started_trial(workspace, "baseline", runs=1)).outcome == "measured"


def test_a_refused_trial_that_was_to_be_judged_is_dropped_with_the_reason(repository: Path) -> None:
    (repository / "evaluate.py").write_text("pass\n")
    with Workspace.open(repository) as workspace:
        assert started_trial(workspace, "mend the grader", judge=True).verdict == "drop"
        assert "evaluate.py is protected" in workspace.find("last").reason


def test_a_trial_that_runs_cannot_be_judged_yet(repository: Path) -> None:
    _gate(repository)

    async def work() -> None:
        async with in_process(repository) as asking:
            await asking("start_trial", note="slow", runs=1)
            said = await asking("decide_experiment", experiment="last")
            assert "is still running" in said.text
            assert "wait_trial" in said.text
            await asking("stop_trial")

    run(work)


def test_a_grader_that_was_changed_in_a_commit_is_refused(repository: Path) -> None:
    with Workspace.open(repository) as workspace:
        workspace.decision(workspace.experiment("baseline").id, "keep", score=2.46)
        (repository / "evaluate.py").write_text("print('another grader')\n")
        git(repository, "commit", "--quiet", "--all", "--message", "mend the grader")
        ended = _waited(workspace, started_trial(workspace, "nothing to see"))
    assert ended.outcome == "refused"
    assert "evaluate.py is protected" in ended.reason


def test_a_run_that_changes_the_grader_is_tampered_with_and_cannot_be_kept(repository: Path) -> None:
    _edit(repository, "open('evaluate.py', 'w').write('pass')\nprint('val_loss: 0.0')\n")
    with Workspace.open(repository) as workspace:
        ended = _waited(workspace, started_trial(workspace, "quick", judge=True))
        assert (ended.outcome, ended.verdict) == ("tampered", "drop")
        assert workspace.frontier().best is None


@pytest.mark.parametrize(
    ("code", "outcome", "reason"),
    [
        ("raise SystemExit(3)\n", "crashed", "exit code 3"),
        ("print('loss: 1')\n", "no_score", "val_loss"),
        ("print('val_loss: nan')\n", "no_score", "not a finite number"),
        ("while True: pass\n", "timed_out", "ran out of time"),
    ],
)
def test_a_run_without_a_score_is_named_by_what_became_of_it(
    repository: Path, code: str, outcome: str, reason: str
) -> None:
    _edit(repository, code)
    with Workspace.open(repository) as workspace:
        ended = _waited(
            workspace, started_trial(workspace, "odd", seconds=2.0 if outcome == "timed_out" else None)
        )
    assert ended.outcome == outcome
    assert reason in ended.reason


def test_a_score_that_the_run_logs_itself_counts_and_one_that_disagrees_with_the_print_does_not(
    repository: Path,
) -> None:
    logs = "import autoresearch as ar\nar.init()\nar.log({'val_loss': 2.25, 'memory_gb': 9.0})\nar.finish()\n"
    with Workspace.open(repository) as workspace:
        workspace.goal("val_loss", constraints=["memory_gb <= 10"], protected=["evaluate.py"])
        _edit(repository, logs)
        ended = _waited(
            workspace, started_trial(workspace, "logs", command=[sys.executable, "train.py"], runs=1)
        )
        assert (ended.samples, ended.metrics["memory_gb"]) == ((2.25,), 9.0), ended
        _edit(repository, logs + "print('val_loss: 0.1')\n")
        ended = _waited(
            workspace, started_trial(workspace, "lies", command=[sys.executable, "train.py"], runs=1)
        )
        assert ended.outcome == "no_score"
        assert "and printed 0.1" in ended.reason


def test_a_score_of_the_agents_own_does_not_stand_beside_a_measured_one(repository: Path) -> None:
    async def work() -> None:
        async with in_process(repository) as asking:
            await asking("start_trial", note="baseline", runs=1)
            await _ended(asking)
            said = await asking("decide_experiment", experiment=1, verdict="keep", score=0.1)
            assert said.refused
            assert "whose numbers stand" in said.text
            assert (await asking("decide_experiment", experiment=1, verdict="keep"))["decision"][
                "score"
            ] == 2.46

    run(work)


def test_two_trials_at_once_are_refused_unless_asked_for(repository: Path) -> None:
    _gate(repository)
    with Workspace.open(repository) as workspace:
        first = started_trial(workspace, "slow", runs=1)
        with pytest.raises(Conflict, match="two at once"):
            started_trial(workspace, "another")
        second = started_trial(workspace, "another", runs=1, parallel=True)
        for state in (first, second):
            assert stopped_trial(workspace, state.id, patience=PATIENCE).outcome == "stopped"
        assert len(trials_of(workspace)) == 2


def test_a_trial_whose_process_was_killed_is_abandoned(repository: Path) -> None:
    _gate(repository)
    with Workspace.open(repository) as workspace:
        state = started_trial(workspace, "slow", runs=1)
        folder = folder_of(workspace.home, state.id)
        while "begun" not in read_state(folder).log_tail:
            os.sched_yield()
        os.kill(_holder(folder), signal.SIGKILL)
        ended = _waited(workspace, state)
        assert ended.outcome == "abandoned"
        assert not held(folder)
        # What it left running is ended before another one is measured.
        again = started_trial(workspace, "again", runs=1)
        assert _carriers(f"{MARK}={state.id}") == []
        assert stopped_trial(workspace, again.id, patience=PATIENCE).outcome == "stopped"


def _holder(folder: Path) -> int:
    (found,) = _carriers(f"autoresearch.loop.trial_process\0{folder}", "cmdline")
    return found


def _carriers(text: str, file: str = "environ") -> list[int]:
    """The processes with a text in their environment or command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if text.encode() in (entry / file).read_bytes():
                    found.append(int(entry.name))
    return found


def test_a_trial_that_is_being_started_is_not_taken_for_an_abandoned_one(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, seen = trials._spawn, list[str | None]()

    def started(folder: Path, lock: IO[str]) -> None:
        seen.append(read_state(folder).outcome)
        start(folder, lock)

    monkeypatch.setattr(trials, "_spawn", started)
    with Workspace.open(repository) as workspace:
        stopped_trial(workspace, started_trial(workspace, "slow", runs=1).id, "enough", patience=PATIENCE)
    assert seen == [None]


def test_a_trial_without_a_command_or_a_goal_says_what_is_missing(tmp_path: Path) -> None:
    folder = tmp_path / "bare"
    folder.mkdir()
    git(folder, "init", "--quiet")
    (folder / "a.py").write_text("pass\n")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "a")
    with Workspace.open(folder) as workspace:
        workspace.session("by-hand")
        with pytest.raises(Conflict, match="no goal"):
            started_trial(workspace, "x", command=["python3", "a.py"])
        workspace.goal("loss")
        with pytest.raises(UsageError, match="no command"):
            started_trial(workspace, "x")


def test_a_spent_budget_starts_nothing(repository: Path) -> None:
    with Workspace.open(repository) as workspace:
        workspace.goal("val_loss", budget={"max_experiments": 1})
        workspace.experiment("the only one")
        with pytest.raises(Conflict, match="budget of the goal is spent"):
            started_trial(workspace, "one too many")
        assert workspace.find("last").number == 1


def test_a_state_that_a_newer_version_wrote_is_read(tmp_path: Path) -> None:
    now = time.time()
    state = TrialState(
        id="0" * 36,
        project="p",
        experiment_id="e",
        number=1,
        command=("a",),
        started_at=now,
        updated_at=now,
        stage="ended",
    )
    write_state(tmp_path, state)
    text = (tmp_path / "state.json").read_text()
    (tmp_path / "state.json").write_text(text.replace("{", '{"later": 1, ', 1))
    assert read_state(tmp_path) == state


def test_a_trial_is_found_by_its_id_its_experiment_and_last(repository: Path) -> None:
    async def work() -> dict[str, Any]:
        async with in_process(repository) as asking:
            begun = await asking("start_trial", note="baseline", runs=1)
            await _ended(asking)
            for word in (begun["trial"], begun["trial"][-8:], 1, "#1", "last"):
                assert (await asking("wait_trial", trial=word, seconds=0))["trial"] == begun["trial"]
            lost = await asking("wait_trial", trial="nothing-like-it")
            assert lost.refused
            assert "list_trials" in lost.text
            listed: dict[str, Any] = (await asking("list_trials")).data
            return listed

    (listed,) = run(work)["trials"]
    assert listed["outcome"] == "measured"
    assert dataclasses.is_dataclass(TrialState)
