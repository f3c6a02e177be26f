"""How a series looks in JSON: by the column, numbers that are not finite as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from autoresearch.series.curve import Curve, number_out

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["CurveOut", "Number", "curve_in", "curve_out", "numbers_in", "numbers_out"]

Number = float | Literal["NaN", "Infinity", "-Infinity"]
"""A number as JSON has it."""


class CurveOut(BaseModel):
    """One series by the column; the three lists have equal lengths.

    Attributes:
        total: Points in the window that was asked for; more than were sent when it was down-sampled.
        times: Seconds since 1970 UTC.
    """

    model_config = ConfigDict(extra="ignore")

    run_id: str
    name: str
    labels: dict[str, str]
    total: int
    steps: list[int]
    times: list[float]
    values: list[Number]


def numbers_out(values: NDArray[np.float64]) -> list[Any]:
    """Numbers as JSON has them."""
    import numpy as np

    plain: list[Any] = values.tolist()
    return plain if np.isfinite(values).all() else list(map(number_out, plain))


def numbers_in(values: Sequence[Any]) -> NDArray[np.float64]:
    """Numbers of JSON, as an array."""
    import numpy as np

    return np.array(list(map(float, values)), np.float64)


def curve_out(curve: Curve) -> dict[str, Any]:
    """A series as JSON values; the form of :class:`CurveOut`."""
    return {
        "run_id": curve.run_id,
        "name": curve.name,
        "labels": curve.labels,
        "total": curve.total,
        "steps": curve.steps.tolist(),
        "times": curve.times.tolist(),
        "values": numbers_out(curve.values),
    }


def curve_in(read: CurveOut) -> Curve:
    """The series that was read.

    Raises:
        ValueError: Its columns have different lengths.
    """
    import numpy as np

    if not len(read.steps) == len(read.times) == len(read.values):
        raise ValueError("the columns of a series have different lengths")
    steps, times = np.array(read.steps, np.int64), np.array(read.times, np.float64)
    return Curve(read.run_id, read.name, read.labels, steps, times, numbers_in(read.values), total=read.total)
