"""What the process of a trial does: bring the recorded code into a folder, check it, run it, score it, perhaps judge it."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
import time
import traceback
from pathlib import Path
from statistics import fmean
from typing import Any

from autoresearch.errors import AutoresearchError, CaptureError, Conflict, TrialError
from autoresearch.execution.runner import Run, clean_environment, run_command, stoppable
from autoresearch.loop.incumbent import present
from autoresearch.loop.policy import Incumbent, Judgement, Policy
from autoresearch.loop.scoring import Reading, Scored, score_run
from autoresearch.loop.trial_states import MARK, TrialState, read_state, stop_reason, write_state
from autoresearch.loop.workdir import Scope, Workdir, Workdirs
from autoresearch.records.experiment import Actor, Experiment
from autoresearch.records.goal import Goal
from autoresearch.records.run import Run as Logged
from autoresearch.records.run import RunQuery
from autoresearch.records.tree import Tree, path_bytes
from autoresearch.research.frontier import violations
from autoresearch.track.joining import bring_runs, run_environment
from autoresearch.track.workspace import Workspace

__all__ = ["judged", "judgement", "work"]

_BASELINE_RUNS = 3
_TAIL = 4000
_MOST_RUNS = 100
_WRITE_EVERY = 1.0


def work(folder: Path) -> None:
    """Measure the trial of a folder to its end; whatever happens, its state says what became of it."""
    state = read_state(folder)
    try:
        with stoppable():
            state = _Trial(folder, state).run()
    except KeyboardInterrupt:
        state = _over(read_state(folder), "stopped", "the process was told to end")
    except AutoresearchError as error:
        state = _over(read_state(folder), "crashed", error.message)
    except BaseException:
        # The log of the process has the traceback; whoever waits must learn that nothing more is coming.
        traceback.print_exc()
        write_state(
            folder, _over(read_state(folder), "crashed", "the library met an error that nobody thought of")
        )
        raise
    write_state(folder, state)


def _over(state: TrialState, outcome: Any, reason: str) -> TrialState:
    return dataclasses.replace(state, stage="ended", outcome=outcome, reason=reason, updated_at=time.time())


class _Folders(Workdirs):
    """Folders of code that was recorded, on no branch; protected is what the baseline holds."""

    def __init__(self, workspace: Workspace, scope: Scope, baseline: Tree | None, commit: str) -> None:
        self._baseline = baseline
        self._commit = commit
        root = Path(workspace.settings.home) / "trials"
        super().__init__(workspace.path, tag="", root=root, scope=scope)

    def _begin(self, tag: str) -> str:  # noqa: ARG002  there is no branch
        return self._commit

    def _digests(self, tree: Path, commit: str) -> dict[str, str]:
        if self._baseline is None:
            return super()._digests(tree, commit)
        known = {
            os.fsdecode(path_bytes(entry.path)): entry
            for entry in self._baseline.entries
            if entry.kind != "omitted"
        }
        return {
            path: f"link {known[path].target}"
            if known[path].kind == "link"
            else f"{known[path].sha256} {known[path].mode == '100755'}"
            for path in self._scope.protects(known)
        }


class _Trial:
    def __init__(self, folder: Path, state: TrialState) -> None:
        self.folder = folder
        self.state = state
        plan: dict[str, Any] = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
        self.plan = plan
        self._seen: set[str] = set()
        actor = Actor.model_validate(plan["actor"])
        self.workspace = Workspace.open(plan["path"], state.project, plan["home"], actor)

    def run(self) -> TrialState:
        with self.workspace:
            experiment = self.workspace.ledger.research.experiment(self.state.experiment_id)
            goal = self.workspace.project.goal
            if goal is None:
                raise Conflict(
                    "The project has no goal any more.", hint="Set one: `autoresearch goal METRIC`."
                )
            known = present(self.workspace)
            refused = self._measured(experiment, goal, known[0] if known else None)
            outcome = "refused" if refused else self.state.outcome or "measured"
            reason = f"not run: {refused}" if refused else self.state.reason
            # Said only now: whoever sees the end finds nothing of it going on.
            self.state = _over(self.state, outcome, reason)
            if self.state.judge and self.state.outcome not in {"stopped", "abandoned"}:
                self.state = judged(self.workspace, self.state)
            return self.state

    def _measured(self, experiment: Experiment, goal: Goal, incumbent: Incumbent | None) -> str:
        """Run it until the policy has seen enough; why it is refused, or nothing."""
        scope = Scope(editable=tuple(self.plan["editable"]), protected=goal.protected)
        folders = _Folders(self.workspace, scope, self._baseline(), _commit(experiment))
        with folders.open() as code:
            refused = self._prepared(code, experiment)
            if refused:
                return refused
            wanted = self.plan["runs"] or (_BASELINE_RUNS if incumbent is None else 1)
            # What an earlier trial of the same experiment logged is not of this one.
            self._seen = {run.id for run in self._logged()}
            self._say(stage="running", wanted=wanted)
            while len(self.state.samples) < wanted and self._one(code, goal):
                if not self.plan["runs"] and incumbent is not None:
                    wanted = Policy().runs_wanted(self.state.samples, incumbent)
                    self._say(wanted=wanted)
        return ""

    def _baseline(self) -> Tree | None:
        """The tree of the first step of the frontier: what protected files are to be."""
        frontier = self.workspace.frontier()
        if frontier.baseline is None:
            return None
        first = self.workspace.ledger.research.experiment(frontier.baseline.experiment_id)
        return None if first.tree is None else self.workspace.ledger.snapshots.tree(first.tree)

    def _prepared(self, code: Workdir, experiment: Experiment) -> str:
        if experiment.diff is not None and experiment.diff.truncated:
            raise TrialError(
                "The change is too large to be kept as a patch, so that it cannot be run apart.",
                hint="Commit the large files, or raise AUTORESEARCH_MAX_DIFF_BYTES.",
            )
        patch = self.workspace.ledger.snapshots.patch(experiment.id)
        if patch:
            code.patch(patch)
        try:
            refused = code.guard()
        except TrialError as error:
            return error.message
        if not refused:
            code.seal(f"experiment {experiment.number}")
        return "; ".join(refused[:3])

    def _one(self, code: Workdir, goal: Goal) -> bool:
        """One run with the next seed; whether it gave a score."""
        if self.state.samples:
            code.reset()
        given = {**run_environment(self.workspace, self.state.experiment_id), MARK: self.state.id}
        done = run_command(
            self.state.command,
            code.path,
            output=self.folder / "output.log",
            seconds=self.state.limit,
            environment=clean_environment({**given, "SEED": str(len(self.state.samples))}),
            watch=_Watch(self),
        )
        found = self._found(done, code, goal)
        self._say(seconds=self.state.seconds + done.seconds, log_tail=done.log_tail[-_TAIL:], **found)
        return self.state.outcome is None

    def _found(self, done: Run, code: Workdir, goal: Goal) -> dict[str, Any]:
        scored = self._scored(done, goal)
        if done.ending == "stopped":
            return {"outcome": "stopped", "reason": done.reason, "metrics": scored.metrics}
        if changed := code.tampered():
            said = f"{changed[0]} is protected, and the run changed it"
            return {"outcome": "tampered", "reason": said, "metrics": scored.metrics}
        if scored.score is None:
            return {"outcome": scored.outcome, "reason": scored.reason, "metrics": scored.metrics}
        return {"samples": (*self.state.samples, scored.score), "metrics": scored.metrics}

    def _scored(self, done: Run, goal: Goal) -> Scored:
        """The score, from what the run itself logged or printed, with the metrics that constraints bound."""
        bring_runs(self.workspace)
        own = [run for run in self._logged() if run.id not in self._seen]
        self._seen |= {run.id for run in own}
        scored = score_run(done, Reading(metric=goal.metric), [run.latest for run in own])
        wanted = {constraint.metric for constraint in goal.constraints}
        extra = {name: value for run in own for name, value in run.latest.items() if name in wanted}
        known = {name: value for name, value in extra.items() if value is not None}
        return Scored(scored.score, {**known, **scored.metrics}, scored.outcome, scored.reason)

    def _logged(self) -> list[Logged]:
        """The runs of this experiment that the ledger knows."""
        if self.workspace.server is None:
            self.workspace.recover()
        query = RunQuery.make(
            project=self.workspace.name, experiment_id=self.state.experiment_id, descending=False
        )
        return list(self.workspace.ledger.runs.runs(query, limit=_MOST_RUNS).items)

    def _say(self, **changes: Any) -> None:
        self.state = dataclasses.replace(self.state, updated_at=time.time(), **changes)
        write_state(self.folder, self.state)

    def heard(self, tail: str) -> None:
        """What the run has printed so far, for those who wait."""
        self._say(log_tail=tail[-_TAIL:])


class _Watch:
    """Ends the run when somebody asks for it, and shows the end of its output while it runs."""

    def __init__(self, trial: _Trial) -> None:
        self._trial = trial
        self._tail = b""
        self._shown = time.monotonic()
        self._lock = threading.Lock()

    def heard(self, data: bytes) -> None:
        """Some of its output."""
        with self._lock:
            self._tail = (self._tail + data)[-2 * _TAIL :]

    def over(self) -> str:
        """Why the run is to end."""
        now = time.monotonic()
        if now - self._shown > _WRITE_EVERY and self._tail:
            self._shown = now
            self._trial.heard(self._tail.decode("utf-8", "replace"))
        return stop_reason(self._trial.folder)


def _commit(experiment: Experiment) -> str:
    if experiment.commit is None:
        raise CaptureError(
            "The code is in no commit, so that it cannot be measured apart.",
            hint="Commit the repository once: git add --all && git commit.",
        )
    return experiment.commit


def judgement(workspace: Workspace, state: TrialState) -> Judgement:
    """The verdict of the policy on a trial that has ended.

    Raises:
        Conflict: It has not ended, or ended without anything to judge.
    """
    if not state.ended:
        raise Conflict(
            f"The trial of experiment {state.number} is still running.",
            hint="Wait for its end: `autoresearch trial wait`.",
        )
    if state.outcome in {None, "stopped", "abandoned"}:
        raise Conflict(
            f"The trial of experiment {state.number} has given nothing to judge.",
            hint="Start it again: `autoresearch trial start`.",
        )
    if state.outcome in {"refused", "tampered"}:
        return Judgement("drop", state.reason)
    if state.outcome != "measured":
        return Judgement("crash", state.reason)
    goal, known = workspace.project.goal, present(workspace)
    broken = violations(state.metrics, goal) if goal is not None else ()
    if broken:
        return Judgement("drop", broken[0])
    if known is None or known[1] == state.experiment_id:
        runs = len(state.samples)
        return Judgement("keep", f"baseline, {runs} run{'s' * (runs > 1)}")
    return Policy().judge(state.samples, known[0])


def judged(
    workspace: Workspace, state: TrialState, verdict: str | None = None, reason: str = ""
) -> TrialState:
    """Give the verdict on a trial that has ended, from what was measured and nothing else.

    Args:
        workspace: Where it is remembered.
        state: The trial.
        verdict: The verdict; None for that of the policy.
        reason: Why; else what the policy says.

    Raises:
        Conflict: There is nothing to judge, or it has no score to be kept by.
    """
    wanted = judgement(workspace, state)
    verdict = verdict or wanted.verdict
    if verdict == "keep" and state.outcome != "measured":
        raise Conflict(
            f"Experiment {state.number} cannot be kept: its trial was {state.outcome}, {state.reason}.",
            hint="Judge it drop or crash, mend the code, and start another trial.",
        )
    scored = state.outcome == "measured" and verdict != "crash"
    made = workspace.decision(
        state.experiment_id,
        verdict,
        score=fmean(state.samples) if scored else None,
        samples=state.samples if scored else (),
        metrics=dict(state.metrics),
        reason=reason or wanted.reason,
        seconds=state.seconds,
        log_tail=state.log_tail,
    )
    return dataclasses.replace(state, verdict=made.status, standing=made.standing)
