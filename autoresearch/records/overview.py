"""What a dashboard shows first, in one answer."""

from __future__ import annotations

from autoresearch.records.base import Count, Record
from autoresearch.records.experiment import Experiment
from autoresearch.records.frontier import Frontier
from autoresearch.records.goal import Project
from autoresearch.records.run import Run

__all__ = ["Bootstrap", "ProjectCard"]


class ProjectCard(Record):
    """A project with what has come of it.

    Attributes:
        runs: How many it has; ``running`` are not ended.
        kept: How many experiments of the present segment were kept; ``dropped`` and ``crashed`` as well.
        best: Score at the end of the frontier of the present segment.
        best_number: Number of that experiment.
        last_seq: Sequence number of the last event.
    """

    project: Project
    runs: Count
    running: Count
    kept: Count
    dropped: Count
    crashed: Count
    best: float | None
    best_number: int | None
    last_seq: Count


class Bootstrap(Record):
    """Everything that a dashboard shows first.

    Attributes:
        projects: Those in which something happened last, first.
        project: The project that the rest is of: the one that was named, else the first.
        frontier: Of its present segment; None while it has no goal.
        runs: Its newest runs.
        experiments: Its newest experiments.
        seq: Sequence number of the last event of all; events beyond it are news.
    """

    projects: tuple[ProjectCard, ...]
    project: str | None
    frontier: Frontier | None
    runs: tuple[Run, ...]
    experiments: tuple[Experiment, ...]
    seq: Count
