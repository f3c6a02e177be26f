"""Calls of the API; written by tools/client_source.py from the table of operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autoresearch.client.caller import Caller
from autoresearch.records.base import Page
from autoresearch.records.comparing import LabelValues
from autoresearch.records.run import (
    FinishRequest,
    LoggedLine,
    Media,
    Receipt,
    Run,
    RunEdit,
    RunQuery,
    RunRequest,
    SeriesInfo,
)
from autoresearch.series.curve import Curve, History
from autoresearch.series.several import Charts, Compared

__all__ = ["RunsCalls"]


class RunsCalls(Caller):
    """One method for each row of this group; each raises what ``call`` does."""

    def create_run(self, request: RunRequest) -> Run:
        """Begin a run, or go on with one by resume."""
        answer: Run = self.call("create_run", {"request": request})
        return answer

    def touch_run(self, run_id: str) -> None:
        """Say that a run lives although nothing was logged."""
        self.call("touch_run", {"run_id": run_id})

    def get_run(self, run_id: str) -> Run:
        """One run."""
        answer: Run = self.call("get_run", {"run_id": run_id})
        return answer

    def find_run(self, project: str, text: str) -> Run:
        """The run meant by 12, #12, last, a name, a full id, or a part of one."""
        answer: Run = self.call("find_run", {"project": project, "text": text})
        return answer

    def list_runs(self, query: RunQuery, *, limit: int = 100, cursor: str | None = None) -> Page[Run]:
        """The runs of a project: id, name, state, config, latest values."""
        answer: Page[Run] = self.call("list_runs", {"query": query, "limit": limit, "cursor": cursor})
        return answer

    def edit_run(self, request: RunEdit) -> Run:
        """Change what people say about a run; what is left out stays."""
        answer: Run = self.call("edit_run", {"request": request})
        return answer

    def finish_run(self, request: FinishRequest) -> Run:
        """End a run; ending one that has that state already changes nothing."""
        answer: Run = self.call("finish_run", {"request": request})
        return answer

    def remove_run(self, run_id: str) -> None:
        """Remove a run that has ended, with all it logged."""
        self.call("remove_run", {"run_id": run_id})

    def get_catalog(self, run_id: str) -> tuple[SeriesInfo, ...]:
        """What a run has logged, in order of name and labels."""
        answer: tuple[SeriesInfo, ...] = self.call("get_catalog", {"run_id": run_id})
        return answer

    def get_metrics(
        self,
        run_id: str,
        *,
        names: Sequence[str] = (),
        labels: Mapping[str, str] | None = None,
        first_step: int | None = None,
        last_step: int | None = None,
        since: float | None = None,
        until: float | None = None,
        limit: int = 10000,
        cursor: str | None = None,
        samples: int | None = None,
    ) -> History:
        """Every point of some metrics, in pages; with samples only so many of each, among them the exact extremes."""
        answer: History = self.call(
            "get_metrics",
            {
                "run_id": run_id,
                "names": names,
                "labels": labels,
                "first_step": first_step,
                "last_step": last_step,
                "since": since,
                "until": until,
                "limit": limit,
                "cursor": cursor,
                "samples": samples,
            },
        )
        return answer

    def get_samples(
        self,
        run_ids: Sequence[str],
        *,
        names: Sequence[str] = (),
        labels: Mapping[str, str] | None = None,
        samples: int = 500,
        first_step: int | None = None,
        last_step: int | None = None,
    ) -> tuple[Curve, ...]:
        """Metrics of some runs, each with at most so many points, among them the exact extremes."""
        answer: tuple[Curve, ...] = self.call(
            "get_samples",
            {
                "run_ids": run_ids,
                "names": names,
                "labels": labels,
                "samples": samples,
                "first_step": first_step,
                "last_step": last_step,
            },
        )
        return answer

    def get_label_values(
        self, run_id: str, name: str, *, keys: Sequence[str] = (), limit: int = 100
    ) -> LabelValues:
        """The labels of a metric of a run with their values, the most frequent first."""
        answer: LabelValues = self.call(
            "get_label_values", {"run_id": run_id, "name": name, "keys": keys, "limit": limit}
        )
        return answer

    def get_charts(
        self,
        project: str,
        *,
        names: Sequence[str] = (),
        samples: int = 500,
        first_step: int | None = None,
        last_step: int | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Charts:
        """The runs of a project, the newest first, with their metrics in few points."""
        answer: Charts = self.call(
            "get_charts",
            {
                "project": project,
                "names": names,
                "samples": samples,
                "first_step": first_step,
                "last_step": last_step,
                "limit": limit,
                "cursor": cursor,
            },
        )
        return answer

    def compare_metrics(
        self,
        series: Sequence[str],
        *,
        first_step: int | None = None,
        last_step: int | None = None,
        since: float | None = None,
        until: float | None = None,
        sort: Sequence[str] = ("step",),
        descending: bool = False,
        limit: int = 1000,
    ) -> Compared:
        """Points of several series in one order."""
        answer: Compared = self.call(
            "compare_metrics",
            {
                "series": series,
                "first_step": first_step,
                "last_step": last_step,
                "since": since,
                "until": until,
                "sort": sort,
                "descending": descending,
                "limit": limit,
            },
        )
        return answer

    def get_logs(
        self,
        run_id: str,
        *,
        names: Sequence[str] = (),
        limit: int = 1000,
        cursor: str | None = None,
        tail: bool = False,
    ) -> Page[LoggedLine]:
        """Entries of text series in order of time."""
        answer: Page[LoggedLine] = self.call(
            "get_logs", {"run_id": run_id, "names": names, "limit": limit, "cursor": cursor, "tail": tail}
        )
        return answer

    def list_media(
        self, run_id: str, *, key: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> Page[Media]:
        """What was logged beside numbers and text, first to last."""
        answer: Page[Media] = self.call(
            "list_media", {"run_id": run_id, "key": key, "limit": limit, "cursor": cursor}
        )
        return answer

    def get_integrity(self, run_id: str, *, verify: bool = False) -> Receipt:
        """The receipt: whether everything the run committed is there."""
        answer: Receipt = self.call("get_integrity", {"run_id": run_id, "verify": verify})
        return answer

    def compact_run(self, run_id: str) -> int:
        """Bring the live tail of a run into chunks; answers how many points were moved."""
        answer: int = self.call("compact_run", {"run_id": run_id})
        return answer
