"""Runs side by side: what differs in their configuration, what they measured, and their curves over the same steps."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from autoresearch.exchange.aligning import Key, align, key_of, title_of
from autoresearch.records.run import Run, SeriesInfo
from autoresearch.records.typed import bare
from autoresearch.series.curve import Curve, json_out, number_out

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Columns", "Comparison", "Measured", "Setting", "compared", "flattened"]


class Setting(NamedTuple):
    """A configuration value of some runs.

    Attributes:
        name: Its name; values within others are named like ``optimizer.lr``.
        values: By id of the run; a run that does not have it is not in it.
        differs: Whether a run has another value than the others, or none.
    """

    name: str
    values: Mapping[str, Any]
    differs: bool


class Measured(NamedTuple):
    """What is known of a metric, by id of the run; a run that did not log it is not in ``runs``."""

    title: str
    runs: Mapping[str, SeriesInfo]


class Columns(NamedTuple):
    """A metric of some runs over the steps that any of them has.

    Attributes:
        title: The metric, with its labels.
        steps: int64, shape (n,).
        values: By id of the run, NaN where it has no point; float64, shape (n,).
        present: By id of the run, whether there is a point; a point may itself be NaN. Boolean, shape (n,).
    """

    title: str
    steps: NDArray[np.int64]
    values: Mapping[str, NDArray[np.float64]]
    present: Mapping[str, NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Some runs side by side.

    Attributes:
        runs: In the order that was asked for.
        config: Values that differ first, each part in order of name.
        metrics: In order of title.
        curves: The metrics that were asked for by name.
    """

    runs: tuple[Run, ...]
    config: tuple[Setting, ...]
    metrics: tuple[Measured, ...]
    curves: tuple[Columns, ...]

    def __getitem__(self, key: str) -> Any:
        if key in self.__slots__:
            return getattr(self, key)
        raise KeyError(f"Comparison has no field {key!r}; it has {', '.join(self.__slots__)}")

    def document(self) -> dict[str, Any]:
        """The JSON form; a point that a run does not have is null, NaN the string ``NaN``."""
        return {
            "runs": [_plain(run) for run in self.runs],
            "config": [json_out(one._asdict()) for one in self.config],
            "metrics": [
                {"title": one.title, "runs": {run: _plain(info) for run, info in one.runs.items()}}
                for one in self.metrics
            ],
            "curves": [
                {
                    "title": one.title,
                    "steps": one.steps.tolist(),
                    "values": {run: _spelled(one.values[run], one.present[run]) for run in one.values},
                }
                for one in self.curves
            ],
        }


def _plain(record: Run | SeriesInfo) -> Any:
    return json_out(record.model_dump(mode="json"))


def _spelled(values: NDArray[np.float64], present: NDArray[np.bool_]) -> list[float | str | None]:
    pairs = zip(values.tolist(), present.tolist(), strict=True)
    return [number_out(value) if there else None for value, there in pairs]


def compared(
    runs: Sequence[Run], catalogs: Mapping[str, Sequence[SeriesInfo]], curves: Sequence[Curve]
) -> Comparison:
    """Put runs side by side.

    Args:
        runs: The runs.
        catalogs: What each has logged, by id.
        curves: Curves of any of them.
    """
    return Comparison(
        tuple(runs), tuple(_settings(runs)), tuple(_measured(runs, catalogs)), tuple(_columns(runs, curves))
    )


def flattened(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Configuration values by their full names, such as ``optimizer.lr``; an empty object is a value."""
    for key, value in config.items():
        held = bare(value)
        if isinstance(held, dict) and held:
            yield from flattened(held, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", held


def _settings(runs: Sequence[Run]) -> list[Setting]:
    values: dict[str, dict[str, Any]] = {}
    for run in runs:
        for name, value in flattened(run.config):
            values.setdefault(name, {})[run.id] = value
    found = [Setting(name, held, _differs(held, runs)) for name, held in sorted(values.items())]
    return sorted(found, key=lambda one: not one.differs)


def _differs(held: Mapping[str, Any], runs: Sequence[Run]) -> bool:
    # As text, since 1, 1.0 and true are other values that Python calls equal.
    texts = {json.dumps(value, sort_keys=True) for value in held.values()}
    return len(texts) > 1 or len(held) < len({run.id for run in runs})


def _measured(runs: Sequence[Run], catalogs: Mapping[str, Sequence[SeriesInfo]]) -> list[Measured]:
    found: dict[Key, dict[str, SeriesInfo]] = {}
    for run in runs:
        for info in catalogs[run.id]:
            if info.kind == "metric":
                found.setdefault(key_of(info.name, info.labels), {})[run.id] = info
    return [Measured(title_of(key), held) for key, held in sorted(found.items())]


def _columns(runs: Sequence[Run], curves: Sequence[Curve]) -> Iterator[Columns]:
    found: dict[Key, dict[str, Curve]] = {}
    for curve in curves:
        found.setdefault(key_of(curve.name, curve.labels), {})[curve.run_id] = curve
    for key, held in sorted(found.items()):
        ids = [run.id for run in runs if run.id in held]
        table = align([held[run] for run in ids])
        values, present = (dict(zip(ids, rows, strict=True)) for rows in (table.values, table.present))
        yield Columns(title_of(key), table.steps, values, present)
