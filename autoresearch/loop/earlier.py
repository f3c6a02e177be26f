"""What was tried before the present segment, such as in a log that was imported: ideas whose scores no longer compare."""

from __future__ import annotations

from itertools import islice

from autoresearch.ledger.base import every
from autoresearch.records.experiment import Experiment
from autoresearch.track.workspace import Workspace

__all__ = ["earlier_work"]

_LOOKED_AT = 5000


def earlier_work(workspace: Workspace, segment: int, *, most: int = 40) -> tuple[str, ...]:
    """A line for each of the latest experiments of earlier segments, in order of number; half of them kept ones where there are.

    Args:
        workspace: The project.
        segment: The present segment.
        most: Lines.
    """
    if segment <= 1:
        return ()
    research = workspace.ledger.research
    latest = every(
        lambda cursor: research.experiments(workspace.name, newest_first=True, limit=1000, cursor=cursor)
    )
    found = [
        e for e in islice(latest, _LOOKED_AT) if e.segment < segment and e.state != "recorded" and e.note
    ]
    kept = [experiment for experiment in found if experiment.state == "kept"]
    others = [experiment for experiment in found if experiment.state != "kept"]
    half = max(most // 2, most - len(others))
    chosen = kept[:half] + others[: most - len(kept[:half])]
    return tuple(_line(experiment) for experiment in sorted(chosen, key=lambda e: e.number))


def _line(experiment: Experiment) -> str:
    score = "" if experiment.score is None else f" {experiment.score:.6g}"
    gain = "" if experiment.gain is None else f" ({experiment.gain:+.3g})"
    return f"{experiment.state}{score}{gain}: {experiment.note}"
