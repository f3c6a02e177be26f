"""One trial from its claim to its verdict, or from wherever a kill has left it.

What is known is in the ledger before each step. A verdict is first noted in the trial, then given, then the branch moves, and
then the trial is judged: whoever goes on after a kill sees how far it came, and does the rest once.
"""

from __future__ import annotations

import itertools
from contextlib import nullcontext
from statistics import fmean
from typing import Any

from autoresearch.errors import AgentError, CaptureError, Conflict, NotFound, TrialError
from autoresearch.execution.runner import ended_when
from autoresearch.loop.artifacts import keep_artifact
from autoresearch.loop.asking import Inquiry, experiment_id, idea_of
from autoresearch.loop.desk import CutOffError, Desk
from autoresearch.loop.events import Failed, Trying
from autoresearch.loop.incumbent import Base, measured_against, message, rebuild
from autoresearch.loop.measuring import Measurement, measure
from autoresearch.loop.outcomes import AGAIN, VERDICTS, intended, noted, outcome_of
from autoresearch.loop.policy import Incumbent
from autoresearch.loop.workdir import Workdir
from autoresearch.records.campaign import Outcome, Trial
from autoresearch.records.experiment import Experiment
from autoresearch.records.ids import derived_id
from autoresearch.research.frontier import violations
from autoresearch.track.capturing import experiment_request

__all__ = ["work_on"]

_MOST_AGAIN = 2
_BASELINE = "baseline: the code as it is"


def work_on(desk: Desk, trial: Trial) -> float:
    """Bring a trial to its end; how many seconds to wait before the next one, after an agent that failed.

    Raises:
        TrialError: The unchanged code gives no score, or a command cannot be started.
        Conflict: The branch was moved by someone else, or is checked out.
    """
    one = _Trying(desk, trial)
    try:
        with ended_when(desk.control.over):
            one.go()
    except CutOffError as error:
        one.cut_off(str(error))
    finally:
        desk.claims.let_go(trial.number)
        desk.think(trial, "")
    return one.wait


class _Trying:
    def __init__(self, desk: Desk, trial: Trial) -> None:
        self.wait = 0.0
        self._desk = desk
        self._trial = trial
        self._seconds = trial.seconds or 0.0

    def go(self) -> None:
        """Go on from where the trial stands."""
        attempt, experiment = self._standing()
        if experiment is None:
            return self._begin()
        self._desk.think(self._trial, idea_of(experiment.note))
        if experiment.state == "recorded":
            return self._go_on(experiment, attempt)
        said = intended(self._trial.reason)
        if said is not None and said[0] == AGAIN:
            self._desk.claims.take(experiment.tree, self._trial.number)
            return self._on_top(experiment, attempt + 1)
        outcome, reason = said or (outcome_of(experiment.state, experiment.score), experiment.reason)
        self._trial = self._desk.update(self._trial, "judged", outcome=outcome, reason=reason)
        ended = self._trial.outcome
        assert ended is not None
        return self._desk.judged(
            self._trial, experiment, VERDICTS[ended], score=experiment.score, reason=reason, outcome=ended
        )

    def cut_off(self, reason: str) -> None:
        """Leave the trial to whoever goes on with the campaign; where nobody will, say that it was abandoned."""
        control = self._desk.control
        if control.stop == "interrupted" or control.lost:
            return
        self._desk.update(self._trial, "judged", outcome="abandoned", reason=reason)
        self._desk.tell(Failed(self._trial.number, "abandoned", reason, self._trial.worker))

    def _standing(self) -> tuple[int, Experiment | None]:
        """The last experiment that was recorded for the trial, and how often it was put on top of another."""
        if self._trial.step == "claimed" and self._trial.number:
            return 0, None
        research = self._desk.workspace.ledger.research
        found: tuple[int, Experiment | None] = (0, None)
        for attempt in itertools.count():
            try:
                found = attempt, research.experiment(experiment_id(self._trial, attempt))
            except NotFound:
                break
        return found

    # The first time

    def _begin(self) -> None:
        desk, trial = self._desk, self._trial
        if trial.number == 0:
            return self._baseline()
        base = desk.base()
        assert base is not None
        with desk.workdirs.open(base.commit) as folder:
            inquiry = Inquiry(desk, trial, folder, base.experiment_id)
            try:
                asked = inquiry.ask()
            except AgentError as error:
                return self._agent_failed(error, inquiry.usage)
            if asked is None:
                return self._exhausted(inquiry.usage)
            if asked.outcome is not None:
                # Before it is recorded: after a kill it must not be run.
                said = noted(asked.outcome, asked.reason)
                self._trial = desk.update(trial, "proposing", reason=said)
            experiment = self._recorded(asked.request, inquiry.usage)
            if asked.outcome is not None:
                with desk.lock:
                    return self._finish(folder, experiment, asked.outcome, asked.reason, Measurement())
            again = self._settle(folder, experiment, base.incumbent, base.experiment_id)
        return self._on_top(experiment, 1) if again else None

    def _baseline(self) -> None:
        desk = self._desk
        with desk.workdirs.open() as folder:
            request = experiment_request(
                desk.workspace.at(folder.path),
                _BASELINE,
                config={},
                command=tuple(desk.plan.command),
                id=experiment_id(self._trial, 0),
                session_of=desk.session_of,
            )
            experiment = self._recorded(request, {})
            self._measure_baseline(folder, experiment)

    def _measure_baseline(self, folder: Workdir, experiment: Experiment) -> None:
        desk = self._desk
        runs = measure(desk, self._trial, folder, experiment, None)
        broken = violations(runs.metrics, desk.goal)
        outcome: Outcome = runs.outcome or ("dropped" if broken else "kept")
        plural = "s" if len(runs.samples) > 1 else ""
        reason = runs.reason or (broken[0] if broken else f"baseline, {len(runs.samples)} run{plural}")
        with desk.lock:
            self._finish(folder, experiment, outcome, reason, runs)
        if runs.outcome is not None:
            raise TrialError(
                f"The unchanged code gave no score: it {runs.reason}.",
                hint=_mended(runs, desk),
                details={"log_tail": runs.log_tail},
            )
        if broken:
            raise TrialError(
                f"The unchanged code breaks the goal: {broken[0]}.", hint="Loosen the constraint."
            )

    def _agent_failed(self, error: AgentError, usage: dict[str, Any]) -> None:
        desk = self._desk
        desk.update(self._trial, "judged", outcome="agent_failed", reason=error.message, **usage)
        desk.tell(Failed(self._trial.number, "agent_failed", error.message, self._trial.worker))
        if error.details.get("fatal"):
            desk.control.end("failures", f"the agent cannot go on: {error.message}")
        self.wait = float(error.details.get("retry_after") or 0.0)

    def _exhausted(self, usage: dict[str, Any]) -> None:
        reason = "the agent knows nothing more to try"
        self._desk.update(self._trial, "judged", outcome="abandoned", reason=reason, **usage)
        self._desk.control.end("exhausted", reason)

    def _recorded(self, request: Any, usage: dict[str, Any]) -> Experiment:
        desk, trial = self._desk, self._trial
        experiment = desk.ask(lambda: desk.workspace.ledger.research.record(request))
        idea = idea_of(experiment.note)
        values = {**usage, "experiment_id": experiment.id}
        step = "recorded" if trial.step in {"claimed", "proposing", "recorded"} else "measuring"
        try:
            self._trial = desk.update(trial, step, idea=idea, **values)  # type: ignore[arg-type]
        except Conflict as error:
            if error.details.get("reason") != "idea":
                raise
            # Others say the same and do something else: the code was compared.
            idea = f"{idea[:200]} ({(experiment.tree or experiment.id)[:8]})"
            self._trial = desk.update(trial, step, idea=idea, **values)  # type: ignore[arg-type]
        desk.think(trial, idea)
        desk.tell(Trying(trial.number, experiment.number, experiment.note, trial.worker))
        return experiment

    # Measured and judged

    def _go_on(self, experiment: Experiment, attempt: int) -> None:
        """Measure an experiment that was recorded and not judged, from the code that was recorded."""
        desk = self._desk
        desk.claims.take(experiment.tree, self._trial.number)
        desk.tell(Trying(self._trial.number, experiment.number, experiment.note, self._trial.worker))
        with desk.workdirs.open(experiment.commit) as folder:
            rebuild(desk.workspace, folder, experiment)
            if self._trial.experiment_id != experiment.id:
                self._trial = desk.update(
                    self._trial,
                    "measuring" if self._trial.step == "measuring" else "recorded",
                    experiment_id=experiment.id,
                )
            if self._trial.number == 0:
                return self._measure_baseline(folder, experiment)
            outcome, reason = self._refused_before()
            if outcome is not None:
                with desk.lock:
                    return self._finish(folder, experiment, outcome, reason, Measurement())
            parent = experiment.parent_id
            assert parent is not None
            incumbent = measured_against(desk.workspace, parent)
            again = self._settle(folder, experiment, incumbent, parent)
        return self._on_top(experiment, attempt + 1) if again else None

    def _refused_before(self) -> tuple[Outcome | None, str]:
        """Whether the change was not to be run: that was noted before anything else."""
        said = intended(self._trial.reason)
        if said is not None and said[0] in {"refused", "no_change"}:
            return said[0], said[1]  # type: ignore[return-value]
        return None, ""

    def _settle(self, folder: Workdir, experiment: Experiment, incumbent: Incumbent, parent: str) -> bool:
        """Measure and judge; True when it was better, and has to be measured again on top of what was kept meanwhile."""
        desk = self._desk
        self._trial = desk.update(self._trial, "measuring")
        runs = measure(desk, self._trial, folder, experiment, incumbent)
        outcome, reason = self._judge(runs, incumbent)
        with desk.lock:
            if outcome == "kept":
                now = desk.base()
                assert now is not None
                if now.experiment_id != parent:
                    self._put_off(experiment, reason, runs, now)
                    return True
            self._finish(folder, experiment, outcome, reason, runs)
        return False

    def _judge(self, runs: Measurement, incumbent: Incumbent) -> tuple[Outcome, str]:
        desk = self._desk
        if runs.outcome is not None:
            again = f" in run {len(runs.samples) + 1}" if runs.samples and runs.outcome != "tampered" else ""
            return runs.outcome, runs.reason + again
        broken = violations(runs.metrics, desk.goal)
        if broken:
            return "dropped", broken[0]
        judged = desk.plan.policy.judge(runs.samples, incumbent)
        return ("kept" if judged.verdict == "keep" else "dropped"), judged.reason

    def _put_off(self, experiment: Experiment, reason: str, runs: Measurement, now: Base) -> None:
        desk = self._desk
        best = desk.workspace.ledger.research.experiment(now.experiment_id)
        said = f"{reason}; experiment {best.number} was kept meanwhile, so that it is measured again on top of that"
        self._note(AGAIN, said, runs)
        self._decide(experiment, "dropped", said, runs, None)
        desk.judged(self._trial, experiment, "drop", score=_score(runs), reason=said, outcome=None)

    def _on_top(self, experiment: Experiment, attempt: int) -> None:
        """Put a change that was better on top of what was kept meanwhile, and measure it there."""
        desk = self._desk
        before = experiment
        again = True
        while again:
            # Whoever was overtaken twice is measured while nobody else is judged, so that no gain is lost.
            with desk.lock if attempt >= _MOST_AGAIN else nullcontext():
                base = desk.base()
                assert base is not None
                sealed = self._sealed(before)
                with desk.workdirs.open(base.commit) as folder:
                    said = self._grafted(folder, sealed, base)
                    if said:
                        return self._alone(before, sealed, said)
                    made = self._recorded_again(folder, before, base, attempt)
                    again = self._settle(folder, made, base.incumbent, base.experiment_id)
            before, attempt = made, attempt + 1
        return None

    def _sealed(self, experiment: Experiment) -> str:
        with self._desk.workdirs.open(experiment.commit) as folder:
            return rebuild(self._desk.workspace, folder, experiment)

    def _grafted(self, folder: Workdir, sealed: str, base: Base) -> str:
        """Put the change into the folder; why that cannot be, or nothing."""
        number = self._desk.workspace.ledger.research.experiment(base.experiment_id).number
        try:
            folder.graft(sealed)
        except CaptureError:
            return f"it conflicts with experiment {number}, which was kept meanwhile"
        folder.guard()
        return (
            "" if folder.changed() else f"experiment {number}, which was kept meanwhile, has the same change"
        )

    def _recorded_again(self, folder: Workdir, before: Experiment, base: Base, attempt: int) -> Experiment:
        desk = self._desk
        made = experiment_id(self._trial, attempt)
        folder.seal(message(before.note, made))
        request = experiment_request(
            desk.workspace.at(folder.path),
            before.note,
            config=before.config,
            command=before.command,
            parent=base.experiment_id,
            id=made,
            session_of=desk.session_of,
        )
        desk.claims.take(request.tree, self._trial.number)
        return self._recorded(request, {"parent_id": base.experiment_id})

    def _alone(self, experiment: Experiment, sealed: str, said: str) -> None:
        """It cannot be put on top of the best: it is kept if it is better than that by itself."""
        desk = self._desk
        decided = desk.workspace.ledger.research.decisions(experiment.id)[-1]
        metrics = {name: value for name, value in decided.metrics.items() if value is not None}
        runs = Measurement(samples=list(decided.samples), metrics=metrics, log_tail=experiment.log_tail)
        with desk.lock, desk.workdirs.open(sealed) as folder:
            folder.sealed = sealed
            now = desk.base()
            assert now is not None
            outcome, reason = self._judge(runs, now.incumbent)
            self._finish(folder, experiment, outcome, f"{reason}; {said}", runs, seconds=decided.seconds)

    # The verdict

    def _finish(
        self,
        folder: Workdir,
        experiment: Experiment,
        outcome: Outcome,
        reason: str,
        runs: Measurement,
        *,
        seconds: float | None = None,
    ) -> None:
        """Note the verdict, give it, move the branch, and close the trial. The desk is locked."""
        desk = self._desk
        self._note(outcome, reason, runs)
        if outcome == "kept" and desk.plan.artifact is not None:
            keep_artifact(desk, folder, experiment, runs)
        try:
            advanced = self._decide(experiment, outcome, reason, runs, seconds)
        except Conflict:
            present = desk.workspace.ledger.research.experiment(experiment.id)
            by = present.decided_by
            if by is None or by.kind != "human":
                raise
            advanced = False
            outcome = outcome_of(present.state, present.score)
            reason = f"{by.name} judged it meanwhile: {present.reason or present.state}"
        if advanced and folder.sealed is not None:
            desk.workdirs.advance(folder.sealed)
        self._trial = desk.update(self._trial, "judged", outcome=outcome, reason=reason)
        desk.judged(
            self._trial, experiment, VERDICTS[outcome], score=_score(runs), reason=reason, outcome=outcome
        )

    def _note(self, outcome: str, reason: str, runs: Measurement) -> None:
        self._seconds += runs.seconds
        values: dict[str, Any] = {"reason": noted(outcome, reason), "seconds": self._seconds}
        if runs.samples and runs.outcome is None:
            values["samples"] = tuple(runs.samples)
        self._trial = self._desk.update(self._trial, "measuring", **values)

    def _decide(
        self, experiment: Experiment, outcome: Outcome, reason: str, runs: Measurement, seconds: float | None
    ) -> bool:
        """Give the verdict; whether it made this the best. ``seconds`` is what its runs took, if others than these."""
        desk = self._desk
        scored = runs.outcome is None and bool(runs.samples)
        # A second verdict on the same experiment is another one.
        attempt = "" if seconds is None else "alone"
        return desk.ask(
            lambda: desk.workspace.decision(
                experiment.id,
                VERDICTS[outcome],
                score=_score(runs),
                samples=runs.samples if scored else (),
                metric=desk.goal.metric,
                metrics=runs.metrics,
                reason=reason,
                seconds=runs.seconds if seconds is None else seconds,
                log_tail=runs.log_tail,
                id=derived_id("trial", self._trial.id, "decision", experiment.id, attempt),
            )
        ).advanced


def _score(runs: Measurement) -> float | None:
    return fmean(runs.samples) if runs.samples and runs.outcome is None else None


def _mended(runs: Measurement, desk: Desk) -> str:
    if "more than once" in runs.reason:
        return 'Print it once, or write often = "last" under [run] of autoresearch.toml, then start again.'
    return f"Make it {desk.reading.words}, then start again."
