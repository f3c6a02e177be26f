"""Run an experiment until the verdict is clear: always the recorded code, each time with the next seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from autoresearch.errors import TrialError
from autoresearch.execution.runner import Run, Watch, clean_environment
from autoresearch.loop.desk import Desk
from autoresearch.loop.early_watch import EarlyStop
from autoresearch.loop.events import Measured, Running
from autoresearch.loop.executors.base import Job
from autoresearch.loop.lease import MARK
from autoresearch.loop.policy import Incumbent
from autoresearch.loop.scoring import Scored, score_run
from autoresearch.loop.workdir import Workdir
from autoresearch.records.campaign import Outcome, Trial
from autoresearch.records.experiment import Experiment
from autoresearch.records.run import Run as Logged
from autoresearch.records.run import RunQuery
from autoresearch.track.joining import bring_runs, run_environment

__all__ = ["Measurement", "measure"]

_MOST_RUNS, _LOSSES = 100, 3


@dataclass(slots=True)
class Measurement:
    """What the runs of one experiment gave.

    Attributes:
        samples: Scores, in units of the metric, in order.
        metrics: The other metrics of the last run.
        seconds: Wall-clock seconds of all runs.
        outcome: Why there is no score, as an outcome; None when there is one.
        reason: The same in words.
        log_tail: The end of the last run's output.
    """

    samples: list[float] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    outcome: Outcome | None = None
    reason: str = ""
    log_tail: str = ""


def measure(
    desk: Desk, trial: Trial, folder: Workdir, experiment: Experiment, incumbent: Incumbent | None
) -> Measurement:
    """Run until the verdict is clear.

    Args:
        desk: Of the campaign.
        trial: Whose experiment it is.
        folder: The sealed code.
        experiment: As it was recorded.
        incumbent: What it must beat; None for the baseline.

    Raises:
        CutOffError: The campaign ends.
        TrialError: The command cannot be started, or its output not be read.
    """
    gauge = _Gauge(desk, trial, folder, experiment, incumbent)
    found = gauge.found
    wanted = desk.plan.baseline_runs if incumbent is None else 1
    while len(found.samples) < wanted and found.outcome is None:
        if found.samples:
            folder.reset()
        gauge.run()
        if incumbent is not None and found.outcome is None:
            wanted = desk.plan.policy.runs_wanted(found.samples, incumbent)
    return found


class _Gauge:
    def __init__(
        self,
        desk: Desk,
        trial: Trial,
        folder: Workdir,
        experiment: Experiment,
        incumbent: Incumbent | None,
    ) -> None:
        self.found = Measurement()
        self._desk = desk
        self._trial = trial
        self._folder = folder
        self._experiment = experiment
        self._incumbent = incumbent
        # Of an earlier process that was killed over this experiment; what it logged is not ours.
        self._seen = {run.id for run in self._logged()}

    def run(self) -> None:
        """One run, with the next seed."""
        desk, found, worker = self._desk, self.found, self._trial.worker
        seed, number = len(found.samples), self._experiment.number
        desk.go_on()
        desk.tell(Running(number, seed + 1, seed, desk.limit, worker))
        done = self._ran(seed)
        if done.ending == "stopped":
            desk.go_on()
        scored = self._scored(done)
        found.seconds += done.seconds
        found.metrics, found.log_tail = scored.metrics, done.log_tail
        found.outcome, found.reason = scored.outcome, scored.reason
        if changed := self._folder.tampered():
            found.outcome, found.reason = "tampered", f"{changed[0]} is protected, and the run changed it"
        elif scored.score is not None:
            found.samples.append(scored.score)
        score = None if found.outcome else scored.score
        desk.tell(Measured(number, seed + 1, score, done.seconds, found.reason, worker))

    def _ran(self, seed: int) -> Run:
        """The command's run; where the machine that ran it was lost, it is run again on another."""
        desk, lost = self._desk, 0
        while True:
            try:
                return desk.executor.run(self._job(seed), _Watched(desk.control.over, self._early()))
            except TrialError as error:
                lost += 1
                if not error.details.get("lost") or lost > _LOSSES:
                    raise
            desk.go_on()
            # What it had done and logged until then counts for nothing.
            self._folder.reset()
            self._seen |= {run.id for run in self._logged()}

    def _early(self) -> Watch | None:
        """What ends the run when it has become hopeless; a baseline is always measured to its end."""
        desk, incumbent, parent = self._desk, self._incumbent, self._experiment.parent_id
        if desk.plan.early == "off" or incumbent is None or parent is None:
            return None
        return EarlyStop(
            desk.workspace,
            self._experiment.id,
            metric=desk.goal.metric,
            lower_is_better=desk.goal.lower_is_better,
            noise=incumbent.noise,
            incumbent=desk.traces(parent) if desk.plan.early == "behind" else (),
        )

    def _job(self, seed: int) -> Job:
        desk, experiment = self._desk, self._experiment
        given = {
            **run_environment(desk.workspace, experiment.id),
            **desk.plan.environment,
            "SEED": str(seed),
            MARK: self._trial.campaign_id,
        }
        return Job(
            command=tuple(desk.plan.command),
            folder=self._folder.path,
            output=self._folder.output,
            seconds=desk.limit,
            environment=clean_environment(given),
            resources=desk.plan.resources,
            name=f"{desk.workspace.name} trial {self._trial.number}",
        )

    def _scored(self, done: Run) -> Scored:
        bring_runs(self._desk.workspace)
        runs = [] if self._desk.reading.source == "output" else self._logged()
        own = [run for run in runs if run.id not in self._seen]
        self._seen |= {run.id for run in own}
        scored = score_run(done, self._desk.reading, [run.latest for run in own])
        wanted = {constraint.metric for constraint in self._desk.goal.constraints}
        extra = {name: value for run in own for name, value in run.latest.items() if name in wanted}
        known = {name: value for name, value in extra.items() if value is not None}
        return Scored(scored.score, {**known, **scored.metrics}, scored.outcome, scored.reason)

    def _logged(self) -> list[Logged]:
        """The runs of this experiment that the ledger knows, first to last."""
        workspace = self._desk.workspace
        query = RunQuery.make(
            project=workspace.name, experiment_id=self._experiment.id, descending=False, order="number"
        )
        if workspace.server is None:
            self._desk.ask(workspace.recover)
        return list(self._desk.ask(lambda: workspace.ledger.runs.runs(query, limit=_MOST_RUNS)).items)


class _Watched:
    """Ends a run when the campaign ends, or when what looks at the run says so."""

    def __init__(self, over: Callable[[], str], inner: Watch | None) -> None:
        self._over = over
        self._inner = inner

    def heard(self, data: bytes) -> None:
        """Hand the output on."""
        if self._inner is not None:
            self._inner.heard(data)

    def over(self) -> str:
        """Why the run is to be ended."""
        return self._over() or ("" if self._inner is None else self._inner.over())
