"""A campaign: propose, run, measure, judge, keep or drop, until the trials or the budget are spent.

Nothing is remembered here. What is best, what was tried and how noisy the metric is comes from the ledger before
every trial, so that a campaign that was stopped, or killed, goes on where it was by being started again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from autoresearch.drivers.base import Agent, Assignment, Proposal
from autoresearch.errors import Conflict, Invalid, TrialError
from autoresearch.execution.runner import clean_environment, run_command, stoppable
from autoresearch.loop.events import (
    Begun,
    Ended,
    Judged,
    Listener,
    Measured,
    Running,
    Stop,
    Trying,
    silent,
)
from autoresearch.loop.incumbent import message, present, stand_on
from autoresearch.loop.policy import Incumbent, Judgement, Policy
from autoresearch.loop.scoring import score_run
from autoresearch.loop.workdir import Scope, Workdir, Workdirs, writing
from autoresearch.records.experiment import Experiment, Verdict
from autoresearch.records.goal import Goal
from autoresearch.research.frontier import violations
from autoresearch.track.joining import bring_runs, run_environment
from autoresearch.track.workspace import Workspace

__all__ = ["Plan", "Result", "run_campaign"]

_BRIEF_ATTEMPTS, _BRIEF_TOKENS = 50, 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a campaign works.

    Attributes:
        command: Program and arguments that train and print ``metric: number``; each run gets its seed as ``SEED``.
        tag: Tag of the session; kept changes go to the branch ``autoresearch/<tag>``.
        trials: Changes to try in this call, the baseline not counted.
        editable: What a change may touch, as ``.gitignore`` patterns; empty for everything that is not protected.
        baseline_runs: Runs of the unchanged code, from which the noise is known.
        trial_seconds: Wall-clock budget of a run when the goal gives none.
        environment: Variables added to the clean environment of a run.
        artifact: Name of the artifact that keeps log, or None to log none; ``artifact_paths`` are its files.
        policy: When a change is kept.
        folders: Where the folders of trials are made; by default ``trials`` in the store's home.
    """

    command: Sequence[str]
    tag: str
    trials: int
    editable: tuple[str, ...] = ()
    baseline_runs: int = 3
    trial_seconds: float | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    artifact: str | None = None
    artifact_paths: tuple[str, ...] = ()
    policy: Policy = field(default_factory=Policy)
    folders: Path | None = None

    def __post_init__(self) -> None:
        if self.trials < 0 or self.baseline_runs < 1 or not self.command:
            raise Invalid(
                f"A campaign of {self.trials} trials and {self.baseline_runs} baseline runs of "
                f"{' '.join(self.command)!r} cannot be run.",
                hint="Give a command, at least one baseline run, and no negative number of trials.",
            )


@dataclass(frozen=True, slots=True)
class Result:
    """What this call of a campaign did; the rest is in the ledger."""

    stop: Stop
    kept: int
    dropped: int
    crashed: int
    branch: str


@dataclass(slots=True)
class _Runs:
    """Measurements of one experiment: all scores, the last run's other metrics, and why there is no score."""

    samples: list[float] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    reason: str = ""
    log_tail: str = ""
    tampered: bool = False


def run_campaign(workspace: Workspace, agent: Agent, plan: Plan, listener: Listener = silent) -> Result:
    """Run a campaign, or go on with one.

    The project needs a goal. Without a frontier the unchanged code is measured first. On Ctrl-C or SIGTERM the
    running trial is ended, its folder removed, its experiment left without a verdict, and KeyboardInterrupt goes on
    to the caller.

    Raises:
        Conflict: The project has no goal, or the campaign's branch is in use.
        CaptureError: There is no git repository with a commit.
        TrialError: The unchanged code gives no score, or a command cannot be started.
    """
    workspace.adopt_goal()
    goal = workspace.project.goal
    if goal is None:
        raise Conflict("The project has no goal.", hint="Set one: autoresearch goal METRIC.")
    campaign = _Campaign(workspace, agent, plan, listener, goal)
    stop: Stop = "interrupted"
    try:
        with stoppable():
            stop = campaign.run()
    finally:
        listener(Ended(stop, campaign.trial))
    done = campaign.verdicts
    return Result(stop, done["keep"], done["drop"], done["crash"], campaign.workdirs.branch)


class _Campaign:
    def __init__(
        self, workspace: Workspace, agent: Agent, plan: Plan, listener: Listener, goal: Goal
    ) -> None:
        self.workspace, self.agent, self.plan, self.tell, self.goal = workspace, agent, plan, listener, goal
        self.verdicts: dict[Verdict, int] = {"keep": 0, "drop": 0, "crash": 0}
        self.trial = 0
        self.limit = goal.budget.trial_seconds or plan.trial_seconds
        self.workdirs = Workdirs(
            workspace.path,
            tag=plan.tag,
            root=plan.folders or Path(workspace.settings.home) / "trials",
            scope=Scope(editable=plan.editable, protected=goal.protected),
        )

    def run(self) -> Stop:
        self._session()
        known = present(self.workspace)
        best, noise = (known[0].score, known[0].noise or None) if known else (None, None)
        self.tell(Begun(self.goal, self.workdirs.branch, self.plan.trials, best, noise))
        if known is None:
            self._baseline()
        while self.trial < self.plan.trials:
            left = self.workspace.ledger.memory.facts(self.workspace.name, limit=1).left
            if left.experiments == 0 or left.seconds == 0:
                return "budget"
            if not self._attempt():
                return "exhausted"
        return "trials"

    def _session(self) -> None:
        active = self.workspace.active_session()
        if active is None or active.tag != self.plan.tag or active.state != "open":
            self.workspace.session(self.plan.tag, self.workdirs.branch)

    def _baseline(self) -> None:
        with self.workdirs.open() as folder:
            experiment = self._record(folder, Proposal("baseline: the code as it is", {}, {}), parent=None)
            runs = self._measure(folder, experiment, None)
            if runs.reason:
                self._decide(experiment, Judgement("crash", runs.reason), runs)
                raise TrialError(
                    f"The unchanged code gave no score: it {runs.reason}.",
                    hint=f"Make it print '{self.goal.metric}: number', then start again.",
                    details={"log_tail": runs.log_tail},
                )
            broken = violations(runs.metrics, self.goal)
            if broken:
                self._decide(experiment, Judgement("drop", broken[0]), runs)
                raise TrialError(
                    f"The unchanged code breaks the goal: {broken[0]}.", hint="Loosen the constraint."
                )
            self._keep_artifact(folder, experiment, runs)
            plural = "s" if len(runs.samples) > 1 else ""
            self._decide(experiment, Judgement("keep", f"baseline, {len(runs.samples)} run{plural}"), runs)

    def _attempt(self) -> bool:
        """One trial; False when the agent knows nothing more to try."""
        known = present(self.workspace)
        assert known is not None
        incumbent, best = known
        stand_on(self.workspace, self.workdirs, best)
        brief = self.workspace.context(limit=_BRIEF_ATTEMPTS, budget=_BRIEF_TOKENS).data
        with self.workdirs.open() as folder:
            proposal = self.agent.propose(self._assignment(brief, folder))
            if proposal is None:
                return False
            self.trial += 1
            refused = self._apply(folder, proposal)
            experiment = self._record(folder, proposal, parent=best)
            if refused:
                self._decide(experiment, Judgement("drop", f"refused, and not run: {refused}"), _Runs())
                return True
            sealed = folder.seal(message(experiment))
            runs = self._measure(folder, experiment, incumbent)
            judged = self._judge(runs, incumbent)
            if judged.verdict == "keep":
                self._keep_artifact(folder, experiment, runs)
            if self._decide(experiment, judged, runs):
                self.workdirs.advance(sealed)
        return True

    def _assignment(self, brief: Mapping[str, Any], folder: Workdir) -> Assignment:
        scratch = folder.path.parent / "agent"
        with writing(scratch):
            scratch.mkdir()
        return Assignment(brief=brief, folder=folder.path, scratch=scratch, trial=self.trial + 1)

    def _apply(self, folder: Workdir, proposal: Proposal) -> str:
        """Make the change; why it is refused, or nothing."""
        try:
            folder.apply(proposal.edits)
        except TrialError as error:
            return error.message
        refused = folder.guard()
        return "; ".join(refused[:3]) or ("" if folder.changed() else "nothing was changed")

    def _record(self, folder: Workdir, proposal: Proposal, *, parent: str | None) -> Experiment:
        # The same project and ledger, seen from the trial's folder: that is the code that runs.
        here = self.workspace.at(folder.path)
        experiment = here.experiment(
            proposal.note, config=proposal.config, command=tuple(self.plan.command), parent=parent
        )
        self.tell(Trying(self.trial, experiment.number, proposal.note))
        return experiment

    def _measure(self, folder: Workdir, experiment: Experiment, incumbent: Incumbent | None) -> _Runs:
        """Run until the verdict is clear, each time from the recorded code and with the next seed."""
        runs, wanted = _Runs(), self.plan.baseline_runs if incumbent is None else 1
        while len(runs.samples) < wanted and not runs.reason:
            if runs.samples:
                folder.reset()
            self._run(folder, experiment, runs)
            if incumbent is not None and not runs.reason:
                wanted = self.plan.policy.runs_wanted(runs.samples, incumbent)
        return runs

    def _run(self, folder: Workdir, experiment: Experiment, runs: _Runs) -> None:
        seed, number = len(runs.samples), experiment.number
        linked = run_environment(self.workspace, experiment.id)
        self.tell(Running(number, seed + 1, seed, self.limit))
        done = run_command(
            self.plan.command,
            folder.path,
            output=folder.output,
            seconds=self.limit,
            environment=clean_environment({**linked, **self.plan.environment, "SEED": str(seed)}),
        )
        bring_runs(self.workspace)
        outcome = score_run(done, self.goal.metric)
        runs.seconds += done.seconds
        runs.metrics, runs.reason, runs.log_tail = outcome.metrics, outcome.reason, done.log_tail
        if changed := folder.tampered():
            runs.tampered, runs.reason = True, f"{changed[0]} is protected, and the run changed it"
        elif outcome.score is not None:
            runs.samples.append(outcome.score)
        score = None if runs.tampered else outcome.score
        self.tell(Measured(number, seed + 1, score, done.seconds, runs.reason))

    def _judge(self, runs: _Runs, incumbent: Incumbent) -> Judgement:
        if runs.tampered:
            return Judgement("drop", runs.reason)
        if runs.reason:
            again = f" in run {len(runs.samples) + 1}" if runs.samples else ""
            return Judgement("crash", runs.reason + again)
        broken = violations(runs.metrics, self.goal)
        return Judgement("drop", broken[0]) if broken else self.plan.policy.judge(runs.samples, incumbent)

    def _decide(self, experiment: Experiment, judged: Judgement, runs: _Runs) -> bool:
        """Give the verdict; whether it made this the best."""
        scored = judged.verdict != "crash" and bool(runs.samples) and not runs.tampered
        score = fmean(runs.samples) if scored else None
        decision = self.workspace.decision(
            experiment.id,
            judged.verdict,
            score=score,
            samples=runs.samples if scored else (),
            metric=self.goal.metric,
            metrics=runs.metrics,
            reason=judged.reason,
            seconds=runs.seconds,
            log_tail=runs.log_tail,
        )
        self.verdicts[judged.verdict] += 1
        frontier = self.workspace.frontier()
        best, noise = frontier.best, frontier.noise
        self.tell(
            Judged(
                self.trial,
                experiment.number,
                experiment.note,
                judged.verdict,
                score,
                judged.reason,
                best.score if best else None,
                noise.sd if noise else None,
            )
        )
        return decision.advanced

    def _keep_artifact(self, folder: Workdir, experiment: Experiment, runs: _Runs) -> None:
        if self.plan.artifact is None:
            return
        out = folder.path.parent / "artifact"
        metrics = {**runs.metrics, self.goal.metric: fmean(runs.samples), "samples": runs.samples}
        with writing(out):
            out.mkdir()
            for name in self.plan.artifact_paths:
                _copy(folder.path / name, out / name)
            text = json.dumps(metrics, indent=2, sort_keys=True) + "\n"
            (out / "metrics.json").write_text(text, encoding="utf-8")
        self.workspace.artifact(
            self.plan.artifact,
            out,
            type="model",
            produced_by=experiment.id,
            metadata={"experiment": experiment.number, self.goal.metric: fmean(runs.samples)},
        )


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    elif source.is_file():
        shutil.copy2(source, target)
    else:
        raise TrialError(
            f"The run left no {source.name} to keep as an artifact.",
            hint="Name files in artifact_paths that the command writes, or that are part of the code.",
        )
