"""What running runs do at the moment, look after look."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import NamedTuple

from autoresearch.errors import NotFound
from autoresearch.exchange.aligning import key_of, title_of
from autoresearch.records.base import utc_now
from autoresearch.records.run import Run, SeriesInfo
from autoresearch.track.archive import Archive

__all__ = ["Glance", "Metric", "Watch"]

_SYSTEM = "system/"
_CPU = "system/cpu/percent"
_GPU = ("system/gpu/", "/utilization_percent")
_SAMPLES = 100


class Metric(NamedTuple):
    """A metric at the moment: its last value, which may be NaN, and its course in some points."""

    title: str
    last: float
    values: Sequence[float]


class Glance(NamedTuple):
    """A run at the moment.

    Attributes:
        run: The run.
        seconds: How long it has been going on, or went on.
        step: The step it logged last.
        rate: Steps a second since the last look, or since it began; None when nothing is known.
        cpu: Percent of the machine.
        gpu: Percent, the mean of all GPUs.
        metrics: Those that matter most first.
    """

    run: Run
    seconds: float
    step: int | None
    rate: float | None
    cpu: float | None
    gpu: float | None
    metrics: tuple[Metric, ...]


class Watch:
    """Looks at the runs of a project that are going on; those that end meanwhile stay in sight.

    Args:
        archive: The runs.
        metric: The goal's metric, which comes first.
        most: Most metrics of a run.
    """

    def __init__(self, archive: Archive, *, metric: str | None = None, most: int = 3) -> None:
        self._archive = archive
        self._metric = metric
        self._most = most
        self._known: dict[str, None] = {}
        self._before: dict[str, tuple[int, float]] = {}

    def look(self) -> tuple[Glance, ...]:
        """Every run that is going on, and those that have ended since the first look, the newest first."""
        try:
            running = self._archive.list(state="running")
        except NotFound:
            # A project comes into being with its first run.
            running = ()
        here = {run.id: run for run in running}
        self._known.update(dict.fromkeys(here))
        for run_id in list(self._known):
            if run_id not in here:
                try:
                    here[run_id] = self._archive.ledger.runs.run(run_id)
                except NotFound:
                    del self._known[run_id]
        ordered = sorted(here.values(), key=lambda run: (run.state != "running", -run.number))
        return tuple(map(self._glance, ordered))

    def _glance(self, run: Run) -> Glance:
        catalog = [info for info in self._archive.ledger.runs.catalog(run.id) if info.kind == "metric"]
        own = [info for info in catalog if not info.name.startswith(_SYSTEM)]
        leading = max(own, key=lambda info: info.last_time or 0.0, default=None)
        gpus = [i.last for i in catalog if i.name.startswith(_GPU[0]) and i.name.endswith(_GPU[1])]
        seen = [value for value in gpus if value is not None]
        going = run.state == "running"
        age = (utc_now() - run.started_at) / datetime.timedelta(seconds=1)
        return Glance(
            run=run,
            seconds=age if going else run.seconds,
            step=None if leading is None else leading.last_step,
            rate=self._rate(run, leading) if going else None,
            cpu=next((info.last for info in catalog if info.name == _CPU), None),
            gpu=sum(seen) / len(seen) if seen else None,
            metrics=self._metrics(run, own),
        )

    def _rate(self, run: Run, leading: SeriesInfo | None) -> float | None:
        if leading is None or leading.last_step is None or leading.last_time is None:
            return None
        step, time = leading.last_step, leading.last_time
        began = leading.first_step or 0, run.started_at.timestamp()
        step_before, time_before = self._before.get(run.id, began)
        if time > time_before:
            self._before[run.id] = step, time
            return max(0.0, (step - step_before) / (time - time_before))
        return 0.0

    def _metrics(self, run: Run, own: Sequence[SeriesInfo]) -> tuple[Metric, ...]:
        declared = {one.name for one in run.definitions if one.goal}

        def weight(info: SeriesInfo) -> tuple[bool, bool, bool, int, str]:
            name = info.name.lower()
            return (
                info.name != self._metric,
                info.name not in declared,
                "loss" not in name,
                -info.points,
                name,
            )

        chosen = sorted(own, key=weight)[: self._most]
        names = list(dict.fromkeys(info.name for info in chosen))
        curves = self._archive.ledger.runs.sampled([run.id], names, samples=_SAMPLES) if names else ()
        courses = {key_of(curve.name, curve.labels): curve.values.tolist() for curve in curves}
        return tuple(
            Metric(
                title_of(key_of(info.name, info.labels)),
                float("nan") if info.last is None else info.last,
                courses.get(key_of(info.name, info.labels), ()),
            )
            for info in chosen
        )
