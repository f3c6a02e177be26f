"""What is read back: the points of one series, as arrays and one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Curve", "History", "Point", "json_out", "number_out"]


class Point(NamedTuple):
    """One number of a series.

    Attributes:
        step: Step it was logged at.
        time: Seconds since 1970 UTC.
        value: May be NaN or an infinity.
    """

    step: int
    time: float
    value: float


class Curve:
    """Points of one series in order of step, each step once.

    Iterating gives :class:`Point`; the arrays are there for numpy and plotting.

    Attributes:
        run_id: Run it belongs to.
        name: Name of the series.
        labels: What tells it apart from others of that name.
        steps: int64, shape (n,).
        times: float64 seconds since 1970 UTC, shape (n,).
        values: float64, shape (n,).
        total: Points in the window that was asked for; more than n when it was down-sampled.
    """

    __slots__ = ("labels", "name", "run_id", "steps", "times", "total", "values")

    def __init__(  # noqa: PLR0917  a curve is these columns
        self,
        run_id: str,
        name: str,
        labels: Mapping[str, str],
        steps: NDArray[np.int64],
        times: NDArray[np.float64],
        values: NDArray[np.float64],
        *,
        total: int | None = None,
    ) -> None:
        self.run_id = run_id
        self.name = name
        self.labels = dict(labels)
        self.steps = steps
        self.times = times
        self.values = values
        self.total = len(steps) if total is None else total

    @property
    def sampled(self) -> bool:
        """Whether points were left out."""
        return self.total > len(self.steps)

    @property
    def title(self) -> str:
        """The name with its labels, such as ``loss{split=train}``."""
        said = ",".join(f"{key}={value}" for key, value in sorted(self.labels.items()))
        return f"{self.name}{{{said}}}" if said else self.name

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[Point]:
        columns = self.steps.tolist(), self.times.tolist(), self.values.tolist()
        return map(Point._make, zip(*columns, strict=True))

    def __getitem__(self, index: int) -> Point:
        return Point(int(self.steps[index]), float(self.times[index]), float(self.values[index]))

    def document(self) -> dict[str, Any]:
        """The JSON form; non-finite numbers are the strings ``NaN``, ``Infinity`` and ``-Infinity``."""
        points = [{"step": p.step, "time": p.time, "value": number_out(p.value)} for p in self]
        return {
            "run_id": self.run_id,
            "name": self.name,
            "labels": self.labels,
            "total": self.total,
            "points": points,
        }

    def __repr__(self) -> str:
        return f"Curve({self.title!r}, {len(self)} of {self.total} points)"


class History(NamedTuple):
    """Part of a full history: curves over the same steps, and the cursor of the next part or None at the end."""

    curves: Sequence[Curve]
    next_cursor: str | None


def number_out(value: float) -> float | str:
    """A number as JSON has it: non-finite ones become text."""
    if value != value:  # noqa: PLR0124  the definition of NaN
        return "NaN"
    if value in {float("inf"), float("-inf")}:
        return "Infinity" if value > 0 else "-Infinity"
    return value


def json_out(value: Any) -> Any:
    """A value of JSON kinds with its non-finite numbers as text, wherever they are in it."""
    if isinstance(value, float):
        return number_out(value)
    if isinstance(value, dict):
        return {key: json_out(inner) for key, inner in value.items()}
    return [json_out(inner) for inner in value] if isinstance(value, list | tuple) else value
