"""How answers with several series look in JSON, and how they are read back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict, TypeAdapter

from autoresearch.protocol.codecs_curves import CurveOut, Number, curve_in, curve_out, numbers_in, numbers_out
from autoresearch.records.run import Run
from autoresearch.series.several import Charts, Compared, ComparedSeries

__all__ = ["ChartsCodec", "ChartsOut", "ComparedCodec", "ComparedOut", "ComparedSeriesOut"]

_RUNS = TypeAdapter(Sequence[Run])


class ChartsOut(BaseModel):
    """The charts of a project: a page of its runs, and their metrics in few points."""

    model_config = ConfigDict(extra="ignore")

    runs: tuple[Run, ...]
    items: list[CurveOut]
    next_cursor: str | None = None


class ComparedSeriesOut(BaseModel):
    """A series that takes part; ``asked`` is the place of the query that it answers."""

    asked: int
    run_id: str
    name: str
    labels: dict[str, str]


class ComparedOut(BaseModel):
    """Points of several series in one order, by the column; the four lists have equal lengths.

    Attributes:
        places: Place in ``series`` of each point.
        times: Seconds since 1970 UTC.
        complete: Whether the limit cut nothing off.
    """

    model_config = ConfigDict(extra="ignore")

    series: list[ComparedSeriesOut]
    places: list[int]
    steps: list[int]
    times: list[float]
    values: list[Number]
    complete: bool


class ChartsCodec:
    """Charts of a project."""

    model: Any = ChartsOut

    def dump(self, answer: Charts) -> bytes:
        """The body of an answer."""
        parts = {
            "runs": msgspec.Raw(_RUNS.dump_json(answer.runs)),
            "items": [curve_out(curve) for curve in answer.curves],
            "next_cursor": answer.next_cursor,
        }
        return msgspec.json.encode(parts)

    def load(self, body: bytes) -> Charts:
        """The answer of a body."""
        read = ChartsOut.model_validate_json(body)
        return Charts(read.runs, list(map(curve_in, read.items)), read.next_cursor)


class ComparedCodec:
    """Points of several series in one order."""

    model: Any = ComparedOut

    def dump(self, answer: Compared) -> bytes:
        """The body of an answer."""
        return msgspec.json.encode(
            {
                "series": [series._asdict() for series in answer.series],
                "places": answer.places.tolist(),
                "steps": answer.steps.tolist(),
                "times": answer.times.tolist(),
                "values": numbers_out(answer.values),
                "complete": answer.complete,
            }
        )

    def load(self, body: bytes) -> Compared:
        """The answer of a body."""
        import numpy as np

        read = ComparedOut.model_validate_json(body)
        if not len(read.places) == len(read.steps) == len(read.times) == len(read.values):
            raise ValueError("the columns have different lengths")
        return Compared(
            tuple(ComparedSeries(one.asked, one.run_id, one.name, one.labels) for one in read.series),
            np.array(read.places, np.int64),
            np.array(read.steps, np.int64),
            np.array(read.times, np.float64),
            numbers_in(read.values),
            read.complete,
        )
