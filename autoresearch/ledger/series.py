"""The part of a ledger that reads several series at once."""

from __future__ import annotations

import abc
from collections.abc import Sequence

from autoresearch.records.comparing import CompareQuery, LabelValues
from autoresearch.series.several import Charts, Compared

__all__ = ["SeveralSeries"]


class SeveralSeries(abc.ABC):
    """Series of several runs, and what is known of labels."""

    @abc.abstractmethod
    def label_values(
        self, run_id: str, name: str, *, keys: Sequence[str] = (), limit: int = 100
    ) -> LabelValues:
        """The labels of a metric of a run with their values.

        Args:
            run_id: The run.
            name: The metric; one without points has no labels.
            keys: Only these labels.
            limit: Most values of one label, the most frequent first.

        Raises:
            NotFound: There is no such run.
        """

    @abc.abstractmethod
    def compare(self, query: CompareQuery) -> Compared:
        """Points of several series in one order.

        Raises:
            NotFound: There is no such run.
            TooLarge: They are to be sorted by other than rising steps, and have more than 10 million points in all.
        """

    @abc.abstractmethod
    def charts(
        self,
        project: str,
        names: Sequence[str] = (),
        *,
        samples: int = 500,
        first_step: int | None = None,
        last_step: int | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Charts:
        """The runs of a project, the newest first, with their metrics in few points.

        Args:
            project: The project.
            names: Metrics; all but those below ``system/`` when none is given.
            samples: Most points of one series, among them the exact extremes.
            first_step: The least step.
            last_step: The greatest step, included.
            limit: Most runs of a page, up to 1,000.
            cursor: Where the last page ended.

        Raises:
            NotFound: There is no such project.
        """
