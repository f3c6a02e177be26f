"""Replay a log: which keeps advanced the best, which did not, and what was dropped though it was better."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from autoresearch.exchange.reading import Log, Row

__all__ = ["Best", "RejectedLine", "SegmentSummary", "Summary", "replay"]


class Best(TypedDict):
    """The best keep: its physical line and its score."""

    line: int
    score: float


class RejectedLine(TypedDict):
    """A line that was not imported, and why."""

    line: int
    reason: str


class SegmentSummary(TypedDict):
    """One segment: ``imported`` rows, keeps that advanced the best after the first (``improving``), and its best."""

    label: str
    imported: int
    improving: int
    best: Best | None


class Summary(TypedDict):
    """What a log says when its verdicts are replayed in file order; lists hold physical line numbers.

    ``best`` is that of the last segment in which anything was kept, since scores do not compare across segments;
    with a single segment it is the best of the log.
    """

    rows: int
    imported: int
    rejected: list[RejectedLine]
    statuses: dict[str, int]
    metric: str
    direction: str
    segments: list[SegmentSummary]
    best: Best | None
    improving_keeps: int
    keeps_not_improving: list[int]
    ties: list[int]
    drops_that_beat_best: list[int]
    notices: list[str]


class _Series:
    """The running best of one segment."""

    def __init__(self, label: str, direction: str) -> None:
        self.label = label
        self.sign = -1.0 if direction == "min" else 1.0
        self.imported = 0
        self.improving = 0
        self.best: Best | None = None

    def beats(self, score: float) -> bool:
        return self.best is None or self.sign * score > self.sign * self.best["score"]

    def keep(self, row: Row, score: float) -> None:
        self.improving += self.best is not None
        self.best = {"line": row.line, "score": score}

    def summary(self) -> SegmentSummary:
        return {
            "label": self.label,
            "imported": self.imported,
            "improving": self.improving,
            "best": self.best,
        }


def replay(log: Log) -> Summary:
    """Judge the log's own verdicts: a JSON document that says what holds up.

    A keep advances its segment's best when it is strictly better. One that is equal is a tie, one that is worse is
    in ``keeps_not_improving``. A drop that was better than the best at its time is in ``drops_that_beat_best``
    (noise, a constraint, or a mistake: the notes tell).
    """
    series = {label: _Series(label, log.direction) for label in log.segments}
    worse: list[int] = []
    ties: list[int] = []
    beaten: list[int] = []
    for row in log.rows:
        run = series[row.segment]
        run.imported += 1
        if row.score is None or row.verdict == "crash":
            continue
        if row.verdict == "drop":
            beaten += [row.line] if run.best is not None and run.beats(row.score) else []
        elif run.beats(row.score):
            run.keep(row, row.score)
        else:
            same = run.best is not None and run.best["score"] == row.score
            (ties if same else worse).append(row.line)
    return {
        "rows": log.total,
        "imported": len(log.rows),
        "rejected": [{"line": line.line, "reason": line.reason} for line in log.rejected],
        "statuses": dict(log.statuses),
        "metric": log.metric,
        "direction": log.direction,
        "segments": [run.summary() for run in series.values()],
        "best": _last_best(series.values()),
        "improving_keeps": sum(run.improving for run in series.values()),
        "keeps_not_improving": worse,
        "ties": ties,
        "drops_that_beat_best": beaten,
        "notices": list(log.notices),
    }


def _last_best(series: Iterable[_Series]) -> Best | None:
    found = [run.best for run in series if run.best is not None]
    return found[-1] if found else None
