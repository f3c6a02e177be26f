"""Looks at what a trial logs while it runs, and ends it when the rules of ``loop.early`` say that it is hopeless."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from autoresearch.briefs.fence import clean
from autoresearch.errors import AutoresearchError
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.loop.early import Rules, Trace, falls_behind
from autoresearch.loop.early_sources import InJournals, InLedger, Seen, Source, trace_of
from autoresearch.records.run import RunQuery
from autoresearch.track.workspace import Workspace

__all__ = ["EarlyStop", "traces_of"]

_RUNS = 8


def traces_of(workspace: Workspace, experiment_id: str, metric: str) -> tuple[Trace, ...]:
    """The curves of one metric in the finished runs of an experiment, at most eight, the newest first.

    Raises:
        NotFound: There is no such experiment in the project.
    """
    query = RunQuery.make(project=workspace.name, experiment_id=experiment_id, state="finished")
    runs = workspace.ledger.runs.runs(query, limit=_RUNS).items
    found = (trace_of(workspace.ledger.runs, run, metric) for run in runs)
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
        self._rules = rules or Rules()
        self._metrics = tuple(dict.fromkeys((metric, self._rules.metric or metric)))
        self._lower, self._incumbent = lower_is_better, tuple(incumbent)
        # The noise that is known is that of the objective; another metric has its own scale.
        self._noise = noise if len(self._metrics) == 1 else 0.0
        self._every, self._clock = every, clock
        self._looked, self._points = clock(), dict[str, int]()
        self._source: Source
        if isinstance(workspace.ledger, LocalLedger):
            self._source = InLedger(workspace.ledger, workspace.name, experiment_id)
        else:
            self._source = InJournals(str(workspace.home), experiment_id, self._metrics)

    def heard(self, data: bytes) -> None:
        """What the trial prints says nothing to these rules."""

    def over(self) -> str:
        """Why the trial is to be ended now, in a sentence; empty to let it go on.

        What cannot be read now ends no trial.
        """
        now = self._clock()
        if self.reason or now - self._looked < self._every:
            return self.reason
        self._looked = now
        try:
            self.reason = next(filter(None, map(self._hopeless, self._source.look())), "")
        except AutoresearchError:
            return ""
        return self.reason

    def _hopeless(self, seen: Seen) -> str:
        for name in self._metrics:
            step, value = seen.last.get(name, (0, 0.0))
            if not math.isfinite(value):
                return f"{name} was {'NaN' if math.isnan(value) else value} at step {step}"
        if seen.alert:
            return f"it raised an alert: {clean(seen.alert, 200)}"
        return self._behind(seen) if self._incumbent else ""

    def _behind(self, seen: Seen) -> str:
        compared = self._metrics[-1]
        points = seen.points.get(compared, 0)
        if self._points.get(seen.run) == points:
            return ""
        self._points[seen.run] = points
        trace = seen.trace(compared)
        if trace is None:
            return ""
        said = falls_behind(
            trace, self._incumbent, lower_is_better=self._lower, noise=self._noise, rules=self._rules
        )
        return said and f"{compared} fell behind: {said}"
