"""What the workers of a campaign share: its plan, its ledger, its folders, and the word of who goes first."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from autoresearch.drivers.base import Agent
from autoresearch.errors import AutoresearchError, Conflict
from autoresearch.loop.claims import Claims
from autoresearch.loop.control import Control
from autoresearch.loop.earlier import earlier_work
from autoresearch.loop.early import Trace
from autoresearch.loop.early_watch import traces_of
from autoresearch.loop.events import Event, Judged, Listener
from autoresearch.loop.executors.base import Executor
from autoresearch.loop.incumbent import Base, present, stand_on
from autoresearch.loop.plan import Plan
from autoresearch.loop.results_file import write_results
from autoresearch.loop.workdir import Workdirs
from autoresearch.records.campaign import Outcome, Step, Trial, TrialUpdate
from autoresearch.records.experiment import Experiment, Verdict
from autoresearch.records.goal import Goal
from autoresearch.records.ids import new_id
from autoresearch.track.workspace import Workspace

__all__ = ["CutOffError", "Desk", "patiently"]

_Answer = TypeVar("_Answer")
_PATIENCE, _FIRST, _LONGEST = 180.0, 0.1, 15.0


class CutOffError(Exception):
    """The campaign ends, and the trial is left as it is. It never leaves the loop."""


class Desk:
    """What the workers share.

    Attributes:
        lock: Held while an experiment is judged and the branch moves: one at a time.
        earlier: What was tried before the present segment, for the question to the agent.
    """

    def __init__(
        self,
        *,
        workspace: Workspace,
        agent: Agent,
        executor: Executor,
        plan: Plan,
        goal: Goal,
        workdirs: Workdirs,
        control: Control,
        listener: Listener,
    ) -> None:
        self.workspace = workspace
        self.agent = agent
        self.executor = executor
        self.plan = plan
        self.goal = goal
        self.workdirs = workdirs
        self.control = control
        self.claims = Claims(workspace, goal.segment)
        self.earlier = earlier_work(workspace, goal.segment)
        self.reading = plan.reading(goal.metric)
        self.limit = goal.budget.trial_seconds or plan.trial_seconds
        self.lock = threading.RLock()
        self._listener = listener
        self._speaking = threading.Lock()
        self._ideas: dict[int, str] = {}
        self._traces: tuple[str, tuple[Trace, ...]] | None = None

    def tell(self, event: Event) -> None:
        """Tell the listener."""
        with self._speaking:
            self._listener(event)

    def session_of(self, branch: str | None) -> str:  # noqa: ARG002  of any branch
        """The session in which all of the campaign is recorded."""
        return self.control.campaign.session_id

    def go_on(self) -> None:
        """Raise ``CutOffError`` when the campaign ends."""
        if self.control.over():
            raise CutOffError(self.control.over())

    def base(self) -> Base | None:
        """What a change is made from and must beat now; None before the baseline."""
        with self.lock:
            known = present(self.workspace)
            if known is None:
                return None
            incumbent, experiment_id = known
            return Base(incumbent, experiment_id, stand_on(self.workspace, self.workdirs, experiment_id))

    def update(self, trial: Trial, step: Step, **values: Any) -> Trial:
        """Say in the ledger how far a trial is.

        Raises:
            CutOffError: Another process drives the campaign now.
        """
        request = TrialUpdate.make(
            id=new_id(), trial_id=trial.id, step=step, holder=self.control.holder, **values
        )
        return self.ask(lambda: self.workspace.ledger.campaigns.update(request))

    def ask(self, call: Callable[[], _Answer]) -> _Answer:
        """Call the ledger, and again while it does not answer; a lease that was lost cuts off."""
        try:
            return patiently(call, self.go_on)
        except Conflict as error:
            if error.details.get("reason") != "lease":
                raise
            self.control.lost = error.message
            self.control.cut("interrupted", error.message)
            raise CutOffError(error.message) from error

    def judged(
        self,
        trial: Trial,
        experiment: Experiment,
        verdict: Verdict,
        *,
        score: float | None,
        reason: str,
        outcome: Outcome | None,
    ) -> None:
        """Tell the listener of a verdict, with what is best after it, and those who read the file of results."""
        if self.plan.results:
            with self.lock:
                write_results(self.workspace, self.workspace.root / self.plan.results)
        frontier = self.workspace.frontier()
        best, noise = frontier.best, frontier.noise
        self.tell(
            Judged(
                trial.number,
                experiment.number,
                experiment.note,
                verdict,
                score,
                reason,
                best.score if best else None,
                noise.sd if noise else None,
                outcome,
                trial.worker,
            )
        )

    def traces(self, experiment_id: str) -> tuple[Trace, ...]:
        """The curves of the objective in the runs of an experiment; those of the last one asked for are remembered."""
        with self.lock:
            if self._traces is None or self._traces[0] != experiment_id:
                found = self.ask(lambda: traces_of(self.workspace, experiment_id, self.goal.metric))
                self._traces = experiment_id, found
            return self._traces[1]

    def think(self, trial: Trial, idea: str) -> None:
        """Say what a trial tries, for the others; "" when it is over."""
        with self._speaking:
            self._ideas.pop(trial.number, None)
            if idea:
                self._ideas[trial.number] = idea

    def others(self, trial: Trial) -> list[str]:
        """What the other trials try at this moment."""
        with self._speaking:
            return [idea for number, idea in self._ideas.items() if number != trial.number]


def patiently(call: Callable[[], _Answer], go_on: Callable[[], object] = lambda: None) -> _Answer:
    """Call something that may be called again, for up to three minutes while the error says that it may succeed later."""
    until, wait = time.monotonic() + _PATIENCE, _FIRST
    while True:
        try:
            return call()
        except AutoresearchError as error:
            if not error.retryable or error.details.get("reason") == "lease" or time.monotonic() > until:
                raise
            go_on()
            time.sleep(wait)
            wait = min(_LONGEST, 2 * wait)
