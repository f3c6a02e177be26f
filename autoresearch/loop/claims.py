"""Which code was tried or is being tried now, so that nothing is run twice."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from autoresearch.records.experiment import Experiment
from autoresearch.track.workspace import Workspace

__all__ = ["Claims", "Twin"]

_PAGE = 200


@dataclass(frozen=True, slots=True)
class Twin:
    """Who tried the same code: an experiment with what became of it, or another trial that is at it now."""

    experiment: Experiment | None = None
    trial: int | None = None

    def __str__(self) -> str:
        if self.experiment is None:
            return f"the same code as trial {self.trial}, which is being tried now"
        one = self.experiment
        score = "" if one.score is None else f" with {one.score:.6g}"
        return f"the same code as experiment {one.number}, which was {one.state}{score}"


class Claims:
    """The trees of a segment's experiments that have a verdict, and of the trials that are open here.

    Args:
        workspace: Of the project.
        segment: Only experiments of this segment count: in another one the same code measures something else.
    """

    def __init__(self, workspace: Workspace, segment: int) -> None:
        self._workspace = workspace
        self._segment = segment
        self._lock = threading.Lock()
        self._tried: dict[str, str] = {}
        self._trying: dict[str, int] = {}
        self._newest = 0
        self._waiting: set[str] = set()

    def take(self, tree: str | None, trial: int) -> Twin | None:
        """Claim some code for a trial; who has it already, if somebody has.

        Code that could not be kept, so that its tree is None, is never the same as other code.
        """
        if tree is None:
            return None
        with self._lock:
            self._look()
            if tree in self._tried:
                return Twin(experiment=self._workspace.ledger.research.experiment(self._tried[tree]))
            if self._trying.get(tree, trial) != trial:
                return Twin(trial=self._trying[tree])
            self._trying[tree] = trial
            return None

    def let_go(self, trial: int) -> None:
        """Say that a trial is over: if its experiment was judged, that is known from then on."""
        with self._lock:
            self._trying = {tree: other for tree, other in self._trying.items() if other != trial}

    def _look(self) -> None:
        """Take in what was recorded or judged since the last look."""
        research = self._workspace.ledger.research
        for waiting in tuple(self._waiting):
            self._take_in(research.experiment(waiting))
        cursor, newest = None, self._newest
        while True:
            page = research.experiments(self._workspace.name, newest_first=True, limit=_PAGE, cursor=cursor)
            for experiment in page.items:
                if experiment.number <= self._newest:
                    break
                newest = max(newest, experiment.number)
                self._take_in(experiment)
            else:
                cursor = page.next_cursor
                if cursor is not None:
                    continue
            self._newest = newest
            return

    def _take_in(self, experiment: Experiment) -> None:
        if experiment.tree is None or experiment.segment != self._segment:
            return
        if experiment.state == "recorded":
            self._waiting.add(experiment.id)
            return
        self._waiting.discard(experiment.id)
        # The first of several is the one to name.
        self._tried.setdefault(experiment.tree, experiment.id)
