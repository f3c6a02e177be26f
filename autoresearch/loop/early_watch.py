"""Looks at what a trial logs while it runs, and ends it when the rules of ``loop.early`` say that it is hopeless.

A trial logs in its own process and its own journal, which is taken into the ledger as it goes; the watch reads it there. What
is sent to a server only when the command has ended cannot be looked at before, and is let run.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from autoresearch.briefs.fence import clean
from autoresearch.errors import AutoresearchError
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.ledger.local.watching import events_after, newest_event
from autoresearch.loop.early import Rules, Trace, falls_behind
from autoresearch.records.run import Run, RunQuery, SeriesInfo
from autoresearch.track.workspace import Workspace

__all__ = ["EarlyStop", "traces_of"]

_MOST_POINTS, _SAMPLES, _RUNS = 10_000, 2000, 8
_EVENTS = 100


def traces_of(workspace: Workspace, experiment_id: str, metric: str) -> tuple[Trace, ...]:
    """The curves of one metric in the finished runs of an experiment, at most eight, the newest first.

    Raises:
        NotFound: There is no such experiment in the project.
    """
    query = RunQuery.make(project=workspace.name, experiment_id=experiment_id, state="finished")
    runs = workspace.ledger.runs.runs(query, limit=_RUNS).items
    found = (_trace(workspace, run, metric) for run in runs)
    return tuple(trace for trace in found if trace is not None)


class EarlyStop:
    """The watch over one run of a trial; it goes to an executor as ``watch``.

    Args:
        workspace: Where the trial logs.
        experiment_id: The experiment that the command executes.
        metric: The objective.
        lower_is_better: Of the objective, and of ``rules.metric`` where another is compared.
        noise: Known standard deviation of the objective, in its units.
        incumbent: What the best so far drew, as ``traces_of`` gives it for the compared metric; none compares nothing.
        rules: How sure one must be.
        every: Seconds between two looks.
        clock: Seconds by some clock that only goes forward.
    """

    def __init__(
        self,
        workspace: Workspace,
        experiment_id: str,
        *,
        metric: str,
        lower_is_better: bool = True,
        noise: float = 0.0,
        incumbent: Sequence[Trace] = (),
        rules: Rules | None = None,
        every: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.reason = ""
        self._workspace, self._experiment = workspace, experiment_id
        self._rules = rules or Rules()
        self._objective, self._compared = metric, self._rules.metric or metric
        self._lower, self._incumbent = lower_is_better, tuple(incumbent)
        # The noise that is known is that of the objective; another metric has its own scale.
        self._noise = noise if self._compared == metric else 0.0
        self._every, self._clock = every, clock
        self._looked, self._points = clock(), 0
        ledger = workspace.ledger
        self._ledger = ledger if isinstance(ledger, LocalLedger) else None
        self._earlier = {run.id for run in self._runs()}
        self._event = 0 if self._ledger is None else newest_event(self._ledger)

    def heard(self, data: bytes) -> None:
        """What the trial prints says nothing to these rules."""

    def over(self) -> str:
        """Why the trial is to be ended now, in a sentence; empty to let it go on.

        A store that cannot be read now ends no trial.
        """
        now = self._clock()
        if self.reason or self._ledger is None or now - self._looked < self._every:
            return self.reason
        self._looked = now
        try:
            self.reason = self._look(self._ledger)
        except AutoresearchError:
            return ""
        return self.reason

    def _look(self, ledger: LocalLedger) -> str:
        for run in self._runs():
            if run.id in self._earlier:
                continue
            known = {info.name: info for info in ledger.runs.catalog(run.id) if not info.labels}
            if said := self._not_finite(known) or self._alerted(ledger, run) or self._behind(run, known):
                return said
        return ""

    def _runs(self) -> Sequence[Run]:
        if self._ledger is None:
            return ()
        query = RunQuery.make(project=self._workspace.name, experiment_id=self._experiment)
        return self._ledger.runs.runs(query, limit=_RUNS).items

    def _not_finite(self, known: dict[str, SeriesInfo]) -> str:
        for name in dict.fromkeys((self._objective, self._compared)):
            info = known.get(name)
            if info is not None and info.points and (info.last is None or not math.isfinite(info.last)):
                said = "NaN" if info.last is None else str(info.last)
                return f"{name} was {said} at step {info.last_step}"
        return ""

    def _alerted(self, ledger: LocalLedger, run: Run) -> str:
        for event in events_after(ledger, self._event, project=self._workspace.name, limit=_EVENTS):
            self._event = event.seq
            said = event.after or {}
            if event.kind == "run.alert" and event.subject == run.id and said.get("level") == "error":
                return f"it raised an alert: {clean(str(said.get('title', '')), 200)}"
        return ""

    def _behind(self, run: Run, known: dict[str, SeriesInfo]) -> str:
        info = known.get(self._compared)
        if not self._incumbent or info is None or info.points == self._points:
            return ""
        self._points = info.points
        trace = _trace(self._workspace, run, self._compared)
        if trace is None:
            return ""
        said = falls_behind(
            trace, self._incumbent, lower_is_better=self._lower, noise=self._noise, rules=self._rules
        )
        return said and f"{self._compared} fell behind: {said}"


def _trace(workspace: Workspace, run: Run, metric: str) -> Trace | None:
    """The curve of a metric without labels; down-sampled, the extremes among its points, where it is very long."""
    runs = workspace.ledger.runs
    page = runs.history(run.id, [metric], limit=_MOST_POINTS)
    curves = runs.sampled([run.id], [metric], samples=_SAMPLES) if page.next_cursor else page.curves
    for curve in curves:
        if not curve.labels:
            return Trace(curve.steps.astype(float), curve.times - run.started_at.timestamp(), curve.values)
    return None
