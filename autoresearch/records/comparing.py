"""Asking for several series at once, and for the values of their labels."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from autoresearch.records.base import Count, Finite, Id, Line, Record, Request

__all__ = ["CompareQuery", "LabelKey", "LabelValue", "LabelValues", "SeriesQuery"]

_Step = Annotated[int, Field(ge=-(2**63), lt=2**63)]


class SeriesQuery(Request):
    """Series of one metric of one run.

    Attributes:
        name: The metric.
        labels: What a series must have: a label with this value, or with any where the value is None.
    """

    run_id: Id
    name: Line
    labels: dict[Line, str | None] = Field(default_factory=dict)


class CompareQuery(Request):
    """Points of several series in one order.

    Attributes:
        series: At least one, at most 64.
        first_step: The least step.
        last_step: The greatest step, included.
        since: The least time, in seconds since 1970 UTC.
        until: The greatest time, included.
        sort: What comes first in the order; what is equal in all of them keeps the order of ``series``, then of steps.
        descending: Whether the greatest comes first.
        limit: Most points, counted after sorting.
    """

    series: Annotated[tuple[SeriesQuery, ...], Field(min_length=1, max_length=64)]
    first_step: _Step | None = None
    last_step: _Step | None = None
    since: Finite | None = None
    until: Finite | None = None
    sort: Annotated[tuple[Literal["step", "time", "series"], ...], Field(max_length=3)] = ("step",)
    descending: bool = False
    limit: Annotated[int, Field(ge=1, le=10_000)] = 1000


class LabelValue(Record):
    """A value of a label, and how many points have it."""

    value: str
    points: Count


class LabelKey(Record):
    """A label of a metric.

    Attributes:
        values: The most frequent ones.
        value_count: How many there are in all.
    """

    key: str
    values: tuple[LabelValue, ...]
    value_count: Count


class LabelValues(Record):
    """The labels of a metric of a run.

    Attributes:
        points: Points of the metric that were looked at: all of them, re-logged steps included.
        labels: Its labels in order of name.
    """

    run_id: str
    name: str
    points: Count
    labels: tuple[LabelKey, ...]
